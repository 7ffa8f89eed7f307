"""The pictures of the documentation and of the soak, as SVG text that reads on a light and on a dark ground."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

Span = tuple[float, float]
COLOURS = {  # on a light ground, on a dark one
    "good": ("#2f7fc1", "#4c9be0"),
    "spare": ("#e0a030", "#e3b341"),
    "bad": ("#cf222e", "#ff5f56"),
    "calm": ("#2a9d7c", "#3fb68b"),
    "quiet": ("#9aa4b0", "#7d8793"),
    "fault": ("#8250df", "#a77bf3"),
}
GROUND, TEXT, FAINT = ("#ffffff", "#0d1117"), ("#1f2328", "#e6edf3"), ("#d8dee4", "#30363d")
PANE, ARROW = ("#f6f8fa", "#161b22"), "#6e7781"
NARROW, WIDE = 440, 1200
"""Units across: a telephone shows the narrow ones nearly one to one."""
LEFT, RIGHT, BARS, ROW, SPACE = 150, 20, 110, 17, 44
"""Of a chart: its margins, the height of a panel of bars and of a row, the space between panels."""


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """A line of words; `kind` are classes: title, head, small, end, middle."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def box(colour: str, x: float, y: float, width: float, height: float, *, round_by: float = 0) -> str:
    """A filled rectangle."""
    corner = f' rx="{round_by:g}"' if round_by else ""
    width = max(0.0, width)
    return f'<rect class="{colour}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"{corner}/>'


def line(path: str, kind: str = "line") -> str:
    """A path that is drawn, not filled."""
    return f'<path class="{kind}" d="{path}"/>'


def legend(y: float, names: Mapping[str, str], *, x: float = 16) -> list[str]:
    """A row of colours with their names."""
    parts: list[str] = []
    for name, colour in names.items():
        parts += [box(colour, x, y - 9, 10, 10, round_by=2), text(x + 14, y, name, "small")]
        x += 32 + 6.2 * len(name)
    return parts


def lengths(rows: Sequence[tuple[str, str, float, str]], left: float, top: float, width: float) -> list[str]:
    """A bar to the right for each row: its name, its colour, its share of `width`, and the words at its end."""
    parts: list[str] = []
    for n, (name, colour, share, words) in enumerate(rows):
        y, wide = top + n * ROW, max(2.0, share * width)
        parts += [
            text(left - 8, y + ROW - 5, name, "small end"),
            box(colour, left, y + 2, wide, ROW - 4),
            text(left + wide + 8, y + ROW - 5, words, "small"),
        ]
    return parts


def _style() -> str:
    def rules(n: int) -> str:
        fills = {**{name: pair[n] for name, pair in COLOURS.items()}, "ground": GROUND[n]}
        return "".join(f".{name}{{fill:{fill}}}" for name, fill in fills.items()) + (
            f"text{{fill:{TEXT[n]}}}.line{{stroke:{FAINT[n]}}}.limit{{stroke:{COLOURS['bad'][n]}}}"
            f".pane{{fill:{PANE[n]};stroke:{FAINT[n]}}}"
        )

    return (
        "text{font:13px system-ui,Helvetica,Arial,sans-serif}.title{font-size:16px;font-weight:600}"
        ".head{font-weight:600}.small{font-size:11.5px}.end{text-anchor:end}.middle{text-anchor:middle}"
        ".line,.limit,.arrow{fill:none}.limit{stroke-width:1.5;stroke-dasharray:6 4}"
        ".faint{fill-opacity:.3}.row{fill-opacity:.16}"
        + "".join(f".{name}.edge{{fill-opacity:.14}}" for name in COLOURS)
        + f".arrow{{stroke-width:1.5;stroke:{ARROW}}}.point{{fill:{ARROW}}}"
        + f"{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}"
    )


