"""VGGish's weights: where they are, where they came from, and how they are installed.

The cache directory holds `vggish.safetensors` (converted once from the released TensorFlow 1
checkpoint) and `vggish_pca_params.npz`, each with a JSON card that names its source, and the part
of a download that is not finished. One process at a time installs. The environment variable
AUDIOSET_DEMO_CACHE moves the directory.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import platformdirs

from audioset_demo.encoders.vggish.cards import (
    card_path,
    read_card,
    settle_card,
    write_with_card,
)
from audioset_demo.encoders.vggish.download import (
    Progress,
    check_file,
    download,
    no_address,
    size_of,
)
from audioset_demo.encoders.vggish.pca import load_pca
from audioset_demo.errors import WeightsError
from audioset_demo.storage import folder_of, remove_leftovers, sha256_of


class ReleasedFile(NamedTuple):
    """A file of AudioSet's release: SHA-256 from its public Git LFS pointer."""

    name: str
    address: str
    sha256: str
    size: int  # bytes


NETWORK = ReleasedFile(
    "vggish_model.ckpt",
    "https://storage.googleapis.com/audioset/vggish_model.ckpt",
    "0962b1914e3e053922d957c45bc84a78c985765641dc6bceeeb3a7d8dfecfdf6",
    291_108_469,
)
PCA = ReleasedFile(
    "vggish_pca_params.npz",
    "https://storage.googleapis.com/audioset/vggish_pca_params.npz",
    "4d878af3e306defbfb37095365aa7e5a6cecb86bad13e859e626151c4e6a8b9d",
    73_020,
)

OFFICIAL = "official SHA-256"
GIVEN = "given SHA-256"
UNCHECKED = "not checked"

NOTICE_S = 0.5  # how often a process reports that it waits for another

REMEDY = (
    "Get them with `audioset-demo weights get` (277 MB), or from a copy with "
    "`audioset-demo weights get --from PATH`."
)
PCA_MISSING = (
    f"VGGish's PCA parameters ({PCA.name}, 73 kB) are not installed, and tagging needs them. Get "
    "them with "
    f"`audioset-demo weights get --from {PCA.address}`, or give the path of a copy there."
)


@dataclass(frozen=True)
class WeightsFile:
    """State of one file in the cache.

    Attributes
    ----------
    what : what it holds, in words.
    path : where it is, or would be.
    bytes : its size; 0 when absent.
    sha256 : of the file it was made from, as it came from `source`; empty when unknown.
    source : the address or path it came from; empty when unknown.
    verified : what `sha256` was checked against, or "not checked"; empty when absent.
    part_bytes : of an interrupted download, which `install` continues; 0 when there is none.
    """

    what: str
    path: Path
    present: bool
    bytes: int
    sha256: str
    source: str
    verified: str
    part_bytes: int


@dataclass(frozen=True)
class InstallResult:
    """The files in the cache after an installation, and remarks for the user."""

    files: tuple[WeightsFile, ...]
    notes: tuple[str, ...] = ()


class _Check(NamedTuple):
    sha256: str | None  # None: not checked
    size: int | None
    label: str


def cache_dir() -> Path:
    """The cache directory; it need not exist."""
    return folder_of("AUDIOSET_DEMO_CACHE") or Path(platformdirs.user_cache_dir("audioset-demo"))


def vggish_path() -> Path:
    """Where the converted network lies once it is installed."""
    return cache_dir() / "vggish.safetensors"


def pca_path() -> Path:
    """Where the PCA parameters lie once they are installed."""
    return cache_dir() / PCA.name


def is_installed() -> bool:
    """Whether both the network and the PCA parameters are there, so that VGGish can tag."""
    return vggish_path().is_file() and pca_path().is_file()


def require_network() -> None:
    """Raise WeightsError, with the remedy, unless the network is installed."""
    if not vggish_path().is_file():
        raise WeightsError(f"VGGish's weights are not installed in '{cache_dir()}'. {REMEDY}")


