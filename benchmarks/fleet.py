"""One token for a fleet: all cold at once, under faults, at renewals, and when whoever asks for it is killed."""

import argparse
import time
from functools import partial
from statistics import median
from timeit import timeit
from typing import Any

from _engines import DEFAULT, ENGINES, Engine, dynamodb_store, missing
from _members import SLOW, Answer, Calls, Fleet, Make
from _support import Report, command, in_own_process, progress
from _throttled import throttled

from s2sauth import CognitoClientCredentials, RenewalPolicy
from s2sauth._core.sharing import POLL, lease_seconds
from s2sauth.testing import FakeCognito, MemoryStore

LATENCY = 0.3
"""Seconds that a token takes."""
LIFE, SHORT_LIFE = 10, 5
"""Seconds for which it lives in the run with renewals."""
PAUSE = (0.05, 0.1)
"""Seconds between two calls of one thread there."""
CUT_EVERY = 0.1
"""Seconds between two moments at which all connections to the store are cut."""
SCHEDULING = 0.3
"""Seconds that a machine with two processors may take to run everybody who looks into the store."""
TRIES = 3
"""A time that falls short is taken again: other work can only make it longer. Counts are not."""


def herd(report: Report, name: str, engine: Engine) -> None:
    """All at once, and nobody has a token."""
    processes, threads = (20, 10) if report.ci else (60, 20)
    limit = LATENCY + engine.allowance
    requests: list[int] = []
    served: list[int] = []
    slowest: list[float] = []
    while not slowest or (min(slowest) > limit and len(slowest) < TRIES):
        with FakeCognito.spawn(latency=LATENCY) as fake, Fleet(processes) as fleet:
            fleet.all("join", fake.environ, engine.make, engine.policy)
            fleet.begin("ask", threads)
            answers: list[Answer] = fleet.answers()
            requests.append(fake.counts()["token_requests"])
        served.append(sum(answer.error is None for answer in answers))
        slowest.append(max(answer.waited for answer in answers))
    report.row(f"{name}, cold: token requests", s2sauth=max(requests), exactly=1)
    report.row(f"{name}, cold: callers served", s2sauth=min(served), exactly=processes * threads)
    report.row(f"{name}, cold: slowest caller", s2sauth=min(slowest), at_most=limit, unit="s")
    if len(slowest) > 1:
        report.note(f"{name}, cold: taken {len(slowest)} times, {', '.join(f'{one:.2f} s' for one in slowest)}.")


def faults(report: Report, name: str, engine: Engine) -> None:
    """The same while all connections to the store are cut again and again, and whoever asks first is killed."""
    if engine.server is None or (report.ci and name == "Redis"):  # which speaks as Valkey does
        return
    processes, threads = (20, 10) if report.ci else (60, 20)
    cut = 0
    killed_at = None
    with FakeCognito.spawn(latency=LATENCY) as fake, Fleet(processes) as fleet, engine.server.client() as client:
        fake.gate(times=1)
        fleet.all("join", fake.environ, engine.make, engine.policy)
        fleet.begin("ask", threads)
        until = time.monotonic() + lease_seconds(engine.policy) + 2 * LATENCY + 2 * POLL.cap
        while time.monotonic() < until:
            cut += int(client.client_kill_filter(_type="normal", skipme=True))
            if killed_at is None and fake.counts()["token_requests"]:
                killed_at = time.monotonic()
                fleet.kill_who_asks()
            time.sleep(CUT_EVERY)
        answers: list[Answer] = fleet.answers()
        requests = fake.counts()["token_requests"]
    served = sum(answer.error is None for answer in answers)
    report.row(f"{name}, faults: connections cut", s2sauth=cut, at_least=1)  # those who wait have none
    report.row(f"{name}, faults: token requests", s2sauth=requests, at_most=2)
    report.row(f"{name}, faults: callers served", s2sauth=served, exactly=(processes - 1) * threads)
    slowest = max(answer.waited for answer in answers)
    report.row(f"{name}, faults: slowest caller", s2sauth=slowest, at_most=engine.policy.deadline, unit="s")


