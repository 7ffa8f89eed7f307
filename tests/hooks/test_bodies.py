"""What cannot be sent twice is sent once; a token that was rejected with it is suspected all the same."""

import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito
from tests.support.wires import Wire
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
def auth(auth: httpx.Auth, fake: FakeCognito) -> httpx.Auth:
    """The hook, and its token is revoked."""
    fake.revoke()
    return auth


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


class Unseekable(io.RawIOBase):
    """A pipe, to those who read it."""

    def __init__(self) -> None:
        self._data = io.BytesIO(b"onetwo")

    def read(self, size: int = -1) -> bytes:
        return self._data.read(size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


STREAMS: dict[str, Body] = {
    "generator": lambda world: {"content": _ablocks() if world.awaits else _blocks()},
    "iterator": lambda world: {"content": _ablocks() if world.awaits else iter([b"one", b"two"])},
    "file": lambda world: {"content": _ablocks() if world.awaits else io.BytesIO(b"onetwo")},
    "file with its length": lambda world: {
        "content": _ablocks() if world.awaits else io.BytesIO(b"onetwo"),
        "headers": {"Content-Length": "6"},
    },
    "multipart": lambda world: {"files": {"upload": ("a.txt", io.BytesIO(b"onetwo"))}},
    "unseekable multipart": lambda world: {"files": {"upload": ("a.txt", Unseekable())}},
}


@pytest.mark.fault(55)
@pytest.mark.parametrize("body", STREAMS)
def test_body_that_cannot_be_replayed_is_sent_once(
    credentials: CognitoClientCredentials, wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, body: str
) -> None:
    """Sent once, whole; the token is suspected, so that the next call has another one."""
    old = credentials.get_token()
    fake.revoke()
    assert wire.send(world, wired, method="POST", **STREAMS[body](world)).status_code == 401
    (request,) = fake.api_requests
    assert b"one" in request.body
    assert b"two" in request.body
    assert fake.counts()["token_requests"] == 1
    assert world.get(credentials) is not old
    assert wire.send(world, wired).status_code == 200
    assert fake.counts()["token_requests"] == 2
