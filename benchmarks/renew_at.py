"""What renewing earlier costs, and what it buys: tokens a day, and the outage that goes unnoticed."""

import argparse
import base64
import json
import sys
from collections.abc import Callable
from email.utils import formatdate

import httpx
from _price import DAYS, dollars
from _sharing import Fleet, Way, World
from _support import Report, command, progress
from _world import Day, Deploy, Outage

import pages
from pages import DOCS, filled
from s2sauth import CognitoClientCredentials, ConfigurationError, RenewalPolicy
from s2sauth.testing import ManualClock, wait_for_renewals

LIVES = {300: "5 min", 3600: "1 h", 86_400: "24 h"}
FRACTIONS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
HOUR = 3600
DAY = 86_400.0
PROCESSES = 20
SEED = 6
SHORT_MARGIN = 5.0
"""Seconds, where 10 would be refused."""
PAGE = DOCS / "renew-at.md"
MARK = "renew_at.py: table"


def policy(renew_at: float) -> RenewalPolicy:
    """With this `renew_at` and all else as usual, but for the margin where the window would be too short for it."""
    try:
        return RenewalPolicy(renew_at=renew_at)
    except ConfigurationError:
        return RenewalPolicy(renew_at=renew_at, expiry_margin=SHORT_MARGIN)


def tokens(chosen: RenewalPolicy, life: int) -> float:
    """Tokens that one busy process buys on a calm day: simulated, private."""
    day = Day(DAY, (Deploy(0, spread=60.0),))
    books = World(day, Fleet(PROCESSES, on_machine=1), Way.PRIVATE, life, f"{SEED} {life}", policy=chosen).run()
    return sum(books.minted) / PROCESSES


def budget(chosen: RenewalPolicy, life: int) -> float:
    """Seconds of an outage that goes unnoticed whenever it begins: from the latest renewal point to the token's end."""
    return chosen.usable_for(life) - chosen.renew_after(life, 1.0)


def failed(chosen: RenewalPolicy, life: int, *, times: float = 1.0) -> int:
    """Calls that fail in a simulated outage of `times` that length, less a second, in the middle of the day."""
    outage = Outage(DAY / 2, DAY / 2 + times * budget(chosen, life) - 1, hangs=False)
    day = Day(DAY * 0.6, (Deploy(0, spread=float(life)),), outages=(outage,))
    return sum(World(day, Fleet(PROCESSES, on_machine=1), Way.PRIVATE, life, f"{SEED} out", policy=chosen).run().failed)


def minutes(seconds: float) -> str:
    """As people say it."""
    hours, rest = divmod(round(seconds), 3600)
    parts = [
        f"{hours} h" if hours else "",
        f"{rest // 60} min" if rest >= 60 else "",
        f"{rest % 60} s" if not hours else "",
    ]
    return " ".join(part for part in parts if part and not part.startswith("0 "))


def table(lives: tuple[int, ...] = tuple(LIVES), *, more: bool = True) -> dict[tuple[float, int], tuple[str, int]]:
    """The cell of each fraction and life, and the calls that failed in its outage."""
    cells: dict[tuple[float, int], tuple[str, int]] = {}
    for life in lives:
        for fraction in FRACTIONS:
            chosen = policy(fraction)
            bought = tokens(chosen, life)
            text = f"{bought:.1f}, ${dollars(bought * DAYS):,.2f}, {minutes(budget(chosen, life))}"
            cells[fraction, life] = text, failed(chosen, life) if more else 0
    return cells


def markdown(cells: dict[tuple[float, int], tuple[str, int]]) -> str:
    """As it stands on the page."""
    lines: list[list[str]] = []
    for fraction in FRACTIONS:
        name = f"**{fraction}**" if fraction == RenewalPolicy().renew_at else str(fraction)
        name += f", `expiry_margin={SHORT_MARGIN}`" if policy(fraction).expiry_margin == SHORT_MARGIN else ""
        lines.append([name, *(cells[fraction, life][0] for life in LIVES)])
    return pages.table(["`renew_at`", *(f"tokens of {text}" for text in LIVES.values())], lines)


def written(page: str, text: str) -> str:
    """The page with this table in its place."""
    return filled(page, {MARK: text})


class FastProxy(httpx.BaseTransport):
    """A proxy before the token endpoint whose clock is `ahead`, so the Date of its answers is."""

    def __init__(self, clock: ManualClock, ahead: float, members: Callable[[float], dict[str, float]]) -> None:
        self.clock, self.ahead, self.members, self.sold = clock, ahead, members, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """A new token."""
        request.read()
        self.sold += 1
        now = int(self.clock.wall())
        claims = json.dumps({"exp": now + HOUR, "n": self.sold, **self.members(now)}).encode()
        token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": HOUR}
        return httpx.Response(200, json=answer, headers={"Date": formatdate(now + self.ahead, usegmt=True)})


def behind_a_fast_proxy(ahead: float, *, iat: bool) -> int:
    """Tokens of an hour that a process buys in three, with a call every ten seconds; no call fails."""
    clock = ManualClock()
    proxy = FastProxy(clock, ahead, lambda now: {"iat": now} if iat else {})
    credentials = CognitoClientCredentials(
        domain="https://auth.example.com",
        client_id="abc",
        client_secret="s" * 40,
        http_client=lambda: httpx.Client(transport=proxy, trust_env=False),
        clock=clock,
    )
    with credentials:
        for _ in range(3 * HOUR // 10):
            credentials.get_token()
            wait_for_renewals(credentials)
            clock.advance(10.0)
    return proxy.sold


def fast_proxies(report: Report) -> None:
    """Before the purchase budget, 216 tokens at 59:00 and 1,080 at 59:50."""
    for ahead in (3540, 3590):
        sold = behind_a_fast_proxy(ahead, iat=True)
        report.row(f"a proxy's Date {minutes(ahead)} ahead: tokens in 3 h", s2sauth=sold, at_most=6)
        sold = behind_a_fast_proxy(ahead, iat=False)
        report.row("  the same, of tokens without iat", s2sauth=sold, at_most=3 * 8)


def figures(report: Report) -> None:
    """A row for each cell: nobody notices an outage of the length that the page promises."""
    lives = (3600, 86_400) if report.ci else tuple(LIVES)
    progress(f"{len(FRACTIONS)} fractions, {len(lives)} lives")
    cells = table(lives)
    for (fraction, life), (text, calls) in cells.items():
        report.row(f"{LIVES[life]}, renew_at {fraction}: {text}: calls failed", s2sauth=calls, exactly=0)
    fast_proxies(report)
    report.note("Tokens a day of one busy process, dollars a month, and the outage that goes unnoticed.")
    if report.options.docs:
        if report.ci:
            sys.exit("--docs needs all lives: leave --ci out")
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), markdown(cells)), encoding="utf-8")


def options(parser: argparse.ArgumentParser) -> None:
    """Those of this command alone."""
    parser.add_argument("--docs", action="store_true", help="write the table of docs/renew-at.md as well")


if __name__ == "__main__":
    command("What renewing earlier costs and buys", figures, add_options=options)
