#!/usr/bin/env python3
"""Draws the pictures of docs/images anew that show what is decided or measured; costs.svg is scripts/costs.py's.

Those that only explain (states-of-a-slot, waiting-for-a-flight, chain-of-entries) are edited by hand.

scripts/pictures.py             write
scripts/pictures.py --check     write nothing; exit status 1 when one is not current
scripts/pictures.py --record    run the 200 callers anew before; the record is docs/reference/callers.json
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import httpx

import pages
from drawing import NARROW, box, legend, line, picture, text
from pages import DOCS, ROOT

sys.path.append(str(ROOT / "benchmarks"))

import hand_written  # the line above says where it is
from _sharing import Fleet, Way, World  # likewise
from _world import Day, Deploy, Outage  # likewise
from stampede import Crowd  # likewise

from s2sauth import CognitoClientCredentials, Freshness, OriginNotAllowed, RenewalPolicy  # likewise
from s2sauth.testing import FakeCognito, StaticToken  # likewise

IMAGES = DOCS / "images"
CALLERS = DOCS / "reference" / "callers.json"
LEFT, RIGHT = 16, NARROW - 16
COLOUR = {Freshness.FRESH: "good", Freshness.STALE: "spare", Freshness.EXPIRED: "bad"}


def clock(seconds: float) -> str:
    """Minutes and seconds; or hours and minutes, with seconds if there are any."""
    minutes, small = divmod(round(seconds), 60)
    if seconds < 2 * 3600:
        return f"{minutes}:{small:02}"
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{small:02}" if small else "")


def life_of_a_token() -> str:
    """Three lives, each from the policy's own numbers."""
    policy = RenewalPolicy()
    parts = legend(54, {"FRESH": "good", "FRESH or STALE": "quiet", "STALE": "spare", "EXPIRED": "bad"})
    said: list[str] = []
    y = 86.0
    for life, name in ((300, "5 minutes"), (3600, "60 minutes"), (86400, "24 hours")):
        first, last, end = policy.renew_after(life, 0.0), policy.renew_after(life, 1.0), policy.usable_for(life)
        scale = (RIGHT - LEFT) / life
        renewed = f"renewed between {clock(first)} and {clock(last)}"
        said.append(f"A token of {name}: {renewed}, used until {clock(end)}.")
        parts.append(text(LEFT, y, f"A token of {name}", "head"))
        for colour, a, b in (("good", 0, first), ("quiet", first, last), ("spare", last, end), ("bad", end, life)):
            parts.append(box(colour, LEFT + a * scale, y + 8, max(2.0, (b - a) * scale - 1), 22, round_by=2))
        middle = LEFT + (first + last) / 2 * scale
        parts.append(line(f"M{middle:.1f} {y + 31}v6", "arrow"))
        parts.append(text(RIGHT, y + 50, renewed, "small end"))
        parts.append(text(LEFT, y + 50, "0:00", "small"))
        parts.append(text(RIGHT, y + 66, f"used until {clock(end)}", "small end"))
        y += 96
    parts.append(text(LEFT, y - 6, "FRESH: handed out. STALE: handed out while one renews it.", "small"))
    parts.append(text(LEFT, y + 10, "EXPIRED: not handed out. The point of renewal is drawn at random.", "small"))
    return picture("The life of a token", " ".join(said), y + 26, parts)


def record() -> str:
    """200 threads that ask for a token at the same moment: with s2sauth, and with the lines that are usually pasted."""

    def run(get: Callable[[], object]) -> dict[str, Any]:
        fake.clear_records()
        crowd = Crowd.of_threads(200).call(get)
        calls = [(round(began * 1000), round(ended * 1000)) for began, ended in crowd.calls]
        calls.sort(key=lambda call: (call[1], call[0]))  # the first to be served first
        return {"token_requests": fake.counts()["token_requests"], "calls": calls}

    with FakeCognito.spawn(latency=0.1) as fake:
        os.environ.update(fake.environ)
        with CognitoClientCredentials.from_env() as credentials:
            credentials.httpx_auth(fake.api_url)  # a service makes its hook at start-up
            runs = {"s2sauth": run(credentials.get_token)}
        runs["twenty lines by hand"] = run(hand_written.get_token)
    return json.dumps({"cores": os.cpu_count(), "runs": runs}) + "\n"


