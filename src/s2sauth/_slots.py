"""What is known per key, and the bounded map of the keys that one credentials object has in use."""

import threading
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, final
from weakref import WeakValueDictionary

from ._core.config import Settings, key, key_id
from ._core.errors import Cause, Failure
from ._core.freshness import Entry, Instant, elapsed, new_entry
from ._core.policy import RenewalPolicy
from ._core.retry import Failed, Forced, Memory, remember_in_hand, remember_outage, remember_refusal
from ._core.values import AccessToken
from ._flight import Flight
from ._process import Clock, this_process

if TYPE_CHECKING:
    from cachetools import LRUCache

    from ._core.issued import Issued

Rank = tuple[int, bool]
"""Of an entry: the number of its flight, and whether it is suspected."""

KEPT = 256
"""Scope sets kept after their last view is gone."""


REMEMBERED = 16
"""Tokens that a credentials object recognises when a request brings one back: at 5 minutes a token, the latest hour."""


@final
class OurHeaders:
    """Recognises the Authorization headers of the latest tokens.

    This remembers Python's keyed hashes, which tell nothing about the tokens, and only so many of them.
    """

    __slots__ = ("_hashes",)

    def __init__(self) -> None:
        self._hashes: tuple[int, ...] = ()

    def remember(self, header: str) -> None:
        """Note a token that has arrived."""
        # Replaced as a whole, so no lock is needed. Of two flights that end at once, one may lose its note.
        if (mark := hash(header)) not in self._hashes:
            self._hashes = (*self._hashes[1 - REMEMBERED :], mark)

    def recognise(self, header: str) -> bool:
        """Whether it is one of them; then it stays remembered, because it may come with every request."""
        mark, hashes = hash(header), self._hashes
        if mark not in hashes:
            return False
        self._hashes = (*(other for other in hashes if other != mark), mark)
        return True


@final
class Client:
    """What all scope sets of one credentials object share."""

    __slots__ = ("closed", "memory", "ours")

    def __init__(self) -> None:
        self.closed = False
        self.ours = OurHeaders()
        self.memory: Memory | None = None
        """A refusal of the client id or secret, which holds for every scope set."""


