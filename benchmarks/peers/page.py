"""docs/how-it-compares.md and its pictures, from docs/reference/peers.json."""

import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

import pages  # likewise
from drawing import ROW, lengths, picture  # the line above says where it is
from pages import DOCS, filled, table  # likewise

PAGE = DOCS / "how-it-compares.md"
TABLE = DOCS / "reference" / "peers.json"
IMAGES = DOCS / "images"
Report = dict[str, Any]
"""The table of a command under benchmarks/, as its `--json` has it."""
PICTURES = {
    "peers-stampede.svg": ("50 threads, cold: token requests; p99", "Token requests of 50 threads that start together"),
    "peers-outage.svg": ("Endpoint down 3 s, token good: failed calls", "Failed calls while the token was still good"),
}
SCALE_PICTURE, SCALE_TITLE = "peers-scale.svg", "Calls a second with the hook, in per cent of those without auth"
REASONS = {
    "Import": "it imports less. `import s2sauth` adds {import s2sauth} to httpx, and httpcore, which the first client "
    "needs anyway, {import httpcore}.",
    "Cold start to the first authorised answer": "mostly the import of the HTTP library and the first TLS connections. "
    "Of s2sauth's own the interpreter takes {the interpreter}, httpx and httpcore {import httpx} and "
    "{import httpcore}, the CA file {httpx.Client()}; ours are {of it ours}.",
    "A call's header, token in hand": "a comparison and a text. `auth_headers()`, {auth_headers()}, looks at the "
    "token's state by two clocks and makes the caller a dict of its own.",
    "A client's hook on a request, token in hand": "its hook writes the header into the request that it is given, "
    "whatever host that goes to. Ours looks at the origin, and copies the request, so that no token stays in the "
    "caller's.",
    "Memory per object with its token": "few bytes either way: the token, its header, and of s2sauth "
    "the hook, the settings and the state of each object. The certificates are what takes the others so much more: "
    "httpx-auth reads them anew for each token request, s2sauth keeps one copy for a process.",
}
"""What makes the first one first, and what s2sauth does instead; `{}`: a figure of hot_path.py or
cold_start.py, by how its name begins."""


def dump(data: dict[str, Any]) -> str:
    """As it lies in the repository."""
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _best(row: dict[str, Any]) -> float | None:
    numbers = [cell["number"] for cell in row["cells"].values() if cell["number"] is not None and not cell["red"]]
    return min(numbers, default=None)


LEVEL = 1.05
"""So many times the best figure is level with it, where times and sizes are measured: two runs differ by more."""


def _is_best(cell: dict[str, Any], best: float | None) -> bool:
    if best is None or cell["number"] is None:
        return False
    return bool(cell["number"] <= (best * LEVEL if cell["spread"] else best))


def _shown(cell: dict[str, Any], best: float | None) -> str:
    text = cell["shown"]
    if cell["spread"]:
        text += " (" + "–".join(f"{one:,.0f}" if one >= 100 else f"{one:.3g}" for one in cell["spread"]) + ")"
    if cell["red"]:
        return f"✗ {text}"
    return f"**{text}**" if _is_best(cell, best) else text


def text(data: dict[str, Any]) -> str:
    """The table, as Markdown: best in bold, red cells with a cross."""
    names = list(data["versions"])
    lines = [[row["what"], *(_shown(row["cells"][name], _best(row)) for name in names)] for row in data["rows"]]
    return table(["", *names], lines)


def _not_first(data: dict[str, Any]) -> str:
    lines = []
    for row in data["rows"]:
        best, ours = _best(row), row["cells"].get("s2sauth")
        if ours and best is not None and ours["number"] is not None and not _is_best(ours, best):
            winners = [name for name, cell in row["cells"].items() if cell["number"] == best and not cell["red"]]
            reason = re.sub("{([^}]+)}", lambda match: _took(data["where"], match[1]), REASONS.get(row["what"], ""))
            lines.append(f"- {row['what']}: {', '.join(winners)}" + (f": {reason}" if reason else ""))
    return "\n".join(lines) if lines else "- none"


UNITS = {"us": "µs", "ms": "ms"}
WHOSE = {
    "the interpreter": "Python's",
    "import httpx": "httpx's",
    "import httpcore": "httpx's",
    "import s2sauth": "ours",
    "from_env": "ours",
    "httpx_auth": "ours",
    "httpx.Client": "OpenSSL's",
    "the first token": "the network's, httpx's",
    "the first call": "the network's, httpx's",
}


def _took(report: Report, beginning: str) -> str:
    row = next(row for row in report["rows"] if row["what"].strip().startswith(beginning))
    return f"{row['s2sauth']:.1f} {UNITS[row['unit']]}"


def _spread(row: dict[str, Any], digits: int) -> str:
    if row["spread"] is None:  # a ratio
        return f"{row['s2sauth']:.2f} times"
    low, high = row["spread"]
    return f"{row['s2sauth']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _wholes(report: Report) -> list[list[dict[str, Any]]]:
    """Each row without indent, with those below it."""
    found: list[list[dict[str, Any]]] = []
    for row in report["rows"]:
        if row["what"].startswith(" "):
            found[-1].append(row)
        else:
            found.append([row])
    return found


