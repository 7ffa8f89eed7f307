"""What must hold in every order: at each step, when time passes, and at the end.

Private modules: the explorer stops at reads and writes of the engine's own state, which nothing public shows.
"""

from collections.abc import Iterator
from enum import StrEnum

from s2sauth._core.entry import Entry
from s2sauth._core.errors import Failure
from s2sauth._slots import Slot

from .world import Call, World, latest, outcome


class Kind(StrEnum):
    """What can be wrong with an order."""

    NEVER_ENDS = "never ends"
    WAITS_FOR_EVER = "waits for ever"
    NO_OUTCOME = "a caller without an outcome"
    CRASH = "an exception that no caller expects"
    WAITS_FOR_SETTLED = "a caller waits for a settled flight"
    REQUESTS = "number of token requests"
    OVERLAP = "two token requests at once"
    REQUEST_GIVEN_UP = "a token request by a flight that was given up"
    REQUEST_AFTER_CLOSE = "a token request after close()"
    TOKEN_AFTER_CLOSE = "a token after close()"
    OLD_TOKEN = "an older token than the newest"
    OLD_IN_THE_END = "an older token than the newest is cached in the end"
    OLD_ENTRY = "an older entry is cached again"
    REJECTED = "the rejected token, while another is to be had"
    OLD_FAILURE = "a failure remembered after a newer token"
    COUNTED_TWICE = "one failure counted twice"
    LOST_COUNT = "a token request or a token that is not counted"


Fault = tuple[Kind, str]


class Watch:
    """Looks at the slots at each step."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._highest: dict[Slot, int] = {}
        self.seen: list[Fault] = []
        world.scheduler.on_step = self._at_each_step
        world.scheduler.on_idle = self._before_time_passes

    def _at_each_step(self) -> None:
        for member in self._world.members:
            slot = member._slot
            entry = slot.entry
            highest = self._highest.setdefault(slot, entry.number)
            if entry.number > highest:
                self._highest[slot] = entry.number
            elif entry.number < highest and self._handed_out(entry) and entry.number < self._world.newest(slot):
                self._note(Kind.OLD_ENTRY, f"the token of flight {entry.number}, after flight {highest} had settled")

    def _handed_out(self, entry: Entry) -> bool:
        """Whether the cached path of `get_token()` would hand it out without a look at anything else."""
        return self._world.clock.wall() < entry.fresh_until_wall

    def _before_time_passes(self) -> None:
        callers = {call.name for call in self._world.calls if call.begun and call.result is None and call.error is None}
        for actor in self._world.scheduler.actors:
            waits_for_token = actor.step.startswith(("acquire()", "the loop's"))
            if actor.name in callers and waits_for_token and actor.may_go_on is not None and not self._in_progress():
                self._note(Kind.WAITS_FOR_SETTLED, f"{actor.name} waits until time is up")

    def _in_progress(self) -> bool:
        return any(outcome(latest(slot)) is None for slot in self._world.slots())

    def _note(self, kind: Kind, text: str) -> None:
        if kind not in {kind for kind, _ in self.seen}:
            self.seen.append((kind, text))


def at_the_end(world: World, requests: tuple[int, int]) -> Iterator[Fault]:
    """Everything that is wrong when all actors have ended; `requests` is how many token requests may have been sent."""
    for kind, text in world.scheduler.problems:
        yield Kind(kind), text
    for call in world.calls:
        yield from _of_a_call(world, call)
    yield from _of_requests(world, requests)
    for slot in world.slots():
        yield from _of_a_slot(world, slot)


def _of_a_call(world: World, call: Call) -> Iterator[Fault]:
    if not call.begun:
        return  # a signal that did not come
    if call.result is None and call.error is None:
        yield Kind.NO_OUTCOME, call.name
    if call.error is not None and not isinstance(call.error, call.may_raise):
        yield Kind.CRASH, f"{call.name}: {type(call.error).__name__}: {str(call.error)[:80]}"
    if call.result in world.numbers:
        if call.after_close:
            yield Kind.TOKEN_AFTER_CLOSE, f"{call.name} was handed {call.result}"
        if world.numbers[call.result] < call.newest_before:
            yield (
                Kind.OLD_TOKEN,
                f"{call.name} was handed {call.result}; flight {call.newest_before} had settled before",
            )
        if call.result == call.rejected:
            yield Kind.REJECTED, f"{call.name} was handed {call.result}, which it said was rejected"


def _of_requests(world: World, expected: tuple[int, int]) -> Iterator[Fault]:
    low, high = expected
    if not low <= len(world.requests) <= high:
        yield Kind.REQUESTS, f"{len(world.requests)}, not {low} to {high}"
    for number, request in enumerate(world.requests, 1):
        if request.beside:
            yield Kind.OVERLAP, f"request {number} was sent before the one of another flight was answered"
        if request.after_close:
            yield Kind.REQUEST_AFTER_CLOSE, f"request {number}"
        elif request.given_up:
            yield Kind.REQUEST_GIVEN_UP, f"request {number}, of flight {request.flight.number}"
    counted = sum(slot.token_requests for slot in world.slots())
    if counted < len(world.requests):
        yield Kind.LOST_COUNT, f"{counted} requests counted, {len(world.requests)} sent"
    billed = sum(slot.tokens_billed for slot in world.slots())
    if billed < len(world.numbers):
        yield Kind.LOST_COUNT, f"{billed} tokens counted, {len(world.numbers)} received"


def _of_a_slot(world: World, slot: Slot) -> Iterator[Fault]:
    entry = slot.entry if slot.entry.life else None
    if world.closed:
        if entry is not None:
            yield Kind.TOKEN_AFTER_CLOSE, f"{entry.token.access_token} is cached in the end"
        return
    flights = {flight.number: flight for each, flight in world.flights if each is slot}
    flights[latest(slot).number] = latest(slot)  # perhaps one that never began
    failed = [number for number, flight in flights.items() if isinstance(outcome(flight), Failure) and number]
    if entry is not None and entry.number < world.newest(slot):
        yield Kind.OLD_IN_THE_END, f"{entry.token.access_token}, of flight {entry.number}"
    if entry is not None and entry.number >= max(failed, default=0) and slot.last_failure is not None:
        yield Kind.OLD_FAILURE, f"{slot.last_error}, though flight {entry.number} has brought a token"
    for cooldown in (slot.cooldown, *(member._engine.refused for member in world.members)):
        if cooldown is not None and cooldown.repeated >= len(failed):
            yield Kind.COUNTED_TWICE, f"{cooldown.repeated + 1} failures remembered of {len(failed)}"
