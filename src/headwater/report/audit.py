"""The report of an audit: how much is machine-made, how surely that is known, and what it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.origin.cost import break_even
from headwater.origin.evidence import Status
from headwater.origin.result import Artefact, AuditResult, GroupAudit, LengthBucket
from headwater.report import audit_charts, audit_text, text
from headwater.report.bibliography import Topic, bibtex, references
from headwater.report.page import figure, fitting
from headwater.schema import EVIDENCE_SENTENCES, EvidenceKind, Origin


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shown of what has no bound of its own."""

    groups: int
    """Groups of a chart."""
    strips: int
    """Sources over time."""
    rows: int
    """Rows of a table."""
    few: int
    """Groups above which their table is folded away."""
    examples: int
    words: int
    """Words in excess of a group."""
    warnings: int
    text: int
    """Characters of a text."""
    settings: int
    """Characters of the settings."""


# The first that keeps a page below its largest size is used; the last always does.
_LIMITS = (
    Limits(30, 8, 400, 15, 20, 12, 30, 320, 20_000),
    Limits(20, 6, 150, 15, 12, 8, 15, 240, 6_000),
    Limits(12, 4, 50, 15, 8, 6, 10, 160, 3_000),
    Limits(8, 2, 20, 15, 5, 4, 6, 100, 1_000),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Groups that have no number for one and the same reason."""

    reason: str
    groups: tuple[str, ...]
    documents: int


def render_audit_report(result: AuditResult) -> str:
    """Return the report of an audit as HTML, at most 200 KB for any number of groups."""
    entries = references([Topic.SHARE, Topic.CONFORMAL, Topic.DETECTION, Topic.MARKS])
    groups = result.groups if len(result.groups) > 1 else (result.corpus,)
    ranked = audit_text.ranked(groups)
    return fitting(
        "audit.html",
        _steps(result),
        result=result,
        version=result.versions.get("headwater", ""),
        title=f"Audit of {_title(result.paths)}",
        verdict=audit_text.audit_verdict(result),
        whole=audit_text.claim(result.corpus.estimate),
        groups=[*(group for group, _ in ranked), *(one for one in groups if audit_text.claim(one.estimate) is None)],
        known=len(ranked),
        grades={found.grade for _, found in ranked},
        grade_words=audit_text.GRADES,
        refusals=refusals(groups),
        claim=audit_text.claim,
        share_words=audit_text.share_words,
        reason_words=audit_text.reason,
        length_words=audit_charts.length_words,
        timelines=(timelines := audit_charts.timelines_of(result)),
        control=audit_charts.control_words(timelines),
        scores_chart=figure(audit_charts.score_distributions(result.scores, result.buckets) if result.scores else ""),
        thresholds=any(bucket.threshold is not None for bucket in result.buckets),
        smallest=_smallest,
        evidence=_evidence(result.evidence),
        statuses=[status for status in Status if any(found.get(status) for found in result.evidence.values())],
        origins=[(origin, result.corpus.origins[origin]) for origin in Origin if result.corpus.origins.get(origin)],
        outcomes=audit_text.outcomes(result.costs) if result.costs else [],
        break_even=break_even(result.costs) if result.costs else 0.0,
        equation=audit_text.precision_equation(result.costs) if result.costs else "",
        series=_series(result.artefacts),
        drifts=[group for group in _with_corpus(result) if group.drift is not None],
        entries=entries,
        bibtex=bibtex(entries),
    )


def refusals(groups: Sequence[GroupAudit]) -> list[Refusal]:
    """Return the reasons why groups have no number, with those groups: the reason of most documents first."""
    found: dict[str, list[GroupAudit]] = {}
    for group in groups:
        if audit_text.claim(group.estimate) is None:
            found.setdefault(audit_text.reason(group.estimate), []).append(group)
    rows = [
        Refusal(why, tuple(one.group for one in those), sum(one.documents for one in those))
        for why, those in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.documents, row.reason))


def _steps(result: AuditResult) -> Iterator[Mapping[str, Any]]:
    """Return the charts and limits of a page, from much to little."""
    timelines = audit_charts.timelines_of(result)
    for limits in _LIMITS:
        # Periods are seen in the chart over time; of them the largest are enough here.
        bars = min(limits.groups, 12) if timelines else limits.groups
        yield {
            "limits": limits,
            "bars": bars,
            "share_chart": figure(audit_charts.share_by_group(result, bars)),
            "time_chart": figure(audit_charts.share_over_time(timelines[: limits.strips])),
            "verdicts_chart": figure(audit_charts.verdicts_by_group(result, bars)),
        }


def _title(paths: Sequence[str]) -> str:
    """Return the first paths in words."""
    more = [f"{len(paths) - 3} more"] if len(paths) > 3 else []
    return text.printable(text.listed([*map(text.name, paths[:3]), *more]) or "documents", 150)


def _with_corpus(result: AuditResult) -> list[GroupAudit]:
    return list(result.groups) if len(result.groups) > 1 else [result.corpus]


def _smallest(bucket: LengthBucket) -> float:
    """Return the smallest p-value that is possible in a bucket: that of a score above all references."""
    return 1 / (bucket.references + 1)


def _evidence(found: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, Mapping[str, int]]]:
    """Return the kinds of evidence, strongest first, with what each means and its counts; unknown kinds last."""
    known = [(kind.value, EVIDENCE_SENTENCES[kind], found[kind]) for kind in EvidenceKind if kind in found]
    other = [(kind, "", counts) for kind, counts in sorted(found.items()) if kind not in set(EvidenceKind)]
    return [*known, *other]


def _series(artefacts: Sequence[Artefact]) -> list[str]:
    """Return the series artefacts were counted in, in the order they are first named."""
    return list(dict.fromkeys(label for one in artefacts for label in one.share))
