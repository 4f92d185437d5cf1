"""What isolating the machine-like documents costs and brings, at a stated prevalence."""

import math
from dataclasses import dataclass

from headwater.errors import InputError
from headwater.origin.result import Costs


def precision(prevalence: float, tpr: float, fpr: float) -> float:
    """Return a t / (a t + (1 - a) f): the share of flagged documents that are machine-made.

    At a false-positive rate of 1 % and a prevalence of 10 % a recall of one half gives .85: every seventh document that
    is thrown out was human. Not a number where nothing is flagged.

    Args:
        prevalence: machine-made share a, 0 to 1.
        tpr: share of machine-made documents that are flagged, 0 to 1.
        fpr: share of human documents that are flagged, 0 to 1.
    """
    for name, value in (("prevalence", prevalence), ("true-positive rate", tpr), ("false-positive rate", fpr)):
        if not 0.0 <= value <= 1.0:
            raise InputError(f"the {name} is a share between 0 and 1, got {value:g}")
    flagged = prevalence * tpr + (1.0 - prevalence) * fpr
    return prevalence * tpr / flagged if flagged > 0 else math.nan


def costs(prevalence: float, tpr: float, fpr: float, *, assumed: bool) -> Costs:
    """Return the arithmetic of isolating what the verdict calls machine-like.

    Args:
        prevalence: machine-made share, 0 to 1.
        tpr: true-positive rate of the verdict on the references.
        fpr: false-positive rate of the verdict on the references.
        assumed: whether the prevalence was stated by the user rather than estimated.
    """
    isolated = prevalence * tpr + (1.0 - prevalence) * fpr
    kept = 1.0 - isolated
    return Costs(
        prevalence=prevalence,
        assumed=assumed,
        fpr=fpr,
        tpr=tpr,
        precision=precision(prevalence, tpr, fpr),
        isolated=isolated,
        human_lost=fpr,
        machine_left=prevalence * (1.0 - tpr) / kept if kept > 0 else math.nan,
    )


@dataclass(frozen=True, slots=True)
class Isolation:
    """Expected cost per document of the corpus, in the user's unit, of keeping all and of isolating what is flagged."""

    keep: float
    """Of keeping everything: a * (cost of a machine-made document kept)."""
    isolate: float
    """Of isolating: a (1 - t) * (cost of one kept) + (1 - a) f * (cost of a human one lost)."""
    break_even: float
    """Prevalence above which isolating is cheaper, 0 to 1; 1 where it never is."""

    @property
    def worthwhile(self) -> bool:
        """Whether isolating is expected to be cheaper."""
        return self.isolate < self.keep


def isolation(arithmetic: Costs, machine_kept: float, human_lost: float) -> Isolation:
    """Return what isolating and keeping are expected to cost at the user's costs of the two mistakes.

    Isolating is cheaper where a t * machine_kept > (1 - a) f * human_lost (Elkan 2001, "The foundations of
    cost-sensitive learning", section 2).

    Args:
        arithmetic: rates and prevalence.
        machine_kept: cost of one machine-made document that is kept, 0 or more.
        human_lost: cost of one human document that is isolated, 0 or more, same unit.
    """
    for name, cost in (
        ("machine-made document that is kept", machine_kept),
        ("human document that is lost", human_lost),
    ):
        if not 0.0 <= cost < math.inf:
            raise InputError(f"the cost of a {name} must be a number, 0 or more; got {cost:g}")
    a, t, f = arithmetic.prevalence, arithmetic.tpr, arithmetic.fpr
    gain, loss = t * machine_kept, f * human_lost
    return Isolation(
        keep=a * machine_kept,
        isolate=a * (1.0 - t) * machine_kept + (1.0 - a) * loss,
        break_even=loss / (gain + loss) if gain + loss > 0 else 1.0,
    )
