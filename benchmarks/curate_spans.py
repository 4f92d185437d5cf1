"""What leaks of evaluation sets and copied sentences cost to find, and whether datatrove decides alike.

Leaks. An index of about a million 12-word sequences (the beginnings of documents of six subsets of the Pile); what it
costs to look novels up in it, which have none of them, and the documents themselves, which are full of them; with and
without items of 8 to 11 words, which are found as a whole. The same with an index of sealed panels.

Decisions. Passages are taken out of documents and made evaluation items, some of them changed; datatrove's filter and
Headwater's then decide on the same documents, and each pair of answers is counted by kind of change.

Copied sentences. Headwater's three steps beside datatrove's three stages on the same texts: time, documents that are
changed by both, and how much is cut. Then finding repeated runs alone, by their number: time and memory.

    HEADWATER_PEERS=FOLDER python benchmarks/curate_spans.py [--megabytes 4] [--data FOLDER] [--no-peer]

prints Markdown tables; about three minutes on one core, nearly all of it datatrove's. Times are processor seconds in
one process each, texts in memory, kernels compiled before; datatrove's word lists are loaded before too.
"""

import argparse
import json
import platform
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import pyarrow as pa
from peers.environments import run_peer
from shared_texts import SHARED, texts

from headwater import __version__
from headwater.curate import (
    EvaluationItem,
    EvaluationOverlap,
    PanelOverlap,
    SpanHashes,
    cut_copies,
    resolve_spans,
    write_evaluation_index,
    write_panel_index,
)
from headwater.curate.sentences import FEWEST_SENTENCES, FEWEST_WORDS, read_cuts
from headwater.schema import documents
from headwater.store import Panel, seal
from headwater.text import warm

PILE, NOVELS, PAGES = (
    "crawl/pile_open_subsets.jsonl.zst",
    "lm/novels_en.jsonl.zst",
    "crawl/learnxinyminutes_docs.jsonl.zst",
)
REPEATS = 3
BATCH = 1000


def batches(pool: Sequence[str]) -> list[pa.RecordBatch]:
    """Return texts as batches."""
    return [
        pa.record_batch(
            {"id": [str(row) for row in range(at, min(at + BATCH, len(pool)))], "text": pool[at : at + BATCH]}
        )
        for at in range(0, len(pool), BATCH)
    ]


def megabytes(pool: Sequence[str]) -> float:
    """Return the size of texts in UTF-8."""
    return sum(len(text.encode()) for text in pool) / 1e6


def rate(operator: Callable[[pa.RecordBatch], Any], pool: Sequence[str]) -> str:
    """Return MB per processor second, lowest and highest of the repeats."""
    parts, size = batches(pool), megabytes(pool)
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        for batch in parts:
            operator(batch)
        found.append(size / (time.process_time() - start))
    return f"{min(found):.0f}-{max(found):.0f}"


def write_lines(path: Path, pool: Sequence[str]) -> Path:
    """Write texts as JSON strings, one a line."""
    path.write_text("".join(json.dumps(text) + "\n" for text in pool), encoding="utf-8")
    return path


def leak_speed(data: Path, folder: Path) -> None:
    """Print what finding leaks costs."""
    pile, novels = list(texts(data / PILE)), list(texts(data / NOVELS))
    beginnings = [EvaluationItem("pile", str(row), (text[:3000],)) for row, text in enumerate(pile)]
    short = [EvaluationItem("short", str(row), (" ".join(text.split()[:9]),)) for row, text in enumerate(pile)]
    start = time.process_time()
    facts = write_evaluation_index(folder / "long.arrow", beginnings)
    build = time.process_time() - start
    both = write_evaluation_index(folder / "both.arrow", [*beginnings, *short])
    size = sum(len(part) for item in beginnings for part in item.parts) / 1e6
    print(
        f"Index of {facts.sequences:,} sequences of 12 words from {size:.1f} MB: built in {build:.1f} s "
        f"({size / build:.0f} MB/s), {(folder / 'long.arrow').stat().st_size / facts.sequences:.0f} bytes a sequence."
    )
    sealed = documents([text[:3000] for text in pile])
    panels = seal(folder / "panels", {Panel.CERTIFICATION: sealed})
    keyed = write_panel_index(folder / "panel.arrow", panels, [sealed])
    print("\n| index | sequences | novels (no leak), MB/s | the indexed documents, MB/s |\n|---|---|---|---|")
    for name, count, operator in (
        ("evaluation sets, 12 words", facts.sequences, EvaluationOverlap(folder / "long.arrow")),
        ("the same and items of 8 to 11 words", both.sequences, EvaluationOverlap(folder / "both.arrow")),
        ("sealed panels, 8 words", keyed, PanelOverlap(folder / "panels", folder / "panel.arrow")),
    ):
        print(f"| {name} | {count:,} | {rate(operator, novels)} | {rate(operator, pile)} |")


