"""What a project's audits and runs say about the inputs of its own forecast.

The latest finished audit that found a share gives the stock, its contamination and what the detector recognises; the
latest one by month the machine share over time; the latest run with a gate and a second human training what a synthetic
token was worth. What cannot be said is said with its reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headwater.forecast import (
    Measured,
    Measurement,
    Quantity,
    constant,
    parse,
    rate_quantity,
    share_quantity,
    shares_by_month,
    tokens_of_words,
    worth_from_runs,
)
from headwater.loop.result import RunResult
from headwater.origin import AuditResult, GroupAudit
from headwater.schema import Verdict

TOKENS_PER_WORD = "1.2..1.5"
"""Tokens of a word where nobody says: English prose in byte-pair vocabularies of 30,000 to 130,000 entries."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found."""

    measured: Measured
    notes: tuple[str, ...]
    """Why something could not be taken, in sentences."""


def read_ledger(results: Sequence[AuditResult | RunResult], tokens_per_word: Quantity | None = None) -> Reading:
    """Return what finished audits and runs measured.

    Args:
        results: results of the project, oldest first.
        tokens_per_word: of the team's tokenizer; by default ``TOKENS_PER_WORD``.
    """
    measured, notes = Measured(), []
    audits = [one for one in reversed(results) if isinstance(one, AuditResult)]
    runs = [one for one in reversed(results) if isinstance(one, RunResult)]
    if shared := next((one for one in audits if _has_share(one.corpus)), None):
        measured = _of_audit(measured, shared, tokens_per_word or parse(TOKENS_PER_WORD))
    elif audits:
        notes.append(f"Audit {audits[0].run} says no share ({audits[0].corpus.estimate.refused}).")
    if monthly := next((one for one in audits if one.by == ("month",) and any(map(_has_share, one.groups))), None):
        measured = replace(measured, machine_share=_by_month(monthly) or measured.machine_share)
    if gated := next((one for one in runs if one.stream), None):
        worth, note = _worth(gated)
        measured = replace(measured, synthetic_worth=worth, synthetic_admitted=_admitted(gated))
        notes += [note] if note else []
    return Reading(measured, tuple(notes))


def _has_share(group: GroupAudit) -> bool:
    return group.estimate.low is not None and group.estimate.high is not None


def _of_audit(measured: Measured, audit: AuditResult, tokens_per_word: Quantity) -> Measured:
    found = audit.corpus.estimate
    assert found.low is not None
    assert found.high is not None
    share = share_quantity(found.share, found.low, found.high, audit.level)
    per_word = f"{audit.corpus.words:,} words at {tokens_per_word} tokens"
    measured = replace(
        measured,
        stock_tokens=Measurement(tokens_of_words(audit.corpus.words, tokens_per_word), audit.run, per_word),
        stock_contamination=Measurement(share, audit.run, f"grade {found.grade.value}, by documents"),
        # an audit of everything at once also says what is coming in, as long as nothing says more
        machine_share=Measurement(share, audit.run, "of the whole corpus; audit --by month for a table"),
    )
    costs, references = audit.costs, audit.references
    # An audit that could call no document machine-like, for want of references, measured no gate.
    if costs is None or not costs.tpr or references.machine < 1 or references.human < 1:
        return measured
    return replace(
        measured,
        gate_recall=Measurement(
            rate_quantity(costs.tpr, references.machine), audit.run, f"on {references.machine:,} known machine texts"
        ),
        gate_false_positive_rate=Measurement(
            rate_quantity(costs.fpr, references.human), audit.run, f"on {references.human:,} known human texts"
        ),
    )


def _by_month(audit: AuditResult) -> Measurement | None:
    months = []
    for group in audit.groups:
        year, _, month = group.keys.get("month", "").partition("-")
        low, high = group.estimate.low, group.estimate.high
        if low is None or high is None or not (year.isdigit() and month.isdigit()):
            continue
        months.append((int(year) + (int(month) - 0.5) / 12, group.estimate.share, low, high))
    if not months:  # only documents without a date have a share
        return None
    return Measurement(shares_by_month(months, audit.level), audit.run, "by month; the last one holds on")


def _admitted(run: RunResult) -> Measurement | None:
    offered = sum(card.tokens for card in run.cards)
    if not offered:
        return None
    share = sum(card.tokens for card in run.cards if card.verdict is Verdict.ADMITTED) / offered
    return Measurement(constant(round(share, 4)), run.run, f"of {offered:,} tokens offered, by recipes")


def _worth(run: RunResult) -> tuple[Measurement | None, str]:
    records = {one.arm: one for one in run.stream}
    chosen, ceiling = records.get("headwater"), records.get("ceiling")
    human = run.of_arm("human-only")[0].training_tokens
    if chosen is None:
        return None, f"Run {run.run} judged no stream, so it does not say what a synthetic token is worth."
    found = worth_from_runs(
        human,
        chosen.tokens,
        chosen.gain_nats,
        chosen.standard_error,
        ceiling.tokens if ceiling else 0,
        ceiling.gain_nats if ceiling else 0.0,
        ceiling.standard_error if ceiling else 0.0,
    )
    if found.worth is None:
        return None, f"Run {run.run} does not say what a synthetic token is worth: {found.refused}."
    return Measurement(found.worth, run.run, "with the run's own small models"), ""
