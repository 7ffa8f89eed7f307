"""What cannot be sent twice is sent once; a token that was rejected with it is suspected all the same."""

import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import World

Body = Callable[[World], dict[str, Any]]


def _blocks() -> Iterator[bytes]:
    yield b"one"
    yield b"two"


async def _ablocks() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


def _file(world: World) -> dict[str, Any]:
    return {"content": _ablocks()} if world.awaits else {"content": io.BytesIO(b"onetwo")}


BODIES: dict[str, Body] = {
    "generator": lambda world: {"content": _ablocks() if world.awaits else _blocks()},
    "file": _file,
    "multipart": lambda world: {"files": {"upload": ("a.txt", io.BytesIO(b"onetwo"))}},
    "multipart-bytes": lambda world: {"files": {"upload": ("a.txt", b"onetwo")}},
}
REPLAYABLE: dict[str, dict[str, Any]] = {
    "none": {},
    "bytes": {"content": b"onetwo"},
    "text": {"content": "onetwo"},
    "form": {"data": {"a": "1"}},
    "json": {"json": [1]},
    "large": {"content": b"x" * 1_000_000},
}


@pytest.fixture
def url(fake: FakeCognito) -> str:
    """A route that needs the scope which the credentials ask for."""
    return f"{fake.api_url}/files"


@pytest.fixture
def auth(credentials: CognitoClientCredentials, url: str, clock: ManualClock, fake: FakeCognito) -> httpx.Auth:
    """The hook, with a token in hand that is old enough to be renewed by force, and revoked."""
    credentials.get_token()
    clock.advance(60)
    fake.revoke()
    return credentials.httpx_auth(url)


@pytest.mark.parametrize("body", BODIES)
def test_body_that_cannot_be_replayed_is_sent_once(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World, body: str
) -> None:
    """The caller gets the 401, whole; never is an empty body on the wire."""
    response = world.send(auth, url, "POST", **BODIES[body](world))
    assert response.status_code == 401
    (request,) = fake.api_requests
    assert b"one" in request.body
    assert b"two" in request.body


@pytest.mark.parametrize("body", BODIES)
def test_token_rejected_with_such_a_body_is_suspected(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World, body: str, credentials: CognitoClientCredentials
) -> None:
    """The next call waits for another one."""
    old = credentials.get_token()
    world.send(auth, url, "POST", **BODIES[body](world))
    assert fake.counts()["token_requests"] == 1
    assert world.get(credentials) is not old
    assert fake.counts()["token_requests"] == 2


@pytest.mark.parametrize("body", REPLAYABLE)
def test_body_in_memory_is_sent_again(auth: httpx.Auth, url: str, fake: FakeCognito, world: World, body: str) -> None:
    """The same bytes twice."""
    assert world.send(auth, url, "POST", **REPLAYABLE[body]).status_code == 200
    first, second = fake.api_requests
    assert first.body == second.body


def test_streamed_body_reaches_the_api_unbuffered(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, world: World
) -> None:
    """The hook does not read it into memory: it goes out in chunks."""
    response = world.send(credentials.httpx_auth(url), url, "POST", **BODIES["generator"](world))
    assert response.status_code == 200
    assert fake.api_requests[0].header("transfer-encoding") == "chunked"
    assert fake.api_requests[0].body == b"onetwo"


def test_body_that_the_caller_has_read_is_in_memory(auth: httpx.Auth, url: str, fake: FakeCognito) -> None:
    """`request.read()` makes a multipart body replayable."""
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        request = client.build_request("POST", url, files={"upload": ("a.txt", b"onetwo")})
        request.read()
        assert client.send(request).status_code == 200
    first, second = fake.api_requests
    assert first.body == second.body
