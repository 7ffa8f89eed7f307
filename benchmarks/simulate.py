"""What a fleet's tokens cost, and whether it stays within the quota: a day of 10,000 processes, simulated."""

import argparse
import gc
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from math import ceil, isfinite
from pathlib import Path
from typing import Any

from _price import DATED, DAYS, DOLLARS, QUOTA, dollars
from _sharing import ENGINES, POLICY, Fleet, Way, World
from _support import Report, command, progress
from _world import Books, Day, Deploy, Outage, Span

from s2sauth._core import policy, retry, sharing

HOUR, MINUTE = 3600.0, 60.0
SEED = 4
LIVES = {300: "5 min", 3600: "1 h", 86400: "24 h"}
PICTURED = 3600
BIN = 120
"""Seconds of the day for one bar of the picture."""
RECOVERY = 60.0
"""Seconds after an outage that outlasts the tokens: the longest remembered pause is 30 s, a flight lasts 8 s."""


def rolling(at: float) -> Deploy:
    """A twentieth of the machines every minute."""
    return Deploy(at, waves=20, apart=MINUTE)


CALM = Day(24 * HOUR, (rolling(0),))
"""Deployed once."""
CALM_SHORT = Day(2 * HOUR, (rolling(0),), stands_for=((HOUR, 2 * HOUR), 22))
"""The same for tokens of minutes: one quiet hour is like the other."""
COLD = Day(5 * MINUTE, (Deploy(0, spread=3.0),))
"""All processes start at once, and no store holds a token."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Processes that all need their first token, and no store holds one."""

    title: str
    limit: float
    """Seconds within which the slowest of them has one."""
    processes: int = 10_000
    within: float = 3.0
    """Seconds in which they start."""
    kills: bool = False
    share: float = 1.0

    def day(self, part: float) -> Day:
        """For this part of the processes, with this part of the store's limits."""
        return Day(self.within + 30.0, (Deploy(0, spread=self.within),), kills=self.kills, share=self.share * part)


CROWDS = {
    "crowd": Crowd("10,000 processes in 3 s", 4.0),
    "killed": Crowd("the same, the first that asks is killed", 5.0, kills=True),
    "half": Crowd("the same, the store has half of its limits", 4.0, share=0.5),
    "both": Crowd("the same, killed and half", 7.0, kills=True, share=0.5),
    "lambda": Crowd("100,000 Lambda cold starts in 60 s", 4.0, processes=100_000, within=60.0),
    "lambda, half": Crowd("the same, the store has half of its limits", 4.0, processes=100_000, within=60.0, share=0.5),
}
SHORT = 0.3
"""The part of a crowd, and of the stores' limits, in the short form."""


def bad(store: float, second: float, short: float, at_once: float, third: float, long: float, **last: Any) -> Day:
    """A day on which everything happens, at these hours; Cognito's outages are short, then long."""
    return Day(
        deploys=(rolling(0), rolling(second * HOUR), Deploy(at_once * HOUR, spread=3.0), rolling(third * HOUR)),
        outages=(
            Outage(short * HOUR, short * HOUR + 8 * MINUTE, hangs=False),
            Outage(long * HOUR, long * HOUR + 20 * MINUTE, hangs=True),
        ),
        store_outages=((store * HOUR, (store + 1) * HOUR),),
        **last,
    )


BAD = bad(3, 9, 12, 15, 18, 21, seconds=24 * HOUR)
BAD_SHORT = bad(1, 3, 4, 5, 6, 7, seconds=8 * HOUR, stands_for=((6.5 * HOUR, 7 * HOUR), 32))


@dataclass(frozen=True, slots=True)
class Run:
    """What the books of one day say."""

    minted: int
    requests: int
    throttled: int
    peak: int
    """The most token requests in a second, of the whole day."""
    failed: int
    """Calls that got no token, but for outages of Cognito that no token could outlast."""
    outlasted: int
    """Those in such outages."""
    longest: float
    """The longest wait of a caller, in seconds."""
    at_once_peak: int
    at_once_failed: int
    store_down_peak: int
    store_down_failed: int
    store_peak: int
    """The most operations of all stores in a second."""
    store_day: int
    """Those of the whole day."""
    busy: int
    """Operations that a store was too busy for."""
    bins: list[int]
    """The most token requests in a second of each part of the day."""


def budget(life: float) -> float:
    """Seconds of outage that every token outlasts: from its latest renewal point to its end."""
    return POLICY.usable_for(life) - POLICY.renew_after(life, 1.0)


