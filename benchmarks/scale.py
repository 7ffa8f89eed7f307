"""How calls on a cached token scale: 1 to 64 threads and 1 to 10,000 tasks, in calls per second against no auth at all.

The transport answers from memory, so that the socket is not what is measured; two rows have a real one. All variants
take turns within a round, and a figure is the median of the rounds' ratios.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import httpx
from _support import Report, cognito_over_tls, command, progress
from hot_path import CONSTANT, URL, Memory
from stampede import Crowd

from s2sauth import CognitoClientCredentials

THREADS = (1, 2, 4, 8, 16, 32, 64)
TASKS = (1, 10, 100, 1_000, 10_000)
ON_SOCKETS = 8
"""Threads and tasks, each on a connection that is kept."""
VARIANTS = ("none", "s2sauth", "static header")
Run = Callable[[str, int, int], float]
"""Calls per second of a variant, with so many callers, each making so many calls."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done."""

    rounds: int
    calls: int
    """Of all callers together in one run, at least; each makes one or more."""
    threads: tuple[int, ...]
    tasks: tuple[int, ...]

    def on_sockets(self) -> "Plan":
        """The same with fewer calls, which take longer."""
        return replace(self, calls=self.calls // 2)


FULL = Plan(9, 2_000, THREADS, TASKS)
SHORT = Plan(3, 400, (1, 8, 64), (1, 100, 1_000))


def in_threads(clients: dict[str, httpx.Client], url: str) -> Run:
    """Threads on one client."""

    def run(variant: str, callers: int, each: int) -> float:
        def member() -> None:
            for _ in range(each):
                clients[variant].get(url).raise_for_status()

        crowd = Crowd.of_threads(callers).call(member)
        if crowd.failed:
            raise RuntimeError(f"{variant}: a call failed") from crowd.failed[0]
        return callers * each / crowd.took

    return run


def in_tasks(clients: dict[str, httpx.AsyncClient], url: str, runner: asyncio.Runner) -> Run:
    """Tasks on one client and one event loop."""

    async def member(client: httpx.AsyncClient, each: int) -> None:
        for _ in range(each):
            (await client.get(url)).raise_for_status()

    async def crowd(variant: str, callers: int, each: int) -> float:
        began = time.perf_counter()
        await asyncio.gather(*(member(clients[variant], each) for _ in range(callers)))
        return callers * each / (time.perf_counter() - began)

    return lambda variant, callers, each: runner.run(crowd(variant, callers, each))


def compare(report: Report, what: str, run: Run, callers: int, plan: Plan, *, at_least: float | None = None) -> None:
    """One row: calls per second with the hook and with a constant header, each against no auth in the same round."""
    progress(what)
    each = max(1, plan.calls // callers)
    rates: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for n in range(plan.rounds + 1):
        for name in VARIANTS:
            rate = run(name, callers, each)
            if n:  # the first round warms up
                rates[name].append(rate)

    def ratios(name: str) -> list[float]:
        return [one / none for one, none in zip(rates[name], rates["none"], strict=True)]

    ours, floor = ratios("s2sauth"), median(ratios("static header"))
    spread = min(ours), max(ours)
    report.row(what, median(ours), at_least=at_least, floor=floor, spread=spread, unit="x")
    middle = {name: round(median(rates[name])) for name in VARIANTS}
    report.row("  calls a second", middle["s2sauth"], floor=middle["static header"])


def variants(make: Callable[..., Any], auth: httpx.Auth, header: dict[str, str], **options: Any) -> dict[str, Any]:
    """A client of each."""
    return {
        "none": make(**options),
        "s2sauth": make(auth=auth, **options),
        "static header": make(headers=header, **options),
    }


def figures(report: Report) -> None:
    """The table."""
    plan, least = (SHORT, 0.5) if report.ci else (FULL, 0.75)  # short runs beside other work swing
    with cognito_over_tls() as (fake, environ), asyncio.Runner() as runner:
        trust = ssl.create_default_context(cafile=environ["SSL_CERT_FILE"])
        with CognitoClientCredentials.from_env(
            environ=environ, http_client=lambda: httpx.Client(verify=trust)
        ) as credentials:
            auth = credentials.httpx_auth(URL, fake.api_url)
            header = {"Authorization": credentials.get_token().authorization}
            memory = Memory()
            run = in_threads(variants(httpx.Client, auth, CONSTANT, transport=memory), URL)
            for callers in plan.threads:
                compare(report, f"{callers} thread{'s'[: callers > 1]}", run, callers, plan, at_least=least)
            run = in_tasks(variants(httpx.AsyncClient, auth, CONSTANT, transport=memory), URL, runner)
            for callers in plan.tasks:
                compare(report, f"{callers:,} task{'s'[: callers > 1]}", run, callers, plan, at_least=least)
            fake.api_answer(200)  # to those without a token as well
            options = {"verify": trust, "timeout": 30}
            url = fake.api_url + "/files"
            clients = variants(httpx.Client, auth, header, **options)
            compare(report, f"{ON_SOCKETS} threads, sockets", in_threads(clients, url), ON_SOCKETS, plan.on_sockets())
            for client in clients.values():
                client.close()
            clients = variants(httpx.AsyncClient, auth, header, **options)
            run = in_tasks(clients, url, runner)
            compare(report, f"{ON_SOCKETS} tasks, sockets", run, ON_SOCKETS, plan.on_sockets())
            for client in clients.values():
                runner.run(client.aclose())
            report.row("token requests for all of it", fake.counts()["token_requests"], exactly=1)
    report.note(
        f"Calls a second against no auth in the same round: medians of {plan.rounds} rounds, least and most in "
        "brackets; floor is a constant header. In memory; with sockets over TLS, each caller on its own connection."
    )


if __name__ == "__main__":
    command("Scale: calls per second on a cached token, against no auth at all", figures)
