"""Labelled images read from files: arrays of NumPy, or Parquet with a list of pixels per row."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from headwater.config import Settings
from headwater.errors import InputError, did_you_mean
from headwater.loop.inputs import HumanInput, StreamInput
from headwater.loop.result import CorpusFacts, ReadFacts
from headwater.models.labelled_images import LABEL, PIXELS, image_documents
from headwater.schema import Origin, content_id
from headwater.sources import expand_paths

MOST_IMAGES = 50_000
"""Human images that are used at most; of more a random part, by the hash of the image."""


def read_images(settings: Settings) -> HumanInput:
    """Return the human images of the settings, exact copies set apart.

    Raises:
        InputError: files cannot be read, hold no images, or arrays do not belong together.
    """
    wanted = settings.human
    where = ", ".join(wanted.paths)
    tables = [_read(path, wanted.text, wanted.target) for path in expand_paths(wanted.paths, arrays=True)]
    _same_size(tables, where)
    images = pa.concat_tables(tables)
    count = images.num_rows
    images = _with(images, "origin", [Origin.HUMAN.value] * count)
    images = _with(images, "source", [where] * count)
    images = _with(images, "group", images["id"].to_pylist())
    first: dict[str, int] = {}
    repeats = [first.setdefault(key, i) for i, key in enumerate(images["id"].to_pylist())]
    fresh = np.array([place == i for i, place in enumerate(repeats)], np.bool_)
    copies = np.flatnonzero(~fresh)
    ids = images["id"].to_pylist()
    removed = images.take(pa.array(copies)).append_column(
        "repeats", pa.array([ids[repeats[i]] for i in copies], pa.string())
    )
    images = images.filter(pa.array(fresh))
    remarks = [
        "Every image counts as independent. If several come from one writer, camera or session, use Python's API."
    ]
    if images.num_rows > MOST_IMAGES:
        share = MOST_IMAGES / images.num_rows
        kept = [int(content_id(key)[:13], 16) / 16**13 < share for key in images["id"].to_pylist()]
        images = images.filter(pa.array(kept))
        remarks.append(f"There are more than {MOST_IMAGES:,} images; a random {share:.1%} of them is used.")
    facts = CorpusFacts(where, images.num_rows, removed.num_rows, images.num_rows, images.num_rows, {}, grouped=False)
    return HumanInput(images, facts, ReadFacts(count, 0, {}), tuple(remarks), removed)


def read_image_stream(settings: Settings, pixels: int) -> StreamInput:
    """Return the machine images of the settings; each file is a recipe.

    Raises:
        InputError: files cannot be read, or their images are of another size.
    """
    wanted = settings.stream
    tables = []
    for path in expand_paths(wanted.paths, arrays=True):
        table = _read(path, wanted.text, settings.human.target)
        if table[PIXELS].type.list_size != pixels:
            raise InputError(
                f"{path} holds images of {table[PIXELS].type.list_size} pixels, and the human ones have {pixels}. "
                "Scale them."
            )
        name = path.name.split(".")[0]
        ids = [content_id(f"{name}\n{i}\n{key}") for i, key in enumerate(table["id"].to_pylist())]
        values = {"id": ids, "group": ids, "recipe": [name] * len(ids), "source": [str(path)] * len(ids)}
        for column, given in {**values, "origin": [Origin.MACHINE.value] * len(ids)}.items():
            table = _with(table, column, given)
        tables.append(table)
    stream = pa.concat_tables(tables)
    return StreamInput(stream, ", ".join(wanted.paths), ReadFacts(stream.num_rows, 0, {}))


def height_of(images: pa.Table) -> int:
    """Return the height of images, which are square.

    Raises:
        InputError: they are not.
    """
    pixels = images[PIXELS].type.list_size
    height = math.isqrt(pixels)
    if height * height != pixels:
        raise InputError(f"images of {pixels} pixels are not square; on the command line they have to be.")
    return height


def _read(path: Path, content: str, label: str | None) -> pa.Table:
    if path.suffix == ".npz":
        images, labels = _from_arrays(path, content, label)
    elif path.suffix == ".parquet":
        images, labels = _from_parquet(path, label)
    else:
        raise InputError(f"{path} holds no images that can be read. Allowed are .npz (arrays) and .parquet (pixels).")
    try:
        return image_documents(images, labels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _from_arrays(path: Path, content: str, label: str | None) -> tuple[NDArray[Any], Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read as arrays: {error}") from error
    pictures = [name for name, array in arrays.items() if array.ndim == 3]
    chosen = content if content in arrays else pictures[0] if len(pictures) == 1 else None
    if chosen is None:
        raise InputError(
            f"{path} has {len(pictures)} arrays of images ({', '.join(pictures) or 'none'}). Name one of shape "
            "(images, height, width) with --text."
        )
    if label not in arrays:
        raise InputError(
            f"{path} has no array {label!r} with labels. Arrays: {', '.join(arrays)}."
            f"{did_you_mean(str(label), list(arrays))}"
        )
    return arrays[chosen], arrays[label]


def _from_parquet(path: Path, label: str | None) -> tuple[NDArray[Any], Any]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    for name in (PIXELS, label or LABEL):
        if name not in table.column_names:
            raise InputError(f"{path} has no column {name!r}. Columns: {', '.join(table.column_names)}.")
    sizes = {len(row or []) for row in table[PIXELS].to_pylist()}
    side = math.isqrt(max(sizes, default=0))
    if len(sizes) != 1 or side * side not in sizes:
        raise InputError(f"{path}: every row of {PIXELS!r} must be a list of one length, the square of a side.")
    values = np.array(table[PIXELS].to_pylist())
    return values.reshape(len(values), side, side), [str(value) for value in table[label or LABEL].to_pylist()]


def _same_size(tables: Sequence[pa.Table], where: str) -> None:
    sizes = sorted({table[PIXELS].type.list_size for table in tables})
    if len(sizes) > 1:
        raise InputError(f"the images in {where} have {' and '.join(map(str, sizes))} pixels. Scale them to one size.")


def _with(table: pa.Table, name: str, values: Sequence[str]) -> pa.Table:
    at = table.column_names.index(name)
    return table.set_column(at, table.schema.field(name), pa.array(values, pa.string()))
