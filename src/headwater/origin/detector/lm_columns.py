"""Statistics of language models as further columns of the stack.

The stack of the detector's own models stays as it is. A second one puts its score and the statistics together, learnt
on the texts that have statistics: those of the user, for the texts the shipped detector learnt from are not kept. A
text without statistics (nothing but one token) has the score of the first stack: the log-odds without that evidence.

The statistics need no fitting, so one column serves all folds; what is fitted, the second stack, is held out by fold
like the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError, NotEnoughData
from headwater.origin.detector.card import ModelPair
from headwater.origin.detector.lm_statistics import COLUMNS, STACKED
from headwater.origin.detector.normalise import Normalised
from headwater.origin.detector.stack import Stack, fit_stack

LEAST_TEXTS = 25
"""Texts of each kind with statistics that the second stack is learnt from at least."""
FEATURE = "curvature (Fast-DetectGPT) and quotient (Binoculars) of the language models named below"
"""What the columns look at."""


class StatisticsReader(Protocol):
    """Whatever computes the statistics of texts, with the models it uses."""

    @property
    def pair(self) -> ModelPair:
        """The models."""

    def read(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the statistics of normalised texts, shape (texts, 3): see ``lm_statistics.COLUMNS``."""


@dataclass(frozen=True, slots=True, eq=False)
class LmColumns:
    """The second stack, and what is kept of the texts it learnt from."""

    stack: Stack
    """Puts the score of three models and the statistics together."""
    thorough_stack: Stack | None
    """The same with the score of four."""
    statistics: NDArray[np.float64]
    """Statistics of every text learnt from that count as evidence, shape (n, 2); not a number for texts without."""
    scores: NDArray[np.float64]
    """Held-out scores of the second stack, shape (n, 2): without and with the fourth model; else not a number."""
    reader: StatisticsReader | None = None
    """Reads the statistics of new texts; None until the models are loaded."""

    def score(
        self, first: NDArray[np.float64], statistics: NDArray[np.float64], *, thorough: bool
    ) -> NDArray[np.float64]:
        """Return scores, shape (n,), from those of the first stack and statistics, shape (n, 2 or more)."""
        columns = np.column_stack([first, statistics[:, :STACKED]])
        stack = self.thorough_stack if thorough and self.thorough_stack is not None else self.stack
        usable = np.isfinite(columns).all(axis=1)
        scores = first.copy()
        scores[usable] = stack.score(columns[usable])
        return scores

    def read(self, normalised: Normalised, rows: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the statistics of texts, shape (n, 3); of the chosen ones only, the others not a number.

        Raises:
            InputError: the models are not loaded.
        """
        return read_statistics(self.loaded, normalised, rows)

    @property
    def loaded(self) -> StatisticsReader:
        """The reader of the statistics of new texts.

        Raises:
            InputError: the models are not loaded.
        """
        if self.reader is None:
            raise InputError(
                "this detector reads language models, which are not loaded. Load them with "
                "headwater.origin.load_language_models, and hand them to its with_language_models."
            )
        return self.reader

    def fast(self) -> "LmColumns":
        """Return the same for a detector without the fourth model."""
        return replace(self, thorough_stack=None)


def read_statistics(
    reader: StatisticsReader, normalised: Normalised, rows: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the statistics of texts, shape (n, 3); of the chosen ones only, the others not a number."""
    chosen = np.arange(len(normalised)) if rows is None else np.flatnonzero(rows)
    out = np.full((len(normalised), len(COLUMNS)), np.nan)
    if len(chosen):
        out[chosen] = reader.read([normalised.text(row) for row in chosen.tolist()])
    return out


def require_statistics(statistics: NDArray[np.float64], is_machine: NDArray[np.bool_]) -> None:
    """Refuse to learn from too few texts.

    Raises:
        NotEnoughData: fewer than 25 texts of a kind have statistics.
    """
    usable = np.isfinite(statistics).all(axis=1)
    machines = int((usable & is_machine).sum())
    humans = int(usable.sum()) - machines
    if min(humans, machines) < LEAST_TEXTS:
        raise NotEnoughData(
            f"{humans} human and {machines} machine texts have statistics of language models; {LEAST_TEXTS} of each "
            "are needed to learn what they say. Add texts, or fit without language models (leave out --lm)."
        )


def fit_lm_columns(
    first: NDArray[np.float64],
    statistics: NDArray[np.float64],
    is_machine: NDArray[np.bool_],
    weights: NDArray[np.float64],
    sides: NDArray[np.int64],
    reader: StatisticsReader,
) -> LmColumns:
    """Return the second stack, with held-out scores.

    Args:
        first: held-out scores of the first stack, shape (n, 2): without and with the fourth model, a column of not a
            number where there is none.
        statistics: shape (n, 2), not a number for texts without.
        is_machine: labels, shape (n,).
        weights: how often each text counts, shape (n,).
        sides: fold of each text, shape (n,); -1 for texts learnt earlier, which every fold's stack may learn.
        reader: where the statistics come from.

    Raises:
        NotEnoughData: fewer than 25 texts of a kind have statistics.
    """
    require_statistics(statistics, is_machine)
    usable = np.isfinite(statistics).all(axis=1)
    stacks: list[Stack | None] = []
    scores = np.full(first.shape, np.nan)
    for column in range(first.shape[1]):
        rows = np.flatnonzero(usable & np.isfinite(first[:, column]))
        if not len(rows):
            stacks.append(None)
            continue
        parts = np.column_stack([first[rows, column], statistics[rows]])
        labels, weight, side = is_machine[rows], weights[rows], sides[rows]
        stack = fit_stack(parts, labels, weight)
        stacks.append(stack)
        found = stack.score(parts)
        for one in np.unique(side[side >= 0]):
            inside = side == one
            others = labels[~inside]
            if others.any() and not others.all():
                found[inside] = fit_stack(parts[~inside], others, weight[~inside]).score(parts[inside])
        scores[rows, column] = found
    if stacks[0] is None:  # every text has a score without the fourth model
        raise AssertionError("no first stack")
    return LmColumns(stacks[0], stacks[1], statistics, scores, reader)
