"""Which chunks of English should a table know before it has read anything, and how much of other text do they cover?

Writes ``src/headwater/text/english_chunks.npz``: the commonest chunks of public-domain and permissively licensed
English, with what the word rules say of them. Counted are the documentation installed with Python, blog posts of a
public agency, novels and other books out of copyright, and patent and research summaries of public bodies; each kind
weighs the same. A chunk must occur twice, and consist of characters whose properties no Unicode version has changed.

What it is good for is measured on text it was not made from: essays, encyclopaedia, questions and answers, chat.

    python benchmarks/english_chunks.py [--data FOLDER] [--most 150000] [--out FILE]
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from loops import markdown
from shared_texts import SHARED, records, texts

from headwater.sources import read_documentation
from headwater.text.chunks import ChunkTable, write_learned

_OUT = Path(__file__).resolve().parents[1] / "src" / "headwater" / "text" / "english_chunks.npz"
_MOST_BYTES = 40  # of a chunk: longer ones are addresses and rules
# Basic Latin, Latin-1 and Latin Extended-A, typographic punctuation, euro and trade mark.
_SETTLED = re.compile("[!-~\u00a1-\u017f\u2010-\u2027\u2030-\u203a\u20ac\u2122]+").fullmatch
_PUBLIC = {"uspto_backgrounds", "nih_exporter"}


def counted(some: Iterable[str]) -> Counter[str]:
    """Return the chunks of texts with their numbers."""
    counts: Counter[str] = Counter()
    for text in some:
        counts.update(text.split())
    return counts


def sources(data: Path) -> dict[str, Counter[str]]:
    """Return the chunks of every kind of text the table is made from."""
    pile = list(records(data / "crawl" / "pile_open_subsets.jsonl.zst"))
    books = [text for path in sorted((data / "lm" / "gutenberg").glob("*.gz")) for text in texts(path)]
    return {
        "documentation": counted(read_documentation()["text"].to_pylist()),
        "blog": counted(texts(data / "crawl" / "blog_18f_posts.jsonl.zst")),
        "books": counted([*texts(data / "lm" / "novels_en.jsonl.zst"), *books]),
        **{subset: counted(row["text"] for row in pile if row["subset"] == subset) for subset in sorted(_PUBLIC)},
    }


def others(data: Path) -> dict[str, Counter[str]]:
    """Return the chunks of texts the table is not made from."""
    folder = data / "human_vs_ai"
    pile = list(records(data / "crawl" / "pile_open_subsets.jsonl.zst"))
    return {
        **{path.name.split("_")[0]: counted(texts(path)) for path in sorted(folder.glob("*.zst"))},
        **{
            subset: counted(row["text"] for row in pile if row["subset"] == subset)
            for subset in ("wikipedia_(en)", "stackexchange", "ubuntu_irc")
        },
    }


def commonest(kinds: dict[str, Counter[str]], most: int) -> list[str]:
    """Return the commonest chunks, the commonest first: the first ones share the processor's cache."""
    total: Counter[str] = Counter()
    weight: Counter[str] = Counter()
    for counts in kinds.values():
        size = counts.total()
        for chunk, count in counts.items():
            total[chunk] += count
            weight[chunk] += count / size
    allowed = (chunk for chunk in total if total[chunk] > 1 and len(chunk.encode()) <= _MOST_BYTES and _SETTLED(chunk))
    return sorted(allowed, key=lambda chunk: (-weight[chunk], chunk))[:most]


def main() -> None:
    """Write the file and print what it covers."""
    parser = argparse.ArgumentParser(description="the common chunks of English")
    parser.add_argument("--data", type=Path, default=SHARED, help="folder with crawl/, lm/ and human_vs_ai/")
    parser.add_argument("--most", type=int, default=150_000, help="chunks in the file")
    parser.add_argument("--out", type=Path, default=_OUT, help="the file")
    options = parser.parse_args()
    kinds = sources(options.data)
    chunks = commonest(kinds, options.most)
    data = np.frombuffer(" ".join(chunks).encode(), dtype=np.uint8)
    table = ChunkTable()
    table.divide(data, np.zeros(1, dtype=np.int64), np.array([len(data)]))
    write_learned(table.learned(len(chunks)), options.out)
    made_from = {name: f"{counts.total():,}" for name, counts in kinds.items()}
    print(json.dumps({"chunks": len(chunks), "bytes": options.out.stat().st_size, "made from": made_from}, indent=2))
    known = set(chunks)
    rows = []
    for name, counts in others(options.data).items():
        covered = sum(count for chunk, count in counts.items() if chunk in known)
        left = sum(chunk not in known for chunk in counts)
        rows.append([name, f"{counts.total():,}", f"{covered / counts.total():.1%}", f"{len(counts):,}", f"{left:,}"])
    print(markdown(["text", "chunks", "known", "distinct chunks", "to be learned"], rows))


if __name__ == "__main__":
    main()
