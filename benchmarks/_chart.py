"""A drawing of panels over a common time axis, as SVG text that reads on a light and on a dark ground."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

WIDTH = 1200
LEFT, RIGHT = 150, 20
BARS, ROW, SPACE = 110, 17, 44
COLOURS = {  # on a light ground, on a dark one
    "good": ("#2f7fc1", "#4c9be0"),
    "spare": ("#e0a030", "#e3b341"),
    "bad": ("#cf222e", "#ff5f56"),
    "calm": ("#2a9d7c", "#3fb68b"),
    "quiet": ("#9aa4b0", "#7d8793"),
    "fault": ("#8250df", "#a77bf3"),
}
GROUND, TEXT, FAINT = ("#ffffff", "#0d1117"), ("#1f2328", "#e6edf3"), ("#d8dee4", "#30363d")


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts per bin, one on top of the other."""

    title: str
    stacked: dict[str, tuple[str, Sequence[float]]]
    """Name in the legend to a colour's name and the moments to count, in seconds from the start."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Rows of spans."""

    title: str
    rows: dict[str, tuple[str, Sequence[tuple[float, float]]]]
    """Name of the row to a colour's name and its spans, in seconds from the start."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """A value per bin on a logarithmic axis from 1, and a limit as a line."""

    title: str
    colour: str
    values: Sequence[float]
    """One per bin, over the whole time; below 1 nothing is drawn."""
    limit: float
    limit_name: str
    unit: str
    decades: int = 4


@dataclass(frozen=True, slots=True)
class Amounts:
    """Bars to the right on a logarithmic axis from 1, in groups, each with its value as text; it has no time axis."""

    title: str
    groups: Mapping[str, Mapping[str, tuple[str, float, str]]]
    """Name of the group to names in it to a colour's name, a value and its text."""
    decades: int = 6


Shades = Mapping[str, tuple[str, Sequence[tuple[float, float]]]]
"""Name in the legend to a colour's name and spans that go through all panels with a time axis."""


def drawing(
    title: str,
    subtitle: str,
    seconds: float,
    panels: Sequence[Bars | Bands | Peaks],
    shade: Sequence[tuple[float, float]] = (),
    *,
    shades: Shades | None = None,
    amounts: Amounts | None = None,
) -> str:
    """The whole drawing. `shade` are spans that go through all panels; `shades` are such spans with a legend."""
    top = 78 + (20 if shades else 0)
    parts: list[str] = []
    scale = (WIDTH - LEFT - RIGHT) / seconds
    for panel in panels:
        height = ROW * len(panel.rows) if isinstance(panel, Bands) else BARS
        parts.append(f'<text x="{LEFT}" y="{top - 9}" class="head">{escape(panel.title)}</text>')
        parts += [_box("shade", LEFT + a * scale, top, (b - a) * scale, height) for a, b in shade]
        for colour, spans in (shades or {}).values():
            parts += [
                _box(f"{colour} faint", LEFT + a * scale, top, max(4.0, (b - a) * scale), height) for a, b in spans
            ]
        parts += _grid(seconds, scale, top, height)
        match panel:
            case Bars():
                parts += _bars(panel, seconds, scale, top)
            case Bands():
                parts += _bands(panel, seconds, scale, top)
            case Peaks():
                parts += _peaks(panel, top)
        top += height + SPACE
    bottom = top - SPACE
    parts += [
        f'<text x="{LEFT + at * scale:.1f}" y="{bottom + 18}" class="tick middle">{_clock(at, seconds)}</text>'
        for at in _ticks(seconds)
    ]
    if shades:
        parts += _shades_legend(shades)
    if amounts is not None:
        parts += _amounts(amounts, top + 28)
        bottom = top + 28 + sum(ROW * len(bars) + 10 for bars in amounts.groups.values()) - 10
    height = bottom + 32
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{style()}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
            f'<text x="{LEFT}" y="26" class="title">{escape(title)}</text>',
            f'<text x="{LEFT}" y="45" class="tick">{escape(subtitle)}</text>',
            *parts,
            "</svg>\n",
        ]
    )


def _bars(panel: Bars, seconds: float, scale: float, top: float) -> list[str]:
    each = max(1.0, seconds / 540)  # no thinner than 2 px
    bins = int(seconds / each) + 1
    counts = {name: [0.0] * bins for name in panel.stacked}
    for name, (_, moments) in panel.stacked.items():
        for moment in moments:
            if 0 <= moment < bins * each:
                counts[name][int(moment / each)] += 1 / each
    highest = max(1.0, *(sum(column) for column in zip(*counts.values(), strict=True)))
    parts: list[str] = []
    for n in range(bins):
        base = top + BARS
        width = min(each, seconds - n * each)  # the last one may be cut off
        for name, (colour, _) in panel.stacked.items():
            if count := counts[name][n]:
                size = count / highest * BARS
                base -= size
                parts.append(_box(colour, LEFT + n * each * scale, base, width * scale - 0.4, size))
    parts.append(f'<text x="{LEFT - 8}" y="{top + 10}" class="tick end">{highest:.0f} a second</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{top + BARS}" class="tick end">0</text>')
    return parts + _legend(panel, top)


