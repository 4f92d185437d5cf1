"""All ways of choosing, on the same stream, beside the gate and the ceiling.

Every arm trains on the human documents plus what it chose, mixed alike, and is measured on the final panel. The hard
checks come first for all of them, so that what differs is the choice alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.gate import (
    Checked,
    Gate,
    GateState,
    token_counts,
)
from headwater.loop.world import World
from headwater.models import Losses


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """What training on one arm's choice did."""

    arm: str
    gain_nats: float
    """Loss of human-only minus loss of this arm on the final panel, nats per word, averaged over groups."""
    standard_error: float
    """Standard error of the gain over groups."""
    tokens: int
    """Tokens chosen."""
    own_share: float
    """Share of the chosen tokens that are of recipes the gate did not admit."""


def judge_stream(gate: Gate, stream: Checked, order: Sequence[str] = ()) -> GateState:
    """Return the gate's verdict on a whole stream, offered at once."""
    return gate.judge(gate.start(), stream.passed, stream.bars, generation=1, order=order)


def compare(world: World, stream: Checked, judged: GateState, ceiling: pa.Table | None) -> list[StreamRecord]:
    """Return one record per arm.

    Args:
        world: shared ground.
        stream: the stream after the hard checks.
        judged: the gate's state after the stream.
        ceiling: the human originals of the useful recipes, where they are known.
    """
    chosen: dict[str, pa.Table] = {}
    budget = int(token_counts(judged.admitted).sum()) or int(token_counts(stream.passed).sum()) // 4
    for number, selection in enumerate(world.selections()):
        rng = np.random.default_rng([world.settings.seed, 5, number])
        chosen[selection.name] = selection.choose(stream.passed, world.train, budget, rng)
    chosen["headwater"] = judged.admitted
    if ceiling is not None:
        chosen["ceiling"] = world.encode(ceiling)
    good = frozenset(judged.admitted["recipe"].to_pylist())
    return [gain_of(world, arm, documents, good if arm != "ceiling" else None) for arm, documents in chosen.items()]


def gain_of(world: World, arm: str, documents: pa.Table, good: frozenset[str] | None = None) -> StreamRecord:
    """Return what training on the human documents and some more does on the final panel.

    Args:
        world: shared ground.
        arm: name for the record.
        documents: encoded documents beside the human ones.
        good: recipes that count as good; None counts all.
    """
    gains = world.final.gains(world.human_losses, _losses(world, documents))
    counts = token_counts(documents)
    other = np.array([good is not None and recipe not in good for recipe in documents["recipe"].to_pylist()], bool)
    total = int(counts.sum())
    return StreamRecord(
        arm,
        float(gains.mean()),
        float(gains.std(ddof=1) / np.sqrt(len(gains))),
        total,
        float(counts[other].sum() / max(total, 1)),
    )


def _losses(world: World, documents: pa.Table) -> Losses:
    return world.final_losses(pa.concat_tables([world.train, documents]))
