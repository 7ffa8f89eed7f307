"""Objects of the other library, and packages that are not installed."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest

from s2sauth import CognitoClientCredentials
from tests.support.fixtures import NO_TLS

CLIENTS: list[tuple[str, Callable[..., Any]]] = [
    ("httpx_auth", httpx2.Client),
    ("httpx_auth", httpx2.AsyncClient),
    ("httpx2_auth", httpx.Client),
    ("httpx2_auth", httpx.AsyncClient),
]


@pytest.mark.fault(154)
@pytest.mark.parametrize(
    ("hook", "client"), CLIENTS, ids=["httpx2.Client", "httpx2.AsyncClient", "httpx.Client", "httpx.AsyncClient"]
)
def test_hook_in_a_client_of_the_other_library(
    credentials: CognitoClientCredentials, hook: str, client: Callable[..., Any]
) -> None:
    """At construction of the client, before anything is sent."""
    with pytest.raises(TypeError, match="auth"):
        client(auth=getattr(credentials, hook)("https://files.example.com"), verify=NO_TLS)


FOREIGN = ["boto3", "botocore", "cachetools", "cryptography", "httpx", "httpx2", "opentelemetry", "pydantic", "redis"]
BUILT = 's2sauth.CognitoClientCredentials(domain="auth.example.com", client_id="abc", client_secret="a" * 51)'


def without(packages: list[str], program: str) -> tuple[int, str]:
    """Exit code and errors of a program in an interpreter in which these packages cannot be imported."""
    code = f"import sys\nsys.modules.update(dict.fromkeys({packages}))\nimport s2sauth\n{program}\n"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.fault(154)
def test_import_needs_no_other_package() -> None:
    """`import s2sauth` and a credentials object work without any of them."""
    assert without(FOREIGN, f"{BUILT}.state()") == (0, "")


@pytest.mark.fault(154)
def test_missing_extra() -> None:
    """The error gives the line that installs it."""
    code, errors = without(["httpx2"], f'{BUILT}.httpx2_auth("https://files.example.com")')
    assert code == 1
    assert errors.splitlines()[-1].startswith("ImportError: ")
    assert "s2sauth[httpx2]" in errors
