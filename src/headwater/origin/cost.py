"""What isolating the machine-like documents costs and brings, at a stated prevalence."""

import math

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


def break_even(arithmetic: Costs) -> float:
    """Return how many machine-made documents kept one human document lost may cost before isolating does harm.

    Isolating is expected to be cheaper than keeping everything where the cost of losing a human document is less than
    a t / ((1 - a) f) times that of keeping a machine-made one (Elkan 2001, "The foundations of cost-sensitive
    learning", section 2). Infinite where no human document is flagged; 0 where no machine-made one is.
    """
    found = arithmetic.prevalence * arithmetic.tpr
    lost = (1.0 - arithmetic.prevalence) * arithmetic.fpr
    return found / lost if lost > 0 else math.inf if found > 0 else 0.0
