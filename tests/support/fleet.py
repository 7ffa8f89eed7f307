"""The real engine without sockets and threads, each object in a time of its own: thousands of flights in a second.

Private modules: credentials of the public kind make sockets and threads.
"""

import logging
import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from s2sauth import AccessToken, RenewalPolicy
from s2sauth._clock import Lock
from s2sauth._core.errors import Cause, Failure
from s2sauth._core.retry import Timeouts
from s2sauth._core.token_endpoint import Answer, TokenRequest
from s2sauth._engine import Engine
from s2sauth._renewal import renew
from s2sauth._sender import Sender
from s2sauth._state import state
from s2sauth._supply import Call
from tests.support.entries import settings

BOOTED = 7_000.0
"""What the clock since boot shows at the beginning."""
Endpoint = Callable[[float], Answer | None]
"""What is answered at that moment; None: the connection is refused."""


def issue(life: int = 3600) -> Answer:
    """A token of this life."""
    body = b'{"access_token":"abc","token_type":"Bearer","expires_in":%d}' % life
    return Answer(200, {"content-type": "application/json"}, body, truncated=False)


class Own:
    """A clock that moves when its process waits, and when the test says so."""

    def __init__(self, at: float, chance: random.Random) -> None:
        self.at = at
        self.random = chance.random

    def wall(self) -> float:
        return 1_790_000_000.0 + self.at

    def boottime(self) -> float:
        return BOOTED + self.at

    monotonic = boottime

    def wait(self, lock: Lock, seconds: float, /) -> None:
        self.at += max(0.0, seconds)


class Process:
    """One process of a fleet: its own clock and chance, the engine as it is, an endpoint that is a function."""

    proxy: str | None = None

    def __init__(self, endpoint: Endpoint, requests: list[float], chance: random.Random) -> None:
        self.clock = Own(0.0, chance)
        self._endpoint = endpoint
        self._requests = requests
        self._engine = Engine(
            policy=RenewalPolicy(), clock=self.clock, on_event=None, secrets="secret", http_client=None, store=None
        )
        self._engine.renew = renew
        self._engine.open_sender = lambda _: cast(Sender, self)
        self.slot = self._engine.slots.slot(settings())

    def get(self) -> AccessToken:
        """As `get_token()`."""
        return Call(self._engine, self.slot, None, None, 0.0).get()

    @property
    def due(self) -> float:
        """Seconds until its next call makes a token request."""
        return state(self._engine, self.slot).next_renewal_in or 0.0

    @property
    def got_its_token_at(self) -> float:
        """When it asked for the one that it has; -inf without one."""
        entry = self.slot.newest
        return -math.inf if entry is None else entry.asked_at.boot - BOOTED

    def send(self, request: TokenRequest, limits: Timeouts) -> Answer | Failure:
        """The sender of its flights."""
        self._requests.append(self.clock.at)
        answer = self._endpoint(self.clock.at)
        return answer or Failure.unavailable(Cause.UNREACHABLE, "refused")

    def close(self) -> None:
        """Nothing to close."""

    abort = close


@contextmanager
def callers_fly() -> Iterator[None]:
    """No thread can be started, so whoever asks does the work: one process after another."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("_thread.start_new_thread", refuse)
        patch.setattr(logging.getLogger("s2sauth"), "disabled", True)  # tens of thousands of lines
        yield


def busiest_second(instants: list[float]) -> int:
    """The most requests within any second."""
    ordered, first, most = sorted(instants), 0, 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most