def limits(report: Report, name: str, engine: Engine) -> None:
    """In three seconds, at a DynamoDB with limits to scale; then with half of them, and who asks first is killed."""
    if engine.url is None or name != "DynamoDB (moto)":
        return
    processes = 60
    for what, share, kill, slowest in (("its limits", 1.0, False, 4.0), ("half, killed", 0.5, True, 7.0)):
        scale = share * processes / 10_000
        with (
            throttled(engine.url, scale) as (url, refused),
            FakeCognito.spawn(latency=LATENCY, client_id=f"fleet-{what[0]}") as fake,
            Fleet(processes) as fleet,
        ):
            if kill:
                fake.gate(times=1)
            fleet.all("join", fake.environ, partial(dynamodb_store, url), DEFAULT)
            fleet.begin("ask", 1, 3.0)
            if kill:
                fake.wait_for_token_requests(1)
                fleet.kill_who_asks()
            answers: list[Answer] = fleet.answers()
            requests = fake.counts()["token_requests"]
        served = sum(answer.error is None for answer in answers)
        title = f"{name}, {what}"
        report.row(f"{title}: token requests", s2sauth=requests, at_most=2)
        report.row(f"{title}: callers served", s2sauth=served, exactly=processes - kill)
        report.row(f"{title}: slowest caller", s2sauth=max(a.waited for a in answers), at_most=slowest, unit="s")
        report.row(f"{title}: operations refused", s2sauth=refused.value, at_least=int(kill))


def added(report: Report, name: str, engine: Engine) -> None:
    """What the store costs one process that is cold and alone."""
    alone, empty, there = in_own_process(cold_calls, engine.make, engine.policy, 5 if report.ci else 50)
    report.row(f"{name}, alone: cold get_token() without a store", s2sauth=1000 * alone, unit="ms")
    report.row(f"{name}, alone: the store adds", s2sauth=1000 * (empty - alone), unit="ms")
    report.row(f"{name}, alone: a token that lies there", s2sauth=1000 * there, unit="ms")


def cold_calls(make: Make, policy: RenewalPolicy, n: int) -> tuple[float, float, float]:
    """Medians in seconds: without a store, with one that has no token, with one that has."""
    took: tuple[list[float], list[float], list[float]] = ([], [], [])
    with FakeCognito.spawn() as fake:
        for number in range(-1, n):  # the first is for what is read and connected once
            key = {"client_metadata": {"n": str(number)}}  # of an entry of its own
            for kind, store in enumerate((None, make(), make())):
                credentials = CognitoClientCredentials.from_env(environ=fake.environ, store=store, policy=policy, **key)
                credentials.httpx_auth(fake.api_url)
                time.sleep(0.05)  # the hook's thread has read the CA file, and the flight before has left
                began = time.perf_counter()
                credentials.get_token()
                if number >= 0:
                    took[kind].append(time.perf_counter() - began)
                assert credentials.state().token_requests == (kind < 2), "no token lay there"
    alone, empty, there = map(median, took)
    return alone, empty, there


def cached(report: Report) -> None:
    """What a store costs a call with a token in hand."""
    progress("a token in hand")
    without, with_store, calls = in_own_process(cached_calls, 500)
    report.row("a token in hand: get_token() without a store", s2sauth=without, unit="us")
    report.row("a token in hand: get_token() with one", s2sauth=with_store, unit="us")
    report.row("a token in hand: ratio", s2sauth=with_store / without, at_most=1.05, unit="x")
    report.row("a token in hand: calls of the store", s2sauth=calls, exactly=0)


class Counted:
    """A store that counts how often it is called."""

    def __init__(self) -> None:
        self._inner = MemoryStore()
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        return getattr(self._inner, name)


def cached_calls(rounds: int) -> tuple[float, float, int]:
    """Minima of interleaved rounds, in microseconds, without and with a store; and how often it was called in them."""
    store = Counted()
    number = 2_000
    with FakeCognito.spawn() as fake:
        both = [CognitoClientCredentials.from_env(environ=fake.environ, store=one) for one in (None, store)]
        for credentials in both:
            credentials.get_token()
        time.sleep(0.2)  # the flights have left
        before = store.calls
        assert before, "the store was not used at all"
        # Short ones, so that some of them are not interrupted.
        took = [[timeit(credentials.get_token, number=number) for credentials in both] for _ in range(rounds)]
    without, with_store = (1e6 * min(times) / number for times in zip(*took, strict=True))
    return without, with_store, store.calls - before


