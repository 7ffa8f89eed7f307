"""What the library does on a deployed stack and in an outage, act by act: what `s2sauth demo` shows."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from .._core.errors import S2SAuthError
from ..credentials import CognitoClientCredentials
from ..testing import FakeCognito
from ._ministack import MiniStack
from ._timeline import Moment, Timeline
from ._world import World, deploy

CALLS = 1_000
LIFE = 8.0  # seconds, of a token in the outage: long enough to watch, short enough to wait for
OUTAGE: Final = (0.6875, 0.9)  # of the life: over every moment at which its renewal may begin (0.75 to 0.85)
EVERY: Final = 0.02  # seconds from one call to the next: 50 a second
LIMITS: Final = httpx.Limits(max_connections=20)
_NO_ANSWER: Final = (httpx.TransportError, S2SAuthError)
"""Too few are served then, or after Ctrl-C MiniStack is gone."""


@dataclass(frozen=True)
class Row:
    """One thing shown."""

    what: str
    result: str
    calls: int = 0
    tokens: int = 0
    ok: bool = True


class Watcher(Protocol):
    """Is told what is under way."""

    def begins(self, what: str, /) -> None: ...
    def comes_to(self, done: int, /) -> None: ...
    def ends(self, seconds: float, /) -> None: ...


class Show:
    """Collects what is shown."""

    def __init__(self, watcher: Watcher, python: Path) -> None:
        self.rows: list[Row] = []
        self.began = time.monotonic()
        self.timeline = Timeline(LIFE + 2.0, down=(OUTAGE[0] * LIFE, OUTAGE[1] * LIFE))
        self._watcher = watcher
        self._python = python  # which has MiniStack

    @property
    def calls(self) -> int:
        """All calls that were made."""
        return sum(row.calls for row in self.rows)

    @property
    def tokens(self) -> int:
        """All tokens that were bought for them."""
        return sum(row.tokens for row in self.rows)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began

    @property
    def ok(self) -> bool:
        """Whether everything came out as it must."""
        return all(row.ok for row in self.rows)

    def run(self) -> None:
        """All of it. Raises ServerFailed if MiniStack does not start."""
        aws = MiniStack(self._python)
        with self._doing("starting MiniStack"):
            aws.__enter__()
        try:
            with self._doing("deploying examples/files-service: user pool, API Gateway, two Lambdas"):
                world = deploy(aws, caller=True)
            with CognitoClientCredentials.from_env(environ=world.environ, scopes="demo/read.file") as credentials:
                with self._doing("invoking the caller Lambda, cold and warm"):
                    self._lambda_calls(aws, world)
                with self._doing(f"{CALLS:,} calls"):
                    self._many_calls(world, credentials)
                with self._doing("a call that needs another scope"):
                    self._scopes(world, credentials)
        finally:
            aws.__exit__(None, None, None)
        doing = "Cognito down, then tokens revoked, under 50 calls a second"
        with self._doing(f"{doing} (FakeCognito, tokens of {LIFE:g} s)"):
            self._outage_and_revocation()

    def _add(self, what: str, result: str, *, calls: int, tokens: int = 0, ok: bool) -> None:
        self.rows.append(Row(what, result, calls, tokens, ok))

    @contextmanager
    def _doing(self, what: str) -> Generator[None]:
        began = time.monotonic()
        self._watcher.begins(what)
        try:
            yield
        finally:
            self._watcher.ends(time.monotonic() - began)

    def _lambda_calls(self, aws: MiniStack, world: World) -> None:
        """The caller Lambda, cold and warm."""
        for state in ("cold", "warm"):
            before = len(aws.token_requests())
            began = time.monotonic()
            answer = aws.invoke(world.caller)
            took = time.monotonic() - began
            tokens = len(aws.token_requests()) - before
            files = len(answer.get("files", ()))
            ok = files > 0 and tokens == (state == "cold")
            text = f"{took * 1000:.0f} ms, {files} files"
            self._add(f"caller Lambda, {state}", text, calls=1, tokens=tokens, ok=ok)

    def _many_calls(self, world: World, credentials: CognitoClientCredentials) -> None:
        """Threads and tasks on one object."""
        auth = credentials.httpx_auth(world.url)
        options: Any = {"base_url": world.url, "auth": auth, "limits": LIMITS, "timeout": 60}
        half = CALLS // 2
        statuses: list[int] = []

        def note(answer: httpx.Response) -> None:
            statuses.append(answer.status_code)
            if len(statuses) % (CALLS // 5) == 0:
                self._watcher.comes_to(len(statuses))

        def in_threads() -> None:
            def one(_: int) -> None:
                with suppress(*_NO_ANSWER):
                    note(client.get("/files"))

            with httpx.Client(**options) as client, ThreadPoolExecutor(20) as pool:
                deque(pool.map(one, range(half)), 0)

        async def in_tasks() -> None:
            async def one() -> None:
                with suppress(*_NO_ANSWER):
                    note(await client.get("/files"))

            async with httpx.AsyncClient(**options) as client:
                await asyncio.gather(*(one() for _ in range(half)))

        threads = [threading.Thread(target=in_threads), threading.Thread(target=lambda: asyncio.run(in_tasks()))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        served, tokens = statuses.count(200), credentials.state().tokens_billed
        ok = served == 2 * half and tokens == 1
        what = f"{CALLS:,} calls from threads and tasks"
        self._add(what, f"{served} answered 200", calls=2 * half, tokens=tokens, ok=ok)

    def _scopes(self, world: World, credentials: CognitoClientCredentials) -> None:
        """A route for another scope, without and with it."""
        token = credentials.get_token()
        with httpx.Client(base_url=world.url, auth=credentials.httpx_auth(world.url), timeout=60) as reader:
            refused = reader.post("/files")
        text = f"{refused.status_code}: the token has {' '.join(token.scopes or ())}, the route wants demo/write.file"
        self._add("POST /files without the scope", text, calls=1, ok=refused.status_code in {401, 403})
        writing = credentials.with_scopes("demo/write.file")
        with httpx.Client(base_url=world.url, auth=writing.httpx_auth(world.url), timeout=60) as writer:
            stored = writer.post("/files")
        tokens = writing.state().tokens_billed
        self._add("POST /files with it", f"{stored.status_code}", calls=1, tokens=tokens, ok=stored.status_code == 201)

    def _outage_and_revocation(self) -> None:
        """Cognito down over the moment of a renewal, then tokens that the API stops taking; calls all along."""
        timeline = self.timeline
        down, up = timeline.down
        with (
            FakeCognito(expires_in=LIFE, latency=0.1) as cognito,
            CognitoClientCredentials.from_env(environ=cognito.environ) as credentials,
            httpx.Client(base_url=cognito.api_url, auth=credentials.httpx_auth(cognito.api_url)) as client,
        ):
            load = _Load(client, cognito, timeline)
            client.get("/files").raise_for_status()
            load.begin()
            text = load.go_on([(down, cognito.fail), (up, cognito.recover)], until=LIFE + 1)
            tried = cognito.counts()["token_requests"]
            bought = credentials.state().tokens_billed
            text += f"; {tried - bought} renewals failed meanwhile"
            ok = load.all_served and tried > bought
            self._add(f"Cognito down for {up - down:.1f} s", text, calls=load.calls + 1, tokens=bought, ok=ok)

            timeline.revoked = LIFE + 1
            text = load.go_on([(timeline.revoked, cognito.revoke)], until=timeline.seconds)
            tokens = credentials.state().tokens_billed - bought
            ok = load.all_served and tokens == 1
            self._add("the API stops taking the token", text, calls=load.calls, tokens=tokens, ok=ok)


class _Load:
    """50 calls a second, noted on the timeline."""

    def __init__(self, client: httpx.Client, cognito: FakeCognito, timeline: Timeline) -> None:
        self._client = client
        self._cognito = cognito
        self._timeline = timeline
        self._began = self._wall = self._due = 0.0
        self.calls = 0
        self.all_served = True

    def begin(self) -> None:
        """The timeline's second 0."""
        self._began, self._wall = time.monotonic(), time.time()

    def go_on(self, plan: list[tuple[float, Callable[[], object]]], *, until: float) -> str:
        """Call until that second, doing what the plan says; what came of it in words."""
        statuses: list[int] = []
        slowest = 0.0
        while self._due < until:
            while plan and self._due >= plan[0][0]:
                plan.pop(0)[1]()
            time.sleep(max(0.0, self._began + self._due - time.monotonic()))
            before = time.monotonic()
            statuses.append(self._status())
            slowest = max(slowest, time.monotonic() - before)
            self._note(statuses[-1])
            self._due += EVERY
        self.calls, self.all_served = len(statuses), set(statuses) == {200}
        return f"{statuses.count(200)} of {len(statuses)} calls answered 200, slowest {slowest * 1000:.0f} ms"

    def _status(self) -> int:
        try:
            return self._client.get("/files").status_code
        except _NO_ANSWER:
            return 0

    def _note(self, status: int) -> None:
        timeline = self._timeline
        timeline.now = time.monotonic() - self._began
        timeline.calls.append(Moment(self._due, status == 200))
        for request in self._cognito.token_requests[len(timeline.renewals) :]:
            timeline.renewals.append(Moment(max(0.0, request.at - self._wall), request.status == 200))
