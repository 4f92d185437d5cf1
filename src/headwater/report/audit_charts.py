"""The charts of an audit: functions from its result to an SVG, empty where there is nothing to draw.

What is drawn is aggregated by the audit; no document reaches a chart, and names of groups are made printable first.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from headwater.origin.result import AuditResult, DocumentVerdict, Grade, GroupAudit, Histogram, LengthBucket
from headwater.report.audit_text import Claim, claim, ranked, share_words
from headwater.report.drawing import (
    BASE,
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PALE,
    PAPER,
    Row,
    data,
    scale,
    shortened,
    to_svg,
)
from headwater.report.text import count, name, percent

CONTROL_ENDS = date(2022, 11, 30)
"""The day ChatGPT was released. Machine text was rare before, so an estimate above zero there is mostly error."""

HUMAN_REFERENCES, MACHINE_REFERENCES = "human references", "machine references"
"""Series of the score histogram that are not the corpus."""

_WIDTH = 560
_HIGH = 260
_ROW = 24  # pixels per group
_NAMES = 230  # pixels for the name of a group
_ALL = "All documents"


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time that groups documents; its last day belongs to it."""

    first: date
    last: date

    @property
    def middle(self) -> date:
        """Return the day it is drawn at."""
        return self.first + (self.last - self.first) / 2

    @property
    def control(self) -> bool:
        """Return whether all of it lies before machine text became common."""
        return self.last < CONTROL_ENDS


@dataclass(frozen=True, slots=True)
class Timeline:
    """One source over time."""

    source: str
    periods: tuple[tuple[Period, GroupAudit], ...]
    """In order of time."""

    @property
    def documents(self) -> int:
        """Return the documents of all periods."""
        return sum(group.documents for _, group in self.periods)


def share_by_group(result: AuditResult, most: int) -> str:
    """Return the chart of the share by group: a dot and its interval, or an open range from the lower bound (grade B).

    Groups about which nothing may be said are not drawn. The corpus as a whole comes first, then ``most`` groups.
    """
    corpus = claim(result.corpus.estimate)
    groups = ranked(result.groups) if len(result.groups) > 1 else []
    labels = [_ALL] * (corpus is not None) + _labels([group for group, _ in groups[:most]])
    claims = [corpus] * (corpus is not None) + [found for _, found in groups[:most]]
    rows: list[Row] = [
        {"group": label, **_claim_row(found)} for label, found in zip(labels, claims, strict=True) if found is not None
    ]
    if not rows:
        return ""
    import altair as alt

    x = alt.X(
        "low:Q",
        title="Machine-made share of documents",
        scale=alt.Scale(domain=[0, _top(max(row["high"] for row in rows))], nice=False),
        axis=alt.Axis(format=".2~%", tickCount=6),
    )
    y = alt.Y("group:N", sort=labels, title=None, axis=_group_axis())
    points = [row for row in rows if row["share"] is not None]
    ranges = [row for row in rows if row["share"] is None]
    layers: list[alt.Chart] = []
    if points:
        layers.append(alt.Chart(data(points)).mark_rule(color=INK, strokeWidth=1.6).encode(x, y, alt.X2("high:Q")))
        dots = alt.Chart(data(points)).mark_point(filled=True, opacity=1, size=60, color=BLUE)
        layers.append(dots.encode(alt.X("share:Q"), y))
    if ranges:
        open_range = alt.Chart(data(ranges)).mark_rule(color=BLUE, strokeWidth=1.6, strokeDash=[4, 3])
        layers.append(open_range.encode(x, y, alt.X2("high:Q")))
        arrow = alt.Chart(data(ranges)).mark_point(shape="triangle-right", size=44, color=BLUE, fill=PAPER, opacity=1)
        layers.append(arrow.encode(alt.X("high:Q"), y))
        bound = alt.Chart(data(ranges)).mark_tick(color=BLUE, thickness=3, size=14)
        layers.append(bound.encode(alt.X("low:Q"), y))
    text = alt.Chart(data(rows)).mark_text(align="left", dx=9, color=INK, fontSize=12)
    layers.append(text.encode(alt.X("high:Q"), y, alt.Text("label:N")))
    title = "Machine-made share by group"
    description = f"{title}. " + " ".join(f"{row['group']}: {row['label']}." for row in rows)
    return to_svg(alt.layer(*layers).properties(width=_WIDTH, height=_ROW * len(rows)), "share", title, description)


