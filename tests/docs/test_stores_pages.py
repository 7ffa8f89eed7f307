"""docs/stores says what the code says: its numbers, URLs, tables and the least rights.

Private modules: the pages give numbers of leases, tries and entries that no caller can read.
"""

import json
import re
import shlex
import sqlite3
import typing
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import NoPermissionError

from s2sauth import CognitoClientCredentials, RenewalPolicy
from s2sauth._core import sharing
from s2sauth._core.config import check_arguments
from s2sauth._core.entry import Instant
from s2sauth._core.issued import Issued
from s2sauth._core.store_url import parse_store_url
from s2sauth._core.stored import FORMAT, Stored
from s2sauth._core.values import Secret
from s2sauth.events import EventName, Reporter
from s2sauth.stores._guarded import MAX_HANGING, TRIES
from s2sauth.stores._sealed import Seal
from s2sauth.stores.base import MAX_VALUE
from s2sauth.stores.dynamodb import DynamoDBStore
from s2sauth.stores.redis import RedisStore
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import FakeCognito, ManualClock

PAGES = {path.stem: path.read_text(encoding="utf-8") for path in Path(__file__).parents[2].glob("docs/stores/*.md")}
POLICY = RenewalPolicy()
KEY = f"{FORMAT}:{'0' * 64}"


def rows(page: str) -> dict[str, str]:
    """The last cell of each line of a page's tables, by its first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGES[page].splitlines() if "|" in line]
    return {line[0]: line[-1] for line in cells}


def block(page: str, language: str, number: int = 0) -> str:
    """A block of code."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)
    return found[number]


def waits(policy: RenewalPolicy, *, busy: bool = False) -> float:
    """How long a caller without a token waits for the lease's holder, or for a busy store."""
    whole = policy.deadline
    steps = [part / 1000 for part in range(1001)]
    return whole * (1 - min(step for step in steps if sharing.time_to_wait(step * whole, whole, busy=busy) > 0))


def test_times_are_those_of_the_code() -> None:
    """Each line of the table is computed from the constants."""
    limit = {
        (first, waited_for): sharing.store_limit(1_000, first=first, waited_for=waited_for, policy=POLICY)
        for first in (False, True)
        for waited_for in (False, True)
    }
    assert limit[True, False] == limit[False, True] == limit[True, True]
    assert sharing.store_limit(1.0, first=True, waited_for=True, policy=POLICY) == 0.5
    lease, wait, while_busy = sharing.lease_seconds(POLICY), waits(POLICY), waits(POLICY, busy=True)
    now = Instant(0.0, 0.0)
    polls = [sharing.poll_delay(n, None, now, chance) for n in range(20) for chance in (0.0, 1.0)]
    again = sharing.LOOK_AGAIN
    base, cap = sharing.CIRCUIT.base, sharing.CIRCUIT.cap
    expected = [
        f"{limit[True, False]:g}",
        f"{limit[False, False]:g}",
        "half of what the renewal has left",
        f"{lease:g}, which is {lease / POLICY.deadline:g} of the `deadline`",
        f"{wait:.1f}, which is {wait / POLICY.deadline:.1f} of the `deadline`",
        f"{min(polls):g} to {max(polls):g}",
        f"{while_busy:.1f}, which is {while_busy / POLICY.deadline:.1f} of the `deadline`",
        f"{sharing.busy_delay(0.0):g} to {sharing.busy_delay(1.0):g}",
        f"{again.base / 2:g} to {again.base:g}, doubling up to {again.cap / 2:g} to {again.cap:g}",
        f"{base / 2:g} to {base:g}, doubling up to {cap / 2:g} to {cap:g}",
    ]
    (table,) = re.findall(r"^\| \| seconds \|\n\|.*\n((?:\|.*\n)+)", PAGES["README"], re.MULTILINE)
    assert [line.strip("|").split("|")[1].strip() for line in table.splitlines()] == expected


def test_other_numbers_are_those_of_the_code() -> None:
    """Those in running text."""
    text = {page: " ".join(lines.split()) for page, lines in PAGES.items()}
    assert f"up to {TRIES} times in all" in text["README"]
    assert f"while {MAX_HANGING} of them hang" in text["README"]
    assert f"`RenewalPolicy(deadline=...)`, {POLICY.deadline:g} seconds" in text["README"]
    assert f"(`{FORMAT}:`)" in text["README"]
    assert f"up to {MAX_VALUE // 1024} KiB" in text["own"]
    assert f"after {sharing.lease_seconds(POLICY):g} seconds" in text["redis"]


@pytest.mark.parametrize(
    ("page", "each", "what", "rate"),
    [("redis", 5, "operations", "less than 1 a second"), ("dynamodb", 6, "requests", "about 1 a second")],
)
def test_the_most_operations_of_a_day(page: str, each: int, what: str, rate: str) -> None:
    """500 processes, tokens of an hour, each renewed as early as can be."""
    earliest = 3600 - POLICY.window(3600)
    most = round(500 * timedelta(days=1).total_seconds() / earliest * each)
    assert f"A renewal takes {each} {what}" in PAGES[page]
    assert f"{most:,} {what} a day, {rate}" in " ".join(PAGES[page].split())
    assert most == pytest.approx(timedelta(days=1).total_seconds(), rel=0.2)


