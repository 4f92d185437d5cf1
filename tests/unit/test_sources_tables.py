"""Lance tables, saved Hugging Face data sets, Arrow files and the hub, read in shards."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from headwater.errors import InputError, MissingExtraError
from headwater.sources import Reject, RejectLog, ShardPlan, plan_shards, read_shard

ROWS = [{"text": f"text {number}", "n": number, "tags": ["a"] * (number % 3)} for number in range(100)]


def read(plan: ShardPlan) -> tuple[pa.Table, list[Reject]]:
    log, rejects, batches, documents = RejectLog(), [], [], 0
    log.add = rejects.append  # type: ignore[method-assign]
    for shard in plan.shards:
        stream = read_shard(shard, plan, log)
        batches += list(stream)
        documents += stream.report.documents
    table = pa.Table.from_batches(batches, plan.layout.batch_schema)
    table.validate(full=True)
    assert documents == len(table) + len(rejects)
    return table, rejects


def texts(table: pa.Table) -> list[str]:
    return table["text"].to_pylist()


# Lance


def lance_table(path: Path) -> lance.LanceDataset:
    return lance.write_dataset(pa.Table.from_pylist(ROWS), str(path), max_rows_per_file=30)


def test_a_lance_table_is_read_at_the_version_of_the_plan_by_runs_of_rows(tmp_path: Path) -> None:
    lance_table(tmp_path / "a.lance").delete("n = 5")
    wanted = [row for row in ROWS if row["n"] != 5]
    sizes = set()
    for shard_bytes in (1, 100, 1500, 10**9):
        plan = plan_shards(tmp_path, shard_bytes=shard_bytes)
        lance.write_dataset(pa.Table.from_pylist(ROWS).slice(0, 1), str(tmp_path / "a.lance"), mode="append")
        table, rejects = read(plan)
        assert rejects == []
        assert table.drop_columns(["_file", "_row"]).to_pylist() == wanted
        assert table["_row"].to_pylist() == list(range(1, len(wanted) + 1))
        sizes.add(len(plan.shards))
        wanted = [*wanted, ROWS[0]]
    assert len(sizes) >= 3


def test_a_version_that_is_gone_and_a_fragment_that_is_damaged_are_named(tmp_path: Path) -> None:
    table = lance_table(tmp_path / "a.lance")
    plan = plan_shards(tmp_path / "a.lance", shard_bytes=1)
    damaged = Path(tmp_path / "a.lance" / "data" / table.get_fragments()[1].metadata.files[0].path)
    damaged.write_bytes(damaged.read_bytes()[:300])
    found, rejects = read(plan)
    assert {int(text[5:]) // 30 for text in texts(found)} == {0, 2, 3}
    assert {reject.kind for reject in rejects} == {"truncated_file"}
    assert rejects[0].line == 31
    shutil.rmtree(tmp_path / "a.lance" / "_versions")
    found, rejects = read(plan)
    assert len(found) == 0
    assert {reject.kind for reject in rejects} == {"changed_file"}
    with pytest.raises(InputError, match="cannot be opened as a Lance table"):
        plan_shards(tmp_path / "a.lance")


# Hugging Face


def test_a_data_set_saved_to_disk_is_read_in_its_order(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    whole = datasets.Dataset.from_list(ROWS)
    whole.save_to_disk(tmp_path / "one", num_shards=3)
    datasets.DatasetDict({"train": whole, "test": whole.select([7, 3])}).save_to_disk(tmp_path / "splits")
    table, rejects = read(plan_shards(tmp_path / "one"))
    assert rejects == []
    assert table.drop_columns(["_file", "_row"]).to_pylist() == ROWS
    table, _ = read(plan_shards([tmp_path / "splits", tmp_path / "one"]))
    assert len(table) == 202
    assert texts(table)[100:102] == ["text 7", "text 3"]


def test_a_cache_folder_is_read_without_what_was_computed_from_it(tmp_path: Path) -> None:
    for name in ("data-train.arrow", "cache-0123.arrow"):
        with pa.ipc.new_stream(tmp_path / name, pa.Table.from_pylist(ROWS).schema) as out:
            out.write_table(pa.Table.from_pylist(ROWS), max_chunksize=30)
    table, _ = read(plan_shards(tmp_path))
    assert texts(table) == [row["text"] for row in ROWS]
    with pa.ipc.new_file(tmp_path / "z.arrow", pa.Table.from_pylist(ROWS).schema) as out:
        out.write_table(pa.Table.from_pylist(ROWS))
    assert len(read(plan_shards(tmp_path / "z.arrow"))[0]) == 100


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"_data_files": [{"filename": "../secret.arrow"}]}, "outside"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "lacks"),
        ({"_data_files": [7]}, "does not name"),
        ({"_data_files": "x"}, "no list"),
        ([], "no object"),
        ({"_data_files": [], "_indices_data_files": [{"filename": "i.arrow"}]}, "index of its rows"),
        ("{broken", "no description"),
    ],
)
def test_a_description_is_not_trusted(tmp_path: Path, state: object, says: str) -> None:
    (tmp_path / "secret.arrow").write_bytes(b"")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "state.json").write_text(state if isinstance(state, str) else json.dumps(state))
    with pytest.raises(InputError, match=says):
        plan_shards(folder)
    (folder / "state.json").unlink()
    (folder / "dataset_dict.json").write_text('{"splits": ["../.."]}')
    with pytest.raises(InputError, match="outside"):
        plan_shards(folder)


def test_a_truncated_stream_keeps_its_batches_and_lies_are_found_out(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as out:
        out.write_table(table, max_chunksize=30)
    data = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(data[: len(data) * 2 // 3])
    found, (reject,) = read(plan_shards(tmp_path / "a.arrow"))
    assert texts(found) == [row["text"] for row in ROWS[: len(found)]]
    assert (len(found) in {30, 60}, reject.line, reject.kind) == (True, len(found) + 1, "truncated_file")
    # Offsets beyond the data: every reader that trusts them reads memory that is not its own.
    offsets = pa.py_buffer(b"".join(number.to_bytes(4, "little") for number in (0, 5, 4000, 9)))
    lie = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"some text"))
    with pa.ipc.new_stream(tmp_path / "b.arrow", pa.schema([("text", pa.string())])) as out:
        out.write_batch(pa.record_batch({"text": ["good"]}))
        out.write_batch(pa.RecordBatch.from_arrays([lie], names=["text"]))
        out.write_batch(pa.record_batch({"text": pa.array([b"fine", b"caf\xe9"]).view(pa.string())}))
    found, rejects = read(plan_shards(tmp_path / "b.arrow"))
    assert texts(found) == ["good", "fine"]
    assert [(reject.line, reject.kind) for reject in rejects] == [(2, "unreadable_row"), (6, "invalid_utf8")]


# The hub


class Hub(DirFileSystem):
    """A folder that answers as the hub's file system does."""

    protocol = "hf"
    root = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(path=Hub.root, fs=LocalFileSystem(), **options)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        options.pop("refresh", None)
        found = super().info(path, **options)
        return found | {"blob_id": f"{found['mtime']}"}

    def find(self, path: str, **options: Any) -> Any:
        return {name: self.info(name) for name in super().find(path)}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is the hub as long as the test runs."""
    original = fsspec.get_filesystem_class("hf")
    Hub.root = str(tmp_path)
    fsspec.register_implementation("hf", Hub, clobber=True)
    Hub.clear_instance_cache()
    yield tmp_path
    fsspec.register_implementation("hf", original, clobber=True)


def test_data_sets_on_the_hub_are_read(hub: Path) -> None:
    folder = hub / "datasets" / "some" / "set"
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "data" / "a.parquet", row_group_size=10)
    (folder / "data" / "b.jsonl").write_text('{"text": "b", "n": 1, "tags": []}\n' * 50)
    (folder / "README.md").write_text("no document")
    plan = plan_shards("hf://datasets/some/set", shard_bytes=500)
    table, rejects = read(plan)
    assert rejects == []
    assert texts(table) == [*(row["text"] for row in ROWS), *["b"] * 50]
    assert plan.files[0].path == "hf://datasets/some/set/data/a.parquet"
    assert len(plan.shards) > 2
    assert len(read(plan_shards("hf://datasets/some/set/data/*.jsonl"))[0]) == 50
    assert len(read(plan_shards("hf://datasets/some/set/data/b.jsonl"))[0]) == 50
    (folder / "data" / "b.jsonl").write_text('{"text": "other"}\n')
    _, rejects = read(plan)
    assert [(reject.file, reject.kind) for reject in rejects] == [
        ("hf://datasets/some/set/data/b.jsonl", "changed_file")
    ]
    for path in ("hf://datasets/no/such", "hf://datasets/no/such/*.parquet"):
        with pytest.raises(InputError, match="hf://datasets/no/such"):
            plan_shards(path)


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"headwater\[hub\]"):
        plan_shards("hf://datasets/some/set")
