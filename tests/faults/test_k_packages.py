"""Group K of the catalogue, 154: objects of the other library, and packages that are not installed."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from s2sauth import CognitoClientCredentials
from tests.support.fixtures import NO_TLS

Client = Callable[..., Any]


@pytest.mark.parametrize("client", [httpx2.Client, httpx2.AsyncClient], ids=["Client", "AsyncClient"])
def test_154_hook_in_a_client_of_the_other_library(credentials: CognitoClientCredentials, client: Client) -> None:
    """At construction of the client, before anything is sent."""
    with pytest.raises(TypeError, match="auth"):
        client(auth=credentials.httpx_auth("https://files.example.com"), verify=NO_TLS)


FOREIGN = ["boto3", "botocore", "cachetools", "cryptography", "httpx", "httpx2", "opentelemetry", "pydantic", "redis"]


def test_154_import_needs_no_other_package() -> None:
    """In an interpreter in which none of them can be imported, `import s2sauth` and a credentials object work."""
    code = f"""
import sys
for name in {FOREIGN}:
    sys.modules[name] = None
import s2sauth
made = s2sauth.CognitoClientCredentials(domain="auth.example.com", client_id="abc", client_secret="a" * 51)
print(made.state().freshness)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
