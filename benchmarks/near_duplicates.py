"""Near duplicates: do they agree with datatrove's, what do they cost beside it, and how far do they reach?

Agreement: on each corpus datatrove's own steps run under a few seeds. With datatrove's signatures, computed here, every
value and every cluster has to be the same. So that mode stands for datatrove where many seeds are needed: two seeds of
datatrove disagree too, and Headwater's fast signatures may not disagree more. Two runs are compared in what they remove
(the representative of a cluster chosen by one rule for both, the longest text, then the first; datatrove's own choice
depends on the order it meets pairs in), in the clusters (documents in a cluster under either run whose cluster is the
same set), and in the pairs of documents that share a cluster (Jaccard index). Errors are of the jackknife over seeds.

Speed: signatures from Arrow text to bands and sketches, beside datatrove's, on the same texts; and beside Daft's
``normalize`` and ``minhash``, which split at white space, keep numbers, and stop at the values.

Scale: signals of up to ten million documents are made up (20% near copies, 5% exact ones, 1% from templates that hang
together in one cluster) and resolved, each size in a process of its own. Beside it DuckDB finds the equal keys of one
band, as the alternative would.

    python benchmarks/near_duplicates.py [--parts agreement,speed,scale] [--seeds 40] [--largest 10000000] [--folder F]

prints Markdown tables; about six minutes for the first two, five for the third on two cores, and 4 GB of disk in F.
datatrove runs in an environment of its own (``peers/environments.py``).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from pathlib import Path

import daft
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from daft.functions import minhash, normalize
from numpy.typing import NDArray
from peers.environments import run_peer
from resiliparse.extract.html2text import extract_plain_text
from shared_texts import SHARED, texts

from headwater.curate import Signatures, resolve_duplicates
from headwater.text.signatures_datatrove import datatrove_minhash

BANDS, ROWS = 14, 8
SIZES = (500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000)
SHARD = 250_000
MEMORY_MB = 512
THEIRS = (1, 2, 3)
MODES = (Signatures(), Signatures(mode="datatrove"), Signatures(mode="datatrove", hash_function="sha1"))


def main() -> None:
    """Print the tables of the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="agreement,speed,scale")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        resolve_size(arguments.folder, arguments.one)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        parts = set(arguments.parts.split(","))
        if parts & {"agreement", "speed"}:
            compare(folder, corpora(arguments.data), arguments.seeds, parts)
        if "scale" in parts:
            scale(folder, [size for size in SIZES if size <= arguments.largest])


# Agreement and speed.


def corpora(data: Path) -> dict[str, list[str]]:
    """Return the corpora: templates, prose and code with few copies, copies edited more or less, pages read thrice."""
    rng = np.random.default_rng(0)
    machine = [
        text for name in ("l2r_en", "outfox_essays_en", "squad_wikipedia_en") for text in texts(human(data, name))
    ]
    edited = []
    for text in (machine[i] for i in rng.permutation(len(machine))[:3000]):
        edited.append(text)
        edited += [with_edits(text, rate, rng) for rate in rng.uniform(0, 0.06, rng.integers(1, 4))]
    pages = [
        extract_plain_text(page, **settings)
        for page in texts(data / "crawl" / "html_pages_cc.jsonl.zst")
        for settings in ({}, {"main_content": True}, {"alt_texts": False, "links": False, "form_fields": False})
    ]
    prose = [
        text
        for name in ("blog_18f_posts", "learnxinyminutes_docs", "xquad_paragraphs_12lang")
        for text in texts(data / "crawl" / f"{name}.jsonl.zst")
    ]
    return {
        "templates (tldr pages)": list(texts(data / "crawl" / "tldr_common_pages.jsonl.zst")),
        "edited copies": edited,
        "pages, three extractions": pages,
        "prose and code": prose,
    }


def human(data: Path, name: str) -> Path:
    """Return the path of a file of labelled texts."""
    return data / "human_vs_ai" / f"{name}.jsonl.zst"


