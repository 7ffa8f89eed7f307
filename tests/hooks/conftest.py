"""The engine's fixtures, for this folder, where every test holds for both HTTP libraries."""

from typing import Any

import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.families import family
from tests.support.fixtures import clock, credentials, events, fake, make, plain_environment, world
from tests.support.wires import Wire, resolved, wire

__all__ = ["clock", "credentials", "events", "fake", "family", "make", "plain_environment", "resolved", "wire", "world"]

CROSSED = {
    "threads": {("httpx", "HTTP/1.1"), ("httpx2", "HTTP/2")},
    "asyncio": {("httpx", "HTTP/2"), ("httpx2", "HTTP/1.1")},
    "trio": {("httpx", "HTTP/1.1"), ("httpx2", "HTTP/2")},
}
"""What runs of a test that has a world, a library and a version of HTTP. Each two of them meet, in half of the time."""


@pytest.fixture(autouse=True)
def _for_both(family: object) -> None:
    """Before any other fixture."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what CROSSED does not name."""
    left_out = [item for item in items if not _is_crossed(getattr(item, "callspec", None))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _is_crossed(callspec: object) -> bool:
    params = getattr(callspec, "params", {})
    if not {"family", "wire", "world"} <= set(params):
        return True
    return (params["family"], params["wire"]) in CROSSED[params["world"].name]


@pytest.fixture
def url(fake: FakeCognito) -> str:
    """A route that needs the scope which the credentials ask for."""
    return f"{fake.api_url}/files"


@pytest.fixture
def auth(credentials: CognitoClientCredentials, url: str, clock: ManualClock) -> Any:
    """The hook, with a token in hand that is old enough to be renewed by force."""
    credentials.get_token()
    clock.advance(60)
    return credentials.httpx_auth(url)


@pytest.fixture
def wired(credentials: CognitoClientCredentials, wire: Wire, clock: ManualClock) -> Any:
    """The hook for the API of either wire, with a token in hand that is old enough to be renewed by force."""
    credentials.get_token()
    clock.advance(60)
    return credentials.httpx_auth(wire.api_url)
