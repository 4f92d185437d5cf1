"""The loops that run side by side: one generation of each, as a function of the one before.

An arm without a gate is a regime. An arm with a gate offers its own output, and where it has one the stream, to the
gate and trains on the human documents and what was admitted.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.gate import Checked, Gate, GateState, token_counts
from headwater.loop.documents import Documents
from headwater.loop.feedback import adapted_share, budgets, moving_average
from headwater.loop.regimes import Filtered, History, HumanOnly, Regime, Replace
from headwater.loop.regimes import next_training_set as mixed
from headwater.loop.world import HardChecker, World
from headwater.schema import Verdict


def regime_of(arm: str, world: World) -> Regime | None:
    """Return the regime of an arm, or None for an arm with a gate."""
    if arm == "human-only":
        return HumanOnly()
    if arm == "ungated":
        return Replace()
    if arm == "filtered":
        selection = world.most_likely()

        def choose(candidates: Documents, size: int, rng: np.random.Generator) -> Documents:
            return Documents(selection.choose(candidates.table, world.train, size, rng), token_counts)

        return Filtered(choose, world.settings.loop.candidates)
    return None


def generator_of(world: World, arm: str, generation: int) -> np.random.Generator:
    """Return the source of randomness of one generation of one arm, the same however the run got there."""
    return np.random.default_rng([world.settings.seed, zlib.crc32(arm.encode()), generation])


def next_training_set(world: World, regime: Regime, arm: str, generation: int, model: Any) -> pa.Table:
    """Return the training set of a generation.

    Args:
        world: shared ground.
        regime: how training sets are made.
        arm: name of the arm.
        generation: generation to be trained, from 1.
        model: model of the generation before.
    """
    rng = generator_of(world, arm, generation)
    if regime.oversample:
        wanted = regime.oversample * world.budget
        name = f"{arm}-output-{generation}"
        output = world.own_output(model, wanted, rng, name=name, generation=generation)
    else:
        output = world.train.slice(0, 0)
    human = Documents(world.train, token_counts)
    history = History(human, human, lambda items: human.draw(0, rng), Documents(output, token_counts))
    return mixed(regime, history, rng).table


@dataclass(frozen=True)
class GatedState:
    """Everything a gated arm carries from one generation to the next."""

    gate: GateState
    gains: Mapping[str, float] = field(default_factory=dict)
    """Moving average of the marginal gain of each recipe on the steering panel, nats per token for 1,000 tokens."""
    taken: Mapping[str, int] = field(default_factory=dict)
    """How many of each recipe's documents have been offered."""
    share: float | None = None
    """Machine-made share of the mix where it is adapted; None: that of the gate."""

    def in_force(self, gate: Gate) -> Gate:
        """Return the gate with the machine-made share of now, which is never above the gate's own."""
        return gate if self.share is None else replace(gate, machine_share=min(self.share, gate.machine_share))


@dataclass(frozen=True)
class Round:
    """What happened in one generation of a gated arm."""

    state: GatedState
    offered: pa.Table
    """Documents offered to the gate in this generation."""
    own: Checked
    """The model's own output after the hard checks."""
    budgets: Mapping[str, int]
    """Tokens taken of each recipe of the stream."""


def gated_round(
    world: World,
    gate: Gate,
    checks: HardChecker,
    arm: str,
    generation: int,
    model: Any,
    state: GatedState,
    stream: Checked | None,
) -> Round:
    """Return the state of a gated arm after one more generation.

    The model's own output is a new recipe in every generation, because the model was retrained. Recipes of the stream
    share a budget by what the steering panel said of them so far; without a steering panel they share it evenly.
    """
    rng = generator_of(world, arm, generation)
    name = f"own-output-{generation}"
    output = world.own_output(model, world.budget, rng, name=name, generation=generation)
    own = checks.apply(output)
    bars = dict(own.bars)
    batch = world.train.slice(0, 0)
    spent: dict[str, int] = {}
    taken = dict(state.taken)
    if stream is not None:
        bars |= dict(stream.bars)
        batch, spent, taken = _from_stream(world, state, stream.passed)
    offered = pa.concat_tables([batch, own.passed])
    # Own output last: its verdict is the least in doubt, and the fewer decisions come before a recipe, the better.
    judged = state.in_force(gate).judge(state.gate, offered, bars, generation=generation, order=sorted(spent))
    gains = dict(state.gains)
    for recipe, share in spent.items():
        evidence = judged.statuses[recipe].evidence if share else None
        if evidence is not None:
            gains[recipe] = moving_average(gains.get(recipe), evidence.gain_per_1k)
    adapted = _next_share(world, gate, state, judged, {name for name, given in spent.items() if given} | {name})
    return Round(GatedState(judged, gains, taken, adapted), offered, own, spent)


def _next_share(world: World, gate: Gate, state: GatedState, judged: GateState, tested: set[str]) -> float | None:
    """Return the share after a round: it follows the mean gain of the recipes tested in it.

    Admitted recipes count, and those that wait where they gained: at a small share little can be certified.
    """
    if state.share is None:
        return None
    found = [judged.statuses[name] for name in sorted(tested) if name in judged.statuses]
    gains = [
        one.evidence.gain
        for one in found
        if one.evidence is not None and (one.verdict is Verdict.ADMITTED or (one.open and one.evidence.gain > 0))
    ]
    if not gains:
        return state.share
    rate = world.settings.loop.machine_share_rate
    return adapted_share(state.share, sum(gains) / len(gains), rate, gate.machine_share)


def _from_stream(world: World, state: GatedState, stream: pa.Table) -> tuple[pa.Table, dict[str, int], dict[str, int]]:
    """Return this generation's documents of the stream, the budget of each recipe, and what is then taken of each."""
    names = np.asarray(stream["recipe"].to_pylist(), dtype=np.str_)
    counts = token_counts(stream)
    waiting = {
        str(name): np.flatnonzero(names == name)[state.taken.get(str(name), 0) :]
        for name in np.unique(names)
        if (status := state.gate.statuses.get(str(name))) is None or status.open
    }
    supply = {name: int(counts[rows].sum()) for name, rows in waiting.items()}
    total = int(counts.sum()) // max(world.settings.loop.generations, 1) + 1
    shares = budgets(total, {name: state.gains.get(name) for name in waiting}, supply, world.settings.loop.exploration)
    chosen, taken = [], dict(state.taken)
    for name, share in shares.items():
        rows = waiting[name]
        count = int(np.searchsorted(np.cumsum(counts[rows]), share)) + 1 if share else 0
        chosen.append(rows[:count])
        taken[name] = taken.get(name, 0) + min(count, len(rows))
    picked = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    return stream.take(pa.array(np.sort(picked))), shares, taken


def start_gated(gate: Gate, share: float | None = None) -> GatedState:
    """Return the state of a gated arm before its first generation.

    Args:
        gate: the gate of the arm.
        share: machine-made share to begin with, adapted from then on; None: the gate's own, for good.
    """
    return GatedState(gate.start(), share=None if share is None else min(share, gate.machine_share))
