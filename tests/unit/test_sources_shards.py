import gzip
import json
import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from headwater.errors import InputError
from headwater.sources import Reject, RejectLog, ShardPlan, document_writer, plan_shards, read_shard, warm
from headwater.sources.html import page_text
from headwater.text import delimited_lines, html_shape, json_columns, json_lines, json_writing

DATA = Path("../shared/data")


def jsonl(path: Path, *rows: object) -> Path:
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return path


def read(plan: ShardPlan, **options: int) -> tuple[pa.Table, list[Reject]]:
    """Return all rows and all rejects of a plan; what went in is what came out."""
    log, rejects = RejectLog(), []
    log.add = rejects.append  # type: ignore[method-assign]
    batches, documents, accepted = [], 0, 0
    for shard in plan.shards:
        stream = read_shard(shard, plan, log, **options)
        batches += list(stream)
        documents += stream.report.documents
        accepted += stream.report.accepted
    table = pa.Table.from_batches(batches, plan.layout.batch_schema)
    table.validate(full=True)
    harmless = sum(reject.kind == "empty_file" for reject in rejects)
    assert documents == accepted + len(rejects) - harmless
    assert accepted == len(table)
    return table, rejects


def read_all(*paths: Path, **options: object) -> tuple[pa.Table, list[Reject]]:
    return read(plan_shards(list(paths), **options))


# Bad lines of JSON.


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        (b'{"text": "half\n', "invalid_json", "Unterminated string"),
        (b'{"text": "a"} {"text": "b"}\n', "invalid_json", "Extra data"),
        (b'{"text": "caf\xe9"}\n', "invalid_utf8", "byte 13"),
        (b'\xff\xfe{\x00"\x00\n', "invalid_utf8", "UTF-16"),
        (b'["text"]\n', "not_an_object", "jq -c"),
        (b'"text"\n', "not_an_object", "a str"),
        (b'{"body": "x"}\n', "missing_text", "'text'"),
        (b'{"text": null}\n', "missing_text", "'text'"),
        (b'{"text": 7}\n', "wrong_type", "not text"),
        (b'{"text": {"a": 1}}\n', "wrong_type", "an object"),
        (b'{"text": "half a character \\ud800"}\n', "invalid_utf8", "lone surrogate"),
        (b'{"text": "a raw \x01 control"}\n', "invalid_json", "control"),
        (b'{"text": "x", "a": 1' + b"0" * 5000 + b"}\n", "invalid_json", "digits"),
        (b'{"text": "x", "a": ' + b"[" * 300 + b"]" * 300 + b"}\n", "invalid_json", "nested"),
        (b'{"text": ' + b"[" * 200_000 + b"\n", "invalid_json", ""),
        (b'{"text": "x",}\n', "invalid_json", ""),
        (b'{"text": "x"}}\n', "invalid_json", ""),
        (b'{"text": "x", "a": 01}\n', "invalid_json", ""),
        (b"\x00\x00\n", "invalid_json", ""),
    ],
)
def test_one_bad_line_is_named_and_costs_one_row(tmp_path: Path, line: bytes, kind: str, says: str) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "one"}, line, {"text": "two"})
    table, (reject,) = read_all(path)
    assert table["text"].to_pylist() == ["one", "two"]
    assert table["_row"].to_pylist() == [1, 3]
    assert (reject.file, reject.line, reject.offset, reject.kind) == (str(path), 2, 16, kind)
    assert says in reject.detail
    assert len(reject.sample) <= 200