def _claim_row(found: Claim) -> Row:
    return {"share": found.share, "low": found.low, "high": found.high, "label": share_words(found)}


def _group_axis() -> Any:
    import altair as alt

    return alt.Axis(domain=False, ticks=False, labelPadding=8, labelLimit=_NAMES, grid=False)


def _top(high: float) -> float:
    """Return the end of an axis of shares that begins at zero."""
    return 1.0 if high > 0.75 else max(high * 1.05, 0.01)


def verdicts_by_group(result: AuditResult, most: int) -> str:
    """Return the chart of the verdicts on single documents: one bar per group, stacked, as shares of its documents."""
    order = [group for group, _ in ranked(result.groups)]
    seen = {group.group for group in order}
    order += [group for group in result.groups if group.group not in seen]
    groups = [result.corpus, *(order[:most] if len(result.groups) > 1 else [])]
    groups = [group for group in groups if sum(group.verdicts.values()) > 0]
    if not groups:
        return ""
    import altair as alt

    labels = [_ALL if group is result.corpus else label for group, label in zip(groups, _labels(groups), strict=True)]
    rows: list[Row] = []
    ends: list[Row] = []
    for label, group in zip(labels, groups, strict=True):
        total = sum(group.verdicts.values())
        start = 0.0
        for verdict in DocumentVerdict:
            share = group.verdicts.get(verdict, 0) / total
            if share:
                rows.append({"group": label, "verdict": str(verdict), "start": start, "end": start + share})
            start += share
        extreme = group.verdicts.get(DocumentVerdict.MACHINE_LIKE, 0)
        ends.append({"group": label, "end": 1.0, "label": f"{count(extreme)} of {count(total)}"})
    looks = {
        str(DocumentVerdict.HUMAN_CONSISTENT): (BASE, BASE),
        str(DocumentVerdict.UNDECIDED): (PAPER, MUTED),
        str(DocumentVerdict.MACHINE_LIKE): (ORANGE, ORANGE),
    }
    x = alt.X(
        "start:Q",
        title="Share of documents; at the right, how many are machine-like",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    y = alt.Y("group:N", sort=labels, title=None, axis=_group_axis())
    fill = alt.Fill(
        "verdict:N",
        scale=scale({verdict: fill for verdict, (fill, _) in looks.items()}),
        legend=alt.Legend(title=None, orient="top", symbolType="square"),
    )
    stroke = alt.Stroke("verdict:N", scale=scale({verdict: line for verdict, (_, line) in looks.items()}), legend=None)
    bars = alt.Chart(data(rows)).mark_bar(size=15, strokeWidth=1).encode(x, y, alt.X2("end:Q"), fill, stroke)
    text = alt.Chart(data(ends)).mark_text(align="left", dx=9, color=INK, fontSize=12)
    text = text.encode(alt.X("end:Q"), y, alt.Text("label:N"))
    title = "Verdicts on single documents by group"
    description = f"{title}. Machine-like: " + ", ".join(f"{row['group']} {row['label']}" for row in ends) + "."
    return to_svg(
        alt.layer(bars, text).properties(width=_WIDTH, height=_ROW * len(groups)), "verdicts", title, description
    )


def _labels(groups: Sequence[GroupAudit]) -> list[str]:
    return shortened([name(group.group) for group in groups])


def score_distributions(scores: Histogram, buckets: Sequence[LengthBucket]) -> str:
    """Return the chart of the scores of the corpus and of the references, with the thresholds of the verdicts."""
    series = score_series(scores)
    if not series:
        return ""
    import altair as alt

    rows: list[Row] = []
    for label, counts in series.items():
        total = sum(counts)
        shares = [many / total for many in counts]
        # The last bin is drawn to its end.
        for i, share in enumerate([*shares, shares[-1]]):
            rows.append({"series": label, "score": scores.low + i * scores.width, "share": share})
    highest = max(row["share"] for row in rows)
    ends = [scores.low, scores.low + scores.width * max(map(len, series.values()))]
    x = alt.X(
        "score:Q",
        title="Score of the detector; higher is more machine-like",
        scale=alt.Scale(domain=ends, nice=False),
        axis=alt.Axis(grid=False, tickCount=8, format="~g"),
    )
    y = alt.Y(
        "share:Q",
        title=f"Share of documents per bin of width {scores.width:.3g}",
        scale=alt.Scale(domain=[0, highest * 1.15], nice=False),
        axis=alt.Axis(format=".2~%", tickCount=5),
    )
    looks: dict[str, tuple[str, list[int]]] = {
        "corpus": (MUTED, [1, 0]),
        HUMAN_REFERENCES: (BLUE, [1, 0]),
        MACHINE_REFERENCES: (ORANGE, [6, 3]),
    }
    looks = {label: look for label, look in looks.items() if label in series}
    colour = alt.Color(
        "series:N",
        scale=scale({label: colour for label, (colour, _) in looks.items()}),
        legend=alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3, offset=32),
    )
    dash = alt.StrokeDash("series:N", scale=scale({label: dash for label, (_, dash) in looks.items()}), legend=None)
    layers: list[alt.Chart] = []
    if "corpus" in series:
        ground = alt.Chart(data([row for row in rows if row["series"] == "corpus"]))
        layers.append(ground.mark_area(interpolate="step-after", color=PALE, opacity=0.9).encode(x, y))
    lines = alt.Chart(data(rows)).mark_line(interpolate="step-after", strokeWidth=1.8)
    layers.append(lines.encode(x, y, colour, dash))
    cuts = _cuts(buckets, (ends[0], ends[1]))
    # All labels lie to one side, and a rule begins at its own label, so that none is crossed.
    left = bool(cuts) and (cuts[0]["score"] - ends[0]) / (ends[1] - ends[0]) > 0.3
    for level, cut in enumerate(reversed(cuts) if left else cuts):
        base, top = alt.Chart(data([cut])), 15 * level
        rule = base.mark_rule(color=INK, strokeDash=[3, 3])
        layers.append(rule.encode(alt.X("score:Q"), y=alt.value(top), y2=alt.value(_HIGH)))
        label = base.mark_text(align="right" if left else "left", dx=-5 if left else 5, dy=7, color=INK, fontSize=11)
        layers.append(label.encode(alt.X("score:Q"), alt.Text("label:N"), y=alt.value(top)))
    title = "Scores of the corpus and of the references"
    told = ", ".join(f"{label} {count(sum(counts))} documents" for label, counts in series.items())
    marked = "".join(f" {cut['label']}: {cut['score']:.3g}." for cut in cuts)
    return to_svg(alt.layer(*layers).properties(width=700, height=_HIGH), "scores", title, f"{title}: {told}.{marked}")


