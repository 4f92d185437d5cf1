"""What a project holds that a curation compares documents with: its human reserve and the sealed panels of it.

Copies of reserve documents are shown with their ids; what overlaps with a sealed panel is only counted.
"""

from pathlib import Path

import pyarrow as pa

from headwater.curate import PanelOverlap, write_panel_index
from headwater.curate.job import More
from headwater.curate.reasons import Reason
from headwater.curate.rules import Rule
from headwater.curate.settings import CurateSettings
from headwater.errors import InputError
from headwater.origin.reserve import reserve_documents, reserve_folder, reserve_panels
from headwater.store import PANELS, Part, parquet_file

PANEL_SHARE = 0.3
"""Share of a block of a document that may stand in a sealed panel; the bar of the gate."""

_HELD = pa.schema([pa.field("id", pa.string()), pa.field("text", pa.string())])


def held_by_project(settings: CurateSettings, store: Path, working: Path) -> More:
    """Return what a project compares documents with, written to a folder for working files where it is not there yet.

    Args:
        settings: settings of the curation.
        store: the project's store.
        working: folder for working files, which every process sees.

    Raises:
        InputError: the project has no reserve, or nothing is sealed.
    """
    found = More()
    if settings.held.reserve:
        found = found.and_also(More(held=(_reserve(store, working / "reserve.parquet"),)))
    if settings.evaluation.panels:
        found = found.and_also(_panels(store, working / "panels.arrow"))
    return found


def _reserve(store: Path, path: Path) -> Path:
    if path.exists():
        return path
    count = 0
    with parquet_file(path, _HELD) as writer:
        for batch in reserve_documents(store, (Part.TRAIN, Part.SOURCES)):
            writer.write_batch(batch.select(_HELD.names).cast(_HELD))
            count += batch.num_rows
    if not count:
        path.unlink()
        raise InputError(
            f"the reserve in {store} holds no documents to compare with. Add some: headwater reserve add PATHS."
        )
    return path


def _panels(store: Path, index: Path) -> More:
    panels = reserve_panels(store)
    if not index.exists():
        write_panel_index(index, panels, reserve_documents(store, PANELS))
    operator = PanelOverlap(str(reserve_folder(store) / "panels"), str(index))
    return More(
        operators=(operator,),
        rules=(
            Rule(Reason.PANEL_DOCUMENT, "panel_document", "above", 0, "leaks"),
            Rule(Reason.PANEL_OVERLAP, "panel_share", "above", PANEL_SHARE, "leaks"),
        ),
    )