def test_lines_that_are_odd_but_right_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "after a byte order mark", "n": 1}\r\n'
        b"\n \t \r\n\x0c\n"
        b'{"text": "separators \xe2\x80\xa8 \xc2\x85 and \\u0000", "n": NaN}\n'
        b'  {"text": "first", "text": "last", "n": 2}  \n'
        b'{"te\\u0078t": "an escaped name", "n": -3}\n'
        b'{"text": "", "n": 4}\n'
        b'{"text": "\\ud83d\\ude00 \\/ \\t\\" \\u00e9", "n": 9223372036854775807}'
    )
    table, rejects = read_all(path)
    assert rejects == []
    assert table["text"].to_pylist() == [
        "after a byte order mark",
        "separators \u2028 \u0085 and \0",
        "last",
        "an escaped name",
        "",
        '\U0001f600 / \t" é',
    ]
    assert table["n"].to_pylist() == [1, None, 2, -3, 4, 2**63 - 1]
    assert table["_row"].to_pylist() == [1, 5, 6, 7, 8, 9]
    assert table["meta"].null_count == 6


def test_values_that_do_not_fit_and_keys_that_come_later_are_kept(tmp_path: Path) -> None:
    first = {"text": "a", "n": 1, "x": 0.5, "tags": ["a"], "who": {"name": "A"}, "ok": True, "any": [1, "b"]}
    other = {
        "text": "b", "n": 1.5, "x": "no", "tags": [1], "who": {"name": "B", "age": 3}, "ok": None, "any": {"c": [1]},
        "later é": [1, {"a": None}], "half": "\ud800",
    }  # fmt: skip
    filler = [{"text": "long " * 10_000, "n": number, "x": number} for number in range(40)]
    table, rejects = read_all(jsonl(tmp_path / "a.jsonl", first, *filler, other))
    assert rejects == []
    last = table.slice(len(table) - 1).to_pylist()[0]
    assert {name: last[name] for name in ("n", "x", "tags", "who", "ok")} == dict.fromkeys(
        ("n", "x", "tags", "who", "ok")
    )
    assert json.loads(last["any"]) == {"c": [1]}
    left = ("n", "x", "tags", "who", "later é", "half")
    assert json.loads(last["meta"]) == {name: other[name] for name in left}
    assert table["tags"].to_pylist()[0] == ["a"]
    assert table["x"].to_pylist()[1:4] == [0.0, 1.0, 2.0]


