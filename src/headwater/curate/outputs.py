"""The folder of a curation: where its parts stand, and how they are written.

DIR/kept/part-00000.parquet        the documents that stay: the input's columns, id, reasons, measured
DIR/dropped/part-00000.parquet     those that do not, with the text as it was read
DIR/signals/part-00000.parquet     what was measured of every document, for ``headwater rethreshold``
DIR/pairs.parquet                  removed duplicates with the documents that stand for them
DIR/copied.parquet                 where sentences are cut: which documents have the first copies of them
DIR/held/part-00000.parquet        the signatures of what was held already, where something was
DIR/rejects.jsonl                  records that could not be used: file, line, what is wrong
DIR/report.html  DIR/curation.json
DIR/kept.prov.json  DIR/kept.croissant.json  DIR/kept.provenance.json  the kept documents' records
DIR/.work/                         what a stopped run goes on from; gone once it is finished
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OutputFormat = Literal["parquet", "jsonl.zst"]
MANIFEST = "curation.json"
DOCUMENTS = ("kept", "dropped", "signals", "held")
"""The folders with a file per shard."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of a curation."""

    path: Path

    def kept(self, shard: int, output_format: OutputFormat) -> Path:
        """Return where the kept documents of a shard go."""
        return self.path / "kept" / f"{_part(shard)}.{output_format}"

    def dropped(self, shard: int, output_format: OutputFormat) -> Path:
        """Return where the dropped documents of a shard go."""
        return self.path / "dropped" / f"{_part(shard)}.{output_format}"

    def signals(self, shard: int) -> Path:
        """Return where the signals of a shard go."""
        return self.path / "signals" / f"{_part(shard)}.parquet"

    @property
    def pairs(self) -> Path:
        """The duplicate pairs."""
        return self.path / "pairs.parquet"

    @property
    def copied(self) -> Path:
        """Which documents have the first copies of what was cut out of others."""
        return self.path / "copied.parquet"

    @property
    def rejects(self) -> Path:
        """Records that could not be used."""
        return self.path / "rejects.jsonl"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def records(self) -> list[Path]:
        """What says where the kept documents come from; written by whoever writes the page."""
        return sorted(self.path.glob("kept.*.json"))

    @property
    def manifest(self) -> Path:
        """What was done, written last."""
        return self.path / MANIFEST

    @property
    def work(self) -> Path:
        """What a stopped run goes on from."""
        return self.path / ".work"

    @property
    def state(self) -> Path:
        """What an unfinished work is, for whoever goes on with it."""
        return self.work / "job.json"

    @property
    def cuts(self) -> Path:
        """What is cut out of the documents."""
        return self.work / "cuts"

    @property
    def temp(self) -> Path:
        """Where sorting spills to."""
        return self.work / "temp"

    def measured(self, shard: int) -> Path:
        """Return where the measured documents of a shard stand until it is decided on."""
        return self.work / "measured" / f"{_part(shard)}.parquet"

    def shard_rejects(self, shard: int) -> Path:
        """Return where the bad records of a shard stand until all are put together."""
        return self.work / "rejects" / f"{_part(shard)}.jsonl"

    def held(self, shard: int) -> Path:
        """Return where the signatures of a shard of held documents stand."""
        return self.path / "held" / f"{_part(shard)}.parquet"

    def done(self, phase: str, shard: int) -> Path:
        """Return the note that a shard is through a phase, written after everything else of it."""
        return self.work / phase / f"{_part(shard)}.json"


def _part(shard: int) -> str:
    return f"part-{shard:05d}"
