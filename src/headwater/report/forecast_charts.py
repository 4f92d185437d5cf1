"""The charts of a forecast: pure functions from its result to SVG, with the caption that says how each is to be read.

Every line carries its name at its end and what a date leaves beyond the horizon is drawn, not left out. The level of
each interval and the date rule stand in every caption.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headwater.forecast.result import Forecast, PresetForecast, Step, Swing, TeamForecast
from headwater.report.drawing import (
    BASE,
    BLUE,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PURPLE,
    Row,
    Style,
    arranged,
    data,
    distinct,
    layered,
    named,
    spread,
    to_svg,
)
from headwater.report.forecast_fans import (
    amounts_axis,
    draw_clean_intake,
    draw_contamination,
    draw_fans,
    year_ticks,
    years_axis,
)
from headwater.report.forecast_text import (
    Use,
    amount,
    beyond_words,
    capital,
    date,
    interval_words,
    main_plan,
    rule_words,
    until,
    uses,
)
from headwater.report.plotting import axis_of, compact, drawable, even
from headwater.report.text import count, name, percent

if TYPE_CHECKING:
    import altair as alt

_WIDE = 470
_HIGH = 290
_ROW = 22
_MOST_USES = 12
_MOST_ROWS = 16

_COLOURS: Mapping[str, str] = {
    "low_quality_text": ORANGE,
    "high_quality_text": BLUE,
    "images": PURPLE,
    "text": BLUE,
    "mixture": BLUE,
    "trend": ORANGE,
    "compute": PURPLE,
    "gate": BLUE,
    "none": ORANGE,
    "ungated": PURPLE,
}
_DASHES: Mapping[str, tuple[int, ...]] = {
    "trend": (1, 0), "compute": (7, 3), "mixture": (1, 0), "gate": (1, 0), "none": (7, 3), "ungated": (2, 2),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing ready for the page and for a file."""

    name: str
    """Its id on the page and the name of its files."""
    title: str
    svg: str
    caption: str
    """How it is to be read, with the level of the intervals and the date rule."""


def forecast_charts(result: Forecast) -> list[Chart]:
    """Return the charts of a forecast, those with something to draw, the headline first.

    Drawing takes seconds; page and files both take what is drawn once.
    """
    rule = capital(rule_words(result)) + "."
    found = [_probability_chart(result, rule), _fan_chart(result, rule)]
    if result.waterfall:
        found.append(_waterfall_chart(result, rule))
    if isinstance(result, TeamForecast):
        found += [_tornado_chart(result, rule), *_monthly_charts(result, rule)]
    return [chart for chart in found if chart.svg]


def _probability_chart(result: Forecast, rule: str) -> Chart:
    caption = (
        f"Share of {count(result.draws)} draws in which the stock is fully used by each date. Marks on the lines: 10%, "
        "50% and 90%. Bars at the right edge: the share that is not fully used before the last date looked at. Rows "
        f"below: median and 80% interval (10% to 90%) of the date. {rule}"
    )
    title = "Probability of full use by year"
    return Chart("probability", title, draw_probability(uses(result)), caption)


def _fan_chart(result: Forecast, rule: str) -> Chart:
    if isinstance(result, TeamForecast):
        title = "Supply and need"
        what = "Supply of each plan, repetition counted, and need"
        dots = ""
    else:
        title = "Stock and size of the largest data sets"
        what = "Stock and the largest data set"
        dots = " Dots: real data sets of the last years, the largest with their names." if result.dots else ""
    caption = (
        f"{what}, logarithmic. Lines: medians; shaded: 50%, 80% and 90% intervals over the draws; dotted line: median "
        f"date of full use.{dots} {rule}"
    )
    return Chart("fan", title, draw_fans(result), caption)


def _waterfall_chart(result: Forecast, rule: str) -> Chart:
    steps = result.waterfall
    at = f" in {result.waterfall_year:g}" if isinstance(result, PresetForecast) else ""
    caption = (
        f"What is left of the stock after each step{at}, logarithmic, because the steps multiply. Bars: medians, from "
        "what there was before to what is left, with the factor at the right; lines: 90% interval (5% to 95%) of what "
        f"is left. {rule}"
    )
    return Chart("waterfall", "From the raw to the effective stock", draw_waterfall(steps, _unit(result)), caption)