def test_a_line_that_is_too_long_is_set_aside_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as out:
        out.write(b'{"text": "one"}\n{"text": "')
        for _ in range(100):
            out.write(b"x" * (1 << 20))
        out.write(b'"}\n{"text": "two"}\n')
    plan = plan_shards(path, max_document_bytes=1 << 20)
    tracemalloc.start()
    table, (reject,) = read(plan, batch_bytes=1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table["text"].to_pylist() == ["one", "two"]
    assert (reject.line, reject.kind) == (2, "line_too_long")
    assert reject.sample.startswith('{"text": "xxx')
    assert peak < 24 << 20


def test_a_line_of_exactly_the_limit_is_a_row_in_blocks_of_any_size(tmp_path: Path) -> None:
    line = json.dumps({"text": "x" * 89}).encode()
    path = jsonl(tmp_path / "a.jsonl", line + b"\n", line.replace(b"x", b"xx", 1) + b"\n", line + b"\n")
    plan = plan_shards(path, max_document_bytes=len(line))
    for size in (1, 50, 150, 1 << 20):
        table, (reject,) = read(plan, batch_bytes=size)
        assert (len(table), reject.line, reject.kind) == (2, 2, "line_too_long")


def test_a_file_that_expands_beyond_measure_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as out:
        out.write(b'{"text": "one"}\n')
        zeros = b"\0" * (1 << 24)
        for _ in range(70):
            out.write(zeros)
    assert path.stat().st_size < 1 << 20
    table, rejects = read_all(path)
    assert table["text"].to_pylist() == ["one"]
    assert [reject.kind for reject in rejects] == ["expands_too_much"]
    assert "500 times" in rejects[0].detail


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_rows_before_the_end_of_a_truncated_file_are_kept(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(1)
    rows = b"".join(json.dumps({"text": rng.bytes(50).hex()}).encode() + b"\n" for _ in range(5000))
    packed = gzip.compress(rows) if suffix == "gz" else zstandard.ZstdCompressor().compress(rows)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(packed[: len(packed) - 10])
    table, rejects = read_all(path)
    assert [reject.kind for reject in rejects] == ["truncated_file"]
    assert rejects[0].line == len(table) + 1
    assert len(table) > 2000
    texts = [json.loads(line)["text"] for line in rows.splitlines()]
    assert table["text"].to_pylist() == texts[: len(table)]


# The plan.


def test_shards_of_any_size_give_the_same_rows_with_their_lines(tmp_path: Path) -> None:
    rows = [{"text": "text " * (number % 11), "n": number} for number in range(300)]
    lines = [json.dumps(row).encode() + b"\n" for row in rows]
    lines[40:40] = [b"\n", b"{broken\n"]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(lines))
    whole, (bad,) = read_all(path)
    sizes = set()
    for shard_bytes in (1, 7, 64, 333, 5000, 10**6):
        plan = plan_shards(path, shard_bytes=shard_bytes)
        sizes.add(len(plan.shards))
        table, rejects = read(plan)
        assert table.equals(whole)
        assert rejects == [bad]
    assert len(sizes) >= 5
    assert whole["_row"].to_pylist() == [*range(1, 41), *range(43, 303)]


def test_small_files_share_a_shard_and_large_ones_are_cut(tmp_path: Path) -> None:
    for number in range(10):
        jsonl(tmp_path / f"{number}.jsonl", {"text": str(number)})
    jsonl(tmp_path / "9_large.jsonl", *({"text": "x" * 50} for _ in range(100)))
    plan = plan_shards(tmp_path, shard_bytes=1000)
    assert [len(shard.parts) for shard in plan.shards][:2] == [10, 1]
    assert 6 <= len(plan.shards) <= 9
    table, _ = read(plan)
    assert table["_file"].to_pylist() == [*range(10), *[10] * 100]
    assert table["_row"].to_pylist() == [*[1] * 10, *range(1, 101)]
    assert [Path(file.path).name for file in plan.files][-2:] == ["9.jsonl", "9_large.jsonl"]


def test_a_plan_and_its_shards_can_be_sent_to_another_process(tmp_path: Path) -> None:
    plan = plan_shards(jsonl(tmp_path / "a.jsonl", {"text": "a", "m": {"b": [1]}}))
    again = pickle.loads(pickle.dumps(plan))
    assert again.key == plan.key
    assert again.schema == plan.schema
    stream = read_shard(pickle.loads(pickle.dumps(plan.shards[0])), pickle.loads(pickle.dumps(plan.layout)))
    assert [batch["m"].to_pylist() for batch in stream] == [[{"b": [1]}]]


def test_the_key_names_files_and_settings(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "a", "body": "b"})
    keys = [plan_shards(path).key, plan_shards(path).key, plan_shards(path, text="body").key]
    os.utime(path, (1, 1))
    keys.append(plan_shards(path).key)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_types_that_differ_between_files_are_widened_and_told(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "a", "n": 1, "s": 1, "j": [1], "same": {"a": 1}, "none": None})
    jsonl(tmp_path / "b.jsonl", {"text": "b", "n": 1.5, "s": "two", "j": "x", "same": {"b": "c"}, "none": "some"})
    pq.write_table(pa.table({"text": ["c"], "n": pa.array([3], pa.int32()), "s": [True]}), tmp_path / "c.parquet")
    plan = plan_shards(tmp_path)
    table, rejects = read(plan)
    assert rejects == []
    assert table["n"].to_pylist() == [1.0, 1.5, 3.0]
    assert table["s"].to_pylist() == ["1", "two", "true"]
    assert table["j"].to_pylist() == ["[1]", '"x"', None]
    assert table["same"].to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": "c"}, None]
    assert table["none"].to_pylist() == [None, "some", None]
    told = {conflict.column: str(conflict) for conflict in plan.conflicts}
    assert set(told) == {"n", "s", "j"}
    assert "a.jsonl" in told["n"]
    assert "b.jsonl" in told["n"]
    assert "double" in told["n"]


