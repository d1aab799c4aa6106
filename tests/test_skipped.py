"""Tests that were skipped for want of a browser are not skipped in silence."""

import subprocess
import sys
from pathlib import Path

WITHOUT_BROWSER = """
import shutil, sys, pytest
shutil.which = lambda *_, **__: None
sys.exit(pytest.main(sys.argv[1:]))
"""


def test_skipped_browser_tests_are_counted_in_the_last_lines_with_the_remedy():
    words = ["tests/views/test_browser.py", "-p", "no:cacheprovider", "-k", "click or phone"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BROWSER, *words],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = " ".join(done.stdout.splitlines()[-2:])
    assert "2 tests in the browser were skipped" in last and "apt install chromium" in last