def picture(title: str, about: str, height: float, parts: Sequence[str], *, width: float = NARROW) -> str:
    """The whole; `about` says in words what is to be seen."""
    size = f'width="600" height="{600 * height / width:.0f}" ' if width == NARROW else ""
    named = 'role="img" aria-labelledby="title about"'
    marker = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}viewBox="0 0 {width} {height:g}" {named}>',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="about">{escape(about)}</desc>',
            f"<style>{_style()}</style>",
            f'<defs><marker id="head" {marker}><path class="point" d="M0 0L8 4L0 8z"/></marker></defs>',
            f'<rect class="ground" width="{width}" height="{height:g}" rx="6"/>',
            text(16, 28, title, "title"),
            *parts,
            "</svg>\n",
        ]
    )


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a chart, drawn from a top of 0."""

    title: str
    height: float
    parts: list[str]
    timed: bool = True
    """It lies over the common time axis."""


def bars(title: str, seconds: float, stacked: Mapping[str, tuple[str, Sequence[float]]]) -> Panel:
    """Counts, one on top of the other: a name for the legend to a colour and the moments to count."""
    scale, each = _scale(seconds), max(1.0, seconds / 540)  # no thinner than 2 px
    bins = int(seconds / each) + 1
    counts = {name: [0.0] * bins for name in stacked}
    for name, (_, moments) in stacked.items():
        for moment in moments:
            if 0 <= moment < bins * each:
                counts[name][int(moment / each)] += 1 / each
    highest = max(1.0, *(sum(column) for column in zip(*counts.values(), strict=True)))
    parts: list[str] = []
    for n in range(bins):
        base, width = float(BARS), min(each, seconds - n * each)  # the last one may be cut off
        for name, (colour, _) in stacked.items():
            if count := counts[name][n]:
                size = count / highest * BARS
                base -= size
                parts.append(box(colour, LEFT + n * each * scale, base, width * scale - 0.4, size))
    names = {f"{name} ({len(moments):,})": colour for name, (colour, moments) in stacked.items()}
    parts += legend(-9, names, x=WIDE - RIGHT - sum(32 + 6.2 * len(name) for name in names))
    return Panel(title, BARS, [*parts, text(LEFT - 8, 10, f"{highest:.0f} a second", "small end")])


def bands(title: str, seconds: float, rows: Mapping[str, tuple[str, Sequence[Span]]]) -> Panel:
    """Rows of spans: the name of a row to a colour and its spans."""
    scale, parts = _scale(seconds), list[str]()
    for n, (name, (colour, spans)) in enumerate(rows.items()):
        parts.append(text(LEFT - 8, n * ROW + ROW - 5, name, "small end"))
        for begin, end in ((max(0.0, a), min(b, seconds)) for a, b in spans):
            parts.append(box(colour, LEFT + begin * scale, n * ROW + 2, max(2.0, (end - begin) * scale), ROW - 4))
    return Panel(title, ROW * len(rows), parts)


def peaks(title: str, colour: str, values: Sequence[float], limit: float, limit_name: str) -> Panel:
    """A value per bin on a logarithmic axis from 1 to 10,000, below which nothing is drawn, and a limit as a line."""
    decades = 4

    def y(value: float) -> float:
        return BARS - min(1.0, log10(value) / decades) * BARS

    each = (WIDE - LEFT - RIGHT) / len(values)
    drawn = [(n, y(value) - 2) for n, value in enumerate(values) if value >= 1]  # a single request is still to be seen
    path = "".join(f"M{LEFT + n * each:.1f} {BARS}V{height:.1f}h{each:.2f}V{BARS}z" for n, height in drawn)
    ticks = [text(LEFT - 8, y(10**n) + 4, f"{10**n:,}", "small end") for n in range(decades + 1)]
    return Panel(title, BARS, [
        line(path, colour),
        *ticks,
        line(f"M{LEFT} {y(limit):.1f}h{WIDE - LEFT - RIGHT}", "limit"),
        text(WIDE - RIGHT - 4, y(limit) - 5, f"{limit_name}: {limit:g}", "small end"),
    ])  # fmt: skip


def chart(
    title: str, subtitle: str, seconds: float, panels: Sequence[Panel], shades: Mapping[str, tuple[str, Sequence[Span]]]
) -> str:
    """Panels above each other. `shades` have a legend, and spans that go through all panels with a time axis."""
    scale, top = _scale(seconds), 98.0
    names = {name: f"{colour} faint" for name, (colour, _) in shades.items()}
    parts = [text(16, 47, subtitle, "small"), *legend(66, names)]
    step = next((step for step in (1, 5, 10, 30, 60, 300, 600, 3600) if seconds / step <= 14), 7200)
    ticks = range(0, int(seconds) + 1, step)
    last = [panel for panel in panels if panel.timed][-1]
    for panel in panels:
        parts += [f'<g transform="translate(0 {top:g})">', text(LEFT, -9, panel.title, "head")]
        if panel.timed:
            parts += [
                box(f"{colour} faint", LEFT + a * scale, 0, max(4.0, (b - a) * scale), panel.height)
                for colour, spans in shades.values()
                for a, b in spans
            ]
            grid = "".join(f"M{LEFT + at * scale:.1f} 0v{panel.height}" for at in ticks)
            parts.append(line(f"{grid}M{LEFT} {panel.height}h{WIDE - LEFT - RIGHT}"))
            if panel is last:
                low = panel.height + 16
                parts += [text(LEFT + at * scale, low, _clock(at, seconds), "small middle") for at in ticks]
        parts += [*panel.parts, "</g>"]
        top += panel.height + SPACE
    return picture(title, subtitle, top, parts, width=WIDE)


def _scale(seconds: float) -> float:
    return (WIDE - LEFT - RIGHT) / seconds


def _clock(at: int, longest: float) -> str:
    return f"{at // 3600}:00" if longest > 2 * 3600 else f"{at // 60}:{at % 60:02}"
