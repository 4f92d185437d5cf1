"""Reading in shards, for all inputs: nothing is lost, nothing is counted twice, and it is what reading by rows gives."""

import gzip
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.errors import HeadwaterError
from headwater.sources import RejectLog, plan_shards, read_shard
from headwater.sources.delimited import read_delimited
from headwater.sources.jsonl import json_row, read_jsonl
from headwater.sources.rejects import Reject
from headwater.sources.stream import Line
from headwater.text import json_lines

FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def everything(paths: Path | list[Path], **options: object) -> tuple[list[dict], RejectLog, dict[str, int]]:
    """Return all rows, the rejects and the counts of a plan's shards."""
    batch_rows = options.pop("batch_rows", 4096)
    batch_bytes = options.pop("batch_bytes", 8 << 20)
    plan = plan_shards(paths, **options)
    rejects = RejectLog()
    rows: list[dict] = []
    counts = {"accepted": 0, "bad": 0, "empty": 0, "documents": 0}
    for shard in plan.shards:
        stream = read_shard(shard, plan, rejects, batch_rows=batch_rows, batch_bytes=batch_bytes)
        for batch in stream:
            batch.validate(full=True)
            assert batch.schema == plan.layout.batch_schema
            assert 0 < batch.num_rows <= batch_rows
            assert batch[plan.layout.settings.text].null_count == 0
            assert all(column.offset == 0 for column in batch.columns)
            rows.extend(batch.to_pylist())
        for name in counts:
            counts[name] += getattr(stream.report, name)
    assert counts["accepted"] == len(rows)
    assert counts["documents"] == counts["accepted"] + counts["bad"]
    places = [(row["_file"], row["_row"]) for row in rows]
    assert places == sorted(set(places))
    return rows, rejects, counts


# The scan against Python's parser.

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
values = st.recursive(
    scalars,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["text", "a", "b", "é", "no", "x\ny", 'q"', ""]) | st.text(max_size=3)
