"""What goes to others. Events carry names and numbers; libraries log no value."""

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import hpack.huffman
import hpack.huffman_constants
import httpcore
import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, S2SAuthError, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import NO_TLS
from tests.support.sentinel import MARK, holds, leaking_locals
from tests.support.wires import Wire, http2
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

TROUBLE: dict[str, Callable[[FakeCognito], object]] = {
    "none": lambda fake: None,
    "refused": lambda fake: fake.answer_json({"error": "invalid_client", "error_description": "bad"}, 400),
    "echo as a code": lambda fake: fake.answer_json({"error": fake.client_secret}, 400),
    "blocked": lambda fake: fake.fail(403, body=b"<html>"),
    "unreachable": lambda fake: fake.refuse(),
    "garbage": lambda fake: fake.answer(b"\x00\r\n\r\n"),
    "no token": lambda fake: fake.answer_json([fake.client_secret]),
    "throttled": lambda fake: fake.fail(429, headers=[("Retry-After", "99")]),
    "fewer scopes": lambda fake: fake.narrow_scopes(["demo/write.file"]),
    "another client": lambda fake: fake.set_claims({"client_id": "other"}),
}


@pytest.mark.fault(134)
@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_event_carries_names_and_numbers_only(
    make: Make,
    fake: FakeCognito,
    clock: ManualClock,
    events: list[Event],
    world: World,
    trouble: Callable[[FakeCognito], object],
) -> None:
    """Fit for labels: a key of eight hex digits, a name, numbers, a class name or an OAuth code; no free text."""
    clock.set_random(0.0)
    credentials = make(client_metadata={"tenant": "acme"})
    trouble(fake)
    try:
        world.get(credentials)
    except S2SAuthError:
        pass
    fake.recover()
    clock.advance(3600)
    credentials.invalidate(world.get(credentials))
    credentials.close()
    assert events
    for event in events:
        assert vars(event).keys() == {"name", "at", "key", "seconds", "attempt", "error"}
        assert re.fullmatch(r"[0-9a-f]{8}", event.key)
        assert isinstance(event.at, float)
        assert event.seconds is None or isinstance(event.seconds, float)
        assert event.attempt is None or isinstance(event.attempt, int)
        assert event.error is None or re.fullmatch(r"[A-Za-z_]{1,40}|\[…\]", event.error)
    text = repr(events)
    assert not holds(text)
    assert not [word for word in ("read.file", "acme", fake.client_id, fake.domain) if word in text]


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], dict[str, str]]]:
    """What each library logged, all records with all that they carry, at the lowest level of every logger there is."""
    names = ["", *logging.Logger.manager.loggerDict, "httpcore.http2", "hpack.hpack", "h2"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(1)
    with caplog.at_level(1):  # the handler, too
        yield _by_library(caplog)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _by_library(caplog: pytest.LogCaptureFixture) -> Callable[[], dict[str, str]]:
    def collected() -> dict[str, str]:
        found: dict[str, str] = {}
        for record in caplog.records:
            family = record.name.split(".")[0]
            found[family] = found.get(family, "") + record.getMessage() + repr(vars(record))
        return found

    return collected


METHODS = ["client_secret_basic", "client_secret_post"]


@pytest.mark.fault(135)
@pytest.mark.parametrize("method", METHODS)
def test_http_1_1_logs_no_value(
    make: Make, fake: FakeCognito, world: World, records: Callable[[], dict[str, str]], method: str
) -> None:
    """The secret in the header or in the body of the token request, the token in a request to the API."""
    credentials = make(auth_method=method)
    world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files").raise_for_status()
    (request,) = fake.token_requests
    assert holds((request.header("authorization") or "") + request.body.decode())
    found = records()
    assert {"httpcore", "httpx", "s2sauth"} <= found.keys()
    assert {family for family, text in found.items() if holds(text)} == set()


@pytest.fixture
def h2(fake: FakeCognito) -> Iterator[Wire]:
    """A token endpoint and an API that speak nothing but HTTP/2."""
    with http2(fake) as wire:
        yield wire


def by_h2(make: Make, h2: Wire, world: World, method: str) -> None:
    """A token request and three calls with the token."""
    credentials = make(domain=h2.domain, auth_method=method, http_client=h2.http_client)
    auth = credentials.httpx_auth(h2.api_url)
    for _ in range(3):
        assert h2.send(world, auth).http_version == "HTTP/2"


@pytest.mark.fault(135)
@pytest.mark.parametrize("method", METHODS)
def test_http_2_logs_no_value(
    make: Make, fake: FakeCognito, h2: Wire, world: World, records: Callable[[], dict[str, str]], method: str
) -> None:
    """The same by HTTP/2, where h2 and hpack take part."""
    by_h2(make, h2, world, method)
    (request,) = fake.token_requests
    assert holds((request.header("authorization") or "") + request.body.decode())
    sent = [call.header("authorization") or "" for call in fake.api_requests]
    assert [value.startswith("Bearer ") and holds(value) for value in sent] == [True] * 3
    found = records()
    assert {"httpcore", "httpx", "hpack", "s2sauth"} <= found.keys()
    assert {family for family, text in found.items() if holds(text)} == set()


@pytest.mark.fault(135)
def test_hpack_logs_the_header_block(
    make: Make, fake: FakeCognito, h2: Wire, world: World, records: Callable[[], dict[str, str]]
) -> None:
    """At DEBUG, with the token Huffman-coded, which anybody can decode: the documentation says to keep it at INFO."""
    by_h2(make, h2, world, "client_secret_post")
    coder = hpack.huffman.HuffmanEncoder(
        hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH
    )
    assert repr(coder.encode((fake.api_requests[0].header("authorization") or "").encode()))[2:-1] in records()["hpack"]


@pytest.mark.fault(135)
@pytest.mark.shows_the_value("httpx logs URLs as they are; the documentation says so")
def test_httpx_logs_the_url(make: Make, fake: FakeCognito, records: Callable[[], dict[str, str]]) -> None:
    """At INFO, with its query: what does not belong into a log does not belong there. Never a header."""
    auth = make().httpx_auth(fake.api_url)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        client.get(f"{fake.api_url}/files?key={MARK}")
    assert holds(records()["httpx"])
    assert "Bearer" not in records()["httpx"]


@pytest.mark.fault(135)
def test_failing_connection_logs_no_value(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, records: Callable[[], dict[str, str]]
) -> None:
    """httpcore logs the exceptions of each of its steps: connections refused, reset, cut, answers that are no HTTP."""
    clock.set_random(0.0)
    credentials = make(auth_method="client_secret_post")
    for trouble in (fake.refuse, fake.reset, lambda: fake.answer(b""), lambda: fake.answer(b"no http\r\n\r\n")):
        trouble()
        with pytest.raises(S2SAuthError):
            world.get(credentials)
        fake.recover()
        clock.advance(100)
    auth = credentials.httpx_auth(fake.api_url)
    fake.api_answer(raw_data=b"no http\r\n\r\n")
    with pytest.raises(httpx.RemoteProtocolError):
        world.send(auth, f"{fake.api_url}/files")
    found = records()
    assert "failed" in found["httpcore"]
    assert {family for family, text in found.items() if holds(text)} == set()


class Full(httpcore.NetworkBackend):
    """Connects, and takes nothing in."""

    def connect_tcp(self, *_: object, **__: object) -> httpcore.NetworkStream:
        return FullStream()


class FullStream(httpcore.NetworkStream):
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        raise httpcore.WriteTimeout("timed out")

    def close(self) -> None:
        pass

    def get_extra_info(self, info: str) -> None:
        return None


def full_client(**arguments: Any) -> httpx.Client:
    """A client with such connections."""
    client = httpx.Client(verify=NO_TLS, trust_env=False, **arguments)
    client._transport._pool._network_backend = Full()  # type: ignore[attr-defined]  # httpx has no other way
    return client


@pytest.mark.fault(135)
def test_token_request_that_cannot_be_written_leaves_nothing(make: Make, clock: ManualClock) -> None:
    """The frames that held its bytes are gone with the flight; httpcore logs the time-out without them."""
    clock.set_random(0.0)
    with pytest.raises(TokenUnavailable, match="WriteTimeout") as caught:
        make(http_client=full_client, auth_method="client_secret_post").get_token()
    assert leaking_locals(caught.value) == []


@pytest.mark.fault(135)
@pytest.mark.shows_the_value("frames of httpcore and h11 hold what they write; the documentation says so")
def test_call_that_cannot_be_written_has_the_token_in_frames_of_httpcore(make: Make, fake: FakeCognito) -> None:
    """httpx's own error, in the caller's hands; no frame of this library is among them."""
    with full_client(auth=make().httpx_auth(fake.api_url)) as client, pytest.raises(httpx.WriteTimeout) as caught:
        client.get(f"{fake.api_url}/files")
    places = leaking_locals(caught.value)
    assert places
    assert [place for place in places if not re.search(r"(httpcore|h11|httpx)[/\\]", place)] == []
