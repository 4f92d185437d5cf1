"""Uncertain curves of a forecast: stock against demand, supply against need, and what is admitted month by month."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headwater.forecast.result import Dot, Fan, Forecast, TeamForecast
from headwater.report.drawing import (
    BASE,
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    Row,
    arranged,
    data,
    layered,
    named,
    spread,
    to_svg,
)
from headwater.report.forecast_text import Use, amount, date, main_series, uses
from headwater.report.plotting import Axis, axis_of, compact, drawable, even, ticks
from headwater.report.text import name

if TYPE_CHECKING:
    import altair as alt

_MOST_DOTS = 10
"""Data sets with a name beside them."""
_ALL_DOTS = 60
_BEFORE = 5.0
"""Years before the projection from which data sets are drawn; older ones would press it into a corner."""
_MOST_PANELS = 6
_POINTS = 36
"""Points of a band; a fan bends so little that no more can be seen."""
_BANDS = (("p5", "p95", 0.13), ("p10", "p90", 0.16), ("p25", "p75", 0.22))
"""Edges of the 90%, 80% and 50% band with what each adds to the shade."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One stock and what is taken from it."""

    kind: str
    """Panels of a kind have the same dates."""
    title: str
    unit: str
    stock: Fan
    demand: Fan
    stock_name: str
    demand_name: str
    use: Use
    dots: tuple[Dot, ...]


def panels_of(result: Forecast) -> list[Panel]:
    """Return the stocks of a forecast, each with its demand; what speaks for the forecast comes first."""
    lines = uses(result)
    if isinstance(result, TeamForecast):
        made = [
            Panel("team", use.label, name(result.unit), plan.supply, result.need, "Supply", "Need", use, ())
            for use, plan in zip(lines, result.plans, strict=True)
        ]
        return sorted(made, key=lambda panel: panel.use.key != "gate")
    chosen = main_series(result.series)
    only_images = all(series.name == "images" for series in result.series)
    found = []
    for use, series in zip(lines, result.series, strict=True):
        # real data sets are counted in words or tokens unless the forecast is about images alone
        dots = result.dots if series.name != "images" or only_images else ()
        names = "Stock", "Largest data set"
        panel = Panel(series.name, use.label, name(series.unit), series.stock, series.demand, *names, use, dots)
        found.append((series not in chosen, panel))
    return [panel for _, panel in (sorted(found, key=lambda one: one[0]) if len(chosen) == 1 else found)]


def draw_fans(result: Forecast) -> str:
    """Return the chart of stocks and demands with their bands: one panel each, the first large where there are few."""
    found = [(panel, ends) for panel in panels_of(result)[:_MOST_PANELS] if (ends := _window(panel)) is not None]
    if not found:
        return ""
    panels = [panel for panel, _ in found]
    windows = [_union([ends for other, ends in found if other.kind == panel.kind]) for panel in panels]
    first_dots = next((panel for panel in panels if panel.dots), None)

    sheets: dict[str, Sequence[Row]] = {}
    large = len(panels) <= 3
    drawn = [
        _panel(
            panel, ends, (600, 330) if large and panel is panels[0] else (245, 200), sheets,
            labelled=panel is first_dots,
        )
        for panel, ends in zip(panels, windows, strict=True)
    ]  # fmt: skip
    if large and len(drawn) > 1:
        drawing = arranged([drawn[0], arranged(drawn[1:], columns=2, spacing=24)], spacing=22)
    else:
        drawing = drawn[0] if len(drawn) == 1 else arranged(drawn, columns=2, spacing=24)
    told = " ".join(
        f"{panel.title}: {panel.stock_name.lower()} {amount(panel.stock.p50[-1])}, {panel.demand_name.lower()} "
        f"{amount(panel.demand.p50[-1])} at the end (medians)."
        for panel in panels
    )
    title = "Supply and need" if isinstance(result, TeamForecast) else "Stock and largest data sets"
    return compact(to_svg(drawing, "fan", title, f"{title}, 50%, 80% and 90% bands. {told}", sheets))


