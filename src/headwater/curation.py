"""What a project holds that a curation compares documents with: its reserve, sealed panels, and generation ledger.

Copies of reserve documents are shown with their ids; what overlaps with a sealed panel is only counted.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from headwater.curate import PanelOverlap, write_panel_index
from headwater.curate.job import More
from headwater.curate.reasons import Reason
from headwater.curate.rules import Rule
from headwater.curate.settings import CurateSettings
from headwater.errors import InputError
from headwater.origin.own_output import OwnOutputReader
from headwater.origin.reserve import reserve_documents, reserve_folder, reserve_panels
from headwater.schema import Origin
from headwater.store import PANELS, Part, parquet_file
from headwater.store.generated import GeneratedLedger

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
    if settings.held.generated:
        operator = GeneratedCopies(str(store))
        rule = Rule(Reason.GENERATED_DUPLICATE, "generated_copy", "above", 0, "copies")
        found = found.and_also(More(operators=(operator,), rules=(rule,)))
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


@dataclass(frozen=True, slots=True)
class GeneratedCopies:
    """Finds documents that are, or are made from, what the project generated, by its generation ledger.

    Copies are known again after light edits; see :mod:`headwater.origin.own_output`.
    """

    store: str
    """The project's store; every process needs to see it."""
    documents: int = field(init=False, default=0)
    """Documents on record, so that a larger ledger is another operator."""

    name: ClassVar[str] = "generated_copies"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        count = sum(len(segment) for segment in GeneratedLedger(Path(self.store)).segments())
        if not count:
            raise InputError(
                f"the generation ledger in {self.store} is empty: there is nothing to compare with. It is written by "
                "headwater run and headwater detector mirror."
            )
        object.__setattr__(self, "documents", count)

    @property
    def adds(self) -> pa.Schema:
        """Whether it is a copy, and of what."""
        return pa.schema(
            [
                pa.field("generated_copy", pa.bool_(), metadata={"meaning": "whether most of it was generated here"}),
                pa.field("generated_detail", pa.string(), metadata={"meaning": "of which document; null for most"}),
            ]
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with whether each document is a copy."""
        copies = [False] * batch.num_rows
        details: list[str | None] = [None] * batch.num_rows
        texts = pa.RecordBatch.from_pydict({"text": batch["text"]})
        for row, evidence in _reader(self.store, self.documents).read(texts):
            copies[row] = copies[row] or evidence.origin is Origin.MACHINE
            details[row] = evidence.detail
        columns = [pa.array(copies, pa.bool_()), pa.array(details, pa.string())]
        for one, values in zip(self.adds, columns, strict=True):
            batch = batch.append_column(one, values)
        return batch


@lru_cache(maxsize=1)
def _reader(store: str, documents: int) -> OwnOutputReader:  # noqa: ARG001  (another ledger is another reader)
    return OwnOutputReader(GeneratedLedger(Path(store)))
