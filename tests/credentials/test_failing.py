"""No token to be had: the failure is shared, as a fresh exception for each, and costs one series of attempts."""

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
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


def test_waiters_share_the_failure(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """Fifty callers whose flight is refused cost one request, and each gets an exception of its own."""
    fake.answer_json({"error": "invalid_scope"}, 400)
    fake.gate()
    callers = world.ask(credentials, 50)
    fake.release()
    errors = callers.errors()
    assert {type(error).__name__ for error in errors} == {"InvalidScope"}
    assert len({id(error) for error in errors}) == 50
    assert fake.counts()["token_requests"] == 1


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
