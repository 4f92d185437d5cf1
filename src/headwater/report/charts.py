"""The charts of a report: functions from the result of a run to an SVG.

Each chart is a Vega-Lite specification made with altair and drawn by vl-convert, without a browser. What is plotted
is aggregated beforehand, so that no document reaches a chart. Series differ in colour, dash and shape and carry their
name at the line's end, so that a chart can be read without colours. A function returns an empty string where the run
has nothing to draw.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.loop.result import RunResult
from headwater.loop.world import GenerationRecord
from headwater.report.drawing import (
    BASE,
    BLUE,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PALE,
    PAPER,
    PURPLE,
    Row,
    Style,
    data,
    distinct,
    extent,
    scale,
    spread,
    to_svg,
)
from headwater.report.text import arm as arm_name
from headwater.report.text import name, number, selection
from headwater.schema import Verdict

_MOST_GENERATIONS = 50
_MOST_RECIPES = 8
_PLENTY = 15  # generations from which single ones are not marked any more


STYLES: Mapping[str, Style] = {
    "human-only": Style(BASE, (1, 0), "circle"),
    "ungated": Style(ORANGE, (7, 4), "square"),
    "filtered": Style(PURPLE, (2, 3), "triangle-up"),
    "gated": Style(BLUE, (1, 0), "circle"),
    "gated-stream": Style(GREEN, (1, 0), "diamond"),
}
_OTHER = Style(MUTED, (10, 3, 2, 3), "cross")


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of a generation that can be charted."""

    of: Callable[[GenerationRecord], float]
    title: str
    """Axis title with the unit."""
    format: str
    """Number format of the axis, in D3's language."""
    digits: int
    """Decimals of the values at the line ends; -1 shows none."""
    zero: bool
    """Whether the axis starts at zero."""


LOSS = Measure(
    lambda r: r.loss_nats, "Loss on unseen human text, nats per word (lower is better)", ".1f", 3, zero=False
)
RARE_WORDS = Measure(lambda r: r.rare_word_recall, "Rare words still present", ".0%", -1, zero=True)
SUPPORT = Measure(lambda r: r.support, "Distinct words", ",d", -1, zero=True)
DISTINCT_2 = Measure(lambda r: r.distinct_2, "Distinct-2, share of word pairs", ".2~f", -1, zero=True)


def loss_by_generation(result: RunResult) -> str:
    """Return the chart of the loss on the final panel per generation, one line per loop."""
    return _by_generation(result, LOSS, chart="loss", width=700, height=350)


def rare_word_recall(result: RunResult) -> str:
    """Return the chart of the share of rare words that survive in the training set."""
    return _by_generation(result, RARE_WORDS, chart="rare-words", width=190, height=150)


def support(result: RunResult) -> str:
    """Return the chart of the number of distinct words in the training set."""
    return _by_generation(result, SUPPORT, chart="support", width=190, height=150)


def distinct_2(result: RunResult) -> str:
    """Return the chart of the distinct share of word pairs in the training set."""
    return _by_generation(result, DISTINCT_2, chart="distinct-2", width=190, height=150)


def observed_inbreeding(result: RunResult) -> str:
    """Return the chart of the share of word diversity that was lost, one line per loop."""
    found = {(one.arm, one.generation): one.observed for one in result.inbreeding}
    measure = Measure(
        lambda r: found.get((r.arm, r.generation), math.nan), "Share of diversity lost", ".3~f", 4, zero=False
    )
    return _by_generation(result, measure, chart="inbreeding", width=700, height=220)


def shown_generations(result: RunResult) -> tuple[int, ...]:
    """Return the generations that are drawn: all, or evenly spaced ones with the first and the last."""
    known = sorted({record.generation for record in result.generations})
    if len(known) <= _MOST_GENERATIONS:
        return tuple(known)
    step = (len(known) - 1) / (_MOST_GENERATIONS - 1)
    return tuple(known[round(i * step)] for i in range(_MOST_GENERATIONS))


