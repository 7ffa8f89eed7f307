"""What all views of one credentials object share, and what applies to all their keys."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

from ._clock import Clock, SystemClock
from ._core.entry import Entry, Instant, elapsed
from ._core.errors import Cause, Failure
from ._core.once import Once
from ._core.policy import RenewalPolicy
from ._core.retry import Cooldown, LastFailure, cooldown_after_refusal, cooldown_of_key
from ._core.values import AccessToken, Secret
from ._flight import Flight, Outcome
from ._slots import Slot, SlotMap
from .events import OnEvent, Reporter

if TYPE_CHECKING:
    from ._core.issued import Issued
    from ._sender import Sender
    from .secret_sources import SecretInput
    from .stores import Store

REMEMBERED = 16
"""Tokens that a credentials object recognises when a request brings one back: at 5 minutes a token, the latest hour."""

CLOSED = "These credentials were closed. Build the object once, at module level, and close it when the process ends."


@final
class Engine:
    """What the views of one credentials object have in common."""

    def __init__(
        self,
        *,
        policy: RenewalPolicy,
        clock: Clock | None,
        on_event: OnEvent | None,
        secrets: "SecretInput",
        http_client: Callable[[], Any] | None,
        store: "Store | str | None",
    ) -> None:
        self.policy = policy
        self.clock: Clock = clock or SystemClock()
        self.secrets = secrets
        self.http_client = http_client
        self.store = store
        self.report = Reporter(self.clock, on_event)
        self.slots = SlotMap()
        self.closed = False
        self.refused: Cooldown | None = None
        """A refusal of the client id or secret, which applies to every key."""
        self.accepted: Secret | None = None
        """The secret that the latest token was issued for."""
        self.client: Once[str] = Once()
        """The client's id, if it came with the secret: that of the first one that got a token."""
        self.our_headers = OurHeaders()
        self.working: dict[Flight, None] = {}
        """Flights whose thread is at work, including those that were closed or given up since."""
        self.last_look: Instant | None = None
        """What the clocks said when the latest flight began."""
        # What prepare() imports; each is set before the first flight.
        self.preparing: int | None = None  # the thread that does it
        self.open_sender: Callable[[str], Sender] | None = None
        self.open_session: Callable[[Engine, Slot, Flight, list[Secret]], Any] | None = None
        """Makes a `StoreSession`; None without a store."""
        self.renew: Callable[[Engine, Slot, Flight], Outcome] | None = None

    def now(self) -> Instant:
        """This moment by both clocks."""
        return Instant(self.clock.wall(), self.clock.boottime())

    def entry(
        self,
        issued: "Issued",
        flight: Flight,
        *,
        asked_at: Instant,
        suspected: bool = False,
        to_its_end: bool = False,
    ) -> Entry:
        """The entry of a token that `flight` brought, from the token endpoint or from another process.

        It is used `to_its_end` when no other can be requested, else until the margin.
        """
        clock, forced = self.clock, flight.replaces is not None
        margin = 0.0 if to_its_end else None
        if issued.rounding and not to_its_end:
            margin = max(self.policy.margin(issued.lifetime), issued.rounding)
        token = AccessToken(
            issued.access_token,
            expires_in=issued.lifetime,
            issued_at=asked_at.wall,
            left=lambda: issued.lifetime - elapsed(asked_at, Instant(clock.wall(), clock.boottime())),
            scopes=issued.scopes,
        )
        entry = Entry(
            token,
            asked_at=asked_at,
            life=issued.lifetime,
            policy=self.policy,
            chance=clock.random(),
            number=flight.number - 1 if suspected else flight.number,  # what the flight itself brings comes after it
            forced=forced,
            issued_life=issued.issued_life,
            longest=issued.longest,
            margin=margin,
        )
        if suspected:
            entry.suspect()
        return entry

    def keep(self, slot: Slot, entry: Entry) -> None:
        """Cache the token of a flight; earlier failures no longer count."""
        slot.keep(entry)
        self.our_headers.remember(entry.token.authorization)
        self.refused = None

    def remember(self, slot: Slot, flight: Flight, failure: Failure) -> None:
        """Note that `flight` failed, before it is settled, so that the next caller does not repeat it.

        The flight itself and a caller that gives it up may both do so: it counts once.
        """
        before = slot.last_failure
        if before is not None and before.number >= flight.number:
            return
        now, chance = self.now(), self.clock.random()
        if failure.cause is Cause.CLIENT_REFUSED:
            self.refused = cooldown_after_refusal(failure, self.refused, now=now, chance=chance)
        cooldown = cooldown_of_key(
            failure,
            None if before is None else before.cooldown,
            slot.newest,
            waited_for=flight.waited_for,
            now=now,
            policy=self.policy,
            chance=chance,
        )
        slot.failure = LastFailure(flight.number, failure.name, cooldown)

    def give_up(self, slot: Slot, flight: Flight) -> None:
        """End a flight that has passed its deadline; any caller that notices does it."""
        seconds = flight.limit[1]
        failure = flight.too_long(seconds)
        self.remember(slot, flight, failure)
        if flight.settle(failure):
            flight.interrupt()
            self.report("flight_replaced", slot.id, seconds=seconds)

    def forget(self) -> None:
        """Drop what token requests brought and end the flights: before a snapshot is taken, or after a restore."""
        self.accepted = None
        for slot in self.slots.all():
            _end(slot, Failure.unavailable(Cause.ELSEWHERE, "a snapshot was taken meanwhile"))
        self.refused = None

    def close(self, key: str) -> None:
        """Drop the tokens, end the flights, refuse every later call; `key` is for the event."""
        if not self.closed:
            self.closed = True
            self.report("closed", key)
        for slot in self.slots.all():
            _end(slot, Failure.closed(CLOSED))


def _end(slot: Slot, outcome: Failure) -> None:
    """End all flights of a slot, and drop what they have brought or will bring."""
    last = slot.latest
    while True:
        ended = Flight.ended(last.number + 1, outcome)
        successor = last.next.settle(ended)  # first: from here on, no caller begins another one
        if last.settle(outcome):
            last.interrupt()
        if successor is ended:
            break
        last = successor
    slot.flight = ended
    slot.keep(Entry.nothing(ended.number))


@final
class OurHeaders:
    """Recognises the Authorization headers of the latest tokens.

    This remembers Python's keyed hashes, which reveal nothing about the tokens, and only a few of them.
    """

    __slots__ = ("_hashes",)

    def __init__(self) -> None:
        self._hashes: tuple[int, ...] = ()

    def remember(self, header: str) -> None:
        """Note a token that has arrived."""
        # Replaced as a whole, so no lock is needed. If two flights end at once, the note of one may be lost.
        if (mark := hash(header)) not in self._hashes:
            self._hashes = (*self._hashes[1 - REMEMBERED :], mark)

    def recognise(self, header: str) -> bool:
        """Whether it is one of them; then it stays remembered, because it may come with every request."""
        mark, hashes = hash(header), self._hashes
        if mark not in hashes:
            return False
        self._hashes = (*(other for other in hashes if other != mark), mark)
        return True
