"""How calls on a cached token scale: 1 to 64 threads and 1 to 10,000 tasks, in calls per second against no auth at all.

The transport answers from memory, so that the socket is not what is measured; two rows have a real one. All variants
take turns within a round, and a figure is the median of the rounds' ratios.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from operator import truediv
from statistics import median
from typing import Any

import httpx
from _support import Report, cognito_over_tls, command, progress, trusting
from hot_path import CONSTANT, URL, Memory
from stampede import Crowd

ON_SOCKETS = 8
"""Threads and tasks, each on a connection that is kept."""
VARIANTS = ("none", "s2sauth", "static header")
Run = Callable[[str, int, int], float]
"""Calls per second of a variant, with so many callers, each making so many calls."""


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


class Comparison:
    """Rows of so many rounds, in which all callers together make so many calls at least, and each one or more."""

    def __init__(self, report: Report, rounds: int, calls: int) -> None:
        self._report, self._rounds, self._calls = report, rounds, calls

    def row(self, what: str, run: Run, callers: int, at_least: float | None = None) -> None:
        """Calls per second with the hook and with a constant header, each against no auth in the same round."""
        progress(what)
        each = max(1, self._calls // callers)
        rates: dict[str, list[float]] = {name: [] for name in VARIANTS}
        for n in range(self._rounds + 1):
            for name in VARIANTS:
                rate = run(name, callers, each)
                if n:  # the first round warms up
                    rates[name].append(rate)
        ours, floor = (list(map(truediv, rates[name], rates["none"])) for name in VARIANTS[1:])
        spread = min(ours), max(ours)
        self._report.row(what, median(ours), at_least=at_least, floor=median(floor), spread=spread, unit="x")
        rate, floor_rate = (round(median(rates[name])) for name in VARIANTS[1:])
        self._report.row("  calls a second", rate, floor=floor_rate)


def variants(make: Callable[..., Any], auth: httpx.Auth, header: dict[str, str], **options: Any) -> dict[str, Any]:
    """A client of each."""
    return {
        "none": make(**options),
        "s2sauth": make(auth=auth, **options),
        "static header": make(headers=header, **options),
    }


def figures(report: Report) -> None:
    """The table."""
    rounds, calls, threads, tasks = 9, 2_000, (1, 2, 4, 8, 16, 32, 64), (1, 10, 100, 1_000, 10_000)
    least = 0.75
    if report.ci:
        rounds, calls, threads, tasks = 3, 400, (1, 8, 64), (1, 100, 1_000)
        least = 0.5  # short runs beside other work swing
    memory, sockets = Comparison(report, rounds, calls), Comparison(report, rounds, calls // 2)
    with cognito_over_tls() as (fake, environ), asyncio.Runner() as runner:
        trust = ssl.create_default_context(cafile=environ["SSL_CERT_FILE"])
        with trusting(environ) as credentials:
            auth = credentials.httpx_auth(URL, fake.api_url)
            header = {"Authorization": credentials.get_token().authorization}
            run = in_threads(variants(httpx.Client, auth, CONSTANT, transport=Memory()), URL)
            for callers in threads:
                memory.row(f"{callers} thread{'s'[: callers > 1]}", run, callers, least)
            run = in_tasks(variants(httpx.AsyncClient, auth, CONSTANT, transport=Memory()), URL, runner)
            for callers in tasks:
                memory.row(f"{callers:,} task{'s'[: callers > 1]}", run, callers, least)
            fake.api_answer(200)  # to those without a token as well
            url, options = fake.api_url + "/files", {"verify": trust, "timeout": 30}
            clients = variants(httpx.Client, auth, header, **options)
            sockets.row(f"{ON_SOCKETS} threads, sockets", in_threads(clients, url), ON_SOCKETS)
            for client in clients.values():
                client.close()
            clients = variants(httpx.AsyncClient, auth, header, **options)
            sockets.row(f"{ON_SOCKETS} tasks, sockets", in_tasks(clients, url, runner), ON_SOCKETS)
            for client in clients.values():
                runner.run(client.aclose())
            report.row("token requests for all of it", fake.counts()["token_requests"], exactly=1)
    report.note(
        f"Calls a second against no auth in the same round: medians of {rounds} rounds, least and most in brackets; "
        "floor is a constant header. In memory; with sockets over TLS, each caller on its own connection."
    )


if __name__ == "__main__":
    command("Scale: calls per second on a cached token, against no auth at all", figures)