def _legend(panel: Bars, top: float) -> list[str]:
    parts: list[str] = []
    right = float(WIDTH - RIGHT)
    for name, (colour, moments) in reversed(panel.stacked.items()):
        text = f"{name} ({len(moments):,})"
        right -= len(text) * 6.6 + 8
        parts.append(_box(colour, right - 16, top - 18, 10, 10))
        parts.append(f'<text x="{right:.1f}" y="{top - 9}" class="tick">{escape(text)}</text>')
        right -= 22
    return parts


def _bands(panel: Bands, seconds: float, scale: float, top: float) -> list[str]:
    parts: list[str] = []
    for n, (name, (colour, spans)) in enumerate(panel.rows.items()):
        y = top + n * ROW
        parts.append(f'<text x="{LEFT - 8}" y="{y + ROW - 5}" class="tick end">{escape(name)}</text>')
        for span in spans:
            a, b = max(0.0, span[0]), min(span[1], seconds)
            parts.append(_box(colour, LEFT + a * scale, y + 2, max(2.0, (b - a) * scale), ROW - 4))
    return parts


def _peaks(panel: Peaks, top: float) -> list[str]:
    def y(value: float) -> float:
        return top + BARS - min(1.0, log10(value) / panel.decades) * BARS

    each = (WIDTH - LEFT - RIGHT) / len(panel.values)
    # A bin of a single request is still to be seen.
    bars = [(n, y(value) - 2) for n, value in enumerate(panel.values) if value >= 1]
    path = "".join(f"M{LEFT + n * each:.1f} {top + BARS}V{height:.1f}h{each:.2f}V{top + BARS}z" for n, height in bars)
    limit = y(panel.limit)
    text = f"{panel.limit_name}: {panel.limit:g}"
    return [
        f'<path class="{panel.colour}" d="{path}"/>',
        *(
            f'<text x="{LEFT - 8}" y="{y(10**decade) + 4:.1f}" class="tick end">{10**decade:,}</text>'
            for decade in range(panel.decades + 1)
        ),
        f'<path class="limit" d="M{LEFT} {limit:.1f}h{WIDTH - LEFT - RIGHT}"/>',
        f'<text x="{WIDTH - RIGHT - 4}" y="{limit - 5:.1f}" class="tick end">{escape(text)}</text>',
        f'<text x="14" y="{top + BARS / 2}" class="tick">{escape(panel.unit)}</text>',
    ]


def _amounts(panel: Amounts, top: float) -> list[str]:
    parts = [f'<text x="{LEFT}" y="{top - 9}" class="head">{escape(panel.title)}</text>']
    for group, bars in panel.groups.items():
        parts.append(f'<text x="14" y="{top + ROW - 5}" class="head">{escape(group)}</text>')
        for name, (colour, value, text) in bars.items():
            wide = max(2.0, log10(max(1.0, value)) / panel.decades * (WIDTH - LEFT - RIGHT - 110))
            parts.append(f'<text x="{LEFT - 8}" y="{top + ROW - 5}" class="tick end">{escape(name)}</text>')
            parts.append(_box(colour, LEFT, top + 2, wide, ROW - 4))
            parts.append(f'<text x="{LEFT + wide + 8:.1f}" y="{top + ROW - 5}" class="tick">{escape(text)}</text>')
            top += ROW
        top += 10
    return parts


def _shades_legend(shades: Shades) -> list[str]:
    parts: list[str] = []
    left = float(LEFT)
    for name, (colour, _) in shades.items():
        parts.append(_box(f"{colour} faint", left, 56, 14, 12))
        parts.append(f'<text x="{left + 20:.1f}" y="66" class="tick">{escape(name)}</text>')
        left += len(name) * 6.6 + 44
    return parts


def _box(colour: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{colour}" x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}"/>'


def _grid(seconds: float, scale: float, top: float, height: float) -> list[str]:
    lines = [f"M{LEFT + at * scale:.1f} {top}v{height}" for at in _ticks(seconds)]
    return [f'<path class="line" d="{"".join(lines)}M{LEFT} {top + height}h{WIDTH - LEFT - RIGHT}"/>']


def _ticks(seconds: float) -> list[float]:
    step = next((step for step in (1, 5, 10, 30, 60, 300, 600, 3600) if seconds / step <= 14), 7200)
    return [float(at) for at in range(0, int(seconds) + 1, step)]


def _clock(seconds: float, longest: float) -> str:
    if longest > 2 * 3600:
        return f"{int(seconds) // 3600}:00"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def style() -> str:
    """The rules that every drawing has; scripts/pictures.py uses them too."""

    def rules(n: int) -> str:
        fills = {**{name: pair[n] for name, pair in COLOURS.items()}, "ground": GROUND[n]}
        return (
            "".join(f".{name}{{fill:{fill}}}" for name, fill in fills.items())
            + f"text{{fill:{TEXT[n]}}}.line{{stroke:{FAINT[n]}}}.shade{{fill:{COLOURS['fault'][n]};fill-opacity:.13}}"
            + f".limit{{stroke:{COLOURS['bad'][n]}}}"
        )

    return (
        "text{font:12px system-ui,Helvetica,Arial,sans-serif}.title{font-size:17px;font-weight:600}"
        ".head{font-weight:600}.tick{font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}.line{fill:none}"
        ".limit{fill:none;stroke-width:1.5;stroke-dasharray:6 4}.faint{fill-opacity:.3}"
        f"{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}"
    )
