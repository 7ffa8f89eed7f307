"""The demo behind `scripts/demo`: what the library does on a deployed stack, and what that saves, in numbers."""

import argparse
import asyncio
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import NoReturn

import httpx

from parts.files_service import FilesService, deploy
from parts.ministack import MiniStack
from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito

DOLLARS_PER_TOKEN = 0.00225  # Cognito's first tier for M2M token requests, US regions, September 2026
CALLS = 1_000
LIFE = 8.0  # seconds, of a token in the part about an outage: long enough to watch, short enough to wait for
OUTAGE = (5.5, 7.2)  # seconds after the token: over every moment at which its renewal may begin (6.0 to 6.8)


@dataclass(frozen=True)
class Row:
    """One thing shown."""

    what: str
    result: str
    calls: int = 0
    tokens: int = 0
    ok: bool = True


class Demo:
    """Collects rows and says what is going on."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.began = time.monotonic()

    def add(self, what: str, result: str, *, calls: int = 0, tokens: int = 0, ok: bool = True) -> None:
        """Add a row of the table."""
        self.rows.append(Row(what, result, calls, tokens, ok))

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Progress, on stderr: what is under way, then how long it took."""
        began = time.monotonic()
        print(f"  {what} ...", end="", file=sys.stderr, flush=True)
        yield
        print(f" {time.monotonic() - began:.1f} s", file=sys.stderr)

    def step(self, done: int) -> None:
        """More progress of the same work."""
        print(f" {done:,}", end="", file=sys.stderr, flush=True)


def lambda_calls(demo: Demo, aws: MiniStack, world: FilesService) -> None:
    """The caller Lambda, cold and warm."""
    for state in ("cold", "warm"):
        before = len(aws.token_requests())
        began = time.monotonic()
        answer = aws.invoke(world.caller)
        took = time.monotonic() - began
        tokens = len(aws.token_requests()) - before
        text = f"{took * 1000:.0f} ms, {len(answer['files'])} files"
        demo.add(f"caller Lambda, {state}", text, calls=1, tokens=tokens, ok=tokens == (state == "cold"))


