"""The token endpoint cannot be reached, or lets go."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, RenewalPolicy, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import refused
from tests.support.fixtures import names
from tests.support.proxy import ConnectProxy
from tests.support.settled import eventually, settled
from tests.support.tls import client_context, server_context
from tests.support.wires import Wire, full_queue, wire
from tests.support.worlds import World

__all__ = ["wire"]

pytestmark = pytest.mark.usefixtures("family")

Make = Callable[..., CognitoClientCredentials]

IN_TIME = 1.9
"""Seconds within which a deadline of 0.3 s has ended on a busy machine; each time-out of its own would be longer."""


def fails_in_time(make: Make, world: World, **arguments: Any) -> TokenUnavailable:
    """The error of a caller whose deadline is 0.3 s by the machine's clock. It came in time, in one of three tries."""
    took = IN_TIME
    for _ in range(3):
        credentials = make(clock=None, policy=RenewalPolicy(deadline=0.3), **arguments)
        began = time.monotonic()
        with pytest.raises(TokenUnavailable) as caught:
            world.get(credentials)
        took = time.monotonic() - began
        flight = credentials._slot.flight
        eventually(lambda flight=flight: flight.thread is None)  # type: ignore[misc]  # mypy cannot infer a lambda's default
        if took < IN_TIME:
            return caught.value
    raise AssertionError(f"it took {took:.1f} s")


@pytest.mark.fault(1)
def test_refused_connection_is_tried_three_times(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World, events: list[Event]
) -> None:
    """STALE: the old token for everybody. EXPIRED: three attempts, one error. Recovered: a token."""
    clock.set_random(0.0)
    old = world.get(credentials)
    fake.refuse()
    clock.advance(3000)
    for _ in range(3):
        assert world.get(credentials) is old
        settled(credentials)
    assert names(events).count("renewal_attempt_failed") == 1
    clock.advance(600)
    with pytest.raises(TokenUnavailable, match="ConnectError"):
        world.get(credentials)
    assert names(events).count("renewal_attempt_failed") == 4
    fake.recover()
    clock.advance(30)
    assert world.get(credentials) is not old