def test_the_size_of_an_entry() -> None:
    """Of a token of 1,000 bytes."""
    parsed = check_arguments(
        domain="auth.example.com",
        region=None,
        token_url=None,
        client_id="client",
        scopes=None,
        client_metadata=None,
        auth_method="auto",
        strict=False,
        secret="secret",
        variables={},
    )
    stored = Stored(Issued("t" * 1_000, 3600.0, None), asked_at=1_700_000_000.123456, suspected=False)
    entry = Seal(Secret("secret"), parsed).seal(stored)
    for page in ("redis", "dynamodb"):
        assert f"about {len(entry) / 1000:.1f} kB for a token of 1,000 bytes" in PAGES[page]


@pytest.mark.parametrize("page", PAGES)
def test_urls_are_ones(page: str) -> None:
    """Every URL of a store, in text and code, is one that `store=` takes."""
    for url in re.findall(r"(?:sqlite|rediss?|unix|dynamodb)://[^\s`\"…]+", PAGES[page]):
        parse_store_url(url)


def test_events_are_those_of_the_code(caplog: pytest.LogCaptureFixture) -> None:
    """All about the store, each with its level."""
    caplog.set_level("DEBUG", logger="s2sauth")
    about = [name for name in typing.get_args(EventName) if name.startswith("store_") or name == "token_taken"]
    for name in about:
        Reporter(ManualClock(), None)(name, "0123abcd")
    found = dict(re.findall(r"^\| `(\w+)` \| (DEBUG|WARNING) \|", PAGES["README"], re.MULTILINE))
    assert found == dict(zip(about, [record.levelname for record in caplog.records], strict=True))


def test_table_of_the_file(tmp_path: Path) -> None:
    """The page's statement makes the table that the engine makes."""
    SQLiteStore(tmp_path / "ours").put(KEY, b"value", replaces=None, seconds=60)
    statement = block("sqlite", "sql").strip()
    with closing(sqlite3.connect(tmp_path / "pages")) as pages, closing(sqlite3.connect(tmp_path / "ours")) as ours:
        pages.execute(statement)
        made = [list(each.execute("SELECT name, sql FROM sqlite_master")) for each in (pages, ours)]
        columns = {line[1] for line in pages.execute("PRAGMA table_info(s2sauth)")}
    assert made[0] == made[1]
    named = {name for row in rows("sqlite") for name in re.findall(r"`(\w+)`", row)}
    assert columns <= named


def test_rights_on_the_server(valkey: Any) -> None:
    """The page's line, and a fleet whose user has these rights: one token request, and no other key in reach."""
    line = block("redis", "text").strip()
    assert line in (RedisStore.__doc__ or "")
    url = f"redis://s2sauth:password@127.0.0.1:{valkey.port}"
    with valkey.client() as admin, FakeCognito() as fake:
        admin.execute_command(*shlex.split(line))
        try:
            fleet = [CognitoClientCredentials.from_env(environ=fake.environ, store=url) for _ in range(2)]
            assert len({member.get_token().access_token for member in fleet}) == 1
            assert fake.counts()["token_requests"] == 1
            with valkey.client(username="s2sauth", password="password") as user, pytest.raises(NoPermissionError):
                user.execute_command("SET", "other", "value")
        finally:
            admin.acl_deluser("s2sauth")


def test_rights_on_the_table(token_table: Any) -> None:
    """The policy's actions are the operations that the engine calls, on the table that the page makes."""
    called: set[str] = set()

    def note(model: Any, **_: object) -> None:
        called.add(f"dynamodb:{model.name}")

    with closing(token_table.client()) as client:
        client.meta.events.register("before-call.dynamodb", note)
        store = DynamoDBStore(token_table.table, client=client)
        store.get(KEY)
        assert store.put(KEY, b"value", replaces=None, seconds=60)
        assert not store.put(KEY, b"other", replaces=None, seconds=60)
        item = client.get_item(TableName=token_table.table, Key={"key": {"S": KEY}})["Item"]
        store.delete(KEY, b"value")
        store.close()
    (statement,) = json.loads(block("dynamodb", "json"))["Statement"]
    assert set(statement["Action"]) == called
    assert (statement["Effect"], statement["Resource"].rpartition("/")[2]) == ("Allow", token_table.table)
    kinds = {"S": "string", "N": "number"}
    attributes = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGES["dynamodb"], re.MULTILINE)
    assert dict(attributes) == {name: kinds[kind] for name, value in item.items() for kind in value}


def test_condition_on_the_names() -> None:
    """It lets all names of this format through, and completes the statement."""
    (condition,) = json.loads(block("dynamodb", "json", 1)).values()
    (pattern,) = condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert KEY.startswith(pattern.removesuffix("*"))
