"""Named examples of the model: what it once found, and defects put in on purpose, each of which it must blame.

Private modules: the defects are put into the engine.
"""

from collections.abc import Iterator

import pytest

from s2sauth import _supply
from s2sauth._core import decision, entry, retry
from s2sauth._engine import Engine
from s2sauth._flight import Flight
from tests.model.machine import Life
from tests.support.worlds import Asyncio, Threads

THREADS, ASYNCIO = Threads(), Asyncio()


@pytest.fixture
def life() -> Iterator[Life]:
    """A machine at its beginning; what it is driven to is up to the test."""
    machine = Life()
    machine.begin(chance=0.5, offset=0.0)
    yield machine
    machine.end()


def traffic(life: Life, *gaps: float) -> None:
    """Requests of one key, so many seconds apart."""
    life.traffic(0, [(gap, THREADS, "/x") for gap in gaps])


def outage(life: Life) -> None:
    """The endpoint is down, and a caller comes each second."""
    life.answers("503", None)
    for _ in range(4):
        life.ask(THREADS, 0, 1, None)
        life.run_on()
        life.run_on()
        life.advance(0.01)


def waiting(life: Life) -> None:
    """A task waits for an answer that never comes, and time passes."""
    life.hold(None)
    life.ask(ASYNCIO, 0, 2, None)
    life.advance(9.0)


def test_a_life_without_defects_is_not_blamed(life: Life) -> None:
    """What the tests below do is fine by itself."""
    traffic(life, 1.0, 200.0, 80.0, 300.0, 1.0)
    life.rejected(0, [31.0] * 6, THREADS)
    outage(life)
    life.recover()
    waiting(life)
    life.release()
    life.rush((THREADS, ASYNCIO), 2, "/x")


def test_a_token_served_past_its_life_is_blamed(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the hand-out, and by the API that saw it."""
    late = retry.elapsed
    monkeypatch.setattr(entry, "elapsed", lambda since, now: late(since, now) / 2)
    with pytest.raises(AssertionError, match=r"(?s)got a token that was over.*sent a dead token"):
        traffic(life, 400.0, 1.0)


def test_forced_renewals_without_a_budget_are_blamed(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that rejects everything would cost a token per call."""
    monkeypatch.setattr(decision, "may_force", lambda *args, **named: True)
    with pytest.raises(AssertionError, match="a token of 300 s was renewed at 0 s"):
        life.rejected(0, [5.0] * 3, THREADS)


def test_forced_renewals_without_an_interval_are_blamed(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old enough, but the last one was only just before."""
    monkeypatch.setattr(decision, "may_force", lambda _, cached, *, now, policy: now.boot - cached.asked_at.boot >= 30)
    with pytest.raises(AssertionError, match=r"renewed at 31 s; forced \[31.0\] s before, least \[60.0\]"):
        life.rejected(0, [31.0] * 4, THREADS)


def test_a_slot_shared_by_two_keys_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2025-26620."""
    monkeypatch.setattr("s2sauth._slots.key", lambda settings: settings.client_id)
    life = Life()
    life.send(THREADS, 0, 1, "/x")
    with pytest.raises(AssertionError, match="not issued for"):
        life.send(THREADS, 1, 1, "/x")
    life.end()


def test_two_flights_for_a_key_are_blamed(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each caller flies for itself."""
    monkeypatch.setattr(Flight, "flying", False)
    life.hold(None)
    for n in (1, 2):
        life.crowd.start(THREADS, [life.job(0)], wait=False)
        life.fake.wait_for_token_requests(n)
    with pytest.raises(AssertionError, match="2 flights at once"):
        life.look()


def test_an_outage_that_is_not_remembered_is_blamed(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every caller would try again at once."""
    monkeypatch.setattr(Engine, "remember", lambda *args, **named: None)
    with pytest.raises(AssertionError, match=r"asked again 0.01 s after a failure"):
        outage(life)


def test_a_deadline_that_nobody_keeps_is_blamed(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """The callers would wait as long as the endpoint likes."""
    monkeypatch.setattr("tests.support.settled.PATIENCE", 0.2)
    monkeypatch.setattr(Flight, "left", lambda self, now: 100.0)
    monkeypatch.setattr(_supply, "_patience", lambda *args: 100.0)
    with pytest.raises(AssertionError, match="never came to that"):
        waiting(life)
