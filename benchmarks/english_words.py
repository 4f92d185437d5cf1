"""Are the English word rules spaCy's in every token, and what do they cost beside it?

Per file of text: every distinct chunk (run of characters without white space) of the whole file is given to both, and
every token compared. A new spaCy is made every 20,000 chunks, which stays inside what its cache holds and keeps its
memory bounded. Then whole texts, up to a number of characters, white space included. Times are processor seconds of
the same strings in the same process, without garbage collection.

    python benchmarks/english_words.py [--data FOLDER] [--megabytes 4] [FILE ...]

prints a Markdown table; about two minutes on one core for all of the folder, most of it spaCy's.
"""

import argparse
import gc
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
import zstandard

from headwater.text import english_tokens, tokenize

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_CHUNKS_PER_ORACLE = 20_000


@dataclass(frozen=True, slots=True)
class Compared:
    """Two tokenizers on the same strings."""

    strings: int
    different: int
    seconds: float
    oracle_seconds: float

    @property
    def ratio(self) -> float:
        """Times faster than spaCy."""
        return self.oracle_seconds / self.seconds


def _strings(value: Any) -> Iterator[str]:
    """Yield every string inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _texts(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8", newline="\n")
        for line in lines:
            yield from _strings(json.loads(line))


def _timed(tokens_of: Callable[[str], Any], strings: Iterable[str]) -> tuple[float, list[Any]]:
    gc.collect()
    gc.disable()
    start = time.process_time()
    found = [tokens_of(text) for text in strings]
    seconds = time.process_time() - start
    gc.enable()
    return seconds, found


def compare(ours: Callable[[str], list[str]], strings: Sequence[str], at_once: int) -> Compared:
    """Return how many of ``strings`` the two divide differently, and the processor seconds of each."""
    different, seconds, oracle_seconds = 0, 0.0, 0.0
    for first in range(0, len(strings), at_once):
        part = strings[first : first + at_once]
        cost, mine = _timed(ours, part)
        oracle_cost, theirs = _timed(spacy.blank("en").tokenizer, part)
        seconds, oracle_seconds = seconds + cost, oracle_seconds + oracle_cost
        different += sum(tokens != [token.text for token in doc] for tokens, doc in zip(mine, theirs, strict=True))
    return Compared(len(strings), different, seconds, oracle_seconds)


def _some(texts: Iterable[str], characters: int) -> list[str]:
    found: list[str] = []
    for text in texts:
        if characters <= 0:
            break
        found.append(text[:characters])
        characters -= len(text)
    return found


def main() -> None:
    """Compare every file and print the table."""
    parser = argparse.ArgumentParser(description="English word rules beside spaCy's")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with .jsonl.zst files")
    parser.add_argument("--megabytes", type=float, default=4, help="millions of characters of whole texts per file")
    parser.add_argument("files", nargs="*", help="of the folder; default: all")
    arguments = parser.parse_args()
    paths = [arguments.data / name for name in arguments.files] or sorted(arguments.data.rglob("*.jsonl.zst"))
    english_tokens("to-be.compiled.")
    print(f"`python benchmarks/english_words.py`: spaCy {spacy.__version__}, one thread.\n")
    print("| file | distinct chunks | different | chunks/s | spaCy / ours | texts | different | MB/s | spaCy / ours |")
    print("|---|---|---|---|---|---|---|---|---|")
    chunks, different = 0, 0
    for path in paths:
        vocabulary = sorted({chunk for text in _texts(path) for chunk in text.split()})
        words = compare(english_tokens, vocabulary, _CHUNKS_PER_ORACLE)
        some = _some(_texts(path), int(arguments.megabytes * 1e6))
        whole = compare(tokenize, some, len(some))
        chunks, different = chunks + words.strings, different + words.different + whole.different
        print(
            f"| {path.name.removesuffix('.jsonl.zst')} | {words.strings:,} | {words.different} "
            f"| {words.strings / words.seconds:,.0f} | {words.ratio:.1f} | {whole.strings:,} | {whole.different} "
            f"| {sum(map(len, some)) / 1e6 / whole.seconds:.1f} | {whole.ratio:.1f} |",
            flush=True,
        )
    print(f"\n{chunks:,} chunks of {len(paths)} files, {different} differences.")


if __name__ == "__main__":
    main()
