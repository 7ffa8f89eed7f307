"""A drawing of panels over a common time axis, as SVG text that reads on a light and on a dark ground."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

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


def drawing(
    title: str, subtitle: str, seconds: float, panels: Sequence[Bars | Bands], shade: Sequence[tuple[float, float]]
) -> str:
    """The whole drawing. `shade` are spans that go through all panels."""
    top = 78
    parts: list[str] = []
    scale = (WIDTH - LEFT - RIGHT) / seconds
    for panel in panels:
        height = BARS if isinstance(panel, Bars) else ROW * len(panel.rows)
        parts.append(f'<text x="{LEFT}" y="{top - 9}" class="head">{escape(panel.title)}</text>')
        parts += [_box("shade", LEFT + a * scale, top, (b - a) * scale, height) for a, b in shade]
        parts += _grid(seconds, scale, top, height)
        if isinstance(panel, Bars):
            parts += _bars(panel, seconds, scale, top)
        else:
            parts += _bands(panel, seconds, scale, top)
        top += height + SPACE
    bottom = top - SPACE
    parts += [
        f'<text x="{LEFT + at * scale:.1f}" y="{bottom + 18}" class="tick middle">{_clock(at)}</text>'
        for at in _ticks(seconds)
    ]
    height = bottom + 32
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_style()}</style>",
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


def _box(colour: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{colour}" x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}"/>'


def _grid(seconds: float, scale: float, top: float, height: float) -> list[str]:
    lines = [f"M{LEFT + at * scale:.1f} {top}v{height}" for at in _ticks(seconds)]
    return [f'<path class="line" d="{"".join(lines)}M{LEFT} {top + height}h{WIDTH - LEFT - RIGHT}"/>']


def _ticks(seconds: float) -> list[float]:
    step = next((step for step in (1, 5, 10, 30, 60, 300, 600, 3600) if seconds / step <= 14), 7200)
    return [float(at) for at in range(0, int(seconds) + 1, step)]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _style() -> str:
    def rules(n: int) -> str:
        fills = {**{name: pair[n] for name, pair in COLOURS.items()}, "ground": GROUND[n]}
        return (
            "".join(f".{name}{{fill:{fill}}}" for name, fill in fills.items())
            + f"text{{fill:{TEXT[n]}}}.line{{stroke:{FAINT[n]}}}.shade{{fill:{COLOURS['fault'][n]};fill-opacity:.13}}"
        )

    return (
        "text{font:12px system-ui,Helvetica,Arial,sans-serif}.title{font-size:17px;font-weight:600}"
        ".head{font-weight:600}.tick{font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}.line{fill:none}"
        f"{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}"
    )
