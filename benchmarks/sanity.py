"""What must simply work: fork in mid-flight, loops in a row and side by side, a signal handler that asks too."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
from _support import InOwnProcess, Report, cognito_over_tls, command, in_own_process, progress
from stampede import Crowd

from s2sauth import AccessToken, CognitoClientCredentials
from s2sauth.testing import FakeCognito

FORKS, SIGNALS = 100, 10_000
SHORT_FORKS, SHORT_SIGNALS = 20, 1_000
LATENCY = 0.02
FLIGHT_TAKES = 0.05
"""Seconds over which the forks in a flight are spread: reading the CA file, connecting, waiting for the answer."""
HANG = 20
"""Seconds after which a forked process is taken to hang; it may wait for the policy's deadline."""
IMPORT_TAKES = 0.15
"""Seconds over which the forks around the first import are spread."""
SIGNAL_EVERY = 0.0007
NESTED = 30
"""Handlers that interrupt one another at most; Python's stack has an end."""
SCOPES = [f"demo/{n}" for n in range(12)]


@dataclass(slots=True)
class Fork:
    """How parent and child fared after a fork; None is well, else what went wrong."""

    under_way: bool
    """There was a flight at that moment."""
    child: str | None
    parent: str | None


def wrong(body: Callable[[], object]) -> str | None:
    """The last line of what this raises."""
    try:
        body()
    except Exception as error:  # noqa: BLE001  # counted
        return f"{type(error).__name__}: {error}".splitlines()[-1]
    return None


def check(credentials: CognitoClientCredentials, environ: dict[str, str]) -> None:
    """Raises unless this gets a token which the API takes for the scopes that were asked for."""
    answer = httpx.get(f"{environ['FILES_SERVICE_URL']}/files", headers=credentials.auth_headers())
    assert answer.status_code == 200, answer
    assert answer.json()["scope"] == environ["COGNITO_SCOPES"], answer.json()


def fork_in_flight(environ: dict[str, str], delay: float) -> Fork:
    """Start a flight and fork `delay` seconds later."""
    credentials = CognitoClientCredentials.from_env()
    credentials.httpx_auth(environ["FILES_SERVICE_URL"])  # a service makes its hook at start-up
    flight = threading.Thread(target=credentials.get_token, daemon=True)
    flight.start()
    time.sleep(delay)
    under_way = credentials.state().next_renewal_in is None
    child = InOwnProcess(check, credentials, environ, method="fork")
    parent = wrong(lambda: check(credentials, environ))
    return Fork(under_way, wrong(lambda: child.result(HANG)), parent)


def until_hopeless(tries: Iterator[Fork]) -> list[Fork]:
    """All tries, or those up to the third that went wrong: each may wait for the deadline."""
    found: list[Fork] = []
    while sum(one.child is not None or one.parent is not None for one in found) < 3:
        one = next(tries, None)
        if one is None:
            break
        found.append(one)
    return found


def spread(forks: int, seconds: float) -> list[float]:
    """From the start of something that takes so long to each fork."""
    return [n / forks * seconds for n in range(forks)]


def forks_in_first_flight(environ: dict[str, str], forks: int) -> list[Fork]:
    """In a process of its own that has no flight itself: each child has its first one, and forks in it."""
    os.environ.update(environ)
    return until_hopeless(
        InOwnProcess(fork_in_flight, environ, delay, method="fork").result(2 * HANG)
        for delay in spread(forks, FLIGHT_TAKES)
    )


def forks_later(environ: dict[str, str], forks: int) -> list[Fork]:
    """In a process of its own, which has had flights before."""
    os.environ.update(environ)
    check(CognitoClientCredentials.from_env(), environ)
    return until_hopeless(fork_in_flight(environ, delay) for delay in spread(forks, FLIGHT_TAKES))