def score_series(scores: Histogram) -> dict[str, tuple[int, ...]]:
    """Return the counts per bin of the corpus and of each kind of references; groups are added up to the corpus."""
    kinds = {HUMAN_REFERENCES, MACHINE_REFERENCES}
    groups = {label: counts for label, counts in scores.counts.items() if label not in kinds}
    whole = next((groups[label] for label in ("all", "corpus") if label in groups), None)
    if whole is None and groups:
        bins = max(map(len, groups.values()))
        whole = tuple(sum(counts[i] for counts in groups.values() if i < len(counts)) for i in range(bins))
    found = {"corpus": whole or ()} | {kind: scores.counts.get(kind, ()) for kind in sorted(kinds)}
    return {label: counts for label, counts in found.items() if sum(counts)}


def _cuts(buckets: Sequence[LengthBucket], ends: tuple[float, float]) -> list[Row]:
    """Return the thresholds within the axis with their labels: all of them, or the lowest and the highest of many."""
    known = sorted((b.threshold, length_words(b)) for b in buckets if b.threshold is not None)
    inside = [(score, words) for score, words in known if ends[0] <= score <= ends[1]]
    chosen = inside if len(inside) <= 4 else [inside[0], inside[-1]]
    return [{"score": score, "label": f"machine-like, {words}"} for score, words in chosen]


def length_words(bucket: LengthBucket) -> str:
    """Return ``50 to 99 words`` or ``200 words and more``."""
    if bucket.most_words is None:
        return f"{count(bucket.least_words)} words and more"
    return f"{count(bucket.least_words)} to {count(bucket.most_words)} words"


