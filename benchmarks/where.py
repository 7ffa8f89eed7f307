"""Where each microsecond of a call on a cached token goes, and each millisecond of a cold start: parts that add up.

A hook is a ladder: each rung does one thing more than the one below it, and the difference is what that thing costs.
All rungs are the `auth` of a real client before a transport that answers from memory, and take turns: a step costs more
there than in a loop of its own, since the processor has other things to remember as well.
"""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from itertools import pairwise
from statistics import median
from typing import Any

import httpx
from _support import Report, cognito_over_tls, command, progress
from cold_start import environment
from hot_path import CONSTANT, URL, ConstantAuth, Memory

from s2sauth import AccessToken, CognitoClientCredentials
from s2sauth._hook import _patience
from s2sauth.testing import FakeCognito

Flow = Generator[httpx.Request, httpx.Response, None]
AsyncFlow = AsyncGenerator[httpx.Request, httpx.Response]
Block = Callable[[], float]
"""Makes calls, and returns the microseconds that one took."""
Times = Mapping[str, list[float]]
CALLS = 20
BLOCKS = 60
"""Blocks in a round: the shortest is one in which nothing else ran."""


def climb(ladder: dict[str, Block], rounds: int) -> Times:
    """Microseconds of each rung, one figure a round, interleaved."""
    times: dict[str, list[float]] = {name: [] for name in ladder}
    for _ in range(rounds):
        best = dict.fromkeys(ladder, float("inf"))
        for _ in range(BLOCKS):
            for name, block in ladder.items():
                best[name] = min(best[name], block())
        for name, one in best.items():
            times[name].append(one)
    return times


def parts(
    report: Report,
    what: str,
    times: Times,
    unit: str = "us",
    *,
    at_most: float | None = None,
    alone: bool = False,
) -> None:
    """The whole, which is what the last rung costs more than the first, and unless `alone` the steps that it has.

    `at_most`: the last rung takes at most so many times as long as the first.
    """

    def row(what: str, low: list[float], high: list[float]) -> None:
        steps = [b - a for a, b in zip(low, high, strict=True)]
        report.row(what, s2sauth=median(steps), spread=(min(steps), max(steps)), unit=unit)

    rungs = list(times.values())
    row(what, rungs[0], rungs[-1])
    if at_most is not None:
        ratio = median(b / a for a, b in zip(rungs[0], rungs[-1], strict=True))
        report.row(f"  with all of them, of {next(iter(times))}", s2sauth=ratio, at_most=at_most, unit="x")
    for (_, low), (name, high) in pairwise(() if alone else times.items()):
        row(f"  {name}", low, high)


def calls(call: Callable[[], object], number: int = CALLS) -> Block:
    """A block of these."""

    def block() -> float:
        began = time.perf_counter()
        for _ in range(number):
            call()
        return (time.perf_counter() - began) / number * 1e6

    return block


def blocking(flow: Callable[[Any], Flow] | None = None, **options: Any) -> Block:
    """Calls of an `httpx.Client` whose auth has this flow."""
    auth: Any = httpx.Auth()
    if flow is not None:
        auth.sync_auth_flow = flow
        options["auth"] = auth
    client = httpx.Client(transport=Memory(), **options)
    return calls(lambda: client.get(URL))


def awaiting(runner: asyncio.Runner, flow: Callable[[Any], AsyncFlow] | None = None, **options: Any) -> Block:
    """The same of an `httpx.AsyncClient`."""
    auth: Any = httpx.Auth()
    if flow is not None:
        auth.async_auth_flow = flow
        options["auth"] = auth
    client = httpx.AsyncClient(transport=Memory(), **options)

    async def block() -> float:
        began = time.perf_counter()
        for _ in range(CALLS):
            await client.get(URL)
        return (time.perf_counter() - began) / CALLS * 1e6

    return lambda: runner.run(block())


NONE, STATIC, CONSTANT_AUTH = "no auth", "a static header", "an httpx.Auth that sets a constant header"
STEPS = (
    "one generator of ours for the two of httpx.Auth",
    "the URL's origin, looked up in the list",
    "the request's time-outs: how long a token may be waited for",
    "the cached token",
    "a copy of the request: an object with the same attributes",
    "a copy of its headers and extensions, by httpx",
    "the header, which httpx encodes, and reads again when it looks for cookies",
    "whether it replaced one of the caller's; the token's own value",
    "the answer's status; errors are caught",
)


def _shell(request: Any) -> Any:
    shell: Any = object.__new__(request.__class__)
    shell.__dict__ = request.__dict__.copy()
    return shell


