"""What the updates of a network are made of: human and machine-made pieces in a fixed share, and what is held out."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import NotEnoughData
from headwater.schema import Origin


def machine_made(table: pa.Table) -> NDArray[np.bool_]:
    """Return which documents are machine-made: those with a recipe or of machine origin."""
    columns = [
        table[name].to_pylist() if name in table.column_names else [None] * table.num_rows
        for name in ("recipe", "origin")
    ]
    made = (recipe is not None or origin == Origin.MACHINE.value for recipe, origin in zip(*columns, strict=True))
    return np.fromiter(made, bool, table.num_rows)


def hold_out(samples: pa.Table, share: float, rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """Return what is trained on, and human documents that are held out to choose the best update.

    Whole groups are held out. Which ones depends on the generator and the human rows alone, so it is the same for both
    training sets of a pair; where everything is machine-made, some of it is held out.

    Args:
        samples: documents with the columns ``id`` and ``group``.
        share: share of the human groups.
        rng: decides which.

    Raises:
        NotEnoughData: there are too few groups.
    """
    machine = machine_made(samples)
    like_human = ~machine if not machine.all() else machine
    names = [group or key for group, key in zip(samples["group"].to_pylist(), samples["id"].to_pylist(), strict=True)]
    units = np.asarray(names, np.str_)
    known = np.unique(units[like_human])
    count = round(share * len(known))
    if not 1 <= count < len(known):
        raise NotEnoughData(
            f"{len(known)} groups are too few to hold out {share:.0%} of them for choosing the best update. Give more "
            'human documents, or set keep = "last".'
        )
    held = np.isin(units, rng.permutation(known)[:count]) & like_human
    return samples.filter(pa.array(~held)), samples.filter(pa.array(held))


def share_of_updates(machine_tokens: int, tokens: int, largest: float) -> float:
    """Return the machine-made share of every update: the training set's own, up to the largest; 1 for nothing else."""
    return min(machine_tokens / tokens, largest) if machine_tokens < tokens else 1.0


def mixed_updates(
    machine: NDArray[np.bool_], share: float, batch: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield the pieces of one update after another, without end.

    Human and machine-made pieces are shuffled apart, and each kind is gone through as a whole before it is shuffled
    again. Each kind has at least one piece in an update; :func:`weights_of` makes the share exact.

    Args:
        machine: for each piece whether it is machine-made.
        share: machine-made share of an update; 0 and 1 leave the other kind out.
        batch: pieces of an update.
        rng: decides the order.
    """
    if 0 < share < 1:
        made = min(max(round(batch * share), 1), max(batch - 1, 1))
        counts = {True: made, False: max(batch - made, 1)}
    else:
        counts = {share == 1: batch}
    decks = [_shuffled(np.flatnonzero(machine == kind), count, rng) for kind, count in counts.items()]
    while True:
        yield np.concatenate([next(deck) for deck in decks])


def weights_of(machine: NDArray[np.bool_], lengths: NDArray[np.int64], share: float) -> NDArray[np.float32]:
    """Return the weight of each token of the pieces of an update.

    All tokens of a kind weigh the same, and the kinds weigh ``share`` and 1 - ``share`` together.

    Args:
        machine: for each piece of the update whether it is machine-made.
        lengths: tokens of each piece.
        share: machine-made share of the update.
    """
    totals = np.where(machine, lengths[machine].sum(), lengths[~machine].sum())
    weights = np.where(machine, share, 1 - share) / totals
    return weights.astype(np.float32)


def _shuffled(pieces: NDArray[np.intp], count: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield ``count`` pieces at a time; all of them before any comes again."""
    waiting = rng.permutation(pieces)
    while True:
        while len(waiting) < count:
            waiting = np.concatenate([waiting, rng.permutation(pieces)])
        yield waiting[:count]
        waiting = waiting[count:]
