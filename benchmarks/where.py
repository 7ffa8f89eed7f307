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
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any

import httpx
from _support import Report, cognito_over_tls, command, progress
from cold_start import environment
from hot_path import CONSTANT, URL, Block, ConstantAuth, Times, calls, interleaved, requests

from s2sauth import AccessToken, CognitoClientCredentials
from s2sauth._hooks.rules import _patience
from s2sauth.testing import FakeCognito


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


NONE, STATIC, CONSTANT_AUTH = "no auth", "a static header", "an httpx.Auth that sets a constant header"
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
    """The hook of a blocking client, with a runner of an async one: no auth, the steps, and the floors."""
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
        STATIC: requests(runner, of_all=CONSTANT),
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


def cached(report: Report, rounds: int, blocks: int) -> None:
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
            ("an async client", hook(auth, credentials, runner)),
        ):
            progress(f"the hook of {kind}")
            times = interleaved(ladder, rounds, blocks)
            most = 1.25 if report.ci else 1.20  # as in hot_path.py
            parts(report, f"a call with the hook, {kind}: more than without auth", {
                name: times[name] for name in (NONE, *STEPS)
            }, at_most=most)  # fmt: skip
            for floor in (STATIC, CONSTANT_AUTH):
                parts(report, f"  for comparison: {floor}", {NONE: times[NONE], floor: times[floor]}, alone=True)
            report.note(f"A call without auth, {kind}: {median(times[NONE]):.1f} us.")
        progress("auth_headers()")
        parts(report, "auth_headers()", interleaved(get_token(credentials), rounds, blocks))


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
    rounds, blocks, starts = (3, 30, 5) if report.ci else (25, 60, 21)
    cached(report, rounds, blocks)
    cold(report, starts)
    report.note(
        f"Medians of {rounds} interleaved rounds (cold starts: {starts}), least and most in brackets; a round is the "
        f"shortest of {blocks} blocks. Parts add up within a round, their medians nearly so."
    )


if __name__ == "__main__":
    command("Where the time goes: a call on a cached token, a cold start", figures)
