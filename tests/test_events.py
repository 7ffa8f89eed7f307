"""Events: stable names, one log line each, a WARNING once per interval; nothing that goes wrong there comes back.

The table of texts is private: users get a name and a log line, one at a time.
"""

import logging
import re
import typing
from collections.abc import Iterator
from itertools import pairwise

import pytest

from s2sauth import CognitoClientCredentials, Event, TokenRequestRefused
from s2sauth.events import _EVENTS, WARN_EVERY, EventName, Reporter
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import clock, credentials, events, fake, make, names

__all__ = ["clock", "credentials", "events", "fake", "make"]

ALL: tuple[EventName, ...] = typing.get_args(EventName)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, from DEBUG on."""
    caplog.set_level(logging.DEBUG, "s2sauth")
    return caplog


def levels(lines: pytest.LogCaptureFixture) -> list[str]:
    """The levels of the lines, in order."""
    return [record.levelname for record in lines.records]


def test_every_name_says_what_it_means() -> None:
    """One sentence each."""
    assert set(_EVENTS) == set(ALL)
    assert list(ALL) == sorted(ALL)


ABOUT_A_TOKEN = {
    *("client_mismatch", "clocks_disagree", "expires_in_missing", "expiry_margin_cut", "scope_narrowed", "renewed"),
    *("forced_renewal_withheld", "min_ttl_not_met", "redirect_dropped_token", "authorization_replaced"),
    *("token_rejected", "token_suspected", "token_taken"),
}
"""Events that happen only when there is a token."""


@pytest.mark.fault(199)
@pytest.mark.parametrize("name", sorted(set(ALL) - ABOUT_A_TOKEN))
def test_no_text_speaks_of_a_token_that_may_not_be_there(name: EventName) -> None:
    """These happen with and without a cached token, so the text must be true in both cases."""
    assert not re.search(r"\bthe token\b|\bcached\b|in hand|old token|\bit lives\b", _EVENTS[name][1])


@pytest.mark.fault(199)
def test_a_first_renewal_that_fails_is_logged_without_a_word_about_a_cached_token(
    credentials: CognitoClientCredentials, fake: FakeCognito, lines: pytest.LogCaptureFixture
) -> None:
    """There is none that could be used meanwhile."""
    fake.fail(400)
    with pytest.raises(TokenRequestRefused):
        credentials.get_token()
    (said,) = (message for message in lines.messages if message.startswith("renewal_failed"))
    assert said.startswith("renewal_failed: a renewal brought no token [key=")


@pytest.mark.parametrize("name", ALL)
def test_every_event_is_told_and_logged(name: EventName, clock: ManualClock, lines: pytest.LogCaptureFixture) -> None:
    """To `on_event` with all its fields, to the log with the same facts."""
    told: list[Event] = []
    Reporter(clock, told.append)(name, "0123abcd", seconds=61.25, attempt=2, error="invalid_scope")
    assert told == [Event(name, clock.wall(), "0123abcd", 61.25, 2, "invalid_scope")]
    (record,) = lines.records
    assert (
        record.getMessage() == f"{name}: {_EVENTS[name][1]} [key=0123abcd seconds=61.250 attempt=2 error=invalid_scope]"
    )
    assert record.levelname == logging.getLevelName(_EVENTS[name][0])
    fields = {"event": name, "key": "0123abcd", "seconds": 61.25, "attempt": 2, "error": "invalid_scope"}
    assert vars(record)["s2sauth"] == fields


@pytest.mark.parametrize(
    ("seconds", "level"), [(60.0, "DEBUG"), (-60.0, "DEBUG"), (60.001, "WARNING"), (-60.001, "WARNING")]
)
def test_only_a_large_step_of_the_clock_is_a_warning(
    clock: ManualClock, lines: pytest.LogCaptureFixture, seconds: float, level: str
) -> None:
    """NTP sets a clock by seconds at times; more than a minute is somebody's business. Each way."""
    Reporter(clock, None)("clock_stepped", "0123abcd", seconds=seconds)
    assert levels(lines) == [level]


def test_facts_that_are_not_known_are_left_out(clock: ManualClock, lines: pytest.LogCaptureFixture) -> None:
    """No `None` in a log line."""
    Reporter(clock, None)("renewal_started", "0123abcd")
    assert lines.records[0].getMessage().endswith("[key=0123abcd]")


def test_warning_comes_once_per_interval(clock: ManualClock, lines: pytest.LogCaptureFixture) -> None:
    """Those between are DEBUG lines; `on_event` gets all."""
    told: list[Event] = []
    report = Reporter(clock, told.append)
    for wait in (0, 1, WARN_EVERY - 1.1, 0.1, 1):
        clock.advance(wait)
        report("renewal_failed", "0123abcd")
    assert levels(lines) == ["WARNING", "DEBUG", "DEBUG", "WARNING", "DEBUG"]
    assert len(told) == 5