def with_edits(text: str, rate: float, rng: np.random.Generator) -> str:
    """Return a text some of whose words were replaced, left out, or followed by another."""
    words = text.split(" ")
    out = []
    for word, draw, kind in zip(words, rng.random(len(words)), rng.integers(0, 3, len(words)), strict=True):
        other = words[rng.integers(len(words))]
        out += [word] if draw >= rate else [[other], [], [word, other]][kind]
    return " ".join(out)


class Outcome:
    """What one run found on a corpus."""

    def __init__(self, cluster: NDArray[np.int64], removed: NDArray[np.bool_]) -> None:
        """Keep it.

        Args:
            cluster: a number for each document; -1 for those in none.
            removed: whether each is removed.
        """
        self.removed = removed
        self.groups: dict[int, frozenset[int]] = {}
        members: dict[int, list[int]] = {}
        for document in np.flatnonzero(cluster >= 0).tolist():
            members.setdefault(int(cluster[document]), []).append(document)
        for group in map(frozenset, members.values()):
            self.groups |= dict.fromkeys(group, group)
        self.pairs = {pair for group in set(self.groups.values()) for pair in combinations(sorted(group), 2)}

    def against(self, other: "Outcome") -> tuple[float, float, float]:
        """Return the shares that agree: decisions on documents, clusters of documents, pairs."""
        either = self.groups.keys() | other.groups.keys()
        same = sum(self.groups.get(document) == other.groups.get(document) for document in either)
        return (
            float((self.removed == other.removed).mean()),
            same / max(len(either), 1),
            len(self.pairs & other.pairs) / max(len(self.pairs | other.pairs), 1),
        )


def by_rule(cluster: NDArray[np.int64], corpus: Sequence[str]) -> NDArray[np.bool_]:
    """Return what is removed when the longest text of each cluster stays, the first of equally long ones."""
    best: dict[int, int] = {}
    for document in np.flatnonzero(cluster >= 0).tolist():
        kept = best.setdefault(int(cluster[document]), document)
        if len(corpus[document]) > len(corpus[kept]):
            best[int(cluster[document])] = document
    removed = cluster >= 0
    removed[list(best.values())] = False
    return removed


def ours(corpus: Sequence[str], folder: Path, operator: Signatures, *, verify: bool = True) -> Outcome:
    """Return what Headwater finds; documents that are removed for the same one are a cluster."""
    batch = pa.record_batch({"text": corpus, "characters": [len(text) for text in corpus]})
    settings = {} if verify else {"verify_from": 0}
    signals = pa.Table.from_batches([operator(batch)])
    found = resolve_duplicates([signals], folder / "removed.parquet", **settings)
    table = pq.read_table(found.path)
    rows, kept = table["row"].to_numpy(), table["kept_row"].to_numpy()
    cluster = np.full(len(corpus), -1)
    cluster[rows] = kept
    cluster[kept] = kept
    removed = np.zeros(len(corpus), dtype=np.bool_)
    removed[rows] = True
    return Outcome(cluster, removed)