def _unit(result: Forecast) -> str:
    if isinstance(result, TeamForecast):
        return name(result.unit)
    return name(result.series[0].unit) if result.series else "tokens"


def _tornado_chart(result: TeamForecast, rule: str) -> Chart:
    plan = main_plan(result)
    horizon = until(result.horizon)
    base = plan.use.date.p50 if plan else None
    svg = draw_tornado(result.tornado, base, result.horizon, horizon)
    caption = (
        "Median date of full use with one input at its 10% point and at its 90% point (the ends of its 80% interval), "
        "all others as they are. The values stand at the ends; an open bar is a date beyond the horizon, with the "
        f"probability that is left to it; the vertical line is the median of the forecast. {rule}"
    )
    return Chart("tornado", "What moves the date", svg, caption)


def _monthly_charts(result: TeamForecast, rule: str) -> list[Chart]:
    caption = (
        "Machine share of what is admitted in each month, with and without the gate, and of everything admitted so far "
        f"with it. Lines: medians; shaded: 80% intervals (10% to 90%). Dates elsewhere: {rule[:1].lower()}{rule[1:]}"
    )
    intake = (
        f"Admitted human {name(result.unit)} per month, with the gate. Line: median; shaded: 50%, 80% and 90% "
        f"intervals. Dates elsewhere: {rule[:1].lower()}{rule[1:]}"
    )
    return [
        Chart("contamination", "Contamination per month", draw_contamination(result), caption),
        Chart("intake", "Clean intake per month", draw_clean_intake(result), intake),
    ]


def style_of(use: Use) -> Style:
    """Return how a line of a forecast is drawn; colour and dashes both tell lines apart."""
    return Style(_COLOURS.get(use.key, MUTED), _DASHES.get(use.dashes, (1, 0)), "circle")


def window(found: Sequence[Use]) -> tuple[float, float]:
    """Return the dates to draw: from where a probability leaves zero to where all have reached what they reach.

    Where more than 1% is left at the horizon all of it is drawn, so that the plateau is seen.
    """
    low, high = math.inf, -math.inf
    for use in found:
        years, probability = use.passage.years, use.passage.probability
        if not years:
            continue
        end = probability[-1]
        settled = next(year for year, p in zip(years, probability, strict=True) if p >= end - 0.005)
        high = max(high, years[-1] if use.date.beyond_horizon > 0.01 else settled)
        low = min(low, max((year for year, p in zip(years, probability, strict=True) if p < 0.002), default=years[0]))
    if low > high:
        return 0.0, 1.0
    first = min(use.passage.years[0] for use in found if use.passage.years)
    last = max(use.passage.years[-1] for use in found if use.passage.years)
    if high >= last:
        low = first if low >= high else low
    return max(first, math.floor(low)), max(min(last, math.ceil(high + 0.06 * (high - low))), math.floor(low) + 1)


def draw_probability(found: Sequence[Use]) -> str:
    """Return the headline chart: probability of full use by year, and below it the date of each line as an interval."""
    shown = [use for use in found if use.passage.years][:_MOST_USES]
    if not shown:
        return ""
    import altair as alt

    labels = _short_names([use.label for use in shown], 40)
    first, last = window(shown)
    sheets: dict[str, Sequence[Row]] = {}
    x = alt.X("x:Q", title=None, scale=alt.Scale(domain=[first, last], nice=False), axis=years_axis(first, last, 8))
    y = alt.Y(
        "y:Q",
        title="Probability that it is fully used",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(values=[0, 0.1, 0.5, 0.9, 1], format=".0%"),
    )
    top: list[alt.Chart] = []
    for number, use in enumerate(shown):
        look = style_of(use)
        rows = _curve(use, first, last)
        line = alt.Chart(named(rows, sheets)).mark_line(
            strokeWidth=2.2, color=look.colour, strokeDash=list(look.dash), clip=True
        )
        top.append(line.encode(x, y))
        marks = [
            {"x": at, "y": level}
            for level, at in ((0.1, use.date.p10), (0.9, use.date.p90))
            if at is not None and first <= at <= last
        ]
        if marks:
            ring = alt.Chart(data(marks)).mark_point(
                size=38, fill=PAPER, stroke=look.colour, opacity=1, strokeWidth=1.5
            )
            top.append(ring.encode(x, y))
        if use.date.p50 is not None and first <= use.date.p50 <= last:
            dot = alt.Chart(data([{"x": use.date.p50, "y": 0.5}])).mark_point(
                size=56, filled=True, color=look.colour, opacity=1
            )
            top.append(dot.encode(x, y))
        if use.date.beyond_horizon > 0:
            left: list[Row] = [{"y": 1 - min(use.date.beyond_horizon, 1.0), "y2": 1.0}]
            bar = alt.Chart(data(left)).mark_rule(color=look.colour, strokeWidth=5)
            top.append(bar.encode(y, alt.Y2("y2:Q"), x=alt.value(_WIDE + 7 + 8 * number)))
    top.append(_beyond_labels(shown, labels, y))
    above = layered(top, width=_WIDE, height=_HIGH)
    below = _interval_rows(shown, labels, (first, last))
    told = " ".join(
        f"{label}: {interval_words(use.date, use.horizon)}, {beyond_words(use.date, use.horizon)}."
        for label, use in zip(labels, shown, strict=True)
    )
    svg = to_svg(
        arranged([above, below], spacing=12),
        "probability",
        "Probability of full use by year",
        f"Probability of full use by year, median and 80% interval. {told}",
        sheets,
    )
    return compact(svg)


