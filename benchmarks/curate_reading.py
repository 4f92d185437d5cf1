"""What reading and writing documents costs beside other readers, and whether memory stays flat.

Reading. The same files into Arrow columns: JSON lines as they are, packed with Zstandard and gzip, and Parquet;
Headwater's shards beside pyarrow, Polars, DuckDB, ``datasets`` and the standard library. None of the others names a bad
line, and all give up the file at the first one; with one broken line in a hundred Headwater stands alone.

Writing. The same rows as JSON lines: column by column beside one ``json.dumps`` per row, Polars and DuckDB.

Memory. A file of 2 GB and one of twice that, made of the same texts, are read to their ends, each in its own process.

    python benchmarks/curate_reading.py [--megabytes 60] [--memory-gigabytes 2] [--repeats 3]

prints Markdown tables; about five minutes on one core. Rates are MB of the uncompressed JSON lines per processor
second, one thread each.
"""

import argparse
import gzip
import io
import json
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.json as paj
import pyarrow.parquet as pq
import zstandard
from shared_texts import SHARED

from headwater import __version__
from headwater.sources import plan_shards, read_shard, warm
from headwater.sources.json_text import json_text

SOURCES = (
    "crawl/pile_open_subsets.jsonl.zst",
    "crawl/tldr_common_pages.jsonl.zst",
    "crawl/learnxinyminutes_docs.jsonl.zst",
    "crawl/commonvoice_sentences_multilang.jsonl.zst",
    "human_vs_ai/l2r_en.jsonl.zst",
)


def lines(megabytes: float) -> bytes:
    """Return lines of the shared data with a text, two words on it, a number, a list and an object each."""
    made, size = [], 0
    for name in SOURCES:
        rows = zstandard.ZstdDecompressor().stream_reader((SHARED / name).read_bytes()).read().split(b"\n")
        for number, row in enumerate(filter(None, rows)):
            text = json.loads(row)["text"]
            value = {
                "id": f"{name[:9]}-{number}",
                "text": text,
                "source": name,
                "length": len(text),
                "score": number / 7,
                "tags": ["a", "b"][: number % 3],
                "metadata": {"url": f"https://example.org/{number}", "depth": number % 5},
            }
            made.append(json.dumps(value, ensure_ascii=False).encode() + b"\n")
            size += len(made[-1])
            if size > megabytes * 1e6:
                return b"".join(made)
    return b"".join(made)


def shards(path: Path) -> int:
    """Read a file in Headwater's way."""
    plan = plan_shards(path)
    return sum(batch.num_rows for shard in plan.shards for batch in read_shard(shard, plan))


def readers(path: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """Yield whoever reads a file of this kind."""
    import datasets
    import duckdb
    import polars as pl

    datasets.disable_progress_bars()
    suffix = "".join(path.suffixes)
    yield "Headwater, shards", lambda: shards(path)
    if suffix == ".parquet":
        yield (
            "pyarrow",
            lambda: sum(batch.num_rows for batch in pq.ParquetFile(path).iter_batches(4096, use_threads=False)),
        )
        yield "Polars", lambda: len(pl.read_parquet(path))
        yield "DuckDB", lambda: duckdb.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table().num_rows
        return
    options = paj.ReadOptions(use_threads=False, block_size=8 << 20)
    if suffix == ".jsonl":
        yield "pyarrow.json", lambda: paj.read_json(path, options).num_rows
        yield "Polars", lambda: len(pl.read_ndjson(path))
    elif suffix == ".jsonl.zst":
        yield "pyarrow.json", lambda: paj.read_json(pa.input_stream(str(path), compression="zstd"), options).num_rows
    else:
        yield "pyarrow.json", lambda: paj.read_json(pa.input_stream(str(path), compression="gzip"), options).num_rows
    yield (
        "DuckDB",
        lambda: duckdb.sql(f"SELECT * FROM read_json('{path}', format='newline_delimited')").to_arrow_table().num_rows,
    )

    def by_datasets() -> int:
        with tempfile.TemporaryDirectory() as cache:
            return len(datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=cache))

    yield "datasets", by_datasets
    if suffix == ".jsonl":
        yield (
            "json.loads per line",
            lambda: pa.Table.from_pylist([json.loads(line) for line in path.open("rb")]).num_rows,
        )


def rates(run: Callable[[], object], megabytes: float, repeats: int) -> str:
    """Return the lowest and highest rate of several runs after one that does not count."""
    run()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        run()
        found.append(megabytes / (time.process_time() - begin))
    return f"{min(found):.0f}-{max(found):.0f}"


