"""What the actors of each scenario do. A scenario is small, so that its orders can be tried one by one.

Private modules: the explorer stops at reads and writes of the engine's own state, which nothing public shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from s2sauth import CognitoClientCredentials, CredentialsClosed, TokenUnavailable
from s2sauth.testing import MemoryStore

from .checks import Kind
from .world import DEADLINE, LIFE, STALE_AT, World, outage, refusal


@dataclass(frozen=True)
class Scenario:
    """A name, what happens, and what may come of it."""

    name: str
    about: str
    prepare: Callable[[World], None]
    requests: tuple[int, int]
    """The fewest and the most token requests."""
    known: Mapping[Kind, int] = field(default_factory=dict)
    """Faults that are known and not fixed, by number in the catalogue."""


SCENARIOS: dict[str, Scenario] = {}

CLOSED = (CredentialsClosed,)
FAILS = (TokenUnavailable,)


def scenario(
    requests: int | tuple[int, int], **known: int
) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Register the function below: its name is the scenario's."""

    def register(prepare: Callable[[World], None]) -> Callable[[World], None]:
        name = prepare.__name__.replace("_", "-")
        bounds = (requests, requests) if isinstance(requests, int) else requests
        faults = {Kind[kind]: number for kind, number in known.items()}
        SCENARIOS[name] = Scenario(name, (prepare.__doc__ or "").strip(), prepare, bounds, faults)
        return prepare

    return register


@scenario(1)
def cold(world: World) -> None:
    """Two threads ask for the first token; one asks again."""
    credentials = world.credentials()
    world.caller("a", credentials, again=1)
    world.caller("b", credentials)


@scenario(1)
def cold_mixed(world: World) -> None:
    """A thread, an asyncio task, and a thread whose patience ends at the moment of the answer."""
    credentials = world.credentials()
    world.answers[1] = 1.0, None
    world.caller("a", credentials)
    world.tasks("task", credentials)
    world.caller("hasty", credentials, timeout=1.0, may_raise=FAILS)


@scenario(1)
def cold_tasks(world: World) -> None:
    """Two tasks of one event loop and a thread ask for the first token."""
    credentials = world.credentials()
    world.tasks("tasks", credentials, count=2)
    world.caller("a", credentials)


@scenario(1)
def cold_signal(world: World) -> None:
    """Two threads; a signal handler interrupts one of them at any step and asks as well."""
    credentials = world.credentials()
    first = world.caller("a", credentials)
    world.caller("b", credentials)
    world.handler("handler", first, credentials)


@scenario(1)
def cold_refused(world: World) -> None:
    """The endpoint refuses the first request; two threads and a task ask."""
    credentials = world.credentials()
    world.answers[1] = 0.0, refusal()
    world.caller("a", credentials, may_raise=(Exception,))
    world.caller("b", credentials, may_raise=(Exception,))
    world.tasks("task", credentials, may_raise=(Exception,))


@scenario(1)
def cold_cancelled(world: World) -> None:
    """Two tasks of two loops, one of which is cancelled at the moment of the answer; a thread."""
    credentials = world.credentials()
    world.answers[1] = 1.0, None
    world.tasks("cancelled", credentials, cancel_after=1.0, may_raise=(BaseException,))
    world.tasks("task", credentials)
    world.caller("a", credentials)


@scenario(2)
def stale(world: World) -> None:
    """Two threads find a STALE token."""
    credentials = _with_token(world, age=STALE_AT)
    world.caller("a", credentials)
    world.caller("b", credentials)


@scenario(2)
def stale_mixed(world: World) -> None:
    """A thread, a task and a signal handler find a STALE token."""
    credentials = _with_token(world, age=STALE_AT)
    first = world.caller("a", credentials)
    world.tasks("task", credentials)
    world.handler("handler", first, credentials)


@scenario(2)
def expired(world: World) -> None:
    """Two threads and a task find an EXPIRED token."""
    credentials = _with_token(world, age=4000.0)
    world.caller("a", credentials)
    world.caller("b", credentials)
    world.tasks("task", credentials)


@scenario(2)
def rejected(world: World) -> None:
    """An API answered 401 to two threads with the same token."""
    credentials = _with_token(world, age=100.0)
    token = credentials.get_token()
    world.caller("a", credentials, rejected=token)
    world.caller("b", credentials, rejected=token)