def _headed(copy: Any) -> Any:
    copy.headers["Authorization"] = CONSTANT["Authorization"]
    return copy


def hook(auth: Any, tokens: CognitoClientCredentials) -> dict[str, Block]:
    """The hook of a blocking client: no auth, the steps, and the floors."""
    check, copy, sent = auth._check_origin, auth._copy, auth._sent

    def bare(request: Any) -> Flow:
        yield request

    def origin(request: Any) -> Flow:
        check(request)
        yield request

    def patience(request: Any) -> Flow:
        check(request)
        _patience(request)
        yield request

    def token(request: Any) -> Flow:
        check(request)
        tokens.get_token(timeout=_patience(request))
        yield request

    def shell(request: Any) -> Flow:
        check(request)
        tokens.get_token(timeout=_patience(request))
        yield _shell(request)

    def copied(request: Any) -> Flow:
        check(request)
        tokens.get_token(timeout=_patience(request))
        yield copy(request)

    def headed(request: Any) -> Flow:
        check(request)
        tokens.get_token(timeout=_patience(request))
        yield _headed(copy(request))

    def complete(request: Any) -> Flow:
        check(request)
        yield sent(request, tokens.get_token(timeout=_patience(request)))

    flows = (bare, origin, patience, token, shell, copied, headed, complete, auth.sync_auth_flow)
    return {
        NONE: blocking(),
        **{name: blocking(flow) for name, flow in zip(STEPS, flows, strict=True)},
        STATIC: blocking(headers=CONSTANT),
        CONSTANT_AUTH: blocking(auth=ConstantAuth()),
    }


def async_hook(auth: Any, tokens: CognitoClientCredentials, runner: asyncio.Runner) -> dict[str, Block]:
    """The hook of an async client."""
    check, copy, sent = auth._check_origin, auth._copy, auth._sent

    async def bare(request: Any) -> AsyncFlow:
        yield request

    async def origin(request: Any) -> AsyncFlow:
        check(request)
        yield request

    async def patience(request: Any) -> AsyncFlow:
        check(request)
        _patience(request)
        yield request

    async def token(request: Any) -> AsyncFlow:
        check(request)
        await tokens.aget_token(timeout=_patience(request))
        yield request

    async def shell(request: Any) -> AsyncFlow:
        check(request)
        await tokens.aget_token(timeout=_patience(request))
        yield _shell(request)

    async def copied(request: Any) -> AsyncFlow:
        check(request)
        await tokens.aget_token(timeout=_patience(request))
        yield copy(request)

    async def headed(request: Any) -> AsyncFlow:
        check(request)
        await tokens.aget_token(timeout=_patience(request))
        yield _headed(copy(request))

    async def complete(request: Any) -> AsyncFlow:
        check(request)
        yield sent(request, await tokens.aget_token(timeout=_patience(request)))

    flows = (bare, origin, patience, token, shell, copied, headed, complete, auth.async_auth_flow)
    return {
        NONE: awaiting(runner),
        **{name: awaiting(runner, flow) for name, flow in zip(STEPS, flows, strict=True)},
        STATIC: awaiting(runner, headers=CONSTANT),
        CONSTANT_AUTH: awaiting(runner, auth=ConstantAuth()),
    }


class Probe:
    """`get_token()` with less and less left out."""

    __slots__ = ("_boot", "_slot", "_wall")

    def __init__(self, credentials: CognitoClientCredentials) -> None:
        self._slot, self._wall, self._boot = credentials._slot, credentials._wall, credentials._boot

    def nothing(
        self, *, min_ttl: float = 0.0, timeout: float | None = None, rejected: AccessToken | None = None
    ) -> None: ...

    def entry(
        self, *, min_ttl: float = 0.0, timeout: float | None = None, rejected: AccessToken | None = None
    ) -> AccessToken:
        entry = self._slot.entry
        if entry is not None and rejected is None and not min_ttl:
            return entry.token
        raise AssertionError(timeout)

    def wall(
        self, *, min_ttl: float = 0.0, timeout: float | None = None, rejected: AccessToken | None = None
    ) -> AccessToken:
        entry = self._slot.entry
        if entry is not None and rejected is None and not min_ttl and self._wall() < entry.fresh_until_wall:
            return entry.token
        raise AssertionError(timeout)


