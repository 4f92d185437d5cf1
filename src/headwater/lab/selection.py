"""Filtering by likelihood: the model writes more than is needed and the likeliest under the human model is kept."""

import numpy as np
from numpy.typing import NDArray

from headwater.lab.recursion import Ground
from headwater.loop.regimes import Filtered
from headwater.models.chain import PASSAGE, Text
from headwater.models.samples import Counts, Points

Kept = Points | Counts | Text

CANDIDATES = 4
"""The model writes this many times what is needed."""
UNSEEN = 20.0
"""Nats of an item that a model without smoothing cannot write; above any it can write after 10^8 items."""


def lowest_loss(ground: Ground[Kept]) -> Filtered:
    """Return the regime that keeps the items with the lowest loss under the model of the human items."""
    judge = ground.learner.fit(ground.human, ground.rng)

    def choose(candidates: Kept, items: int, rng: np.random.Generator) -> Kept:  # noqa: ARG001
        return keep_lowest(candidates, judge.loss(candidates).nats, items)

    return Filtered(choose, CANDIDATES)


def keep_lowest(candidates: Kept, losses: NDArray[np.float64], items: int) -> Kept:
    """Return the candidates of each replicate with the lowest losses, ``items`` in all; of a text whole passages."""
    if items >= candidates.items:
        return candidates
    if isinstance(candidates, Text):
        passages = units(losses, candidates)
        best = np.argsort(passages, axis=1, kind="stable")[:, : -(-items // PASSAGE)]
        places = (np.sort(best, axis=1)[:, :, None] * PASSAGE + np.arange(PASSAGE)).reshape(len(best), -1)
        return Text(np.take_along_axis(candidates.values, places[:, :items], axis=1))
    best = np.argpartition(losses, items, axis=1)[:, :items]
    if isinstance(candidates, Counts):  # items stand in the order of their types
        types = candidates.counts.shape[1]
        owners = [np.repeat(np.arange(types), counts)[row] for counts, row in zip(candidates.counts, best, strict=True)]
        return Counts(np.stack([np.bincount(owner, minlength=types) for owner in owners]))
    return candidates.take(best)


def units(losses: NDArray[np.float64], samples: object) -> NDArray[np.float64]:
    """Return the loss of each unit of judgement: of each item, or of each whole passage where the items are tokens.

    What a model cannot write counts ``UNSEEN`` nats: without smoothing hardly any human passage is possible, and
    passages that are all impossible could not be told apart.
    """
    finite = np.where(np.isinf(losses), UNSEEN, losses)
    if not isinstance(samples, Text):
        return finite
    whole = losses.shape[1] // PASSAGE
    sums: NDArray[np.float64] = finite[:, : whole * PASSAGE].reshape(len(losses), whole, PASSAGE).sum(axis=2)
    return sums
