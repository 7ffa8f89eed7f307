"""What most tests of the engine stand on: a clock that stands still, an endpoint, credentials for it."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import WORLDS, World

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Holds no CA: for endpoints without TLS, where reading the CA file would take most of a test's time."""


def plain_client() -> httpx.Client:
    """The HTTP client of a flight, without the machine's proxies and CA file."""
    return httpx.Client(verify=NO_TLS, trust_env=False)


@pytest.fixture(params=WORLDS, ids=lambda world: world.name)
def world(request: pytest.FixtureRequest) -> World:
    """Each of the three worlds in turn."""
    found: World = request.param
    return found


@pytest.fixture
def clock() -> ManualClock:
    """Time that passes when the test says so; chance is always a half."""
    return ManualClock()


@pytest.fixture
def fake(clock: ManualClock) -> Iterator[FakeCognito]:
    """A token endpoint and an API that tell time by the same clock."""
    with FakeCognito(clock=clock) as running:
        yield running


@pytest.fixture
def events() -> list[Event]:
    """Every event of the credentials that `make` makes, in order."""
    return []


Make = Callable[..., CognitoClientCredentials]


@pytest.fixture
def make(fake: FakeCognito, clock: ManualClock, events: list[Event]) -> Iterator[Make]:
    """Builds credentials for the fake endpoint, or for the one that `at` names; arguments replace the usual ones.

    They are closed after the test.
    """
    made: list[CognitoClientCredentials] = []

    def build(at: FakeCognito = fake, **arguments: Any) -> CognitoClientCredentials:
        usual: dict[str, Any] = {
            "domain": at.domain,
            "client_id": at.client_id,
            "client_secret": at.client_secret,
            "scopes": "demo/read.file",
            "http_client": plain_client,
            "on_event": events.append,
            "clock": clock,
        }
        if "token_url" in arguments:
            del usual["domain"]
        made.append(CognitoClientCredentials(**{**usual, **arguments}))
        return made[-1]

    yield build
    fake.release()
    for credentials in made:
        credentials.close()


VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies and certificates but those that a test sets."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def credentials(make: Make) -> CognitoClientCredentials:
    """Credentials for the fake endpoint."""
    return make()


def names(events: list[Event]) -> list[str]:
    """The names of the events, in order."""
    return [event.name for event in events]
