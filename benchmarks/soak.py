"""Whether an API's calls are served, minute after minute, while faults come at random."""

import argparse
import multiprocessing
import os
import random
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from _callers import ROUTES, SENT, Call, Held, Stall, serve
from _faults import KINDS, OUTAGES, REVOKED, Done, Saboteur
from _support import ROOT, InOwnProcess, Report, command, private_ca, progress

from drawing import bands, bars, chart
from s2sauth import RenewalPolicy
from s2sauth.testing import ApiRequest, FakeCognito, TokenRequest

LIFE = 5.0
"""Seconds; the default policy renews such a token after 3.8 to 4.3 s."""
USABLE = RenewalPolicy().usable_for(LIFE)
ON_THE_WAY = 0.5
"""Seconds that an answer with a token, or a call, may take: the books see a token that much earlier or later."""
PATIENCE = RenewalPolicy().deadline + 2.0
"""Seconds for the longest call: the longest wait for a token, and the call itself."""
CHART = ROOT / ".cache" / "soak.svg"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the books have it."""

    good_from: float
    good_until: float


@dataclass(frozen=True, slots=True)
class Soak:
    """What was seen from outside: s2sauth is not asked."""

    began: float
    ended: float
    calls: list[Call]
    stalls: list[Stall]
    token_requests: list[TokenRequest]
    api_requests: list[ApiRequest]
    faults: list[Done]
    held: list[Held]
    """After the warm-up, and at the end."""

    def tokens(self) -> dict[tuple[str, ...], list[Token]]:
        """Those that were issued, oldest first, by scope set. Each is good until it EXPIRES or all are revoked."""
        revoked = [fault for fault in self.faults if fault.kind == REVOKED]
        found: dict[tuple[str, ...], list[Token]] = {tuple(sorted(scopes)): [] for scopes in ROUTES}
        for request in self.token_requests:
            if request.token_id is None:
                continue
            latest = bisect_left(revoked, request.at, key=lambda fault: fault.ended)
            ends = [fault.began for fault in revoked[latest : latest + 1]]
            late = self.stalled(request.at - 1, request.at)  # its life counts from before it was sent
            held_back = max((f.latency for f in self.faults if f.began <= request.at <= f.ended), default=0.0)
            token = Token(request.at + held_back, min([request.at - late + USABLE, *ends]))
            found[tuple(sorted(request.form["scope"].split()))].append(token)
        return found

    def dead(self) -> tuple[int, int]:
        """How many dead tokens the API saw: those that were dead when sent, and those that died on a long way."""
        ways = [request.at - float(request.header(SENT) or "nan") for request in self.api_requests if request.dead]
        long = sum(way > LIFE - USABLE for way in ways)  # longer than the margin
        return len(ways) - long, long

    def without(self) -> float:
        """The longest time for which a scope set had no token although the token endpoint was up."""
        outages = [fault for fault in self.faults if fault.kind in OUTAGES]
        longest = 0.0
        for issued in self.tokens().values():
            for before, after in pairwise(issued):
                down = sum(
                    max(0.0, min(outage.ended, after.good_from) - max(outage.began, before.good_until))
                    for outage in outages
                )
                longest = max(longest, after.good_from - before.good_until - down)
        return longest

    def promised(self) -> list[bool]:
        """For each call: a valid token existed when it began, and for as long as a call takes."""
        tokens = self.tokens()
        promised: list[bool] = []
        for call in self.calls:
            issued = tokens[tuple(sorted(call.scopes))]
            known = bisect_right(issued, call.began - ON_THE_WAY, key=lambda token: token.good_from)
            decided = call.began + ON_THE_WAY + self.stalled(call.began, call.began + 1)
            promised.append(any(decided < token.good_until for token in issued[:known][-3:]))
        return promised

    def stalled(self, since: float, until: float) -> float:
        """For how long the service's process stood still between these moments."""
        first = bisect_left(self.stalls, since, key=lambda stall: stall.ended)
        last = bisect_right(self.stalls, until, key=lambda stall: stall.began)
        return sum(min(stall.ended, until) - max(stall.began, since) for stall in self.stalls[first:last])

    def outlasted(self) -> list[Done]:
        """The outages at whose end some scope set had no valid token."""
        outages = [fault for fault in self.faults if fault.kind in OUTAGES]
        return [
            outage
            for outage in outages
            if any(
                not any(token.good_from < outage.ended < token.good_until for token in issued)
                for issued in self.tokens().values()
            )
        ]


