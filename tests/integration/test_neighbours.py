"""What services have beside s2sauth, in an environment of its own: pytest-httpx, Powertools' Logger, trio-asyncio."""

import json
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


@pytest.mark.fault(203)
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
    assert "1 failed, 6 passed" in done.stdout, done.stdout[-4000:]
    assert "A test asked demo.auth.eu-central-1.amazoncognito.com" in done.stdout
    assert "test_a_request_that_it_lets_through_is_blocked" in done.stdout.rpartition("short test summary")[2]


@pytest.mark.fault(166)
def test_each_library_waits_in_its_own_way_when_asyncio_runs_inside_trio(python: Path) -> None:
    """trio-asyncio: a task of asyncio and one of trio, in one thread, share a token request."""
    program = SUPPORT / "trio_asyncio_program.py"
    done = subprocess.run([python, program], env=ENVIRON, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["1", "1"]), done.stderr


def test_powertools_logger_takes_the_events_as_fields(python: Path) -> None:
    """Each is a JSON line with the keys of the invocation, the event's fields, and no secret or scope."""
    program = SUPPORT / "powertools_function.py"
    done = subprocess.run([python, program], env=ENVIRON, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    events = [line for line in lines if "s2sauth" in line]
    assert [(line["level"], line["s2sauth"]["event"], line["tenant"]) for line in events] == [
        ("DEBUG", "renewal_started", "tenant-0"),
        ("DEBUG", "renewed", "tenant-0"),
        ("DEBUG", "renewal_started", "tenant-1"),
        ("DEBUG", "renewal_attempt_failed", "tenant-1"),
        ("WARNING", "renewal_failed", "tenant-1"),
    ]
    assert {line["function_request_id"] for line in events} == {"request-0", "request-1"}
    assert events[-1]["s2sauth"]["error"] == "invalid_scope"
    assert isinstance(events[-1]["s2sauth"]["seconds"], float)
    (error,) = [line for line in lines if line["level"] == "ERROR"]
    assert error["exception_name"] == "InvalidScope"
    assert done.stderr == ""
    for hidden in ("secret-of-the-app-client", "id-of-the-app-client", "demo/unknown", "eyJ"):
        assert hidden not in done.stdout