def two_hundred_callers() -> str:
    """As recorded: a line for each caller, from its call to its token."""
    recorded: dict[str, Any] = json.loads(CALLERS.read_text(encoding="utf-8"))
    runs = recorded["runs"]
    longest = max(end for run in runs.values() for _, end in run["calls"])
    scale = (RIGHT - LEFT) / longest
    parts: list[str] = []
    said: list[str] = []
    y = 58.0
    for name, colour in (("s2sauth", "good"), ("twenty lines by hand", "spare")):
        run = runs[name]
        last = max(end for _, end in run["calls"])
        plural = "s" * (run["token_requests"] != 1)
        words = f"{run['token_requests']} token request{plural}, the last served after {last} ms"
        said.append(f"{name}: {words}.")
        parts += [text(LEFT, y, name, "head"), text(LEFT, y + 17, words, "small")]
        high = len(run["calls"]) * 0.6
        parts.append(box(f"{colour} row", LEFT, y + 25, RIGHT - LEFT, high))
        path = "".join(
            f"M{LEFT + a * scale:.1f} {y + 25 + n * 0.6:.1f}H{LEFT + b * scale:.1f}v.65H{LEFT + a * scale:.1f}z"
            for n, (a, b) in enumerate(run["calls"])
        )
        parts.append(f'<path class="{colour}" d="{path}"/>')
        y += high + 54
    for at in range(longest // 1000 + 1):
        x = LEFT + at * 1000 * scale
        parts += [line(f"M{x:.1f} {y - 29}v5"), text(x, y - 12, f"{at} s", "small middle" if at else "small")]
    parts += [
        text(LEFT, y + 8, "A line is a thread, from its call to its token. The endpoint takes 100 ms;", "small"),
        text(LEFT, y + 23, f"the rest is work of the process, on {recorded['cores']} cores.", "small"),
    ]
    return picture("200 callers without a token", " ".join(said), y + 38, parts)


BEGINS, ENDS = 44 * 60, 54 * 60
"""The outage, in seconds from the first token."""
FROM, TO = 40 * 60, 60 * 60
"""What is drawn."""


@dataclass(frozen=True, slots=True)
class Process:
    """One that asks for its token once a second, from FROM to TO, each a list of seconds."""

    freshness: list[Freshness]
    failed: list[int]
    """How many calls of each second failed."""
    renewed: list[int]
    refused: list[int]
    """The seconds of the renewals that failed."""


def process(life: int) -> Process:
    """Simulated at its worst: the renewal point is the earliest, and the outage begins just before."""
    policy = RenewalPolicy()
    day = Day(TO, (Deploy(0, spread=0.0),), outages=(Outage(BEGINS, ENDS, hangs=False),))
    world = World(day, Fleet(1, on_machine=1), Way.PRIVATE, life, "picture")
    world.chance, world.call = (lambda: 0.0), (lambda: 1.0)
    books, states, since = world.run(), list[Freshness](), 0
    for second in range(TO):
        since = second if books.minted[second] else since
        age = second - since
        fresh = Freshness.FRESH if age < policy.renew_after(life, 0.0) else Freshness.STALE
        states.append(fresh if age < policy.usable_for(life) else Freshness.EXPIRED)
    seconds = range(FROM, TO)
    return Process(
        states[FROM:],
        books.failed[FROM:TO],
        [second for second in seconds if books.minted[second]],
        [second for second in seconds if books.requests[second] > books.minted[second]],
    )


def _spans(states: list[Freshness]) -> list[tuple[Freshness, int, int]]:
    spans: list[tuple[Freshness, int, int]] = []
    for state, members in groupby(states):
        begin = spans[-1][2] if spans else 0
        spans.append((state, begin, begin + len(list(members))))
    return spans


def _ten_minutes(found: Process, name: str, y: float) -> list[str]:
    scale = (RIGHT - LEFT) / (TO - FROM)
    failed = sum(found.failed)
    words = f"{failed} of {len(found.failed):,} calls failed"
    if failed:
        last = max(n for n, bad in enumerate(found.failed) if bad)
        words += f", within {clock(last + 1 - next(n for n, bad in enumerate(found.failed) if bad))}"
    parts = [text(LEFT, y, name, "head"), text(RIGHT, y, words, "small end")]
    parts.append(box("bad row", LEFT + (BEGINS - FROM) * scale, y + 8, (ENDS - BEGINS) * scale, 74))
    for state, a, b in _spans(found.freshness):
        parts.append(box(COLOUR[state], LEFT + a * scale, y + 12, max(1.0, (b - a) * scale), 20))
    for colour, seconds in (("calm", found.renewed), ("fault", found.refused)):
        parts += [box(colour, LEFT + (at - FROM) * scale - 1, y + 37, 2.4, 18) for at in seconds]
    path = "".join(f"M{LEFT + n * scale:.2f} {y + 60}h.5v18h-.5z" for n, bad in enumerate(found.failed) if bad)
    if path:
        parts.append(f'<path class="bad" d="{path}"/>')
    return [*parts, line(f"M{LEFT} {y + 82}H{RIGHT}")]


def ten_minutes_down() -> str:
    """Simulated, for tokens of an hour and of five minutes."""
    hour, short = process(3600), process(300)
    parts = legend(52, {"FRESH": "good", "STALE": "spare", "EXPIRED, calls fail": "bad"})
    parts += legend(70, {"renewed": "calm", "renewal failed": "fault"})
    parts += _ten_minutes(hour, "Tokens of an hour", 104)
    parts += _ten_minutes(short, "Tokens of five minutes", 220)
    scale = (RIGHT - LEFT) / (TO - FROM)
    for at in range(FROM, TO + 1, 300):
        kind = "small" if at == FROM else "small end" if at == TO else "small middle"
        parts.append(text(LEFT + (at - FROM) * scale, 320, clock(at), kind))
    down = f"Red ground: Cognito answers 503, {clock(BEGINS)} to {clock(ENDS)}. One call a second."
    parts.append(text(LEFT, 344, down, "small"))
    return picture(
        "Cognito is down for ten minutes",
        f"Of {len(hour.failed)} calls, one a second, {sum(hour.failed)} fail with tokens of an hour, "
        f"{sum(short.failed)} with tokens of five minutes.",
        360,
        parts,
    )


ORIGIN = "https://files.example.com"
TRIED = (
    "https://files.example.com/files",
    "https://files.example.com:443/x",
    "http://files.example.com/files",
    "https://example.com/files",
    "https://files.example.com.evil.org/",
    "https://files.example.com:8443/",
)


def _sent(url: str) -> bool:
    """Whether a request with the hook goes out with a token; asked of the hook itself."""
    seen: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append("Authorization" in request.headers)
        return httpx.Response(200)

    with httpx.Client(auth=StaticToken().httpx_auth(ORIGIN), transport=httpx.MockTransport(answer)) as client:
        try:
            client.get(url)
        except OriginNotAllowed:
            return False
    return seen == [True]


def who_may_send_where() -> str:
    """A hook with one origin, and what it does with some addresses."""
    parts = [
        box("good edge", LEFT, 44, RIGHT - LEFT, 30, round_by=5),
        text(NARROW / 2, 64, f'httpx_auth("{ORIGIN}")', "head middle"),
    ]
    said: list[str] = []
    y = 96.0
    for url in TRIED:
        sent = _sent(url)
        outcome = "the token goes along" if sent else "OriginNotAllowed"
        said.append(f"{url}: {outcome}.")
        colour = "calm" if sent else "bad"
        parts += [
            line(f"M{LEFT + 10} {y - 22 if y > 96 else 74}V{y + 15}H{LEFT + 26}", "arrow"),
            box(f"{colour} edge", LEFT + 28, y, RIGHT - LEFT - 28, 30, round_by=5),
            box(colour, LEFT + 28, y, 5, 30),
            text(LEFT + 42, y + 13, url, "small"),
            text(LEFT + 42, y + 26, ("✓ " if sent else "✗ ") + outcome, "small head"),
        ]
        y += 38
    parts.append(text(LEFT, y + 10, "✗: raised before a byte leaves. A redirect is looked at likewise.", "small"))
    return picture("Who may send the token where", " ".join(said), y + 26, parts)


PICTURES: dict[str, Callable[[], str]] = {
    "life-of-a-token.svg": life_of_a_token,
    "two-hundred-callers.svg": two_hundred_callers,
    "ten-minutes-down.svg": ten_minutes_down,
    "origins.svg": who_may_send_where,
}


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--record"]:
        CALLERS.write_text(record(), encoding="utf-8")
        given = []
    about, command = "The pictures of docs/images; --record runs the 200 callers anew before.", "scripts/pictures.py"
    return pages.main(about, lambda: {IMAGES / name: draw() for name, draw in PICTURES.items()}, given, command)


if __name__ == "__main__":
    sys.exit(main())