def test_a_column_that_no_row_has_is_an_error_that_names_the_ones_there(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"content": "a", "url": "b"})
    with pytest.raises(InputError, match=r"a\.jsonl has no column 'contents'.*content, url.*Did you mean 'content'"):
        plan_shards(path, text="contents")
    pq.write_table(pa.table({"body": ["c"]}), tmp_path / "b.parquet")
    with pytest.raises(
        InputError, match=r"b\.parquet has no column 'content'.*body.*Name the one with the text \(--text\)"
    ):
        plan_shards(tmp_path, text="content")
    with pytest.raises(InputError, match=r"has no column 'key'.*Name the one with the ids"):
        plan_shards(path, text="content", id="key")


def test_ids_are_text_and_must_be_there(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl", {"text": "a", "id": 7}, {"text": "b", "id": "x"}, {"text": "c"}, {"text": "d", "id": ""},
        {"text": "e", "id": [1]},
    )  # fmt: skip
    table, rejects = read_all(path, id="id")
    assert table["id"].to_pylist() == ["7", "x"]
    assert [(reject.line, reject.kind) for reject in rejects] == [
        (3, "wrong_type"),
        (4, "wrong_type"),
        (5, "wrong_type"),
    ]


def test_the_users_own_meta_stays_and_the_rest_has_another_name(tmp_path: Path) -> None:
    filler = [{"text": "long " * 50_000, "meta": {"a": 1}} for _ in range(8)]
    path = jsonl(tmp_path / "a.jsonl", *filler, {"text": "x", "meta": {"a": 2}, "extra": 5, "_row": 9})
    plan = plan_shards(path)
    table, _ = read(plan)
    assert plan.layout.rest == "more_meta"
    assert table["meta"].to_pylist()[-1] == {"a": 2}
    assert json.loads(table["more_meta"].to_pylist()[-1]) == {"extra": 5, "_row": 9}
    assert table["_row"].to_pylist()[-1] == 9


def test_a_file_that_vanishes_or_changes_is_named(tmp_path: Path) -> None:
    paths = [jsonl(tmp_path / f"{name}.jsonl", {"text": name}) for name in "abcd"]
    plan = plan_shards(paths)
    paths[1].unlink()
    jsonl(paths[2], {"text": "c"}, {"text": "more"})
    os.utime(paths[3], (5, 5))
    table, rejects = read(plan)
    assert table["text"].to_pylist() == ["a"]
    assert [(Path(reject.file).name, reject.kind) for reject in rejects] == [
        (f"{name}.jsonl", "changed_file") for name in "bcd"
    ]
    assert "16 bytes" not in rejects[0].detail
    assert "had 14 bytes" in rejects[1].detail


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", *({"text": "x" * 100} for _ in range(100)))
    plan = plan_shards(path)
    rejects = RejectLog()
    stream = read_shard(plan.shards[0], plan, rejects, batch_rows=10)
    next(stream)
    with path.open("ab") as file:
        file.write(b'{"text": "more"}\n')
    assert sum(batch.num_rows for batch in stream) == 90
    assert stream.report.rejected == {"changed_file": 1}


def test_files_without_rows_are_named_and_harmless(tmp_path: Path) -> None:
    empty = jsonl(tmp_path / "a.jsonl", b"\n\n")
    jsonl(tmp_path / "b.jsonl", {"text": "b"})
    (tmp_path / "c.txt").write_bytes(b"")
    table, rejects = read_all(tmp_path)
    assert len(table) == 1
    assert [(Path(reject.file).name, reject.kind) for reject in rejects] == [("c.txt", "empty_file")]
    with pytest.raises(InputError, match="none of its first lines is a JSON object"):
        plan_shards(empty)


# Other formats.


