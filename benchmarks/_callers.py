"""The service of the soak: threads, asyncio tasks and trio tasks call an API on one credentials object, and note it."""

import gc
import json
import logging
import os
import random
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import anyio
import httpx

from s2sauth import CognitoClientCredentials, S2SAuthError

THREADS = TASKS = 4
"""So many threads, and tasks of asyncio and of trio each."""
PAUSE = (0.1, 0.3)
"""Seconds between two calls of one caller."""
ROUTES: dict[tuple[str, ...], str] = {
    ("demo/read.file",): "/files",
    ("demo/write.file",): "/admin",
    ("demo/read.file", "demo/write.file"): "/files",
}
"""The scope sets, and a path that takes a token for them."""

logging.getLogger("s2sauth").setLevel(logging.ERROR)  # what is made to happen needs no warning


SENT = "X-Sent"
"""The header with the moment at which a request left for the API, in seconds since the epoch."""


class Call(NamedTuple):
    """One call and what became of it. Times in seconds since the epoch."""

    began: float
    ended: float
    scopes: tuple[str, ...]
    outcome: str
    """`"200"`, another status, `"wrong scope"`, or the name of an exception."""


class Stall(NamedTuple):
    """The process stood still: a thread that wants to run every 20 ms did not, for 0.1 s or more."""

    began: float
    ended: float


class Held(NamedTuple):
    """What the process holds while nothing is under way; None where there is no /proc."""

    fds: int | None
    threads: int | None
    memory: float | None
    """MiB."""

    def text(self) -> str:
        """For people."""
        if self.fds is None:
            return "not known here"
        return f"files: {self.fds}, threads: {self.threads}, memory: {self.memory:.1f} MiB"


class Service:
    """One credentials object with a view for each scope set."""

    def __init__(self, environ: Mapping[str, str], secrets: Path, cafile: str, seed: int) -> None:
        os.environ["SSL_CERT_FILE"] = cafile  # for the token requests of the default client
        self._context = ssl.create_default_context(cafile=cafile)
        self._api = environ["FILES_SERVICE_URL"].replace("localhost", "127.0.0.1")  # needs no look-up on a thread
        credentials = CognitoClientCredentials.from_env(
            environ=environ, client_secret=lambda: json.loads(secrets.read_text()), scopes=None
        )
        self._views = {scopes: credentials.with_scopes(*scopes) for scopes in ROUTES}
        self._auths = {scopes: view.httpx_auth(self._api) for scopes, view in self._views.items()}
        self._seed = seed
        self._ending = threading.Event()
        self._seen: deque[Call | Stall] = deque()

    def start(self) -> None:
        """Let the callers call."""
        self._ending.clear()
        bodies: list[Callable[[], object]] = [self._watch, *(partial(self._thread, n) for n in range(THREADS))]
        bodies += [partial(anyio.run, self._loop, backend, backend=backend) for backend in ("asyncio", "trio")]
        self._threads = [threading.Thread(target=body) for body in bodies]
        for thread in self._threads:
            thread.start()

    def take(self) -> list[Call | Stall]:
        """The calls made, and the stalls, since the last time."""
        return [self._seen.popleft() for _ in range(len(self._seen))]

    def stop(self) -> Held:
        """End the calls under way and the renewals; what the process holds then."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        for view in self._views.values():
            with suppress(S2SAuthError):
                view.get_token()  # somebody must notice a flight that is over its deadline
        while any(view.state().next_renewal_in is None for view in self._views.values()):
            time.sleep(0.02)
        time.sleep(0.2)  # a flight's thread ends a little later than the flight
        gc.collect()
        return held()

    def _watch(self) -> None:
        before = time.time()
        while not self._ending.wait(0.02):
            now = time.time()
            if now - before >= 0.12:
                self._seen.append(Stall(before, now))
            before = now

    def _thread(self, n: int) -> None:
        choose = random.Random(f"{self._seed} thread {n}")
        hooks = {"request": [_note_sent]}
        with httpx.Client(base_url=self._api, verify=self._context, event_hooks=hooks) as client:
            while not self._ending.is_set():
                scopes = choose.choice(list(ROUTES))
                began = time.time()
                try:
                    outcome = _outcome(client.get(ROUTES[scopes], auth=self._auths[scopes]), scopes)
                except Exception as error:  # noqa: BLE001  # whatever it is, the call has failed
                    outcome = type(error).__name__
                self._seen.append(Call(began, time.time(), scopes, outcome))
                self._ending.wait(choose.uniform(*PAUSE))

    async def _loop(self, backend: str) -> None:
        hooks = {"request": [_anote_sent]}
        async with (
            httpx.AsyncClient(base_url=self._api, verify=self._context, event_hooks=hooks) as client,
            anyio.create_task_group() as group,
        ):
            for n in range(TASKS):
                group.start_soon(self._task, client, f"{backend} {n}")

    async def _task(self, client: httpx.AsyncClient, name: str) -> None:
        choose = random.Random(f"{self._seed} {name}")
        while not self._ending.is_set():
            scopes = choose.choice(list(ROUTES))
            began = time.time()
            try:
                outcome = _outcome(await client.get(ROUTES[scopes], auth=self._auths[scopes]), scopes)
            except Exception as error:  # noqa: BLE001  # as in _thread
                outcome = type(error).__name__
            self._seen.append(Call(began, time.time(), scopes, outcome))
            await anyio.sleep(choose.uniform(*PAUSE))


def _note_sent(request: httpx.Request) -> None:
    request.headers[SENT] = repr(time.time())  # the hook has put the token on it; a connection is still to be had


async def _anote_sent(request: httpx.Request) -> None:
    _note_sent(request)


def _outcome(response: httpx.Response, scopes: tuple[str, ...]) -> str:
    if response.status_code == 200 and response.json()["scope"] != " ".join(sorted(scopes)):
        return "wrong scope"  # another view's token
    return str(response.status_code)


def held() -> Held:
    """What this process holds."""
    if not sys.platform.startswith("linux"):
        return Held(None, None, None)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(
        len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # counts names; iterdir() would open nothing less
        max(threading.active_count(), len(os.listdir("/proc/self/task"))),  # noqa: PTH208  # likewise
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    )


def serve(environ: dict[str, str], secrets: str, cafile: str, seed: int, orders: Connection) -> None:
    """In a process of its own: run when told `"start"`, sending the calls; answer `"stop"` with what is held then."""
    service = Service(environ, Path(secrets), cafile, seed)
    while orders.recv() == "start":
        service.start()
        while not orders.poll(0.5):
            orders.send(service.take())
        orders.recv()
        now_held = service.stop()
        orders.send(service.take())
        orders.send(now_held)