def _by_generation(result: RunResult, measure: Measure, *, chart: str, width: int, height: int) -> str:
    generations = shown_generations(result)
    labels = dict(zip(result.arms, distinct([arm_name(arm) for arm in result.arms]), strict=True))
    values: list[Row] = [
        {"loop": labels[arm], "code": arm, "generation": record.generation, "value": measure.of(record)}
        for arm in result.arms
        for record in result.of_arm(arm)
        if record.generation in generations and math.isfinite(measure.of(record))
    ]
    if not values:
        return ""
    import altair as alt

    codes = {row["loop"]: row.pop("code") for row in values}
    styles = {loop: STYLES.get(code, _OTHER) for loop, code in codes.items()}
    last = max(generations)
    domain = extent([row["value"] for row in values], zero=measure.zero)
    x = alt.X(
        "generation:Q",
        title="Generation",
        scale=alt.Scale(domain=[min(generations), max(last, min(generations) + 1)], nice=False),
        axis=alt.Axis(values=_ticks(generations, 8 if width > 300 else 4), format="d", grid=False),
    )
    y = alt.Y(
        "value:Q",
        title=measure.title,
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(
            format=measure.format,
            tickCount=6 if height > 200 else 4,
            **({} if height > 200 else {"minExtent": 34, "maxExtent": 34}),
        ),
    )
    colour = alt.Color("loop:N", scale=scale({k: s.colour for k, s in styles.items()}), legend=None)
    dash = alt.StrokeDash("loop:N", scale=scale({k: list(s.dash) for k, s in styles.items()}), legend=None)
    shape = alt.Shape("loop:N", scale=scale({k: s.shape for k, s in styles.items()}), legend=None)
    line = [row for row in values if codes[row["loop"]] == "human-only"]
    moving = [row for row in values if codes[row["loop"]] != "human-only"]
    ends = _end_labels(values, styles, measure, domain, height)
    layers: list[alt.Chart] = []
    if line:  # broad and beneath the others, so that a loop that stays on it is seen to
        layers.append(alt.Chart(data(line)).mark_line(strokeWidth=7, strokeCap="round").encode(x, y, colour))
    if moving:
        layers.append(alt.Chart(data(moving)).mark_line(strokeWidth=2).encode(x, y, colour, dash))
    if moving and len(generations) <= _PLENTY:
        points = alt.Chart(data(moving)).mark_point(filled=True, opacity=1, size=36)
        layers.append(points.encode(x, y, colour, shape))
    text = alt.Chart(data(ends)).mark_text(align="left", dx=9, fontSize=12)
    layers.append(text.encode(x, y, alt.Text("label:N"), color=alt.Color("colour:N", scale=None)))
    description = f"{measure.title} by generation. " + " ".join(f"{row['label']}." for row in ends)
    return to_svg(alt.layer(*layers).properties(width=width, height=height), chart, measure.title, description)


def _end_labels(
    values: Sequence[Row],
    styles: Mapping[str, Style],
    measure: Measure,
    domain: tuple[float, float],
    height: int,
) -> list[Row]:
    """Return a label at the end of every line, moved apart where lines end close together."""
    ends = {row["loop"]: row for row in values}  # the last generation of each loop comes last
    rows = sorted(ends.values(), key=lambda row: (row["value"], styles[row["loop"]].colour != BASE))
    places = spread([row["value"] for row in rows], 15 * (domain[1] - domain[0]) / height, domain)
    labels = [
        {"generation": row["generation"], "value": place, "label": row["loop"], "colour": styles[row["loop"]].text}
        for row, place in zip(rows, places, strict=True)
    ]
    if measure.digits >= 0:
        for label, row in zip(labels, rows, strict=True):
            label["label"] += f"  {number(row['value'], measure.digits)}"
    return labels


def stream_gains(result: RunResult) -> str:
    """Return the chart of what each way of choosing gained on the stream, with two standard errors either way."""
    records = [r for r in result.stream if math.isfinite(r.gain_nats)]
    if not records:
        return ""
    import altair as alt

    rows: list[Row] = []
    for record in sorted(records, key=lambda r: -r.gain_nats):
        error = 2 * record.standard_error if math.isfinite(record.standard_error) else 0.0
        rows.append(
            {
                "arm": selection(record.arm),
                "kind": record.arm if record.arm in {"headwater", "ceiling"} else "other",
                "gain": record.gain_nats,
                "zero": 0.0,
                "low": record.gain_nats - error,
                "high": record.gain_nats + error,
                "at": max(record.gain_nats + error, 0.0),
                "label": f"{record.gain_nats:+.3f}".replace("-", "−"),
            }
        )
    low, high = min([0.0, *(r["low"] for r in rows)]), max([0.0, *(r["high"] for r in rows)])
    margin = 0.05 * (high - low) or 1.0
    y = alt.Y(
        "arm:N", sort=[r["arm"] for r in rows], title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8)
    )
    x = alt.X(
        "gain:Q",
        title="Gain over human only on unseen human text, nats per word, ±2 standard errors",
        scale=alt.Scale(domain=[low - margin * (low < 0), high + margin], nice=False),
        axis=alt.Axis(format="+.2~f", tickCount=7, labelExpr="datum.value == 0 ? '0' : datum.label"),
    )
    looks: dict[str, dict[str, Any]] = {
        "other": {"color": BASE},
        "headwater": {"color": BLUE},
        "ceiling": {"color": PAPER, "stroke": MUTED, "strokeDash": [4, 3], "strokeWidth": 1.2},
    }
    layers: list[alt.Chart] = []
    for kind, look in looks.items():
        if chosen := [r for r in rows if r["kind"] == kind]:
            layers.append(alt.Chart(data(chosen)).mark_bar(size=18, **look).encode(x, y))
            if kind == "ceiling":
                layers.append(alt.Chart(data(chosen)).mark_rule(strokeDash=[4, 3], color=MUTED).encode(x))
    layers.append(alt.Chart(data(rows[:1])).mark_rule(color=INK).encode(alt.X("zero:Q")))
    errors = alt.Chart(data(rows)).mark_rule(color=INK, strokeWidth=1.4)
    layers.append(errors.encode(alt.X("low:Q"), y, alt.X2("high:Q")))
    text = alt.Chart(data(rows)).mark_text(align="left", dx=7, color=INK, fontSize=12)
    layers.append(text.encode(alt.X("at:Q"), y, alt.Text("label:N")))
    description = "Gain in nats per word: " + ", ".join(f"{r['arm']} {r['label']}" for r in rows) + "."
    return to_svg(
        alt.layer(*layers).properties(width=660, height=30 * len(rows)),
        "stream",
        "Gain by way of choosing",
        description,
    )


