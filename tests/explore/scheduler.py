"""Decides which actor makes the next step, so that an order of steps can be chosen and repeated.

An *actor* is a caller, a thread that the engine starts, or a signal handler that interrupts one of these. Each actor
is a real thread, and one of them runs at a time. A signal handler runs on the thread that it interrupts.

An actor stops before each *step*: a read or write of state that several threads share (`steps.py` says which), and
each call of a lock. There the scheduler decides who goes on. Time stands still while an actor can go on; then it
moves to the next deadline. An actor that waits for an answer of the script may be chosen earlier: then time moves to
its answer, as if the others were held up until it came.

In the *default order* an actor runs until it waits or ends, then the first actor in the list that can go on. An order
is written as its departures from the default: `{37: "flight1"}` means that at decision 37 `flight1` goes on instead.
"""

import _thread
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from math import inf
from typing import Any, Protocol

MOST_STEPS = 5_000
"""An order with more steps than this never ends."""

_start = _thread.start_new_thread  # the real ones; the engine gets those of `stand_ins.py`
_new_lock = _thread.allocate_lock


class Abandoned(BaseException):
    """Unwinds the actors of an order that cannot go on."""


class Chooser(Protocol):
    """Says who goes on."""

    def __call__(self, number: int, default: str, others: tuple[str, ...]) -> str:
        """One of `default` and `others`; `number` counts the decisions of one order."""
        ...


class Departures:
    """Follows the default order, but for these departures."""

    def __init__(self, departures: Mapping[int, str]) -> None:
        self._departures = departures

    def __call__(self, number: int, default: str, others: tuple[str, ...]) -> str:
        wanted = self._departures.get(number, default)
        return wanted if wanted in others else default


class Actor:
    """One line of execution."""

    def __init__(self, name: str, body: Callable[[], object], host: "Actor | None" = None) -> None:
        self.name = name
        self.body = body
        self.host = host
        """The actor whose thread this one interrupts: this one is a signal handler."""
        self.started = host is None
        self.done = False
        self.interrupted = False
        """A signal handler runs on its thread."""
        self.may_go_on: Callable[[], bool] | None = None
        """What it waits for; None if it does not wait."""
        self.until = inf
        """When it stops waiting in any case."""
        self.asleep = False
        """It waits for nothing but time: an answer that is on its way, a pause."""
        self.step = ""
        """The step that it will make next, for people."""
        self.baton = _new_lock()
        self.baton.acquire()
        self.thrown: BaseException | None = None
        """What a signal handler raised into it."""

    def enabled(self, now: float) -> bool:
        """Whether it can make a step."""
        if self.done or self.interrupted:
            return False
        return self.may_go_on is None or self.until <= now or self.may_go_on()

    def deliverable(self) -> bool:
        """Whether it is a signal that can arrive now."""
        return self.host is not None and not self.started and not self.host.done and not self.host.interrupted