def share_over_time(timelines: Sequence[Timeline]) -> str:
    """Return the chart of the share over time, one strip per source: a line with its band, or a band from a bound.

    What lies before machine text became common is shaded; a period without a number is a cross on the zero line.
    """
    if not timelines:
        return ""
    import altair as alt

    first = min(line.periods[0][0].first for line in timelines)
    last = max(period.last for line in timelines for period, _ in line.periods) + timedelta(days=1)
    claims = [claim(group.estimate) for line in timelines for _, group in line.periods]
    top = _top(max((found.high for found in claims if found is not None), default=1.0))
    title = "Machine-made share of documents"
    strips = [
        _strip(line, (first, last), top, alone=len(timelines) == 1, at=(i == 0, i == len(timelines) - 1))
        for i, line in enumerate(timelines)
    ]
    parts = [
        f"{name(line.source)}: {share_words(found)} at the last period"
        if (found := claim(line.periods[-1][1].estimate))
        else f"{name(line.source)}: no number for the last period"
        for line in timelines
    ]
    drawing = alt.vconcat(*strips, spacing=14).properties(title=title)
    return to_svg(drawing, "time", f"{title} over time", f"{title} over time. " + ". ".join(parts) + ".")


def _strip(line: Timeline, ends: tuple[date, date], top: float, *, alone: bool, at: tuple[bool, bool]) -> Any:
    """Return one source over time.

    Args:
        line: the source.
        ends: first day, and the day after the last.
        top: end of the axis of shares.
        alone: whether it is the only one and may be large.
        at: whether it is the first and whether it is the last one.
    """
    import altair as alt

    years = all((period.last - period.first).days > 300 for period, _ in line.periods)
    x = alt.X(
        "day:T",
        title=None,
        scale=alt.Scale(type="utc", domain=[_day(ends[0]), _day(ends[1])], nice=False),
        axis=alt.Axis(
            format="%Y" if years else "%b %Y", tickCount=min((ends[1].year - ends[0].year + 1), 8) if years else 7,
            grid=False, labels=at[1], labelFlush=False,
        ),
    )  # fmt: skip
    y = alt.Y(
        "low:Q",
        title=None,
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(format=".2~%", tickCount=5 if alone else 3),
    )
    points, ranges, missing = _time_rows(line)
    layers: list[alt.Chart] = []
    if ends[0] < CONTROL_ENDS:
        until = min(CONTROL_ENDS, ends[1])
        control = [{"day": _day(ends[0]), "until": _day(until), "label": "before ChatGPT: the control"}]
        layers.append(alt.Chart(data(control)).mark_rect(color=PALE, opacity=0.55).encode(x, alt.X2("until:T")))
        if at[0] and (until - ends[0]).days > 0.25 * (ends[1] - ends[0]).days:
            text = alt.Chart(data(control)).mark_text(align="left", dx=5, dy=9, color=MUTED, fontSize=11)
            layers.append(text.encode(x, alt.Text("label:N"), y=alt.value(0)))
    if points:
        chart = alt.Chart(data(points))
        run = alt.Detail("run:N")
        layers.append(chart.mark_area(color=BLUE, opacity=0.22).encode(x, y, alt.Y2("high:Q"), run))
        layers.append(chart.mark_line(color=BLUE, strokeWidth=2).encode(x, alt.Y("share:Q"), run))
        dots = chart.mark_point(filled=True, opacity=1, size=20, color=BLUE)
        layers.append(dots.encode(x, alt.Y("share:Q")))
    if ranges:
        chart = alt.Chart(data(ranges))
        run = alt.Detail("run:N")
        layers.append(chart.mark_area(color=GREEN, opacity=0.16).encode(x, y, alt.Y2("high:Q"), run))
        layers.append(chart.mark_line(color=GREEN, strokeWidth=2, strokeDash=[5, 3]).encode(x, y, run))
        layers.append(chart.mark_point(shape="triangle-up", filled=True, opacity=1, size=24, color=GREEN).encode(x, y))
    if missing:
        cross = alt.Chart(data(missing)).mark_point(
            shape="cross", filled=True, opacity=1, size=60, color=MUTED, angle=45
        )
        layers.append(cross.encode(x, y))
    title = f"{name(line.source)}, {count(line.documents)} documents" if not alone else ""
    strip = alt.layer(*layers).properties(width=660, height=220 if alone else 84)
    return strip.properties(title=alt.TitleParams(title, fontSize=12, offset=4)) if title else strip


