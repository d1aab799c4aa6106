"""How the app is started: from any folder, stopped by a signal, and from an installed wheel."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from audioset_demo.cli import main
from audioset_demo.views import entry
from audioset_demo.views.entry import first_paint
from audioset_demo.views.entry import server as entry_server

ROOT = Path(__file__).parents[2]
START_S = 120  # on a busy machine
posix = pytest.mark.skipif(os.name != "posix", reason="signals and process groups: POSIX")


@contextmanager
def served(folder: Path, package: Path):
    """`audioset-demo app` of a package, started in a folder: its process and its port."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "audioset_demo", "app"],
        cwd=folder,
        env=os.environ
        | {"STREAMLIT_SERVER_PORT": str(port), "STREAMLIT_SERVER_HEADLESS": "true"}
        | {"PYTHONPATH": str(package)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: answers(port), "the app did not start")
        yield server, port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_until(condition, otherwise: str) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def fetched(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://localhost:{port}/{path}", timeout=2) as reply:
        return reply.read()


def answers(port: int) -> bool:
    try:
        return fetched(port, "_stcore/health") == b"ok"
    except OSError:
        return False


@posix
@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_command_stops_the_server(tmp_path, stop):
    with served(tmp_path, ROOT) as (server, port):
        os.kill(server.pid, stop)
        server.wait(timeout=START_S)
        wait_until(lambda: not answers(port), "the server outlived its command")


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("", []),
        ("--no-browser --port 80", ["--server.port=80", "--server.headless=true"]),
        # A wildcard alone would have Streamlit ask a server on the Internet for the address.
        (
            "--host 0.0.0.0",
            ["--server.address=0.0.0.0", "--browser.serverAddress=localhost"],
        ),
        (
            "--public --name a.example b.example --host 10.0.0.7",
            [
                "--server.address=10.0.0.7",
                "--server.headless=true",
                "--browser.serverAddress=a.example",
                *(f"--server.allowedHosts={name}" for name in ("a.example", "b.example")),
                *(f"--server.allowedHosts={name}" for name in ("localhost", "127.0.0.1", "::1")),
                "--server.allowedHosts=10.0.0.7",
                "--server.maxUploadSize=25",
                "--client.showErrorDetails=none",
                "--",
                "--public",
            ],
        ),
    ],
)
@posix
def test_the_flags_of_the_command_become_the_server_s(words, options, monkeypatch):
    def replaced(program: str, command: list[str], environment: dict) -> None:
        raise SystemExit(command)

    monkeypatch.setattr(os, "execve", replaced)
    with pytest.raises(SystemExit) as started:
        main(["app", *words.split()])
    assert started.value.code[4:] == [str(entry.SERVED), *options]


@pytest.mark.parametrize(
    ("words", "message"),
    [("--port 0", "'0' is not a port"), ("--port http", "'http' is not a port")],
)
def test_a_port_that_is_none_is_refused(words, message, capsys):
    with pytest.raises(SystemExit):
        main(["app", *words.split()])
    assert message in capsys.readouterr().err


def test_the_checkout_and_the_package_have_one_set_of_settings():
    there, here = ROOT / ".streamlit" / "config.toml", entry.SCRIPT.parent / ".streamlit"
    assert there.read_bytes() == (here / "config.toml").read_bytes()
    assert tomllib.loads(there.read_text(encoding="utf-8"))["server"]["address"] == "localhost"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package as it would be published, built from a copy of the checkout."""
    pytest.importorskip("setuptools", reason="builds a wheel: pip install setuptools")
    folder = tmp_path_factory.mktemp("source")
    for name in ("audioset_demo", "train"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder / "out"), str(folder)], check=True)
    (built,) = (folder / "out").glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        path.relative_to(ROOT).as_posix()
        for package in ("audioset_demo", "train")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(needed - held) == []


@posix
@pytest.mark.slow
def test_an_installed_wheel_has_the_app(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with served(elsewhere, site) as (_, port):
        for address in ("", "models?model=average"):
            page = fetched(port, address)
            assert b"<title>Streamlit</title>" in page
            assert page.count(first_paint.STYLES.read_bytes()) == 1
        assert fetched(port, "_stcore/health") == b"ok"
        assert fetched(port, "favicon.png").startswith(b"\x89PNG")
    script = (
        "import audioset_demo.views.entry as entry; from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file(str(entry.SCRIPT), default_timeout=100).run()\n"
        "print(entry.SCRIPT, [title.value for title in app.title], list(app.exception))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == f"{site}/audioset_demo/views/entry/app.py ['Tag a sound'] []"


def test_an_import_that_fails_leaves_the_garbage_collector_on(monkeypatch):
    monkeypatch.setattr(entry_server, "NEEDED", ("no_such_module",))
    with pytest.raises(ModuleNotFoundError):
        entry_server._import_needed()
    assert gc.isenabled()