def _curve(use: Use, first: float, last: float) -> list[Row]:
    """Return the points of a line within the dates that are drawn; one that ends before stays where it is."""
    points = [(at, p) for at, p in zip(use.passage.years, use.passage.probability, strict=True) if first <= at <= last]
    rows: list[Row] = [{"x": at, "y": p} for at, p in even(points, 160)]
    return rows


def _beyond_labels(shown: Sequence[Use], labels: Sequence[str], y: Any) -> "alt.Chart":
    """Return the name of each line beside the mass it leaves at the right edge."""
    import altair as alt

    wanted = sorted(
        ((1 - use.date.beyond_horizon / 2, use, label) for use, label in zip(shown, labels, strict=True)),
        key=lambda one: one[0],
    )
    gap = 16 / _HIGH
    places = spread([one[0] for one in wanted], gap, (0.02, 0.99))
    rows: list[Row] = [
        {"y": place, "label": f"{label}: {beyond_words(use.date, use.horizon)}", "colour": style_of(use).text}
        for place, (_, use, label) in zip(places, wanted, strict=True)
    ]
    text = alt.Chart(data(rows)).mark_text(align="left", fontSize=12)
    return text.encode(
        y, alt.Text("label:N"), x=alt.value(_WIDE + 12 + 8 * len(shown)), color=alt.Color("colour:N", scale=None)
    )


def _interval_rows(shown: Sequence[Use], labels: Sequence[str], ends: tuple[float, float]) -> Row:
    """Return one row per line: the 80% interval of its date with the median, an arrow where it is open."""
    import altair as alt

    first, last = ends
    axis = alt.Axis(
        labels=False, ticks=False, domain=False, grid=True, gridColor=GRID, values=year_ticks(first, last, 8)
    )
    x = alt.X("x:Q", title=None, scale=alt.Scale(domain=[first, last], nice=False), axis=axis)
    y = alt.Y("label:N", sort=list(labels), title=None, axis=None)
    layers: list[alt.Chart] = []
    for label, use in zip(labels, shown, strict=True):
        look, found = style_of(use), use.date
        if found.p10 is not None:
            high = min(last if found.p90 is None else found.p90, last)
            bar = alt.Chart(data([{"label": label, "x": max(found.p10, first), "x2": high}]))
            layers.append(
                bar.mark_rule(color=look.colour, strokeWidth=3, strokeDash=list(look.dash)).encode(x, y, alt.X2("x2:Q"))
            )
        if found.p90 is None:
            arrow = alt.Chart(data([{"label": label, "x": last}]))
            arrow = arrow.mark_point(shape="triangle-right", filled=True, size=60, color=look.colour, opacity=1)
            layers.append(arrow.encode(x, y))
        if found.p50 is not None:
            dot = alt.Chart(data([{"label": label, "x": found.p50}]))
            layers.append(dot.mark_point(filled=True, size=64, color=look.colour, opacity=1).encode(x, y))
    texts: list[Row] = [
        {"label": label, "text": f"{label}: {interval_words(use.date, use.horizon)}", "colour": style_of(use).text}
        for label, use in zip(labels, shown, strict=True)
    ]
    text = alt.Chart(data(texts)).mark_text(align="left", fontSize=12)
    layers.append(text.encode(y, alt.Text("text:N"), x=alt.value(_WIDE + 12), color=alt.Color("colour:N", scale=None)))
    return layered(layers, width=_WIDE, height=_ROW * len(labels))


