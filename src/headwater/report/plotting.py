"""Axes, ticks and thinning, and drawings made small: what the figures of the laboratory share."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from headwater.report.drawing import extent
from headwater.report.text import printable

if TYPE_CHECKING:
    import altair as alt

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a figure is drawn."""

    figures: int
    lines: int
    """Lines of one figure."""
    points: int
    """Points of a line."""
    band: int
    """Points of a band; 0: no bands."""
    marks: int
    """Marks of a closed form or of published numbers."""
    panels: int
    """Scatters or distributions of a figure, and rows of pictures."""
    dots: int
    """Dots of one scatter."""
    bins: int
    images: int
    """Pictures of a row."""
    rows: int
    """Rows of a table."""
    cell: int
    """Characters of a table's cell."""


DETAILS = (
    Detail(40, 24, 160, 80, 24, 12, 400, 80, 12, 60, 200),
    Detail(30, 16, 80, 40, 16, 8, 200, 50, 10, 30, 120),
    Detail(16, 12, 40, 20, 12, 6, 100, 40, 8, 15, 80),
    Detail(8, 8, 24, 12, 8, 4, 60, 24, 5, 8, 40),
    Detail(4, 8, 16, 0, 6, 3, 30, 16, 4, 5, 40),
)
"""From much to little; the last one bounds the size of any result."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from data to the unit interval."""

    low: float
    high: float
    log: bool

    def share(self, value: float) -> float:
        """Return where a value lies, 0 at the lower end and 1 at the upper one."""
        low, high = self._on(self.low), self._on(self.high)
        return (self._on(value) - low) / (high - low)

    def at(self, share: float) -> float:
        """Return the value at a place."""
        low, high = self._on(self.low), self._on(self.high)
        place = low + share * (high - low)
        return 10.0**place if self.log else place

    def _on(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def scale(self) -> "alt.Scale":
        """Return the scale of a chart with exactly these ends."""
        import altair as alt

        kind = {"type": "log"} if self.log else {}
        return alt.Scale(domain=[self.low, self.high], nice=False, zero=False, **kind)


def drawable(value: float, *, log: bool) -> bool:
    """Return whether a value has a place on an axis."""
    # Beyond this size the margins of an axis overflow.
    return math.isfinite(value) and abs(value) < 1e150 and (not log or value > 1e-150)


def even(things: Sequence[T], most: int) -> list[T]:
    """Return all things, or evenly spaced ones with the first and the last."""
    if len(things) <= most:
        return list(things)
    return [things[round(i * (len(things) - 1) / (most - 1))] for i in range(most)] if most > 1 else [things[-1]]


def axis_of(values: Sequence[float], edges: Sequence[float], *, log: bool, tight: bool = False) -> Axis:
    """Return an axis that holds all values with a margin, and the edges of bands as far as that is useful."""
    low, high = min(values), max(values)
    if log:
        # A band that reaches down to next to nothing would press everything else together.
        low, high = (
            min([low, *(max(edge, low / 100) for edge in edges)]),
            max([high, *(min(e, high * 100) for e in edges)]),
        )
        if tight and low < high:
            return Axis(low, high, log=True)
        margin = (high / low) ** 0.04 if low < high else 2.0
        return Axis(low / margin, high * margin, log=True)
    low, high = min([low, *edges]), max([high, *edges])
    if tight:
        return Axis(low, high, log=False) if low < high else Axis(low - 0.5, high + 0.5, log=False)
    if 0 <= low <= 0.5 * high:
        return Axis(*extent([high], zero=True), log=False)
    bottom, top = extent([low, high], zero=False)
    return Axis(max(bottom, 0.0) if low >= 0 else bottom, top, log=False)


def ticked(axis: Axis, most: int, *, grid: bool = False, whole: bool = False) -> "alt.Axis":
    """Return the axis with its ticks."""
    import altair as alt

    return alt.Axis(values=ticks(axis.low, axis.high, most, log=axis.log, whole=whole), format=",.7~g", grid=grid)


def ticks(low: float, high: float, most: int, *, log: bool = False, whole: bool = False) -> list[float]:
    """Return round values between two ends, about as many as asked for at most.

    Args:
        low: lower end, positive on a logarithmic axis.
        high: upper end.
        most: number of ticks aimed at.
        log: powers of ten, or 1, 2 and 5 times them where there are few.
        whole: whole numbers only.
    """
    if log:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        if last - first >= 2:
            every = math.ceil((last - first + 1) / most)
            return [10.0**power for power in range(first, last + 1, every)]
        fine = [m * 10.0**power for power in range(first - 1, last + 1) for m in (1, 2, 5)]
        inside = [value for value in fine if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(inside) >= 3:
            return inside
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= 0.75 * rough)
    if whole:
        step = max(step, 1.0)
    start = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - start + 1
    return [(start + i) * step for i in range(max(count, 0))]


def heading(text: str) -> str:
    """Return a title on one printable line."""
    return printable(" ".join(text.split()), 90)


_CIRCLES = re.compile(
    r'(?:<path transform="translate\([^)]*\)" d="M[\d.]+,0A[^"]*"[^>]*/>){3,}'  # a run of round symbols
)
_CIRCLE = re.compile(r'<path transform="translate\(([-\d.]+),([-\d.]+)\)" d="M([\d.]+),0A[^"]*"([^>]*)/>')
_LONG = re.compile(r'( d="[^"]*")')


def compact(svg: str) -> str:
    """Return a drawing at a fraction of its size: one path for all circles of a look, coordinates to a tenth."""
    svg = _LONG.sub(lambda match: re.sub(r"(\.\d)\d+", r"\1", match[0]), svg)
    return _CIRCLES.sub(lambda match: _dots(match[0]), svg)


def _dots(circles: str) -> str:
    """Return circles as strokes of length 0 with round ends, an inner one on top where they have an outline."""
    looks: dict[tuple[str, str], list[str]] = {}
    for x, y, radius, rest in _CIRCLE.findall(circles):
        looks.setdefault((radius, rest), []).append(f"M{float(x):.1f},{float(y):.1f}h0")
    drawn = []
    for (radius, rest), places in looks.items():
        attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', rest))
        fill, stroke = attributes.get("fill", "none"), attributes.get("stroke", "none")
        width = float(attributes.get("stroke-width", 1)) if stroke != "none" else 0.0
        opacity = f' opacity="{attributes["opacity"]}"' if "opacity" in attributes else ""
        rings = [(stroke, 2 * float(radius) + width)] if stroke != "none" else []
        rings += [(fill, 2 * float(radius) - width)] if fill != "none" else []
        shape = f'<path d="{"".join(places)}" stroke-linecap="round"{opacity}'
        drawn += [f'{shape} stroke="{colour}" stroke-width="{across:.1f}"/>' for colour, across in rings]
    return "".join(drawn)