def many_calls(demo: Demo, world: FilesService, credentials: CognitoClientCredentials) -> None:
    """Threads and tasks on one object."""
    auth = credentials.httpx_auth(world.url)
    limits = httpx.Limits(max_connections=20)
    statuses: list[int] = []

    def note(answer: httpx.Response) -> None:
        statuses.append(answer.status_code)
        if len(statuses) % 200 == 0:
            demo.step(len(statuses))

    def in_threads() -> None:
        with (
            httpx.Client(base_url=world.url, auth=auth, limits=limits, timeout=60) as client,
            ThreadPoolExecutor(20) as pool,
        ):
            for _ in pool.map(lambda _: note(client.get("/files")), range(CALLS // 2)):
                pass

    async def in_tasks() -> None:
        async with httpx.AsyncClient(base_url=world.url, auth=auth, limits=limits, timeout=60) as client:
            for answer in asyncio.as_completed([client.get("/files") for _ in range(CALLS // 2)]):
                note(await answer)

    threads = threading.Thread(target=in_threads)
    threads.start()
    asyncio.run(in_tasks())
    threads.join()
    served, tokens = statuses.count(200), credentials.state().tokens_billed
    text = f"{served} answered 200"
    demo.add(
        f"{CALLS:,} calls from threads and tasks", text, calls=CALLS, tokens=tokens, ok=served == CALLS and tokens == 1
    )


def scopes(demo: Demo, world: FilesService, credentials: CognitoClientCredentials) -> None:
    """A route for another scope, without and with it."""
    token = credentials.get_token()
    with httpx.Client(base_url=world.url, auth=credentials.httpx_auth(world.url), timeout=60) as reader:
        refused = reader.post("/files")
    text = f"{refused.status_code}: the token has {' '.join(token.scopes or ())}, the route wants demo/write.file"
    demo.add("POST /files without the scope", text, calls=1, ok=refused.status_code in {401, 403})
    writing = credentials.with_scopes("demo/write.file")
    with httpx.Client(base_url=world.url, auth=writing.httpx_auth(world.url), timeout=60) as writer:
        stored = writer.post("/files")
    tokens = writing.state().tokens_billed
    demo.add("POST /files with it", f"{stored.status_code}", calls=1, tokens=tokens, ok=stored.status_code == 201)


def outage_and_revocation(demo: Demo) -> None:
    """Cognito down over the moment of a renewal, then tokens that the API stops taking; 50 calls a second all along."""
    with FakeCognito(expires_in=LIFE, latency=0.1) as cognito:
        credentials = CognitoClientCredentials.from_env(environ=cognito.environ)
        auth = credentials.httpx_auth(cognito.api_url)
        with httpx.Client(base_url=cognito.api_url, auth=auth) as client:
            client.get("/files").raise_for_status()
            began = time.monotonic()
            plan: list[tuple[float, Callable[[], object]]] = [(OUTAGE[0], cognito.fail), (OUTAGE[1], cognito.recover)]
            statuses, slowest = _load(client, began, until=LIFE + 1, plan=plan)
            tried = cognito.counts()["token_requests"]
            state = credentials.state()
            text = f"{statuses.count(200)} of {len(statuses)} calls answered 200, slowest {slowest * 1000:.0f} ms; "
            text += f"{tried - state.tokens_billed} renewals failed meanwhile"
            ok = set(statuses) == {200} and tried > state.tokens_billed
            outage = OUTAGE[1] - OUTAGE[0]
            demo.add(
                f"Cognito down for {outage:.1f} s", text, calls=len(statuses) + 1, tokens=state.tokens_billed, ok=ok
            )

            bought = state.tokens_billed
            cognito.revoke()
            statuses, slowest = _load(client, time.monotonic(), until=1.0, plan=[])
            tokens = credentials.state().tokens_billed - bought
            text = f"{statuses.count(200)} of {len(statuses)} calls answered 200, slowest {slowest * 1000:.0f} ms"
            ok = set(statuses) == {200} and tokens == 1
            demo.add("the API stops taking the token", text, calls=len(statuses), tokens=tokens, ok=ok)


def _load(
    client: httpx.Client, began: float, *, until: float, plan: list[tuple[float, Callable[[], object]]]
) -> tuple[list[int], float]:
    """50 calls a second for `until` seconds, doing what the plan says; the statuses and the slowest call."""
    statuses: list[int] = []
    slowest = 0.0
    due = 0.0
    while due < until:
        while plan and due >= plan[0][0]:
            plan.pop(0)[1]()
        time.sleep(max(0.0, began + due - time.monotonic()))
        before = time.monotonic()
        statuses.append(client.get("/files").status_code)
        slowest = max(slowest, time.monotonic() - before)
        due += 0.02
    return statuses, slowest


def run(demo: Demo) -> None:
    """All of it."""
    aws = MiniStack()
    with demo.doing("starting MiniStack"):
        aws.__enter__()
    try:
        with demo.doing("deploying examples/files-service: user pool, API Gateway, two Lambdas"):
            world = deploy(aws)
        credentials = CognitoClientCredentials.from_env(environ=world.environ, scopes="demo/read.file")
        with demo.doing("invoking the caller Lambda, cold and warm"):
            lambda_calls(demo, aws, world)
        with demo.doing(f"{CALLS:,} calls"):
            many_calls(demo, world, credentials)
        with demo.doing("a call that needs another scope"):
            scopes(demo, world, credentials)
    finally:
        aws.__exit__(None, None, None)
    with demo.doing(f"Cognito down, then tokens revoked, under 50 calls a second (FakeCognito, tokens of {LIFE:g} s)"):
        outage_and_revocation(demo)


def show(demo: Demo) -> None:
    """The table, for people."""
    width = max(len(row.what) for row in demo.rows)
    print()
    print(f"  {'what':{width}}  calls  tokens  ")
    for row in demo.rows:
        mark = "ok  " if row.ok else "SHORT"
        print(f"  {row.what:{width}}  {row.calls or '':>5}  {row.tokens:>6}  {mark}  {row.result}")
    calls, tokens = totals(demo)
    print()
    print(f"  {calls:,} calls with a token each would have cost ${calls * DOLLARS_PER_TOKEN:.2f}; ", end="")
    print(f"{tokens} tokens cost ${tokens * DOLLARS_PER_TOKEN:.4f} (${DOLLARS_PER_TOKEN} each).")
    print(f"  {time.monotonic() - demo.began:.0f} s. Next: README.md; scripts/test; examples/files-service.")


def totals(demo: Demo) -> tuple[int, int]:
    """Calls and tokens of the whole demo."""
    return sum(row.calls for row in demo.rows), sum(row.tokens for row in demo.rows)


def as_json(demo: Demo) -> str:
    """The same for machines."""
    calls, tokens = totals(demo)
    return json.dumps(
        {
            "rows": [asdict(row) for row in demo.rows],
            "calls": calls,
            "tokens": tokens,
            "dollars": round(tokens * DOLLARS_PER_TOKEN, 5),
            "dollars_with_a_token_per_call": round(calls * DOLLARS_PER_TOKEN, 5),
            "seconds": round(time.monotonic() - demo.began, 1),
        },
        indent=2,
    )


def main() -> int:
    """Run it; 0 when everything came out as it must, 1 when not, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    logging.basicConfig(format="\n    log: %(message)s ...")
    demo = Demo()
    try:
        run(demo)
    except KeyboardInterrupt:
        print("\n  stopped; everything that was started is gone", file=sys.stderr)
        return 130
    if options.json:
        print(as_json(demo))
    else:
        show(demo)
    return 0 if all(row.ok for row in demo.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
