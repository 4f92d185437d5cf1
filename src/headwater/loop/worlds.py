"""Which world the settings ask for: how its documents are read, what joins them, and what stream a run makes itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from headwater.config import Settings
from headwater.loop.image_inputs import height_of, read_image_stream, read_images
from headwater.loop.image_stream import make_image_stream
from headwater.loop.image_world import ImageWorld
from headwater.loop.inputs import HumanInput, StreamInput, read_human, read_stream
from headwater.loop.quickstart import make_stream
from headwater.loop.row_inputs import form_of, read_row_stream, read_rows
from headwater.loop.series_inputs import read_series, read_series_stream, series_form_of
from headwater.loop.series_stream import make_series_stream
from headwater.loop.series_world import SeriesWorld
from headwater.loop.table_stream import make_table_stream
from headwater.loop.table_world import TableWorld, table_world
from headwater.loop.text_world import TextWorld
from headwater.loop.world import World
from headwater.store import Split

Say = Callable[[str], None]


def human_of(settings: Settings, rejects: Path, say: Say, store: Path | None) -> HumanInput:
    """Return the human documents of the settings; see :func:`headwater.loop.inputs.read_human`.

    Raises:
        InputError: nothing can be read, or it cannot be used.
    """
    if settings.human.modality == "table":
        return read_rows(settings)
    if settings.human.modality == "image":
        return read_images(settings)
    if settings.human.modality == "series":
        return read_series(settings)
    return read_human(settings, rejects, say, store=store)


def world_of(split: Split, settings: Settings, human: HumanInput, work: Path | None, say: Say | None) -> World:
    """Return the world of a split of human documents.

    Args:
        split: the documents by part.
        settings: resolved settings.
        human: the documents before they were split.
        work: where commands keep what they make.
        say: told what a slow proxy is doing.
    """
    if settings.human.modality == "table":
        return table_world(split, settings, form_of(human.table, settings), human.removed, work)
    if settings.human.modality == "image":
        return ImageWorld.on(split, settings, height_of(human.table), None, human.removed, work=work)
    if settings.human.modality == "series":
        where = SeriesWorld.work if work is None else work
        return SeriesWorld(settings, series_form_of(human.table, settings), split, human.removed, where)
    return TextWorld.on(split, settings, human.removed, work=work, tell=say)


def stream_of(world: World, settings: Settings, rejects: Path, say: Say, human: HumanInput) -> StreamInput:
    """Return the stream of the settings' files, with what the learners need.

    Raises:
        InputError: nothing can be read, or it cannot be used.
    """
    if isinstance(world, TableWorld):
        found = read_row_stream(settings, world.form)
    elif isinstance(world, ImageWorld):
        found = read_image_stream(settings, world.form.height * world.form.width)
    elif isinstance(world, SeriesWorld):
        found = read_series_stream(settings, world.form)
    else:
        found = read_stream(settings, rejects, say, human=human.everything)
    return replace(found, table=world.encode(found.table))


def made_stream(world: World) -> pa.Table:
    """Return the stream that a run makes for itself where it is given none."""
    if isinstance(world, TableWorld):
        return make_table_stream(world)
    if isinstance(world, ImageWorld):
        return make_image_stream(world)
    if isinstance(world, SeriesWorld):
        return make_series_stream(world)
    assert isinstance(world, TextWorld)
    return make_stream(world)