def draw_waterfall(steps: Sequence[Step], unit: str) -> str:
    """Return the chart of the steps from the raw to the effective stock, one row each, on a logarithmic axis."""
    known = [step for step in steps if all(drawable(v, log=True) for v in (step.p5, step.p50, step.p95))]
    known = known[:_MOST_ROWS]
    if not known:
        return ""
    import altair as alt

    labels = _short_names([step.name for step in known])
    axis = axis_of([step.p50 for step in known], [edge for step in known for edge in (step.p5, step.p95)], log=True)
    start = axis.low
    rows: list[Row] = []
    for number, (label, step) in enumerate(zip(labels, known, strict=True)):
        before = known[number - 1].p50 if number else start
        kind = "whole" if number == 0 else "more" if step.p50 >= before else "less"
        rows.append(
            {
                "label": label,
                "before": before,
                "after": step.p50,
                "low": max(step.p5, axis.low),
                "high": min(step.p95, axis.high),
                "kind": kind,
                "text": f"{amount(step.p50)}  ({amount(step.p5)} to {amount(step.p95)})",
                "factor": f"× {step.p50 / before:.3g}" if number else "",
            }
        )
    scale = axis.scale()
    y = alt.Y(
        "label:N", sort=labels, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8, labelLimit=230)
    )
    x = alt.X("after:Q", title=f"Median stock, {unit}", scale=scale, axis=amounts_axis(axis, 6, grid=True))
    colours = {"whole": BASE, "less": ORANGE, "more": GREEN}
    base = alt.Chart(data(rows))
    layers: list[alt.Chart] = [
        alt.Chart(data([row for row in rows if row["kind"] == kind]))
        .mark_bar(size=15, color=colour)
        .encode(alt.X("before:Q", scale=scale), y, alt.X2("after:Q"))
        for kind, colour in colours.items()
        if any(row["kind"] == kind for row in rows)
    ]
    joins: list[Row] = [
        {"x": row["after"], "label": label, "next": other}
        for row, label, other in zip(rows, labels, labels[1:], strict=False)
    ]
    if joins:
        join = alt.Chart(data(joins)).mark_rule(color=MUTED, strokeDash=[2, 2], strokeWidth=1)
        layers.append(join.encode(alt.X("x:Q", scale=scale), y, alt.Y2("next:N")))
    layers.append(base.mark_rule(color=INK, strokeWidth=1.4).encode(alt.X("low:Q", scale=scale), y, alt.X2("high:Q")))
    dot = base.mark_point(filled=True, size=46, color=INK, opacity=1)
    layers.append(dot.encode(x, y))
    for field, place, colour in (("factor", 12, MUTED), ("text", 76, INK)):
        text = base.mark_text(align="left", fontSize=12, color=colour)
        layers.append(text.encode(y, alt.Text(f"{field}:N"), x=alt.value(_WIDE + place)))
    told = " ".join(f"{row['label']}: {row['text']}." for row in rows)
    drawing = layered(layers, width=_WIDE, height=30 * len(rows))
    return to_svg(drawing, "waterfall", "From the raw to the effective stock", f"Stock after each step. {told}")


def _short_names(names: Sequence[str], letters: int = 34) -> list[str]:
    return distinct([_cut(capital(name(one)), letters) for one in names])


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def _ends_at(value: str, at: float | None, probability: float, horizon: str) -> str:
    """Return what stands at the end of a bar: the value of the input and the date it leads to."""
    words = _cut(name(value), 26)
    if at is None:
        return f"{words} → beyond {horizon} ({percent(1 - probability)})"
    return f"{words} → {at:.1f}"


