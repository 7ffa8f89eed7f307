"""The service of docs/fastapi.md, as it stands there, under uvicorn; and its test."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from parts.install import ROOT, environment
from parts.server import Server
from s2sauth.testing import FakeCognito

SERVICE, ITS_TEST, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "fastapi.md").read_text("utf-8"), re.DOTALL)


class Service(Server):
    """uvicorn with the page's service."""

    health = "/health"

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        super().__init__()
        self.cwd = folder
        self._environ = environ

    def command(self) -> Sequence[str | os.PathLike[str]]:
        uvicorn = environment("programs", s2sauth=True) / "uvicorn"
        return [uvicorn, "--host", "127.0.0.1", "--port", str(self.port), "service:app"]

    def environ(self) -> Mapping[str, str]:
        return self._environ


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the service is."""
    (tmp_path / "service.py").write_text(SERVICE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def cognito() -> Iterator[FakeCognito]:
    """A token endpoint and an API."""
    with FakeCognito() as cognito:
        yield cognito


def test_the_service_answers_for_one_token(folder: Path, cognito: FakeCognito) -> None:
    """A hundred calls; uvicorn takes a second to start, and the first run installs FastAPI."""
    with Service(folder, cognito.environ) as service, httpx.Client(base_url=service.url, trust_env=False) as caller:
        assert caller.get("/health").json() == {"token": "expired"}
        assert [caller.get("/files").json()["scope"] for _ in range(100)] == ["demo/read.file"] * 100
        assert caller.get("/health").json() == {"token": "fresh"}
    assert cognito.counts()["token_requests"] == 1


def test_an_outage_is_503_with_retry_after_and_a_refusal_500(folder: Path, cognito: FakeCognito) -> None:
    """As the page's handlers say; a second for uvicorn."""
    cognito.fail(503, headers=[("Retry-After", "30")])
    with Service(folder, cognito.environ) as service, httpx.Client(base_url=service.url, trust_env=False) as caller:
        answer = caller.get("/files")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    cognito.recover()
    cognito.rotate_secret()
    with Service(folder, {**cognito.environ, "APP_CLIENT_SECRET": "another_secret_than_that_one"}) as service:
        answer = httpx.get(f"{service.url}/files", trust_env=False)
        assert (answer.status_code, answer.json()["detail"]) == (500, "the files service's credentials: invalid_client")


def test_its_test_needs_no_endpoint(folder: Path) -> None:
    """Nothing listens at the addresses of its environment; FastAPI takes a second to import."""
    environ = {"COGNITO_DOMAIN": "auth.example.com", "APP_CLIENT_ID": "id", "APP_CLIENT_SECRET": "secret_of_it"}
    subprocess.run(
        [environment("programs", s2sauth=True) / "python", "-c", f"from service import *\n{ITS_TEST}"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "FILES_SERVICE_URL": "https://files.example.com", **environ},
        check=True,
        timeout=60,
    )
