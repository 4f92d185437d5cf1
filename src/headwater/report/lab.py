"""The report of an experiment of the laboratory: verdicts first, then the checks, the figures and the small print."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.lab.result import ArmResult, ArmVerdicts, LabResult
from headwater.lineage import explain
from headwater.measure import Finding, Verdict
from headwater.report import text
from headwater.report.bibliography import bibtex, cited
from headwater.report.drawing import Style
from headwater.report.lab_charts import Drawn, draw
from headwater.report.lab_lines import arm_styles
from headwater.report.page import figure, fitting
from headwater.report.plotting import DETAILS, Detail


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shown of what has no bound of its own."""

    arms: int
    rows: int
    """Checks, and rows of other tables."""
    notes: int
    text: int
    """Characters of a sentence."""


_LIMITS = (
    Limits(40, 200, 60, 1200),
    Limits(24, 100, 40, 800),
    Limits(12, 50, 25, 500),
    Limits(8, 30, 15, 300),
    Limits(6, 15, 8, 200),
)

BADGES = {
    Verdict.SHOWN: "shown",
    Verdict.NOT_SHOWN: "held",
    Verdict.UNDECIDED: "quarantined",
    Verdict.NOT_MEASURED: "unmeasured",
}
"""Looks of the verdicts."""

_LEVELS = (0.1, 0.5)
"""Inbreeding at which observed and computed are compared, beside the last generation."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition of collapse over all arms."""

    title: str
    findings: Mapping[str, Finding]
    """By arm."""


@dataclass(frozen=True, slots=True)
class InbreedingRow:
    """Inbreeding of one arm at one generation."""

    generation: int
    computed: float | None
    """Of the family tree; None where it has none."""
    observed: float | None
    residual: float | None
    tolerance: float | None
    cause: str
    """What the residual points to; empty where it cannot be told."""


def render_lab_report(result: LabResult) -> str:
    """Return the report of an experiment as HTML, at most 200 KB for any number of arms, figures and generations."""
    entries, unknown = cited([*result.references, "schaeffer2025", "wright1931"])
    by_arm = {arm.name: arm for arm in result.arms}
    return fitting(
        "lab.html",
        _steps(result),
        result=result,
        version=result.versions.get("headwater", ""),
        title=f"Laboratory: {text.printable(' '.join(result.title.split()) or result.experiment, 120)}",
        verdict=_verdict(result),
        definitions=_definitions(result.verdicts),
        phases=[(one, _phase_words(one, by_arm.get(one.arm))) for one in result.verdicts],
        checks=sorted(result.checks, key=lambda check: check.ok),
        failed=sum(not check.ok for check in result.checks),
        inbreeding=[(arm, rows) for arm in result.arms if (rows := inbreeding_rows(arm))],
        stand_in=any(arm.diversity and arm.human_diversity is None for arm in result.arms),
        badge=BADGES.__getitem__,
        interval=_interval,
        entries=entries,
        unknown=unknown,
        bibtex=bibtex(entries),
    )


def _steps(result: LabResult) -> Iterator[Mapping[str, Any]]:
    """Return the figures and limits of a page, from much to little."""
    styles = arm_styles([arm.name for arm in result.arms])
    for limits, detail in zip(_LIMITS, DETAILS, strict=True):
        yield {"limits": limits, "figures": _figures(result, styles, detail)}


def _figures(result: LabResult, styles: Mapping[str, Style], detail: Detail) -> list[tuple[Drawn, Any]]:
    drawn = [
        draw(one, f"figure-{number}", styles, detail)
        for number, one in enumerate(result.figures[: detail.figures], start=1)
    ]
    return [(one, figure(one.svg)) for one in drawn]