def draw_tornado(swings: Sequence[Swing], base: float | None, last: float, horizon: str) -> str:
    """Return the chart of how far each input moves the median date.

    Two bars per input, one above the other, because both ends may lie on the same side. A date beyond the horizon is an
    open bar to the right edge, with the probability that is left to it.

    Args:
        swings: largest first.
        base: median date of the forecast; None beyond the horizon.
        last: the horizon.
        horizon: the horizon as it is written.
    """
    shown = list(swings)[:_MOST_ROWS]
    if not shown:
        return ""
    import altair as alt

    labels = _short_names([swing.title or swing.key for swing in shown])
    dates = [d for swing in shown for d in (swing.low_date, swing.high_date) if d is not None]
    dates += [base] if base is not None else []
    open_end = base is None or any(s.low_date is None or s.high_date is None for s in shown)
    low, high = min(dates, default=last - 1), last if open_end else max(dates)
    # room for the longest words to the left of a bar; those to the right may leave the axis
    share = min((6 * max(len(_ends_at(s.low_value, 0.0, 0.0, "")) for s in shown) + 30) / _WIDE, 0.4)
    span = max(high - low, 0.5) / (1 - share - (0 if open_end else 0.1))
    left = low - share * span
    right = last if open_end else left + span
    middle = right if base is None else base
    rows: list[Row] = []
    for label, swing in zip(labels, shown, strict=True):
        ends = (
            ("low", swing.low_value, swing.low_date, swing.low_probability, -7),
            ("high", swing.high_value, swing.high_date, swing.high_probability, 7),
        )
        for kind, value, at, probability, lane in ends:
            place = right if at is None else at
            text = _ends_at(value, at, probability, horizon)
            rows.append(
                {
                    "label": label, "kind": kind, "from": middle, "to": place, "open": at is None,
                    "text": text, "lane": lane, "right": place > middle or (place == middle and at is not None),
                }
            )  # fmt: skip
    scale = alt.Scale(domain=[left, right], nice=False)
    y = alt.Y(
        "label:N", sort=labels, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8, labelLimit=230)
    )
    x = alt.X("from:Q", title="Median date of full use", scale=scale, axis=years_axis(left, right, 7, grid=True))
    layers: list[alt.Chart] = []
    for kind, colour in (("low", ORANGE), ("high", BLUE)):
        for closed in (True, False):
            part = [row for row in rows if row["kind"] == kind and row["open"] is not closed]
            if not part:
                continue
            lane = part[0]["lane"]
            look: dict[str, Any] = (
                {"color": colour} if closed else {"fill": PAPER, "stroke": colour, "strokeDash": [4, 3]}
            )
            bar = alt.Chart(data(part)).mark_bar(size=10, yOffset=lane, **look)
            layers.append(bar.encode(x, y, alt.X2("to:Q")))
            tick = alt.Chart(data(part)).mark_tick(thickness=2.5, size=12, yOffset=lane, color=colour, opacity=1)
            layers.append(tick.encode(alt.X("to:Q", scale=scale), y))
    for lane in (-7, 7):
        for to_right in (True, False):
            part = [row for row in rows if row["lane"] == lane and (row["right"] or row["open"]) is to_right]
            if part:
                text = alt.Chart(data(part)).mark_text(
                    align="left" if to_right else "right", dx=7 if to_right else -7, dy=lane, fontSize=11, color=INK
                )
                layers.append(text.encode(alt.X("to:Q", scale=scale), y, alt.Text("text:N")))
    rule = alt.Chart(data([{"from": middle}])).mark_rule(color=INK, strokeWidth=1.4)
    layers.append(rule.encode(alt.X("from:Q", scale=scale)))
    median: list[Row] = [{"from": middle, "text": f"median {date(base, horizon)}"}]
    head = alt.Chart(data(median)).mark_text(
        dy=-9, fontSize=12, color=INK, align="center" if base is not None else "right"
    )
    layers.append(head.encode(alt.X("from:Q", scale=scale), alt.Text("text:N"), y=alt.value(0)))
    for words, at_px, colour in (("input at its 10% point", 12, ORANGE), ("at its 90% point", 148, BLUE)):
        key = alt.Chart(data([{"text": words}])).mark_text(align="left", fontSize=12, color=colour, dy=-9)
        layers.append(key.encode(alt.Text("text:N"), x=alt.value(_WIDE + at_px), y=alt.value(0)))
    told = " ".join(f"{row['label']} {row['text']}." for row in rows)
    drawing = layered(layers, width=_WIDE, height=40 * len(shown))
    return to_svg(drawing, "tornado", "What moves the date", f"Median date by input value. {told}")
