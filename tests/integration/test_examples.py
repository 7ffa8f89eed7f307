"""The examples, each run as a user would, against a token endpoint and an API on real sockets.

Those under examples/programs are run by test_programs.py, examples/files-service by test_files_service.py.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from parts.install import ROOT, environment
from parts.server import Server
from s2sauth.testing import FakeCognito

EXAMPLES = ROOT / "examples"
PATIENCE = 30.0
LINK = re.compile(r"\]\(([\w./-]+)\)")


class FastApi(Server):
    """fastapi_app.py, started by the command of its docstring."""

    cwd = EXAMPLES

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self._environ = environ

    def command(self) -> Sequence[str | os.PathLike[str]]:
        port = ["--port", str(self.port)]
        return [environment("programs", s2sauth=True) / "uvicorn", *port, "fastapi_app:app"]

    def environ(self) -> Mapping[str, str]:
        return {"PYTHONDONTWRITEBYTECODE": "1", **self._environ}


@pytest.fixture
def cognito() -> Iterator[FakeCognito]:
    """A token endpoint, and an API with two routes."""
    with FakeCognito() as cognito:
        yield cognito


def run(example: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with what it needs installed, and no variable but these."""
    return subprocess.run(
        [environment("programs", s2sauth=True) / "python", example],
        cwd=EXAMPLES,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def lines(example: str, environ: Mapping[str, str]) -> list[str]:
    """What it prints; it ends well, and has nothing to complain of."""
    done = run(example, environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def answers(example: str, environ: Mapping[str, str]) -> list[Any]:
    """The same, where each line is an answer of the API."""
    return [json.loads(line) for line in lines(example, environ)]


@pytest.mark.parametrize(
    ("example", "calls"),
    [("plain_script.py", 1), ("requests_client.py", 1), ("aiohttp_client.py", 1), ("httpx2_client.py", 2)],
)
def test_script_calls_the_api_with_one_token(cognito: FakeCognito, example: str, calls: int) -> None:
    """Whatever the HTTP client. Takes about 1 s: a process, and the first time an installation."""
    seen = [(answer["path"], answer["scope"]) for answer in answers(example, cognito.environ)]
    assert seen == [("/files", "demo/read.file")] * calls
    assert cognito.counts()["token_requests"] == 1


def test_plain_script_says_in_one_line_what_is_wrong(cognito: FakeCognito) -> None:
    """With status 1, no traceback, and no secret."""
    wrong = "not_the_secret_of_this_app_client"
    done = run("plain_script.py", {**cognito.environ, "APP_CLIENT_SECRET": wrong})
    assert (done.returncode, done.stdout) == (1, "")
    assert "invalid_client" in done.stderr
    assert "Traceback" not in done.stderr
    assert wrong not in done.stderr


def test_each_of_two_apis_sees_its_own_scopes(cognito: FakeCognito) -> None:
    """Twenty calls cost two tokens."""
    shown = lines("two_apis.py", {**cognito.environ, "ADMIN_SERVICE_URL": cognito.api_url})
    assert shown == ["files: demo/read.file", "admin: demo/write.file"]
    counts = cognito.counts()
    assert (counts["token_requests"], counts["api_requests"]) == (2, 20)


def test_applications_settings_hold_those_of_cognito(cognito: FakeCognito) -> None:
    """Read from variables of its own names; printed, they hide the secret."""
    environ = {
        "FILES_SERVICE_URL": cognito.api_url,
        "COGNITO__DOMAIN": cognito.domain,
        "COGNITO__CLIENT_ID": cognito.client_id,
        "COGNITO__CLIENT_SECRET": cognito.client_secret,
        "COGNITO__SCOPES": "demo/read.file",
    }
    settings, answer = lines("settings.py", environ)
    assert cognito.client_id in settings
    assert cognito.client_secret not in settings
    assert json.loads(answer)["scope"] == "demo/read.file"


def test_fastapi_serves_many_with_one_token_and_says_when_it_has_none(cognito: FakeCognito) -> None:
    """503 and when to come back, then the answers. Takes over 1 s: FastAPI starts."""
    with FastApi(cognito.environ) as app:
        cognito.fail(429, headers=[("Retry-After", "30")])
        refused = httpx.get(f"{app.url}/files", timeout=PATIENCE, trust_env=False)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30"), app.log()
    cognito.recover()
    before = cognito.counts()["token_requests"]
    with FastApi(cognito.environ) as app, httpx.Client(base_url=app.url, timeout=PATIENCE, trust_env=False) as caller:
        for _ in range(20):
            answer = caller.get("/files")
            assert answer.status_code == 200, app.log()
            assert answer.json()["scope"] == "demo/read.file"
    assert cognito.counts()["token_requests"] - before == 1


def test_tour_prints_what_its_page_says() -> None:
    """`python examples/tour.py >examples/tour.txt` writes it anew, when the change is meant."""
    assert lines("tour.py", {}) == (EXAMPLES / "tour.txt").read_text(encoding="utf-8").splitlines()


def test_every_example_is_in_the_table_and_run_by_a_test() -> None:
    """An example that nobody finds, or nobody runs, is not one."""
    linked = set(LINK.findall((EXAMPLES / "README.md").read_text(encoding="utf-8")))
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts <= linked
    assert [link for link in linked if not (EXAMPLES / link).exists()] == []
    run_here = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in scripts if name not in run_here] == []
