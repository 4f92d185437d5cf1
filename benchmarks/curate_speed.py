"""How fast is curation, part by part, beside the peers on the same texts in the same run?

Every part is a function of this file that prints a table; choose with ``--parts``. One thread, processor time, texts in
memory, kernels compiled before the clock starts, each figure the best of ``--repeats`` with all of them shown. The
peers run in environments of their own (``peers/environments.py``) one after the other, never at the same time.

    python benchmarks/curate_speed.py [--parts filters ...] [--megabytes 12] [--repeats 3] [--data FOLDER] [--no-peers]
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc
from loops import markdown, verdict_of, versions
from peers.environments import run_peer
from shared_texts import SHARED, texts

from headwater.curate import C4Lines, TextStatistics, preset
from headwater.curate.presets import C4, FINEWEB_QUALITY, GOPHER_QUALITY, GOPHER_REPETITION
from headwater.curate.rules import RuleSet
from headwater.engine import Operator
from headwater.text import chunks

# English of many kinds, each file from its beginning: posts, pages of six open collections, tutorials, link lists,
# essays and paragraphs by people and models, novels.
_FILES = (
    "crawl/blog_18f_posts.jsonl.zst",
    "crawl/pile_open_subsets.jsonl.zst",
    "crawl/learnxinyminutes_docs.jsonl.zst",
    "crawl/free_programming_books_lists.jsonl.zst",
    "human_vs_ai/l2r_en.jsonl.zst",
    "human_vs_ai/outfox_essays_en.jsonl.zst",
    "lm/novels_en.jsonl.zst",
)
_BATCH_BYTES = 4 << 20


@dataclass(frozen=True)
class Options:
    """What a part works with."""

    texts: list[str]
    batches: list[pa.RecordBatch]
    megabytes: float
    repeats: int
    peers: bool


@dataclass(frozen=True)
class Timing:
    """Processor seconds of the same work, done several times."""

    seconds: tuple[float, ...]
    megabytes: float

    @property
    def rate(self) -> float:
        """Megabytes per second of the best time."""
        return self.megabytes / min(self.seconds)

    def row(self, name: str, than: "Timing | None") -> list[str]:
        """Return a row of a table: rate, all rates, and how many times as fast as another one."""
        spread = ", ".join(f"{self.megabytes / second:.3g}" for second in self.seconds)
        return [name, f"{self.rate:.3g}", spread, f"{self.rate / than.rate:.3g}x" if than else "-"]


HEADER = ["work", "MB/s", "every run", "times the peer"]


def timed(work: Callable[[], object], options: Options, before: Callable[[], object] = lambda: None) -> Timing:
    """Return the processor time of some work, after ``before``, which is not counted."""
    seconds = []
    for _ in range(options.repeats):
        before()
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return Timing(tuple(seconds), options.megabytes)


def choose(data: Path, megabytes: float) -> list[str]:
    """Return texts of all files, as much of each, up to a size."""
    chosen = []
    for name in _FILES:
        size = 0.0
        for text in texts(data / name):
            chosen.append(text)
            size += len(text.encode()) / 1e6
            if size > megabytes / len(_FILES):
                break
    return chosen


def in_batches(some: Sequence[str]) -> list[pa.RecordBatch]:
    """Return texts as record batches of a few megabytes."""
    batches, part, size = [], [], 0
    for text in some:
        part.append(text)
        size += len(text.encode())
        if size > _BATCH_BYTES:
            batches.append(pa.record_batch({"text": part}))
            part, size = [], 0
    return [*batches, pa.record_batch({"text": part})] if part else batches


# Part: filters.

_STOPPING = "warm, stopping at the first family that fails"


def _fresh() -> None:
    """Leave the table as a new process has it."""
    chunks.english_table().forget()


def _decided(operators: Sequence[Operator], rules: RuleSet, options: Options) -> Callable[[], None]:
    """Return the work of measuring all values and giving all reasons."""

    def work() -> None:
        for batch in options.batches:
            chunks.forget_remembered()
            for operator in operators:
                batch = operator(batch)  # noqa: PLW2901
            rules.decide(batch)

    return work


def _first_reason(options: Options) -> Callable[[], None]:
    """Return the work of one family after the other, each on the documents that are left."""
    families = [
        (TextStatistics((family,)), RuleSet(family, rules))
        for family, rules in (
            ("gopher_repetition", GOPHER_REPETITION),
            ("gopher_quality", GOPHER_QUALITY),
            ("fineweb", FINEWEB_QUALITY),
        )
    ]

    def work() -> None:
        for batch in options.batches:
            chunks.forget_remembered()
            for operator, rules in families:
                reasons = rules.decide(operator(batch))
                batch = batch.filter(pc.equal(pc.list_value_length(reasons), 0))  # noqa: PLW2901

    return work


def filters(options: Options) -> None:
    """The filters of Gopher, FineWeb and C4, beside datatrove's."""
    all_three = (TextStatistics(),), RuleSet("all", (*GOPHER_REPETITION, *GOPHER_QUALITY, *FINEWEB_QUALITY))
    web = preset("fineweb").of("gopher_repetition", "gopher_quality", "c4", "fineweb")
    operators = {
        "repetition": ((TextStatistics(("gopher_repetition",)),), RuleSet("repetition", GOPHER_REPETITION)),
        "quality": ((TextStatistics(("gopher_quality",)),), RuleSet("quality", GOPHER_QUALITY)),
        "fineweb": ((TextStatistics(("fineweb",)),), RuleSet("fineweb", FINEWEB_QUALITY)),
        "c4": ((C4Lines(),), RuleSet("c4", C4)),
        "chain": (preset("fineweb").operators[1:], web),
    }
    peers: dict[str, Timing] = {}
    said: dict[str, Any] = {"versions": {}}
    if options.peers:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "texts.jsonl"
            path.write_text("".join(json.dumps(text) + "\n" for text in options.texts), encoding="utf-8")
            said = run_peer("datatrove", "time", path, str(options.repeats))
        peers = {name: Timing(tuple(all_runs), options.megabytes) for name, all_runs in said["seconds"].items()}
    whole = "repetition + quality + fineweb"
    theirs = peers.get(whole)
    warm_up = _decided(*all_three, options)
    warm_up()
    timings = {
        "warm": timed(warm_up, options),
        _STOPPING: timed(_first_reason(options), options),
    }
    single = {name: timed(_decided(*work, options), options) for name, work in operators.items()}
    timings["fresh process, shipped table"] = timed(warm_up, options, _fresh)
    with patch.object(chunks, "english_table", cache(chunks.ChunkTable)):  # a table that knows nothing
        timings["cold, table empty"] = timed(warm_up, options, _fresh)
    rows = [theirs.row(f"datatrove: {whole}", None)] if theirs else []
    rows += [timing.row(f"{whole}: {name}", theirs) for name, timing in timings.items()]
    for name, timing in single.items():
        if name in peers:
            rows.append(peers[name].row(f"datatrove: {name}", None))
        rows.append(timing.row(f"{name}: warm", peers.get(name)))
    print(markdown(HEADER, rows))
    print(f"datatrove's environment: {said['versions']}\n")
    share = min(timings["warm"].seconds) / min(timings[_STOPPING].seconds)
    print(f"All values and reasons take {share:.2f} of the time of stopping early: {verdict_of(share <= 1.1)}")
    if theirs:
        for name, least in (("warm", 20), ("cold, table empty", 7)):
            times = timings[name].rate / theirs.rate
            print(f"{name}: {times:.0f} times the peer, at least {least} wanted: {verdict_of(times >= least)}")