def changed(kind: str, words: list[str]) -> str:
    """Return a passage changed in one way."""
    passage = " ".join(words)
    match kind:
        case "verbatim":
            return passage
        case "capitals, other punctuation":
            return re.sub(r"[,.;:]", " - ", passage).upper()
        case "other numbers":
            return re.sub(r"\d", lambda one: str((int(one[0]) + 1) % 10), passage)
        case "every 12th word another":
            return " ".join("altogether" if place % 12 == 11 else word for place, word in enumerate(words))
        case "every 6th word another":
            return " ".join("altogether" if place % 6 == 5 else word for place, word in enumerate(words))
        case "9 words":
            return " ".join(words[:9])
        case _:  # 12 runs without white space, where the two differ in what a word is
            return " ".join(words[:12])


KINDS = (
    "verbatim",
    "capitals, other punctuation",
    "other numbers",
    "every 12th word another",
    "every 6th word another",
    "12 words",
    "9 words",
)


def leak_decisions(data: Path, folder: Path, size: float) -> None:
    """Print how both decide, by kind of change, and what datatrove costs."""
    rng = random.Random(1)
    pool: list[str] = []
    for text in texts(data / PILE):
        if len(text.split()) >= 60 and len(text) < 20_000:
            pool.append(text)
        if megabytes(pool) > size:
            break
    kinds = [KINDS[row % (len(KINDS) + 1)] if row % (len(KINDS) + 1) < len(KINDS) else "" for row in range(len(pool))]
    items = []
    for text, kind in zip(pool, kinds, strict=True):
        words = text.split()
        first = rng.randrange(len(words) - 50)
        if kind:
            items.append(changed(kind, words[first : first + 50]))
    write_evaluation_index(
        folder / "kinds.arrow", [EvaluationItem("kinds", str(row), (text,)) for row, text in enumerate(items)]
    )
    overlap = EvaluationOverlap(folder / "kinds.arrow")
    ours = np.concatenate([np.asarray(overlap(batch)["evaluation_ngrams"]) > 0 for batch in batches(pool)])
    arguments = (write_lines(folder / "items", items), write_lines(folder / "pool", pool), folder / "decisions.json")
    cost = run_peer("datatrove", "leaks", *arguments, script="datatrove_spans")
    matches = json.loads((folder / "decisions.json").read_text("utf-8"))
    theirs = [one is not None for one in matches]
    counts = Counter((kind, bool(mine), other) for kind, mine, other in zip(kinds, ours, theirs, strict=True))
    asked = sum(count for (kind, *_), count in counts.items() if kind != "9 words")
    same = sum(count for (kind, mine, other), count in counts.items() if mine == other and kind != "9 words")
    print(
        f"\n{len(pool):,} documents, {megabytes(pool):.1f} MB, {len(items):,} items: the same decision on "
        f"{same / asked:.1%} of those with an item of 12 words or none. On these documents datatrove "
        f"{megabytes(pool) / cost['seconds']:.2f} MB/s, Headwater {rate(overlap, pool)}.\n"
    )
    print("| passage of the document in the index | documents | both | only datatrove | only Headwater | neither |")
    print("|---|---|---|---|---|---|")
    for kind in (*KINDS, ""):
        cells = [counts[kind, *answers] for answers in ((True, True), (False, True), (True, False), (False, False))]
        print(f"| {kind or 'none'} | {sum(cells)} | {' | '.join(map(str, cells))} |")
    false = [match for match, kind, mine in zip(matches, kinds, ours, strict=True) if match and not kind and not mine]
    print("\nWhat datatrove alone finds in documents without an item: " + "; ".join(sorted(set(false))[:4]))


def cut(pool: Sequence[str], folder: Path) -> tuple[list[str | None], list[float]]:
    """Return what is left of each text, None where that is too little, and the seconds of the three steps."""
    operator = SpanHashes()
    parts = batches(pool)
    start = time.process_time()
    measured = [operator(batch) for batch in parts]
    costs = [time.process_time() - start]
    start = time.process_time()
    resolve_spans([[batch] for batch in measured], folder)
    costs.append(time.process_time() - start)
    left: list[str | None] = []
    start = time.process_time()
    out = [cut_copies(batch, read_cuts(folder, shard), operator.length) for shard, batch in enumerate(measured)]
    costs.append(time.process_time() - start)
    for batch in out:
        rows = zip(*(batch[name].to_pylist() for name in ("text", "words_left", "sentences_left")), strict=True)
        for text, words, sentences in rows:
            dropped = words is not None and (words < FEWEST_WORDS or sentences < FEWEST_SENTENCES)
            left.append(None if dropped else text)
    return left, costs


