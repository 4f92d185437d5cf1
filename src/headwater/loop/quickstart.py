"""The stream that a run makes for itself when the user brings none: useful recipes among useless and harmful ones.

The useful ones are rewritten unseen human text: programs turn human documents the model has not seen into another
form. Each draws on human documents of its own, because of two recipes that share their sources the second brings
nothing new. The others stand for what dirty streams carry: the model's own output, the output of a collapsed model,
word salad, light edits of training text, and leaks of sealed documents, verbatim and reworded.
"""

import numpy as np
import pyarrow as pa

from headwater.gate import token_counts
from headwater.generate import (
    REWRITES,
    Recipe,
    leak,
    near_copy,
    own_output,
    paraphrased_leak,
    shuffle,
)
from headwater.loop.documents import draw
from headwater.loop.world import World
from headwater.schema import DOCUMENT
from headwater.store import Part

GENERATIONS_TO_COLLAPSE = 6
OWN_SHARE = 3
"""Size of the model's own output and of the collapsed output, in multiples of one rewriting recipe: a little more than
half of a dirty stream is then self-generated, as in the mixed streams the gate was measured on."""


def make_stream(world: World) -> pa.Table:
    """Return the quickstart stream, shuffled, each document with its recipe and parents."""
    rng = np.random.default_rng([world.settings.seed, 3])
    thirds = source_thirds(world)
    size = max(int(np.mean([token_counts(third).sum() for third in thirds])), 1)
    batches = [recipe.make(third, rng) for recipe, third in zip(REWRITES, thirds, strict=True)]
    batches.append(shuffle.make(thirds[0], rng))
    certification = world.split[Part.CERTIFICATION]
    spoiled: list[tuple[Recipe, pa.Table]] = [
        (near_copy, world.train),
        (leak, certification),
        (paraphrased_leak, certification),
    ]
    for recipe, parents in spoiled:
        batches.append(recipe.make(draw(parents, size, token_counts, rng), rng))
    model = world.learner.fit(world.train, rng)
    batches.append(own_output(model, OWN_SHARE * size, rng, name="own-output", generation=1))
    for _ in range(GENERATIONS_TO_COLLAPSE):
        model = world.learner.fit(model.sample_tokens(world.budget, rng), rng)
    batches.append(
        own_output(model, OWN_SHARE * size, rng, name="collapsed-output", generation=GENERATIONS_TO_COLLAPSE + 1)
    )
    stream = pa.concat_tables([world.encode(batch) for batch in batches])
    return stream.take(pa.array(rng.permutation(stream.num_rows)))


def source_thirds(world: World) -> list[pa.Table]:
    """Return the unseen human documents in as many disjoint parts as there are rewrites; units stay whole."""
    sources = world.split[Part.SOURCES]
    units = np.asarray(sources["unit"].to_pylist(), dtype=np.str_)
    names = np.unique(units)
    rng = np.random.default_rng([world.settings.seed, 2])
    part_of = dict(zip(rng.permutation(names).tolist(), (i % len(REWRITES) for i in range(len(names))), strict=True))
    parts = np.array([part_of[unit] for unit in units], np.int64)
    return [sources.filter(pa.array(parts == i)) for i in range(len(REWRITES))]


def make_example(world: World, stream: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return a stream and a human reserve to try the gate on, without the columns of this run's vocabulary.

    The reserve is every human document but the sources of the rewrites; whoever judges the stream against it splits it
    anew. Outputs of the run's models are left out: they were trained on documents that may end up in the new panels.
    """
    keep = [*(recipe.name for recipe in REWRITES), shuffle.name, near_copy.name, leak.name]
    documents = stream.filter(pa.array([name in keep for name in stream["recipe"].to_pylist()], pa.bool_()))
    parts = [world.split[part].select(DOCUMENT.names) for part in Part if part is not Part.SOURCES]
    return documents.select(DOCUMENT.names).cast(DOCUMENT), pa.concat_tables(parts).cast(DOCUMENT)