def excused(day: Day, life: float) -> list[Span]:
    """When calls may fail."""
    return [
        (outage.began + budget(life), outage.ended + RECOVERY)
        for outage in day.outages
        if outage.ended - outage.began > budget(life)
    ]


def read(books: Books, day: Day, life: float) -> Run:
    """The figures of one day."""

    def within(values: list[int], spans: list[Span]) -> list[int]:
        return [value for began, ended in spans for value in values[int(began) : int(ended) + 1]]

    at_once = [(deploy.at, deploy.at + 3 * MINUTE) for deploy in day.deploys[1:] if deploy.waves == 1]
    store_down = [(began, ended + HOUR) for began, ended in day.store_outages]
    outlasted = sum(within(books.failed, excused(day, life)))
    return Run(
        minted=day.in_all(books.minted),
        requests=sum(books.requests),
        throttled=books.throttled,
        peak=max(books.requests),
        failed=sum(books.failed) - outlasted,
        outlasted=outlasted,
        longest=round(books.longest, 2),
        at_once_peak=max(within(books.requests, at_once), default=0),
        at_once_failed=sum(within(books.failed, at_once)),
        store_down_peak=max(within(books.requests, store_down), default=0),
        store_down_failed=sum(within(books.failed, store_down)),
        store_peak=max(books.store),
        store_day=day.in_all(books.store),
        busy=books.busy,
        bins=[max(books.requests[at : at + BIN]) for at in range(0, int(day.seconds), BIN)],
    )


SEEDS = {Way.PRIVATE: "private", Way.MACHINE: "per machine", Way.REDIS: "by all", Way.DYNAMODB: "by all"}
"""Part of the seed of a day: private tokens have the figures that they had before."""
Name = tuple[str, Way, int]
"""Kind of day, way of sharing, life of the tokens."""
KINDS = {"calm": CALM, "calm, short": CALM_SHORT, "bad": BAD, "bad, short": BAD_SHORT, "cold": COLD}


def simulated(name: Name, processes: int) -> Run:
    """One day; the same arguments give the same figures, to the last digit."""
    kind, way, life = name
    crowd = CROWDS.get(kind)
    day = KINDS[kind] if crowd is None else crowd.day(processes / crowd.processes)
    fleet = Fleet(processes, on_machine=20, once=crowd is not None)
    gc.disable()  # millions of short-lived objects, none in a circle
    try:
        world = World(day, fleet, way, life, f"{SEED} {kind} {SEEDS[way]} {life}")
        return read(world.run(), day, life)
    finally:
        gc.enable()


def cold_fleet(short: bool) -> int:  # noqa: FBT001  # as below
    """How many processes start at once."""
    return 3_000 if short else 10_000


def all_days(short: bool) -> Iterator[tuple[Name, int]]:  # noqa: FBT001  # what --ci says
    """Every day to simulate, and with how many processes; those that take long go first."""
    for life in LIVES:
        processes = 10_000 if not short else 100 if life == 300 else 700
        for kind in (a_day("bad", life), a_day("calm", life)):
            for way in Way:
                yield (kind, way, life), processes
    for way in Way:
        yield ("cold", way, PICTURED), cold_fleet(short)
        for name, crowd in CROWDS.items() if way.by_all else ():
            yield (name, way, PICTURED), round(crowd.processes * (SHORT if short else 1.0))


def simulate(days: list[tuple[Name, int]]) -> dict[Name, Run]:
    """All of them, one on each core."""
    done: dict[Name, Run] = {}
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        under_way = {pool.submit(simulated, name, processes): name for name, processes in days}
        for future in as_completed(under_way):
            kind, way, life = name = under_way[future]
            done[name] = future.result()
            progress(f"{len(done)} of {len(days)}: {kind}, {way.value}, tokens of {LIVES[life]}")
    return {name: done[name] for name, _ in days}


def first_sentence(processes: int = 500, life: int = 3600) -> dict[str, Any]:
    """What so many busy processes pay in a month: by arithmetic, and by simulation of a calm day."""
    found: dict[str, Any] = {"processes": processes, "life": life}
    for way, keys in ((Way.PRIVATE, processes), (Way.DYNAMODB, 1)):
        # The first of 500 renewal points renews the shared token: about the earliest there is.
        age = POLICY.renew_after(life, 0.5 if way is Way.PRIVATE else 0.0)
        minted = simulated(("calm", way, life), processes).minted
        found[way.name] = {
            "renewed_after": age,
            "reckoned": round(dollars(keys * DAYS * 24 * HOUR / age), 2),
            "minted": minted,
            "simulated": round(dollars(minted * DAYS), 2),
        }
    return found