def status() -> list[WeightsFile]:
    """The state of the network and of the PCA parameters. Nothing is downloaded."""
    files = []
    for what, path, released in (
        ("VGGish network", vggish_path(), NETWORK),
        ("VGGish PCA parameters", pca_path(), PCA),
    ):
        part_bytes = size_of(_part_path(released))
        if not path.is_file():
            files.append(WeightsFile(what, path, False, 0, "", "", "", part_bytes))
            continue
        card = read_card(path)
        size = path.stat().st_size
        sha256, verified = card.get("source_sha256", ""), card.get("verified", UNCHECKED)
        if path == pca_path():  # small enough to hash; it may have been put there by hand
            found = sha256_of(path)
            if found == PCA.sha256:
                verified = OFFICIAL
            elif found != sha256:
                verified = UNCHECKED
            sha256 = found
        source = card.get("source", "")
        files.append(WeightsFile(what, path, True, size, sha256, source, verified, part_bytes))
    return files


def install(
    source: str | Path | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
) -> InstallResult:
    """Put VGGish's weights into the cache, converted; what was there before is replaced.

    Parameters
    ----------
    source : None for the official addresses; else a TensorFlow 1 checkpoint, a folder that holds
        `vggish_model.ckpt` (and `vggish_pca_params.npz`), a `.safetensors` from another cache,
        the PCA file alone, or an http(s) address of one of these files.
    sha256 : what the file at `source` must have; None for the official file's (a `.safetensors`
        is then checked against the card beside it), "any" to check nothing.
    progress : called with bytes done, bytes in all (None when unknown), and the stage in words.

    The PCA file is looked for beside the checkpoint, then in the cache, then at its official
    address. Where that fails, the network is still installed and a note says what is missing; it is
    an error only for `source=None`. While another process installs, this one waits.

    Raises
    ------
    WeightsError : if a file cannot be read or fetched, is not the expected one, or cannot be
        converted.
    StorageError : if there is no room for it.
    """
    progress = progress or (lambda done, total, stage: None)
    if sha256 not in (None, "any") and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise WeightsError(
            f"'{sha256}' is not a SHA-256. Give 64 hexadecimal digits, or `any` to check nothing."
        )
    try:
        cache_dir().mkdir(parents=True, exist_ok=True)
        with _alone(progress):
            remove_leftovers(cache_dir())
            settle_card(vggish_path())
            settle_card(pca_path())
            if source is None:
                return _install_released(progress)
            return _install_from(str(source), sha256, progress)
    except OSError as error:
        raise WeightsError(
            f"The weights could not be installed in '{cache_dir()}' ({error}). Make room and "
            "give access there, or set AUDIOSET_DEMO_CACHE to another directory."
        ) from error


@contextmanager
def _alone(progress: Progress) -> Iterator[None]:
    """Lock the cache directory; the system releases the lock of a process that is killed."""
    from filelock import FileLock, Timeout  # here: parsing a command line should not wait

    lock = FileLock(cache_dir() / ".lock")
    while not lock.is_locked:
        try:
            lock.acquire(timeout=NOTICE_S)
        except Timeout:
            progress(0, None, "waiting for another process that installs VGGish")
    try:
        yield
    finally:
        lock.release()


def _install_released(progress: Progress) -> InstallResult:
    # The small file first: where there is no connection it fails at once.
    if not pca_path().is_file() or sha256_of(pca_path()) != PCA.sha256:
        _install_pca(PCA.address, _check(PCA, None), progress)
    card = read_card(vggish_path()) if vggish_path().is_file() else {}
    if card.get("verified") != OFFICIAL or card["sha256"] != sha256_of(vggish_path()):
        _install_network(NETWORK.address, None, progress)
    for released in (NETWORK, PCA):  # of a process that was killed when it had installed the file
        _part_path(released).unlink(missing_ok=True)
    return InstallResult(tuple(status()))