def _window(panel: Panel) -> tuple[float, float] | None:
    """Return the dates of a panel: from its start, or the first dot, until full use is decided."""
    years = [
        year
        for fan in (panel.stock, panel.demand)
        for year, value in zip(fan.years, fan.p50, strict=True)
        if drawable(value, log=True)
    ]
    if not years:
        return None
    first = min([min(years), *(dot.year for dot in drawn_dots(panel.dots, min(years)))])
    date = panel.use.date
    late = next((at for at in (date.p95, date.p90) if at is not None), None)
    last = max(years)
    if date.p95 is not None and late is not None:
        last = min(last, max(math.ceil(late + 0.25 * (late - first)), math.ceil(first) + 2))
    return first - 0.02 * (last - first), max(last, first + 1.0)


def _union(windows: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return min(first for first, _ in windows), max(last for _, last in windows)


def drawn_dots(dots: Sequence[Dot], start: float) -> list[Dot]:
    """Return the dots that are drawn: those of the last years before a projection, the largest of very many."""
    found = [
        dot for dot in dots if drawable(dot.value, log=True) and math.isfinite(dot.year) and dot.year >= start - _BEFORE
    ]
    return sorted(found, key=lambda dot: -dot.value)[:_ALL_DOTS]


def _named(dots: Sequence[Dot]) -> list[Dot]:
    """Return the dots that get a label: the largest."""
    return sorted(dots, key=lambda dot: (-dot.value, dot.year))[:_MOST_DOTS]


def _short(text: str) -> str:
    text = name(text)
    return text if len(text) <= 30 else text[:29].rstrip() + "…"


def _panel(
    panel: Panel,
    window: tuple[float, float],
    size: tuple[int, int],
    sheets: dict[str, Sequence[Row]],
    *,
    labelled: bool,
) -> Row:
    import altair as alt

    width, height = size
    large = width > 400
    first, last = window
    start = min([*panel.stock.years[:1], *panel.demand.years[:1]])
    dots = [dot for dot in drawn_dots(panel.dots, start) if dot.year <= last]
    stock, demand = _points(panel.stock, first, last), _points(panel.demand, first, last)
    axis = _amounts([*stock, *demand], stock, dots)
    x = alt.X(
        "x:Q", title=None, scale=alt.Scale(domain=[first, last], nice=False),
        axis=years_axis(first, last, 9 if large else 5),
    )  # fmt: skip
    up = {"title": None, "scale": axis.scale(), "axis": amounts_axis(axis, 7 if large else 5)}
    y = alt.Y("y:Q", **up)
    layers: list[alt.Chart] = []
    for points, colour, dash in ((stock, BLUE, [1, 0]), (demand, ORANGE, [7, 3])):
        layers += _fan(points, axis, (x, up), colour, dash, sheets)
    if (median := panel.use.date.p50) is not None and first <= median <= last:
        # down to the stock, so that it crosses no name below
        down = min((point for point in stock), key=lambda point: abs(point[0] - median), default=(0.0,) * 8)[4]
        low = (1 - axis.share(min(max(down, axis.low), axis.high))) * height
        rule = alt.Chart(data([{"x": median}])).mark_rule(color=INK, strokeDash=[1, 3], strokeWidth=1.2)
        layers.append(rule.encode(x, y=alt.value(0), y2=alt.value(low)))
        mark = alt.Chart(data([{"x": median, "text": date(median, "")}]))
        layers.append(mark.mark_text(dy=-6, fontSize=11, color=INK).encode(x, alt.Text("text:N"), y=alt.value(0)))
    layers += _ends(panel, stock, demand, axis, size)
    if dots:
        layers += _dots(dots, (stock, demand), axis, window, (x, y), size, labelled=labelled)
    title = {"text": f"{panel.title} ({panel.unit})", "fontSize": 12, "offset": 14 if large else 12}
    return layered(layers, width=width, height=height, title=title)


_Point = tuple[float, ...]
"""Date, then the quantities at the levels p5, p10, p25, p50, p75, p90 and p95."""


def _points(fan: Fan, first: float, last: float) -> list[_Point]:
    columns = (fan.p5, fan.p10, fan.p25, fan.p50, fan.p75, fan.p90, fan.p95)
    inside = [
        (year, *values)
        for year, *values in zip(fan.years, *columns, strict=True)
        if first <= year <= last + 1e-9 and drawable(values[3], log=True)
    ]
    return even(inside, _POINTS)


def _amounts(points: Sequence[_Point], stock: Sequence[_Point], dots: Sequence[Dot]) -> Axis:
    """Return the axis of amounts: all of the stock's band, and of the demand what is not far from it.

    Demand grows beyond anything; what is above thirty times the stock's band says no more than that it is there.
    """
    medians = [point[4] for point in points] + [dot.value for dot in dots]
    edges = [point[i] for point in points for i in (1, 7) if drawable(point[i], log=True)]
    top = max([edge for point in stock for edge in (point[4], point[7]) if drawable(edge, log=True)], default=math.inf)
    axis = axis_of(medians, edges, log=True)
    return Axis(axis.low, max(min(axis.high, 30 * top), axis.low * 10), log=True)


def _fan(
    points: Sequence[_Point],
    axis: Axis,
    at: tuple[Any, Mapping[str, Any]],
    colour: str,
    dash: Sequence[int],
    sheets: dict[str, Sequence[Row]],
) -> "list[alt.Chart]":
    """Return the bands of a curve, the widest beneath, and its median."""
    import altair as alt

    if not points:
        return []
    x, up = at
    levels = ("p5", "p10", "p25", "p50", "p75", "p90", "p95")
    low, high = axis.low, axis.high
    rows: list[Row] = [
        {"x": point[0], **{level: _held(value, low, high) for level, value in zip(levels, point[1:], strict=True)}}
        for point in points
    ]
    sheet = named(rows, sheets)
    layers = [
        alt.Chart(sheet)
        .mark_area(color=colour, opacity=shade, clip=True)
        .encode(x, alt.Y(f"{bottom}:Q", **up), alt.Y2(f"{top}:Q"))
        for bottom, top, shade in _BANDS
    ]
    medians: list[Row] = [{"x": point[0], "y": point[4]} for point in points]
    if len(points) == 1:  # neither an area nor a line has a single point
        base = alt.Chart(sheet)
        rule = base.mark_rule(color=colour, strokeWidth=1.4).encode(x, alt.Y("p5:Q", **up), alt.Y2("p95:Q"))
        return [rule, base.mark_point(filled=True, size=50, color=colour, opacity=1).encode(x, alt.Y("p50:Q", **up))]
    line = alt.Chart(named(medians, sheets)).mark_line(strokeWidth=2, color=colour, strokeDash=list(dash), clip=True)
    return [*layers, line.encode(x, alt.Y("y:Q", **up))]


def _held(value: float, low: float, high: float) -> float:
    return min(max(value, low), high) if not math.isnan(value) else low


def _ends(
    panel: Panel,
    stock: Sequence[_Point],
    demand: Sequence[_Point],
    axis: Axis,
    size: tuple[int, int],
) -> "list[alt.Chart]":
    """Return the name of each curve: beside its end, or above the panel where it leaves it at the top."""
    import altair as alt

    width, height = size
    found = []
    for points, label, colour in ((stock, panel.stock_name, BLUE), (demand, panel.demand_name, ORANGE)):
        inside = [point for point in points if axis.low <= point[4] <= axis.high]
        if inside:
            reached = points[-1][4] > axis.high
            place = 1.0 if reached else axis.share(inside[-1][4])
            # what has left at the top is an extrapolation beyond anything, so its amount is not told
            found.append((place, label, "" if reached else amount(points[-1][4]), colour))
    found.sort(key=lambda one: one[0])
    lines = 2 if width < 400 else 1
    places = spread([one[0] for one in found], 15 * lines / height, (0.0, 1.0))
    layers = []
    for place, (_, label, value, colour) in zip(places, found, strict=True):
        text = [label.replace("Largest data set", "Data set"), value] if lines == 2 else f"{label} {value}".rstrip()
        letters = 11 if lines == 2 else 12
        mark = alt.Chart(data([{}])).mark_text(align="left", fontSize=letters, color=colour, text=text, lineHeight=13)
        layers.append(mark.encode(x=alt.value(width + 7), y=alt.value((1 - place) * height - (6 if lines == 2 else 0))))
    return layers


def _dots(
    dots: Sequence[Dot],
    curves: tuple[Sequence[_Point], Sequence[_Point]],
    axis: Axis,
    ends: tuple[float, float],
    at: tuple[Any, Any],
    size: tuple[int, int],
    *,
    labelled: bool,
) -> "list[alt.Chart]":
    """Return real data sets as dots, with names in a column at the lower right, where no curve is."""
    import altair as alt

    x, y = at
    width, height = size
    first, last = ends
    inside = [dot for dot in dots if axis.low <= dot.value <= axis.high]
    rows: list[Row] = [{"x": dot.year, "y": dot.value} for dot in inside]
    point = alt.Chart(data(rows)).mark_point(size=34, fill=INK, stroke=PAPER, strokeWidth=0.8, opacity=1)
    chosen = sorted(_named(inside) if labelled else [], key=lambda dot: (dot.value, -dot.year))
    if not chosen:
        return [point.encode(x, y)]
    gap = 13.5
    latest = max(dot.year for dot in chosen)
    column = min((latest - first) / (last - first) * width + (46 if width > 400 else 22), max(width - 150, 0))
    beside = first + column / width * (last - first)
    # up to where the bands are at the date of the column
    below = [point[1] for points in curves for point in points if point[0] >= beside and point[1] > 0]
    floor = min(below, default=axis.high)
    room = (0.02, max(0.02 + (len(chosen) - 1) * gap / height, axis.share(min(floor, axis.high)) - 0.05))
    places = spread([axis.share(dot.value) for dot in chosen], gap / height, room)
    labels: list[Row] = [
        {"x": beside, "y": axis.at(place), "text": f"{_short(dot.name)} {amount(dot.value)}"}
        for place, dot in zip(places, chosen, strict=True)
    ]
    leaders: list[Row] = [
        {"x": dot.year, "y": dot.value, "x2": beside, "y2": axis.at(place)}
        for place, dot in zip(places, chosen, strict=True)
    ]
    leader = alt.Chart(data(leaders)).mark_rule(color=BASE, strokeWidth=1).encode(x, y, alt.X2("x2:Q"), alt.Y2("y2:Q"))
    text = alt.Chart(data(labels)).mark_text(align="left", dx=3, fontSize=11, color=INK)
    return [leader, text.encode(x, y, alt.Text("text:N")), point.encode(x, y)]


def draw_contamination(result: TeamForecast) -> str:
    """Return the chart of the machine share of what is admitted per month: with gate, without, and of the stock."""
    series = (
        ("Without a gate", result.contamination_ungated, ORANGE, [7, 3]),
        ("With the gate", result.contamination, BLUE, [1, 0]),
        ("Stock, with the gate", result.stock_contamination, GREEN, [2, 2]),
    )
    found = [(label, points, colour, dash) for label, fan, colour, dash in series if (points := _linear(fan))]
    if not found:
        return ""
    import altair as alt

    sheets: dict[str, Sequence[Row]] = {}
    first = min(points[0][0] for _, points, _, _ in found)
    last = max(first + 0.1, *(points[-1][0] for _, points, _, _ in found))
    top = min(max(max(point[6] for point in points) for _, points, _, _ in found) * 1.08 or 0.01, 1.0)
    x = alt.X("x:Q", title=None, scale=alt.Scale(domain=[first, last], nice=False), axis=years_axis(first, last, 9))
    up = {
        "title": "Machine-made share",
        "scale": alt.Scale(domain=[0, top], nice=False),
        "axis": alt.Axis(format=".2~%", tickCount=5),
    }
    layers: list[alt.Chart] = []
    for _, points, colour, dash in found:
        rows: list[Row] = [{"x": p[0], "y": min(p[4], top), "low": p[2], "high": min(p[6], top)} for p in points]
        base = alt.Chart(named(rows, sheets))
        area = base.mark_area(color=colour, opacity=0.14)
        layers.append(area.encode(x, alt.Y("low:Q", **up), alt.Y2("high:Q")))
        layers.append(base.mark_line(color=colour, strokeWidth=2, strokeDash=dash).encode(x, alt.Y("y:Q", **up)))
    layers += _line_ends(
        [(points[-1][4] / top, f"{label} {100 * points[-1][4]:.2g}%", colour) for label, points, colour, _ in found]
    )
    told = ", ".join(f"{label} {100 * points[-1][4]:.3g}%" for label, points, _, _ in found)
    drawing = layered(layers, width=_WIDTH, height=_HEIGHT)
    title = "Contamination per month"
    svg = to_svg(drawing, "contamination", title, f"{title}, medians with 80% bands. Last month: {told}.", sheets)
    return compact(svg)


def draw_clean_intake(result: TeamForecast) -> str:
    """Return the chart of the human tokens admitted per month, with the gate."""
    points = _linear(result.clean_intake)
    if not points:
        return ""
    import altair as alt

    sheets: dict[str, Sequence[Row]] = {}
    first, last = points[0][0], max(points[-1][0], points[0][0] + 0.1)
    axis = Axis(0.0, max(point[7] for point in points) * 1.05 or 1.0, log=False)
    x = alt.X("x:Q", title=None, scale=alt.Scale(domain=[first, last], nice=False), axis=years_axis(first, last, 9))
    up = {
        "title": f"Human {name(result.unit)} admitted per month",
        "scale": axis.scale(),
        "axis": amounts_axis(axis, 5),
    }
    layers: list[alt.Chart] = []
    levels = ("p5", "p10", "p25", "p50", "p75", "p90", "p95")
    rows: list[Row] = [{"x": p[0], **dict(zip(levels, p[1:], strict=True))} for p in points]
    sheet = named(rows, sheets)
    for bottom, top, shade in _BANDS:
        area = alt.Chart(sheet).mark_area(color=BLUE, opacity=shade)
        layers.append(area.encode(x, alt.Y(f"{bottom}:Q", **up), alt.Y2(f"{top}:Q")))
    line: list[Row] = [{"x": p[0], "y": p[4]} for p in points]
    layers.append(alt.Chart(named(line, sheets)).mark_line(color=BLUE, strokeWidth=2).encode(x, alt.Y("y:Q", **up)))
    layers += _line_ends([(axis.share(points[-1][4]), f"median {amount(points[-1][4])}", BLUE)])
    title = "Clean intake per month"
    drawing = layered(layers, width=_WIDTH, height=180)
    told = f"{title}. Medians: {amount(points[0][4])} at first, {amount(points[-1][4])} in the end."
    return compact(to_svg(drawing, "intake", title, told, sheets))


_WIDTH, _HEIGHT = 560, 230


def _linear(fan: Fan) -> list[_Point]:
    """Return the points of a fan that have a place on a linear axis, thinned."""
    columns = (fan.p5, fan.p10, fan.p25, fan.p50, fan.p75, fan.p90, fan.p95)
    rows = [
        (year, *values)
        for year, *values in zip(fan.years, *columns, strict=True)
        if all(drawable(value, log=False) for value in values)
    ]
    return even(rows, 60)


def _line_ends(ends: Sequence[tuple[float, str, str]]) -> "list[alt.Chart]":
    """Return labels beside the ends of lines; places are shares of the height."""
    import altair as alt

    ranked = sorted(ends, key=lambda one: one[0])
    height = _HEIGHT if len(ends) > 1 else 180
    places = spread([one[0] for one in ranked], 15 / height, (0.0, 1.0))
    return [
        alt.Chart(data([{}]))
        .mark_text(align="left", fontSize=12, color=colour, text=label)
        .encode(x=alt.value(_WIDTH + 8), y=alt.value((1 - place) * height))
        for place, (_, label, colour) in zip(places, ranked, strict=True)
    ]


def year_ticks(first: float, last: float, most: int) -> list[float]:
    """Return whole years between two dates, or decimals where there is but one."""
    whole = ticks(first, last, most, whole=True)
    return whole if len(whole) > 1 else ticks(first, last, min(most, 5))


def years_axis(first: float, last: float, most: int, *, grid: bool = False) -> "alt.Axis":
    """Return an axis of calendar years."""
    import altair as alt

    values = year_ticks(first, last, most)
    return alt.Axis(values=values, format=".6~g", grid=grid, labelFlush=False)


_LETTERS = (
    "datum.value >= 1e18 || (datum.value > 0 && datum.value < 1e-3) ? replace(format(datum.value, '.0e'), '+', '') : "
    "datum.value >= 1e12 ? format(datum.value / 1e12, ',.6~g') + 'T' : "
    "datum.value >= 1e9 ? format(datum.value / 1e9, ',.6~g') + 'B' : "
    "datum.value >= 1e6 ? format(datum.value / 1e6, ',.6~g') + 'M' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, ',.6~g') + 'k' : format(datum.value, '.3~g')"
)
"""How Vega writes an amount; as :func:`headwater.report.forecast_text.amount` does."""


def amounts_axis(axis: Axis, most: int, *, grid: bool = True) -> "alt.Axis":
    """Return an axis whose ticks are amounts: 100B, 1T."""
    import altair as alt

    values = ticks(axis.low, axis.high, most, log=axis.log)
    return alt.Axis(values=values, labelExpr=_LETTERS, grid=grid, labelFlush=False)
