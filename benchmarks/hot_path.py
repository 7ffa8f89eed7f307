"""What a call costs when the token is in hand, and where each microsecond of it goes: parts that add up.

A hook is a ladder: each rung does one thing more than the one below it, and the difference is what that thing costs.
All rungs are the `auth` of a real client before a transport that answers from memory, and take turns: a step costs more
there than in a loop of its own, since the processor has other things to remember as well.
"""

import asyncio
import os
import time
import timeit
from collections.abc import Callable, Generator, Mapping
from functools import partial
from statistics import median
from typing import Any

import hand_written
import httpx
from _support import Report, Times, command, progress

from s2sauth import AccessToken, CognitoClientCredentials
from s2sauth._clock import SystemClock
from s2sauth._hooks.rules import _patience
from s2sauth.testing import FakeCognito

URL = "https://files.example.com/files"
CALLS = 20
"""Of one block: the shortest of several short blocks is one in which nothing else ran."""
CONSTANT = {"Authorization": "Bearer constant"}


class Memory(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers at once, from memory."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002  # as httpx calls it
        return httpx.Response(200)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002  # as httpx calls it
        return httpx.Response(200)


class ConstantAuth(httpx.Auth):
    """The least that a hook can do."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = CONSTANT["Authorization"]
        yield request


Block = Callable[[], float]
"""Makes calls, and returns the microseconds that one took."""


def calls(call: Callable[[], object], number: int) -> Block:
    """A block of these."""

    def block() -> float:
        began = time.perf_counter()
        for _ in range(number):
            call()
        return (time.perf_counter() - began) / number * 1e6

    return block


def requests(runner: asyncio.Runner | None, each: Callable[[], Any] | None = None, **options: Any) -> Block:
    """A block of calls of an `httpx.Client` before a transport in memory, with a runner of an `httpx.AsyncClient`.

    `each` gives the headers of one call, `options` are the client's.
    """
    if runner is None:
        client = httpx.Client(transport=Memory(), **options)
        return calls(lambda: client.get(URL, headers=each and each()), CALLS)
    tasks = httpx.AsyncClient(transport=Memory(), **options)

    async def block() -> float:
        began = time.perf_counter()
        for _ in range(CALLS):
            await tasks.get(URL, headers=each and await each())
        return (time.perf_counter() - began) / CALLS * 1e6

    return lambda: runner.run(block())


def interleaved(blocks: Mapping[str, Block], rounds: int, number: int) -> Times:
    """Microseconds of each, one figure a round: the shortest of so many blocks, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in blocks}
    for _ in range(rounds):
        best = dict.fromkeys(blocks, float("inf"))
        for _ in range(number):
            for name, block in blocks.items():
                best[name] = min(best[name], block())
        for name, one in best.items():
            times[name].append(one)
    return times


NONE, HAND_WRITTEN, STATIC = "no auth", "the hand-written lines", "a static header"
CONSTANT_AUTH = "an httpx.Auth that sets a constant header"
TOKEN = "get(timeout=patience(request))"
STEPS = {
    "one generator of ours for the two of httpx.Auth": "yield request",
    "the URL's origin, looked up in the list": "check(request); yield request",
    "the request's time-outs: how long a token may be waited for": "check(request); patience(request); yield request",
    "the cached token": f"check(request); {TOKEN}; yield request",
    "a copy of the request: an object with the same attributes": f"check(request); {TOKEN}; yield shell(request)",
    "a copy of its headers and extensions, by httpx": f"check(request); {TOKEN}; yield copy(request)",
    "the header, which httpx encodes, and reads again when it looks for cookies": (
        f"check(request); {TOKEN}; yield headed(copy(request))"
    ),
    "whether it replaced one of the caller's; the token's own value": f"check(request); yield sent(request, {TOKEN})",
    "the answer's status; errors are caught": "",
}
"""What each rung does more than the one below it, and its flow; the last one is the hook itself."""


