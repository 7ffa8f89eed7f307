"""How a flight gets a token through the shared store: each step, and what comes of each answer.

Private modules, since decisions are pure: the steps are driven by hand, without a store, and time passes in pauses.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import RenewalPolicy
from s2sauth._core.entry import Entry
from s2sauth._core.search import IN_VAIN, SURE_LOOKS, Circumstances, Do, End, Search, Step, StoreBusy
from s2sauth._core.sharing import AFTER_LEASE, BUSY, LONGEST_LEASE, POLL, lease_seconds, time_to_wait
from tests.support.entries import after, entry

LIMIT = 8.0
TOKEN = entry(value="shared")
CACHED = entry(value="cached")
"""STALE after 2,790 s, EXPIRED after 3,590 s."""
EARLY, LATE = 3000.0, 3300.0
"""Moments in either half of the time that it is STALE."""
OWNER, OTHER = b"0123456789abcdef" * 2, b"fedcba9876543210" * 2
HELD = OWNER, 2.0
FOREIGN = b"somebody else", 2.0
REFUSES = object()


class Driven:
    """One flight, which is told what came of each step."""

    def __init__(
        self, *, at: float = 0.0, cached: Entry | None = None, waits: bool = True, writes_first: bool = False
    ) -> None:
        self.began = self.passed = at
        self.cached = cached
        self.waits = waits
        self.ended = False
        self.chance = 0.5
        self.pauses: list[float] = []
        self._steps = Search(self._here, writes_first=writes_first).steps()

    def _here(self) -> Circumstances:
        return Circumstances(
            after(self.passed),
            self.cached,
            waited_for=self.waits,
            ended=self.ended,
            left=LIMIT - (self.passed - self.began),
            limit=LIMIT,
            chance=self.chance,
        )

    def first(self) -> Step:
        return next(self._steps)

    def after(self, step: Step, came: Any) -> Step | Entry | End:
        """What follows; a pause takes its time."""
        if step.do is Do.PAUSE:
            self.pauses.append(step.seconds)
            self.passed += step.seconds
        try:
            return self._steps.throw(StoreBusy()) if came is REFUSES else self._steps.send(came)
        except StopIteration as end:
            found: Entry | End = end.value
            return found


def said(step: Step | Entry | End) -> str | Entry | End:
    """The step in words, without the seconds of a pause."""
    if not isinstance(step, Step):
        return step
    words = {Do.LOOK: "look", Do.LOOK_AT_LEASE: "see lease", Do.WRITE_LEASE: "write", Do.PAUSE: "pause"}[step.do]
    over = f" over {step.replaces.decode()}" if step.replaces is not None else ""
    return words + over + (", surely" if step.surely else "")


def walk(flight: Driven, *way: tuple[str, Any]) -> str | Entry | End:
    """Go through these steps, each of which has to be the one that is asked for; what follows the last one."""
    step: Step | Entry | End = flight.first()
    for number, (expected, came) in enumerate(way):
        assert said(step) == expected, f"step {number}"
        assert isinstance(step, Step)
        step = flight.after(step, came)
    return said(step)


FIRST = ("look", None), ("see lease", None), ("write", True)
REFUSED = ("look", None), ("see lease", None), ("write", False)
HELD_ALREADY = ("look", None), ("see lease", HELD)
WAITS = ("pause", None), ("see lease", HELD)
ENDED = ("pause", None), ("see lease", None)


@pytest.mark.parametrize(
    ("way", "end"),
    [
        ((("look", TOKEN),), TOKEN),
        ((*FIRST, ("look, surely", None)), End.ASK),
        ((*FIRST, ("look, surely", TOKEN)), TOKEN),
        (HELD_ALREADY, "pause"),
        ((*HELD_ALREADY, *WAITS, *WAITS), "pause"),
        ((*HELD_ALREADY, *WAITS, *ENDED, ("look", TOKEN)), TOKEN),
        ((*HELD_ALREADY, *ENDED, ("look", None), ("write", True), ("look, surely", None)), End.ASK),
        ((*HELD_ALREADY, *ENDED, ("look", None), ("write", False), ("see lease", (OTHER, 2.0))), "pause"),
        ((*REFUSED, ("see lease", HELD)), "pause"),
        ((*REFUSED, ("see lease", HELD), *ENDED, ("look", TOKEN)), TOKEN),
    ],
    ids=[
        "a token lies there",
        "the first of all",
        "the holder before has just brought one",
        "another's lease",
        "while it lasts, nothing else is looked at or written",
        "what another brought",
        "the next holder",
        "the next holder is another",
        "another was quicker",
        "what that one brought",
    ],
)
def test_a_cold_flight(way: tuple[tuple[str, Any], ...], end: str | Entry | End) -> None:
    """It looks for a token and for a lease, and tries to write only where none is known to last."""
    assert walk(Driven(), *way) == end


@pytest.mark.parametrize(
    ("way", "end"),
    [
        ((("look", TOKEN),), TOKEN),
        ((("look", None), ("write", True), ("look, surely", None)), End.ASK),
        ((("look", None), ("write", False), ("see lease", HELD)), "pause"),
        ((("look", None), ("write", False), ("see lease", HELD), *WAITS, *ENDED, ("look", None)), "write"),
        ((("look", None), ("write", False), ("see lease", None), ("pause", None)), "see lease, surely"),
        ((("look", None), ("write", False), ("see lease", FOREIGN)), "write over somebody else"),
        ((("look", None), ("write", REFUSES), ("pause", None)), "see lease"),
        ((("look", REFUSES), ("pause", None), ("look", None)), "write"),
    ],
    ids=[
        "a token lies there",
        "the first of all",
        "another's lease",
        "the next holder",
        "refused, with none there",
        "what can be no lease",
        "busy",
        "busy before",
    ],
)
def test_a_flight_where_a_write_costs_no_more_than_a_look(way: tuple[tuple[str, Any], ...], end: object) -> None:
    """It tries to write right after its first look; from then on it goes the same way."""
    assert walk(Driven(writes_first=True), *way) == end


@pytest.mark.parametrize("waits", [True, False], ids=["cold", "STALE"])
@pytest.mark.fault(191)
@pytest.mark.parametrize(
    "lies",
    [
        FOREIGN,
        (b"", 2.0),
        (OWNER.upper().replace(b"0", b"G"), 2.0),
        (b"0123456789ABCDEF" * 2, 2.0),
        (OWNER[:-1], 2.0),
        (OWNER + b"0", 2.0),
        (OWNER + b"\n", 2.0),
        (OWNER, 60.001),
        (OWNER, float("inf")),
        (OWNER, float("nan")),
        (OWNER, -0.001),
        (OWNER, float("-inf")),
    ],
    ids=[
        "other words",
        "another type",
        "no hexadecimal number",
        "in capitals",
        "too short",
        "too long",
        "with a line break",
        "for too long",
        "for ever",
        "no number of seconds",
        "over, and still there",
        "over for ever",
    ],
)
def test_what_can_be_no_lease_is_replaced_at_once(lies: tuple[bytes, float], waits: bool) -> None:
    """By its value, so that a lease that has come since stays."""
    flight = Driven(at=EARLY, cached=None if waits else CACHED, waits=waits)
    over = f"write over {lies[0].decode()}"
    way = ("look", None), ("see lease", lies), (over, True), ("look, surely", None)

    assert walk(flight, *way) is End.ASK
    assert flight.pauses == []


@pytest.mark.fault(191)
def test_the_longest_lease_is_one() -> None:
    """Of a process with another policy: it is waited for."""
    assert walk(Driven(), ("look", None), ("see lease", (OWNER, LONGEST_LEASE))) == "pause"


@pytest.mark.fault(191)
@pytest.mark.parametrize(
    ("way", "end"),
    [
        ((("see lease", HELD), ("pause", None)), "see lease"),
        ((("see lease", FOREIGN), ("write over somebody else", True)), "look, surely"),
        ((("see lease", FOREIGN), ("write over somebody else", False), ("pause", None)), "look"),
    ],
    ids=["a lease", "the same, once more", "the same, refused"],
)
def test_who_replaces_what_can_be_no_lease_may_come_too_late(way: tuple[tuple[str, Any], ...], end: str) -> None:
    """Another did so first: its lease is waited for."""
    assert walk(Driven(), ("look", None), ("see lease", FOREIGN), ("write over somebody else", False), *way) == end


@pytest.mark.fault(191)
@pytest.mark.parametrize("lies", [None, (OWNER, 0.0), FOREIGN], ids=["nothing there", "an ended one", "no lease"])
def test_a_store_that_refuses_every_lease_is_asked_no_more(lies: tuple[bytes, float] | None) -> None:
    """Three times, a third of a second; one that ended and is refused all the same is written over in the end."""
    flight = Driven()
    flight.chance = 0.999
    step: Step | Entry | End = flight.first()
    written: list[str | Entry | End] = []
    while isinstance(step, Step):
        if step.do is Do.WRITE_LEASE:
            written.append(said(step))
        step = flight.after(step, {Do.LOOK_AT_LEASE: lies, Do.WRITE_LEASE: False}.get(step.do))

    assert step is End.ASK
    assert len(flight.pauses) == IN_VAIN - 1
    assert sum(flight.pauses) < 0.3
    over = [] if lies is None else [f"write over {lies[0].decode()}"]
    assert [words for words in written if "over" in str(words)] == over * (2 * IN_VAIN if lies == FOREIGN else 1)


@pytest.mark.fault(191)
def test_the_seconds_of_a_lease_count_from_the_first_look() -> None:
    """One whose seconds stand still, or that its owner writes again and again, ends all the same."""
    flight = Driven()
    step: Step | Entry | End = flight.first()
    did: list[str | Entry | End] = []
    while isinstance(step, Step):
        did.append(said(step))
        step = flight.after(step, {Do.LOOK_AT_LEASE: HELD, Do.WRITE_LEASE: True}.get(step.do))

    assert step is End.ASK
    assert did[-5:] == ["pause", "look", "see lease", "write", "look, surely"]
    assert did.count("write") == 1
    assert 2.0 <= flight.passed < 2.0 + AFTER_LEASE


@pytest.mark.parametrize("chance", [0.0, 0.999])
@pytest.mark.parametrize(("busy", "part"), [(False, 0.6), (True, 0.8)], ids=["waiting", "busy"])
def test_it_pauses_until_its_own_time_begins_and_no_longer(chance: float, busy: bool, part: float) -> None:
    """The last part is for its own request, also when the pauses have grown long."""
    flight = Driven()
    flight.chance = chance
    step: Step | Entry | End = flight.first()
    while isinstance(step, Step):
        came = REFUSES if busy and step.do is Do.LOOK else {Do.LOOK_AT_LEASE: (OWNER, 59.0)}.get(step.do)
        step = flight.after(step, came)

    assert step is (End.ASK_TOO_BUSY if busy else End.ASK)
    assert flight.passed == pytest.approx(part * LIMIT)


@pytest.mark.fault(192)
@pytest.mark.parametrize(
    ("way", "again"),
    [
        ((("look", REFUSES),), "look"),
        ((("look", None), ("see lease", REFUSES)), "see lease"),
        ((*REFUSED[:2], ("write", REFUSES)), "see lease"),
        ((*REFUSED, ("see lease", REFUSES)), "see lease"),
        ((("look", None), ("see lease", FOREIGN), (f"write over {FOREIGN[0].decode()}", REFUSES)), "look"),
        ((*HELD_ALREADY, ("pause", None), ("see lease", REFUSES)), "see lease"),
        ((*HELD_ALREADY, *ENDED, ("look", REFUSES)), "see lease"),
    ],
    ids=[
        "first look",
        "first look at the lease",
        "lease",
        "why it is refused",
        "no lease",
        "while it waits",
        "next look",
    ],
)
def test_a_busy_store_is_asked_again_after_a_long_pause(way: tuple[tuple[str, Any], ...], again: str) -> None:
    """Wherever it says so: most of a crowd comes back at the same time."""
    assert walk(Driven(), *way) == "pause"
    flight = Driven()
    assert walk(flight, *way, ("pause", None)) == again
    assert flight.pauses[-1] == pytest.approx(0.75 * BUSY)


@pytest.mark.fault(192)
@pytest.mark.parametrize("waits", [True, False], ids=["cold", "STALE"])
@pytest.mark.parametrize("found", [None, TOKEN], ids=["nothing", "a token"])
@pytest.mark.parametrize("times", [0, 1, SURE_LOOKS - 1])
def test_with_the_lease_a_busy_store_is_asked_for_nothing_but_the_last_look(
    times: int, found: Entry | None, waits: bool
) -> None:
    """After short pauses, for there is no crowd."""
    flight = Driven(at=EARLY, cached=None if waits else CACHED, waits=waits)
    refused = (("look, surely", REFUSES), ("pause", None)) * times

    assert walk(flight, *FIRST, *refused, ("look, surely", found)) is (found or End.ASK)
    assert flight.pauses == pytest.approx([0.075] * times)


def test_flight_that_was_settled_looks_no_more() -> None:
    """With the lease, at a busy store: closed or given up meanwhile, it pauses no more."""
    flight = Driven()
    flight.ended = True
    assert walk(flight, *FIRST, ("look, surely", REFUSES)) is End.ASK


@pytest.mark.fault(192)
def test_with_the_lease_it_asks_when_the_store_stays_busy() -> None:
    """After so many looks that most of its lease is over: the others wait for it."""
    flight = Driven()
    refused = (("look, surely", REFUSES), ("pause", None)) * SURE_LOOKS

    assert walk(flight, *FIRST, *refused) is End.ASK
    assert sum(flight.pauses) == pytest.approx(SURE_LOOKS * 0.075)
    assert SURE_LOOKS * POLL.base < lease_seconds(RenewalPolicy())


@pytest.mark.parametrize(
    ("at", "way", "end"),
    [
        (EARLY, HELD_ALREADY, End.LEAVE),
        (EARLY, (*REFUSED, ("see lease", HELD)), End.LEAVE),
        (EARLY, (("look", REFUSES),), End.LEAVE),
        (EARLY, (*REFUSED, ("see lease", None)), End.LEAVE),
        (EARLY, (*FIRST, ("look, surely", None)), End.ASK),
        (LATE, HELD_ALREADY, End.LEAVE),
        (LATE, (*REFUSED, ("see lease", HELD)), End.LEAVE),
        (LATE, (("look", REFUSES),), End.ASK_TOO_BUSY),
        (LATE, (("look", None), ("see lease", REFUSES)), End.ASK_TOO_BUSY),
        (LATE, (*REFUSED, ("see lease", None)), End.ASK),
        (LATE, (*REFUSED, ("see lease", (OWNER, 0.0))), End.ASK),
        (3590.0, (("look", REFUSES),), End.ASK_TOO_BUSY),
    ],
    ids=[
        "another's lease",
        "another was quicker",
        "busy",
        "refused, with none there",
        "the lease",
        "late, another's lease",
        "late, another was quicker",
        "late, busy",
        "late, busy at the lease",
        "late, refused, with none there",
        "late, refused, with an ended one there",
        "over, busy",
    ],
)
@pytest.mark.fault(191)
@pytest.mark.fault(192)
def test_while_a_usable_token_is_cached(at: float, way: tuple[tuple[str, Any], ...], end: str | Entry | End) -> None:
    """STALE: it is left to another that has the lease; and to whoever can, for half of that time."""
    assert walk(Driven(at=at, cached=CACHED, waits=False), *way) == end


def test_half_of_the_time_that_it_is_stale_to_the_tick() -> None:
    """3,590 s are usable, and 2,790 fresh: the half is at 3,190."""
    half = (CACHED.renew_after + CACHED.usable_for) / 2
    for at, end in ((half - 0.001, End.LEAVE), (half + 0.001, End.ASK_TOO_BUSY)):
        assert walk(Driven(at=at, cached=CACHED, waits=False), ("look", REFUSES)) is end


def test_callers_that_have_left_leave_it_to_another() -> None:
    """Nothing is cached, and no caller waits any more."""
    assert walk(Driven(waits=False), *HELD_ALREADY) is End.LEAVE


@pytest.mark.parametrize("came", [HELD, REFUSES], ids=["waiting", "busy"])
def test_a_flight_that_was_settled_from_outside_writes_nothing_more(came: object) -> None:
    """Whoever closed it does not wait for the store."""
    flight = Driven()
    flight.ended = True

    end = End.ASK_TOO_BUSY if came is REFUSES else End.ASK
    assert walk(flight, ("look", None), ("see lease", came)) is end


leases = st.none() | st.tuples(
    st.sampled_from([OWNER, OTHER, FOREIGN[0]]), st.floats(-1, 70) | st.sampled_from([float("nan"), float("inf")])
)
answers = st.fixed_dictionaries(
    {
        Do.LOOK: st.none() | st.just(REFUSES),
        Do.LOOK_AT_LEASE: leases | st.just(REFUSES),
        Do.WRITE_LEASE: st.booleans() | st.just(REFUSES),
        Do.PAUSE: st.none(),
    }
)


@given(
    answered=st.lists(answers, min_size=1, max_size=30),
    chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30),
    at=st.sampled_from([0.0, EARLY, LATE, 3600.0]),
    cached=st.sampled_from([None, CACHED]),
    waits=st.booleans(),
    writes_first=st.booleans(),
)
@pytest.mark.fault(191)
@pytest.mark.fault(192)
def test_any_answers(
    answered: list[dict[Do, Any]],
    chances: list[float],
    at: float,
    cached: Entry | None,
    waits: bool,
    writes_first: bool,
) -> None:
    """It ends in time, writes no lease while one is known to last, and its pauses are bounded."""
    flight = Driven(at=at, cached=cached, waits=waits, writes_first=writes_first)
    step: Step | Entry | End = flight.first()
    seen, until, number = b"", at, 0
    busy = leased = False
    while isinstance(step, Step):
        assert number < 500, "it does not end"
        came = answered[number % len(answered)][step.do]
        flight.chance = chances[number % len(chances)]
        number += 1
        left = LIMIT - (flight.passed - at)
        if step.do is Do.WRITE_LEASE:
            leased = came is True
            assert flight.passed > until - 1e-5
        if step.do is Do.PAUSE:
            usual = BUSY if busy and not leased else POLL.after(0 if leased else len(flight.pauses))
            after_lease = -1e-5 < flight.passed + step.seconds - until < AFTER_LEASE + 1e-5
            cut = step.seconds == pytest.approx(time_to_wait(left, LIMIT, busy=busy))
            assert cut or usual / 2 <= step.seconds <= usual or (after_lease and not busy)
        busy = came is REFUSES
        if step.do is Do.LOOK_AT_LEASE and not busy:
            owner, lasts = (b"", 0.0) if came is None else came
            if owner == FOREIGN[0] or not 0 <= lasts <= LONGEST_LEASE:
                owner, lasts = b"", 0.0
            if owner != seen or not owner:
                seen, until = owner, flight.passed + lasts
        step = flight.after(step, came)

    assert isinstance(step, End)
    assert flight.passed - at <= 0.8 * LIMIT + SURE_LOOKS * POLL.base + 1e-6


@pytest.mark.fault(191)
def test_a_lease_that_is_seen_ends_the_count_of_those_refused_in_vain() -> None:
    """The store refused it for a reason: from then on looks are the cheap ones again."""
    way = (*REFUSED, ("see lease", None), ("pause", None), ("see lease, surely", HELD), *WAITS)
    assert walk(Driven(), *way) == "pause"