WHOLES = (
    "a call with the hook, a blocking client",
    "a call with the hook, an async client",
    "auth_headers()",
    "a cold start",
    "of it ours",
)


def where(report: Report) -> str:
    """The tables of hot_path.py and cold_start.py."""
    wholes = {rows[0]["what"]: rows for rows in _wholes(report)}
    blocking, awaiting, headers, cold, ours = (
        next(rows for what, rows in wholes.items() if what.startswith(begins)) for begins in WHOLES
    )
    names = ["**the hook, all of it**", *(row["what"].strip() for row in blocking[1:])]
    hook = [[name, _spread(a, 2), _spread(b, 2)] for name, a, b in zip(names, blocking, awaiting, strict=True)]
    header = [["**`auth_headers()`, all of it**", _spread(headers[0], 2)]]
    header += [[row["what"].strip(), _spread(row, 2)] for row in headers[1:]]
    start = [["**a cold start, all of it**", _spread(cold[0], 1), ""]]
    for row in cold[1:]:
        what = row["what"].strip()
        start.append([what, _spread(row, 1), next(who for begins, who in WHOSE.items() if what.startswith(begins))])
    start.append(["**of it ours**", _spread(ours[0], 1), ""])
    return "\n".join(
        [
            table(["µs more than without auth", "`httpx.Client`", "`httpx.AsyncClient`"], hook),
            table(["µs", ""], header),
            table(["ms", "", "whose"], start),
        ]
    )


def scale(report: Report) -> str:
    """The table of scale.py."""
    head = ["callers", "with the hook", "a static header", "calls a second: hook", "static header"]
    return table(
        head,
        [
            [ratio["what"], _spread(ratio, 2), f"{ratio['floor']:.2f}", f"{rate['s2sauth']:,}", f"{rate['floor']:,}"]
            for ratio, rate in _compared(report)
        ],
    )


def _compared(report: Report) -> list[list[dict[str, Any]]]:
    return [rows for rows in _wholes(report) if len(rows) == 2]


def figures(data: dict[str, Any]) -> dict[str, str]:
    """What stands between the marks of the page."""
    versions = "; ".join(f"{name}: {version}" for name, version in data["versions"].items())
    pictures = "\n".join(f"![{title}](images/{name})\n" for name, (_, title) in PICTURES.items())
    short = "A short run, with fewer callers and rounds than the rows say. " if data["short"] else ""
    about_where, about_scale = (data[name]["notes"][-1].replace(" us.", " µs.") for name in ("where", "scale"))
    parts = {
        "rows": f"{short}Taken on {data['date']} with {data['python']}. {versions}.\n\n{text(data)}\n{pictures}",
        "not first": _not_first(data) + "\n",
        "where": f"{where(data['where'])}\n{about_where}\n",
        "scale": f"{scale(data['scale'])}\n{about_scale}\n\n![{SCALE_TITLE}](images/{SCALE_PICTURE})\n",
    }
    return {f"scripts/peers --docs: {name}": part for name, part in parts.items()}


def drawn(title: str, cells: dict[str, dict[str, Any]]) -> str:
    """A bar for each cell."""
    most = max((cell["number"] for cell in cells.values()), default=1) or 1
    rows = [
        (name, "calm" if name == "s2sauth" else "bad" if cell["red"] else "quiet", cell["number"] / most, cell["shown"])
        for name, cell in cells.items()
    ]
    about = ", ".join(f"{name}: {shown}" for name, _, _, shown in rows) + "."
    return picture(title, about, 56 + ROW * len(rows), lengths(rows, 165, 42, 330), width=680)


def scale_picture(report: Report) -> str:
    """Bars, one for each number of callers."""
    shares = {ratio["what"]: 100 * ratio["s2sauth"] for ratio, _ in _compared(report)}
    cells = {what: {"number": share, "shown": f"{share:.0f} %", "red": False} for what, share in shares.items()}
    return drawn(SCALE_TITLE, cells)


def files(data: dict[str, Any]) -> dict[Path, str]:
    """The JSON and all that is made of it."""
    made = {TABLE: dump(data), IMAGES / SCALE_PICTURE: scale_picture(data["scale"])}
    for name, (what, title) in PICTURES.items():
        row = next((one for one in data["rows"] if one["what"] == what), {"cells": {}})
        made[IMAGES / name] = drawn(title, {who: one for who, one in row["cells"].items() if one["number"] is not None})
    return made | {PAGE: filled(PAGE.read_text(encoding="utf-8"), figures(data))}


def write(data: dict[str, Any]) -> None:
    """Write what has changed."""
    pages.keep(files(data), check=False, command="")


def main(arguments: list[str] | None = None) -> int:
    """Write the page from the JSON as it is; with `--check` only say whether it is current."""
    data = json.loads(TABLE.read_text(encoding="utf-8"))
    return pages.main(__doc__ or "", lambda: files(data), arguments, "python -m benchmarks.peers.page")


if __name__ == "__main__":
    sys.exit(main())
