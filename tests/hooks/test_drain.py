"""A 401 is read on only when the request is certain to go out again: raw, bounded in bytes and time, never decoded."""

import gzip
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.clocks import Passing
from tests.support.wires import Wire
from tests.support.worlds import World

IN_TIME = 10.0
"""Seconds that the drain's cap of one cannot become on a busy machine, and far fewer than the answers below take."""

Make = Callable[..., CognitoClientCredentials]


@pytest.fixture
def clock() -> ManualClock:
    """Tokens age by hand, drains by themselves."""
    return Passing()


def test_short_401_is_drained_and_its_connection_used_again(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """The second sending needs no second handshake."""
    fake.api_answer(401, body=b"x" * 60_000, times=1)
    assert world.send(auth, url).status_code == 200
    assert fake.counts()["api_connections"] == 1


def test_401_of_more_than_64_kib_costs_its_connection(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """Beyond the cap it is cheaper to connect again."""
    fake.api_answer(401, body=b"x" * 10_000_000, times=1)
    assert world.send(auth, url).status_code == 200
    assert fake.counts()["api_connections"] == 2


def test_endless_401_ends(auth: httpx.Auth, url: str, fake: FakeCognito, world: World) -> None:
    """A body that never ends costs 64 KiB and a connection."""
    fake.api_answer(401, endless=True, times=1)
    assert world.send(auth, url).status_code == 200


def test_dripped_401_ends_within_a_second(auth: httpx.Auth, url: str, fake: FakeCognito, world: World) -> None:
    """One byte every 20 ms would take twenty minutes for 64 KiB; takes half a second, which is the cap itself."""
    fake.api_answer(401, body=b"x" * 60_000, interval=0.02, times=1)
    began = time.monotonic()
    assert world.send(auth, url).status_code == 200
    assert time.monotonic() - began < IN_TIME


def test_401_that_stops_in_mid_body_ends_within_a_second(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """The request's own read time-out of a minute does not hold here. Takes half a second, which is the cap itself."""
    fake.api_answer(401, body=b"xx", interval=30, times=1)
    began = time.monotonic()
    assert world.send(auth, url, timeout=60).status_code == 200
    assert time.monotonic() - began < IN_TIME


def test_truncated_401_is_no_error(auth: httpx.Auth, url: str, fake: FakeCognito, world: World) -> None:
    """Whatever ends the reading, the request goes out again."""
    fake.api_answer(raw_data=b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nshort", times=1)
    assert world.send(auth, url).status_code == 200


def test_compressed_401_is_never_decoded(auth: httpx.Auth, url: str, fake: FakeCognito) -> None:
    """60 KiB of gzip would become 60 MiB."""
    bomb = gzip.compress(b"\0" * 60_000_000)
    assert len(bomb) < 64 * 1024
    fake.api_answer(401, body=bomb, headers=[("Content-Encoding", "gzip")], times=1)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        tracemalloc.start()
        response = client.get(url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert response.status_code == 200
    assert response.history[0].content == b""
    assert peak < 20_000_000


def test_drained_401_is_in_the_history_with_its_body(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """As httpx keeps the 401 of its own auth classes."""
    fake.api_answer(401, times=1)
    response = world.send(auth, url)
    assert [before.status_code for before in response.history] == [401]
    assert response.history[0].json() == {"message": "Unauthorized"}


@pytest.mark.parametrize("reason", ["no-renewal", "second"])
def test_returned_401_is_untouched_and_unread(
    auth: httpx.Auth,
    url: str,
    fake: FakeCognito,
    reason: str,
    credentials: CognitoClientCredentials,
    clock: ManualClock,
) -> None:
    """`stream()` hands it to the caller as it came: nobody has read of it or decoded it."""
    if reason == "no-renewal":
        clock.set_random(0.0)
        fake.refuse()
    fake.api_answer(401, body=gzip.compress(b'{"message":"no"}'), headers=[("Content-Encoding", "gzip")])
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client, client.stream("GET", url) as response:
        assert response.status_code == 401
        assert not response.is_stream_consumed
        assert not response.is_closed
        assert response.read() == b'{"message":"no"}'
    assert len(fake.api_requests) == (1 if reason == "no-renewal" else 2)


HOSTILE: dict[str, dict[str, Any]] = {
    "endless": {"endless": True},
    "1 MB": {"body": b"x" * 1_000_000},
    "slow": {"body": b"x" * 60_000, "interval": 0.02},
    "stuck": {"body": b"xx", "interval": 30},
    "bomb": {"body": gzip.compress(b" " * 50_000_000), "headers": [("Content-Encoding", "gzip")]},
}


@pytest.mark.fault(54)
@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_hostile_401_is_read_to_the_cap_only(
    wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, answer: dict[str, Any]
) -> None:
    """64 KiB and a block are read, for a second at most, whatever the request's own limits; then it goes again."""
    fake.api_answer(401, times=1, **answer)
    began = time.monotonic()
    response = wire.send(world, wired, timeout=60)
    assert time.monotonic() - began < IN_TIME
    assert response.status_code == 200
    assert len(response.history[0].content) <= 2 * 64 * 1024
    assert fake.counts()["api_requests"] == 2