def decisions() -> dict[str, Any]:
    """The numbers that the library decides with: other numbers, other figures."""
    numbers = {
        f"{module.__name__.rpartition('.')[2]}.{name}": list(value) if isinstance(value, tuple) else value
        for module in (policy, retry, sharing)
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, (int, float, tuple))
    }
    numbers |= {
        f"{module.__name__.rpartition('.')[2]}.{name}": [
            number if isfinite(number) else None for number in vars(value).values()
        ]
        for module in (retry, sharing)
        for name, value in vars(module).items()
        if isinstance(value, retry.Backoff)
    }
    return numbers | {f"RenewalPolicy.{name}": getattr(POLICY, name) for name in sorted(vars(POLICY))}


def tokens_a_day(way: Way, life: int, processes: int) -> tuple[int, int]:
    """The fewest and the most on a calm day, by the policy alone."""
    keys = {Way.PRIVATE: processes, Way.MACHINE: ceil(processes / 20)}.get(way, 1)
    up = CALM.seconds - CALM.deploys[0].span()[1]
    return keys * int(up / POLICY.renew_after(life, 1.0)), keys * ceil(CALM.seconds / POLICY.renew_after(life, 0.0))


def a_day(kind: str, life: int) -> str:
    """The kind of day for tokens of this life."""
    return f"{kind}, short" if life == 300 else kind


def figures(report: Report) -> None:
    """Simulate, judge, draw."""
    days = list(all_days(report.ci))
    runs = simulate(days)
    processes = {life: number for (kind, _, life), number in days if kind.startswith("bad")}
    for life, text in LIVES.items():
        number = processes[life]
        report.row(f"tokens of {text}, {number:,} processes", s2sauth="")
        judge_calm(report, runs, life, number)
        judge_bad(report, runs, life)
    report.row(f"{cold_fleet(report.ci):,} processes start at once, nothing in any store", s2sauth="")
    judge_cold(report, runs)
    report.row(f"{SHORT if report.ci else 1:.0%} of a crowd, and of the stores' limits", s2sauth="")
    judge_crowds(report, runs)
    report.note(f"Seed {SEED}. $ {DOLLARS} for a token, {QUOTA} token requests a second (as of {DATED}).")
    report.note("A calm day: one rolling deploy. A bad day: three, one of all at once, Cognito down for 8 and for")
    report.note("20 minutes, the store that all share for an hour. Calls that fail while Cognito is down for longer")
    report.note("than any token lives, or in the minute after, are counted apart.")
    if report.options.svg or report.options.docs:
        data = collected(runs)
        sys.path.append(str(Path(__file__).resolve().parent.parent / "scripts"))
        import costs

        if report.options.svg:
            report.options.svg.write_text(costs.picture(data), encoding="utf-8")
        if report.options.docs:
            assert not report.ci, "the page shows the long form"
            costs.TABLE.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
            costs.main([])


def judge_calm(report: Report, runs: dict[Name, Run], life: int, processes: int) -> None:
    """What it costs, against what the policy alone says."""
    for way in Way:
        run = runs[a_day("calm", life), way, life]
        least, most = tokens_a_day(way, life, processes)
        what = f"  calm, {way.value}"
        report.row(f"{what}: tokens", s2sauth=run.minted, at_least=least, at_most=most)
        report.row(f"{what}: dollars a month", s2sauth=dollars(run.minted * DAYS))
        report.row(f"{what}: calls failed", s2sauth=run.failed, exactly=0)
        if way.by_all:
            report.row(f"{what}: most in a second", s2sauth=run.peak, at_most=2)


def judge_bad(report: Report, runs: dict[Name, Run], life: int) -> None:
    """What a deploy of all at once and outages do."""
    for way in Way:
        run = runs[a_day("bad", life), way, life]
        shared = way.by_all
        served: dict[str, Any] = {} if way is Way.PRIVATE or (life == 300 and not shared) else {"exactly": 0}
        what = f"  bad, {way.value}"
        report.row(f"{what}: tokens", s2sauth=run.minted)
        over: dict[str, Any] = {"at_most": QUOTA} if shared else {}
        if way is Way.PRIVATE and life != 300:
            over = {"at_least": QUOTA + 1}  # else the quota was not put to the test
        report.row(f"{what}: most in a second, all at once", s2sauth=run.at_once_peak, **over)
        none: dict[str, Any] = {"exactly": 0} if shared else {}
        report.row(f"{what}: calls failed, all at once", s2sauth=run.at_once_failed, **none)
        if shared:
            report.row(f"{what}: most in a second, store down", s2sauth=run.store_down_peak)
            report.row(f"{what}: calls failed, store down", s2sauth=run.store_down_failed, **served)
            report.row(f"{what}: store operations in a second", s2sauth=run.store_peak)
        report.row(f"{what}: calls failed, whole day", s2sauth=run.failed, **served)
        report.row(f"{what}: failed, Cognito down too long", s2sauth=run.outlasted)
        report.row(f"{what}: longest wait", s2sauth=run.longest, at_most=POLICY.deadline + 0.1, unit="s")