def _shell(request: Any) -> Any:
    shell: Any = object.__new__(request.__class__)
    shell.__dict__ = request.__dict__.copy()
    return shell


def _headed(copy: Any) -> Any:
    copy.headers["Authorization"] = CONSTANT["Authorization"]
    return copy


def hook(auth: Any, tokens: CognitoClientCredentials, runner: asyncio.Runner | None = None) -> dict[str, Block]:
    """The hook of a blocking client, with a runner of an async one: no auth, the steps, and what it is compared to."""
    attribute, get, kind = "sync_auth_flow", tokens.get_token, "def"
    if runner is not None:
        attribute, get, kind = "async_auth_flow", tokens.aget_token, "async def"
    names = {
        "check": auth._check_origin, "patience": _patience, "get": get, "shell": _shell, "copy": auth._copy,
        "headed": _headed, "sent": auth._sent,
    }  # fmt: skip

    def rung(body: str) -> Block:
        rung_auth: Any = httpx.Auth()
        found = dict(names)
        if runner is not None:
            body = body.replace(TOKEN, f"(await {TOKEN})")
        exec(f"{kind} flow(request): {body or 'yield'}", found)  # the two kinds differ in three words
        setattr(rung_auth, attribute, found["flow"] if body else getattr(auth, attribute))
        return requests(runner, auth=rung_auth)

    return {
        NONE: requests(runner),
        **{name: rung(body) for name, body in STEPS.items()},
        HAND_WRITTEN: requests(runner, hand_written.aheaders if runner else hand_written.headers),
        STATIC: requests(runner, headers=CONSTANT),
        CONSTANT_AUTH: requests(runner, auth=ConstantAuth()),
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


def cached_read(report: Report, credentials: CognitoClientCredentials) -> None:
    """`get_token()` with a FRESH token."""
    progress("get_token()")
    number = 20_000
    ours, wall, boot, theirs, floor = (
        min(timeit.repeat(function, number=number, repeat=25)) / number * 1e6
        for function in (
            credentials.get_token,
            SystemClock.wall,
            SystemClock.boottime,
            hand_written.get_token,
            partial(CONSTANT.get, "Authorization"),
        )
    )
    report.row("get_token(), cached", ours, hand_written=theirs, floor=floor, unit="us")
    report.row("  of the two clock reads that it cannot do without", ours / (wall + boot), at_most=3.0, unit="x")


def figures(report: Report) -> None:
    """The table."""
    rounds, blocks, most = (5, 30, 1.25) if report.ci else (25, 60, 1.20)
    with (
        FakeCognito.spawn() as fake,
        CognitoClientCredentials.from_env(environ=fake.environ) as credentials,
        asyncio.Runner() as runner,
    ):
        os.environ.update(fake.environ)
        credentials.get_token()
        hand_written.get_token()
        cached_read(report, credentials)
        auth: Any = credentials.httpx_auth(URL)
        for kind, ladder in (
            ("a blocking client", hook(auth, credentials)),
            ("an async client", hook(auth, credentials, runner)),
        ):
            progress(f"the hook of {kind}")
            times = interleaved(ladder, rounds, blocks)
            steps = {name: times[name] for name in (NONE, *STEPS)}
            report.parts(f"a call with the hook, {kind}: more than without auth", steps, at_most=most)
            for other in (HAND_WRITTEN, STATIC, CONSTANT_AUTH):
                report.parts(f"  for comparison: {other}", {NONE: times[NONE], other: times[other]}, alone=True)
            report.note(f"A call without auth, {kind}: {median(times[NONE]):.1f} us.")
        progress("auth_headers()")
        report.parts("auth_headers()", interleaved(get_token(credentials), rounds, blocks))
    report.note(
        f"Medians of {rounds} interleaved rounds, least and most in brackets; a round is the shortest of {blocks} "
        "blocks. Parts add up within a round, their medians nearly so."
    )


if __name__ == "__main__":
    command("Hot path: what a call costs when the token is in hand, and where that goes", figures)
