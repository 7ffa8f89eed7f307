"""Where a peer is put through a row: a process of its own, with two token endpoints and their APIs over TLS."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from statistics import quantiles
from typing import Any

from s2sauth.testing import FakeCognito

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))
from _support import in_own_process, private_ca  # noqa: E402  # beside this package

Outcome = tuple[bool, float, str]
"""Whether a call was answered with 200 or a value that is no status, how long it took, and what went wrong."""
Facts = dict[str, Any]


class Stage:
    """What a row may use and change."""

    def __init__(self, fake: FakeCognito, foreign: FakeCognito, bundle: str, adapter: Any = None, *, ci: bool) -> None:
        self.fake = fake
        self.foreign = foreign
        self.adapter = adapter
        self.ci = ci
        """A run of seconds, that only shows that it works."""
        self.environ = {
            **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
            **fake.environ,
            "SSL_CERT_FILE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
            "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
        }

    @property
    def name(self) -> str:
        """Of the adapter."""
        return str(self.adapter.__name__.rpartition(".")[2])

    @property
    def tasks(self) -> bool:
        """Whether the peer awaits."""
        return hasattr(self.adapter.Peer, "aget")

    @property
    def rounds(self) -> int:
        """Of what is measured."""
        return 2 if self.ci else 7

    @property
    def requests(self) -> int:
        """Token requests so far."""
        return self.fake.counts()["token_requests"]

    def peer(self, scopes: str | None = None) -> Any:
        """One more object of the peer's."""
        return self.adapter.Peer(dict(os.environ), scopes)

    def api(self) -> str:
        """A URL of the protected API."""
        return self.environ["FILES_SERVICE_URL"] + "/files"

    def tokens(self, life: float = 3600, latency: float = 0.05) -> None:
        """From now on tokens are valid for so long, and take so long."""
        self.fake.set_expires_in(life)
        self.fake.set_latency(latency)

    def python(self, code: str) -> str:
        """What a fresh interpreter prints that runs this code, with these endpoints. RuntimeError if it fails."""
        command = [sys.executable, "-W", "ignore", "-c", code]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environ, text=True, capture_output=True, timeout=60, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout


@contextmanager
def stage(scopes: Sequence[str] = ("demo/read.file", "demo/write.file"), *, ci: bool) -> Iterator[Stage]:
    """One without a peer, and its end."""
    with (
        private_ca() as tls,
        FakeCognito.spawn(certfile=tls.certfile, keyfile=tls.keyfile, scopes=scopes) as fake,
        FakeCognito.spawn(certfile=tls.certfile, keyfile=tls.keyfile, client_id=fake.client_id) as foreign,
    ):
        yield Stage(fake, foreign, tls.bundle, ci=ci)


def staged(
    function: Callable[[Stage], Any], peer: str, *, ci: bool, limit: float = 60, scopes: Sequence[str] = ()
) -> Any:
    """What this function, of a module's top level, gives for a peer. RuntimeError with its traceback; TimeoutError.

    With `scopes` the app client has these, and is asked for the first.
    """
    return in_own_process(_on_stage, function, peer, ci, list(scopes), timeout=limit)


def _on_stage(function: Callable[[Stage], Any], peer: str, ci: bool, scopes: list[str]) -> Any:  # noqa: FBT001  # as passed to its process
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)  # what a peer prints is no answer
    with stage(scopes, ci=ci) if scopes else stage(ci=ci) as here:
        os.environ.clear()
        os.environ.update(here.environ)
        if scopes:
            os.environ["COGNITO_SCOPES"] = scopes[0]
        here.adapter = import_module(f"benchmarks.peers.adapters.{peer}")
        return function(here)


def attempt(call: Callable[[], object]) -> Outcome:
    """One call."""
    began = time.perf_counter()
    try:
        answer = call()
    except Exception as error:  # noqa: BLE001  # any peer's
        return False, time.perf_counter() - began, type(error).__name__
    good = not isinstance(answer, int) or answer == 200
    return good, time.perf_counter() - began, "" if good else str(answer)


async def aattempt(call: Callable[[], Awaitable[int]]) -> Outcome:
    """The same, awaiting."""
    began = time.perf_counter()
    try:
        status = await call()
    except Exception as error:  # noqa: BLE001  # any peer's
        return False, time.perf_counter() - began, type(error).__name__
    return status == 200, time.perf_counter() - began, "" if status == 200 else str(status)


def summary(outcomes: list[Outcome], expected: int) -> Facts:
    """How many calls failed or never came back, and the 99th percentile of the time of those that did."""
    times = [seconds for _, seconds, _ in outcomes]
    p99 = quantiles(times, n=100)[98] if len(times) > 1 else max(times, default=0.0)
    failed = [why for good, _, why in outcomes if not good]
    return {"failed": len(failed), "stuck": expected - len(outcomes), "p99": p99, "why": sorted(set(failed))[:3]}


def run_all(
    bodies: Sequence[Callable[[], object]], limit: float, meanwhile: Callable[[], object] = lambda: None
) -> int:
    """Run each in a thread; how many have not ended after so many seconds."""
    members = [threading.Thread(target=body, daemon=True) for body in bodies]
    for member in members:
        member.start()
    end = time.monotonic() + limit
    meanwhile()
    for member in members:
        member.join(max(0.0, end - time.monotonic()))
    return sum(member.is_alive() for member in members)


def in_threads(call: Callable[[], object], number: int) -> Facts:
    """So many threads make a call at once."""
    outcomes: list[Outcome] = []
    barrier = threading.Barrier(number)

    def run() -> None:
        barrier.wait()
        outcomes.append(attempt(call))

    run_all([run] * number, 30)
    return summary(list(outcomes), number)


async def in_tasks(call: Callable[[], Awaitable[int]], number: int, limit: float = 30) -> Facts:
    """So many tasks make a call at once."""
    tasks = [asyncio.create_task(aattempt(call)) for _ in range(number)]
    done, late = await asyncio.wait(tasks, timeout=limit)
    for task in late:
        task.cancel()
    return summary([task.result() for task in done], number)
