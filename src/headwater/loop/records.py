"""What runs and judgements say about the documents they write, for the records beside the files."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from headwater.config import Settings
from headwater.loop.inputs import reserve_version
from headwater.origin.exported import Described, inputs_of, mark_exported, record_of, write_records
from headwater.origin.records import DataSetRecord, Input, Purpose
from headwater.schema import DOCUMENT
from headwater.sources import write_documents

_CHECKED = "hard checks: descent from sealed panels, overlap with panels and training text, duplicates, form"
_JUDGED = (
    "gate: a recipe is admitted when training on it measurably lowers the loss on sealed human documents "
    "(rule {rule}, chance {delta} of ever admitting something useless)"
)
_TRAINING = Purpose("training text for language models", "ai-pre-training")
_LIMITATION = (
    "Admitted means that a proxy model trained on the recipe predicts unseen human text better. It says nothing about "
    "truth, rights or safety of a document."
)


def admitted_record(
    found: Described,
    settings: Settings,
    *,
    name: str,
    created: str,
    run: str,
    inputs: Sequence[Input],
    human: str,
) -> DataSetRecord:
    """Return the record of documents that the gate admitted.

    Args:
        found: what was counted while they were written.
        settings: settings they were judged with.
        name: name of the data set.
        created: when they were judged, ISO 8601.
        run: id of the run or judgement.
        inputs: what they were made from.
        human: what they were judged against, in words.
    """
    return record_of(
        found,
        name=name,
        description="Machine documents that the gate admitted.",
        created=created,
        run=run,
        inputs=inputs,
        processing=(
            f"judged against human documents: {human}",
            _CHECKED,
            _JUDGED.format(rule=settings.gate.rule, delta=settings.gate.delta),
        ),
        purposes=(_TRAINING,),
        limitations=(_LIMITATION,),
    )


def write_with_records(documents: pa.Table, path: Path, *, description: str, created: str, run: str,
                       inputs: Sequence[Input]) -> None:  # fmt: skip
    """Write documents of a run, marked, with their records beside them."""
    marked = mark_exported(documents.select(DOCUMENT.names).cast(DOCUMENT))
    write_documents(marked, path)
    found = Described()
    found.add(marked)
    record = record_of(found, name=path.name, description=description, created=created, run=run, inputs=inputs)
    write_records(path, record)


def human_inputs(settings: Settings, store: Path, description: str) -> tuple[Input, ...]:
    """Return the human documents of the settings as inputs of a record: files, the reserve, or what is installed."""
    if settings.human.reserve:
        return (Input(f"{description}, {reserve_version(store)}"),)
    return inputs_of(settings.human.paths) if settings.human.paths else (Input(description),)