def compare(folder: Path, all_texts: dict[str, list[str]], seeds: int, parts: set[str]) -> None:
    """Run both on every corpus and print the tables of agreement and speed."""
    same, reseeded, speed = [], [], []
    for name, corpus in all_texts.items():
        listed, found = folder / "texts.jsonl", folder / "found.npz"
        listed.write_text("".join(json.dumps(text) + "\n" for text in corpus))
        seconds = run_peer("datatrove", listed, found, "xxhash", "64", *map(str, THEIRS), script="datatrove_minhash")
        batch = pa.record_batch({"text": corpus})
        times = [fastest(lambda operator=operator, batch=batch: operator(batch)) for operator in MODES]
        times.append(fastest(lambda batch=batch: daft_values(batch).collect()))
        megabytes = sum(len(text.encode()) for text in corpus) / 1e6
        speed.append((name, len(corpus), megabytes, seconds["shingles"] + seconds["values_1"], times))
        if "agreement" in parts:
            exact = [
                ours(corpus, folder, Signatures(seed=seed, mode="datatrove"), verify=False)
                for seed in range(1, seeds + 1)
            ]
            fast = [ours(corpus, folder, Signatures(seed=seed)) for seed in range(1, seeds + 1)]
            same.append(f"| {name} | {len(corpus)} | {identical(found, batch, exact)} |")
            reseeded.append(f"| {name} | {compared(exact, fast)} |")
    if same:
        print(f"\nWith datatrove's signatures, {len(THEIRS)} seeds, against datatrove 0.10.1:\n")
        print("| corpus | documents | signatures equal bit by bit | documents in the same cluster | removed alike |")
        print("|---|---|---|---|---|")
        print("\n".join(same))
        print(f"\nUnder another seed, {seeds} seeds each, means over all pairs of runs:\n")
        print(
            "| corpus | removed by datatrove's, by fast ones | same decision: datatrove's with itself | fast with it "
            "| difference | same cluster: with itself | fast with it | same pairs: with itself | fast with it |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        print("\n".join(reseeded))
    if "speed" in parts:
        print("\nSignatures, MB of UTF-8 per CPU second, from text to bands, the best of three:\n")
        print("| corpus | documents | MB | datatrove | Headwater | times | with datatrove's values | SHA-1 | Daft |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name, documents, megabytes, theirs, (first, *others) in speed:
            print(
                f"| {name} | {documents} | {megabytes:.1f} | {megabytes / theirs:.2f} | {megabytes / first:.0f} | "
                f"{theirs / first:.0f} | {' | '.join(f'{megabytes / one:.0f}' for one in others)} |"
            )


def daft_values(batch: pa.RecordBatch) -> daft.DataFrame:
    """Return the MinHash values of texts by Daft, to be computed; XXH32 is the fastest of its hashes."""
    normal = normalize(daft.col("text"), remove_punct=True, lowercase=True, nfd_unicode=True, white_space=True)
    values = minhash(normal, num_hashes=BANDS * ROWS, ngram_size=5, hash_function="xxhash")
    return daft.from_arrow(pa.Table.from_batches([batch])).select(values)


def identical(found: Path, batch: pa.RecordBatch, exact: Sequence[Outcome]) -> str:
    """Return how much of what datatrove found is found with its signatures, as cells of a table."""
    corpus = batch["text"].to_pylist()
    with np.load(found) as file:
        values = [file[f"values_{seed}"] for seed in THEIRS]
        theirs = [Outcome(file[f"cluster_{seed}"], by_rule(file[f"cluster_{seed}"], corpus)) for seed in THEIRS]
    own = [datatrove_minhash(batch["text"], seed=seed).values for seed in THEIRS]
    equal = sum(int((a == b).all(axis=1).sum()) for a, b in zip(own, values, strict=True))
    shares = np.mean([a.against(b) for a, b in zip(exact, theirs, strict=False)], axis=0)
    return f"{equal} of {len(THEIRS) * len(corpus)} | {100 * shares[1]:.2f}% | {100 * shares[0]:.2f}%"


def compared(exact: Sequence[Outcome], fast: Sequence[Outcome]) -> str:
    """Return how well two sets of runs agree, within the first and between them, as cells of a table."""
    count = len(exact)
    within, between = np.full((2, count, count, 3), np.nan)
    for i, j in product(range(count), repeat=2):
        between[i, j] = fast[i].against(exact[j])
        if i < j:
            within[i, j] = exact[i].against(exact[j])
    means = [(np.nanmean(within, axis=(0, 1)), between.mean(axis=(0, 1)))]
    for left_out in range(count):
        rest = np.ix_(*[[i for i in range(count) if i != left_out]] * 2)
        means.append((np.nanmean(within[rest], axis=(0, 1)), between[rest].mean(axis=(0, 1))))
    differences = np.array([b[0] - a[0] for a, b in means])
    error = np.sqrt((count - 1) * differences[1:].var())
    removed = [np.mean([one.removed.sum() for one in runs]) for runs in (exact, fast)]
    (itself, own), *_ = means
    return " | ".join(
        [
            f"{removed[0]:.1f}, {removed[1]:.1f}",
            f"{100 * itself[0]:.2f}%",
            f"{100 * own[0]:.2f}%",
            f"{100 * differences[0]:+.3f} (error {100 * error:.3f})",
            *(f"{100 * share:.1f}%" for measure in (1, 2) for share in (itself[measure], own[measure])),
        ]
    )


def fastest(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the fastest of three runs, after one that compiles."""
    seconds = []
    for _ in range(4):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds[1:])


# Scale.


def simulated(documents: int) -> Iterator[pa.Table]:
    """Yield made-up signals, shard by shard; copies are of documents of the shard before."""
    rng = np.random.default_rng(documents)
    templates = rng.integers(0, 2**64, 1000, dtype=np.uint64)
    before = None
    for begin in range(0, documents, SHARD):
        count = min(SHARD, documents - begin)
        bands = rng.integers(0, 2**64, (count, BANDS), dtype=np.uint64)
        sketches = np.frombuffer(rng.bytes(count * BANDS * ROWS), dtype=np.uint8).reshape(count, -1).copy()
        hashes = rng.integers(0, 2**64, (count, 2), dtype=np.uint64)
        draw = rng.random(count)
        if before is not None:
            near = np.flatnonzero(draw < 0.2)
            parents = rng.integers(0, len(before[0]), len(near))
            equal = rng.random((len(near), BANDS * ROWS)) < rng.choice([0.75, 0.8, 0.85, 0.9, 0.95], (len(near), 1))
            sketches[near] = np.where(equal, before[1][parents], sketches[near])
            whole = equal.reshape(len(near), BANDS, ROWS).all(axis=2)
            bands[near] = np.where(whole, before[0][parents], bands[near])
            exact = np.flatnonzero((draw >= 0.2) & (draw < 0.25))
            parents = rng.integers(0, len(before[0]), len(exact))
            bands[exact], sketches[exact], hashes[exact] = (part[parents] for part in before)
        template = np.flatnonzero(draw > 0.99)
        for band in (0, 1):
            bands[template, band] = templates[rng.integers(0, len(templates), len(template))]
        before = bands, sketches, hashes
        yield pa.table(
            {
                "id": pa.array(np.char.add("document-", np.arange(begin, begin + count).astype(str))),
                "passing": np.ones(count, dtype=np.bool_),
                "characters": rng.integers(100, 10_000, count),
                "text_hash": packed(hashes),
                "bands": packed(bands),
                "sketch": packed(sketches),
            }
        )


def packed(rows: NDArray[np.generic]) -> pa.Array:
    """Return the bytes of each row as one binary value."""
    kind = pa.binary(rows.shape[1] * rows.itemsize)
    return pa.Array.from_buffers(kind, len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))])


def scale(folder: Path, sizes: Sequence[int]) -> None:
    """Resolve made-up signals of growing size and print time and memory."""
    print(f"\nResolving made-up signals, memory_mb = {MEMORY_MB}, one thread; peak memory is the whole process's:\n")
    print(
        "| documents | signals GB | removed | largest cluster | wall s | CPU s | peak MB "
        "| equal keys of one band: DuckDB, CPU s and peak MB | Headwater |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    signals = folder / "signals"
    signals.mkdir()
    for size in sizes:
        used = 0
        for number, table in enumerate(simulated(size)):
            path = signals / f"{number:05d}.parquet"
            pq.write_table(table, path, compression="none", use_dictionary=False, row_group_size=1 << 16)
            used += path.stat().st_size
        command = [sys.executable, __file__, "--folder", str(folder), "--one"]
        found = json.loads(subprocess.run([*command, "0"], stdout=subprocess.PIPE, check=True).stdout)
        duck = json.loads(subprocess.run([*command, "1"], stdout=subprocess.PIPE, check=True).stdout)
        own = json.loads(subprocess.run([*command, "2"], stdout=subprocess.PIPE, check=True).stdout)
        print(
            f"| {size:,} | {used / 1e9:.2f} | {found['removed']:,} | {found['largest']:,} | {found['wall']:.0f} | "
            f"{found['cpu']:.1f} | {found['peak']:.0f} | {duck['cpu']:.1f}, {duck['peak']:.0f} | "
            f"{own['cpu']:.1f}, {own['peak']:.0f} |",
            flush=True,
        )


def resolve_size(folder: Path, what: int) -> None:
    """Resolve the signals of a folder, or find the equal keys of one band, and print what it took as JSON."""
    paths = sorted((folder / "signals").glob("*.parquet"))
    found: dict[str, float] = {}
    few = pq.ParquetFile(paths[0]).read_row_group(0).slice(0, 100)
    resolve_duplicates([few, few], folder / "removed.parquet")  # loads the kernels
    if what == 0:
        started, cpu = time.perf_counter(), time.process_time()
        outcome = resolve_duplicates(paths, folder / "removed.parquet", temporary=folder, memory_mb=MEMORY_MB)
        found = {"removed": outcome.removed, "largest": outcome.largest_cluster, "wall": time.perf_counter() - started}
    elif what == 1:
        one_band(paths, folder / "keys.parquet")
        cpu = time.process_time()
        connection = duckdb.connect(
            config={"memory_limit": f"{MEMORY_MB}MB", "threads": 1, "temp_directory": str(folder)}
        )
        connection.sql(
            f"WITH repeated AS (SELECT key FROM '{folder / 'keys.parquet'}' GROUP BY key HAVING count(*) > 1) "
            f"SELECT key, number FROM '{folder / 'keys.parquet'}' SEMI JOIN repeated USING (key) ORDER BY key"
        ).to_arrow_table()
    else:
        from headwater.curate.duplicate_links import Keys, link

        def batches() -> Iterator[Keys]:
            for batch in pq.ParquetFile(folder / "keys.parquet").iter_batches(batch_size=1 << 16):
                numbers, keys = batch["number"].to_numpy(), batch["key"].to_numpy().view(np.uint32).reshape(-1, 2)
                yield Keys(numbers[:0], np.zeros((0, 4), dtype=np.uint32), numbers, keys)

        count = pq.read_metadata(folder / "keys.parquet").num_rows
        cpu = time.process_time()
        link(batches(), count, 1, folder, MEMORY_MB << 20)
    found |= {
        "cpu": time.process_time() - cpu,
        "peak": peak_mb(),
    }
    print(json.dumps(found))


def peak_mb() -> float:
    """Return the peak resident memory of this process; ``getrusage`` would count that of the process it was made by."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def one_band(paths: Sequence[Path], out: Path) -> None:
    """Write the keys of the first band with the numbers of their documents, the form that suits DuckDB best."""
    begin = 0
    schema = pa.schema([("key", pa.uint64()), ("number", pa.uint32())])
    with pq.ParquetWriter(out, schema, compression="none", use_dictionary=False) as writer:
        for path in paths:
            bands = pq.read_table(path, columns=["bands"])["bands"].combine_chunks()
            keys = np.frombuffer(bands.buffers()[1], dtype=np.uint64).reshape(len(bands), -1)[:, 0]
            numbers = np.arange(begin, begin + len(keys), dtype=np.uint32)
            writer.write_table(pa.table([keys.copy(), numbers], schema=schema))
            begin += len(keys)


if __name__ == "__main__":
    main()
