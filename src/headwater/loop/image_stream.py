"""The stream of machine images that a run makes for itself: a useful recipe among useless and harmful ones."""

import numpy as np
import pyarrow as pa

from headwater.gate import token_counts
from headwater.loop.documents import draw
from headwater.loop.image_world import ImageWorld
from headwater.models.labelled_images import LABEL, image_documents, pixels_of
from headwater.schema import Origin, content_id
from headwater.store import Part

_TO_COLLAPSE = 6
_NOISE = 0.1


def make_image_stream(world: ImageWorld) -> pa.Table:
    """Return the images, shuffled, each with its recipe and parents.

    ``unseen-shifted`` is human images that the model has not seen, moved by up to a pixel and with a little noise: new
    human information through a machine. The others are what dirty streams carry: the generator's own output, that of a
    collapsed one, labels exchanged at random, copies of training images, and a leak of the sealed panel.
    """
    rng = np.random.default_rng([world.settings.seed, 3])
    sources, train = world.split[Part.SOURCES], world.train
    size = sources.num_rows
    model = world.learner.fit(train, rng)
    own = world.own_output(model, size, rng, name="own-output", generation=1)
    mislabelled = own.take(pa.array(rng.permutation(own.num_rows)))
    for _ in range(_TO_COLLAPSE):
        model = world.learner.fit(model.sample(train.num_rows, rng), rng)
    copied = draw(train, size, token_counts, rng)
    panel = draw(world.split[Part.CERTIFICATION], size, token_counts, rng)
    stream = pa.concat_tables(
        [
            _made(world, _shifted(world, sources, rng), sources[LABEL].to_pylist(), "unseen-shifted", sources),
            own,
            world.own_output(model, size, rng, name="collapsed-output", generation=_TO_COLLAPSE + 1),
            _made(world, _square(world, own), mislabelled[LABEL].to_pylist(), "labels-exchanged"),
            _made(world, _square(world, copied), copied[LABEL].to_pylist(), "copies", copied),
            _made(world, _square(world, panel), panel[LABEL].to_pylist(), "leak", panel),
        ]
    )
    return stream.take(pa.array(rng.permutation(stream.num_rows)))


def _square(world: ImageWorld, images: pa.Table) -> np.ndarray:
    return pixels_of(images).reshape(-1, world.form.height, world.form.width)


def _shifted(world: ImageWorld, images: pa.Table, rng: np.random.Generator) -> np.ndarray:
    pictures = _square(world, images)
    moves = rng.integers(-1, 2, size=(len(pictures), 2))
    moved = np.stack([np.roll(one, move, axis=(0, 1)) for one, move in zip(pictures, moves, strict=True)])
    return np.clip(moved + rng.normal(scale=_NOISE, size=moved.shape), 0, 1)


def _made(
    world: ImageWorld, pictures: np.ndarray, labels: list[str], name: str, parents: pa.Table | None = None
) -> pa.Table:
    images = image_documents(pictures, np.array(labels))
    count = images.num_rows
    ids = [content_id(f"{name}\n{i}\n{key}") for i, key in enumerate(images["id"].to_pylist())]
    named = [[key] for key in parents["id"].to_pylist()] if parents is not None else [[]] * count
    values = {
        "id": ids,
        "group": ids,
        "recipe": [name] * count,
        "origin": [Origin.MACHINE.value] * count,
        "evidence": ["own generation ledger"] * count,
        "generator": ["headwater"] * count,
        "generation": [1] * count,
        "parents": named,
    }
    for column, given in values.items():
        at = images.column_names.index(column)
        field = images.schema.field(column)
        images = images.set_column(at, field, pa.array(given, field.type))
    return world.encode(images)
