"""Runs a scenario of docs/reference/scenarios.json: real sockets, a clock that is moved, callers in any of the worlds.

Time passes from one instant at which something is due to the next, and only while nobody can go on by itself: each
caller waits, and each flight pauses or has its answer held back. So what a scenario expects is exact. Event loops tell
time by the same clock.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import inf, isclose, ulp
from pathlib import Path
from typing import Any, final

import trio
import trio.testing

from s2sauth import AccessToken, CognitoClientCredentials, Event, Freshness, RenewalPolicy
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.settled import eventually
from tests.support.worlds import PATIENCE, GetToken, World

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
TABLE: dict[str, Any] = json.loads((REFERENCE / "scenarios.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((REFERENCE / "scenarios.schema.json").read_text(encoding="utf-8"))

BEYOND = 2.0**-20
"""How far the clock goes past the end of somebody's patience: differences of floats may fall short of it."""
CLOSE = 1e-5
"""How exact a duration must be."""


@final
class _Loop(asyncio.SelectorEventLoop):
    """An event loop that tells time by the clock."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._manual = clock

    def time(self) -> float:
        return self._manual.boottime()


@final
class _TrioClock(trio.abc.Clock):
    """The same for trio."""

    def __init__(self, clock: ManualClock) -> None:
        self._manual = clock

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        return self._manual.boottime()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - self._manual.boottime()


@final
class Call:
    """Callers that ask for a token at the same time, in one world."""

    def __init__(self, world: World, job: GetToken, n: int, clock: ManualClock) -> None:
        self._clock = clock
        self._job = job
        self._in_trio = world.name == "trio"
        self.outcomes: list[AccessToken | Exception | None] = [None] * n
        self.began = clock.boottime()
        self.ends = inf
        """When its patience ends."""
        self.waited = [0.0] * n
        self.blocked = threading.Event()
        """Set when every task has done what it can without another's help; threads are seen through the clock."""
        self._looked = threading.Event()
        self._look: Callable[[], object] = self._looked.set
        targets: list[Callable[[], None]]
        if not world.awaits:
            targets = [lambda number=number: self._now(number) for number in range(n)]  # type: ignore[misc]  # mypy has no type for a lambda with a default
        elif world.name == "asyncio":
            loop = _Loop(clock)
            self._look = lambda: loop.call_soon_threadsafe(lambda: self._keep(loop.create_task(self._turns())))
            targets = [lambda: self._asyncio(loop)]
        else:
            targets = [lambda: trio.run(self._trio, clock=_TrioClock(clock))]
        self.threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in self.threads:
            thread.start()

    @property
    def alive(self) -> int:
        """How many of them have got nothing yet."""
        return self.outcomes.count(None)

    def end(self) -> None:
        """Block until its threads have ended."""
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a caller hangs"

    def look(self) -> None:
        """Let an event loop see what time it is, and block until its tasks have done what follows from that."""
        self._looked.clear()
        with suppress(RuntimeError):  # the loop has ended
            self._look()
            eventually(lambda: self._looked.is_set() or not self.alive)

    async def _turns(self) -> None:
        for _ in range(5):
            if self._in_trio:
                await trio.lowlevel.checkpoint()
            else:
                await asyncio.sleep(0)
        self._looked.set()

    def _keep(self, task: object) -> None:
        self._task = task  # a loop holds its tasks by weak references

    def _now(self, number: int) -> None:
        outcome: AccessToken | Exception
        try:
            outcome = self._job.now()
        except Exception as error:
            outcome = error
        self._got(number, outcome)

    async def _later(self, number: int) -> None:
        outcome: AccessToken | Exception
        try:
            outcome = await self._job.later()
        except Exception as error:
            outcome = error
        self._got(number, outcome)

    def _got(self, number: int, outcome: AccessToken | Exception) -> None:
        self.waited[number] = self._clock.boottime() - self.began
        self.outcomes[number] = outcome

    def _asyncio(self, loop: _Loop) -> None:
        async def main() -> None:
            tasks = [asyncio.ensure_future(self._later(number)) for number in range(len(self.outcomes))]
            for _ in range(3):
                await asyncio.sleep(0)
            self.blocked.set()
            await asyncio.gather(*tasks)

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())

    async def _trio(self) -> None:
        token = trio.lowlevel.current_trio_token()
        self._look = lambda: token.run_sync_soon(trio.lowlevel.spawn_system_task, self._turns)
        async with trio.open_nursery() as nursery:
            for number in range(len(self.outcomes)):
                nursery.start_soon(self._later, number)
            await trio.testing.wait_all_tasks_blocked()
            self.blocked.set()


