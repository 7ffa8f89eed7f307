"""What is known for each key, and the bounded map of the keys that one credentials object uses."""

import threading
from typing import TYPE_CHECKING, final
from weakref import WeakValueDictionary

from ._core.entry import Entry
from ._core.errors import Cause, Failure
from ._core.retry import Cooldown, ForcedBudget, LastFailure, Purchase
from ._core.settings import Settings, key, key_id, with_client
from ._flight import Flight
from ._process import this_process

if TYPE_CHECKING:
    from cachetools import LRUCache

KEPT = 256
"""Scope sets kept after their last view is gone."""


@final
class Slot:
    """Everything that is known for one key.

    Its flights write it. Callers write it in two places only: the latest flight, and the failure of a flight that they
    give up. `flight` and `entry` may lag behind for a moment when several threads write at the same time. Each leads to
    its successor, and the end of that chain is what counts.
    """

    __slots__ = (
        "__weakref__",
        "budget",
        "entry",
        "failure",
        "flight",
        "given",
        "id",
        "purchases",
        "settings",
        "token_requests",
        "tokens_billed",
    )

    def __init__(self, settings: Settings) -> None:
        self.given = settings
        """The settings as they were given; the slot's place in the map."""
        self.settings = settings
        """The same, with the client's id as soon as that is known."""
        self.id = key_id(settings)
        self.entry = Entry.nothing(0)
        """What the cached path reads. Once another entry follows it, it is never fresh."""
        self.flight = Flight.ended(0, Failure.unavailable(Cause.MISUSE, "no token was asked for yet"))
        self.budget: ForcedBudget | None = None
        """Of forced renewals."""
        self.purchases: list[Purchase] = []
        """The latest tokens that its token requests were answered with, in order."""
        self.failure: LastFailure | None = None
        """The failure of the latest flight that failed. `last_failure` says whether it still counts."""
        self.token_requests = 0
        self.tokens_billed = 0

    def know_client(self, client_id: str) -> None:
        """Put the client's id, which came with the secret, in the place of the secret's ARN."""
        self.settings = with_client(self.given, client_id)
        self.id = key_id(self.settings)

    @property
    def latest(self) -> Flight:
        """The latest flight."""
        flight = self.flight
        while (following := flight.next.get(None)) is not None:
            flight = following
        return flight

    @property
    def newest(self) -> Entry | None:
        """The cached token."""
        entry = self._last()
        return entry if entry.life else None

    def _last(self) -> Entry:
        entry = self.entry
        while (following := entry.next.get(None)) is not None:
            entry = following
        return entry

    @property
    def last_failure(self) -> LastFailure | None:
        """The latest failure, unless the same or a later flight has brought a token."""
        failure = self.failure
        return None if failure is None or failure.number <= self._last().number else failure

    @property
    def cooldown(self) -> Cooldown | None:
        """The pause that the latest failure asks for."""
        failure = self.last_failure
        return None if failure is None else failure.cooldown

    @property
    def last_error(self) -> str | None:
        """Class name or OAuth code of the latest failure, or None since the latest success."""
        failure = self.last_failure
        return None if failure is None else failure.error

    def keep(self, entry: Entry) -> None:
        """Cache `entry`, unless a later flight has brought one.

        Several threads may do this at the same time. Each checks again after it has written, so the last one to write
        leaves the end of the chain.
        """
        while (last := self._last()).number <= entry.number and not last.follow_with(entry):
            pass  # another thread was faster
        while self.entry is not (last := self._last()):
            self.entry = last


@final
class SlotMap:
    """The slots of one credentials object: equal settings share one, the 256 most recent are kept.

    A slot that a view uses, or that has a flight in progress, is always kept.
    """

    def __init__(self) -> None:
        self._alive: WeakValueDictionary[str, Slot] = WeakValueDictionary()
        self._recent: LRUCache[str, Slot] | None = None
        self._lock = threading.RLock()
        self._process = this_process()

    def slot(self, settings: Settings) -> Slot:
        """The slot of these settings."""
        name = key(settings)
        with self._own_lock():
            slot = self._alive.get(name)
            if slot is None:
                slot = self._alive[name] = Slot(settings)
            self._keep(name, slot)
        return slot

    def all(self) -> list[Slot]:
        """Every slot that is alive."""
        with self._own_lock():
            return list(self._alive.values())

    def _own_lock(self) -> threading.RLock:
        # A lock that a thread of the parent process held at the fork would never be released here.
        if self._process != this_process():
            self._lock = threading.RLock()
            self._process = this_process()
        return self._lock

    def _keep(self, name: str, slot: Slot) -> None:
        if self._recent is None:
            if len(self._alive) == 1:
                return  # a single scope set, the usual case, needs no bound, and no import
            from cachetools import LRUCache  # noqa: PLC0415  # only objects with several scope sets pay for it

            self._recent = LRUCache(maxsize=KEPT)
        self._recent[name] = slot