def forking(report: Report, forks: int) -> None:
    """fork() while a token request is under way."""
    progress(f"2 x {forks} forks")
    with cognito_over_tls(latency=LATENCY) as (_, environ):
        both = {
            "the first flight of a process": InOwnProcess(forks_in_first_flight, environ, forks),
            "a later flight": InOwnProcess(forks_later, environ, forks),
        }
        for what, process in both.items():
            found: list[Fork] = process.result(200)
            under_way = sum(one.under_way for one in found)
            report.row(f"fork in {what}: under way then", under_way, at_least=forks // 2)
            report.row("  right token in the child", sum(one.child is None for one in found), exactly=forks)
            report.row("  right token in the parent", sum(one.parent is None for one in found), exactly=forks)
            for text in {text for one in found for text in (one.child, one.parent) if text}:
                report.note(f"fork in {what}, try {len(found)}: {text}")


IMPORTING = """
import faulthandler, json, os, signal, sys, threading, time
from s2sauth import CognitoClientCredentials

credentials = CognitoClientCredentials.from_env()
url = os.environ["FILES_SERVICE_URL"] + "/files"
begun = threading.Event()


def first():
    begun.set()
    credentials.httpx_auth(url)
    credentials.get_token()


def check():
    import httpx
    return httpx.get(url, headers=credentials.auth_headers()).status_code == 200


threading.Thread(target=first).start()
begun.wait()
time.sleep(float(sys.argv[1]))
importing = credentials._engine.open_sender is None
child = os.fork()
if child == 0:
    faulthandler.register(signal.SIGALRM, chain=True)
    signal.alarm(int(sys.argv[2]))
    os._exit(not check())
parent = check()
print(json.dumps([importing, parent, os.waitpid(child, 0)[1]]))
"""


def forks_around_the_first_import(report: Report, forks: int) -> None:
    """fork() while another thread makes the first hook, which imports the HTTP library; each in a fresh interpreter."""
    progress(f"{forks} forks around the first import")
    with cognito_over_tls(latency=LATENCY) as (_, environ), ThreadPoolExecutor(2) as pool:

        def run(delay: float) -> tuple[bool, bool, int]:
            command = [sys.executable, "-c", IMPORTING, str(delay), str(HANG)]
            done = subprocess.run(command, env={**os.environ, **environ}, check=True, stdout=subprocess.PIPE, text=True)
            importing, parent, status = json.loads(done.stdout)
            return importing, parent, status

        found = list(pool.map(run, spread(forks, IMPORT_TAKES)))
    report.row("fork around the first import: under way then", sum(one[0] for one in found), at_least=forks // 4)
    report.row("  right token in the child", sum(one[2] == 0 for one in found), exactly=forks)
    report.row("  right token in the parent", sum(one[1] for one in found), exactly=forks)


def runs_in_a_row(environ: dict[str, str]) -> list[bool]:
    """In a process of its own: `asyncio.run` over and over on one object, with fresh scopes each time."""
    credentials = CognitoClientCredentials.from_env(environ=environ)

    async def main(scope: str) -> bool:
        view = credentials.with_scopes(scope)
        async with httpx.AsyncClient(auth=view.httpx_auth(environ["FILES_SERVICE_URL"])) as client:
            answer = await client.get(f"{environ['FILES_SERVICE_URL']}/any")
        return answer.status_code == 200 and answer.json()["scope"] == scope

    return [asyncio.run(main(scope)) for scope in SCOPES[:5]]


def loops(report: Report) -> None:
    """Event loops one after another, and side by side."""
    with FakeCognito.spawn(scopes=SCOPES, latency=LATENCY) as fake:
        progress("5 times asyncio.run")
        right = in_own_process(runs_in_a_row, fake.environ)
        report.row("5 times asyncio.run, fresh scopes in each: right token", sum(right), exactly=5)
        fake.clear_records()
        progress("two threads with two loops")
        with CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
            crowd = Crowd.of_tasks(100, loops=2).ask(credentials)
        report.row("two threads with two loops, 100 tasks each: served", crowd.served, exactly=200)
        report.row("  token requests", fake.counts()["token_requests"], exactly=1)
        report.row("  different tokens", len(set(map(id, crowd.results))), exactly=1)


@dataclass(slots=True)
class Interrupted:
    """What a signal handler met."""

    while_waiting: int = 0
    """How often it asked while the main thread was inside `get_token()` without a token."""
    right: int = 0
    flights: int = 0
    longest: float = 0.0
    wrong: list[str] = field(default_factory=list)


def interruptions(environ: dict[str, str], signals: int) -> Interrupted:
    """In a process of its own: a timer's handler asks for the token that the frame it interrupts waits for."""
    credentials = CognitoClientCredentials.from_env(environ=environ)
    credentials.httpx_auth(environ["FILES_SERVICE_URL"])
    seen = Interrupted()
    view, waiting, nested = credentials, False, 0
    asked: tuple[str, ...] = ()

    def handler(*_: object) -> None:
        nonlocal nested
        if not waiting or nested == NESTED:
            return
        nested += 1
        began = time.perf_counter()
        seen.while_waiting += 1
        try:
            note(view.get_token(), asked)
        except Exception as error:  # noqa: BLE001  # counted
            seen.wrong.append(f"{type(error).__name__}: {error}")
        seen.longest = max(seen.longest, time.perf_counter() - began)
        nested -= 1

    def note(token: AccessToken, asked: tuple[str, ...]) -> None:
        if token.scopes == asked:
            seen.right += 1
        else:
            seen.wrong.append(f"a token of {token.scopes} for {asked}")

    sets = (tuple(sorted(some)) for size in range(1, len(SCOPES)) for some in itertools.combinations(SCOPES, size))
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, SIGNAL_EVERY, SIGNAL_EVERY)
    while seen.while_waiting < signals:
        asked = next(sets)
        view = credentials.with_scopes(*asked)  # nothing is cached for these: the main thread waits for a flight
        waiting = True
        token = view.get_token()
        waiting = False
        assert token.scopes == asked, "the main thread got another token"
        seen.flights += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    return seen


def signalled(report: Report, signals: int) -> None:
    """A signal handler that asks for a token while the main thread waits for one."""
    progress(f"{signals} signals")
    with FakeCognito.spawn(scopes=SCOPES, latency=0.002) as fake:
        seen: Interrupted = in_own_process(interruptions, fake.environ, signals, timeout=120)
        requests = fake.counts()["token_requests"]
    what = "a signal handler asks while the main thread waits: times"
    report.row(what, seen.while_waiting, at_least=signals)
    report.row("  without the right token", seen.while_waiting - seen.right, exactly=0)
    report.row("  token requests beyond one for each wait", requests - seen.flights, exactly=0)
    report.row("  longest wait in a handler", seen.longest, unit="s")
    for wrong in set(seen.wrong):
        report.note(wrong)


def figures(report: Report) -> None:
    """The table."""
    forks, signals = (SHORT_FORKS, SHORT_SIGNALS) if report.ci else (FORKS, SIGNALS)
    forking(report, forks)
    forks_around_the_first_import(report, forks)
    loops(report)
    signalled(report, signals)


if __name__ == "__main__":
    command("Sanity: right token, no hang, no error", figures)