objects = st.dictionaries(names, values | st.integers(-(10**30), 10**30), max_size=5)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Draw a line that is JSON, written in some style, or nearly so."""
    value = draw(objects) | ({"text": draw(st.text(max_size=20))} if draw(st.booleans()) else {})
    style = {"ensure_ascii": draw(st.booleans()), "separators": draw(st.sampled_from([(",", ":"), (" , ", " : ")]))}
    text = json.dumps(value, **style).encode("utf-8", "surrogatepass")
    damage = draw(st.sampled_from(["none"] * 6 + ["cut", "byte", "twice", "swap"]))
    if damage == "cut":
        text = text[: draw(st.integers(0, len(text)))]
    elif damage == "byte":
        at = draw(st.integers(0, len(text) - 1))
        text = text[:at] + bytes([draw(st.integers(0, 255))]) + text[at + 1 :]
    elif damage == "twice":
        text = text + text
    elif damage == "swap":
        text = text.replace(b'"', draw(st.sampled_from([b"'", b"\\", b"[", b"NaN", b"\\u", b"\\ud800", b"0"])), 1)
    return text.replace(b"\n", b" ")


def scanned(data: bytes) -> Iterator[tuple[int, dict[str, bytes], list[tuple[bytes, bytes]]]]:
    """Yield the state, the known and the other members of every line, as the kernel sees them."""
    array = np.frombuffer(data, dtype=np.uint8)
    known = [b"text", b"a", "é".encode()]
    joined, offsets = np.frombuffer(b"".join(known), np.uint8), np.cumsum([0, *map(len, known)]).astype(np.int32)
    rows = 64
    kinds = np.zeros((3, rows), np.uint8)
    starts, stops = np.zeros((2, 3, rows), np.int64)
    line_starts, line_stops = np.zeros((2, rows), np.int64)
    states, rest = np.zeros(rows, np.uint8), np.zeros((500, 5), np.int64)
    count, at, others = json_lines.scan(
        array, 0, len(array), joined, offsets, False, kinds, starts, stops, line_starts, line_stops, states, rest
    )  # fmt: skip
    assert at == len(data)
    for row in range(count):
        found = {
            name.decode(): data[starts[place, row] : stops[place, row]]
            for place, name in enumerate(known)
            if kinds[place, row] != json_lines.MISSING
        }
        other = [(data[b:c], data[d:e]) for number, b, c, d, e in rest[:others].tolist() if number == row]
        yield int(states[row]), found, other


@FAST
@given(st.lists(lines(), max_size=6))
def test_what_the_scan_calls_good_python_reads_alike(given_lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in given_lines)
    found = list(scanned(data))
    assert len(found) == len(given_lines)
    for line, (state, known, others) in zip(given_lines, found, strict=True):
        if state == json_lines.GOOD:
            try:
                value = json.loads(line.decode("utf-8", "surrogatepass"))
            except UnicodeDecodeError:
                continue  # bytes that are no text are somebody else's business
            assert isinstance(value, dict)
            raw = known | {json.loads(name.decode("utf-8", "surrogatepass")): text for name, text in others}
            # Of a name that stands twice the last is taken, as Python takes it.
            assert {name: json.loads(text.decode("utf-8", "surrogatepass")) for name, text in raw.items()} == value
        elif state == json_lines.EMPTY:
            assert not line.strip()


@FAST
@given(objects, st.booleans())
def test_plain_json_is_good(value: dict, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    (state, _, _), = scanned(text)  # fmt: skip
    escaped_name = any(json.dumps(name, ensure_ascii=ascii_only)[1:-1] != name for name in value)
    assert state == (json_lines.ODD if escaped_name else json_lines.GOOD)


# Whole files against reading by rows.


def by_rows(path: Path, limit: int = 64 << 20) -> tuple[list[tuple[int, str]], list[Reject]]:
    """Return texts with their lines, and rejects, as the reader by rows finds them."""
    texts, rejects = [], []
    for row in read_jsonl(path, limit):
        if isinstance(row, Reject):
            rejects.append(row)
        elif row is not None:
            text = row.values.get("text")
            if isinstance(text, str) and not any(0xD800 <= ord(character) < 0xE000 for character in text):
                texts.append((row.line, text))
            else:
                rejects.append(Reject(str(path), row.line, row.offset, "other", ""))
    return texts, rejects


@FAST
@given(st.lists(lines(), max_size=12), st.integers(1, 200), st.integers(1, 7), st.sampled_from([1, 50, 10**6]))
def test_shards_of_any_size_give_what_reading_by_rows_gives(
    tmp_path_factory: pytest.TempPathFactory, given_lines: list[bytes], shard: int, rows: int, block: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_bytes(b'{"text": "first"}\n' + b"\n".join(given_lines))
    log: list[Reject] = []
    texts, rejects = by_rows(path)
    plan = plan_shards(path, shard_bytes=shard)
    found = []
    kept = RejectLog()
    kept.add = log.append  # type: ignore[method-assign]
    for part in plan.shards:
        for batch in read_shard(part, plan, kept, batch_rows=rows, batch_bytes=block):
            found += list(zip(batch["_row"].to_pylist(), batch["text"].to_pylist(), strict=True))
    assert found == texts
    assert sorted((each.line, each.offset) for each in log) == [(each.line, each.offset) for each in rejects]
    known = {each.line: (each.kind, each.detail, each.sample) for each in rejects if each.kind != "other"}
    assert {each.line: (each.kind, each.detail, each.sample) for each in log if each.line in known} == known


@FAST
@given(st.lists(objects, min_size=1, max_size=10))
def test_every_value_of_every_row_is_in_a_column_or_in_the_rest(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[dict]
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    values = [row | {"text": "t"} for row in given_rows]
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in [{"text": "a", "b": 1.5}, *values]))
    plan = plan_shards(path)
    rows, _, _ = everything(path)
    assert len(rows) == len(values) + 1
    for row, value in zip(rows[1:], values, strict=True):
        rest = json.loads(row["meta"] or "{}")
        for name, item in value.items():
            if name in rest:
                assert rest[name] == item
                continue
            kept = row.get(name)
            if (plan.schema.field(name).metadata or {}).get(b"holds") is not None and kept is not None:
                same = kept == item or json.loads(kept) == item
            else:
                same = _alike(kept, item)
            assert same, (name, kept, item)


def _alike(kept: object, item: object) -> bool:
    """Say whether a value of a typed column is the JSON value: members that are missing are null there."""
    if isinstance(kept, dict) and isinstance(item, dict):
        return all(_alike(kept[name], item.get(name)) for name in kept) and set(item) <= set(kept)
    if isinstance(kept, list) and isinstance(item, list):
        return len(kept) == len(item) and all(map(_alike, kept, item))
    return kept == item


@FAST
@given(
    st.lists(
        st.text(st.sampled_from('ab",\n\r\0é\u2028 '), max_size=12).map(str.encode)
        | st.lists(st.text(st.sampled_from('ab",\n\ré '), max_size=5), min_size=2, max_size=2).map(
            lambda cells: ",".join('"' + cell.replace('"', '""') + '"' for cell in cells).encode()
        )
        | st.sampled_from([b"a,b", b'"a",b', b"caf\xe9,b", b"", b"\r"]),
        max_size=12,
    ),
    st.sampled_from([b"\n", b"\r\n"]),
    st.integers(1, 40),
    st.integers(1, 5),
    st.sampled_from([20, 10**6]),
)
def test_delimited_text_in_columns_is_what_reading_by_rows_gives(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], end: bytes, block: int, rows: int, limit: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.csv"
    path.write_bytes(b"text,n" + end + b'"first",1' + end + end.join(records))
    texts, rejects, empty = [], [], 0
    for row in read_delimited(path, ",", limit):
        if row is None:
            empty += 1
        elif isinstance(row, Reject):
            rejects.append(row)
        else:
            texts.append((row.line, row.values["text"], row.values["n"]))
    plan = plan_shards(path, max_document_bytes=limit)
    log: list[Reject] = []
    kept = RejectLog()
    kept.add = log.append  # type: ignore[method-assign]
    stream = read_shard(plan.shards[0], plan, kept, batch_rows=rows, batch_bytes=block)
    found = [(row["_row"], row["text"], row["n"]) for batch in stream for row in batch.to_pylist()]
    assert found == texts
    assert log == rejects
    assert stream.report.empty == empty


# Damage of any kind.


def files(tmp_path: Path) -> dict[str, bytes]:
    rows = [{"text": f"text number {number}, with a line\nend", "n": number, "tags": ["x"]} for number in range(40)]
    plain = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "made.parquet", row_group_size=10)
    with pa.ipc.new_stream(tmp_path / "made.arrow", table.schema) as out:
        out.write_table(table, max_chunksize=10)
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><p>Some text of a page.</p></html>"
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n"
    warc = [head % len(page) + page + b"\r\n\r\n"] * 5
    return {
        "warc": b"".join(warc),
        "warc.gz": b"".join(map(gzip.compress, warc)),
        "html": b"<html><body><p>Some text.</p><table><tr><td>cell</table></body></html>",
        "arrow": (tmp_path / "made.arrow").read_bytes(),
        "jsonl": plain,
        "jsonl.gz": gzip.compress(plain),
        "jsonl.zst": zstandard.ZstdCompressor(write_checksum=True).compress(plain),
        "csv": b"n,text\n" + b"".join(b'%d,"text, ""%d"" \n"\n' % (n, n) for n in range(40)),
        "txt": plain,
        "parquet": (tmp_path / "made.parquet").read_bytes(),
    }


@pytest.mark.parametrize(
    "suffix", ["jsonl", "jsonl.gz", "jsonl.zst", "csv", "txt", "parquet", "arrow", "html", "warc", "warc.gz"]
)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_damaged_file_raises_nothing_but_what_is_ours(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(files(folder)[suffix])
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    path = folder / f"damaged.{suffix}"
    path.write_bytes(bytes(content[:end]))
    shard_bytes = data.draw(st.sampled_from([100, 10**6]))
    with suppress(HeadwaterError):
        everything(path, shard_bytes=shard_bytes)


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "csv", "txt", "parquet", "arrow", "html", "warc"])
@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_what_is_ours(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("random") / f"a.{suffix}"
    path.write_bytes(content)
    with suppress(HeadwaterError):
        everything(path)


def test_a_line_that_python_reads_row_by_row_is_the_same_row(tmp_path: Path) -> None:
    assert json_row("f", Line(1, 0, b'{"a": NaN}'), 100).values == {"a": None}  # type: ignore[union-attr]
