"""Record batches as lines of JSON: whatever they hold, Python reads back what they held."""

import errno
import json
import math
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import StoreError
from headwater.sources import document_writer, plan_shards, read_shard
from headwater.sources.json_text import json_text
from headwater.sources.schemas import json_field

characters = st.characters(exclude_categories=["Cs"])
strings = st.text(characters, max_size=20) | st.text(
    st.sampled_from('ab"\\\n\r\t\x00\x1f\x7f\x85\u2028\u2029é…界'), max_size=30
)
number = st.floats(width=64)
KINDS = {
    "text": (pa.string(), strings),
    "integer": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "number": (pa.float64(), number),
    "yes": (pa.bool_(), st.booleans()),
    "list": (pa.list_(pa.string()), st.lists(st.none() | strings, max_size=3)),
    "lists": (
        pa.list_(pa.list_(pa.float64())),
        st.lists(st.none() | st.lists(st.none() | number, max_size=2), max_size=3),
    ),
    "object": (
        pa.struct([("a", pa.string()), ('q"u', pa.int64()), ("in", pa.struct([("x", pa.list_(pa.bool_()))]))]),
        st.fixed_dictionaries(
            {
                "a": st.none() | strings,
                'q"u': st.none() | st.integers(0, 9),
                "in": st.none() | st.fixed_dictionaries({"x": st.none() | st.lists(st.booleans(), max_size=2)}),
            }
        ),
    ),
    "objects": (
        pa.list_(pa.struct([("a", pa.string())])),
        st.lists(st.none() | st.fixed_dictionaries({"a": st.none() | strings}), max_size=3),
    ),
    "words": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "ä"])),
    "large": (pa.large_string(), strings),
}
rows = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, (_, values) in KINDS.items()}), min_size=1, max_size=6
)
SCHEMA = pa.schema([pa.field(name, kind) for name, (kind, _) in KINDS.items()])


def plain(value: object) -> object:
    """Return a value as JSON knows it: numbers that are none are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


@settings(max_examples=200, deadline=None)
@given(rows, st.integers(0, 2))
def test_what_is_written_is_what_python_reads(given_rows: list[dict], skip: int) -> None:
    batch = pa.RecordBatch.from_pylist(given_rows, SCHEMA).slice(skip)
    text = bytes(json_text(batch)).decode()
    lines = text.split("\n")
    assert lines[-1] == ""
    assert text.splitlines() == lines[:-1]  # no line separator of any kind is left inside of a line
    wanted = [
        {name: plain(row[name]) for name in SCHEMA.names if plain(row[name]) is not None} for row in given_rows[skip:]
    ]
    found = [json.loads(line) for line in lines[:-1]]
    assert found == wanted
    assert [[type(value) for value in row.values()] for row in found] == [
        [type(value) for value in row.values()] for row in wanted
    ]


def test_json_text_and_rare_types() -> None:
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array(['{"a": [1, 2.50]}', None]),
            pa.array([date(2024, 5, 6), None]),
            pa.array([Decimal("1.50"), None]),
            pa.array([b"\xff\x00", b"x"]),
            pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            pa.array([1.5, float("nan")], pa.float16()),
            pa.array([1, None], pa.duration("s")),
            pa.nulls(2),
            pa.array([0, 2**64 - 1], pa.uint64()),
        ],
        schema=pa.schema(
            [
                json_field("json"), ("date", pa.date32()), ("decimal", pa.decimal128(5, 2)), ("bytes", pa.binary()),
                ("map", pa.map_(pa.string(), pa.int64())), ("half", pa.float16()), ("duration", pa.duration("s")),
                ("nothing", pa.null()), ("large", pa.uint64()),
            ]
        ),
    )  # fmt: skip
    first, second = (json.loads(line) for line in bytes(json_text(batch)).splitlines())
    assert first == {
        "json": {"a": [1, 2.5]}, "date": "2024-05-06", "decimal": 1.5, "bytes": "\\xff\0", "map": [["k", 1]],
        "half": 1.5, "duration": "1", "large": 0,
    }  # fmt: skip
    assert second == {"bytes": "x", "large": 2**64 - 1}
    assert b"2.50" in bytes(json_text(batch))
    assert bytes(json_text(batch.slice(0, 0))) == b""


@pytest.mark.parametrize("suffix", ["jsonl.zst", "jsonl.gz", "jsonl", "parquet"])
def test_files_come_back_and_are_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    values = [{"text": f"a\u2028b {n}", "n": n / 2, "m": {"k": [n, None]}, "none": None} for n in range(5000)]
    batches = pa.Table.from_pylist(values).to_batches(max_chunksize=3000)
    for name in ("one", "two"):
        with document_writer(tmp_path / f"{name}.{suffix}", batches[0].schema) as write:
            for batch in batches:
                write(batch)
    path = tmp_path / f"one.{suffix}"
    assert path.read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    plan = plan_shards(path)
    back = [row for batch in read_shard(plan.shards[0], plan) for row in batch.to_pylist()]
    assert [{name: row[name] for name in ("text", "n", "m")} for row in back] == [
        {name: row[name] for name in ("text", "n", "m")} for row in values
    ]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f"one.{suffix}", f"two.{suffix}"]


def test_what_cannot_be_written_says_what_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    batch = pa.record_batch({"text": ["x" * 100_000]})
    path = tmp_path / "gone" / "a.jsonl"
    with pytest.raises(StoreError, match="the folder does not exist"), document_writer(path, batch.schema) as write:
        write(batch)
    for error in (OSError(errno.ENOSPC, "no space"), KeyboardInterrupt()):
        with suppress(StoreError, KeyboardInterrupt), document_writer(tmp_path / "a.jsonl.zst", batch.schema) as write:
            write(batch)
            raise error
    with pytest.raises(StoreError, match="the disk is full"), document_writer(tmp_path / "a.jsonl", batch.schema):
        raise OSError(errno.ENOSPC, "no space")
    assert list(tmp_path.iterdir()) == []


def test_zstandard_files_carry_a_checksum(tmp_path: Path) -> None:
    batch = pa.record_batch({"text": ["x"]})
    with document_writer(tmp_path / "a.jsonl.zst", batch.schema) as write:
        write(batch)
    assert zstandard.get_frame_parameters((tmp_path / "a.jsonl.zst").read_bytes()).has_checksum
