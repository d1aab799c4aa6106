"""Starting the app: the script that Streamlit runs, its settings, and the command."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from audioset_demo.views.serving import OUT_ARGUMENT, PUBLIC_FLAG, PUBLIC_LIMITS

SCRIPT = Path(__file__).parent / "app.py"
SERVED = SCRIPT.with_name("served.py")
SERVER = "audioset_demo.views.entry.server"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY_ADDRESS = ("0.0.0.0", "::")


def serve(
    port: int | None = None,
    host: str | None = None,
    browser: bool = True,
    public: bool = False,
    names: Sequence[str] = (),
    out: Path | None = None,
) -> int:
    """Run the app until it is stopped; on POSIX its server replaces this process.

    Parameters
    ----------
    port, host : where the server listens; None: as `config.toml` and Streamlit say
    browser : open a browser
    public : serve the hardened app (`views.serving`)
    names : host names under which visitors reach the public app
    out : absolute path of a folder of results, for the page of recordings
    """
    options = _options(port, host, browser and not public, public, names)
    command = [sys.executable, "-m", SERVER, "run", str(SERVED), *options]
    arguments = [PUBLIC_FLAG] * public + ([] if out is None else [f"{OUT_ARGUMENT}{out}"])
    if arguments:
        command += ["--", *arguments]
    # Otherwise glibc keeps memory for each thread that has read a sound: 60 MB for an hour.
    environment = {"MALLOC_ARENA_MAX": "2", **os.environ}
    if os.name == "posix":  # so that a signal to the command reaches the server
        os.execve(sys.executable, command, environment)
    with subprocess.Popen(command, env=environment) as server:
        try:
            return server.wait()
        finally:
            server.terminate()


def _options(
    port: int | None, host: str | None, browser: bool, public: bool, names: Sequence[str]
) -> list[str]:
    """Streamlit's options."""
    options: list[tuple[str, object]] = []
    if port is not None:
        options.append(("server.port", port))
    if host is not None:
        options.append(("server.address", host))
    if not browser:
        options.append(("server.headless", "true"))
    if public or host in ANY_ADDRESS:
        # Otherwise Streamlit asks a server on the Internet for this machine's address.
        options.append(("browser.serverAddress", names[0] if names else "localhost"))
    if public:
        listening = [] if host is None or host in ANY_ADDRESS else [host]
        for name in dict.fromkeys((*names, *LOOPBACK, *listening)):
            options.append(("server.allowedHosts", name))
        options += [
            ("server.maxUploadSize", PUBLIC_LIMITS.max_bytes // 2**20),
            ("client.showErrorDetails", "none"),
        ]
    return [f"--{name}={value}" for name, value in options]
