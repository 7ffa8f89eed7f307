"""The rows of benchmarks/peers, each in a process of its own with its endpoints."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))
stages: Any = import_module("benchmarks.peers.stage")
rows: Any = import_module("benchmarks.peers.rows")


def environment(at: Any) -> dict[str, str]:
    """What the peer sees, and whether it is on the stage."""
    assert at.adapter.Peer(dict(os.environ)).get(at.api()) == 200
    return dict(os.environ)


def refused(at: Any) -> list[str]:
    """What a peer meets whose API has begun to refuse it, and how often it asked for a token."""
    peer = at.peer()
    peer.get(at.api())
    at.fake.api_answer(403)
    return [stages.attempt(lambda: peer.get(at.api()))[2], str(at.requests)]


def scope_sets(at: Any) -> tuple[int, int, int]:
    """The token requests of two rounds of two further scope sets, and what is kept."""
    sizes, kept = rows.sizes_of(at, 2, 2)
    return len(sizes), len(kept), at.requests


def gone(at: Any) -> None:
    """A row that cannot be done."""
    at.no_such_thing()


def test_a_row_has_endpoints_and_an_environment_of_its_own() -> None:
    """A second: processes of its own for the peer, the endpoint and its API. No variable of this process is there."""
    os.environ["OF_THE_TESTS"] = "1"
    found = stages.staged(environment, "s2s", ci=True)
    del os.environ["OF_THE_TESTS"]
    assert "OF_THE_TESTS" not in found
    assert {"COGNITO_DOMAIN", "SSL_CERT_FILE", "PATH"} <= found.keys()
    assert "COGNITO_DOMAIN" not in os.environ


def test_a_row_changes_the_endpoints_while_the_peer_works() -> None:
    """A second, as above."""
    assert stages.staged(refused, "s2s", ci=True) == ["403", "1"]


def test_what_went_wrong_is_in_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second, as above: the last line of the traceback; the other cells of the table are taken all the same."""
    monkeypatch.setitem(rows.ROWS, ("one", "two"), gone)
    cells = rows.cells(("one", "two"), "s2s", ci=True)
    assert [(cell.red, "has no attribute" in cell.shown) for cell in cells] == [(True, True)] * 2


def test_a_further_scope_set_is_a_further_token() -> None:
    """Two seconds, as above: the rows about memory get what they count."""
    assert stages.staged(scope_sets, "s2s", ci=True, scopes=rows.SCOPES) == (2, 4, 6)


def test_every_process_of_a_fleet_is_served_with_one_token() -> None:
    """Two seconds, as above."""
    (cell,) = rows.cells(("20 processes start: token requests",), "s2s", ci=True)
    assert (cell.shown, cell.red) == ("1", False)
