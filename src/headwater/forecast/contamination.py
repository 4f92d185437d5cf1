"""What a gate keeps and what it lets through: shares of human and machine text before and behind it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def kept_human_share(machine_share: ArrayLike, false_positive_rate: ArrayLike) -> NDArray[np.float64]:
    """Return the share of new text that is human and kept, (1 - c)(1 - phi), 0 to 1.

    Args:
        machine_share: machine share c of the new text, 0 to 1, by tokens; any shape.
        false_positive_rate: share phi of the human text that the gate turns away, 0 to 1; broadcast.
    """
    return (1 - np.asarray(machine_share, float)) * (1 - np.asarray(false_positive_rate, float))


def passed_machine_share(machine_share: ArrayLike, recall: ArrayLike) -> NDArray[np.float64]:
    """Return the share of new text that is machine-made and passes, c (1 - rho), 0 to 1.

    Args:
        machine_share: machine share c of the new text, 0 to 1, by tokens; any shape.
        recall: share rho of the machine text that the gate recognises, 0 to 1; broadcast.
    """
    return np.asarray(machine_share, float) * (1 - np.asarray(recall, float))


def contamination(
    machine_share: ArrayLike, recall: ArrayLike = 0.0, false_positive_rate: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Return the machine share of what is admitted: c(1 - rho) / (c(1 - rho) + (1 - c)(1 - phi)), 0 to 1.

    Without a gate (recall and false-positive rate 0) it is the machine share itself; 0 where nothing is admitted. Rates
    that differ between documents (a detector sees long texts better) are not in it: rho and phi are averages by tokens.
    """
    return machine_part(
        kept_human_share(machine_share, false_positive_rate), passed_machine_share(machine_share, recall)
    )


def machine_part(human: ArrayLike, machine: ArrayLike) -> NDArray[np.float64]:
    """Return machine / (human + machine), 0 where both are nothing.

    Args:
        human: human tokens or their share, not negative.
        machine: machine-made tokens or their share, not negative; broadcast.
    """
    h, m = np.asarray(human, float), np.asarray(machine, float)
    total = h + m
    return np.divide(m, total, out=np.zeros(total.shape), where=total > 0)
