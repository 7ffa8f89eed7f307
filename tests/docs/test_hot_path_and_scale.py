"""benchmarks/hot_path.py, cold_start.py and scale.py: their parts add up, and they measure what they say."""

import argparse
import asyncio
import json
import math
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT), str(ROOT / "benchmarks")]

support: Any = import_module("_support")
hot_path: Any = import_module("hot_path")
cold_start: Any = import_module("cold_start")
scale: Any = import_module("scale")
page: Any = import_module("benchmarks.peers.page")


@pytest.fixture
def credentials() -> Iterator[CognitoClientCredentials]:
    """With a token in hand."""
    with FakeCognito() as fake, CognitoClientCredentials.from_env(environ=fake.environ) as made:
        made.get_token()
        yield made


@pytest.fixture
def report() -> Any:
    """An empty table of a short run."""
    return support.Report("title", argparse.Namespace(ci=True))


def test_the_parts_of_a_whole_add_up(report: Any) -> None:
    """The whole first, then what each rung adds, with the least and the most of the rounds."""
    times = {"nothing": [1.0, 2.0, 3.0], "one": [2.0, 4.0, 4.0], "both": [5.0, 5.0, 6.0]}
    report.parts("the whole", times, at_most=2.5)
    assert [(row.what, row.s2sauth, row.spread, row.ok) for row in report.rows] == [
        ("the whole", 3.0, (3.0, 4.0), None),
        ("  with all of them, of nothing", 2.5, None, True),
        ("  one", 1.0, (1.0, 2.0), None),
        ("  both", 2.0, (1.0, 3.0), None),
    ]
    assert "3.00 us (3.00–4.00)" in report.text()


def test_the_page_shows_every_row_that_a_run_gives(report: Any) -> None:
    """With all that hot_path.py and cold_start.py compare to, and their ratios, which have no spread."""
    ladder = {key: [1.0, 1.5] for key in (hot_path.NONE, *hot_path.STEPS)}
    for kind in ("a blocking client", "an async client"):
        report.parts(f"a call with the hook, {kind}: more than without auth", ladder, at_most=1.25)
        report.parts("  for comparison: a static header", ladder, alone=True)
    report.parts("auth_headers()", {"an empty loop": [1.0], "the call of a method": [2.0]})
    cold_start.parts(report, [[float(number) for number in range(len(cold_start.MARKS))]] * 2)
    shown = page.where(json.loads(report.json()))
    rows = {line.split("|")[1].strip() for line in shown.splitlines() if line}
    assert {row.what.strip() for row in report.rows if row.what.startswith("  ")} - rows == {"of the whole"}
    assert "| with all of them, of no auth | 1.00 times | 1.00 times |" in shown


def test_a_whole_alone_has_no_parts(report: Any) -> None:
    """For what is there to compare with."""
    report.parts("the floor", {"nothing": [1.0], "one": [2.0]}, alone=True)
    assert [row.what for row in report.rows] == ["the floor"]


def test_every_rung_of_the_hook_is_a_call_of_a_client(
    credentials: CognitoClientCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From no auth to the hook itself, for both kinds of client, and the floors."""
    auth: Any = credentials.httpx_auth(hot_path.URL)
    monkeypatch.setattr(hot_path, "CALLS", 1)
    monkeypatch.setattr(hot_path.hand_written, "expires_at", math.inf)  # they have one, and no endpoint
    others = (hot_path.HAND_WRITTEN, hot_path.STATIC, hot_path.CONSTANT_AUTH)
    with asyncio.Runner() as runner:
        for ladder in (hot_path.hook(auth, credentials), hot_path.hook(auth, credentials, runner)):
            times = hot_path.interleaved(ladder, 2, 1)
            assert list(times) == [hot_path.NONE, *hot_path.STEPS, *others]
            assert all(len(one) == 2 and min(one) > 0 for one in times.values())


def test_the_probe_reads_the_same_token(credentials: CognitoClientCredentials) -> None:
    """What is left out of `get_token()` is not the token."""
    probe = hot_path.Probe(credentials)
    assert probe.entry() is probe.wall() is credentials.get_token()
    assert list(hot_path.interleaved(hot_path.get_token(credentials), 1, 1))[-1].startswith("the dict")


def test_every_mark_of_a_cold_start_is_passed() -> None:
    """The child says as many moments as there are names for what lies between them."""
    assert cold_start.FIRST_ANSWER["s2sauth"].count("\nmark()") == len(cold_start.MARKS) - 1
    assert sum(name.startswith(cold_start.OURS) for name in cold_start.MARKS) == 3


def test_calls_in_threads_and_tasks_are_compared(credentials: CognitoClientCredentials, report: Any) -> None:
    """A share of the calls without auth, and calls per second."""
    auth = credentials.httpx_auth(hot_path.URL)
    comparison = scale.Comparison(report, rounds=1, calls=8)
    threads = scale.variants(httpx.Client, auth, hot_path.CONSTANT, transport=hot_path.Memory())
    tasks = scale.variants(httpx.AsyncClient, auth, hot_path.CONSTANT, transport=hot_path.Memory())
    with asyncio.Runner() as runner:
        comparison.row("4 threads", scale.in_threads(threads, hot_path.URL), 4)
        comparison.row("4 tasks", scale.in_tasks(tasks, hot_path.URL, runner), 4)
    assert [row.what for row in report.rows] == ["4 threads", "  calls a second", "4 tasks", "  calls a second"]
    assert all(row.s2sauth > 0 and row.floor > 0 for row in report.rows)
    assert credentials.state().token_requests == 1


def test_a_call_that_fails_is_no_figure(credentials: CognitoClientCredentials) -> None:
    """A thread that raised has made no calls."""
    refused = httpx.MockTransport(lambda _: httpx.Response(500))
    clients = scale.variants(httpx.Client, credentials.httpx_auth(hot_path.URL), hot_path.CONSTANT, transport=refused)
    with pytest.raises(RuntimeError, match="a call failed"):
        scale.in_threads(clients, hot_path.URL)("none", 2, 1)
