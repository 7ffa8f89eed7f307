"""The pictures of docs/images show what the library does today."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from s2sauth import Freshness, RenewalPolicy

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))

pictures: Any = import_module("pictures")

SVG = "{http://www.w3.org/2000/svg}"
ALL = sorted((ROOT / "docs" / "images").glob("*.svg"))


def _words(name: str) -> str:
    return " ".join((ROOT / "docs" / "images" / name).read_text(encoding="utf-8").split())


def test_the_pictures_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """scripts/pictures.py draws them. Takes a second: two simulated hours of a process."""
    assert pictures.main(["--check"]) == 0, capsys.readouterr().out


def test_another_policy_is_another_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The life of a token is drawn from the policy's numbers, not from a text."""
    before = pictures.life_of_a_token()
    monkeypatch.setattr(pictures, "RenewalPolicy", lambda: RenewalPolicy(renew_at=0.6))
    assert pictures.life_of_a_token() != before


def test_the_states_are_those_of_freshness() -> None:
    """Each has its box."""
    drawn = _words("states-of-a-slot.svg")
    assert all(f">{state.name}</text>" in drawn for state in Freshness)


def test_the_callers_are_as_recorded() -> None:
    """One request for 200 callers, and about one for each with the lines by hand."""
    runs = json.loads(pictures.CALLERS.read_text(encoding="utf-8"))["runs"]
    assert {len(run["calls"]) for run in runs.values()} == {200}
    assert runs["s2sauth"]["token_requests"] == 1
    assert runs["twenty lines by hand"]["token_requests"] > 100


def test_tokens_of_an_hour_outlast_ten_minutes() -> None:
    """Drawn at its worst: the renewal point is the earliest, the outage begins just before. A second, simulated."""
    found = pictures.process(3600)
    assert sum(found.failed) == 0
    assert len(found.refused) > 5
    assert len(found.renewed) == 1


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_a_picture_says_what_it_is_and_asks_nobody(path: Path) -> None:
    """A title, for whoever hears it; both grounds; no address but the names of what SVG is."""
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text
    about = root.find(f"{SVG}desc")
    assert about is not None
    assert about.text
    assert "prefers-color-scheme:dark" in text
    assert not any("href" in name or name == "src" for each in root.iter() for name in each.attrib)
    assert "url(http" not in text
    assert "@import" not in text
