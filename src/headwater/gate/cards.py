"""Why-cards: one per recipe, saying what decided, on which number, and what would change it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headwater.decide import Decision, documents_needed
from headwater.gate.diagnosis import Diagnosis
from headwater.gate.grouping import rows_by_recipe
from headwater.gate.hard_checks import Checked
from headwater.gate.judge import GateState, RecipeStatus
from headwater.gate.selection import token_counts
from headwater.gate.steering import SliceEvidence
from headwater.schema import REASON_SENTENCES, Reason, Stage, Verdict


@dataclass(frozen=True, slots=True)
class Card:
    """Everything a person needs to understand a verdict on a recipe."""

    recipe: str
    verdict: Verdict
    stage: Stage
    reason: Reason
    sentence: str
    """The verdict in one sentence."""
    would_change: str
    """What would change it."""
    measured: float | None
    threshold: float | None
    log_e: float | None
    """ln e-value of the certification panel at its last decision; None where it was not asked or is sealed."""
    needed: float | None
    """What ``log_e`` had to reach."""
    decision: int | None
    """Running number of that decision."""
    gain: float | None
    """Gain on the steering panel, nats per word."""
    gain_error: float | None
    """Standard error of the gain."""
    effect_sd: float | None
    """Gain in standard deviations of the independent units."""
    steering_log_e: float | None
    steering_log_e_harm: float | None
    steering_units: int | None
    certification_units: int | None
    worst_slice: SliceEvidence | None
    documents: int
    """Documents offered."""
    passed: int
    """Documents that passed the hard checks."""
    tokens: int
    """Tokens of the documents that passed."""
    failed: dict[str, int]
    """How many documents failed which check, by reason code."""
    overlap_panels: float | None
    """Mean share of its 8-word sequences that occur in the sealed panels."""
    overlap_training: float | None
    """Mean share of its 8-word sequences that occur in the human training text."""
    parents: float
    """Share of its documents that name the documents they were made from."""
    diagnosis: Diagnosis | None = None
    """What the signals say. Shown, never deciding; None where they were not measured."""
    slices: tuple[SliceEvidence, ...] = ()
    """Slices of the steering panel, the worst hurt first."""


def cards(
    checked: Checked, state: GateState, *, reveal: bool = True, diagnoses: Mapping[str, Diagnosis] | None = None
) -> list[Card]:
    """Return a card per recipe, by name.

    Args:
        checked: the stream after the hard checks.
        state: the gate after judging it.
        reveal: show the numbers of the certification panel. Only when the panel is no longer used to decide about
            anything that could depend on them: whoever reads a card may steer by it.
        diagnoses: what the signals say, by recipe.
    """
    parents = np.array([bool(p) for p in checked.documents["parents"].to_pylist()], bool)
    counts = token_counts(checked.documents)
    passed = checked.findings.passed
    decisions = {sealed.recipe: sealed.decision for sealed in state.sealed}
    result = []
    for name, rows in rows_by_recipe(checked.documents).items():
        status = state.statuses[name]
        decision = decisions.get(name)
        shown = decision if reveal else None
        evidence = status.evidence
        overlap = checked.overlaps.get(name)
        result.append(
            Card(
                recipe=name,
                verdict=status.verdict,
                stage=status.stage,
                reason=status.reason,
                sentence=_sentence(status),
                would_change=_would_change(status, decision),
                measured=status.measured,
                threshold=status.threshold,
                log_e=shown.log_e if shown else None,
                needed=shown.threshold if shown else None,
                decision=decision.k if decision else None,
                gain=evidence.gain if evidence else None,
                gain_error=evidence.standard_error if evidence else None,
                effect_sd=evidence.effect_sd if evidence else None,
                steering_log_e=evidence.log_e if evidence else None,
                steering_log_e_harm=evidence.log_e_harm if evidence else None,
                steering_units=evidence.units if evidence else None,
                certification_units=decision.units if decision else None,
                worst_slice=evidence.worst_slice if evidence else None,
                documents=len(rows),
                passed=int(passed[rows].sum()),
                tokens=int(counts[rows][passed[rows]].sum()),
                failed=dict(
                    sorted(Counter(r.value for i in rows if (r := checked.findings.reasons[i]) is not None).items())
                ),
                overlap_panels=overlap.panels if overlap else None,
                overlap_training=overlap.training if overlap else None,
                parents=float(parents[rows].mean()),
                diagnosis=(diagnoses or {}).get(name),
                slices=tuple(sorted(evidence.slices, key=lambda one: -one.log_e_harm)) if evidence else (),
            )
        )
    return result


def _sentence(status: RecipeStatus) -> str:
    what = REASON_SENTENCES[status.reason]
    evidence = status.evidence
    if evidence is None:
        if status.stage in {Stage.PROVENANCE, Stage.CHECKS} and status.measured is not None:
            return f"{status.measured:.0%} of it fails a hard check: {what}."
        return f"{what[:1].upper()}{what[1:]}."
    direction = "lowers" if evidence.gain > 0 else "raises"
    number = (
        f"on the {evidence.units} independent groups of the steering panel, adding {evidence.tokens:,} tokens "
        f"{direction} the loss by {abs(evidence.gain):.3f} nats per word (effect {evidence.effect_sd:+.2f} sd)"
    )
    return f"{what[:1].upper()}{what[1:]}: {number}."


def _would_change(status: RecipeStatus, decision: Decision | None) -> str:
    """Say what would change the verdict, from steering evidence and the threshold, which depends on bits only."""
    if status.reason is Reason.USEFUL:
        return "A later batch that the steering panel proves harmful revokes the admission."
    if status.reason is Reason.DEMOTED:
        return (
            "A proxy that is trained as the student is: compare both under How proxy and student are trained, and "
            "judge the recipe anew on human documents that are new."
        )
    if status.reason is Reason.PANEL_EXHAUSTED:
        return "A new certification panel: start anew with human documents that are in no panel yet."
    if status.reason is Reason.TOO_SMALL:
        missing = (status.threshold or 0) - (status.measured or 0)
        return f"{missing:,.0f} more tokens that pass the hard checks, then one test."
    if status.reason in {Reason.PROVEN_HARMFUL, Reason.REVOKED, Reason.NO_GAIN}:
        return "Nothing but another recipe: a changed generator, prompt or decoding is judged anew."
    if status.stage is Stage.PROVENANCE:
        return "Make it from documents that are in no panel. There is no appeal through utility."
    if status.stage is Stage.CHECKS:
        return "Bring documents that pass the check; overlap with human text must fall below the threshold."
    if status.stage is Stage.SLICES:
        return "The slice that is hurt must no longer be: change the recipe so that it covers it."
    evidence = status.evidence
    if evidence is not None and evidence.gain <= 0:
        return "More of it will not help while its gain on the steering panel is not positive; change the recipe."
    if evidence is not None and decision is not None:
        units = documents_needed(evidence.log_e, evidence.units, decision.threshold)
        if units is not None and units > decision.units:
            return (
                f"More tokens of the same kind, or a larger panel: at the steering panel's effect about {units:,} "
                f"independent groups would decide; it has {decision.units:,}."
            )
    return "More tokens of the same kind, pooled into one new decision, or a larger panel."
