"""`wait_for_renewals`: it returns when no renewal of the object is in progress, and not before."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event, Freshness, TokenUnavailable
from s2sauth.stores import Found
from s2sauth.testing import FakeCognito, ManualClock, MemoryStore, StaticToken, wait_for_renewals
from tests.support.fixtures import clock, events, fake, make
from tests.support.settled import eventually

__all__ = ["clock", "events", "fake", "make"]

Make = Callable[..., CognitoClientCredentials]


class Waiting:
    """A thread that waits for the renewals of credentials."""

    def __init__(self, credentials: CognitoClientCredentials) -> None:
        self.thread = threading.Thread(target=wait_for_renewals, args=[credentials], daemon=True)
        self.thread.start()

    def ended(self) -> bool:
        """Whether it returned; waits for it as long as a test may take."""
        self.thread.join(10)
        return not self.thread.is_alive()


def waited_for(view: CognitoClientCredentials) -> bool:
    """Whether a thread waits for the latest renewal of this view. Private, because no public way shows who waits."""
    return bool(view._slot.flight._waiters._locks)


@pytest.fixture
def stale(make: Make, fake: FakeCognito, clock: ManualClock) -> Iterator[list[CognitoClientCredentials]]:
    """Credentials and a view, each with a STALE token whose renewal has begun and gets no answer yet."""
    credentials = make()
    both = [credentials, credentials.with_scopes("demo/write.file")]
    old = [view.get_token() for view in both]
    clock.advance(55 * 60)
    fake.gate()
    assert [view.get_token() for view in both] == old
    yield both
    fake.release()


@pytest.mark.parametrize("asked", [0, 1], ids=["the object", "its view"])
def test_it_waits_for_the_object_and_all_its_views(
    stale: list[CognitoClientCredentials], fake: FakeCognito, asked: int
) -> None:
    """Whichever of them is given."""
    old = [view.get_token() for view in stale]
    waiting = Waiting(stale[asked])
    eventually(lambda: any(map(waited_for, stale)))
    assert waiting.thread.is_alive()
    fake.release()
    assert waiting.ended()
    assert fake.counts()["token_requests"] == 4
    assert not set(old) & {view.get_token() for view in stale}


def test_it_returns_at_once_when_there_is_nothing_to_wait_for(make: Make) -> None:
    """Before the first token, and when a renewal has ended, with a token or without."""
    credentials = make()
    wait_for_renewals(credentials, timeout=0)
    credentials.get_token()
    wait_for_renewals(credentials)
    wait_for_renewals(credentials, timeout=0)
    credentials.close()
    wait_for_renewals(credentials, timeout=0)


def test_it_waits_for_a_renewal_that_fails(stale: list[CognitoClientCredentials], fake: FakeCognito) -> None:
    """What came of it does not matter."""
    fake.fail(503)
    fake.release()
    wait_for_renewals(stale[0])
    assert [view.state().last_error for view in stale] == ["TokenUnavailable"] * 2


def test_a_renewal_that_does_not_end_is_an_error_that_says_so(stale: list[CognitoClientCredentials]) -> None:
    """By real time: the clock of these credentials stands still."""
    with pytest.raises(
        TimeoutError,
        match=r"still in progress.*does not answer, or the renewal waits on a ManualClock.*blocks the event loop",
    ):
        wait_for_renewals(stale[0], timeout=0.01)


class SlowStore:
    """A store that takes its time to write a token."""

    def __init__(self) -> None:
        self.inner = MemoryStore()
        self.gate = threading.Event()
        self.written = False

    def get(self, key: str) -> Found | None:
        return self.inner.get(key)

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        if seconds > 1000:  # a token, not a lease
            assert self.gate.wait(10)
            self.written = True
        return self.inner.put(key, value, replaces=replaces, seconds=seconds)

    def delete(self, key: str, value: bytes) -> None:
        self.inner.delete(key, value)

    def close(self) -> None:
        self.inner.close()


@pytest.mark.fault(202)
def test_it_waits_until_the_token_is_in_the_shared_store(make: Make) -> None:
    """Callers have the token before that; a mock of the store is needed until then."""
    store = SlowStore()
    credentials = make(store=store)
    credentials.get_token()
    with pytest.raises(TimeoutError):
        wait_for_renewals(credentials, timeout=0.01)
    store.gate.set()
    wait_for_renewals(credentials)
    assert store.written


def test_it_waits_for_a_renewal_that_begins_while_it_waits(make: Make, fake: FakeCognito) -> None:
    """Another one of the same object, which ends only when somebody waits for it."""
    views: list[CognitoClientCredentials] = []
    first: list[CognitoClientCredentials] = []

    def secret() -> str:
        latest = (views or first)[0]
        eventually(lambda: waited_for(latest))
        return fake.client_secret

    def on_event(event: Event) -> None:
        if event.name == "renewed" and not views:
            views.append(first[0].with_scopes("demo/write.file"))
            with suppress(TokenUnavailable):
                views[0].get_token(timeout=0)

    first.append(make(client_secret=secret, on_event=on_event))
    with suppress(TokenUnavailable):
        first[0].get_token(timeout=0)
    wait_for_renewals(first[0])
    assert views[0].state().freshness is Freshness.FRESH


@pytest.mark.parametrize("end", ["closed", "given up"])
def test_it_waits_for_a_renewal_that_was_ended_while_its_thread_works(make: Make, clock: ManualClock, end: str) -> None:
    """No caller waits any more, and the thread still reads the secret, and may send a request then."""
    reading, gate, done = threading.Event(), threading.Event(), threading.Event()

    def secret() -> str:
        reading.set()
        assert gate.wait(10)
        done.set()
        return "any_secret_of_the_client"

    credentials = make(client_secret=secret)
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    assert reading.wait(10)
    if end == "closed":
        credentials.close()
    else:
        clock.advance(60)
        with pytest.raises(TokenUnavailable):
            credentials.get_token(timeout=0)
        assert credentials.state().last_error == "TokenUnavailable"
    with pytest.raises(TimeoutError):
        wait_for_renewals(credentials, timeout=0.01)
    gate.set()
    wait_for_renewals(credentials)
    assert done.is_set()
    assert not credentials._engine.working  # private, because no public way shows what a thread does


@pytest.mark.parametrize("given", [StaticToken(), None, [], CognitoClientCredentials], ids=lambda one: str(one)[:12])
def test_what_has_no_renewals_is_a_type_error_that_says_what_to_pass(given: Any) -> None:
    """StaticToken above all, which stands for credentials elsewhere."""
    with pytest.raises(TypeError) as caught:
        wait_for_renewals(given)
    name = getattr(given, "__name__", type(given).__name__)
    assert str(caught.value) == (
        f"wait_for_renewals() needs a CognitoClientCredentials or one of its views; got {name}. Pass one object at a "
        "time. A StaticToken is never renewed, so it needs no wait."
    )


@pytest.mark.parametrize("timeout", [None, math.inf, math.nan, -1, "1", True])
def test_a_timeout_is_a_number_of_seconds(make: Make, timeout: Any) -> None:
    """None would be no limit, which a test should have."""
    with pytest.raises(ConfigurationError, match=r"^timeout: seconds, 0 or more, such as 10\.0; got "):
        wait_for_renewals(make(), timeout=timeout)


def test_a_timeout_may_be_of_any_length(make: Make, fake: FakeCognito) -> None:
    """More than a lock can wait for, even."""
    credentials = make()
    fake.set_latency(0.01)
    with suppress(TokenUnavailable):
        credentials.get_token(timeout=0)
    wait_for_renewals(credentials, timeout=1e12)
    assert credentials.state().freshness is Freshness.FRESH


def test_a_renewal_cannot_wait_for_itself(make: Make) -> None:
    """In a secret source it is an error rather than a wait that never ends."""
    caught: list[BaseException] = []
    made: list[CognitoClientCredentials] = []

    def secret() -> str:
        try:
            wait_for_renewals(made[0])
        except ConfigurationError as error:
            caught.append(error)
        return "any_secret_of_the_client"

    made.append(make(client_secret=secret))
    with suppress(Exception):
        made[0].get_token()
    assert str(caught[0]) == (
        "wait_for_renewals() was called inside a renewal of the same credentials, by the secret source, on_event or a "
        "log handler. A renewal cannot wait for itself. Call it as the last step of the test."
    )