def _time_rows(line: Timeline) -> tuple[list[Row], list[Row], list[Row]]:
    """Return periods with a point, with a range, and without a number; a run ends where a number is missing."""
    points: list[Row] = []
    ranges: list[Row] = []
    missing: list[Row] = []
    run, before = 0, None
    for period, group in line.periods:
        found = claim(group.estimate)
        kind = None if found is None else found.grade
        run += kind is not before
        before = kind
        row: Row = {"day": _day(period.middle), "run": run}
        if found is None:
            missing.append({**row, "low": 0.0})
        else:
            row |= {"share": found.share, "low": found.low, "high": found.high}
            (points if found.grade is Grade.A else ranges).append(row)
    return points, ranges, missing


def _day(when: date) -> str:
    return when.isoformat()


def time_column(result: AuditResult) -> str | None:
    """Return the grouping column that holds dates, months or years; None where none does.

    Bare years count only in a column whose name speaks of time: four digits can be many things.
    """
    for column in result.by:
        values = {group.keys.get(column, "") for group in result.groups}
        known = {value for value in values if period_of(value) is not None}
        bare = all(re.fullmatch(r"\d{4}", value) for value in known)
        if len(known) > 1 and 2 * len(known) > len(values) and (not bare or _TIME_NAME.search(column)):
            return column
    return None


_TIME_NAME = re.compile(r"year|date|time|month|period|created|published|seen|when", re.IGNORECASE)
_PERIOD = re.compile(
    r"((?:19|20)\d\d)(?:-?Q([1-4])|[-/.](0[1-9]|1[0-2])(?:[-/.](0[1-9]|[12]\d|3[01])(?:[T ].*)?)?)?", re.DOTALL
)


def period_of(value: str) -> Period | None:
    """Return the span of ``2023``, ``2023-Q2``, ``2023-04`` or ``2023-04-17``; None for what is no date."""
    match = _PERIOD.fullmatch(value.strip()[:40])
    if match is None:
        return None
    year, quarter, month, day = (int(part) if part else 0 for part in match.groups())
    if day:
        try:
            return Period(date(year, month, day), date(year, month, day))
        except ValueError:  # 31 April
            return None
    start, months = (3 * quarter - 2, 3) if quarter else (month, 1) if month else (1, 12)
    after = date(year + (start + months > 12), (start + months - 1) % 12 + 1, 1)
    return Period(date(year, start, 1), after - timedelta(days=1))


def timelines_of(result: AuditResult) -> list[Timeline]:
    """Return the sources over time, those with the most documents first; none without a column of dates."""
    column = time_column(result)
    if column is None:
        return []
    sources: dict[str, list[tuple[Period, GroupAudit]]] = {}
    for group in result.groups:
        if (period := period_of(group.keys.get(column, ""))) is not None:
            sources.setdefault(_source(group.keys, column), []).append((period, group))
    found = [
        Timeline(source, tuple(sorted(periods, key=lambda one: one[0].first)))
        for source, periods in sources.items()
        if len(periods) > 1
    ]
    return sorted(found, key=lambda line: (-line.documents, line.source))


def _source(keys: Mapping[str, str], column: str) -> str:
    return " · ".join(value for key, value in keys.items() if key != column) or _ALL


def control_words(timelines: Sequence[Timeline]) -> str:
    """Return how the estimates of periods before machine text was common turned out; empty without such a period."""
    found = [claim(group.estimate) for line in timelines for period, group in line.periods if period.control]
    known = [one for one in found if one is not None]
    if not known:
        return ""
    clear = [one for one in known if one.low > 0]
    if not clear:
        return (
            f"All {len(known)} estimates from before include zero, as they should."
            if len(known) > 1
            else ("The one estimate from before includes zero, as it should.")
        )
    worst = max(one.low for one in clear)
    return (
        f"{len(clear)} of {len(known)} estimates from before exclude zero, by up to {percent(worst, 1)}: "
        "that much of what is shown later may be the same error."
    )