def judge_cold(report: Report, runs: dict[Name, Run]) -> None:
    """Who waits for whom, and what that does to the endpoint."""
    for way in Way:
        run = runs["cold", way, PICTURED]
        shared, private = way.by_all, way is Way.PRIVATE
        what = f"  cold, {way.value}"
        report.row(f"{what}: tokens", s2sauth=run.minted, exactly=1 if shared else None)
        over: dict[str, Any] = {"at_most": QUOTA} if shared else {"at_least": QUOTA + 1} if private else {}
        report.row(f"{what}: most requests in a second", s2sauth=run.peak, **over)
        report.row(f"{what}: calls failed", s2sauth=run.failed, exactly=None if private else 0)
        report.row(f"{what}: longest wait", s2sauth=run.longest, at_most=4.0 if shared else 8.1, unit="s")


def judge_crowds(report: Report, runs: dict[Name, Run]) -> None:
    """What a store's limits do to the first token of a crowd."""
    for name, crowd in CROWDS.items():
        for way in ENGINES:
            if way.by_all:
                run = runs[name, way, PICTURED]
                what = f"  {name}, {way.value}"
                report.row(f"{what}: tokens", s2sauth=run.minted, at_most=2)
                report.row(f"{what}: calls failed", s2sauth=run.failed, exactly=0)
                report.row(f"{what}: longest wait", s2sauth=run.longest, at_most=crowd.limit, unit="s")
                report.row(f"{what}: store operations, busy", s2sauth=run.busy)


CROWD_SHOWN = ("minted", "failed", "longest", "busy", "store_peak")
COLD_SHOWN = ("minted", "throttled", "peak", "failed", "longest", "store_peak")
BAD_SHOWN = (
    "throttled", "peak", "failed", "outlasted", "longest", "at_once_peak", "at_once_failed",
    "store_down_peak", "store_down_failed", "store_peak",
)  # fmt: skip


def collected(runs: dict[Name, Run]) -> dict[str, Any]:
    """What the page is made of."""
    rows = []
    for life in LIVES:
        for way in Way:
            quiet, bad = runs[a_day("calm", life), way, life], runs[a_day("bad", life), way, life]
            rows.append(
                {
                    "way": way.name,
                    "life": life,
                    "minted": quiet.minted,
                    "dollars_a_month": round(dollars(quiet.minted * DAYS), 2),
                    "calm_peak": quiet.peak,
                    "bad_minted": bad.minted,
                    "bad_dollars": round(dollars(bad.minted), 2),
                    "store_day": quiet.store_day,
                    **{name: getattr(bad, name) for name in BAD_SHOWN},
                }
            )
    return {
        "made_by": "benchmarks/simulate.py --docs",
        "seed": SEED,
        "processes": 10_000,
        "on_machine": 20,
        "dollars_a_token": DOLLARS,
        "quota": QUOTA,
        "dated": DATED,
        "decisions": decisions(),
        "first_sentence": first_sentence(),
        "budgets": {str(life): round(budget(life), 1) for life in LIVES},
        "rows": rows,
        "crowds": {
            name: {
                "title": crowd.title,
                **{
                    way.name: {shown: getattr(runs[name, way, PICTURED], shown) for shown in CROWD_SHOWN}
                    for way in ENGINES
                    if way.by_all
                },
            }
            for name, crowd in CROWDS.items()
        },
        "cold": {way.name: {name: getattr(runs["cold", way, PICTURED], name) for name in COLD_SHOWN} for way in Way},
        "day": {
            "seconds": BAD.seconds,
            "deploys": [deploy.span() for deploy in BAD.deploys],
            "outages": [(outage.began, outage.ended) for outage in BAD.outages],
            "store_outages": BAD.store_outages,
        },
        "pictured": {
            "life": PICTURED,
            "bin": BIN,
            "bins": {way.name: " ".join(map(str, runs["bad", way, PICTURED].bins)) for way in Way},
        },
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("--svg", type=Path, help="draw the bad day, and the dollars, into this file")
    parser.add_argument("--docs", action="store_true", help="write docs/reference/costs.json, and the page made of it")


if __name__ == "__main__":
    command("A day of a fleet, simulated: tokens, requests a second, dollars", figures, add_options=add_options)