class Scheduler:
    """Runs actors to their end in one order."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the order began. Nothing but this moves time."""
        self.actors: list[Actor] = []
        self.current: Actor | None = None
        self.decisions: list[tuple[str, tuple[str, ...]]] = []
        """The default and the others of each decision."""
        self.switches: list[tuple[int, str, str, str]] = []
        """Number, from whom, before which step, to whom: of each change, for people."""
        self.problems: list[tuple[str, str]] = []
        """Kind and text of what went wrong with the order itself."""
        self.on_step: Callable[[], None] = lambda: None
        self.on_idle: Callable[[], None] = lambda: None
        """Called when nobody can go on, before time moves."""
        self._trace: Callable[..., Any] | None = None
        self._choose: Chooser = Departures({})
        self._abandoned = False
        self._deciding = False
        self._over = _new_lock()

    # Before and after.

    def trace_with(self, trace: Callable[..., Any]) -> None:
        """The trace function of every actor's thread; it calls `step()`."""
        self._trace = trace

    def add(self, name: str, body: Callable[[], object], *, interrupts: Actor | None = None) -> Actor:
        """Add an actor, as a signal handler if it `interrupts` another one. The engine adds the threads it starts."""
        actor = Actor(name, body, interrupts)
        self.actors.append(actor)
        if interrupts is None:
            _start(self._thread, (actor,))
        return actor

    def run(self, choose: Chooser) -> None:
        """Run all actors to their end."""
        self._choose = choose
        self._over.acquire()
        self.current = self._decide(self.actors[0])
        self._hand_over(self.current)
        if not self._over.acquire(timeout=60):
            raise RuntimeError("an actor stopped outside of the scheduler's sight")
        self.current = None

    def _thread(self, actor: Actor) -> None:
        with suppress(Abandoned):
            self._await_turn(actor)
            sys.settrace(self._trace)
            try:
                actor.body()
            except Exception as error:
                self.problems.append(("an exception that no caller expects", f"{actor.name}: {type(error).__name__}"))
            finally:
                sys.settrace(None)
        self._ended(actor)

    def _ended(self, actor: Actor) -> None:
        actor.done = True
        if all(each.done for each in self.actors if each.host is None):
            self._over.release()
            return
        if not self._abandoned:
            with suppress(Abandoned):
                self._hand_over(self._decide(actor))
                return
        following = next(each for each in self.actors if not each.done and each.host is None)
        handlers = [each for each in self.actors if each.host is following and each.started and not each.done]
        (handlers or [following])[0].baton.release()  # it wakes, and unwinds

    # Steps.

    def step(self, what: str = "") -> None:
        """Called by the current actor before a step."""
        actor = self.current
        if actor is None or self._deciding:
            return  # the scenario is being prepared: no other actor is there; or a check looks at the engine's state
        actor.step = what
        self._go_on(actor)

    def wait(self, may_go_on: Callable[[], bool], seconds: float, what: str = "") -> None:
        """The current actor waits until that is true or so many seconds have passed."""
        actor = self.current
        if actor is None:
            self.now += 0.0 if may_go_on() else seconds
            return
        actor.step = what
        actor.may_go_on, actor.until = may_go_on, self.now + seconds
        try:
            self._go_on(actor)
        finally:
            actor.may_go_on, actor.until = None, inf

    def sleep(self, seconds: float, what: str = "") -> None:
        """The current actor waits for nothing but time."""
        actor = self.current
        if actor is None:
            self.now += seconds
            return
        actor.asleep = True
        try:
            self.wait(lambda: False, seconds, what)
        finally:
            actor.asleep = False

    def _go_on(self, actor: Actor) -> None:
        if self._abandoned:
            raise Abandoned
        following = self._decide(actor)
        if following is not actor:
            if following.host is actor and not following.started:
                self._deliver(following)
            else:
                self._hand_over(following)
                self._await_turn(actor)
        if actor.thrown is not None:
            thrown, actor.thrown = actor.thrown, None
            raise thrown

    def _hand_over(self, following: Actor) -> None:
        self.current = following
        (following if following.started or following.host is None else following.host).baton.release()

    def _await_turn(self, actor: Actor) -> None:
        while True:
            actor.baton.acquire()
            if self._abandoned:
                raise Abandoned
            if self.current is actor:
                return
            assert self.current is not None
            self._deliver(self.current)
            if self.current is actor:
                return

    def _deliver(self, signal: Actor) -> None:
        """Run a signal handler on top of what its host does, on the host's thread."""
        host = signal.host
        assert host is not None
        signal.started = host.interrupted = True
        self.current = signal
        try:
            sys.call_tracing(signal.body, ())  # the body is traced although a trace function calls it
        except Abandoned:
            raise
        except BaseException as error:  # Ctrl-C: what a handler raises, the interrupted code raises
            host.thrown = error
            host.until = self.now  # it does not wait any more
        finally:
            signal.done, host.interrupted = True, False
        following = self._decide(host)
        self.current = following
        if following is not host:
            if following.host is host and not following.started:
                self._deliver(following)
            else:
                self._hand_over(following)
                self._await_turn(host)

    def _decide(self, actor: Actor) -> Actor:
        """Who goes on, when `actor` is about to make a step, waits or has ended."""
        self._deciding = True
        try:
            return self._next(actor)
        finally:
            self._deciding = False

    def _next(self, actor: Actor) -> Actor:
        self.on_step()
        while True:
            able = [each for each in self.actors if (each.host is None or each.started) and each.enabled(self.now)]
            more = [*self._sleepers(), *(each for each in self.actors if each.deliverable())]
            default = (actor if actor in able else able[0]).name if able else "time"
            others = tuple(each.name for each in [*able, *more] if each.name != default)
            chosen = self._chosen(default, others)
            if chosen != "time":
                return self._named(actor, chosen)
            self._let_time_pass()

    def _sleepers(self) -> list[Actor]:
        """Who may go on although somebody else can: time passes, and whoever can go on is held up meanwhile."""
        first = min((each.until for each in self.actors if not each.done), default=inf)
        return [each for each in self.actors if each.asleep and self.now < each.until == first and not each.interrupted]

    def _chosen(self, default: str, others: tuple[str, ...]) -> str:
        number = len(self.decisions)
        if number >= MOST_STEPS:
            self._abandon("never ends", f"no end after {number} steps")
        self.decisions.append((default, others))
        return self._choose(number, default, others) if others else default

    def _named(self, actor: Actor, name: str) -> Actor:
        following = next(each for each in self.actors if each.name == name)
        if following is not actor:
            self.switches.append((len(self.decisions) - 1, actor.name, actor.step, name))
        if following.asleep:
            self.now = max(self.now, following.until)
        return following

    def _let_time_pass(self) -> None:
        self.on_idle()
        waiting = [each for each in self.actors if not each.done and not each.interrupted and each.until < inf]
        if not waiting:
            names = ", ".join(f"{each.name} ({each.step})" for each in self.actors if not each.done)
            self._abandon("waits for ever", f"nothing can go on: {names}")
        self.now = min(each.until for each in waiting)

    def _abandon(self, kind: str, text: str) -> None:
        self.problems.append((kind, text))
        self._abandoned = True
        raise Abandoned

    def told(self, departures: Collection[int]) -> Iterator[str]:
        """The order in words; a star marks a departure from the default order."""
        for number, before, step, after in self.switches:
            star = "*" if number in departures else " "
            yield f"{number:>5}{star} {before} stops before {step or 'its first step'}; {after} goes on"
