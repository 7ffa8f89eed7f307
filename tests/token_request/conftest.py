"""The engine's fixtures, for this folder. It runs without boto3 as well (tests/integration/test_environments.py)."""

import pytest

from tests.support.alarms import alarm
from tests.support.families import family
from tests.support.fixtures import clock, credentials, events, fake, make, world

__all__ = ["alarm", "clock", "credentials", "events", "fake", "family", "make", "world"]

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies and certificates but those that a test sets."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
