"""Curves of the laboratory: simulated lines with their bands, closed forms on top, published numbers beside them."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from headwater.lab.result import Line, LineFigure
from headwater.report.drawing import (
    BASE,
    BLUE,
    GOLD,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    Row,
    Style,
    distinct,
    named,
    scale,
    spread,
    to_svg,
)
from headwater.report.plotting import Axis, Detail, axis_of, compact, drawable, even, heading, ticked
from headwater.report.text import plural, printable, significant

if TYPE_CHECKING:
    import altair as alt

_HUMAN = Style(BASE, (1, 0), "circle")
_STYLES = (
    Style(ORANGE, (1, 0), "square"),
    Style(BLUE, (7, 3), "circle"),
    Style(PURPLE, (2, 2), "triangle-up"),
    Style(GREEN, (9, 3, 2, 3), "diamond"),
    Style(GOLD, (4, 2), "triangle-down"),
    Style(SKY, (12, 4), "cross"),
    Style(INK, (1, 0), "triangle-right"),
    Style(MUTED, (10, 3, 2, 3, 2, 3), "triangle-left"),
)
"""In the order arms are given them; the colours are those that colour-blind readers confuse least."""


def arm_styles(arms: Iterable[str]) -> dict[str, Style]:
    """Return how each arm is drawn, the same in all figures of a report."""
    others = [arm for arm in dict.fromkeys(arms) if arm != "human-only"]
    return {"human-only": _HUMAN} | {arm: _STYLES[i % len(_STYLES)] for i, arm in enumerate(others)}


_Point = tuple[float, float, float, float]
"""x, y and the band's edges, NaN where there is none."""


@dataclass(frozen=True, slots=True)
class _Curve:
    name: str
    role: str
    parts: tuple[tuple[_Point, ...], ...]
    """Runs of points without a gap."""

    @property
    def points(self) -> list[_Point]:
        return [point for part in self.parts for point in part]


def draw_lines(figure: LineFigure, chart: str, styles: Mapping[str, Style], detail: Detail) -> tuple[str, str]:
    """Return the SVG of a figure of curves, empty where there is nothing to draw, and how it is to be read."""
    import altair as alt

    sheets: dict[str, Sequence[Row]] = {}
    shown = [curve for line in figure.lines if (curve := _curve(line, figure)).parts]
    left_out = len({curve.name for curve in shown}) - detail.lines
    if left_out > 0:
        kept = list(dict.fromkeys(curve.name for curve in shown))[: detail.lines]
        shown = [curve for curve in shown if curve.name in kept]
    if not shown:
        return "", "There is nothing to draw: no value is finite."
    shown = [_thin(curve, detail, log=figure.log_x) for curve in shown]
    x_axis = axis_of([p[0] for c in shown for p in c.points], [], log=figure.log_x, tight=True)
    y_axis = axis_of(
        [p[1] for c in shown for p in c.points],
        [edge for c in shown for p in c.points for edge in p[2:] if drawable(edge, log=figure.log_y)],
        log=figure.log_y,
    )
    looks = _looks(shown, styles)
    names = _labels(looks)
    height = max(290, 15 * len(looks))
    whole = not figure.log_x and all(p[0] == round(p[0]) for c in shown for p in c.points)
    x = alt.X("x:Q", title=heading(figure.x_title), scale=x_axis.scale(), axis=ticked(x_axis, 8, whole=whole))
    y = alt.Y("y:Q", title=heading(figure.y_title), scale=y_axis.scale(), axis=ticked(y_axis, 6, grid=True))
    colour = alt.Color("name:N", scale=scale({names[k]: s.colour for k, s in looks.items()}), legend=None)
    dash = alt.StrokeDash("name:N", scale=scale({names[k]: list(s.dash) for k, s in looks.items()}), legend=None)
    layers: list[alt.Chart] = []

    if band := _band(shown, names, y_axis, detail):
        area = alt.Chart(named(band, sheets)).mark_area(opacity=0.14 if len(looks) <= 4 else 0.07)
        layers.append(area.encode(x, y, alt.Y2("y2:Q"), colour, detail="part:N"))
    for role, mark, encoded in (
        ("human", {"strokeWidth": 7, "strokeCap": "round"}, ()),
        ("simulated", {"strokeWidth": 2}, (dash,)),
    ):
        curves = [curve for curve in shown if curve.role == role]
        if rows := _rows(curves, names):
            line = alt.Chart(named(rows, sheets)).mark_line(**mark)
            layers.append(line.encode(x, y, colour, *encoded, detail="part:N", order="x:Q"))
        if rows := [row for row in rows if row["alone"]]:
            points = alt.Chart(named(rows, sheets)).mark_point(filled=True, opacity=1, size=44)
            layers.append(points.encode(x, y, colour))
    looks_of_marks: tuple[tuple[str, dict[str, Any]], ...] = (
        ("expected", {"shape": "circle", "size": 22, "fill": PAPER, "strokeWidth": 1.4}),
        ("published", {"shape": "diamond", "size": 64, "filled": True}),
    )
    for role, mark in looks_of_marks:
        curves = [_marks(curve, detail, log=figure.log_x) for curve in shown if curve.role == role]
        if rows := _rows(curves, names):
            thin = alt.Chart(named(rows, sheets)).mark_line(strokeWidth=1, opacity=0.6)
            layers.append(thin.encode(x, y, colour, detail="part:N", order="x:Q"))
            marks = alt.Chart(named(rows, sheets)).mark_point(opacity=1, **mark)
            layers.append(marks.encode(x, y, _stroke(colour) if role == "expected" else colour))
    ends = _ends(shown)
    leaders = [
        {"x": end[0], "y": end[1], "x2": x_axis.high, "name": names[name]}
        for name, end in ends.items()
        if x_axis.share(end[0]) < 0.98
    ]
    if leaders:
        rule = alt.Chart(named(leaders, sheets)).mark_rule(strokeWidth=1, strokeDash=[1, 3])
        layers.append(rule.encode(x, y, alt.X2("x2:Q"), colour))
    texts = _end_labels(ends, names, looks, x_axis, y_axis, height)
    text = alt.Chart(named(texts, sheets)).mark_text(align="left", dx=9, fontSize=12)
    layers.append(text.encode(x, y, alt.Text("label:N"), color=alt.Color("colour:N", scale=None)))
    told = ", ".join(f"{names[name]} {significant(end[1])}" for name, end in ends.items())
    drawing = alt.layer(*layers).properties(width=620, height=height)
    description = f"{heading(figure.y_title)} by {heading(figure.x_title)}. Last values: {told}."
    svg = compact(to_svg(drawing, chart, heading(figure.title), description, sheets))
    return svg, _line_key(figure, shown, bool(band), max(left_out, 0))