@final
class Slot:
    """All that is known for one key. Written by its flights; callers only read, but for suspecting a token."""

    __slots__ = (
        "__weakref__",
        "_arrived",
        "_failed",
        "client",
        "entry",
        "flight",
        "forced",
        "id",
        "settings",
        "token_requests",
        "tokens_billed",
    )

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings = settings
        self.client = client
        self.id = key_id(settings)
        self.entry: Entry | None = None
        """What the cached path reads: the newest entry; or for a moment an older one, which is retired by then."""
        self.flight = Flight.none_yet()
        """The latest flight, or for a moment an earlier one, which leads to it."""
        self.forced: Forced | None = None
        self.token_requests = 0
        self.tokens_billed = 0
        self._arrived: dict[Rank, Entry | None] = {(0, False): None}
        """What came, by rank, and None where the cached token was forgotten: the highest rank is what counts."""
        self._failed: Failed | None = None

    @property
    def latest(self) -> Flight:
        """The latest flight."""
        flight = self.flight
        while (successor := flight.successor) is not None:
            flight = successor
        return flight

    @property
    def newest(self) -> Entry | None:
        """The cached token."""
        return self._highest()[1]

    @property
    def failed(self) -> Failed | None:
        """The latest failure, if no token of the same or a later flight is there."""
        failed = self._failed
        return None if failed is None or failed.number <= self._highest()[0][0] else failed

    @property
    def memory(self) -> Memory | None:
        """The failure that is remembered of this key."""
        failed = self.failed
        return None if failed is None else failed.memory

    @property
    def last_error(self) -> str | None:
        """Class name or OAuth code of the latest failure, or None since the latest success."""
        failed = self.failed
        return None if failed is None else failed.error

    def offer(self, entry: Entry) -> None:
        """Keep `entry` if it is of a higher rank than the cached one."""
        self._put(entry.rank, entry)

    def forget(self, number: int) -> None:
        """Drop the token and what flights before this number bring from now on."""
        self._put((number, False), None)

    def _put(self, rank: "Rank", entry: Entry | None) -> None:
        """Several may do this at the same time: flights, callers that suspect a token, close().

        Each adds its own entry, retires those below the highest, and assigns the highest until it stands. One that is
        held up just before it assigns may put an older entry back for a moment. By then that entry is retired: it was
        there when the newer one looked for what to retire.
        """
        arrived = self._arrived
        arrived.setdefault(rank, entry)
        while True:
            highest, best = self._highest()
            for each, older in list(arrived.items()):
                if each < highest:
                    if older is not None:
                        older.retire()
                    arrived.pop(each, None)
            if self.entry is best:
                return
            self.entry = best

    def _highest(self) -> "tuple[Rank, Entry | None]":
        return max(list(self._arrived.items()), key=itemgetter(0))

    def arrived(
        self,
        issued: "Issued",
        flight: Flight,
        *,
        asked_at: Instant,
        policy: RenewalPolicy,
        clock: Clock,
        suspected: bool = False,
    ) -> Entry:
        """The entry of a token that `flight` brought, from the token endpoint or from another process."""
        forced = flight.replaces is not None
        token = AccessToken(
            issued.access_token,
            expires_in=issued.lifetime,
            issued_at=asked_at.wall,
            left=lambda: issued.lifetime - elapsed(asked_at, Instant(clock.wall(), clock.boottime())),
            scopes=issued.scopes,
            trial=partial(self.trial_passed, flight.number) if forced else None,
        )
        return new_entry(
            token,
            asked_at=asked_at,
            life=issued.lifetime,
            policy=policy,
            chance=clock.random(),
            number=flight.number - suspected,  # what the flight itself brings goes before a suspected one
            forced=forced,
            suspected=suspected,
            issued_life=issued.issued_life,
        )

    def remember(
        self,
        failure: Failure,
        number: int,
        *,
        now: Instant,
        policy: RenewalPolicy,
        chance: float,
        waited_for: bool = True,
    ) -> None:
        """Note that the flight of this number failed, before it is settled, so the next caller does not repeat it.

        The flight itself and the caller that gives it up may both do so: it counts once. A flight that nobody waited
        for began with a token in hand, though that may have ended since.
        """
        cause, client, before = failure.cause, self.client, self.failed
        if before is not None and before.number >= number:
            return
        if cause is Cause.CLIENT_REFUSED:
            client.memory = remember_refusal(failure, client.memory, now=now, chance=chance)
        memory = None if before is None else before.memory
        entry = self.newest
        left = 0.0 if entry is None else max(0.0, entry.usable_left(now))
        if entry is not None and (left > 0 or not waited_for):
            window = policy.window(entry.life)
            memory = remember_in_hand(failure, memory, now=now, window=window, usable_left=left, chance=chance)
        elif cause is Cause.REQUEST_REFUSED:
            memory = remember_refusal(failure, memory, now=now, chance=chance)
        elif cause in _OUTAGES:
            memory = remember_outage(failure, memory, now=now, chance=chance)
        self._failed = Failed(number, failure.name, memory)

    def put_off(self, memory: Memory, number: int) -> None:
        """Note that the flight of this number left the renewal to another process: no failure, but a pause."""
        self._failed = Failed(number, self.last_error, memory)

    def succeeded(self, entry: Entry) -> None:
        """Keep the token of a flight; it outranks the failures before it."""
        self.offer(entry)
        self.client.ours.remember(entry.token.authorization)
        self.client.memory = None

    def trial_passed(self, number: int) -> None:
        """An API took the token that flight `number` brought by force: the interval is reset."""
        forced = self.forced
        if forced is not None and forced.number == number and not forced.passed:
            self.forced = forced.accepted()


_OUTAGES = frozenset({Cause.UNREACHABLE, Cause.THROTTLED, Cause.UNTRUSTED, Cause.MISUSE})


@final
class SlotMap:
    """The slots of one credentials object: equal settings share one, the 256 most recent are kept.

    A slot that a view holds or that is in flight lives as long as that, whatever the bound says.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
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
                slot = self._alive[name] = Slot(settings, self._client)
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