def soak(seconds: float, warm_up: float, seed: int, faults: int = 0) -> Soak:
    """Run for so many seconds, and until so many faults are over.

    What the process holds is looked at after the warm-up and at the end.
    """
    seen: list[Call | Stall] = []
    token_requests: list[TokenRequest] = []
    api_requests: list[ApiRequest] = []
    held: list[Held] = []
    with (
        tempfile.TemporaryDirectory(prefix="s2sauth-") as folder,
        private_ca() as tls,
        FakeCognito.spawn(certfile=tls.certfile, keyfile=tls.keyfile, expires_in=LIFE) as fake,
    ):
        secrets = Path(folder, "secrets.json")
        saboteur = Saboteur(fake, secrets, seed)
        orders, theirs = multiprocessing.get_context("spawn").Pipe()
        service = InOwnProcess(serve, fake.environ, str(secrets), tls.cafile, seed, theirs)
        theirs.close()
        began = 0.0
        for length, at_least in ((warm_up, 0), (seconds - warm_up, faults)):
            orders.send("start")
            seen += orders.recv()  # it runs
            began = began or time.time() - 0.5
            saboteur.start()
            until = time.monotonic() + length
            while time.monotonic() < until or len(saboteur.done) < at_least:
                seen += orders.recv()
            saboteur.pause()
            orders.send("stop")
            while not isinstance(answer := orders.recv(), Held):
                seen += answer
            held.append(answer)
            token_requests += fake.token_requests
            api_requests += fake.api_requests
            fake.clear_records()  # nobody calls now
            progress(f"{time.time() - began:.0f} s: {len(seen)} calls, {len(saboteur.done)} faults")
        orders.send("end")
        service.result()
    calls = [item for item in seen if isinstance(item, Call)]
    stalls = [item for item in seen if isinstance(item, Stall)]
    return Soak(began, calls[-1].ended, calls, stalls, token_requests, api_requests, saboteur.done, held)


def figures(report: Report) -> None:
    """Run, judge, draw."""
    options = report.options
    seconds: float = options.seconds or (20.0 if report.ci else 600.0)
    seed: int = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    warm_up = min(60.0, seconds / 3)
    progress(f"{seconds:g} s with seed {seed}")
    run = soak(seconds, warm_up, seed, options.faults)

    promised = run.promised()
    served = [call.outcome == "200" for call in run.calls]
    broken = [call for call, due, good in zip(run.calls, promised, served, strict=True) if due and not good]
    others = [good for due, good in zip(promised, served, strict=True) if not due]
    outages = [fault for fault in run.faults if fault.kind in OUTAGES]
    early, late = run.held
    report.row("calls while a valid token exists", s2sauth=sum(promised), at_least=int(seconds))
    report.row("of these: failed", s2sauth=len(broken), exactly=0)
    dead, overtaken = run.dead()
    report.row("dead tokens seen by the API", s2sauth=dead, exactly=0)
    report.row(f"died on a way of over {LIFE - USABLE:.2f} s", s2sauth=overtaken)
    report.row("answers for other scopes", s2sauth=sum(call.outcome == "wrong scope" for call in run.calls), exactly=0)
    report.row("longest call", s2sauth=max(call.ended - call.began for call in run.calls), at_most=PATIENCE, unit="s")
    report.row(f"other calls: none, or its last {ON_THE_WAY:g} s", s2sauth=len(others))
    report.row("of these: served all the same", s2sauth=sum(others))
    report.row("outages of the token endpoint", s2sauth=len(outages))
    report.row("of these: longer than a token lived", s2sauth=len(run.outlasted()))
    report.row("longest without one, endpoint up", s2sauth=run.without(), unit="s")
    report.row("token requests", s2sauth=len(run.token_requests))
    report.row("tokens issued", s2sauth=sum(request.token_id is not None for request in run.token_requests))
    standing = max((stall.ended - stall.began for stall in run.stalls), default=0.0)
    report.row("longest standstill of the machine", s2sauth=standing, unit="s")
    if early.fds is not None and late.fds is not None:
        report.row(f"file descriptors after {warm_up:.0f} s", s2sauth=early.fds)
        report.row("file descriptors at the end", s2sauth=late.fds, exactly=early.fds)
        report.row(f"threads after {warm_up:.0f} s", s2sauth=early.threads)
        report.row("threads at the end", s2sauth=late.threads, exactly=early.threads)
        report.row(f"memory after {warm_up:.0f} s", s2sauth=early.memory, unit="MiB")
        report.row("memory grown until the end", s2sauth=late.memory - early.memory, at_most=5.0, unit="MiB")
    kinds = Counter(fault.kind for fault in run.faults)
    report.note(f"Seed {seed}. Faults: " + ", ".join(f"{n} × {kind}" for kind, n in kinds.most_common()) + ".")
    outcomes = Counter(call.outcome for call in run.calls)
    report.note("All calls: " + ", ".join(f"{n} × {outcome}" for outcome, n in outcomes.most_common()) + ".")
    for call in broken[:10]:
        report.note(f"{call.began - run.began:.2f} s: {call.outcome} after {call.ended - call.began:.2f} s")
    options.svg.parent.mkdir(parents=True, exist_ok=True)
    options.svg.write_text(drawn(run, seed), encoding="utf-8")
    report.note(f"Drawn: {os.path.relpath(options.svg)}")


