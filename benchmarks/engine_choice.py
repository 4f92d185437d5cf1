"""Which engine for a cluster: plain Ray tasks, Daft on Ray, or Ray Data over Lance or Parquet?

The same operator (``headwater.curate.TextStatistics``, all columns) over the same made-up documents, on a Ray of this
machine with two processors, each candidate in a process of its own, in turns. Each reads ``id`` and ``text`` from a
folder of shards (Parquet, or a Lance table with a fragment per shard), measures, and writes Parquet.

* ``tasks``: Headwater's engine, a plain Ray task per shard;
* ``daft``: Daft on Ray over Lance, the operator as a batch function;
* ``daft-parquet``: the same over Parquet;
* ``data-lance``: Ray Data over lance-ray;
* ``data-parquet``: Ray Data over Parquet;
* ``embedded``: no Ray at all, Headwater's engine of one machine, for comparison.

Each is run twice undisturbed: wall time from an imported interpreter to the end, and of that until the cluster stands;
processor time and peak memory of the whole process tree (what is shared counted once, object store included); are rows
and values right, and are file names and bytes the same both times? Then once with a row that makes the operator raise,
once with a worker killed (SIGKILL) in the middle, and once with Ctrl-C, each without any wrapping of ours around the
operator: what is left, what is said, which processes stay.

    python benchmarks/engine_choice.py [--documents 200000] [--only tasks,daft] [--faults]

prints a Markdown table; half an hour for all of it.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CANDIDATES = ("tasks", "daft", "daft-parquet", "data-lance", "data-parquet", "embedded")
_SHARDS = 16
_BATCH = 2048
_STORE = 1 << 30
_POISON = "poison"
_SECONDS = 540


# The documents.


def make_documents(folder: Path, documents: int) -> None:
    """Write the documents as Parquet shards and as a Lance table with a fragment for each."""
    import lance

    rng = np.random.default_rng(20261130)
    syllables = [consonant + vowel for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]
    drawn = rng.integers(0, len(syllables), (30_000, 3))
    words = np.array(["".join(syllables[part] for part in word[: 1 + row % 3]) for row, word in enumerate(drawn)])
    odds = 1 / np.arange(1, len(words) + 1)
    odds /= odds.sum()
    (folder / "parquet").mkdir(parents=True)
    each = documents // _SHARDS
    for shard in range(_SHARDS):
        texts = []
        for _ in range(each):
            picked = words[rng.choice(len(words), int(rng.integers(60, 400)), p=odds)]
            lines = [" ".join(picked[at : at + 12]) + "." for at in range(0, len(picked), 12)]
            texts.append("\n".join(lines))
        ids = [f"{shard:03}-{row:06}" for row in range(each)]
        table = pa.table({"id": ids, "text": texts})
        pq.write_table(table, folder / "parquet" / f"{shard:05}.parquet", row_group_size=_BATCH)
        lance.write_dataset(table, folder / "documents.lance", mode="append" if shard else "create")


# What is done to them.


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the operator: nothing, a row that it cannot take, or a worker that dies once."""

    kind: str
    flag: str

    def strike(self, texts: pa.Array) -> None:
        """Do it at the row in the middle of the documents."""
        if self.kind == "none" or not pc.any(pc.starts_with(texts, _POISON)).as_py():
            return
        if self.kind == "row":
            raise ValueError("this row cannot be taken")
        if self.kind == "kill" and not Path(self.flag).exists():
            Path(self.flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)


def measured(table: pa.Table, fault: Fault) -> pa.Table:
    """Return the documents' ids with the statistics of their texts."""
    from headwater.curate import TextStatistics

    batches = []
    for batch in table.select(["id", "text"]).to_batches(max_chunksize=_BATCH):
        fault.strike(batch["text"])
        batches.append(TextStatistics()(batch).drop_columns(["text"]))
    return pa.Table.from_batches(batches)


@dataclass(frozen=True)
class Shard:
    """A task of ours: a shard, and where its result goes."""

    source: str
    number: int
    out: str