def test_parquet_text_of_any_kind_is_read(tmp_path: Path) -> None:
    words = ["a", None, "é", "a"]
    kinds = {
        "plain": pa.array(words),
        "large": pa.array(words, pa.large_string()),
        "view": pa.array(words, pa.string_view()),
        "dictionary": pa.array(words).dictionary_encode(),
        "binary": pa.array([word and word.encode() for word in words], pa.binary()),
    }
    for name, column in kinds.items():
        path = tmp_path / f"{name}.parquet"
        more = pa.array([{"a": [1, None]}, None, {"a": []}, {"a": None}])
        pq.write_table(pa.table({"text": column, "more": more, "cat": column}), path, row_group_size=2)
        for shard_bytes in (1, 10**9):
            table, (reject,) = read_all(path, shard_bytes=shard_bytes)
            assert table["text"].to_pylist() == ["a", "é", "a"], name
            assert table["more"].to_pylist() == [{"a": [1, None]}, {"a": []}, {"a": None}]
            assert table["_row"].to_pylist() == [1, 3, 4]
            assert (reject.line, reject.kind) == (2, "missing_text")


def test_bytes_in_parquet_that_are_no_text_cost_their_row(tmp_path: Path) -> None:
    bad = pa.array([b"good", b"caf\xe9", b"fine"]).view(pa.string())
    for name in ("text", "other"):
        table = pa.table({"text": ["1", "2", "3"], "other": ["x", "y", "z"]})
        table = table.set_column(table.schema.get_field_index(name), name, bad)
        pq.write_table(table, tmp_path / "a.parquet")
        found, (reject,) = read_all(tmp_path / "a.parquet")
        assert found["_row"].to_pylist() == [1, 3]
        assert (reject.line, reject.kind) == (2, "invalid_utf8")
        assert name in reject.detail


def test_a_parquet_file_without_its_end_is_one_reject_among_others(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"] * 100}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": ["b"]}), tmp_path / "b.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[:-20])
    table, (reject,) = read_all(tmp_path)
    assert table["text"].to_pylist() == ["b"]
    assert (Path(reject.file).name, reject.kind) == ("a.parquet", "truncated_file")
    with pytest.raises(InputError, match="no document can be read"):
        plan_shards(tmp_path / "a.parquet")


def test_a_damaged_row_group_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = [f"text {number}" for number in range(90)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=30, compression="zstd", use_dictionary=False)
    meta = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    begin = meta.data_page_offset + 40
    data[begin : begin + 40] = b"\xff" * 40
    path.write_bytes(bytes(data))
    table, (reject,) = read_all(path)
    assert table["text"].to_pylist() == [*texts[:30], *texts[60:]]
    assert table["_row"].to_pylist() == [*range(1, 31), *range(61, 91)]
    assert (reject.line, reject.kind) == (31, "truncated_file")
    assert "30 rows" in reject.detail


def test_one_long_text_in_a_dictionary_is_not_unfolded_for_all_rows_at_once(tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 1000, pa.int32()), ["x" * 1_000_000, "short"])
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", dictionary_pagesize_limit=1 << 30)
    with pa.ipc.new_stream(tmp_path / "b.arrow", pa.schema([("text", texts.type)])) as out:
        out.write_table(pa.table({"text": texts}))
    for name in ("a.parquet", "b.arrow"):
        assert (tmp_path / name).stat().st_size < 2 << 20
        plan = plan_shards(tmp_path / name)
        before, rows = pa.total_allocated_bytes(), 0
        for batch in read_shard(plan.shards[0], plan, batch_bytes=1 << 20):
            rows += batch.num_rows
            assert pa.total_allocated_bytes() - before < 64 << 20  # all of it would be a gigabyte
        assert rows == 2000


def test_delimited_and_plain_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,text\n1,"two\nlines, ""quoted"""\n\n2,short,much\n3,last\n')
    (tmp_path / "b.tsv").write_bytes(b"text\tid\nt\t4\n")
    (tmp_path / "c.md").write_bytes(b"# Title\r\n\r\nBody\n\n\nEnd\n")
    table, (reject,) = read_all(tmp_path, id="id")
    assert table["text"].to_pylist() == ['two\nlines, "quoted"', "last", "t", "# Title\n\nBody\n\n\nEnd"]
    assert table["id"].to_pylist() == ["1", "3", "4", str(tmp_path / "c.md")]
    assert table["_row"].to_pylist() == [2, 6, 2, 1]
    assert (reject.line, reject.kind) == (5, "unreadable_row")
    table, _ = read_all(tmp_path / "c.md", paragraphs=True, text="body")
    assert table["body"].to_pylist() == ["# Title", "Body", "End"]


