"""Which answers reject a token, and which requests go out again."""

import gzip
import io
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.clocks import Passing
from tests.support.wires import Wire, wire
from tests.support.worlds import World

__all__ = ["wire"]

pytestmark = pytest.mark.usefixtures("family")

IN_TIME = 10.0
"""Seconds: more than the cap of one becomes on a busy machine, and less than the slow answers take."""
FOLLOW = {"follow_redirects": True}


@pytest.fixture
def clock() -> ManualClock:
    """Tokens age by hand, drains by themselves."""
    return Passing()


@pytest.fixture
def auth(credentials: CognitoClientCredentials, wire: Wire, clock: ManualClock) -> httpx.Auth:
    """The hook, with a token in hand that is old enough to be renewed by force."""
    credentials.get_token()
    clock.advance(60)
    return credentials.httpx_auth(wire.api_url)


def passed_through(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int) -> None:
    """The caller gets this answer, after one request and no renewal."""
    fake.api_answer(status, body=b"own words")
    response = wire.send(world, auth)
    assert (response.status_code, response.content) == (status, b"own words")
    assert fake.counts()["api_requests"] == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(51)
@pytest.mark.parametrize("status", [400, 403, 407])
def test_other_4xx(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int) -> None:
    """insufficient_scope least of all: another token would have the same scopes."""
    passed_through(auth, fake, world, wire, status)


@pytest.mark.fault(60)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_troubles_of_the_api(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int) -> None:
    """No token mends them."""
    passed_through(auth, fake, world, wire, status)


OTHER_SCHEMES = {
    "Basic": ["Basic realm=x"],
    "Negotiate": ["Negotiate"],
    "two of them": ["Basic realm=x", "Negotiate"],
    "two in one header": ["Digest realm=x, Negotiate"],
}


@pytest.mark.fault(52)
@pytest.mark.parametrize("challenges", OTHER_SCHEMES.values(), ids=OTHER_SCHEMES)
def test_challenges_of_other_schemes(
    auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, challenges: list[str]
) -> None:
    """No bearer token helps: the caller's 401, and no renewal."""
    fake.api_answer(401, headers=[("WWW-Authenticate", challenge) for challenge in challenges])
    assert wire.send(world, auth).status_code == 401
    assert fake.counts()["api_requests"] == 1
    assert fake.counts()["token_requests"] == 1


MAYBE_BEARER = {
    "none": [],
    "Bearer": ['Bearer error="invalid_token"'],
    "one of two": ["Basic realm=x", "Bearer"],
    "one of two in one header": ["Basic realm=x, bearer"],
    "garbage": ['\t,,;=="\\'],
    "60 kB of it": ["," * 60_000],
}


@pytest.mark.fault(52)
@pytest.mark.parametrize("challenges", MAYBE_BEARER.values(), ids=MAYBE_BEARER)
def test_challenges_that_a_bearer_token_may_meet(
    auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, challenges: list[str]
) -> None:
    """Sent again. 60 kB are no puzzle; over HTTP/2 they take a second, which hpack's Huffman code in Python needs."""
    fake.api_answer(401, headers=[("WWW-Authenticate", challenge) for challenge in challenges], times=1)
    began = time.process_time()
    assert wire.send(world, auth, timeout=60).status_code == 200
    assert time.process_time() - began < IN_TIME
    assert fake.counts()["token_requests"] == 2


BODIES: dict[str, dict[str, Any]] = {
    "endless": {"endless": True},
    "1 MB": {"body": b"x" * 1_000_000},
    "slow": {"body": b"x" * 60_000, "interval": 0.02},
    "stuck": {"body": b"xx", "interval": 30},
    "bomb": {"body": gzip.compress(b" " * 50_000_000), "headers": [("Content-Encoding", "gzip")]},
}


@pytest.mark.fault(54)
@pytest.mark.parametrize("answer", BODIES.values(), ids=BODIES)
def test_hostile_body(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, answer: dict[str, Any]) -> None:
    """64 KiB and a block are read, for a second at most, whatever the request's own limits; then it goes again."""
    fake.api_answer(401, times=1, **answer)
    began = time.monotonic()
    response = wire.send(world, auth, timeout=60)
    assert time.monotonic() - began < IN_TIME
    assert response.status_code == 200
    assert len(response.history[0].content) <= 2 * 64 * 1024
    assert fake.counts()["api_requests"] == 2


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


def _blocks() -> Iterator[bytes]:
    yield from (b"one", b"two")


async def _ablocks() -> AsyncIterator[bytes]:
    for block in _blocks():
        yield block


Body = Callable[[World], dict[str, Any]]

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
def test_body_that_cannot_be_replayed(
    credentials: CognitoClientCredentials, auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, body: str
) -> None:
    """Sent once, whole; the token is suspected, so that the next call has another one."""
    old = credentials.get_token()
    fake.revoke()
    assert wire.send(world, auth, method="POST", **STREAMS[body](world)).status_code == 401
    (request,) = fake.api_requests
    assert b"one" in request.body
    assert b"two" in request.body
    assert fake.counts()["token_requests"] == 1
    assert world.get(credentials) is not old
    assert wire.send(world, auth).status_code == 200
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(56)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_after_a_redirect_within_the_origin(
    credentials: CognitoClientCredentials, auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int
) -> None:
    """An order that was taken with a redirect is not placed twice; the token is suspected."""
    old = credentials.get_token()
    fake.revoke()
    response = wire.send(
        world, auth, f"/redirect?to=/files&status={status}", "POST", client=FOLLOW, content=b"an order"
    )
    assert response.status_code == 401
    assert [request.path.partition("?")[0] for request in fake.api_requests] == ["/redirect", "/files"]
    assert fake.counts()["token_requests"] == 1
    assert world.get(credentials) is not old


@pytest.mark.fault(56)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_after_a_redirect_to_another_origin(
    credentials: CognitoClientCredentials, auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int
) -> None:
    """It never saw the token, so its 401 says nothing."""
    token = credentials.get_token()
    with FakeCognito() as other:
        path = f"/redirect?to={other.api_url}/files&status={status}"
        assert wire.send(world, auth, path, "POST", client=FOLLOW, content=b"an order").status_code == 401
        assert [request.header("authorization") for request in other.api_requests] == [None]
    assert len(fake.api_requests) == 1
    assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 1
