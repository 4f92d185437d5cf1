"""What an audit says, in words: the verdict, the share of a group, and the arithmetic of isolating documents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headwater.origin.cost import costs
from headwater.origin.result import AuditResult, Costs, Grade, GroupAudit, ShareEstimate
from headwater.report.text import count, name, percent, plural, printable

GRADES = {
    Grade.A: "known human and known machine text of the same kind: a point with an interval",
    Grade.B: "known human text only: a lower bound and a range",
    Grade.C: "no reference text: no number",
}
"""What each grade allows to say."""

_PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_NARROW = 0.025  # intervals narrower than this show a decimal
_SENTENCE = 300  # characters of a reason


@dataclass(frozen=True, slots=True)
class Claim:
    """What may be said of the machine-made share of a group. Shares are 0 to 1."""

    grade: Grade
    share: float | None
    """Point estimate; grade A only."""
    low: float
    high: float


def claim(estimate: ShareEstimate) -> Claim | None:
    """Return what may be said of a share, None where nothing may.

    This is the one place that turns an estimate into something to show: grade C and refusals never become a number,
    whatever else the estimate holds, no point is shown without its interval, and none at grade B.
    """
    low, high, share = (_finite(value) for value in (estimate.low, estimate.high, estimate.share))
    if estimate.refused is not None or estimate.grade is Grade.C or low is None:
        return None
    if estimate.grade is Grade.B:
        return Claim(Grade.B, None, low, 1.0 if high is None else high)
    if share is None or high is None:
        return None
    return Claim(Grade.A, share, low, high)


def reason(estimate: ShareEstimate) -> str:
    """Return why there is no number for a group, as the end of a sentence without its full stop."""
    told = printable(" ".join((estimate.refused or "").split()), _SENTENCE).rstrip(".")
    if told:
        return told if told[:2].isupper() else told[:1].lower() + told[1:]
    if estimate.grade is Grade.C:
        return "there are no reference texts, so there is nothing to measure against"
    return "the estimate has no interval"


def share_words(found: Claim, digits: int = 1) -> str:
    """Return ``9.4% (8.1% to 10.8%)``, or ``at least 3.0%, at most 31.0%`` where there is only a bound."""
    low, high = percent(found.low, digits), percent(found.high, digits)
    if found.share is None:
        return f"at least {low}, at most {high}"
    return f"{percent(found.share, digits)} ({low} to {high})"


def ranked(groups: Sequence[GroupAudit]) -> list[tuple[GroupAudit, Claim]]:
    """Return the groups something may be said about, largest share first: by the point, else by the lower bound."""
    known = [(group, found) for group in groups if (found := claim(group.estimate)) is not None]
    return sorted(known, key=lambda one: (-_place(one[1]), one[0].group))


def audit_verdict(result: AuditResult) -> str:
    """Return what an audit found, in at most three sentences: it says where it cannot know."""
    documents = plural(result.corpus.documents, "document")
    if not result.corpus.documents:
        return "There was no document to audit."
    found = claim(result.corpus.estimate)
    sentences = [
        f"How much of {documents} is machine-made cannot be known: {reason(result.corpus.estimate)}."
        if found is None
        else _share(_judged(result.corpus), found)
    ]
    if many := result.corpus.known_machine:
        shown = "is shown" if many == 1 else "are shown"
        sentences.append(f"{count(many)} {shown} to be machine-made or mixed by marks or records alone.")
    if groups := _groups(result):
        sentences.append(groups)
    return " ".join(sentences)


def outcomes(found: Costs) -> list[Costs]:
    """Return what isolating comes to at prevalences from 1% to 50%, for the error rates of this audit."""
    if not (0 <= found.tpr <= 1 and 0 <= found.fpr <= 1):
        return []
    return [costs(prevalence, found.tpr, found.fpr, assumed=True) for prevalence in _PREVALENCES]


def precision_equation(found: Costs) -> str:
    """Return the precision of isolation as an equation with the numbers in it."""
    a, t, f = (f"{value:.3g}" for value in (found.prevalence, found.tpr, found.fpr))
    rest = f"{1 - found.prevalence:.3g}"
    return (
        f"precision = a·t / (a·t + (1 − a)·f) = {a} × {t} / ({a} × {t} + {rest} × {f}) = {percent(found.precision, 1)}"
    )


def _judged(corpus: GroupAudit) -> str:
    """Return the documents a share is the share of: short ones and other languages take no part in it."""
    judged = corpus.estimate.documents
    all_of_them = plural(corpus.documents, "document")
    return (
        all_of_them
        if judged == corpus.documents
        else f"{count(judged)} documents that can be judged (of {all_of_them})"
    )


def _share(documents: str, found: Claim) -> str:
    digits = 1 if found.high - found.low < _NARROW or 0 < found.low < 0.01 else 0
    low, high = percent(found.low, digits), percent(found.high, digits)
    if found.share is not None:
        best = percent(found.share, 1)
        return f"Of {documents}, between {low} and {high} are machine-made (best estimate {best}; grade A)."
    most = f"at most {high} if it is like the machine text the detector knows (grade B: no point can be told)."
    if found.low <= 0:
        return f"Of {documents}, possibly none are machine-made, and {most}"
    return f"Of {documents}, at least {low} are machine-made; {most}"


def _groups(result: AuditResult) -> str:
    """Return which group stands out and how many have no number; empty without groups."""
    if len(result.groups) < 2:
        return ""
    known = ranked(result.groups)
    missing = len(result.groups) - len(known)
    if not known:
        return f"None of the {count(len(result.groups))} groups has a number." if claim(result.corpus.estimate) else ""
    group, top = max(known, key=lambda one: (one[1].low, _place(one[1])))
    parts = [f"The share is highest in {name(group.group)}, {share_words(top)}"] if top.low > 0 else []
    if missing:
        parts.append(f"{'for' if parts else 'For'} {missing} of {count(len(result.groups))} groups it cannot be known")
    return f"{'; '.join(parts)}." if parts else ""


def _place(found: Claim) -> float:
    return found.low if found.share is None else found.share


def _finite(value: float | None) -> float | None:
    """Return a share within 0 and 1, None for what is no number."""
    return min(max(value, 0.0), 1.0) if value is not None and math.isfinite(value) else None
