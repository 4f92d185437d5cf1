"""The page of a curation: what was kept, what each rule and each source lost, and examples to check it by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from headwater.curate.result import CurateResult, Loss, PairSample, RuleLoss, Sample
from headwater.report import curate_charts, text
from headwater.report import curate_text as words
from headwater.report.bibliography import Topic, bibtex, cited, references
from headwater.report.page import figure, fitting
from headwater.schema import Origin


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shown of what has no bound of its own."""

    bars: int
    """Bars of a chart."""
    rows: int
    """Rows of a table."""
    reasons: int
    """Rules with examples."""
    samples: int
    """Examples of a rule."""
    pairs: int
    """Pairs of documents."""
    alarms: int
    """Sources that lost much."""
    examples: int
    """Examples of such a source, and reasons named beside each."""
    warnings: int
    text: int
    """Characters of a text."""
    settings: int
    """Characters of the settings."""


# The first that keeps a page below its largest size is used; the last always does.
_LIMITS = (
    Limits(24, 200, 80, 5, 12, 30, 5, 30, 400, 12_000),
    Limits(24, 100, 60, 5, 8, 20, 5, 20, 240, 6_000),
    Limits(24, 60, 60, 3, 6, 12, 3, 15, 160, 4_000),
    Limits(12, 40, 40, 2, 4, 8, 2, 10, 120, 2_000),
    Limits(12, 12, 12, 1, 2, 4, 1, 6, 80, 800),
)


@dataclass(frozen=True, slots=True)
class Examples:
    """What one rule dropped, as examples."""

    reason: str
    rule: RuleLoss | None
    """None for a reason that is no rule of the set."""
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A source that lost most of its documents, with examples of what it lost."""

    loss: Loss
    pairs: tuple[PairSample, ...]
    samples: tuple[Sample, ...]


def render_curate_report(result: CurateResult) -> str:
    """Return the page of a curation as HTML, at most 200 KB for any number of sources, rules and examples."""
    entries, _ = cited(["broder1997", *(entry.key for entry in references([Topic.CURATION]))])
    near = words.bands_and_rows(result.settings)
    changeable = words.rethresholdable(result.rules)
    return fitting(
        "curate.html",
        _steps(result),
        result=result,
        counts=result.documents,
        version=str(result.versions.get("headwater", "")),
        title=f"Curation of {_title(result.inputs)}",
        verdict=words.curate_verdict(result),
        words=words,
        losing=curate_charts.losing(result.rules),
        idle=[rule for rule in result.rules if rule.dropped <= 0],
        several=max(result.documents.dropped - sum(rule.alone for rule in result.rules), 0),
        known_origins=any(one.name != Origin.UNKNOWN for one in result.origins),
        limits_of={rule.rule: rule.threshold for rule in result.rules},
        examples=examples_by_rule(result),
        alarms=(alarms := alarms_of(result)),
        gone=sum(alarm.loss.lost_share > words.NEARLY_ALL for alarm in alarms),
        near=near,
        near_chart=figure(curate_charts.near_duplicate_probability(*near)) if near else None,
        values=near[0] * near[1] if near else words.BANDS * words.ROWS,
        changeable=changeable,
        settings="\n".join(words.settings_lines(result.settings)),
        entries=entries,
        bibtex=bibtex(entries),
    )


def examples_by_rule(result: CurateResult) -> list[Examples]:
    """Return the examples of dropped documents by rule, in the order of the rules; other reasons last."""
    rules = {rule.rule: rule for rule in result.rules}
    order = {reason: place for place, reason in enumerate(rules)}
    ranked = sorted(result.samples, key=lambda one: (order.get(one.reason, len(order)), one.reason))
    return [
        Examples(reason, rules.get(reason), tuple(samples))
        for reason, samples in groupby(ranked, key=lambda one: one.reason)
    ]


def alarms_of(result: CurateResult) -> list[Alarm]:
    """Return the sources that lost most of their documents, each with the examples that are from it."""
    pairs: dict[str, list[PairSample]] = {}
    samples: dict[str, list[Sample]] = {}
    for pair in result.pairs:
        pairs.setdefault(pair.source, []).append(pair)
    for sample in result.samples:
        samples.setdefault(sample.source, []).append(sample)
    return [
        Alarm(loss, tuple(pairs.get(loss.name, ())), tuple(samples.get(loss.name, ())))
        for loss in words.alarms(result.sources)
    ]


def _steps(result: CurateResult) -> Iterator[Mapping[str, Any]]:
    """Return the charts and limits of a page, from much to little; charts are drawn anew only where smaller."""
    charts: Mapping[str, Markup | None] = {}
    bars = 0
    for limits in _LIMITS:
        if limits.bars != bars:
            bars, charts = limits.bars, _charts(result, limits.bars)
        yield {"limits": limits, **charts}


def _charts(result: CurateResult, bars: int) -> Mapping[str, Markup | None]:
    return {
        "rules_chart": figure(curate_charts.loss_by_rule(result.rules, result.documents.read, bars)),
        "sources_chart": figure(curate_charts.loss_by_part(result.sources, "source", bars)),
        "languages_chart": figure(curate_charts.loss_by_part(result.languages, "language", bars)),
        "origins_chart": figure(curate_charts.loss_by_part(result.origins, "origin", bars)),
    }


def _title(inputs: tuple[str, ...]) -> str:
    """Return the first inputs in words."""
    more = [f"{len(inputs) - 3} more"] if len(inputs) > 3 else []
    return text.printable(text.listed([*map(text.name, inputs[:3]), *more]) or "documents", 150)
