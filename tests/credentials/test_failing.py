"""No token to be had: a fresh exception for each, one series of attempts for all, throttling waited out."""

import threading
from collections.abc import Callable

import httpx
import pytest

from s2sauth import (
    CognitoClientCredentials,
    Event,
    InvalidClient,
    RenewalPolicy,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


def test_nothing_of_the_flight_hangs_on_the_exception(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """No cause, no context, and in the traceback no frame of the flight: the transport's exception held the secret."""
    clock.set_random(0.0)
    fake.reset()
    fake.gate()
    callers = world.ask(credentials, 3)
    fake.release()
    for error in callers.errors():
        assert isinstance(error, TokenUnavailable)
        assert error.__cause__ is None
        assert error.__context__ is None
        assert not isinstance(error, httpx.HTTPError)
        frames = _files(error)
        assert frames
        assert not {"_renewal.py", "_sender.py"} & frames


def _files(error: BaseException) -> set[str]:
    traceback, found = error.__traceback__, set()
    while traceback is not None:
        found.add(traceback.tb_frame.f_code.co_filename.rpartition("/")[2])
        traceback = traceback.tb_next
    return found


def test_message_names_the_transports_class_and_text(make: Make, fake: FakeCognito) -> None:
    """What httpx said is in the message, since its exception is not there to look at."""
    fake.refuse()
    with pytest.raises(TokenUnavailable, match=r"ConnectError: .*refused"):
        make(policy=RenewalPolicy(attempts=1)).get_token()


def test_unreachable_endpoint_is_tried_three_times(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event], world: World
) -> None:
    """Pauses of 0.2 s·2ⁿ with full jitter lie between the attempts; chance is a half here."""
    fake.fail(503)
    callers = world.ask(credentials, 5)
    for attempt, pause in ((1, 0.1), (2, 0.2)):
        fake.wait_for_token_requests(attempt)
        clock.wait_for_sleepers(_asleep(world, 5) + 1)
        clock.advance(pause - 0.001)
        assert fake.counts()["token_requests"] == attempt
        clock.advance(0.002)
    assert {type(error) for error in callers.errors()} == {TokenUnavailable}
    assert fake.counts()["token_requests"] == 3
    assert [event.attempt for event in events if event.name == "renewal_attempt_failed"] == [1, 2, 3]


def _asleep(world: World, callers: int) -> int:
    """Callers that wait on the clock; tasks wait on their loop."""
    return 0 if world.awaits else callers


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_one_outage_answer_is_made_good_by_the_next_attempt(
    make: Make, fake: FakeCognito, clock: ManualClock, status: int
) -> None:
    """The caller notices nothing but the pause."""
    clock.set_random(0.0)
    fake.fail(status, times=1)
    make().get_token()
    assert fake.counts()["token_requests"] == 2


def test_attempts_of_the_policy_count(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """`attempts=5` asks five times."""
    clock.set_random(0.0)
    fake.fail(503)
    with pytest.raises(TokenUnavailable):
        make(policy=RenewalPolicy(attempts=5)).get_token()
    assert fake.counts()["token_requests"] == 5


def test_throttling_is_waited_out_as_long_as_the_deadline_holds(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """429 is no failure of three attempts: 0.25, 0.5, 1 and 2 s of pause, and the sixth request is answered."""
    fake.fail(429, times=5)
    callers = world.ask(credentials)
    for attempt, pause in enumerate((0.25, 0.5, 1.0, 2.0, 2.0), 1):
        fake.wait_for_token_requests(attempt)
        clock.wait_for_sleepers(_asleep(world, 1) + 1)
        clock.advance(pause)
    callers.values()
    assert fake.counts()["token_requests"] == 6


def test_throttling_beyond_the_deadline_is_an_error(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """A pause that does not fit into what is left is not begun."""
    clock.set_random(0.999)
    fake.fail(429, headers=[("Retry-After", "9")])
    with pytest.raises(TokenUnavailable) as caught:
        credentials.get_token()
    assert caught.value.retry_after == 9
    assert fake.counts()["token_requests"] == 1


def test_retry_after_is_kept_when_it_fits(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The server's own pause goes before ours."""
    fake.fail(503, headers=[("Retry-After", "3")], times=1)
    callers = world.ask(credentials)
    fake.wait_for_token_requests()
    clock.wait_for_sleepers(_asleep(world, 1) + 1)
    clock.advance(2.9)
    assert fake.counts()["token_requests"] == 1
    clock.advance(0.2)
    callers.values()


@pytest.mark.parametrize(
    ("knob", "error"),
    [
        (lambda fake: fake.answer_json({"error": "invalid_client"}, 400), InvalidClient),
        (lambda fake: fake.fail(405), TokenRequestRefused),
        (lambda fake: fake.redirect("https://elsewhere.example"), TokenRequestRefused),
        (lambda fake: fake.answer_json({"hello": "world"}), TokenResponseInvalid),
    ],
    ids=["invalid_client", "405", "redirect", "no-token"],
)
def test_what_no_retry_helps_is_asked_once(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    knob: Callable[[FakeCognito], None],
    error: type[Exception],
) -> None:
    """A refusal is an answer; asking again would be rude and dear."""
    knob(fake)
    with pytest.raises(error):
        credentials.get_token()
    assert fake.counts()["token_requests"] == 1


def test_failed_flight_is_reported_once(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event], world: World
) -> None:
    """Callers are many, the failure is one."""
    fake.answer_json({"error": "invalid_scope"}, 400)
    fake.gate()
    callers = world.ask(credentials, 20)
    fake.release()
    callers.errors()
    assert names(events) == ["renewal_started", "renewal_attempt_failed", "renewal_failed"]
    assert events[-1].error == "invalid_scope"


def test_caller_starts_no_second_flight(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """A caller gets the outcome of the flight that it joined, although the endpoint has recovered by then."""
    fake.answer_json({"error": "invalid_scope"}, 400, times=1)
    fake.gate()
    callers = world.ask(credentials, 2)
    fake.release()
    callers.errors()
    assert fake.counts()["token_requests"] == 1


def test_failed_attempt_says_when_the_next_one_follows(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """In seconds; nothing when none follows."""
    clock.set_random([0.0, 0.0, 0.5])
    fake.fail(503)
    with pytest.raises(TokenUnavailable):
        credentials.get_token()
    attempts = [event for event in events if event.name == "renewal_attempt_failed"]
    assert [(event.attempt, event.seconds) for event in attempts] == [(1, 0.0), (2, 0.0), (3, None)]


def length(error: BaseException) -> int:
    """How long its traceback is."""
    trace, count = error.__traceback__, 0
    while trace is not None:
        trace, count = trace.tb_next, count + 1
    return count


@pytest.mark.fault(82)
def test_waiters_share_the_failure(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A hundred waiters, one series of attempts: each fails with an exception of its own, and none after another."""
    clock.set_random(0.0)
    fake.fail(503)
    fake.gate()
    callers = world.ask(credentials, 100)
    fake.release()
    errors = callers.errors()
    assert {type(error) for error in errors} == {TokenUnavailable}
    assert len(set(map(id, errors))) == 100
    assert len(set(map(length, errors))) == 1  # one exception for all would have grown with each
    assert {(error.__cause__, error.__context__) for error in errors} == {(None, None)}
    assert fake.counts()["token_requests"] == 3
    assert clock.monotonic() == ManualClock().monotonic()  # nobody had to wait for time


RETRY_AFTER = {
    "absent": (None, None),
    "seconds": ("2", 2.0),
    "negative": ("-5", 0.0),
    "huge": ("1e9", None),
    "many seconds": ("999999999", None),
    "text": ("soon", None),
    "date to come": ("Mon, 21 Sep 2026 14:13:30 GMT", 10.0),
    "date gone by": ("Mon, 21 Sep 2020 14:13:30 GMT", 0.0),
    "half a date": ("Mon, 21 Sep", None),
    "fraction": ("1.5", 1.5),
}


@pytest.mark.fault(38)
@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_retry_after_is_read_in_all_its_forms(
    make: Make, fake: FakeCognito, clock: ManualClock, value: str | None, seconds: float | None
) -> None:
    """Seconds or a date by the server's own clock; the past is 0, garbage is nothing."""
    clock.set_random(0.999)
    fake.fail(429, headers=[] if value is None else [("Retry-After", value)])
    with pytest.raises(TokenUnavailable) as caught:
        make(policy=RenewalPolicy(deadline=0.2)).get_token()
    assert caught.value.retry_after == seconds


@pytest.mark.fault(38)
def test_throttling_while_stale_is_nobodys_failure(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Nobody waits, the old token is served, one request."""
    old = credentials.get_token()
    fake.fail(429, headers=[("Retry-After", "2")])
    clock.advance(2880)
    assert credentials.get_token() is old
    settled(credentials)
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(39)
def test_throttling_for_ever_is_no_storm(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """200 threads for a minute: a handful of requests, all callers fail in time."""
    fake.fail(429)
    failed: list[Exception] = []

    def call() -> None:
        try:
            credentials.get_token()
        except TokenUnavailable as error:
            failed.append(error)

    requests = []
    for _ in range(8):
        threads = [threading.Thread(target=call) for _ in range(25)]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            clock.advance(0.25)
            alive[0].join(0.005)
        requests.append(fake.counts()["token_requests"])
    assert len(failed) == 200
    assert requests[-1] <= 8 * 8


@pytest.mark.fault(39)
def test_throttling_for_ever_leaves_the_old_token_to_its_end(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """The old one is served to its end, and no storm."""
    old = credentials.get_token()
    fake.fail(429)
    clock.advance(2880)
    for _ in range(700):
        assert credentials.get_token() is old
        settled(credentials)
        clock.advance(1)
    assert fake.counts()["token_requests"] <= 25


@pytest.mark.fault(40)
@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, {"__type": "TooManyRequestsException", "message": "Rate exceeded"}, []),
        (400, {"message": "Rate exceeded"}, []),
        (400, {"code": "TooManyRequestsException"}, []),
        (400, {"error": "TooManyRequestsException"}, []),
        (400, {}, [("x-amzn-ErrorType", "TooManyRequestsException")]),
        (500, {"__type": "com.amazonaws#TooManyRequestsException"}, []),
        (429, {"message": "Too Many Requests"}, []),
    ],
    ids=repr,
)
def test_throttling_by_any_name_is_waited_out(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    clock: ManualClock,
    status: int,
    body: object,
    headers: list[tuple[str, str]],
) -> None:
    """It is waited out, like 429: four answers, then a token."""
    clock.set_random(0.0)
    fake.answer_json(body, status, times=4, headers=headers)
    credentials.get_token()
    assert fake.counts()["token_requests"] == 5


@pytest.mark.fault(41)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_one_5xx_is_noticed_by_nobody(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, status: int, world: World
) -> None:
    """One more request, and nobody notices."""
    clock.set_random(0.0)
    fake.fail(status, times=1, body=b"<html>Bad Gateway</html>")
    world.get(credentials)
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(41)
@pytest.mark.parametrize("code", ["server_error", "temporarily_unavailable"])
@pytest.mark.parametrize("status", [400, 500])
def test_errors_of_the_server_are_tried_again_whatever_the_status(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, code: str, status: int
) -> None:
    """RFC 6749 4.1.2.1: tried again, whatever the status."""
    clock.set_random(0.0)
    fake.answer_json({"error": code}, status, times=1)
    credentials.get_token()
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(42)
def test_outage_of_ten_minutes_with_tokens_of_five_ends_by_itself(
    make: Make, fake: FakeCognito, clock: ManualClock
) -> None:
    """The old token to its end, then an error at once or in time, then service within one pause of the recovery."""
    fake.set_expires_in(300)
    credentials = make()
    clock.set_random(0.0)
    old = credentials.get_token()
    fake.fail(500)
    for second in range(600):
        clock.advance(1)
        if second < 289:
            assert credentials.get_token() is old
            settled(credentials)
        else:
            with pytest.raises(TokenUnavailable):
                credentials.get_token()
    fake.recover()
    clock.advance(30)
    credentials.get_token()