@scenario(2)
def rejected_mixed(world: World) -> None:
    """An API answered 401 to a thread, a task and a signal handler, all with the same token."""
    credentials = _with_token(world, age=100.0)
    token = credentials.get_token()
    first = world.caller("a", credentials, rejected=token)
    world.tasks("task", credentials, rejected=token)
    world.handler("handler", first, credentials, rejected=token)


@scenario(3)
def rejected_other(world: World) -> None:
    """An API answered 401 to three threads: to two with the cached token, to one with the one before it."""
    credentials = _with_token(world, age=100.0)
    before = credentials.get_token()
    world.scheduler.now += 100.0
    token = credentials.get_token(rejected=before)
    world.scheduler.now += 100.0
    world.caller("late", credentials, rejected=before)
    world.caller("a", credentials, rejected=token)
    world.caller("b", credentials, rejected=token)


@scenario(2)
def invalidated(world: World) -> None:
    """A STALE token is invalidated while a flight renews it; two threads ask."""
    credentials = _with_token(world, age=STALE_AT)
    world.caller("a", credentials, again=1)
    world.doer("api", lambda: credentials.invalidate("T1"))
    world.caller("b", credentials)


@scenario(2)
def invalidated_mixed(world: World) -> None:
    """A STALE token is invalidated by a thread that asks before and after; a task and a signal handler ask."""
    credentials = _with_token(world, age=STALE_AT)

    def report() -> None:
        credentials.get_token()
        credentials.invalidate("T1")
        credentials.get_token()

    first = world.doer("api", report)
    world.tasks("task", credentials)
    world.handler("handler", first, credentials)


@scenario((1, 2))
def late(world: World) -> None:
    """The first flight is given up at its deadline, when its answer comes; another caller follows."""
    credentials = world.credentials()
    world.answers[1] = DEADLINE, None
    world.caller("a", credentials, may_raise=FAILS)
    world.caller("b", credentials, after=DEADLINE + 1)


@scenario((1, 2), LOST_COUNT=215)
def late_mixed(world: World) -> None:
    """The same for a task, a thread that waits for less than the deadline, and a signal handler."""
    credentials = world.credentials()
    world.answers[1] = DEADLINE, None
    world.tasks("task", credentials, may_raise=FAILS)
    hasty = world.caller("hasty", credentials, timeout=DEADLINE - 1, may_raise=FAILS, again=1)
    world.handler("handler", hasty, credentials, may_raise=FAILS)


@scenario((1, 2), LOST_COUNT=215)
def late_beside(world: World) -> None:
    """The first flight was given up, and its answer comes at the same time as the one of the next flight."""
    credentials = world.credentials()
    world.answers[1] = 10.0, None
    world.caller("a", credentials, may_raise=FAILS)
    world.caller("b", credentials, after=9.0)
    world.caller("c", credentials, after=10.0, may_raise=FAILS)


@scenario(1)
def late_failing(world: World) -> None:
    """The first flight is given up at its deadline, when it fails."""
    credentials = world.credentials()
    world.answers[1] = DEADLINE, outage()
    world.caller("a", credentials, may_raise=FAILS)
    world.caller("b", credentials, may_raise=FAILS)


@scenario(1)
def given_up_reading(world: World) -> None:
    """The secret source hangs beyond the deadline; the next flight gets the token."""
    credentials = world.credentials()
    world.secret_delays[:] = [DEADLINE + 1.5]
    world.caller("a", credentials, may_raise=FAILS)
    world.caller("b", credentials, after=DEADLINE + 1)


@scenario((0, 1))
def close(world: World) -> None:
    """close() beside two threads that ask for the first token, and ask again."""
    credentials = world.credentials()
    world.caller("a", credentials, may_raise=CLOSED, again=1)
    world.caller("b", credentials, may_raise=CLOSED)
    world.closer("closer", credentials)


@scenario((0, 1))
def close_mixed(world: World) -> None:
    """close() beside a task and a thread that is interrupted by a signal handler, all of which ask."""
    credentials = world.credentials()
    world.tasks("task", credentials, may_raise=CLOSED)
    first = world.caller("a", credentials, may_raise=CLOSED)
    world.handler("handler", first, credentials, may_raise=CLOSED)
    world.closer("closer", credentials)


@scenario((0, 1))
def close_reading(world: World) -> None:
    """close() while the secret source is slow."""
    credentials = world.credentials()
    world.secret_delays[:] = [2.0]
    world.caller("a", credentials, may_raise=CLOSED)
    world.closer("closer", credentials, after=1.0)


