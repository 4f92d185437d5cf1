"""Compiling the kernels of this folder ahead of their first use."""

from pathlib import Path
from tempfile import TemporaryDirectory

from headwater.origin.artefacts import artefact_flags
from headwater.origin.detector.detector import default_detector
from headwater.origin.own_output import OwnOutputReader, record_generated
from headwater.schema import Origin, documents
from headwater.store.generated import GeneratedLedger

_TEXT = "The bridge was closed on Tuesday, and it stayed closed until the old piers had been looked at again by divers."


def warm() -> None:
    """Compile and cache every kernel by running it on two short texts (about a minute the first time)."""
    table = documents([_TEXT, f"{_TEXT} Caf\u00e9 \u2014 an open door."], origin=Origin.MACHINE.value)
    artefact_flags(table["text"])
    default_detector(thorough=True).score(table["text"])
    with TemporaryDirectory() as folder:
        ledger = GeneratedLedger(Path(folder))
        record_generated(ledger, table, "warm", sources=table.slice(0, 1))
        list(OwnOutputReader(ledger).read(table.to_batches()[0]))
