"""What the pictures of docs/images are made of: SVG text that reads on a light and on a dark ground, at 390 px too."""

import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

from _chart import FAINT, style  # noqa: E402  # the line above says where it is

WIDE = 440
"""Units across: a telephone shows them nearly one to one."""
SHOWN = 600
"""Pixels across where there is room."""


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """A line of words; `kind` are classes: head, small, end, middle."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def box(colour: str, x: float, y: float, width: float, height: float, *, round_by: float = 0) -> str:
    """A filled rectangle."""
    corner = f' rx="{round_by:g}"' if round_by else ""
    return f'<rect class="{colour}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"{corner}/>'


def line(path: str, kind: str = "line") -> str:
    """A path that is drawn, not filled."""
    return f'<path class="{kind}" d="{path}"/>'


def arrow(path: str) -> str:
    """A path with a head at its end."""
    return f'<path class="arrow" d="{path}" marker-end="url(#head)"/>'


def legend(y: float, names: dict[str, str], *, x: float = 16) -> list[str]:
    """A row of colours with their names."""
    parts: list[str] = []
    for name, colour in names.items():
        parts += [box(colour, x, y - 9, 10, 10, round_by=2), text(x + 14, y, name, "small")]
        x += 32 + 6.2 * len(name)
    return parts


def picture(title: str, about: str, height: float, parts: list[str]) -> str:
    """The whole; `about` says in words what is to be seen."""
    faint = FAINT
    own = (
        "text{font-size:13px}.title{font-size:16px}.small{font-size:11.5px}.head{font-weight:600}"
        ".arrow{fill:none;stroke-width:1.5}.row{fill-opacity:.16}"
        + "".join(f".{name}.edge{{fill-opacity:.14}}" for name in ("good", "spare", "bad", "calm", "quiet", "fault"))
        + f".arrow{{stroke:#6e7781}}.point{{fill:#6e7781}}.pane{{fill:#f6f8fa;stroke:{faint[0]}}}"
        + f"@media(prefers-color-scheme:dark){{.pane{{fill:#161b22;stroke:{faint[1]}}}}}"
    )
    size = f'width="{SHOWN}" height="{SHOWN * height / WIDE:.0f}" viewBox="0 0 {WIDE} {height:g}"'
    marker = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title about">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="about">{escape(about)}</desc>',
            f"<style>{style()}{own}</style>",
            f'<defs><marker id="head" {marker}><path class="point" d="M0 0L8 4L0 8z"/></marker></defs>',
            f'<rect class="ground" width="{WIDE}" height="{height:g}" rx="6"/>',
            text(16, 28, title, "title"),
            *parts,
            "</svg>\n",
        ]
    )