def measure_shard(shard: Shard, fault: Fault) -> int:
    """Read a fragment of the table, measure it, write it; returns its rows."""
    import lance

    fragment = lance.dataset(shard.source).get_fragment(shard.number)
    path = Path(shard.out) / f"{shard.number:05}.parquet"
    partial = path.with_suffix(".partial")
    rows = 0
    writer = None
    for batch in fragment.to_batches(columns=["id", "text"], batch_size=_BATCH):
        done = measured(pa.Table.from_batches([batch]), fault)
        writer = writer or pq.ParquetWriter(partial, done.schema)
        writer.write_table(done)
        rows += len(done)
    if writer is not None:
        writer.close()
        partial.rename(path)
    return rows


# The candidates.


def say(what: str) -> None:
    """Tell whoever watches that something is reached."""
    print(json.dumps({what: time.time()}), flush=True)


def run(candidate: str, data: Path, out: Path, fault: Fault) -> None:
    """Measure all documents with a candidate."""
    out.mkdir(parents=True)
    if candidate in {"tasks", "embedded"}:
        _run_engine("ray" if candidate == "tasks" else "embedded", data, out, fault)
        return
    import ray

    ray.init(
        "local", num_cpus=2, include_dashboard=False, object_store_memory=_STORE, logging_level="ERROR",
        log_to_driver=False, _node_ip_address="127.0.0.1",
    )  # fmt: skip
    say("stood")
    if candidate.startswith("daft"):
        _run_daft(candidate, data, out, fault)
    else:
        _run_ray_data(candidate, data, out, fault)


def _run_engine(name: str, data: Path, out: Path, fault: Fault) -> None:
    from functools import partial

    from headwater.engine import Failed, open_engine

    shards = [Shard(str(data / "documents.lance"), number, str(out)) for number in range(_SHARDS)]
    with open_engine(name, workers=2) as engine:
        say("stood")
        ended = engine.map(partial(measure_shard, fault=fault), shards, name=lambda shard: f"shard {shard.number}")
        for one in ended:
            if isinstance(one, Failed):
                print(f"{one.name}: {one.error}", file=sys.stderr)


def _run_daft(candidate: str, data: Path, out: Path, fault: Fault) -> None:
    import daft

    daft.set_runner_ray()
    if candidate == "daft":
        frame = daft.read_lance(str(data / "documents.lance"))
    else:
        frame = daft.read_parquet(str(data / "parquet" / "*.parquet"))
    schema = measured(pa.table({"id": ["a"], "text": ["b"]}), Fault("none", "")).schema
    fields = {field.name: daft.DataType.from_arrow_type(field.type) for field in schema if field.name != "id"}

    @daft.func.batch(return_dtype=daft.DataType.struct(fields), unnest=True, batch_size=_BATCH)
    def statistics(ids: daft.Series, texts: daft.Series) -> pa.StructArray:
        table = measured(pa.table({"id": ids.to_arrow(), "text": texts.to_arrow()}), fault).combine_chunks()
        return pa.StructArray.from_arrays([table[name].combine_chunks() for name in fields], names=list(fields))

    frame.select("id", statistics(frame["id"], frame["text"])).write_parquet(str(out))


def _run_ray_data(candidate: str, data: Path, out: Path, fault: Fault) -> None:
    import ray

    ray.data.DataContext.get_current().enable_progress_bars = False
    if candidate == "data-lance":
        import lance_ray

        documents = lance_ray.read_lance(str(data / "documents.lance"), columns=["id", "text"])
    else:
        documents = ray.data.read_parquet(str(data / "parquet"), columns=["id", "text"])
    documents.map_batches(
        measured, fn_kwargs={"fault": fault}, batch_format="pyarrow", batch_size=_BATCH
    ).write_parquet(str(out))


# Watching one from outside.


@dataclass
class Watched:
    """What was seen of a process and all that it started."""

    code: int
    wall: float
    start: float
    cpu: float
    peak_mb: float
    stayed: int
    said: str