def tokens_by_recipe(result: RunResult, arm: str = "gated-stream") -> str:
    """Return the chart of the tokens a gated loop took of each recipe in each generation.

    One row per recipe; recipes beyond the eight with the most tokens share a row. What the model itself wrote is
    offered anew in every generation, outside the budget, and is not drawn.
    """
    taken = [r for r in result.rounds if r.arm == arm and r.tokens > 0]
    if not taken:
        return ""
    import altair as alt

    known = sorted({r.generation for r in result.rounds if r.arm == arm})
    spans = _spans(known)
    totals: dict[str, int] = {}
    for record in taken:
        totals[record.recipe] = totals.get(record.recipe, 0) + record.tokens
    ranked = sorted(totals, key=lambda recipe: (-totals[recipe], recipe))
    alone = ranked if len(ranked) <= _MOST_RECIPES + 1 else ranked[:_MOST_RECIPES]
    labels = dict(zip(alone, distinct([name(recipe) for recipe in alone]), strict=True))
    together = f"{len(ranked) - len(alone)} other recipes"
    cells: dict[tuple[str, str], Row] = {}
    for record in sorted(taken, key=lambda r: r.generation):
        cell = cells.setdefault((labels.get(record.recipe, together), spans[record.generation]), {"tokens": 0})
        cell["tokens"] += record.tokens
        cell["verdict"] = record.verdict if record.recipe in labels else _SEVERAL
    rows: list[Row] = [
        {"row": row, "span": span, "ground": 0, "label": _short(cell["tokens"]), **cell}
        for (row, span), cell in cells.items()
    ]
    looks = {verdict: look for verdict, look in _VERDICT_LOOKS.items() if any(r["verdict"] == verdict for r in rows)}
    x = alt.X(
        "span:O",
        title="Generation",
        scale=alt.Scale(domain=list(dict.fromkeys(spans.values()))),
        axis=alt.Axis(labelAngle=0, grid=False, ticks=False, domain=False),
    )
    y = alt.Y("tokens:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.35 * max(r["tokens"] for r in rows)]))
    fill = alt.Fill(
        "verdict:N",
        scale=scale({verdict: fill for verdict, (fill, _) in looks.items()}),
        legend=alt.Legend(title="Verdict after the generation", orient="top", titleOrient="left", symbolType="square"),
    )
    stroke = alt.Stroke("verdict:N", scale=scale({verdict: outline for verdict, (_, outline) in looks.items()}))
    base = alt.Chart(data(rows))
    bars = base.mark_bar(strokeWidth=1.2).encode(x, y, fill, stroke)
    ground = base.mark_rule(color=GRID).encode(alt.Y("min(ground):Q", axis=None))
    text = base.mark_text(dy=-7, color=INK, fontSize=11).encode(x, y, alt.Text("label:N"))
    chart = (
        alt.layer(ground, bars, text)
        .properties(width=560, height=42)
        .facet(
            row=alt.Row(
                "row:N",
                sort=[*labels.values(), together],
                title=None,
                header=alt.Header(labelAngle=0, labelAlign="left", labelLimit=170, labelPadding=12, labelColor=INK),
            ),
            spacing=6,
        )
    )
    description = "Tokens taken in all: " + ", ".join(f"{label} {totals[recipe]:,}" for recipe, label in labels.items())
    return to_svg(chart, "tokens", "Tokens taken of each recipe per generation", description + ".")


_SEVERAL = "several recipes"
# Fill and outline; in print without colour: dark, empty, grey.
_VERDICT_LOOKS = {
    Verdict.ADMITTED.value: (BLUE, BLUE),
    Verdict.QUARANTINED.value: (PAPER, MUTED),
    Verdict.REJECTED.value: (BASE, BASE),
    _SEVERAL: (PALE, BASE),
}


def _spans(generations: Sequence[int]) -> dict[int, str]:
    """Return for each generation the bar it belongs to: its own, or that of its neighbours where there are many."""
    if len(generations) <= _PLENTY:
        return {generation: str(generation) for generation in generations}
    step = math.ceil(len(generations) / 10)
    chunks = [generations[i : i + step] for i in range(0, len(generations), step)]
    return {generation: f"{chunk[0]}–{chunk[-1]}" for chunk in chunks for generation in chunk}


def _short(tokens: int) -> str:
    if tokens < 1000:
        return str(tokens)
    return f"{tokens / 1000:.1f}k" if tokens < 100_000 else f"{tokens / 1000:.0f}k"


def _ticks(generations: Sequence[int], most: int) -> list[int]:
    """Return whole generations for the axis, evenly spaced."""
    step = max(math.ceil((len(generations) - 1) / most), 1)
    return list(generations[::step])