@pytest.mark.fault(2)
def test_name_that_does_not_resolve_is_said_in_the_resolvers_words(
    make: Make, clock: ManualClock, world: World, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver's words are in the message, and what to check; three attempts."""

    look_up = socket.getaddrinfo

    def unknown(host: Any, *arguments: Any, **named: Any) -> Any:
        if host == "auth.nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    clock.set_random(0.0)
    with pytest.raises(TokenUnavailable, match=r"Name or service not known.*resolves \(a new Cognito domain"):
        world.get(make(domain="https://auth.nowhere.example"))
    assert names(events).count("renewal_attempt_failed") == 3


@pytest.mark.fault(3)
def test_connection_that_is_never_accepted_ends_at_the_deadline(make: Make, world: World) -> None:
    """The deadline ends it."""
    with full_queue() as port:
        fails_in_time(make, world, domain=f"http://127.0.0.1:{port}")


@pytest.mark.fault(4)
def test_request_that_is_never_answered_ends_at_the_deadline(make: Make, fake: FakeCognito, world: World) -> None:
    """The deadline ends it, on the wire too."""
    fake.hang()
    fails_in_time(make, world)
    assert fake.counts()["token_requests"] == 1
    eventually(lambda: not connected(fake))


@pytest.mark.fault(5)
def test_answer_that_drips_ends_at_the_deadline(make: Make, fake: FakeCognito, world: World) -> None:
    """Each byte is in time, the whole is not."""
    fake.drip(0.02)
    fails_in_time(make, world)
    eventually(lambda: not connected(fake))


@pytest.mark.fault(6)
def test_request_whose_connection_was_reset_is_sent_again(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, wire: Wire, events: list[Event]
) -> None:
    """A token request may be repeated: the caller notices nothing, an event says it."""
    clock.set_random(0.0)
    fake.reset(times=1)
    world.get(make(domain=wire.domain, http_client=wire.http_client))
    assert fake.counts()["token_requests"] == 2
    assert names(events).count("renewal_attempt_failed") == 1


CUT = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"access_token":"abc","token_type":"Bearer"'


@pytest.mark.fault(7)
def test_body_that_is_cut_is_tried_three_times(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, wire: Wire
) -> None:
    """100 bytes were promised: an outage, tried three times, nothing cached."""
    clock.set_random(0.0)
    fake.answer(CUT)
    refused(make(domain=wire.domain, http_client=wire.http_client), fake, TokenUnavailable, world)
    assert fake.counts()["token_requests"] == 4


@pytest.mark.fault(8)
def test_no_connection_is_kept_that_could_be_closed_while_idle(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """There is none to be closed: it ends with the flight, and the next one connects anew."""
    for _ in range(3):
        world.get(credentials)
        eventually(lambda: not connected(fake))
        clock.advance(3600)
    assert fake.counts()["token_connections"] == 3
    assert [request.status for request in fake.token_requests] == [200] * 3


BAD_TLS: dict[str, tuple[Callable[[], ssl.SSLContext], Callable[[], ssl.SSLContext]]] = {
    "not trusted": (server_context, lambda: client_context(trusting=False)),
    "another host": (lambda: server_context("other.example"), client_context),
    "expired": (lambda: server_context(expired=True), client_context),
}


@pytest.mark.fault(9)
@pytest.mark.parametrize(("served", "trusted"), BAD_TLS.values(), ids=BAD_TLS)
def test_bad_certificate_costs_one_handshake_and_no_secret(
    make: Make,
    clock: ManualClock,
    world: World,
    served: Callable[[], ssl.SSLContext],
    trusted: Callable[[], ssl.SSLContext],
) -> None:
    """One handshake, no request, no secret on the wire; not tried again for each caller."""
    context = trusted()
    with FakeCognito(clock=clock, ssl_context=served()) as fake:
        credentials = make(domain=fake.domain, http_client=lambda: httpx.Client(verify=context, trust_env=False))
        for _ in range(2):
            with pytest.raises(TokenUnavailable, match="certificate was refused"):
                world.get(credentials)
        assert fake.counts()["token_connections"] == 1
        assert fake.token_requests == []


@pytest.fixture
def clumsy() -> tuple[ssl.SSLContext, list[str]]:
    """A server's context that gives up in the middle of the first handshake; and each name that was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    good = server_context()
    asked: list[str] = []

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        asked.append(name or "")
        if len(asked) == 1:
            return int(ssl.ALERT_DESCRIPTION_INTERNAL_ERROR)
        connection.context = good
        return None

    context.sni_callback = choose  # type: ignore[assignment]  # an SSLSocket has what is used here of an SSLObject
    return context, asked


@pytest.mark.fault(10)
def test_handshake_that_is_cut_is_tried_again(
    make: Make, clock: ManualClock, world: World, clumsy: tuple[ssl.SSLContext, list[str]]
) -> None:
    """As a reset: the next attempt gets a token."""
    clock.set_random(0.0)
    context, asked = clumsy
    trusting = client_context()
    with FakeCognito(clock=clock, ssl_context=context) as fake:
        world.get(make(at=fake, http_client=lambda: httpx.Client(verify=trusting, trust_env=False)))
        assert fake.counts()["token_requests"] == 1
    assert asked == ["localhost", "localhost"]


@pytest.mark.fault(11)
@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
def test_proxy_that_refuses_is_named_without_its_password(
    make: Make, clock: ManualClock, world: World, status: str
) -> None:
    """The message names the proxy, not its password."""
    clock.set_random(0.0)
    with ConnectProxy(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as proxy:
        url = proxy.url.replace("//", "//user:hunter2@")
        context = client_context()
        credentials = make(
            domain="https://auth.nowhere.example",
            http_client=lambda: httpx.Client(proxy=url, verify=context, trust_env=False),
        )
        with pytest.raises(TokenUnavailable, match=r"through the proxy 127\.0\.0\.1:\d+ .*ProxyError: ") as caught:
            world.get(credentials)
        assert len(proxy.seen) == 3
    assert "hunter2" not in str(caught.value)


@pytest.mark.fault(15)
def test_token_request_has_a_connection_beside_those_of_the_caller(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The one connection of the caller's client is busy; the token request has another."""
    auth = credentials.httpx_auth(fake.api_url)
    with ExitStack() as held:
        client = held.enter_context(
            httpx.Client(auth=auth, limits=httpx.Limits(max_connections=1), verify=False, trust_env=False)
        )
        held.enter_context(client.stream("GET", f"{fake.api_url}/files"))
        clock.advance(3600)
        world.get(credentials)
        with pytest.raises(httpx.PoolTimeout):
            client.get(f"{fake.api_url}/files", timeout=httpx.Timeout(1, pool=0.01))
    assert fake.counts()["token_requests"] == 2


@pytest.fixture
def black_hole() -> Iterator[list[tuple[str, int]]]:
    """Two addresses at which nobody accepts; IPv6 where this machine has it."""
    with ExitStack() as closing:
        try:
            host = "::1"
            port = closing.enter_context(full_queue(host))
        except OSError:
            host = "127.0.0.1"
            port = closing.enter_context(full_queue(host))
        yield [(host, port), ("127.0.0.1", closing.enter_context(full_queue()))]


@pytest.mark.fault(16)
def test_deadline_holds_however_many_addresses_lead_nowhere(
    make: Make, world: World, black_hole: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, the deadline holds."""
    look_up = socket.getaddrinfo

    def nowhere(host: Any, *arguments: Any, **named: Any) -> Any:
        if host != "auth.nowhere.example":
            return look_up(host, *arguments, **named)
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address, _ in black_hole]
        return [(each, socket.SOCK_STREAM, 6, "", place) for each, place in zip(families, black_hole, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    fails_in_time(make, world, domain="https://auth.nowhere.example")


def connected(fake: FakeCognito) -> bool:
    """Whether somebody is connected to the token endpoint."""
    assert fake._listeners is not None
    return bool(fake._listeners[0]._open)