def watch(arguments: list[str], interrupt_after: float = 0.0) -> Watched:
    """Run this file in a process of its own and watch the tree of processes."""
    begin = time.time()
    errors = tempfile.TemporaryFile()  # noqa: SIM115  (read when the child has ended)
    child = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, stderr=errors, start_new_session=True
    )
    root = psutil.Process(child.pid)
    seen: dict[int, psutil.Process] = {}
    cpu: dict[int, float] = {}
    peak = 0.0
    interrupted = 0.0
    os.set_blocking(child.stdout.fileno(), False)
    said = b""
    while child.poll() is None and time.time() - begin < _SECONDS:
        total = 0
        for one in _tree(root):
            seen[one.pid] = one
            try:
                times = one.cpu_times()
                cpu[one.pid] = times.user + times.system
                total += _own_bytes(one.pid)
            except (psutil.Error, OSError):
                continue
        peak = max(peak, total + _store_bytes())
        said += child.stdout.read() or b""
        at_work = time.time() - _number(said, "stood") > interrupt_after  # never, as long as it does not stand
        if interrupt_after and at_work and not interrupted:
            os.killpg(child.pid, signal.SIGINT)
            interrupted = time.time()
        time.sleep(0.2)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    end = time.time()
    said += child.stdout.read() or b""
    time.sleep(2)
    stayed = [one for one in seen.values() if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    for one in stayed:
        one.kill()
    errors.seek(0)
    lines = [line for line in errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
    start = json.loads(said.splitlines()[0])["begun"] if said else end
    wall = end - (interrupted or start)
    return Watched(
        child.returncode, wall, _number(said, "stood") - start, sum(cpu.values()), peak / 1e6, len(stayed),
        lines[-1][:160] if lines else "",
    )  # fmt: skip


def _number(said: bytes, key: str) -> float:
    for line in said.splitlines():
        if line.startswith(b"{") and key in (found := json.loads(line)):
            return float(found[key])
    return float("nan")


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _own_bytes(pid: int) -> int:
    """Return the memory a process shares with nobody; the kernel sums it up much faster than page by page."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    return 0


def _store_bytes() -> int:
    return psutil.disk_usage("/dev/shm").used


# What came out.


def rows_of(out: Path) -> pa.Table | None:
    """Return all rows of finished files, sorted by id."""
    files = sorted(path for path in out.rglob("*.parquet") if path.stat().st_size)
    tables = []
    for path in files:
        try:
            tables.append(pq.read_table(path))
        except (pa.ArrowInvalid, OSError):
            continue  # half written
    return pa.concat_tables(tables, promote_options="permissive").sort_by("id") if tables else None


def same_bytes(first: Path, second: Path) -> str:
    """Say what two runs have in common."""

    def content(out: Path) -> list[tuple[str, str]]:
        files = sorted(path for path in out.rglob("*.parquet"))
        return [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]

    one, two = content(first), content(second)
    if one == two:
        return f"same names and bytes, {len(one)} files"
    if sorted(digest for _, digest in one) == sorted(digest for _, digest in two):
        return f"same bytes, other names, {len(one)} files"
    return f"differ, {len(one)} and {len(two)} files"


def _order(out: Path) -> str:
    """Say whether rows stand in the order of the input within and across files sorted by name."""
    ids: list[str] = []
    for path in sorted(out.rglob("*.parquet")):
        ids += pq.read_table(path, columns=["id"])["id"].to_pylist()
    return "kept" if ids == sorted(ids) else "changed"


def _poisoned(data: Path, to: Path, documents: int) -> None:
    """Copy the documents with one in the middle that the operator meets as a fault."""
    import lance

    (to / "parquet").mkdir(parents=True)
    for shard, path in enumerate(sorted((data / "parquet").iterdir())):
        table = pq.read_table(path)
        if shard == _SHARDS // 2:
            texts = table["text"].to_pylist()
            texts[documents // _SHARDS // 2] = f"{_POISON} {texts[0]}"
            table = table.set_column(1, "text", pa.array(texts))
        pq.write_table(table, to / "parquet" / path.name, row_group_size=_BATCH)
        lance.write_dataset(table, to / "documents.lance", mode="append" if shard else "create")


def compare(work: Path, candidates: list[str], documents: int) -> None:
    """Run the candidates in turns and print what they cost."""
    results: dict[str, list[Watched]] = {candidate: [] for candidate in candidates}
    data = work / "data"
    reference: pa.Table | None = None
    for turn in range(2):
        for candidate in candidates:
            out = work / f"{candidate}-{turn}"
            shutil.rmtree(out, ignore_errors=True)
            results[candidate].append(watch(["--run", candidate, "--data", str(data), "--out", str(out)]))
            print(candidate, results[candidate][-1], file=sys.stderr, flush=True)
    print("| candidate | wall s, two runs | start s | CPU s | peak MB | rows and values | row order | two runs |")
    print("|---|---|---|---|---|---|---|---|")
    for candidate in candidates:
        first, second = results[candidate]
        found = rows_of(work / f"{candidate}-0")
        reference = found if reference is None else reference
        right = found is not None and len(found) == documents // _SHARDS * _SHARDS
        if right and reference is not None:
            kinds = pa.schema([pa.field(field.name, field.type) for field in reference.schema])
            right = found.select(reference.schema.names).cast(kinds).equals(reference.cast(kinds))
        alike = same_bytes(work / f"{candidate}-0", work / f"{candidate}-1")
        print(
            f"| {candidate} | {first.wall:.1f}, {second.wall:.1f} | {min(first.start, second.start):.1f} |"
            f" {min(first.cpu, second.cpu):.0f} | {max(first.peak_mb, second.peak_mb):.0f} |"
            f" {'right' if right else 'wrong'} | {_order(work / f'{candidate}-0')} | {alike} |"
        )


def faults(work: Path, candidates: list[str], documents: int) -> None:
    """Disturb the candidates and print what became of it."""
    data, out = work / "poisoned", work / "fault"
    if not data.exists():
        _poisoned(work / "data", data, documents)
    print("\n| candidate | disturbed by | exit code | rows written | s to the end | processes left | last words |")
    print("|---|---|---|---|---|---|---|")
    for candidate in candidates:
        for kind in ("row", "kill", "interrupt"):
            shutil.rmtree(out, ignore_errors=True)
            (work / "flag").unlink(missing_ok=True)
            arguments = ["--run", candidate, "--data", str(data), "--out", str(out), "--flag", str(work / "flag")]
            if kind == "interrupt":
                seen = watch(arguments, interrupt_after=1.5)
            else:
                seen = watch([*arguments, "--fault", kind])
            found = rows_of(out)
            rows = 0 if found is None else len(found)
            distinct = 0 if found is None else len(pc.unique(found["id"]))
            twice = f" ({rows - distinct} twice)" if rows != distinct else ""
            words = seen.said.replace("|", "/")
            print(
                f"| {candidate} | {kind} | {seen.code} | {rows:,}{twice} | {seen.wall:.1f} | {seen.stayed} | {words} |",
                flush=True,
            )


def _chosen(given: str) -> Iterator[str]:
    for candidate in CANDIDATES:
        if not given or candidate in given.split(","):
            yield candidate


def main() -> None:
    """Measure and print, or be one of the candidates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--only", default="", help="candidates, separated by commas")
    parser.add_argument("--faults", action="store_true", help="only the disturbed runs")
    parser.add_argument("--work", type=Path, help="folder for documents and results; kept if given")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--flag", default="", help=argparse.SUPPRESS)
    parser.add_argument("--fault", default="none", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        # As a module, so that it is sent by name and the processes of Ray import it.
        import engine_choice

        say("begun")
        try:
            fault = engine_choice.Fault(arguments.fault, arguments.flag)
            engine_choice.run(arguments.run, arguments.data, arguments.out, fault)
        except KeyboardInterrupt:
            sys.exit(130)
        return
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", DO_NOT_TRACK="1", OMP_NUM_THREADS="1")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    work = arguments.work or Path(tempfile.mkdtemp())
    if not (work / "data").exists():
        make_documents(work / "data", arguments.documents)
    candidates = list(_chosen(arguments.only))
    if not arguments.faults:
        compare(work, candidates, arguments.documents)
    faults(work, candidates, arguments.documents)
    if arguments.work is None:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