def drawn(run: Soak, seed: int) -> str:
    """Calls, tokens and faults over time."""
    start, seconds = run.began, run.ended - run.began
    early, late = run.held
    moments: dict[str, list[float]] = {"served": [], "failed, no valid token": [], "failed with a valid token": []}
    for call, due in zip(run.calls, run.promised(), strict=True):
        kind = "served" if call.outcome == "200" else "failed with a valid token" if due else "failed, no valid token"
        moments[kind].append(call.ended - start)
    got = [request.at - start for request in run.token_requests if request.token_id is not None]
    none = [request.at - start for request in run.token_requests if request.token_id is None]
    tokens = {
        " ".join(name.removeprefix("demo/") for name in scopes): (
            "calm",
            [(t.good_from - start, t.good_until - start) for t in issued if t.good_until > t.good_from],
        )
        for scopes, issued in run.tokens().items()
    }
    faults = {
        kind: (
            "fault" if kind in OUTAGES else "quiet",
            [(fault.began - start, fault.ended - start) for fault in run.faults if fault.kind == kind],
        )
        for kind in dict.fromkeys(KINDS)
    }
    calls = {name: (colour, moments[name]) for name, colour in zip(moments, ("good", "spare", "bad"), strict=True)}
    down = [(fault.began - start, fault.ended - start) for fault in run.faults if fault.kind in OUTAGES]
    return chart(
        f"{len(run.calls):,} calls in {seconds:.0f} s, {len(run.faults)} faults, tokens of {LIFE:g} s",
        f"Seed {seed}. Held after the warm-up: {early.text()}; at the end: {late.text()}.",
        seconds,
        [
            bars("API calls", seconds, calls),
            bars("Token requests that arrived", seconds, {"a token came": ("calm", got), "none came": ("quiet", none)}),
            bands("A valid token exists", seconds, tokens),
            bands("Faults", seconds, faults),
        ],
        {"the token endpoint gives no token": ("fault", down)},
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("--seconds", type=float, help="how long; default 600, with --ci 20")
    parser.add_argument("--faults", type=int, default=0, help="go on until so many are over")
    parser.add_argument("--seed", type=int, help="of the faults; default: any, and it is printed")
    parser.add_argument("--svg", type=Path, default=CHART, help="where to draw it; default: .cache/soak.svg")


if __name__ == "__main__":
    command(
        "Soak: faults at random, tokens of 5 s, threads, asyncio and trio on one object",
        figures,
        add_options=add_options,
    )