def _verdict(result: LabResult) -> str:
    """Return what the experiment found, in two sentences."""
    failed = [text.name(check.name) for check in result.checks if not check.ok]
    total = len(result.checks)
    if not total:
        checks = "Nothing here could be checked against a closed form or a published figure."
    elif failed:
        named = text.listed(failed[:2]) + (f" and {len(failed) - 2} more" if len(failed) > 2 else "")
        checks = f"{len(failed)} of {text.plural(total, 'check')} {'fails' if len(failed) == 1 else 'fail'}: {named}."
    else:
        agree = {1: "The one check agrees", 2: "Both checks agree"}.get(total, f"All {total} checks agree")
        checks = f"{agree} with the closed forms and published figures."
    counts = [
        f"{text.name(one.arm)} {shown} of {measured}"
        for one in result.verdicts
        if (measured := sum(finding.verdict is not Verdict.NOT_MEASURED for finding in one.findings))
        for shown in [sum(finding.verdict is Verdict.SHOWN for finding in one.findings)]
    ]
    if not counts:
        return f"{checks} No definition of collapse could be judged."
    shown = text.listed([*counts[:8], *([text.plural(len(counts) - 8, "more regime")] if len(counts) > 8 else [])])
    return f"{checks} Definitions of collapse that are shown, of those measured: {shown}."


def _definitions(verdicts: Sequence[ArmVerdicts]) -> list[Definition]:
    titles = {finding.name: finding.title for one in verdicts for finding in one.findings}
    return [
        Definition(title, {one.arm: found for one in verdicts for found in one.findings if found.name == name})
        for name, title in titles.items()
    ]


def _phase_words(one: ArmVerdicts, arm: ArmResult | None) -> tuple[str, str]:
    """Return when half of the tail and half of the variance were lost."""
    unmeasured = {finding.name for finding in one.findings if finding.verdict is Verdict.NOT_MEASURED}
    within = f"not within {text.plural(arm.generations, 'generation')}" if arm is not None else "not reached"

    def words(generation: int | None, definition: str) -> str:
        if generation is not None:
            return f"generation {text.count(generation)}"
        return "not measured" if definition in unmeasured else within

    return words(one.phases.early, "tail_loss"), words(one.phases.late, "collapsing_variance")


def _interval(finding: Finding) -> str:
    """Return the value of a finding with its interval."""
    if finding.value is None:
        return "–"
    value = text.significant(finding.value)
    if finding.low is None or finding.high is None:
        return value
    return f"{value} ({text.significant(finding.low)} to {text.significant(finding.high)})"


def inbreeding_rows(arm: ArmResult) -> list[InbreedingRow]:
    """Return observed against computed inbreeding where it passes a tenth, a half, and at the last generation.

    Where generation 0 stands in for the human source, which has drifted once already, the computed coefficient is
    taken relative to generation 0 too: 1 - (1 - F_t) / (1 - F_0).
    """
    observed, errors = _observed(arm)
    relative = bool(observed) and arm.human_diversity is None
    computed = arm.computed_f
    if relative and computed:
        start = computed[0]
        computed = tuple(1 - (1 - f) / (1 - start) for f in computed) if start < 1 else ()
    leading = computed or observed
    if not leading:
        return []
    reached = [next((g for g, f in enumerate(leading) if f >= level), None) for level in _LEVELS]
    generations = sorted({g for g in [*reached, len(leading) - 1] if g is not None})
    return [
        _inbreeding_row(
            g,
            computed[g] if g < len(computed) else None,
            observed[g] if g < len(observed) else None,
            errors[g] if g < len(errors) else None,
        )
        for g in generations
    ]


def _inbreeding_row(
    generation: int, computed: float | None, observed: float | None, error: float | None
) -> InbreedingRow:
    known = observed is not None and math.isfinite(observed)
    if computed is None or observed is None or not known or not 0 <= computed <= 1:
        return InbreedingRow(generation, computed, observed if known else None, None, None, "")
    found = explain(min(observed, 1.0), computed, error)
    return InbreedingRow(generation, computed, observed, found.residual, found.tolerance, text.CAUSES[found.cause])


def _observed(arm: ArmResult) -> tuple[tuple[float, ...], list[float | None]]:
    """Return the observed coefficient by generation and its standard error, None where one replicate gives none."""
    series = arm.series.get(arm.diversity)
    if series is None or not series.mean:
        return (), []
    stands_in = arm.human_diversity is None
    human = series.mean[0] if stands_in else arm.human_diversity
    if not human or not math.isfinite(human):
        return (), []
    errors: list[float | None] = []
    for mean, se in zip(series.mean, series.se, strict=True):
        first = mean / human * series.se[0] if stands_in else 0.0  # the error of what it is divided by
        error = math.hypot(se, first) / abs(human)
        errors.append(error if arm.replicates > 1 and math.isfinite(error) else None)
    return arm.observed_f, errors
