"""How the app is started: the script that Streamlit runs, its settings, and the command."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "app.py"


def serve() -> int:
    """Run the app until it is stopped; on POSIX its server takes the place of this process."""
    command = [sys.executable, "-m", "streamlit", "run", str(SCRIPT)]
    # Else glibc keeps memory for each thread that has read a sound: 60 MB for an hour of it.
    environment = {"MALLOC_ARENA_MAX": "2", **os.environ}
    if os.name == "posix":  # so that a signal to the command is one to the server
        os.execve(sys.executable, command, environment)
    with subprocess.Popen(command, env=environment) as server:
        try:
            return server.wait()
        finally:
            server.terminate()