@final
class Run:
    """One scenario in one world."""

    def __init__(self, scenario: dict[str, Any], world: World, fake: FakeCognito, clock: ManualClock) -> None:
        self._scenario = scenario
        self._world = world
        self._fake = fake
        self._clock = clock
        self._events: list[Event] = []
        self._views: dict[str, CognitoClientCredentials] = {}
        self._calls: list[Call] = []
        self._begun: dict[str, Call] = {}
        self._seen: dict[str, AccessToken] = {}
        self._held = False
        """The endpoint's answers are held back."""
        self._after: float | None = None
        """So long after its request the answer that is held back is due."""
        self._answer_due = inf
        self._policy = RenewalPolicy(**scenario.get("policy", {}))
        self._before = 0

    def go(self, make: Callable[..., CognitoClientCredentials]) -> None:
        """Bring about what is given, do the steps, and compare."""
        self._clock.set_random(self._scenario.get("chance", 0.5))
        main = make(policy=self._policy, on_event=self._events.append)
        self._views[""] = main
        given = self._scenario["given"]
        if given is not None:
            self._fake.set_expires_in(given["life"])
            self._seen["T1"] = main.get_token()
            self._clock.advance(given["age"])
            if given.get("suspected"):
                main.invalidate(self._seen["T1"])
        self._before = self._sent()
        for number, step in enumerate(self._scenario["steps"], 1):
            found = self._do(step)
            self._still_soon()
            found |= {"token_requests": self._sent() - self._before, "freshness": main.state().freshness.value}
            expected: dict[str, Any] = step.get("expect", {})
            if "get" in step:
                expected = {"waited": 0, "held_back": False} | expected
            found = {name: found.get(name) for name in expected}
            assert all(_same(found[name], expected[name]) for name in expected), f"step {number}: {found}"

    # The steps

    def _do(self, step: dict[str, Any]) -> dict[str, Any]:
        """What came of the step."""
        (name,) = step.keys() - {"expect", "note"}
        return getattr(self, f"_step_{name}")(step[name]) or {}

    def _step_get(self, get: dict[str, Any]) -> dict[str, Any]:
        before = self._situation(get)
        call = self._call(get)
        self._pass_time(inf, lambda: not call.alive)
        return self._outcome(call) | {"held_back": before() and self._sent() == self._requests_before}

    def _step_begin(self, get: dict[str, Any]) -> None:
        self._begun[get["name"]] = self._call(get)

    def _step_end(self, name: str) -> dict[str, Any]:
        call = self._begun[name]
        self._pass_time(inf, lambda: not call.alive)
        return self._outcome(call)

    def _step_advance(self, seconds: float) -> None:
        self._pass_time(seconds, lambda: False)

    def _step_suspend(self, seconds: float) -> None:
        self._clock.suspend(seconds)

    def _step_step_wall(self, seconds: float) -> None:
        self._clock.step_wall(seconds)

    def _step_chance(self, chance: float) -> None:
        self._clock.set_random(chance)

    def _step_invalidate(self, label: str) -> None:
        self._views[""].invalidate(self._value(label))

    def _step_accepted(self, label: str) -> None:
        self._views[""].confirm(self._seen[label])

    def _step_answer(self, answer: dict[str, Any]) -> None:
        fake, times = self._fake, answer.get("times")
        headers = [("Retry-After", str(answer["retry_after"]))] if "retry_after" in answer else []
        fake.recover()
        if "after" in answer:
            self._step_hold(True)
            self._after = answer["after"]
        match answer:
            case {"token": {"opaque": True, **members}}:
                fake.answer_json({"access_token": "opaque", "token_type": "Bearer", **members}, times=times)
            case {"token": {"same": True}}:
                fake.repeat_tokens()
            case {"token": {"expires_in": None, "life": life}}:
                fake.set_expires_in(life)
                fake.omit_expires_in()
            case {"token": {"life": life}}:
                fake.set_expires_in(life)
            case {"error": error, "status": status}:
                fake.answer_json({"error": error}, status, times=times, headers=headers)
            case {"status": status}:
                fake.fail(status, times=times, headers=headers)
            case {"unreachable": True}:
                fake.reset(times=times)
            case {"unusable": body}:
                fake.answer_json(body, times=times)

    def _step_hold(self, hold: bool) -> None:
        self._held, self._after, self._answer_due = hold, None, inf
        if hold:
            self._fake.gate()
        else:
            self._fake.release()

    # What is compared

    def _situation(self, get: dict[str, Any]) -> Callable[[], bool]:
        """Says afterwards whether a token request was due before the call, and none under way."""
        view = self._view(get)
        slot, self._requests_before = view._slot, self._sent()
        entry = slot.entry
        rejected = self._value(get["rejected"]) if "rejected" in get else None
        due = entry is None or view.state().freshness is not Freshness.FRESH or entry.suspected
        due = due or (entry is not None and entry.token.access_token == rejected)
        flying = slot.flight.flying
        return lambda: due and not flying

    def _outcome(self, call: Call) -> dict[str, Any]:
        call.end()
        (waited,) = {round(seconds, 4) for seconds in call.waited}
        found: list[dict[str, Any]] = []
        for outcome in call.outcomes:
            if isinstance(outcome, AccessToken):
                label = self._label(outcome.access_token)
                self._seen[label] = outcome
                found.append({"token": label, "expires_in": outcome.expires_in})
            else:
                retry_after = getattr(outcome, "retry_after", None)
                found.append({"error": type(outcome).__name__, "retry_after": retry_after})
        assert all(each == found[0] for each in found), found
        return {**found[0], "waited": waited}

    def _sent(self) -> int:
        return len(self._fake.token_requests)

    def _issued(self) -> list[str]:
        return list(self._fake._pool._issued)

    def _label(self, value: str) -> str:
        return "opaque" if value == "opaque" else f"T{self._issued().index(value) + 1}"

    def _value(self, label: str) -> str:
        return label if label == "opaque" else self._issued()[int(label[1:]) - 1]

    # Time and callers

    def _view(self, get: dict[str, Any]) -> CognitoClientCredentials:
        scopes = get.get("scopes", "")
        if scopes not in self._views:
            self._views[scopes] = self._views[""].with_scopes(scopes)
        return self._views[scopes]

    def _call(self, get: dict[str, Any]) -> Call:
        arguments: dict[str, Any] = {"timeout": get.get("timeout")}
        if "rejected" in get:
            arguments["rejected"] = self._seen[get["rejected"]]
        call = Call(self._world, GetToken(self._view(get), arguments), get.get("callers", 1), self._clock)
        call.ends = call.began + min(self._policy.deadline, get.get("timeout", inf))
        self._calls.append(call)
        return call

    def _pass_time(self, seconds: float, ended: Callable[[], bool]) -> None:
        """Let so much time pass, or less when it has ended."""
        until = self._clock.boottime() + seconds
        while True:
            self._still_soon()
            if ended():
                return
            now = self._clock.boottime()
            due = min(instant for instant in (*self._dues(), until) if instant > now or instant == until)
            assert due < inf, "nothing is due, and the call does not end"
            self._move(due)
            if due == until:
                return

    def _move(self, due: float) -> None:
        self._clock.advance(max(0.0, due - self._clock.boottime()))
        while self._clock.boottime() < due:
            self._clock.advance(ulp(due))
        if due >= self._answer_due:
            self._step_hold(False)
        for call in self._waiting():
            call.look()

    def _dues(self) -> Iterator[float]:
        """The instants at which something happens by itself, by the clock since boot."""
        pauses = [flight.pause for flight in self._flying()]
        yield from (sleeper.due for sleeper in list(self._clock._sleepers) if sleeper.lock in pauses)
        yield self._answer_due
        waiting = self._waiting()
        for call in waiting:
            yield call.ends + BEYOND
        if waiting:
            for flight in self._flying():
                since, seconds = flight.limit
                yield since.boot + seconds + BEYOND

    def _waiting(self) -> list[Call]:
        return [call for call in self._calls if call.alive]

    def _flying(self) -> list[Any]:
        return [view._slot.flight for view in self._views.values() if view._slot.flight.flying]

    def _still_soon(self) -> None:
        """Block until nobody can go on by itself."""
        eventually(self._still)
        if self._after is not None and self._answer_due == inf and self._in_the_air():
            self._answer_due = self._clock.boottime() + self._after

    def _still(self) -> bool:
        flying = self._flying()
        asleep = [sleeper.lock for sleeper in list(self._clock._sleepers) if sleeper.lock.locked()]  # type: ignore[attr-defined]  # every lock has it
        pauses = [flight.pause for flight in flying]
        if not all(flight.pause in asleep or (self._held and self._in_the_air()) for flight in flying):
            return False
        waiting = self._waiting()
        if waiting and not flying:
            return False  # what they waited for is there, and they are on their way
        if not self._world.awaits:
            return sum(call.alive for call in waiting) <= sum(lock not in pauses for lock in asleep)
        return all(call.blocked.is_set() for call in waiting)

    def _in_the_air(self) -> bool:
        """A token request has arrived, and its answer is held back."""
        sent = sum(view._slot.token_requests for view in self._views.values())
        over = sum(event.name in _OVER for event in self._events)
        return sent == self._sent() > over


_OVER = {"renewal_attempt_failed", "renewed", "flight_replaced"}
"""With each of these events a token request is no longer waited for."""


def _same(found: object, expected: object) -> bool:
    if isinstance(found, float) and isinstance(expected, int | float):
        return isclose(found, expected, abs_tol=CLOSE)
    return found == expected