def _curve(line: Line, figure: LineFigure) -> _Curve:
    """Return a line as runs of points that can be drawn."""
    banded = len(line.low) == len(line.high) == len(line.y)
    nothing = (math.nan,) * len(line.y)
    columns = zip(
        line.x, line.y, line.low if banded else nothing, line.high if banded else nothing, strict=False
    )  # a line whose columns differ in length is drawn as far as it goes
    runs = groupby(columns, lambda p: drawable(p[0], log=figure.log_x) and drawable(p[1], log=figure.log_y))
    return _Curve(line.name, line.role, tuple(tuple(run) for good, run in runs if good))


def _thin(curve: _Curve, detail: Detail, *, log: bool) -> _Curve:
    """Return a curve with as many points as are drawn; every run keeps its ends."""
    total = sum(map(len, curve.parts))
    if total <= detail.points:
        return curve
    parts = even(curve.parts, max(detail.points // 2, 1))
    total = sum(map(len, parts))
    share = detail.points / total
    return _Curve(
        curve.name, curve.role, tuple(_along(part, max(round(share * len(part)), 2), log=log) for part in parts)
    )


def _along(part: Sequence[_Point], most: int, *, log: bool) -> tuple[_Point, ...]:
    """Return points that lie evenly along the drawn x axis, the first and the last among them."""
    if len(part) <= most:
        return tuple(part)
    x = [point[0] for point in part]
    if any(b < a for a, b in pairwise(x)) or x[0] == x[-1]:
        return tuple(even(part, most))
    axis = Axis(x[0], x[-1], log)
    chosen = {min(bisect_left(x, axis.at(i / (most - 1)) * (1 - 1e-12)), len(part) - 1) for i in range(1, most - 1)}
    return tuple(part[i] for i in sorted(chosen | {0, len(part) - 1}))


def _marks(curve: _Curve, detail: Detail, *, log: bool) -> _Curve:
    """Return the points of a curve that are marked, in runs as before."""
    share = detail.marks / max(len(curve.points), 1)
    parts = tuple(_along(part, max(round(share * len(part)), 2), log=log) for part in curve.parts)
    return _Curve(curve.name, curve.role, parts)


def _looks(curves: Sequence[_Curve], styles: Mapping[str, Style]) -> dict[str, Style]:
    """Return the look of every name in a figure; names that are no arms get looks no arm in it has."""
    looks: dict[str, Style] = {}
    named = list(dict.fromkeys(curve.name for curve in curves))
    human = {curve.name for curve in curves if curve.role == "human"}
    taken = {styles[name] for name in named if name in styles}
    free = [style for style in _STYLES if style not in taken] or list(_STYLES)
    for name in named:
        if name in styles:
            looks[name] = styles[name]
        elif name in human:
            looks[name] = _HUMAN
        else:
            looks[name] = free[0]
            free = [*free[1:], free[0]]
    return looks


def _labels(names: Iterable[str]) -> dict[str, str]:
    """Return for every name what stands at its line, short, printable and different from all others."""
    listed_names = list(names)
    return dict(
        zip(listed_names, distinct([printable(" ".join(n.split()) or "–", 28) for n in listed_names]), strict=True)
    )


def _rows(curves: Sequence[_Curve], names: Mapping[str, str]) -> list[Row]:
    return [
        {"x": point[0], "y": point[1], "name": names[curve.name], "part": f"{number}.{part}", "alone": len(points) < 2}
        for number, curve in enumerate(curves)
        for part, points in enumerate(curve.parts)
        for point in points
    ]


def _band(curves: Sequence[_Curve], names: Mapping[str, str], axis: Axis, detail: Detail) -> list[Row]:
    """Return the bands of all curves, each as runs without a gap."""
    if not detail.band:
        return []

    def known(point: _Point) -> bool:
        return point[2] <= point[3] and math.isfinite(point[2]) and math.isfinite(point[3])

    rows: list[Row] = []
    for number, curve in enumerate(curves):
        for part, points in enumerate(curve.parts):
            for run, (good, members) in enumerate(groupby(points, known)):
                if not good:
                    continue
                for x, _, low, high in even(list(members), detail.band):
                    edges = [min(max(edge, axis.low), axis.high) for edge in (low, high)]
                    rows.append(
                        {
                            "x": x,
                            "y": edges[0],
                            "y2": edges[1],
                            "name": names[curve.name],
                            "part": f"{number}.{part}.{run}",
                        }
                    )
    return rows


def _stroke(colour: "alt.Color") -> "alt.Stroke":
    import altair as alt

    return alt.Stroke(**colour.to_dict())  # the same scale on the outline


def _ends(curves: Sequence[_Curve]) -> dict[str, tuple[float, float]]:
    """Return the last point of every name, taken from its simulated line where it has one."""
    order = {"simulated": 0, "human": 0, "expected": 1, "published": 2}
    ends: dict[str, tuple[float, float]] = {}
    for curve in sorted(curves, key=lambda c: order[c.role]):
        ends.setdefault(curve.name, curve.points[-1][:2])
    return ends


def _end_labels(
    ends: Mapping[str, tuple[float, float]],
    names: Mapping[str, str],
    looks: Mapping[str, Style],
    x: Axis,
    y: Axis,
    height: int,
) -> list[Row]:
    """Return a label beside the end of every line, moved apart where lines end close together."""
    ranked = sorted(ends, key=lambda name: ends[name][1])
    places = spread([y.share(ends[name][1]) for name in ranked], 14 / height, (0.0, 1.0))
    return [
        {"x": x.high, "y": y.at(place), "label": names[name], "colour": looks[name].text}
        for name, place in zip(ranked, places, strict=True)
    ]


def _line_key(figure: LineFigure, curves: Sequence[_Curve], band: bool, left_out: int) -> str:
    roles = {curve.role for curve in curves}
    words = [
        ("human", "broad grey line: human data alone"),
        ("simulated", "lines: simulated"),
        ("band", "shaded: 5% to 95% of the seeds"),
        ("expected", "open circles: closed form"),
        ("published", "diamonds: published"),
    ]
    told = [word for role, word in words if role in roles or (role == "band" and band)]
    key = "; ".join(told)
    sentences = [f"{key[0].upper()}{key[1:]}."] if key else []
    if left_out:
        sentences.append(f"{plural(left_out, 'further line')} {'is' if left_out == 1 else 'are'} not drawn.")
    gaps = any(
        math.isfinite(value) and not drawable(value, log=log)
        for line in figure.lines
        for values, log in ((line.x, figure.log_x), (line.y, figure.log_y))
        for value in values
        if log
    )
    if gaps:
        sentences.append("What is zero or below has no place on a logarithmic axis and leaves a gap.")
    return " ".join(sentences)
