"""The texts of the shared data that benchmarks of curation work on, read in one way."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def files(data: Path = SHARED, folders: tuple[str, ...] = ("crawl", "lm", "human_vs_ai")) -> list[Path]:
    """Return the files with documents, in a fixed order."""
    found = [
        path
        for folder in folders
        for path in sorted((data / folder).rglob("*.gz")) + sorted((data / folder).rglob("*.zst"))
    ]
    return sorted(found)


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a packed file of JSON lines."""
    with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as raw:
        # Lines end in line feeds only: some texts hold other line breaks.
        for line in io.TextIOWrapper(raw, "utf-8", newline="\n"):
            yield json.loads(line)


def texts(path: Path) -> Iterator[str]:
    """Yield the documents of a file: the field text, or html, of each line; a plain text is one document."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield file.read()
        return
    for record in records(path):
        text = record.get("text", record.get("html"))
        if isinstance(text, str):
            yield text