def renewals(report: Report, name: str, engine: Engine) -> None:
    """Steady calls while tokens of a few seconds come and go."""
    processes, seconds, life = (20, 10.0, SHORT_LIFE) if report.ci else (60, 60.0, LIFE)
    for _ in range(TRIES):
        with FakeCognito.spawn(latency=LATENCY, expires_in=life) as fake, Fleet(processes) as fleet:
            fleet.all("join", fake.environ, engine.make, engine.policy)
            fleet.begin("ask_on", 2, seconds, PAUSE)
            calls: list[Calls] = fleet.answers(seconds + 30.0)
            requests = fake.counts()["token_requests"]
        ours = [one for one in calls if not one.floor]
        floor = [one for one in calls if one.floor]
        if not sum(one.slow for one in floor):
            break
        report.note(f"{name}: a run is void, the machine was so busy that calls for a constant token took over 100 ms.")
    # The first token, and one for each interval; a thread calls, and so renews, at most a pause later.
    early, late = (engine.policy.renew_after(life, chance) for chance in (0.0, 1.0))
    least, most = 1 + int(seconds / (late + max(PAUSE))), 1 + int(seconds / early)
    report.row(f"{name}, renewals: token requests", s2sauth=requests, at_least=least, at_most=most)
    report.row(f"{name}, renewals: calls", s2sauth=sum(one.calls for one in ours), at_least=processes * int(seconds))
    report.row(f"{name}, renewals: calls failed", s2sauth=sum(one.failed for one in ours), exactly=0)
    report.row(
        f"{name}, renewals: calls over {1000 * SLOW:.0f} ms after the first",
        s2sauth=sum(one.slow for one in ours),
        floor=sum(one.slow for one in floor),
        exactly=0,
    )
    report.row(
        f"{name}, renewals: slowest call after the first",
        s2sauth=1000 * max(one.slowest for one in ours),
        floor=1000 * max(one.slowest for one in floor),
        unit="ms",
    )


def kills(report: Report, name: str, engine: Engine) -> None:
    """Whoever asks for the token is killed in mid-request, and the others wait for the end of its lease."""
    processes, threads, rounds = (10, 5, 2) if report.ci else (20, 5, 10)
    policy = RenewalPolicy(deadline=4.0 if report.ci else 8.0, store_timeout=engine.policy.store_timeout)
    requests: list[int] = []
    served: list[int] = []
    waited: list[float] = []
    for _ in range(rounds):
        with FakeCognito.spawn(latency=LATENCY) as fake, Fleet(processes) as fleet:
            fake.gate(times=1)
            fleet.all("join", fake.environ, engine.make, policy)
            fleet.begin("ask", threads)
            fake.wait_for_token_requests(1)
            fleet.kill_who_asks()
            answers: list[Answer] = fleet.answers()
            requests.append(fake.counts()["token_requests"])
        served.append(sum(answer.error is None for answer in answers))
        waited.append(max(answer.waited for answer in answers))
    lease = lease_seconds(policy)
    limit = lease + LATENCY + 2 * POLL.cap + SCHEDULING
    report.row(f"{name}, {rounds} killed: token requests in a round", s2sauth=max(requests), exactly=2)
    report.row(f"{name}, {rounds} killed: others served", s2sauth=min(served), exactly=(processes - 1) * threads)
    report.row(f"{name}, {rounds} killed: slowest caller", s2sauth=max(waited), at_most=limit, unit="s")


def figures(report: Report) -> None:
    """What the options ask for."""
    options = report.options
    every = report.ci and not (options.renew or options.kill)
    chosen = options.engine or list(ENGINES)
    short = options.engine or ["SQLite", "Valkey"] if report.ci else chosen
    runs = []
    if every or not (options.renew or options.kill):
        runs += [(name, (herd, faults, limits, added)) for name in chosen]
        cached(report)
    if options.renew or every:
        runs += [(name, (renewals,)) for name in short[-1:]]
    if options.kill or every:
        runs += [(name, (kills,)) for name in short]
    for name, parts in runs:
        if (reason := missing(name)) is not None:
            report.note(f"{name} is left out: {reason}")
            continue
        with ENGINES[name]() as engine:
            for part in parts:
                progress(f"{name}: {part.__name__}")
                part(report, name, engine)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("--renew", action="store_true", help="renewals, instead of a cold start")
    parser.add_argument("--kill", action="store_true", help="kills of who asks, instead of a cold start")
    parser.add_argument("--engine", action="append", choices=list(ENGINES), help="this one alone; may be repeated")


if __name__ == "__main__":
    command("A fleet that shares one token", figures, add_options=add_options)
