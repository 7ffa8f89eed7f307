"""A command run in this process, against a FakeCognito; whatever it writes with --json fits the schema."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from parts.ministack import CACHE
from s2sauth.testing import FakeCognito
from tests.support.ministack import ministack
from tests.support.processes import is_left_alone

__all__ = ["ministack"]

main: Callable[..., int] = entry_points(group="console_scripts")["s2sauth"].load()
"""The command, as it is installed."""
SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs/reference/cli.schema.json").read_text("utf-8"))
OUTPUT = Draft202012Validator(SCHEMA)
"""What every `--json` must pass."""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("token", "--json")`."""

    def ran(*argv: str) -> Ran:
        code = main(argv)
        result = Ran(code, *capsys.readouterr())
        if "--json" in argv and result.out:
            assert list(OUTPUT.iter_errors(result.json)) == []
        return result

    return ran


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without settings, proxies, certificates and colour."""
    variables = [name for name in os.environ if name.startswith(("COGNITO_", "APP_CLIENT_"))]
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    tls = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
    for name in (*variables, "NO_COLOR", *proxies, *tls):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name or address of another machine is found."""
    real = socket.getaddrinfo

    def only_here(host: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(host, str):
            host.encode("idna")  # as the real one, which raises UnicodeError for some
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)


@pytest.fixture
def folder(ministack: Path, bare: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where temporary folders are made, in which nothing may be left; MiniStack's environment is there."""
    if sys.platform != "linux":
        pytest.skip("what is left running is looked for in Linux's /proc")
    place = tmp_path / "tmp"
    place.mkdir()
    bare.setattr("tempfile.tempdir", str(place))
    bare.setenv("XDG_CACHE_HOME", str(CACHE))
    yield place
    assert is_left_alone(place)
    assert list(place.iterdir()) == []


@pytest.fixture
def fake(bare: pytest.MonkeyPatch) -> Iterator[FakeCognito]:
    """A Cognito that the environment names."""
    with FakeCognito() as cognito:
        for name, value in cognito.environ.items():
            bare.setenv(name, value)
        yield cognito
