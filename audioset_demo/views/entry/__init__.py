"""Starting the app: the script that Streamlit runs, its settings, and the command."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "app.py"


def serve() -> int:
    """Run the app until it is stopped; on POSIX its server replaces this process."""
    command = [sys.executable, "-m", "streamlit", "run", str(SCRIPT)]
    # Otherwise glibc keeps memory for each thread that has read a sound: 60 MB for an hour.
    environment = {"MALLOC_ARENA_MAX": "2", **os.environ}
    if os.name == "posix":  # so that a signal to the command reaches the server
        os.execve(sys.executable, command, environment)
    with subprocess.Popen(command, env=environment) as server:
        try:
            return server.wait()
        finally:
            server.terminate()
