"""What services have beside s2sauth, in an environment of its own: pytest-httpx, and Powertools' Logger."""

import os
import subprocess
from pathlib import Path

import pytest

from parts.install import environment

SUPPORT = Path(__file__).resolve().parents[1] / "support" / "neighbours"
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter that has them, and s2sauth."""
    return environment("neighbours", s2sauth=True) / "python"


def test_fixtures_work_beside_pytest_httpx(python: Path, tmp_path: Path) -> None:
    """In a strict run that blocks real token requests; over 1 s, since it may install."""
    code = SUPPORT / "pytest_httpx_suite.py"
    (tmp_path / "test_suite.py").write_text(code.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nstrict = true\nfilterwarnings = error\ns2sauth_block_real_requests = true\n", encoding="utf-8"
    )
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRON, capture_output=True, text=True, check=False)
    # The one that fails swallowed the error of a request that was blocked.
    assert "1 failed, 3 passed" in done.stdout, done.stdout[-4000:]
    assert "A test asked demo.auth.eu-central-1.amazoncognito.com" in done.stdout
    assert "test_a_request_that_it_lets_through_is_blocked" in done.stdout.rpartition("short test summary")[2]
