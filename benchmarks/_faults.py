"""The faults of the soak: drawn from a seed, done to `FakeCognito` one after the other, noted as they were."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from s2sauth.testing import FakeCognito

Fault = Callable[[FakeCognito, random.Random], object]

_LOOKS_GOOD = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"access_token":"eyJhbGciOi'
)
"""The beginning of an answer that never ends; no token that the API knows."""

OUTAGES: dict[str, Fault] = {
    "refused": lambda fake, _: fake.refuse(),
    "cut handshake": lambda fake, _: fake.hang_up(),
    "hanging": lambda fake, _: fake.hang(),
    "reset": lambda fake, _: fake.reset(),
    "dripped": lambda fake, _: fake.drip(0.5, _LOOKS_GOOD),
    "truncated": lambda fake, _: fake.answer(_LOOKS_GOOD),
    "5xx": lambda fake, draw: fake.fail(draw.choice([500, 502, 503, 504])),
    "429": lambda fake, draw: fake.fail(429, headers=[("Retry-After", draw.choice(["0", "1", "2", "soon"]))]),
    "garbage": lambda fake, draw: fake.answer(draw.randbytes(200)),
    "HTML": lambda fake, draw: fake.fail(
        draw.choice([200, 403, 503]), body=b"<html>Request blocked</html>", headers=[("Content-Type", "text/html")]
    ),
}
"""While one of these lasts the token endpoint gives no token."""
SLOW = "slow"
REVOKED = "revoked"
ROTATED = "new secret"
KINDS = (*OUTAGES, SLOW, REVOKED, REVOKED, ROTATED)
"""What each round draws from, in random order."""
SHORT = (0.2, 3.0)
LONG = (4.5, 7.0)
"""Seconds; a token of 5 s has at most 4.75 s left, and less than 1.3 s when its renewal begins."""
GAP = (1.3, 2.5)
"""Seconds between two faults: longer than the slowest answer takes."""
LATENCY = (0.3, 1.2)


@dataclass(frozen=True, slots=True)
class Done:
    """A fault as it was. Times in seconds since the epoch."""

    kind: str
    began: float
    ended: float
    latency: float
    """How long each answer was held back."""


def plan(seed: int) -> Iterator[tuple[float, str, float, random.Random]]:
    """Gap, kind and length of each fault, and the chance for its details; the same for the same seed."""
    draw = random.Random(seed)
    lengths: list[tuple[float, float]] = []
    while True:
        for kind in draw.sample(KINDS, len(KINDS)):
            if kind in OUTAGES and not lengths:
                lengths = draw.sample([SHORT, SHORT, LONG], 3)
            length = draw.uniform(*lengths.pop()) if kind in OUTAGES else draw.uniform(*SHORT)
            yield draw.uniform(*GAP), kind, length, random.Random(draw.random())


class Saboteur:
    """Does what `plan` says, from `start()` to `pause()`, and goes on with the plan at the next start."""

    def __init__(self, fake: FakeCognito, secrets: Path, seed: int) -> None:
        self._fake = fake
        self._secrets = secrets
        self._plan = plan(seed)
        self._coming = next(self._plan)
        self._pausing = threading.Event()
        self._thread = threading.Thread()
        self.done: list[Done] = []
        self.error: Exception | None = None
        secrets.write_text(json.dumps([fake.client_secret]))

    def start(self) -> None:
        """Begin in the background."""
        self._pausing.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def pause(self) -> None:
        """End the fault under way; the token endpoint answers as usual. Raises what went wrong meanwhile."""
        self._pausing.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._pausing.wait(self._coming[0]):
                self._do(*self._coming[1:])
                self._coming = next(self._plan)
        except Exception as error:  # noqa: BLE001  # raised again in pause()
            self.error = error

    def _do(self, kind: str, length: float, draw: random.Random) -> None:
        began, latency = time.time(), 0.0
        if kind == REVOKED:
            self._fake.revoke()
        elif kind == ROTATED:
            self._rotate(length)
        elif kind == SLOW:
            latency = draw.uniform(*LATENCY)
            self._fake.set_latency(latency)
            self._pausing.wait(length)
            self._fake.set_latency(0.0)
        else:
            OUTAGES[kind](self._fake, draw)
            self._pausing.wait(length)
            self._fake.recover()
        self.done.append(Done(kind, began, time.time(), latency))

    def _rotate(self, length: float) -> None:
        """As on AWS: a second secret, which the service learns of a little later; both are good until the next time."""
        old = self._fake.client_secret
        new = self._fake.rotate_secret(keep_old=True)
        self._pausing.wait(length)
        later = self._secrets.with_suffix(".new")
        later.write_text(json.dumps([new, old]))
        later.replace(self._secrets)  # at once: a renewal may read it now
