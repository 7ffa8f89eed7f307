"""What a slot keeps of the entries that are offered to it, in whatever order and interleaving: the highest rank."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.freshness import Entry
from s2sauth._slots import Slot
from tests.support.entries import START, empty_slot, entry, token


def test_slot_keeps_what_is_offered_if_it_is_newer() -> None:
    """By the number of the flight, then by suspicion."""
    held, one, two = empty_slot(), entry(number=1), entry(number=2)
    held.offer(two)
    held.offer(one)
    assert held.entry is two
    suspected = two.under_suspicion()
    held.offer(suspected)
    held.offer(two)
    assert held.entry is suspected
    held.offer(entry(number=3))
    assert held.entry is not suspected


def test_the_first_of_equals_stays() -> None:
    """Two callers suspect the same token: both see one entry."""
    held, base = empty_slot(), entry()
    first, second = base.under_suspicion(), base.under_suspicion()
    held.offer(first)
    held.offer(second)
    assert held.entry is first


def test_many_offers_are_forgotten() -> None:
    """A slot does not keep every token it ever had."""
    held = empty_slot()
    for number in range(100):
        held.offer(entry(number=number))
    assert held.entry is not None
    assert held.entry.number == 99
    assert len(held._arrived) <= 8


class Meddling(Entry):  # type: ignore[misc]  # final for users; here somebody looks over its shoulder
    """An entry that lets somebody else offer something, in whole, whenever its rank is asked for."""

    def __init__(self, number: int, others: list[Callable[[], object]]) -> None:
        super().__init__(token(), asked_at=START, life=3600, renew_after=2880, usable_for=3590, number=number)
        self._others = others

    @property
    def rank(self) -> tuple[int, bool]:
        if self._others:
            self._others.pop(0)()
        return (self.number, self.suspected)


@given(st.permutations([1, 2, 3, 4, 5, 6]), st.lists(st.booleans(), min_size=6, max_size=6))
def test_offer_keeps_the_highest_rank_in_any_interleaving(numbers: list[int], nested: list[bool]) -> None:
    """Each offer may be interrupted while it looks, by the next one in whole, which may be interrupted as well."""
    held = empty_slot()
    waiting: list[Callable[[], object]] = []
    entries = [Meddling(number, waiting) for number in numbers]
    waiting += [lambda each=each: held.offer(each) for each, inside in zip(entries, nested, strict=True) if inside]  # type: ignore[misc]  # bound early
    for each, inside in zip(entries, nested, strict=True):
        if not inside:
            held.offer(each)
    while waiting:
        waiting.pop(0)()
    assert held.entry is not None
    assert held.entry.number == 6


class Interrupted(dict[tuple[int, bool], Entry]):
    """What has arrived, and at each look at it somebody else comes first."""

    others: ClassVar[list[Callable[[], object]]] = []

    def _meddle(self) -> None:
        if self.others:
            self.others.pop(0)()

    def __getitem__(self, rank: tuple[int, bool]) -> Entry:
        self._meddle()
        return super().__getitem__(rank)

    def values(self) -> Any:
        found = list(super().values())
        self._meddle()
        return found

    def pop(self, *arguments: Any) -> Any:
        self._meddle()
        return super().pop(*arguments)


@given(st.permutations([1, 2, 3, 4, 5, 6]))
def test_offer_interrupted_at_every_step(numbers: list[int]) -> None:
    """Between looking and assigning, between assigning and dropping: the highest stands, and nothing raises."""
    held = empty_slot()
    held._arrived = Interrupted()
    first, *others = [entry(number=number) for number in numbers]
    Interrupted.others[:] = [partial(held.offer, each) for each in others]
    held.offer(first)
    while Interrupted.others:
        Interrupted.others.pop(0)()
    assert held.entry is not None
    assert held.entry.number == 6


def test_late_suspicions_of_many_callers_leave_the_newer_token() -> None:
    """They read the old token, were held up, and mark it as suspected when the new one is there already."""
    held, old, new = empty_slot(), entry(number=1), entry(number=2)
    held.offer(old)
    suspicions = [old.under_suspicion() for _ in range(20)]
    held.offer(new)
    for suspicion in suspicions:
        held.offer(suspicion)
    assert held.entry is new


def test_offers_of_many_threads_leave_the_highest() -> None:
    """For real."""
    for _ in range(20):
        held = empty_slot()
        entries = [entry(number=number) for number in range(16)]
        barrier = threading.Barrier(16)

        def offer(each: Entry, held: Slot = held, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            held.offer(each)

        threads = [threading.Thread(target=offer, args=(each,)) for each in entries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert held.entry is entries[-1]