def test_each_name_and_key_has_its_own_interval(clock: ManualClock, lines: pytest.LogCaptureFixture) -> None:
    """Another scope set, or another trouble, is news."""
    report = Reporter(clock, None)
    report("renewal_failed", "00000001")
    report("renewal_failed", "00000002")
    report("token_rejected", "00000001")
    assert levels(lines) == ["WARNING"] * 3


def test_many_keys_do_not_fill_the_memory(clock: ManualClock, lines: pytest.LogCaptureFixture) -> None:
    """Old intervals are forgotten rather than kept for ever."""
    report = Reporter(clock, None)
    for number in range(3000):
        report("renewal_failed", f"{number:08x}")
    assert len(report._warned) <= 1002
    assert set(levels(lines)) == {"WARNING"}


def test_lines_below_the_level_are_not_formatted(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged at INFO for what is normal."""
    caplog.set_level(logging.INFO, "s2sauth")
    Reporter(clock, None)("renewed", "0123abcd")
    told: list[Event] = []
    Reporter(clock, told.append)("renewed", "0123abcd")
    assert caplog.records == []
    assert [event.name for event in told] == ["renewed"]


@pytest.mark.parametrize("error", [ValueError, RecursionError])
def test_what_on_event_raises_is_logged_once_and_dropped(
    clock: ManualClock, lines: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    """The class, not the text, which may hold anything."""

    def on_event(event: Event) -> None:
        raise error("hunter2")

    report = Reporter(clock, on_event)
    for _ in range(3):
        report("renewed", "0123abcd")
    complaints = [record for record in lines.records if "raised" in record.getMessage()]
    assert [record.levelname for record in complaints] == ["WARNING"]
    assert error.__name__ in complaints[0].getMessage()
    assert "hunter2" not in lines.text


class Failing(logging.Handler):
    """A handler that raises, as one with a bug does."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("disk full")


@pytest.fixture
def failing() -> Iterator[None]:
    """The library's logger has such a handler."""
    logger, handler = logging.getLogger("s2sauth"), Failing()
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


@pytest.mark.usefixtures("failing")
def test_log_handler_that_raises_harms_nobody(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """The token comes all the same."""
    fake.omit_expires_in()
    credentials.get_token()


def test_what_an_event_causes_on_its_thread_is_not_reported_again(clock: ManualClock) -> None:
    """`on_event` that reports: once, not for ever."""
    told: list[Event] = []

    def on_event(event: Event) -> None:
        told.append(event)
        report("renewed", event.key)

    report = Reporter(clock, on_event)
    report("renewed", "0123abcd")
    report("renewed", "0123abcd")
    assert len(told) == 2


def test_event_is_frozen_and_small(clock: ManualClock) -> None:
    """Three fields are enough, and nothing is to be changed."""
    event = Event("renewed", 1.0, "0123abcd")
    with pytest.raises(AttributeError):
        event.name = "closed"  # type: ignore[misc]  # that is the test
    assert (event.seconds, event.attempt, event.error) == (None, None, None)


def test_a_good_renewal_is_two_events(
    credentials: CognitoClientCredentials, events: list[Event], clock: ManualClock
) -> None:
    """With one key, and the time that it took."""
    credentials.get_token()
    assert names(events) == ["renewal_started", "renewed"]
    assert {event.key for event in events} == {credentials._slot.id}
    assert [event.seconds for event in events] == [None, 0.0]
    assert [event.at for event in events] == [clock.wall()] * 2


def test_cached_token_is_no_event(credentials: CognitoClientCredentials, events: list[Event]) -> None:
    """The hot path is silent."""
    credentials.get_token()
    events.clear()
    credentials.get_token()
    assert events == []


@pytest.mark.parametrize(
    ("name", "knob"),
    [
        ("expires_in_missing", lambda fake: fake.omit_expires_in()),
        ("scope_narrowed", lambda fake: fake.narrow_scopes(["demo/write.file"])),
        ("client_mismatch", lambda fake: fake.set_claims({"client_id": "other"})),
        ("clocks_disagree", lambda fake: fake.set_claims({"iat": 1, "exp": 3601})),
    ],
)
def test_odd_tokens_are_events(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event], name: str, knob: object
) -> None:
    """The token is used all the same."""
    knob(fake)  # type: ignore[operator]  # a function of the table
    credentials.get_token()
    assert names(events).count(name) == 1


def test_events_of_one_credentials_object_have_one_key_per_scope_set(
    credentials: CognitoClientCredentials, events: list[Event]
) -> None:
    """Eight hex digits, another for other scopes."""
    credentials.get_token()
    credentials.with_scopes("demo/write.file").get_token()
    keys = [event.key for event in events]
    assert [one == other for one, other in pairwise(keys)] == [True, False, True]
    assert all(int(key, 16) >= 0 for key in keys)
