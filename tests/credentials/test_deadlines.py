"""Every public call ends by its deadline, whatever the endpoint does; what outlives its deadline is replaced."""

import _thread
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, RenewalPolicy, TokenResponseInvalid, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import eventually, settled
from tests.support.tls import client_context, server_context
from tests.support.worlds import PATIENCE, GetToken, Threads, World

Make = Callable[..., CognitoClientCredentials]


def test_timeout_shortens_the_wait_not_the_flight(make: Make, fake: FakeCognito, world: World) -> None:
    """The impatient caller fails, the token request goes on, and the next caller has its token."""
    credentials = make(clock=None)
    fake.gate()
    with pytest.raises(TokenUnavailable, match=r"within 0\.05 s"):
        world.get(credentials, timeout=0.05)
    fake.release()
    world.get(credentials)
    assert fake.counts()["token_requests"] == 1


def test_timeout_0_takes_what_is_cached(
    credentials: CognitoClientCredentials, clock: ManualClock, world: World
) -> None:
    """FRESH or STALE, at once."""
    token = world.get(credentials)
    assert world.get(credentials, timeout=0) is token
    clock.advance(3589)
    assert world.get(credentials, timeout=0) is token


def test_timeout_0_without_a_token_fails_at_once(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """It does not wait; the flight that it found wanting is under way for the next one."""
    fake.gate()
    with pytest.raises(TokenUnavailable):
        world.get(credentials, timeout=0)
    fake.wait_for_token_requests()
    fake.release()
    settled(credentials)
    world.get(credentials, timeout=0)
    assert fake.counts()["token_requests"] == 1


def test_timeout_beyond_the_deadline_is_the_deadline(make: Make, fake: FakeCognito, world: World) -> None:
    """There is no unlimited wait."""
    credentials = make(clock=None, policy=RenewalPolicy(deadline=0.2))
    fake.gate()
    began = time.monotonic()
    with pytest.raises(TokenUnavailable):
        world.get(credentials, timeout=3600)
    assert time.monotonic() - began < IN_TIME


IN_TIME = 3.5
"""Seconds: more than a deadline of 0.3 s becomes on a busy machine, and less than a read time-out, which is 4 s."""
HANGS: dict[str, Callable[[FakeCognito], None]] = {
    "never answers": lambda fake: fake.hang(),
    "drips its headers": lambda fake: fake.drip(0.02),
    "holds its answer": lambda fake: fake.gate(),
    "never ends its body": lambda fake: fake.endless(chunk=b" "),
}


@pytest.mark.parametrize("hang", HANGS.values(), ids=HANGS)
def test_hanging_endpoint_ends_at_the_deadline(
    make: Make, fake: FakeCognito, world: World, hang: Callable[[FakeCognito], None]
) -> None:
    """httpx's own time-outs do not stop dripped headers; the deadline does."""
    hang(fake)
    credentials = make(clock=None, policy=RenewalPolicy(deadline=0.3))
    began = time.monotonic()
    with pytest.raises((TokenUnavailable, TokenResponseInvalid)):
        world.get(credentials)
    assert time.monotonic() - began < IN_TIME


def test_deadline_by_the_clock_ends_the_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """Eight seconds later by our clocks, whoever notices gives the flight up; all waiters share that."""
    fake.gate()
    callers = Threads().ask(credentials, 3)
    fake.wait_for_token_requests()
    clock.advance(7.9)
    assert credentials._slot.flight.flying
    clock.advance(0.2)
    errors = callers.errors()
    assert {str(error)[:25] for error in errors} == {"No token within 8 s. The "}
    assert names(events).count("flight_replaced") == 1


def test_given_up_flight_is_replaced(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The next caller, after the remembered pause, starts another one, although the first has not ended."""
    fake.gate()
    callers = world.ask(credentials)
    fake.wait_for_token_requests()
    clock.advance(9)
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    del callers
    clock.advance(1)
    again = world.ask(credentials)
    fake.wait_for_token_requests(2)
    fake.release()
    again.values()


def given_up(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> Any:
    """A flight beyond its deadline that nothing can end, as in name resolution; its answer is still to come."""
    fake.gate()
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    fake.wait_for_token_requests()
    flight = credentials._slot.flight
    flight.sender = None
    clock.advance(9)
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    return flight


def test_late_token_counts_if_it_is_newer(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """A flight that could not be closed brings its token after all: better than none."""
    given_up(credentials, fake, clock)
    fake.release()
    eventually(lambda: credentials._slot.newest is not None)
    assert credentials.get_token(timeout=0).remaining() == 3591
    assert fake.counts()["token_requests"] == 1


def test_late_token_never_replaces_a_newer_one(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """The successor was asked later; what the given-up flight brings is dropped."""
    late = given_up(credentials, fake, clock)
    thread = late.thread
    clock.advance(1)
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    fake.wait_for_token_requests(2)
    assert thread is not None
    fake.release()
    settled(credentials)
    eventually(lambda: late.thread is None)
    assert credentials._slot.newest is not None
    assert credentials._slot.entry.number == 2


def test_late_failure_does_not_count(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Whoever gave the flight up has remembered that; what it says afterwards is old news."""
    fake.answer_json({"error": "invalid_client"}, 400, times=1)
    flight = given_up(credentials, fake, clock)
    fake.release()
    eventually(lambda: flight.thread is None)
    assert credentials.state().last_error == "TokenUnavailable"
    clock.advance(1)
    credentials.get_token()


def test_given_up_flight_ends_soon(make: Make, fake: FakeCognito) -> None:
    """Its connection is closed under it: its thread does not stay for as long as the endpoint likes to drip."""
    fake.drip(0.02)
    credentials = make(clock=None, policy=RenewalPolicy(deadline=0.2))
    with pytest.raises(TokenUnavailable):
        credentials.get_token()
    flight = credentials._slot.flight
    eventually(lambda: flight.thread is None)


@pytest.mark.skipif(not hasattr(socket, "MSG_DONTWAIT"), reason="Windows has no read that does not wait")
@pytest.mark.parametrize("end", ["deadline", "close"])
def test_giving_up_touches_no_other_connection(make: Make, end: str) -> None:
    """A descriptor that is closed under OpenSSL is soon somebody else's: it would read and write there."""
    with FakeCognito(ssl_context=server_context()) as fake, ExitStack() as closing:
        fake.drip(0.02)
        policy = RenewalPolicy(deadline=0.2 if end == "deadline" else 8)
        context = client_context()
        credentials = make(
            at=fake,
            policy=policy,
            clock=None,
            http_client=lambda: httpx.Client(verify=context, trust_env=False),
        )
        with pytest.raises(TokenUnavailable):
            credentials.get_token(timeout=0.2)
        flight = credentials._slot.flight
        if end == "close":
            credentials.close()
        pairs = [socket.socketpair() for _ in range(4)]
        for one, other in pairs:
            closing.enter_context(one).sendall(b"x" * 1000)
            closing.enter_context(other).sendall(b"y" * 1000)
        eventually(lambda: flight.thread is None)
        received = [each.recv(2000, socket.MSG_DONTWAIT) for pair in pairs for each in pair]
        assert received == [b"y" * 1000, b"x" * 1000] * 4


@pytest.mark.parametrize("hang", ["hang", "gate"])
def test_hanging_flight_ends_with_its_deadline(make: Make, fake: FakeCognito, hang: str) -> None:
    """Its thread does not wait for a read time-out: its connection is ended under it."""
    getattr(fake, hang)()
    credentials = make(clock=None)
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    fake.wait_for_token_requests()
    flight = credentials._slot.flight
    began = time.monotonic()
    credentials.close()
    eventually(lambda: flight.thread is None)
    assert time.monotonic() - began < IN_TIME


def test_connection_made_after_its_flight_was_given_up_is_ended_at_once(
    make: Make, fake: FakeCognito, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name resolution took so long: nobody waits for the answer any more, so no read time-out is waited for either."""
    resolve, resolving, go_on = socket.getaddrinfo, threading.Event(), threading.Event()

    def slowly(*arguments: Any, **named: Any) -> Any:
        resolving.set()
        go_on.wait(PATIENCE)
        return resolve(*arguments, **named)

    fake.hang()
    credentials = make()
    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    callers = Threads().start([GetToken(credentials)])
    assert resolving.wait(PATIENCE)
    flight = credentials._slot.flight
    clock.advance(9)
    assert isinstance(callers.errors()[0], TokenUnavailable)
    began = time.monotonic()
    go_on.set()
    eventually(lambda: flight.thread is None)
    assert time.monotonic() - began < IN_TIME


def test_background_flight_that_hangs_is_nobodys_wait(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """STALE and the endpoint hangs: the old token for everybody, and after its limit the flight is replaced."""
    old = world.get(credentials)
    clock.advance(3400)
    fake.gate()
    assert world.get(credentials) is old
    fake.wait_for_token_requests(2)
    first = credentials._slot.flight
    clock.advance(96)  # half of the 190 s that are left
    assert world.get(credentials) is old
    assert not first.flying
    clock.advance(10)
    assert world.get(credentials) is old
    fake.wait_for_token_requests(3)


def hangs(event: threading.Event) -> Callable[[], Any]:
    """What does not come back before the test is over."""

    def wait() -> Any:
        event.wait(PATIENCE)
        raise LookupError

    return wait


@pytest.mark.fault(173)
@pytest.mark.parametrize(
    ("argument", "says", "blames"),
    [
        ("client_secret", "source of the client secret has not answered, and the token endpoint was not asked", "DNS"),
        ("http_client", "HTTP client is not made yet", "endpoint is slow"),
    ],
)
def test_text_of_a_timeout_names_what_hangs(make: Make, world: World, argument: str, says: str, blames: str) -> None:
    """What was not asked is not blamed, neither to one who waits nor once the flight is given up."""
    over = threading.Event()
    credentials = make(**{argument: hangs(over), "clock": None}, policy=RenewalPolicy(deadline=0.2))
    for timeout in (0.05, None, None):
        with pytest.raises(TokenUnavailable, match=says) as caught:
            world.get(credentials, timeout=timeout)
        assert blames not in str(caught.value)
    over.set()
    assert credentials.state().token_requests == 0


@pytest.mark.fault(173)
def test_text_of_a_timeout_names_a_thread_that_never_ran(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that runs no threads."""
    credentials = make()
    credentials.warm()
    credentials.invalidate(credentials.get_token())
    view = credentials.with_scopes("demo/write.file")
    monkeypatch.setattr(_thread, "start_new_thread", lambda *_: 1)
    with pytest.raises(TokenUnavailable, match="thread has not run"):
        view.get_token(timeout=0)


def test_given_up_flight_sends_no_token_request(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """The secret source hung beyond the deadline; when it answers, the next flight has the token already."""
    reading, go_on, readings = threading.Event(), threading.Event(), list[int]()

    def slow() -> str:
        readings.append(1)
        if len(readings) == 1:
            reading.set()
            assert go_on.wait(PATIENCE)
        return fake.client_secret

    credentials = make(client_secret=slow)
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    assert reading.wait(PATIENCE)
    first = credentials._slot.flight
    clock.advance(9)
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    clock.advance(1)
    token = credentials.get_token()
    go_on.set()
    eventually(lambda: first.thread is None)
    assert fake.counts()["token_requests"] == 1
    assert credentials.get_token() is token
    assert credentials.state().last_error is None


@pytest.mark.fault(81)
def test_timeout_of_a_follower_is_its_own(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """It fails alone; the flight goes on, and the others get their token from it."""
    fake.gate()
    leader = world.ask(credentials, 3)
    hasty = world.ask(credentials, timeout=0.05)
    clock.advance(0.06)
    assert [type(error) for error in hasty.errors()] == [TokenUnavailable]
    assert credentials._slot.flight.flying
    fake.release()
    assert len(set(map(id, leader.values()))) == 1
    assert fake.counts()["token_requests"] == 1
