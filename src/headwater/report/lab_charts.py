"""The figures of the laboratory: curves, scatters, distributions and pictures, each small enough for a page of many.

Everything is thinned before it is drawn: a line to as many points as a reader can tell apart, a scatter to a sample of
its points, pictures to fifteen shades. What cannot be drawn (missing, infinite, or not positive on a logarithmic axis)
leaves a gap.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.lab.result import (
    Figure,
    Histogram,
    HistogramFigure,
    ImageFigure,
    LineFigure,
    ScatterFigure,
    ScatterPanel,
    TableFigure,
)
from headwater.report.drawing import BASE, BLUE, INK, ORANGE, Row, Style, distinct, extent, named, to_svg
from headwater.report.lab_lines import draw_lines
from headwater.report.pictures import Strip, strip
from headwater.report.plotting import Axis, Detail, axis_of, compact, drawable, even, heading, ticked
from headwater.report.text import listed, plural, printable


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure made ready for the page."""

    figure: Figure
    svg: str = ""
    """The drawing; empty for pictures, tables, and where there is nothing to draw."""
    strips: tuple[Strip, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """Rows of a table."""
    key: str = ""
    """How the drawing is to be read and what it leaves out, in sentences."""


def draw(figure: Figure, chart: str, styles: Mapping[str, Style], detail: Detail) -> Drawn:
    """Return a figure made ready for the page.

    Args:
        figure: what to draw.
        chart: id of the drawing, unique on the page.
        styles: looks of the arms; other lines get looks that are still free.
        detail: how much to draw.
    """
    match figure:
        case LineFigure():
            svg, key = draw_lines(figure, chart, styles, detail)
            return Drawn(figure, svg, key=key)
        case ScatterFigure():
            return _scatter(figure, chart, detail)
        case HistogramFigure():
            return _histograms(figure, chart, detail)
        case ImageFigure():
            return _images(figure, detail)
        case TableFigure():
            return _table(figure, detail)


_OWN_AXES = 30.0
"""Panels whose spread differs by more than this factor get axes of their own; the smaller would be a dot."""


def _scatter(figure: ScatterFigure, chart: str, detail: Detail) -> Drawn:
    import altair as alt

    sheets: dict[str, Sequence[Row]] = {}
    panels = [panel for panel in figure.panels if _finite(panel)]
    if not panels:
        return Drawn(figure, key="There is nothing to draw: no point is finite.")
    shown = even(panels, detail.panels)
    frames = [_frame([panel]) for panel in shown]
    widest = [max(frame[axis][1] - frame[axis][0] for frame in frames) for axis in (0, 1)]
    own = any(
        widest[axis] > _OWN_AXES * max(frame[axis][1] - frame[axis][0], 1e-300) for frame in frames for axis in (0, 1)
    )
    titles = distinct([heading(panel.title) or "–" for panel in shown])
    points = [even(_finite(panel), detail.dots) for panel in shown]
    rows: list[Row] = [
        {"panel": title, "x": x, "y": y} for title, some in zip(titles, points, strict=True) for x, y in some
    ]
    rings: list[Row] = [
        {**row, "panel": title} for title, panel in zip(titles, shown, strict=True) for row in _ellipses(panel)
    ]
    scales: list[dict[str, Any]] = [{"scale": alt.Scale(zero=False, nice=False, padding=6)}] * 2
    if not own:
        axes = [Axis(low, high, log=False) for low, high in _frame(shown)]
        scales = [{"scale": axis.scale(), "axis": ticked(axis, 4, grid=True)} for axis in axes]
    across, up = ({"title": None, "axis": alt.Axis(tickCount=4), **one} for one in scales)
    # One table for both layers, because a facet has only one; the ellipses are u and v, which points do not have.
    base = alt.Chart()
    dots = base.transform_filter("isValid(datum.x)").mark_point(filled=True, color=BLUE, opacity=0.5, size=7)
    layers = [dots.encode(alt.X("x:Q", **across), alt.Y("y:Q", **up))]
    if rings:
        ring = base.transform_filter("isValid(datum.u)").mark_line(color=ORANGE, strokeWidth=1.6)
        at = alt.X("u:Q", **across), alt.Y("v:Q", **up)
        layers.append(ring.encode(*at, detail="part:N", order="order:Q"))
    columns = 3 if len(shown) in {3, 5, 6} else 4
    size = 176 if columns == 4 else 230
    drawing = (
        alt.layer(*layers, data=named([*rows, *rings], sheets))
        .properties(width=size, height=size)
        .facet(
            alt.Facet("panel:N", sort=titles, title=None, header=alt.Header(labelAnchor="start", labelPadding=4)),
            columns=columns,
            spacing=14,
        )
    )
    if own:
        drawing = drawing.resolve_scale(x="independent", y="independent")
    description = "Panels: " + listed(titles) + "."
    sentences = ["Ellipses: one standard deviation of the model."] if any(panel.ellipses for panel in shown) else []
    if own:
        sentences.append("Every panel has axes of its own, because the spread changes by orders of magnitude.")
    if any(len(_finite(panel)) > detail.dots for panel in shown):
        sentences.append(f"At most {detail.dots} points of a panel are drawn.")
    if len(shown) < len(panels):
        sentences.append(f"{len(shown)} of {len(panels)} panels are shown.")
    return Drawn(
        figure, compact(to_svg(drawing, chart, heading(figure.title), description, sheets)), key=" ".join(sentences)
    )


def _finite(panel: ScatterPanel) -> list[tuple[float, float]]:
    pairs = zip(panel.x, panel.y, strict=False)
    return [(x, y) for x, y in pairs if drawable(x, log=False) and drawable(y, log=False)]


def _frame(panels: Sequence[ScatterPanel]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ends of both axes, with room for the ellipses."""
    x = [point[0] for panel in panels for point in _finite(panel)]
    y = [point[1] for panel in panels for point in _finite(panel)]
    x += [row["u"] for panel in panels for row in _ellipses(panel)]
    y += [row["v"] for panel in panels for row in _ellipses(panel)]
    return extent(x, zero=False), extent(y, zero=False)


def _ellipses(panel: ScatterPanel) -> list[Row]:
    rows: list[Row] = []
    for number, ellipse in enumerate(panel.ellipses):
        if not all(drawable(value, log=False) for value in ellipse):
            continue
        cx, cy, a, b, angle = ellipse
        turn = math.radians(angle)
        for step in range(33):
            t = 2 * math.pi * step / 32
            u, v = a * math.cos(t), b * math.sin(t)
            rows.append(
                {
                    "u": cx + u * math.cos(turn) - v * math.sin(turn),
                    "v": cy + u * math.sin(turn) + v * math.cos(turn),
                    "part": number,
                    "order": step,
                }
            )
    return rows


def _histograms(figure: HistogramFigure, chart: str, detail: Detail) -> Drawn:
    import altair as alt

    sheets: dict[str, Sequence[Row]] = {}
    known = [histogram for histogram in figure.histograms if _bins(histogram, figure.log_x)]
    if not known:
        return Drawn(figure, key="There is nothing to draw: no share is positive.")
    shown = even(known, detail.panels)
    bins = [_merged(_bins(histogram, figure.log_x), detail.bins) for histogram in shown]
    tallest = [max(share for _, _, share in one) for one in bins]
    own = max(tallest) > 8 * min(tallest)
    filled = [(left, right) for one in bins for left, right, share in one if share > 0]
    axis = axis_of([edge for pair in filled for edge in pair], [], log=figure.log_x, tight=True)
    names = distinct([printable(" ".join(one.name.split()) or "–", 24) for one in shown])
    rows: list[Row] = []
    labels: list[Row] = []
    for number, (one, name) in enumerate(zip(bins, names, strict=True)):
        unit = 0.9 / (tallest[number] if own else max(tallest))
        labels.append({"y": -number, "label": name, "x": axis.low})
        rows += [
            {"x": x, "y": -number + height * unit, "y2": -number, "part": number} for x, height in _outline(one, axis)
        ]
    step = 46 if len(shown) > 6 else 58
    top = max(row["y"] for row in rows) + 0.15
    x = alt.X("x:Q", title=heading(figure.x_title), scale=axis.scale(), axis=ticked(axis, 8))
    y = alt.Y("y:Q", title=None, axis=None, scale=alt.Scale(domain=[0.94 - len(shown), top], nice=False))
    area = alt.Chart(named(rows, sheets)).mark_area(color=BLUE, opacity=0.35, line={"color": BLUE, "strokeWidth": 1.2})
    ground = alt.Chart(named([{"y": label["y"]} for label in labels], sheets)).mark_rule(color=BASE)
    text = alt.Chart(named(labels, sheets)).mark_text(align="right", baseline="bottom", dx=-9, color=INK, fontSize=12)
    drawing = alt.layer(
        ground.encode(y),
        area.encode(x, y, alt.Y2("y2:Q"), detail="part:N"),
        text.encode(x, y, alt.Text("label:N")),
    ).properties(width=600, height=round(step * (top + len(shown) - 0.94)))
    sentences = [
        "Height: share of a bin" + (", each row on a scale of its own." if own else ", all rows on one scale.")
    ]
    if len(shown) < len(known):
        sentences.append(f"{len(shown)} of {len(known)} distributions are shown.")
    description = "Distributions from top to bottom: " + listed(names) + "."
    return Drawn(
        figure, compact(to_svg(drawing, chart, heading(figure.title), description, sheets)), key=" ".join(sentences)
    )


_Bin = tuple[float, float, float]
"""Left edge, right edge, share."""


def _bins(histogram: Histogram, log: bool) -> list[_Bin]:
    """Return the bins that can be drawn; none where nothing has a share."""
    edges = zip(histogram.edges, histogram.edges[1:], histogram.shares, strict=False)
    bins = [
        (left, right, share if math.isfinite(share) else 0.0)
        for left, right, share in edges
        if drawable(left, log=log) and drawable(right, log=log) and left < right
    ]
    return bins if any(share > 0 for _, _, share in bins) else []


def _merged(bins: Sequence[_Bin], most: int) -> list[_Bin]:
    """Return neighbouring bins put together until there are few enough."""
    step = math.ceil(len(bins) / most)
    groups = [bins[i : i + step] for i in range(0, len(bins), step)]
    return [(group[0][0], group[-1][1], math.fsum(share for _, _, share in group)) for group in groups]


def _outline(bins: Sequence[_Bin], axis: Axis) -> list[tuple[float, float]]:
    """Return the corners of the steps of a histogram within the axis, level stretches as their two ends."""
    corners: list[tuple[float, float]] = []
    for left, right, share in bins:
        a, b = max(left, axis.low), min(right, axis.high)
        if a >= b:
            continue
        if len(corners) > 1 and corners[-1][1] == share and corners[-1][0] == a:
            corners[-1] = (b, share)
        else:
            corners += [(a, share), (b, share)]
    return [(corners[0][0], 0.0), *corners, (corners[-1][0], 0.0)]


def _images(figure: ImageFigure, detail: Detail) -> Drawn:
    rows = [row for row in figure.rows if any(image and image[0] for image in row.images)]
    shown = even(rows, detail.panels)
    sentences = [] if rows else ["There is nothing to draw: there are no pictures."]
    if len(shown) < len(rows):
        sentences.append(f"{len(shown)} of {len(rows)} rows are shown.")
    return Drawn(figure, strips=tuple(strip(row, detail.images) for row in shown), key=" ".join(sentences))


def _table(figure: TableFigure, detail: Detail) -> Drawn:
    width = max([len(figure.header), *map(len, figure.rows)], default=0)
    shown = figure.rows[: detail.rows]
    rows = tuple(
        tuple(printable(cell, detail.cell) for cell in (*row, *[""] * (width - len(row))))[:12] for row in shown
    )
    left = len(figure.rows) - len(shown)
    return Drawn(figure, rows=rows, key=f"{plural(left, 'further row')} left out." if left else "")
