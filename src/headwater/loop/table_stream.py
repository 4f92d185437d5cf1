"""The stream of machine rows that a run on a table makes for itself: useful recipes among useless and harmful ones."""

import numpy as np
import pyarrow as pa

from headwater.gate import token_counts
from headwater.loop.documents import draw
from headwater.loop.table_world import TableWorld
from headwater.models.table_form import VALUE
from headwater.store import Part

_TO_COLLAPSE = 6


def make_table_stream(world: TableWorld) -> pa.Table:
    """Return the rows, shuffled, each with its recipe and parents.

    ``unseen-perturbed`` is human rows that the model has not seen with a tenth of their other columns exchanged: new
    human information through a machine. The others are what dirty streams carry: the generator's own output, that of a
    collapsed one, rows with every column shuffled, copies of training rows, and a leak of the sealed panel.
    """
    rng = np.random.default_rng([world.settings.seed, 3])
    sources, train = world.split[Part.SOURCES], world.train
    size = sources.num_rows
    model = world.learner.fit(train, rng)
    own = world.own_output(model, size, rng, name="own-output", generation=1)
    for _ in range(_TO_COLLAPSE):
        model = world.learner.fit(model.sample(train.num_rows, rng), rng)
    panel = draw(world.split[Part.CERTIFICATION], size, token_counts, rng)
    copied = draw(train, size, token_counts, rng)
    batches = [
        _from(world, sources, _exchanged(world, sources, 0.1, rng), "unseen-perturbed"),
        own,
        world.own_output(model, size, rng, name="collapsed-output", generation=_TO_COLLAPSE + 1),
        world.made(_values(_exchanged(world, train, 1.0, rng)).slice(0, size), name="shuffled-columns"),
        _from(world, copied, copied, "copies"),
        _from(world, panel, panel, "leak"),
    ]
    stream = pa.concat_tables(batches)
    return stream.take(pa.array(rng.permutation(stream.num_rows)))


def _values(table: pa.Table) -> pa.Table:
    return table.select([name for name in table.column_names if name.startswith(VALUE)])


def _from(world: TableWorld, parents: pa.Table, rows: pa.Table, name: str) -> pa.Table:
    return world.made(_values(rows), name=name, parents=[[key] for key in parents["id"].to_pylist()])


def _exchanged(world: TableWorld, rows: pa.Table, share: float, rng: np.random.Generator) -> pa.Table:
    """Return rows with each value but the target, with a probability, exchanged for that of a random row."""
    for column in world.form.columns:
        if column.name == world.form.target and share < 1:
            continue
        name = VALUE + column.name
        places = np.arange(rows.num_rows)
        chosen = rng.random(rows.num_rows) < share
        places[chosen] = rng.integers(rows.num_rows, size=int(chosen.sum()))
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].take(pa.array(places)))
    return rows