def get_token(credentials: CognitoClientCredentials) -> dict[str, Block]:
    """`auth_headers()`, which is `get_token()` and a dict."""
    probe = Probe(credentials)
    rungs: dict[str, Callable[[], object]] = {
        "an empty loop": int,
        "the call of a method": probe.nothing,
        "the cached entry, read; no argument asks for another": probe.entry,
        "the wall clock": probe.wall,
        "the clock since boot": credentials.get_token,
        "the dict of auth_headers(), and its own call": credentials.auth_headers,
    }
    return {name: calls(call, 1_000) for name, call in rungs.items()}


def cached(report: Report, rounds: int) -> None:
    """The microseconds."""
    with (
        FakeCognito.spawn() as fake,
        CognitoClientCredentials.from_env(environ=fake.environ) as credentials,
        asyncio.Runner() as runner,
    ):
        credentials.get_token()
        auth: Any = credentials.httpx_auth(URL)
        for kind, ladder in (
            ("a blocking client", hook(auth, credentials)),
            ("an async client", async_hook(auth, credentials, runner)),
        ):
            progress(f"the hook of {kind}")
            times = climb(ladder, rounds)
            most = 1.25 if report.ci else 1.20  # as in hot_path.py
            parts(report, f"a call with the hook, {kind}: more than without auth", {
                name: times[name] for name in (NONE, *STEPS)
            }, at_most=most)  # fmt: skip
            for floor in (STATIC, CONSTANT_AUTH):
                parts(report, f"  for comparison: {floor}", {NONE: times[NONE], floor: times[floor]}, alone=True)
            report.note(f"A call without auth, {kind}: {median(times[NONE]):.1f} us.")
        progress("auth_headers()")
        parts(report, "auth_headers()", climb(get_token(credentials), rounds))


MARKS = (
    "the interpreter's start",
    "import httpx",
    "import httpcore, by the first client or the hook",
    "import s2sauth",
    "from_env(): settings are checked",
    "httpx_auth(): imports what a flight needs; the CA file is read ahead on a thread",
    "httpx.Client(): the CA file is read for the caller's client",
    "the first token: thread, client, TCP, TLS, request",
    "the first call of the API: TCP, TLS, request",
)
OURS = ("import s2sauth", "from_env", "httpx_auth")
CHILD = """
import time
marks = [time.perf_counter()]
mark = lambda: marks.append(time.perf_counter())
import httpx
mark()
import httpcore
mark()
import s2sauth, os
mark()
credentials = s2sauth.CognitoClientCredentials.from_env()
mark()
auth = credentials.httpx_auth(os.environ['FILES_SERVICE_URL'])
mark()
client = httpx.Client(base_url=os.environ['FILES_SERVICE_URL'], auth=auth)
mark()
credentials.get_token()
mark()
status = client.get('/files').status_code
mark()
import json
print(json.dumps({'status': status, 'marks': marks}), flush=True)
"""


def cold(report: Report, rounds: int) -> None:
    """The milliseconds: a fresh process says when it came past each mark, on the clock that all processes share."""
    python = environment()
    progress(f"{rounds} cold starts")
    times: dict[str, list[float]] = {"the start": [], **{name: [] for name in MARKS}}
    with cognito_over_tls() as (_, environ):
        environ.update(PATH=os.environ["PATH"])
        for n in range(rounds + 1):
            began = time.perf_counter()
            done = subprocess.run([python, "-c", CHILD], env=environ, capture_output=True, text=True, check=True)
            said = json.loads(done.stdout)
            if said["status"] != 200:
                raise RuntimeError(f"the first answer was {said['status']}")
            if n:  # the first one fills the caches
                for name, at in zip(times, [began, *said["marks"]], strict=True):
                    times[name].append((at - began) * 1000)
    parts(report, "a cold start, up to the first authorised answer", times, "ms")
    names = list(times)
    ours = [
        sum(times[name][n] - times[names[names.index(name) - 1]][n] for name in MARKS if name.startswith(OURS))
        for n in range(rounds)
    ]
    what = "of it ours: import, from_env(), httpx_auth()"
    report.row(what, s2sauth=median(ours), spread=(min(ours), max(ours)), unit="ms")
    share = median(one / whole for one, whole in zip(ours, times[MARKS[-1]], strict=True))
    report.row("  of the whole", s2sauth=share, at_most=0.2, unit="x")


def figures(report: Report) -> None:
    """The table."""
    rounds, starts = (7, 7) if report.ci else (25, 21)
    cached(report, rounds)
    cold(report, starts)
    report.note(
        f"Medians of {rounds} interleaved rounds (cold starts: {starts}), least and most in brackets; a round is the "
        f"shortest of {BLOCKS} blocks. Parts add up within a round, their medians nearly so."
    )


if __name__ == "__main__":
    command("Where the time goes: a call on a cached token, a cold start", figures)
