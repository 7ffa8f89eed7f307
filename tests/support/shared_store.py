"""A store that tests look into, break and hold up.

Private modules, for all tests of shared stores: what an entry is made of, how long a lease is and how often a store is
tried is nobody's business, so no public way shows it.
"""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from s2sauth import AccessToken, CognitoClientCredentials, RenewalPolicy, _sharing
from s2sauth._core.issued import Issued
from s2sauth._core.search import SURE_LOOKS
from s2sauth._core.sharing import lease_seconds
from s2sauth._core.stored import Stored
from s2sauth._core.values import Secret
from s2sauth.stores import Found, Store
from s2sauth.stores._guarded import TRIES, Guarded
from s2sauth.stores._open import open_store
from s2sauth.stores._sealed import Seal
from s2sauth.testing import FakeCognito, ManualClock, MemoryStore
from tests.support.settled import eventually
from tests.support.worlds import WORLDS, World

__all__ = [
    "LEASE",
    "LEASED",
    "SURE_LOOKS",
    "TRIES",
    "Seal",
    "Stored",
    "WatchedStore",
    "advance_to_the_next_look",
    "guarded",
    "hold_who_leaves_it_to_another",
    "idle",
    "in_the_store",
    "landed",
    "open_store",
    "pause_of",
    "planted",
    "put_lease",
    "rests",
    "seal_of",
    "token_requests",
    "two_with_a_token",
]

LEASE = lease_seconds(RenewalPolicy())
"""Seconds for which somebody who died keeps the others waiting."""
LEASED = b"50eb0d7e15e" + b"0" * 21
"""An owner that is not under test: 32 hexadecimal digits, as each has."""


class WatchedStore:
    """A `MemoryStore`, or another one, with a list of what was asked of it, and a fault for each of its methods."""

    def __init__(self, clock: ManualClock | None = None, *, inner: Store | None = None) -> None:
        self.inner: Store = MemoryStore(clock=clock) if inner is None else inner
        self.calls: list[str] = []
        self.faults: dict[str, Callable[[], object]] = {}
        """By name of a method: called before it; what it raises, the method raises."""

    def get(self, key: str) -> Found | None:
        self._enter("get")
        return self.inner.get(key)

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        self._enter("put")
        return self.inner.put(key, value, replaces=replaces, seconds=seconds)

    def delete(self, key: str, value: bytes) -> None:
        self._enter("delete")
        self.inner.delete(key, value)

    def close(self) -> None:
        self._enter("close")
        self.inner.close()

    def fail(self, *methods: str, error: type[Exception] = ConnectionError) -> None:
        """Let these raise, else all of them."""

        def raise_it() -> None:
            raise error("the store's own words")

        self.faults = dict.fromkeys(methods or ("get", "put", "delete", "close"), raise_it)

    def hold(self, *methods: str) -> threading.Event:
        """Let these wait until the event that comes back is set."""
        gate = threading.Event()
        self.faults = dict.fromkeys(methods, lambda: gate.wait(10.0))
        return gate

    def recover(self) -> None:
        """Do as is asked again."""
        self.faults = {}

    def _enter(self, method: str) -> None:
        self.calls.append(method)
        fault = self.faults.get(method)
        if fault is not None:
            fault()


def seal_of(member: CognitoClientCredentials, fake: FakeCognito, secret: str | None = None) -> Seal:
    """What names, encrypts and decrypts its entries; those that it would have with another secret."""
    return Seal(Secret(fake.client_secret if secret is None else secret), member._slot.settings)


def planted(value: str = "planted", *, asked_at: float, life: float = 3600.0) -> Stored:
    """What a process shares that asked for its token then."""
    return Stored(Issued(value, life, ("demo/read.file",)), asked_at=asked_at, suspected=False)


def guarded(member: CognitoClientCredentials) -> Guarded:
    """The store as its flights use it."""
    session: Any = member._engine.open_session
    store: Guarded = session.args[0]
    return store


def idle(member: CognitoClientCredentials) -> None:
    """Block until no operation of its store is under way any more, also none that was given up."""
    eventually(lambda: not guarded(member)._under_way)


def landed(member: CognitoClientCredentials) -> None:
    """Block until its latest flight has left: what it brought is in the store, and its lease is given back."""
    flight = member._slot.flight
    eventually(lambda: flight.outcome is not None and flight.thread is None)


def advance_to_the_next_look(member: CognitoClientCredentials, clock: ManualClock, fake: FakeCognito) -> bool:
    """Let the pause between two looks into the store pass, once its flight pauses; False: it asks instead."""
    pause = pause_of(member, clock, fake)
    if pause is None:
        return False
    clock.advance(pause)
    return True


def pause_of(member: CognitoClientCredentials, clock: ManualClock, fake: FakeCognito | None = None) -> float | None:
    """Seconds of its flight's pause, once it is in one; None: it has landed, or asks (with `fake`)."""
    asked = 0 if fake is None else token_requests(fake)
    eventually(lambda: member._slot.flight.number > 0)
    flight = member._slot.flight
    due: list[float] = []

    def pauses() -> bool:
        due[:] = [sleeper.due for sleeper in list(clock._sleepers) if sleeper.lock is flight.pause]
        return bool(due)

    def over() -> bool:
        landed = flight.outcome is not None and flight.thread is None
        return landed if fake is None else flight.outcome is not None or token_requests(fake) > asked

    eventually(lambda: pauses() or over())
    return max(0.0, due[0] - clock.boottime()) if due else None


def rests(member: CognitoClientCredentials, clock: ManualClock) -> bool:
    """Its flight is over, or in a pause."""
    flight = member._slot.flight
    return flight.outcome is not None or any(sleeper.lock is flight.pause for sleeper in list(clock._sleepers))


def hold_who_leaves_it_to_another(patch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Flights that leave the renewal to the holder of the lease set the first event, and wait for the second."""
    leaving, leave = threading.Event(), threading.Event()
    left_to_another = _sharing.left_to_another

    def slowly(*arguments: Any, **named: Any) -> Any:
        leaving.set()
        leave.wait(10)
        return left_to_another(*arguments, **named)

    patch.setattr(_sharing, "left_to_another", slowly)
    return leaving, leave


def two_with_a_token(
    join: Callable[..., CognitoClientCredentials], world: World = WORLDS[0]
) -> tuple[CognitoClientCredentials, CognitoClientCredentials, AccessToken]:
    """Two processes, the first of which has asked for the token of both."""
    first, second = join(), join()
    token = world.get(first)
    landed(first)
    world.get(second)
    landed(second)
    return first, second, token


def token_requests(fake: FakeCognito) -> int:
    """Token requests so far."""
    return fake.counts()["token_requests"]


def in_the_store(member: CognitoClientCredentials, fake: FakeCognito, store: WatchedStore) -> Stored:
    """The token that lies there."""
    seal = seal_of(member, fake)
    found = store.inner.get(seal.name)
    assert found is not None
    stored = seal.open(found.value)
    assert stored is not None
    return stored


def put_lease(store: Any, seal: Seal, seconds: float) -> None:
    """Somebody else has the lease."""
    assert store.put(seal.lease, LEASED, replaces=None, seconds=seconds)
