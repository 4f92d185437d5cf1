"""How much evidence decision number k needs, so that all decisions together err with probability at most delta.

Every threshold is the natural logarithm of an e-value. Decision k may spend delta / (k (k + 1)), which sums to delta
over an unbounded number of decisions. What differs is what the batches may depend on:

    plain    batches chosen without looking at the panel: a fixed stream, judged once
    strict   batches that depend on earlier admit / not-admit bits of the same panel, in any way: the closed loop
    e-lond   the plain case, controlling the *share* of false admissions (5 % bad among the admitted are accepted)
"""

import math
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """Which threshold a decision has to pass."""

    PLAIN = "plain"
    STRICT = "strict"
    E_LOND = "e-lond"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What has left a certification panel since it was rotated in: the number of bits, and how many said "admit"."""

    decisions: int = 0
    """Decisions made so far, k - 1."""
    admissions: int = 0
    """Admissions among them, a."""

    def __post_init__(self) -> None:
        _check(self.decisions + 1, self.admissions)

    def next(self, admitted: bool) -> "Transcript":
        """Return the transcript after one more decision."""
        return Transcript(self.decisions + 1, self.admissions + int(admitted))

    def threshold(self, rule: Rule, delta: float) -> float:
        """Return what ln E of the next decision has to reach under the rule."""
        k = self.decisions + 1
        if rule is Rule.PLAIN:
            return plain_threshold(k, delta)
        if rule is Rule.STRICT:
            return strict_threshold(k, self.admissions, delta)
        return e_lond_threshold(k, self.admissions, delta)


def plain_threshold(k: int, delta: float) -> float:
    """Return ln(1/delta) + ln(k (k + 1)).

    The chance of ever admitting a useless batch stays below delta provided no batch depends on the panel.

    Args:
        k: running number of the decision, 1, 2, ...
        delta: chance of ever admitting under a true null, in (0, 1).

    Raises:
        ValueError: ``k`` or ``delta`` is out of range.
    """
    _check(k)
    _check_delta(delta)
    return -math.log(delta) + math.log(k) + math.log(k + 1)


def strict_threshold(k: int, a: int, delta: float) -> float:
    """Return ln(1/delta) + ln(k (k + 1)) + ln C(k - 1, a) + ln((a + 1)(a + 2)).

    A batch that depends on the panel only through the k - 1 bits so far is, for a fixed transcript, independent of
    it. A union bound over all transcripts, each with weight 1 / ((a + 1)(a + 2) C(k - 1, a)), then holds against any
    adversary that sees bits only. (Code-length argument; weights of all transcripts of a length sum to less than 1.)

    Args:
        k: running number of the decision, 1, 2, ...
        a: admissions before it, 0 to k - 1.
        delta: chance of ever admitting under a true null, in (0, 1).

    Raises:
        ValueError: an argument is out of range.
    """
    _check(k, a)
    transcripts = math.lgamma(k) - math.lgamma(a + 1) - math.lgamma(k - a)
    return plain_threshold(k, delta) + transcripts + _log_count_cost(a)


def strict_threshold_with_harm(k: int, a: int, r: int, delta: float) -> float:
    """Return the strict threshold where "proven harmful" leaves the certification panel as a third symbol.

    ln(1/delta) + ln(k (k + 1)) + ln[(k - 1)! / (a! r! (k - 1 - a - r)!)] + ln((a + 1)(a + 2)) + ln((r + 1)(r + 2)).
    Taking harm signals from the steering panel (``prove_harm``) costs nothing and is preferred.

    Args:
        k: running number of the decision, 1, 2, ...
        a: admissions before it.
        r: harm verdicts before it, a + r <= k - 1.
        delta: chance of ever admitting under a true null, in (0, 1).

    Raises:
        ValueError: an argument is out of range.
    """
    if a < 0 or r < 0:
        raise ValueError(f"admissions and harm verdicts cannot be negative, got {a} and {r}")
    _check(k, a + r)
    transcripts = math.lgamma(k) - math.lgamma(a + 1) - math.lgamma(r + 1) - math.lgamma(k - a - r)
    return plain_threshold(k, delta) + transcripts + _log_count_cost(a) + _log_count_cost(r)


def e_lond_threshold(k: int, a: int, delta: float) -> float:
    """Return the plain threshold minus ln(a + 1): e-LOND (Xu and Ramdas 2024), under arbitrary dependence.

    The expected share of useless batches among the admitted stays below delta. It does not repair the reuse of a
    panel with feedback: each e-value must still belong to a batch chosen without looking at the panel.

    Args:
        k: running number of the decision, 1, 2, ...
        a: admissions before it, 0 to k - 1.
        delta: expected share of false admissions, in (0, 1).

    Raises:
        ValueError: an argument is out of range.
    """
    _check(k, a)
    return plain_threshold(k, delta) - math.log(a + 1)


def generation_delta(delta: float, g: int) -> float:
    """Return delta / (g (g + 1)), what panel rotation g = 1, 2, ... may spend so that all together stay below delta.

    Raises:
        ValueError: ``g`` or ``delta`` is out of range.
    """
    _check_delta(delta)
    if g < 1:
        raise ValueError(f"panel rotations are numbered from 1, got {g}")
    return delta / (g * (g + 1))


def _log_count_cost(count: int) -> float:
    return math.log(count + 1) + math.log(count + 2)


def _check(k: int, leaving: int = 0) -> None:
    if k < 1:
        raise ValueError(f"decisions are numbered from 1, got {k}")
    if not 0 <= leaving < k:
        raise ValueError(f"before decision {k} there can be 0 to {k - 1} positive verdicts, got {leaving}")


def _check_delta(delta: float) -> None:
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta is a probability strictly between 0 and 1, got {delta}")
