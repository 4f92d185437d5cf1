"""What runs and judgements say about the documents they write, for the records beside the files."""

from collections.abc import Sequence
from pathlib import Path

from headwater.config import Settings
from headwater.loop.inputs import reserve_version
from headwater.origin.exported import Described, inputs_of, record_of
from headwater.origin.records import DataSetRecord, Input, Purpose

_JUDGED = (
    "hard checks: descent from sealed panels, overlap with panels and training text, duplicates, form",
    "gate: a recipe is admitted when training on it measurably lowers the loss on sealed human documents "
    "(rule {rule}, chance {delta} of ever admitting something useless)",
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
    steps = (one.format(rule=settings.gate.rule, delta=settings.gate.delta) for one in _JUDGED)
    return record_of(
        found,
        name=name,
        description="Machine documents that the gate admitted.",
        created=created,
        run=run,
        inputs=inputs,
        processing=(f"judged against human documents: {human}", *steps),
        purposes=(_TRAINING,),
        limitations=(_LIMITATION,),
    )


def human_inputs(settings: Settings, store: Path, description: str) -> tuple[Input, ...]:
    """Return the human documents of the settings as inputs of a record: files, the reserve, or what is installed."""
    if settings.human.reserve:
        return (Input(f"{description}, {reserve_version(store)}"),)
    return inputs_of(settings.human.paths) if settings.human.paths else (Input(description),)
