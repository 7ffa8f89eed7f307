"""The hook and its token requests with httpx alone and with both libraries, the lowest allowed versions and the newest.

The newest of both is the environment that runs this; each of the others is one of its own, with the wheel under test.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from parts.install import environment

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests/hooks", "tests/credentials/test_families.py", "tests/token_request/test_transport.py")
HTTP_2 = ("HTTP/2", "http2")
"""Tests that need h2, which is not there."""
PASSED = re.compile(r"^(\d+) passed(?:, (\d+) skipped)?(?:, \d+ deselected)? in ", re.MULTILINE)


ENVIRONMENTS = [
    pytest.param("httpx-newest", ["httpx"], (), id="httpx alone, newest"),
    pytest.param("httpx-lowest", ["httpx"], (), id="httpx alone, lowest"),
    pytest.param("both-lowest", ["httpx", "httpx2"], ("websocket", "alias_httpx"), id="both, lowest"),
]
if sys.version_info >= (3, 13):
    del ENVIRONMENTS[1:]  # the lowest pydantic, 2.7, is not for these


@pytest.mark.parametrize(("name", "families", "unknown_there"), ENVIRONMENTS)
def test_hook_holds_in_this_environment(name: str, families: list[str], unknown_there: tuple[str, ...]) -> None:
    """All tests of the hook pass there. Takes over 1 s: an installation, and hundreds of tests."""
    python = environment(name) / "python"
    wheel = next((Path(sys.prefix) / "wheel").glob("*.whl"))
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--force-reinstall", wheel], check=True)
    found = "from tests.support.families import FAMILIES; print(*FAMILIES)"
    asked = subprocess.run([python, "-c", found], cwd=ROOT, check=True, capture_output=True, text=True)
    assert asked.stdout.split() == families

    selection = ["-k", f"not ({' or '.join([*HTTP_2, *unknown_there])})"]
    command = [python, "-m", "pytest", "-q", "--no-summary", *selection, *TESTS]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    passed = PASSED.search(done.stdout)
    assert passed, done.stdout[-1000:]
    assert int(passed[1]) > 300 * len(families)
    assert passed[2] is None or "httpx2" not in families, "both are there: nothing is left out"