# Part: nemo.


def nemo(options: Options) -> None:
    """Our filters, with nine lengths of n-grams, beside NeMo Curator's with two, on words between spaces."""
    work = _decided(
        (TextStatistics(),), RuleSet("all", (*GOPHER_REPETITION, *GOPHER_QUALITY, *FINEWEB_QUALITY)), options
    )
    work()
    ours = timed(work, options)
    cold = timed(work, options, _fresh)
    if not options.peers:
        print(markdown(HEADER, [ours.row("ours: repetition + quality + fineweb, warm", None)]))
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps(text) + "\n" for text in options.texts), encoding="utf-8")
        said = run_peer("nemo", "time", path, str(options.repeats))
    peers = {name: Timing(tuple(runs), options.megabytes) for name, runs in said["seconds"].items()}
    theirs = peers["string + repetition"]
    rows = [timing.row(f"NeMo Curator: {name}", None) for name, timing in peers.items()]
    rows.append(ours.row("ours: repetition + quality + fineweb, warm", theirs))
    rows.append(cold.row("ours: fresh process, shipped table", theirs))
    print(markdown(HEADER, rows))
    print(f"NeMo Curator's environment: {said['versions']}\n")
    times = ours.rate / theirs.rate
    print(f"warm: {times:.1f} times the peer, at least 5 wanted: {verdict_of(times >= 5)}")


PARTS: dict[str, Callable[[Options], None]] = {"filters": filters, "nemo": nemo}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description="speed of curation beside its peers")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--data", type=Path, default=SHARED, help="folder with crawl/, lm/ and human_vs_ai/")
    parser.add_argument("--megabytes", type=float, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true", help="only our own figures")
    given = parser.parse_args()
    some = choose(given.data, given.megabytes)
    megabytes = sum(len(text.encode()) for text in some) / 1e6
    options = Options(some, in_batches(some), megabytes, given.repeats, not given.no_peers)
    print(f"{len(some):,} documents, {megabytes:.1f} MB of {', '.join(_FILES)}; {os.cpu_count()} cores; {versions()}\n")
    for part in given.parts:
        print(f"### {part}\n")
        PARTS[part](options)


if __name__ == "__main__":
    main()