@scenario((1, 2))
def close_invalidated(world: World) -> None:
    """close() beside invalidate(); another thread asks."""
    credentials = _with_token(world, age=100.0)
    world.doer("api", lambda: credentials.invalidate("T1"))
    world.closer("closer", credentials)
    world.caller("a", credentials, may_raise=CLOSED)


@scenario(1)
def interrupted(world: World) -> None:
    """Ctrl-C in a caller, at any step, and another caller beside it."""
    credentials = world.credentials()
    first = world.caller("a", credentials, may_raise=(KeyboardInterrupt,))
    world.interruption("ctrl-c", first)
    world.caller("b", credentials)


@scenario((1, 2))
def interrupted_alone(world: World) -> None:
    """Ctrl-C in the only caller, at any step; the next caller comes an hour later."""
    credentials = world.credentials()
    first = world.caller("a", credentials, may_raise=(KeyboardInterrupt,))
    world.interruption("ctrl-c", first)
    world.caller("b", credentials, follows=first, after=4000.0)


@scenario(1)
def process(world: World) -> None:
    """Two processes with one store ask for the first token."""
    store = MemoryStore(clock=world.clock)
    one, other = world.credentials(store), world.credentials(store)
    world.caller("a", one)
    world.caller("b", other)


@scenario(1)
def process_mixed(world: World) -> None:
    """Two processes with one store: a thread that a signal handler interrupts in one, a task in the other."""
    store = MemoryStore(clock=world.clock)
    one, other = world.credentials(store), world.credentials(store)
    first = world.caller("a", one)
    world.tasks("task", other)
    world.handler("handler", first, one)


@scenario(2)
def eviction(world: World) -> None:
    """Two threads make views of the same scopes while a third one's view evicts their slot."""
    credentials = world.credentials()
    world.patch.setattr("s2sauth._slots.KEPT", 1)
    world.viewer("a", credentials, "files/a")
    world.viewer("b", credentials, "files/a")
    world.viewer("c", credentials, "files/b")


@scenario((1, 2))
def eviction_signal(world: World) -> None:
    """A signal handler makes a view, and asks, while the thread that it interrupts makes another; a third follows."""
    credentials = world.credentials()
    world.patch.setattr("s2sauth._slots.KEPT", 1)
    first = world.viewer("a", credentials, "files/a")
    world.viewer("handler", credentials, "files/b", interrupts=first)
    world.viewer("b", credentials, "files/a")


@scenario(8)
def budget(world: World) -> None:
    """One purchase is left when three callers want another token, two for its life and one after a 401."""
    credentials = _nearly_spent(world)
    token = credentials.get_token()
    world.caller("a", credentials, min_ttl=LIFE - 10.0)
    world.caller("b", credentials, min_ttl=LIFE - 10.0, after=61.0)
    world.caller("c", credentials, rejected=token)


@scenario(8)
def budget_mixed(world: World) -> None:
    """One purchase is left for a task, and a thread that a signal handler interrupts, all of which need more life."""
    credentials = _nearly_spent(world)
    first = world.caller("a", credentials, min_ttl=LIFE - 10.0, again=1)
    world.tasks("task", credentials, min_ttl=LIFE - 10.0)
    world.handler("handler", first, credentials, min_ttl=LIFE - 10.0)


@scenario(8)
def budget_spent(world: World) -> None:
    """No purchase is left, and the token is suspected: everybody gets it, and no request is sent."""
    credentials = _nearly_spent(world)
    credentials.get_token(min_ttl=LIFE - 10.0)
    world.scheduler.now += 61.0
    credentials.invalidate("T8")
    first = world.caller("a", credentials, again=1)
    world.tasks("task", credentials, min_ttl=LIFE - 10.0)
    world.handler("handler", first, credentials)


def _nearly_spent(world: World) -> CognitoClientCredentials:
    credentials = world.credentials()
    credentials.get_token()
    for _ in range(6):
        world.scheduler.now += 61.0
        credentials.get_token(min_ttl=LIFE - 10.0)
    world.scheduler.now += 61.0
    return credentials


def _with_token(world: World, *, age: float) -> CognitoClientCredentials:
    credentials = world.credentials()
    credentials.get_token()
    world.scheduler.now += age
    return credentials
