"""docs/how-it-compares.md and its pictures, from docs/reference/peers.json."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-it-compares.md"
TABLE = ROOT / "docs" / "reference" / "peers.json"
IMAGES = ROOT / "docs" / "images"
STYLE = (
    "text{fill:#1f2328}.ground{fill:#fff}.ours{fill:#2a7f62}.bad{fill:#c0504d}.other{fill:#8aa1b4}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}.ours{fill:#3fb68b}}"
)
BEGIN, END = "<!-- figures: scripts/peers --docs writes them -->\n", "<!-- end of figures -->\n"
PICTURES = {
    "peers-stampede.svg": ("50 threads, cold: token requests; p99", "Token requests of 50 threads that start together"),
    "peers-outage.svg": ("Endpoint down 3 s, token good: failed calls", "Failed calls while the token was still good"),
}


def dump(data: dict[str, Any]) -> str:
    """As it lies in the repository."""
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _best(row: dict[str, Any]) -> float | None:
    numbers = [cell["number"] for cell in row["cells"].values() if cell["number"] is not None and not cell["red"]]
    return min(numbers, default=None)


def _shown(cell: dict[str, Any], best: float | None) -> str:
    text = cell["shown"]
    if cell["spread"]:
        text += " (" + "–".join(f"{one:,.0f}" if one >= 100 else f"{one:.3g}" for one in cell["spread"]) + ")"
    if cell["red"]:
        return f"✗ {text}"
    return f"**{text}**" if cell["number"] is not None and cell["number"] == best else text


def text(data: dict[str, Any]) -> str:
    """The table, as Markdown: best in bold, red cells with a cross."""
    names = list(data["versions"])
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in data["rows"]:
        best = _best(row)
        lines.append(f"| {row['what']} | " + " | ".join(_shown(row["cells"][name], best) for name in names) + " |")
    return "\n".join(lines) + "\n"


def _not_first(data: dict[str, Any]) -> str:
    lines = []
    for row in data["rows"]:
        best, ours = _best(row), row["cells"].get("s2sauth")
        if ours and best is not None and ours["number"] is not None and ours["number"] > best:
            winners = [name for name, cell in row["cells"].items() if cell["number"] == best and not cell["red"]]
            lines.append(f"- {row['what']}: {', '.join(winners)}")
    return "\n".join(lines) if lines else "- none"


def figures(data: dict[str, Any]) -> str:
    """What stands between the two marks of the page."""
    versions = "; ".join(f"{name}: {version}" for name, version in data["versions"].items())
    pictures = "\n".join(f"![{title}](images/{name})\n" for name, (_, title) in PICTURES.items())
    short = "A short run, with fewer callers and rounds than the rows say. " if data["short"] else ""
    return (
        f"{short}Taken on {data['date']} with {data['python']}. {versions}.\n\n{text(data)}\n{pictures}\n"
        f"Rows where another one is first:\n\n{_not_first(data)}\n"
    )


def current(page: str, data: dict[str, Any]) -> str:
    """The page with these figures."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + "\n" + figures(data) + "\n" + END + rest.partition(END)[2]


def picture(data: dict[str, Any], what: str, title: str) -> str:
    """Bars, one for each peer."""
    row = next((one for one in data["rows"] if one["what"] == what), {"cells": {}})
    bars = [(name, cell) for name, cell in row["cells"].items() if cell["number"] is not None]
    most = max((cell["number"] for _, cell in bars), default=1) or 1
    lines = [f'<text x="10" y="24" font-size="15" font-weight="bold">{escape(title)}</text>']
    for place, (name, cell) in enumerate(bars):
        y, width = 40 + place * 26, max(2, round(cell["number"] / most * 300))
        kind = "ours" if name == "s2sauth" else "bad" if cell["red"] else "other"
        lines += [
            f'<text x="165" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="172" y="{y}" width="{width}" height="18" class="{kind}"/>',
            f'<text x="{178 + width}" y="{y + 14}">{escape(cell["shown"])}</text>',
        ]
    height = 50 + 26 * len(bars)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {height}" font-family="sans-serif" font-size="13">'
    )
    ground = f'<rect width="680" height="{height}" class="ground"/>'
    return (
        "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", ground, *lines, "</svg>"]) + "\n"
    )


def files(data: dict[str, Any]) -> dict[Path, str]:
    """What each file of the page has to be."""
    made = {IMAGES / name: picture(data, what, title) for name, (what, title) in PICTURES.items()}
    return made | {PAGE: current(PAGE.read_text(encoding="utf-8"), data)}


def write(data: dict[str, Any]) -> None:
    """The JSON and all that is made of it."""
    TABLE.write_text(dump(data), encoding="utf-8")
    for path, content in files(data).items():
        path.write_text(content, encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Write the page from the JSON as it is; with `--check` only say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    data = json.loads(TABLE.read_text(encoding="utf-8"))
    if parser.parse_args(argv).check:
        stale = [path for path, content in files(data).items() if path.read_text(encoding="utf-8") != content]
        for path in stale:
            print(
                f"{path.relative_to(ROOT)} is not what {TABLE.name} says: python -m benchmarks.peers.page",
                file=sys.stderr,
            )
        return bool(stale)
    write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
