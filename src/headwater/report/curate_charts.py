"""The charts of a curation: functions from counted losses to an SVG, empty where there is nothing to draw."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headwater.curate.result import Loss, RuleLoss
from headwater.report.curate_text import (
    LARGE_LOSS,
    found_probability,
    lost_characters,
    similarity_at,
)
from headwater.report.drawing import BLUE, INK, MUTED, ORANGE, PALE, Row, data, layered, scale, shortened, to_svg
from headwater.report.text import count, name, number, percent

if TYPE_CHECKING:
    import altair as alt

ALONE, WITH_OTHERS = "failed nothing else", "failed other rules too"
DROPPED, KEPT = "dropped", "kept"
_WIDTH = 430
_ROW = 24  # pixels of a bar with its gap
_NAMES = 240  # pixels for the name at the left
_LEAST = 150  # of them at least, so that charts with short names are drawn at the same size
_POINTS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)


def losing(rules: Sequence[RuleLoss]) -> list[RuleLoss]:
    """Return the rules that dropped something, those that dropped most first."""
    return sorted((rule for rule in rules if rule.dropped > 0), key=lambda rule: (-rule.dropped, -rule.alone))


def loss_by_rule(rules: Sequence[RuleLoss], read: int, most: int) -> str:
    """Return the chart of the documents that failed each rule, divided into those that failed nothing else and others.

    Args:
        rules: what each rule dropped.
        read: documents that were read, of which shares are given.
        most: rules drawn, those that dropped most.
    """
    shown = losing(rules)[:most]
    if not shown:
        return ""
    import altair as alt

    labels = shortened([name(rule.rule) for rule in shown], 34)
    rows: list[Row] = []
    ends: list[Row] = []
    for label, rule in zip(labels, shown, strict=True):
        alone = min(max(rule.alone, 0), rule.dropped)
        for kind, start, end in ((ALONE, 0, alone), (WITH_OTHERS, alone, rule.dropped)):
            if end > start:
                rows.append({"rule": label, "kind": kind, "start": start, "end": end})
        told = f"{count(rule.dropped)} ({percent(rule.dropped / max(read, 1), 1)}), alone {count(alone)}"
        ends.append({"rule": label, "end": rule.dropped, "text": told})
    x = alt.X(
        "start:Q",
        title="Documents that failed the rule",
        scale=alt.Scale(domain=[0, shown[0].dropped], nice=False),
        axis=alt.Axis(format=",d", tickCount=5, tickMinStep=1),
    )
    y = alt.Y("rule:N", sort=labels, title=None, axis=_names_axis())
    shades = {ALONE: 1.0, WITH_OTHERS: 0.38}
    legend = alt.Legend(title=None, orient="top", symbolType="square", symbolStrokeWidth=0)
    fill = alt.Fill("kind:N", scale=scale(dict.fromkeys(shades, ORANGE)), legend=legend)
    shade = alt.Opacity("kind:N", scale=scale(shades), legend=legend)
    text = alt.Chart(data(ends)).mark_text(align="left", dx=7, color=INK, fontSize=12)
    layers = [
        alt.Chart(data(rows)).mark_bar(size=15).encode(x, y, alt.X2("end:Q"), fill, shade),
        text.encode(alt.X("end:Q"), y, alt.Text("text:N")),
    ]
    title = "Documents dropped by each rule"
    description = f"{title}. " + " ".join(f"{row['rule']}: {row['text']}." for row in ends)
    return to_svg(layered(layers, width=_WIDTH, height=_ROW * len(labels)), "rules", title, description)


def loss_by_part(parts: Sequence[Loss], what: str, most: int) -> str:
    """Return the chart of what sources, languages or origins lost: a bar each, its dropped documents first.

    A tick on each bar is the share of characters lost; a dashed line marks half. One part alone is not drawn.

    Args:
        parts: in the order they are drawn in.
        what: ``source``, ``language`` or ``origin``.
        most: parts drawn.
    """
    shown = [one for one in parts if one.documents > 0][:most]
    if len(shown) < 2:
        return ""
    import altair as alt

    labels = shortened([name(one.name) for one in shown], 34)
    rows: list[Row] = []
    ends: list[Row] = []
    ticks: list[Row] = []
    for label, one in zip(labels, shown, strict=True):
        lost = min(max(one.lost_share, 0.0), 1.0)
        for kind, start, end in ((DROPPED, 0.0, lost), (KEPT, lost, 1.0)):
            if end > start:
                rows.append({"part": label, "kind": kind, "start": start, "end": end})
        told = f"{percent(lost)} of {count(one.documents)}"
        ends.append({"part": label, "end": 1.0, "text": told, "large": lost > LARGE_LOSS})
        if (characters := lost_characters(one)) is not None:
            ticks.append({"part": label, "at": min(max(characters, 0.0), 1.0)})
    x = alt.X(
        "start:Q",
        title="Share of documents dropped",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    y = alt.Y("part:N", sort=labels, title=None, axis=_names_axis())
    looks = {DROPPED: ORANGE, KEPT: PALE}
    fill = alt.Fill(
        "kind:N",
        scale=scale(looks),
        legend=alt.Legend(title=None, orient="top", symbolType="square", symbolStrokeWidth=0),
    )
    layers = [alt.Chart(data(rows)).mark_bar(size=15).encode(x, y, alt.X2("end:Q"), fill)]
    half = alt.Chart(data([{"half": LARGE_LOSS}])).mark_rule(color=MUTED, strokeDash=[3, 3])
    layers.append(half.encode(alt.X("half:Q")))
    if ticks:
        tick = alt.Chart(data(ticks)).mark_tick(color=INK, thickness=2, size=19)
        layers.append(tick.encode(alt.X("at:Q"), y))
    for large in (False, True):
        if those := [row for row in ends if row["large"] is large]:
            look = {"color": ORANGE, "fontWeight": "bold"} if large else {"color": INK}
            text = alt.Chart(data(those)).mark_text(align="left", dx=8, fontSize=12, **look)
            layers.append(text.encode(alt.X("end:Q"), y, alt.Text("text:N")))
    title = f"Share of documents dropped by {what}"
    description = f"{title}. " + " ".join(f"{row['part']}: {row['text']}." for row in ends)
    return to_svg(layered(layers, width=_WIDTH, height=_ROW * len(labels)), f"{what}s", title, description)


def near_duplicate_probability(bands: int, rows: int) -> str:
    """Return the chart of the probability that two documents are compared, by how alike they are.

    Shaded is where it lies between 10% and 90%: there chance decides.
    """
    import altair as alt

    curve: list[Row] = [{"s": i / 100, "p": found_probability(i / 100, bands, rows)} for i in range(101)]
    points: list[Row] = [
        {"s": s, "p": p, "text": f"{number(s, 2)}: {percent(p)}"}
        for s in _POINTS
        if 0.02 < (p := found_probability(s, bands, rows)) < 0.995
    ]
    low, high = similarity_at(0.1, bands, rows), similarity_at(0.9, bands, rows)
    zone: list[Row] = [{"s": low, "end": high, "text": "chance decides"}]
    x = alt.X(
        "s:Q",
        title="Similarity s: Jaccard index of the word sequences of two documents",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format=".1f", tickCount=11, grid=False),
    )
    y = alt.Y(
        "p:Q",
        title="Probability that the pair is found",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    shade = alt.Chart(data(zone))
    dots = alt.Chart(data(points))
    layers = [
        shade.mark_rect(color=PALE, opacity=0.6).encode(x, alt.X2("end:Q"), y=alt.value(0), y2=alt.value(200)),
        alt.Chart(data(curve)).mark_line(color=BLUE, strokeWidth=2).encode(x, y),
        shade.mark_text(align="left", dx=4, dy=9, color=MUTED, fontSize=11).encode(
            x, alt.Text("text:N"), y=alt.value(0)
        ),
    ]
    if points:
        layers.append(dots.mark_point(filled=True, color=BLUE, size=44, opacity=1).encode(x, y))
        layers.append(dots.mark_text(align="left", dx=9, dy=6, color=INK, fontSize=12).encode(x, y, alt.Text("text:N")))
    title = "Probability that a near-duplicate is found"
    told = ", ".join(row["text"] for row in points)
    description = f"{title}, 1 − (1 − s^{rows})^{bands}. At similarity {told}."
    return to_svg(layered(layers, width=560, height=200), "found", title, description)


def _names_axis() -> "alt.Axis":
    import altair as alt

    return alt.Axis(domain=False, ticks=False, labelPadding=8, labelLimit=_NAMES, minExtent=_LEAST, grid=False)
