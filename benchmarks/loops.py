"""What the benchmarks of the loop share: an arm carried through its generations in memory, and tables of the result.

A run of the product does the same with every step kept on disk; the generations themselves are the package's own.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from headwater.gate import Checked, GateState
from headwater.loop.arms import gated_round, next_training_set, regime_of, start_gated
from headwater.loop.text_world import TextWorld
from headwater.loop.versions import used_versions
from headwater.loop.world import GenerationRecord
from headwater.store import Part, Split, SplitRow, merge_overlapping
from headwater.text import split_words


def run_arm(
    world: TextWorld, arm: str, generations: int, *, gates: int = 1, stream: Checked | None = None
) -> tuple[list[GenerationRecord], GateState | None]:
    """Return the measures of generations 0 to ``generations`` of an arm, and the state of its gate where it has one.

    Args:
        world: shared ground.
        arm: name of the arm; one without a regime is gated.
        generations: how often the model is retrained.
        gates: how many gates share the error budget.
        stream: checked documents a gated arm may draw on beside its own output.
    """
    regime = regime_of(arm, world)
    rng = np.random.default_rng(0)
    training = world.train
    model = world.learner.fit(training, rng)
    records = [world.measure(arm, 0, model, training)]
    if regime is not None:
        for generation in range(1, generations + 1):
            training = next_training_set(world, regime, arm, generation, model)
            model = world.learner.fit(training, rng)
            records.append(world.measure(arm, generation, model, training))
        return records, None
    gate = world.gate(gates=gates, machine_share=world.settings.loop.machine_share)
    checks = world.hard_checks()
    state = start_gated(gate)
    for generation in range(1, generations + 1):
        state = gated_round(world, gate, checks, arm, generation, model, state, stream).state
        training = gate.mix(state.gate.admitted)
        model = world.learner.fit(training, rng)
        records.append(world.measure(arm, generation, model, training))
    return records, state.gate


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


def verdict_of(met: bool) -> str:
    """Return how a target came out."""
    return "met" if met else "**missed**"


def versions() -> str:
    """Return the versions of everything that computed the figures, as one line."""
    return ", ".join(f"{name} {version}" for name, version in used_versions().items())


def without_parents(stream: pa.Table) -> pa.Table:
    """Return a stream whose documents do not say what they were made from."""
    at = stream.column_names.index("parents")
    field = stream.schema.field(at)
    return stream.set_column(at, field, pa.array([[]] * stream.num_rows, field.type))


def split_by_units(human: pa.Table, units: Mapping[Part, int], rng: np.random.Generator) -> Split:
    """Return human documents split so that each part has a given number of independent units.

    Units are groups, merged where their documents overlap, dealt out at random. The package's own split deals by
    shares and refuses parts that are too small to be of use; this one is for set-ups that state numbers.

    Args:
        human: documents with ``text`` and ``group``.
        units: independent units of each part; a part of 0 gets all that are left.
        rng: decides which unit goes where.
    """
    merged = np.asarray(merge_overlapping(human["text"].to_pylist(), human["group"].to_pylist()), dtype=np.str_)
    human = human.append_column("unit", pa.array(merged.tolist(), pa.string()))
    names = rng.permutation(np.unique(merged))
    left = len(names) - sum(units.values())
    sizes = [(units[part] or left) if part in units else 0 for part in Part]
    dealt = np.split(names, np.cumsum(sizes))[: len(sizes)]
    words = np.array([len(split_words(text)) for text in human["text"].to_pylist()])
    parts, rows = {}, []
    for part, chosen in zip(Part, dealt, strict=True):
        inside = np.isin(merged, chosen)
        parts[part] = human.filter(pa.array(inside))
        rows.append(SplitRow(part, int(inside.sum()), len(chosen), int(words[inside].sum())))
    return Split(parts, tuple(rows), len(set(human["group"].to_pylist())) - len(names))


def split_table(split: Split) -> str:
    """Return the split table in Markdown."""
    rows = [
        [row.part.value, f"{row.documents:,}", f"{row.groups:,}", f"{row.tokens:,}"]
        for row in split.rows
        if row.documents
    ]
    return markdown(["part", "documents", "independent units", "tokens"], rows)