def _install_from(source: str, sha256: str | None, progress: Progress) -> InstallResult:
    remote = _is_address(source)
    if not remote:
        path = Path(source).expanduser()
        path = path / NETWORK.name if path.is_dir() else path
        if not path.is_file():
            raise WeightsError(
                f"There is no file '{path}'. Give VGGish's checkpoint or a folder that holds "
                f"{NETWORK.name}."
            )
        source = str(path)
    if _suffix(source) == ".npz":
        _install_pca(source, _check(PCA, sha256), progress)
        return InstallResult(tuple(status()))

    pca_check = _check(PCA, "any" if sha256 == "any" else None)
    beside = urljoin(source, PCA.name) if remote else str(Path(source).with_name(PCA.name))
    if not remote and Path(beside).is_file():
        _install_pca(beside, pca_check, progress)
    _install_network(source, sha256, progress)
    notes: tuple[str, ...] = ()
    if not pca_path().is_file():
        addresses = dict.fromkeys((beside, PCA.address) if remote else (PCA.address,))
        if not any(_try_pca(address, pca_check, progress) for address in addresses):
            notes = (PCA_MISSING,)
    return InstallResult(tuple(status()), notes)


def _try_pca(address: str, check: _Check, progress: Progress) -> bool:
    try:
        _install_pca(address, check, progress)
    except WeightsError:
        return False
    return True


def _install_pca(source: str, check: _Check, progress: Progress) -> None:
    with _local_file(source, PCA, check, progress) as (path, found):
        load_pca(path)
        card = {"source": source, "source_sha256": found, "verified": check.label}
        write_with_card(pca_path(), lambda part: shutil.copyfile(path, part), card)


def _install_network(source: str, sha256: str | None, progress: Progress) -> None:
    # Here: parsing a command line should not wait for it.
    from audioset_demo.encoders.vggish.conversion import check_tensors, convert

    ours = _suffix(source) == ".safetensors"
    card: dict[str, str] = {}
    if ours and sha256 is None:
        card = _card_beside(source)
        check = _Check(card["sha256"], None, card["verified"])
    else:
        check = _check(NETWORK, sha256)

    with _local_file(source, NETWORK, check, progress) as (path, found):
        size = path.stat().st_size

        def make(part: Path) -> None:
            if ours:
                check_tensors(path, source)
                shutil.copyfile(path, part)
            else:
                progress(0, size, f"converting {NETWORK.name}")
                convert(path, part, source)
                progress(size, size, f"converting {NETWORK.name}")

        card = {"source": source, "source_sha256": found} | card | {"verified": check.label}
        write_with_card(vggish_path(), make, card)


def _card_beside(source: str) -> dict[str, str]:
    card = {} if _is_address(source) else read_card(Path(source))
    if not card:
        raise WeightsError(
            f"There is no card ({card_path(Path(urlsplit(source).path)).name}) beside '{source}' "
            "to check it against. State its SHA-256 with --sha256 HEX, or give --sha256 any."
        )
    return card


def _check(file: ReleasedFile, sha256: str | None) -> _Check:
    if sha256 == "any":
        return _Check(None, None, UNCHECKED)
    if sha256 is None or sha256.lower() == file.sha256:
        return _Check(file.sha256, file.size, OFFICIAL)
    return _Check(sha256.lower(), None, GIVEN)


def _is_address(source: str) -> bool:
    if not source.startswith(("http://", "https://")):
        return False
    try:
        urlsplit(source)
    except ValueError as error:  # a bracket is missing
        raise no_address(source) from error
    return True


def _suffix(source: str) -> str:
    return Path(urlsplit(source).path if _is_address(source) else source).suffix.lower()


def _part_path(file: ReleasedFile) -> Path:
    """The part that has arrived; any address may continue it, since the hash is checked."""
    return cache_dir() / f"download-{file.name}.part"


@contextmanager
def _local_file(
    source: str, file: ReleasedFile, check: _Check, progress: Progress
) -> Iterator[tuple[Path, str]]:
    """A checked file to read and its SHA-256; a downloaded one is gone once it is installed."""
    if not _is_address(source):
        yield Path(source), check_file(Path(source), source, check.sha256, progress)
        return
    part = _part_path(file)
    found = download(source, part, check.sha256, check.size, progress)
    try:
        yield part, found
    except WeightsError:
        if check.label != OFFICIAL:  # the official file is good: a later try may succeed
            part.unlink()
        raise
    part.unlink()