def test_batches_keep_to_rows_and_bytes(tmp_path: Path) -> None:
    texts = ["x" * 1000] * 50 + ["y" * 5000] + ["z"] * 50
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    jsonl(tmp_path / "b.jsonl", *({"text": text} for text in texts))
    for name in ("a.parquet", "b.jsonl"):
        plan = plan_shards(tmp_path / name)
        sizes = [
            (batch.num_rows, batch.nbytes)
            for batch in read_shard(plan.shards[0], plan, batch_bytes=4000, batch_rows=20)
        ]
        assert sum(rows for rows, _ in sizes) == len(texts)
        assert max(rows for rows, _ in sizes) <= 20
        assert max(size for _, size in sizes) < 11_000


@pytest.mark.skipif(not DATA.is_dir(), reason="the data shared beside the checkout are not here")
@pytest.mark.parametrize("name", ["crawl/xquad_paragraphs_12lang", "human_vs_ai/l2r_en", "lm/novels_de"])
def test_real_files_give_what_reading_by_rows_gives(name: str, tmp_path: Path) -> None:
    packed = (DATA / f"{name}.jsonl.zst").read_bytes()
    data = zstandard.ZstdDecompressor().stream_reader(packed).read()
    plain = tmp_path / "plain.jsonl"
    plain.write_bytes(data)
    rows = [json.loads(line) for line in data.split(b"\n") if line]
    for path, shard_bytes in ((DATA / f"{name}.jsonl.zst", 1 << 27), (plain, 100_000)):
        table, rejects = read_all(path, shard_bytes=shard_bytes)
        assert rejects == []
        assert table["meta"].null_count == len(rows)
        assert table.drop_columns(["meta", "_file", "_row"]).to_pylist() == rows
        assert table["_row"].to_pylist() == list(range(1, len(rows) + 1))


@pytest.mark.skipif(not DATA.is_dir(), reason="the data shared beside the checkout are not here")
def test_nothing_is_compiled_once_reading_is_warm(tmp_path: Path) -> None:
    warm()
    modules = (delimited_lines, json_lines, json_columns, json_writing, html_shape)
    kernels = [value for module in modules for value in vars(module).values() if hasattr(value, "signatures")]
    before = [len(kernel.signatures) for kernel in kernels]
    assert len(kernels) > 20
    table, _ = read_all(DATA / "crawl" / "pile_open_subsets.jsonl.zst", DATA / "lm" / "novels_de.jsonl.zst")
    with document_writer(tmp_path / "a.jsonl.zst", table.schema) as write:
        for batch in table.to_batches():
            write(batch)
    page_text("<div><p>Some text</p></div>")
    (tmp_path / "a.csv").write_text('text,n\n"a ""b"" c",1\nplain,2\n')
    read_all(tmp_path / "a.csv")
    assert [len(kernel.signatures) for kernel in kernels] == before


def test_files_whose_names_say_no_format_are_named(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n')
    for name in ("deeper/b.jsonl.bz2", "c.pdf", "d", ".e.pdf"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "_SUCCESS").touch()
    wanted = [str(tmp_path / name) for name in ("c.pdf", "d", "deeper/b.jsonl.bz2")]
    plan = plan_shards(tmp_path)
    assert list(plan.passed_over) == wanted
    assert plan.remarks == (f"3 files are not read, because the name says no known format: {', '.join(wanted)}",)
    assert plan_shards(f"{tmp_path}/*").passed_over == tuple(wanted[:2])
    assert plan_shards([tmp_path / "a.jsonl"]).passed_over == ()
    (tmp_path / "f.pdf").write_bytes(b"x")
    assert plan_shards(tmp_path).remarks[0].endswith(f"{', '.join(wanted)} and 1 more")