def reading(folder: Path, data: bytes, repeats: int) -> None:
    """Print how fast each reads each kind of file."""
    import duckdb

    duckdb.execute("SET threads = 1")
    path = folder / "a.jsonl"
    path.write_bytes(data)
    (folder / "a.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(data))
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(data, 6))
    pq.write_table(paj.read_json(path), folder / "a.parquet", compression="zstd", row_group_size=20_000)
    rows = data.split(b"\n")
    broken = [row[:-1] if number % 100 == 50 else row for number, row in enumerate(rows)]
    (folder / "broken.jsonl").write_bytes(b"\n".join(broken))
    found: dict[str, dict[str, str]] = {}
    kinds = ("jsonl", "jsonl.zst", "jsonl.gz", "parquet")
    for kind in kinds:
        for name, run in readers(folder / f"a.{kind}"):
            try:
                found.setdefault(name, {})[kind] = rates(run, len(data) / 1e6, repeats)
            except Exception as error:  # a peer that does not take a kind says so
                found.setdefault(name, {})[kind] = type(error).__name__
    print("| reader | " + " | ".join(kinds) + " |\n|---|" + "---|" * len(kinds))
    for name, row in found.items():
        print(f"| {name} | " + " | ".join(row.get(kind, "") for kind in kinds) + " |")
    some = rates(lambda: shards(folder / "broken.jsonl"), len(data) / 1e6, repeats)
    print(f"| Headwater, one line in 100 broken | {some} | | | |")


def writing(folder: Path, megabytes: float, repeats: int) -> None:
    """Print how fast each writes rows as JSON lines."""
    import duckdb
    import polars as pl

    batches = list(pq.ParquetFile(folder / "a.parquet").iter_batches(4096))

    def by_duckdb() -> None:
        for batch in batches:
            rows = duckdb.from_arrow(pa.Table.from_batches([batch]))  # noqa: F841  (the query names it)
            duckdb.sql("SELECT to_json(rows)::VARCHAR FROM rows").to_arrow_table()

    ways: dict[str, Callable[[], object]] = {
        "Headwater, column by column": lambda: [json_text(batch) for batch in batches],
        "json.dumps per row": lambda: [
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist()).encode()
            for batch in batches
        ],
        "Polars, write_ndjson": lambda: [pl.from_arrow(batch).write_ndjson(io.BytesIO()) for batch in batches],
        "DuckDB, to_json": by_duckdb,
    }
    print("\n| writer | MB/s |\n|---|---|")
    for name, run in ways.items():
        print(f"| {name} | {rates(run, megabytes, repeats)} |")


def _peak(path: Path, results: "multiprocessing.Queue[tuple[int, float]]") -> None:
    rows = shards(path)
    # Not getrusage: its peak is handed down from the process that started this one.
    status = Path("/proc/self/status").read_text("ascii")
    results.put((rows, int(status.partition("VmHWM:")[2].split()[0]) / 1024))


def memory(folder: Path, data: bytes, gigabytes: float) -> None:
    """Print the peak memory of reading files of growing size."""
    context = multiprocessing.get_context("spawn")
    print("\n| file | rows | peak memory, MB |\n|---|---|---|")
    one_row = data[: data.index(b"\n") + 1]
    for label, times, suffix in (
        ("one row", 0, "jsonl"),
        (f"{gigabytes:g} GB", 1, "jsonl"),
        (f"{2 * gigabytes:g} GB", 2, "jsonl"),
        (f"{2 * gigabytes:g} GB, packed", 2, "jsonl.zst"),
    ):
        path = folder / f"large.{suffix}"
        copies = round(times * gigabytes * 1e9 / len(data))
        with path.open("wb") as file:
            out = zstandard.ZstdCompressor().stream_writer(file, closefd=False) if suffix.endswith("zst") else file
            for each in chain([one_row], (data for _ in range(copies))):
                out.write(each)
            if out is not file:
                out.close()
        results = context.Queue()
        process = context.Process(target=_peak, args=(path, results))
        process.start()
        rows, peak = results.get()
        process.join()
        path.unlink()
        print(f"| {label} | {rows:,} | {peak:.0f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="reading and writing documents")
    parser.add_argument("--megabytes", type=float, default=60)
    parser.add_argument("--memory-gigabytes", type=float, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    warm()
    data = lines(arguments.megabytes)
    names = ("pyarrow", "polars", "duckdb", "datasets", "zstandard")
    told = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"\n{data.count(bytes([10])):,} rows, {len(data) / 1e6:.1f} MB; headwater {__version__}, "
          f"Python {platform.python_version()}, {told}.\n")  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reading(folder, data, arguments.repeats)
        writing(folder, len(data) / 1e6, arguments.repeats)
        memory(folder, data, arguments.memory_gigabytes)


if __name__ == "__main__":
    main()