def sentences(data: Path, folder: Path, size: float, *, peer: bool) -> None:
    """Print what cutting copied sentences costs, and how the outcome compares."""
    for name in (NOVELS, PILE, PAGES):
        pool = list(texts(data / name))
        whole = megabytes(pool)
        _, costs = cut(pool, folder / f"whole-{Path(name).stem}")
        some = [text for text in pool if len(text) < 100_000]
        while megabytes(some) > size:
            some = some[: int(len(some) * 0.9)]
        row = [Path(name).name, f"{whole:.1f}", f"{whole / sum(costs):.0f}", *(f"{whole / one:.0f}" for one in costs)]
        if peer:
            ours, _ = cut(some, folder / f"some-{Path(name).stem}")
            cost = run_peer(
                "datatrove", "sentences", write_lines(folder / "texts", some), folder, script="datatrove_spans"
            )
            theirs = json.loads((folder / "texts.json").read_text("utf-8"))
            speed = megabytes(some) / sum(cost["stages"])
            touched = Counter(
                (mine != text, other != text) for text, mine, other in zip(some, ours, theirs, strict=True)
            )
            lost = [sum(len(text) for text in some) - sum(len(text or "") for text in side) for side in (ours, theirs)]
            row += [f"{megabytes(some):.1f}", f"{speed:.2f}", f"{whole / sum(costs) / speed:.0f}x"]
            row += [
                f"{touched[True, True]} / {touched[False, True]} / {touched[True, False]} / {touched[False, False]}"
            ]
            row += [" / ".join(f"{one / sum(len(text) for text in some):.1%}" for one in lost)]
        if name == NOVELS:
            head = ["file", "MB", "MB/s", "measure", "resolve", "cut"]
            head += [
                "MB, both",
                "datatrove MB/s",
                "ratio",
                "changed by both / only datatrove / only Headwater / neither",
            ]
            head += ["characters cut, Headwater / datatrove"]
            head = head[: len(row)]
            print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
        print(f"| {' | '.join(row)} |")


def synthetic(runs: int, held: int) -> Iterator[pa.RecordBatch]:
    """Yield documents of 25 runs each; a tenth of the runs are among the first ones of the corpus."""
    rng = np.random.default_rng(1)
    size = 250_000
    for _ in range(0, runs, size):
        hashes = rng.integers(1, 1 << 63, size).astype(np.uint64)
        again = rng.random(size) < 0.1
        hashes[again] = rng.integers(1, held, int(again.sum())).astype(np.uint64) << np.uint64(40)
        lists = pa.ListArray.from_arrays(pa.array(np.arange(0, size + 1, 25, dtype=np.int32)), pa.array(hashes))
        yield pa.record_batch({"span_hashes": lists})


def resolve_synthetic(runs: int, folder: Path) -> tuple[float, float, int]:
    """Return processor seconds, peak MB of memory and repeated runs of one resolution, in 16 shards."""
    parts = synthetic(runs, runs // 20)
    start = time.process_time()
    counts = resolve_spans((islice(parts, runs // 250_000 // 16) for _ in range(16)), folder, memory_bytes=256 << 20)
    seconds = time.process_time() - start
    # Not from getrusage: there a new process begins with the peak of the one that started it.
    peak = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text("ascii"))
    return seconds, int(peak[1]) / 1024 if peak else float("nan"), counts.repeated


def scale() -> None:
    """Print what finding repeated runs costs by their number."""
    print("\n| runs | processor s | million runs/s | peak memory, MB | repeated |\n|---|---|---|---|---|")
    for millions in (4, 16, 64):
        with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as pool:
            seconds, peak, repeated = pool.submit(resolve_synthetic, millions * 1_000_000, Path(folder)).result()
        print(f"| {millions},000,000 | {seconds:.1f} | {millions / seconds:.1f} | {peak:.0f} | {repeated:,} |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=4, help="text that datatrove is given, per table")
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--no-peer", action="store_true", help="without datatrove")
    asked = parser.parse_args()
    print(
        f"headwater {__version__}, python {platform.python_version()}, numpy {np.__version__}, numba {nb.__version__}, "
        f"pyarrow {pa.__version__}; MB of UTF-8 per processor second, one thread.\n"
    )
    warm()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        cut(["One two three four. Five six seven. Eight nine ten."] * 2, folder / "warm")
        leak_speed(asked.data, folder)
        if not asked.no_peer:
            leak_decisions(asked.data, folder, asked.megabytes)
        sentences(asked.data, folder, asked.megabytes, peer=not asked.no_peer)
        scale()


if __name__ == "__main__":
    main()
