"""docs/how-it-compares.md shows what the last run of scripts/peers said."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

page: Any = import_module("benchmarks.peers.page")
adapters: Any = import_module("benchmarks.peers.adapters")
DATA: dict[str, Any] = json.loads(page.TABLE.read_text(encoding="utf-8"))


def test_the_page_and_the_pictures_are_what_the_figures_say() -> None:
    """Made from docs/reference/peers.json alone."""
    assert page.main(["--check"]) == 0


def test_another_figure_is_another_page() -> None:
    """A changed cell is seen."""
    changed = json.loads(json.dumps(DATA))
    changed["rows"][0]["cells"]["s2sauth"]["shown"] = "another"
    assert page.figures(changed) != page.figures(DATA)


def test_another_figure_of_where_or_scale_is_another_page() -> None:
    """Each of their figures is on the page, and the picture shows the shares."""
    for name in ("where", "scale"):
        for number, row in enumerate(DATA[name]["rows"]):
            if isinstance(row["s2sauth"], float):
                changed = json.loads(json.dumps(DATA))
                changed[name]["rows"][number]["s2sauth"] += 1000
                assert page.figures(changed) != page.figures(DATA), row["what"]
    changed = json.loads(json.dumps(DATA))
    changed["scale"]["rows"][0]["s2sauth"] /= 2
    assert page.scale_picture(changed["scale"]) != page.scale_picture(DATA["scale"])


def test_a_row_where_another_one_is_first_says_why() -> None:
    """With figures of hot_path.py and cold_start.py in the place of their names."""
    changed = json.loads(json.dumps(DATA))
    for row in changed["rows"]:
        if row["what"] in page.REASONS:
            row["cells"]["s2sauth"]["number"] = 1e9
    lines = [line for line in "".join(page.figures(changed).values()).splitlines() if line.startswith("- ")]
    assert sum(any(line.startswith(f"- {what}: ") for what in page.REASONS) for line in lines) == len(page.REASONS)
    assert all("{" not in line and len(line) > 100 for line in lines if line[2:].partition(": ")[0] in page.REASONS)


def test_every_peer_has_a_cell_in_every_row() -> None:
    """None is left out where it looks bad, or good."""
    names = set(adapters.SHOWN.values())
    assert set(DATA["versions"]) == names
    assert all(set(row["cells"]) == names for row in DATA["rows"])


def test_the_versions_are_those_that_are_pinned() -> None:
    """Who changes requirements/peers.txt runs scripts/peers --docs again."""
    pinned = (ROOT / "requirements" / "peers.txt").read_text(encoding="utf-8").lower()
    for name, version in DATA["versions"].items():
        if name != "s2sauth":
            package, number = version.lower().split()
            assert f"{package}=={number} " in pinned or f"{package}[oauth2]=={number} " in pinned, version


def test_no_adapter_is_longer_than_forty_lines() -> None:
    """As the page says."""
    for name in adapters.NAMES:
        lines = Path(adapters.__file__).with_name(f"{name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 40, name
