import gzip
import json
import tracemalloc
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from headwater.errors import InputError
from headwater.schema import DOCUMENT, content_id
from headwater.sources import Columns, RejectKind, RejectLog, expand_paths, format_of, read_documents, read_table

LONG = "A sentence that is long enough to be told from the others, number {}."


def jsonl(path: Path, *rows: object) -> Path:
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return path


def texts(table: pa.Table) -> list[str]:
    return table["text"].to_pylist()


def kinds(log: RejectLog) -> dict[str, int]:
    return {kind.value: count for kind, count in log.by_kind.items()}


# Bad lines


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
        (b'{"text": " \\n "}\n', "empty_text", "'text'"),
        (b'{"text": "half a character \\ud800"}\n', "invalid_utf8", "lone surrogate"),
        (b'{"text": "x", "parents": 1.5}\n', "wrong_type", "'parents'"),
        (b'{"text": "x", "generation": -1}\n', "wrong_type", "'generation'"),
        (b'{"text": "x", "generation": 1' + b"0" * 5000 + b"}\n", "invalid_json", "digits"),
        (b'{"text": ' + b"[" * 200_000 + b"\n", "invalid_json", ""),
    ],
)
def test_one_bad_line_is_named_and_costs_one_row(tmp_path: Path, line: bytes, kind: str, says: str) -> None:
    good = [json.dumps({"text": LONG.format(n)}).encode() + b"\n" for n in range(2)]
    path = tmp_path / "some.jsonl"
    path.write_bytes(good[0] + line + good[1])
    rejects = RejectLog(tmp_path / "rejects.jsonl")
    with rejects:
        table, report = read_table(path, rejects=rejects)

    assert texts(table) == [LONG.format(0), LONG.format(1)]
    assert kinds(rejects) == {kind: 1}
    assert (report.rows, report.accepted, report.bad_rows, report.bad_share) == (3, 2, 1, pytest.approx(1 / 3))
    written = [json.loads(row) for row in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert [(row["file"], row["line"], row["offset"], row["kind"]) for row in written] == [
        (str(path), 2, len(good[0]), kind)
    ]
    assert says in written[0]["detail"]
    assert len(written[0]["sample"]) <= 200


def test_fail_stops_at_the_first_bad_line_with_its_place(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "good enough"}, b"{\n", b"{\n")
    with pytest.raises(InputError, match=r"a\.jsonl:2: invalid_json: .*quarantine"):
        read_table(path, bad_rows="fail")


def test_repeated_texts_do_not_fail(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "same"}, {"text": "same"}, {"text": "other"})
    rejects = RejectLog()
    table, report = read_table(path, rejects=rejects, bad_rows="fail")
    assert texts(table) == ["same", "other"]
    assert kinds(rejects) == {"duplicate_text": 1}
    assert rejects.first[RejectKind.DUPLICATE_TEXT].detail == f"the same text as {path}:1"
    assert report.bad_rows == 0


def test_a_repeated_id_names_both_places(tmp_path: Path) -> None:
    first = jsonl(tmp_path / "a.jsonl", {"id": 1, "text": "one"}, {"id": 2, "text": "two"})
    second = jsonl(tmp_path / "b.jsonl", {"id": 3, "text": "three"}, {"id": "2", "text": "two again"})
    rejects = RejectLog()
    table, _ = read_table([first, second], Columns(id="id"), rejects)
    assert table["id"].to_pylist() == ["1", "2", "3"]
    reject = rejects.first[RejectKind.DUPLICATE_ID]
    assert reject.place == f"{second}:2"
    assert f"{first}:2" in reject.detail
    with pytest.raises(InputError, match="duplicate_id"):
        read_table([first, second], Columns(id="id"), bad_rows="fail")


def test_a_row_without_the_named_id_is_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"id": 1, "text": "one"}, {"text": "two"}, {"id": True, "text": "three"})
    rejects = RejectLog()
    table, _ = read_table(path, Columns(id="id"), rejects)
    assert texts(table) == ["one"]
    assert kinds(rejects) == {"wrong_type": 2}


def test_line_separators_inside_records_are_kept(tmp_path: Path) -> None:
    text = "one\u2028two\u2029three\u0085four\x0bfive\x0csix\x1cseven"
    raw = json.dumps({"text": text}, ensure_ascii=False).encode()
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + raw + b"\r\n\r\n \n" + json.dumps({"text": "last, no line end"}).encode())
    table, report = read_table(path)
    assert texts(table) == [text, "last, no line end"]
    assert (report.rows, report.accepted, report.empty, report.rejected) == (4, 2, 2, {})


def test_nan_becomes_null(tmp_path: Path) -> None:
    table, _ = read_table(jsonl(tmp_path / "a.jsonl", b'{"text": "a", "score": NaN, "more": [1, -Infinity]}\n'))
    assert json.loads(table["meta"][0].as_py()) == {"score": None, "more": [1, None]}


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_huge_line_is_skipped_without_being_held(tmp_path: Path, where: str) -> None:
    good = {"first": (0, 2), "middle": (1, 1), "last": (2, 0)}[where]
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        for number in range(good[0]):
            file.write(json.dumps({"text": LONG.format(number)}).encode() + b"\n")
        start = file.tell()
        file.write(b'{"text": "')
        for _ in range(48):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n')
        for number in range(good[0], sum(good)):
            file.write(json.dumps({"text": LONG.format(number)}).encode() + b"\n")
    rejects = RejectLog()
    tracemalloc.start()
    try:
        table, _ = read_table(path, rejects=rejects, max_line_bytes=1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert texts(table) == [LONG.format(0), LONG.format(1)]
    reject = rejects.first[RejectKind.LINE_TOO_LONG]
    assert (reject.line, reject.offset, kinds(rejects)) == (good[0] + 1, start, {"line_too_long": 1})
    assert reject.sample.startswith('{"text": "xxx')
    assert peak < 8 << 20  # the line alone is 48 MiB


def test_the_longest_allowed_line_is_read(tmp_path: Path) -> None:
    line = json.dumps({"text": "y" * 500}).encode()
    path = jsonl(tmp_path / "a.jsonl", line + b"\n")
    assert read_table(path, max_line_bytes=len(line))[1].accepted == 1
    with pytest.raises(InputError, match="1 line_too_long"):
        read_table(path, max_line_bytes=len(line) - 1)


@pytest.mark.parametrize("suffix", [".zst", ".gz"])
def test_a_truncated_file_keeps_what_was_read(tmp_path: Path, suffix: str) -> None:
    rows = [json.dumps({"text": LONG.format(n) + content_id(str(n)) * 20}).encode() + b"\n" for n in range(3000)]
    raw = b"".join(rows)
    packed = zstandard.compress(raw) if suffix == ".zst" else gzip.compress(raw)
    whole, cut = tmp_path / f"whole.jsonl{suffix}", tmp_path / f"cut.jsonl{suffix}"
    whole.write_bytes(packed)
    cut.write_bytes(packed[: len(packed) * 2 // 3])

    assert read_table(whole)[1].accepted == 3000
    rejects = RejectLog()
    table, report = read_table(cut, rejects=rejects)
    assert 500 < report.accepted < 3000
    assert texts(table) == [json.loads(row)["text"] for row in rows[: report.accepted]]
    reject = rejects.first[RejectKind.TRUNCATED_FILE]
    assert kinds(rejects) == {"truncated_file": 1}
    assert (reject.line, reject.offset) == (report.accepted + 1, sum(map(len, rows[: report.accepted])))


@pytest.mark.parametrize("suffix", [".zst", ".gz"])
def test_several_frames_in_one_file_are_one_stream(tmp_path: Path, suffix: str) -> None:
    compress = zstandard.compress if suffix == ".zst" else gzip.compress
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(compress(b'{"text": "one"}\n{"text": ') + compress(b'"two"}\n'))
    assert texts(read_table(path)[0]) == ["one", "two"]


@pytest.mark.parametrize("suffix", [".zst", ".gz"])
def test_a_damaged_file_is_reported(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(b"this is not compressed at all, whatever its name says")
    with pytest.raises(InputError, match="1 truncated_file"):
        read_table(path)


def test_empty_files_are_counted_and_only_fatal_alone(tmp_path: Path) -> None:
    good = jsonl(tmp_path / "good.jsonl", {"text": "something"})
    empties = [tmp_path / name for name in ("a.jsonl", "b.txt", "c.csv", "d.jsonl.gz", "e.jsonl.zst")]
    for path in empties:
        path.write_bytes(b"")
    rejects = RejectLog()
    table, report = read_table([good, *empties], rejects=rejects, bad_rows="fail")
    assert (report.files, report.accepted, report.bad_rows, kinds(rejects)) == (6, 1, 0, {"empty_file": 5})
    assert table.schema.equals(DOCUMENT)
    with pytest.raises(InputError, match=r"no document could be read from .*a\.jsonl: 1 empty_file"):
        read_table(empties[0])
    blank = tmp_path / "blank.jsonl"
    blank.write_bytes(b"\n\n")
    with pytest.raises(InputError, match="nothing but empty lines"):
        read_table(blank)


def test_nothing_readable_names_the_first_fault(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": ""}, b"{\n")
    with pytest.raises(InputError, match=r"1 empty_text, 1 invalid_json. First: .*a\.jsonl:1: column 'text' is empty"):
        read_table(path)


# Columns


def test_a_missing_column_lists_those_that_exist(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"body": "x", "artikel": 1}, {"body": "y", "label": 2})
    with pytest.raises(InputError, match=r"has a column 'text'\. Columns there: artikel, body, label\."):
        read_table(path)
    with pytest.raises(InputError, match=r"has a column 'article'.*Did you mean 'artikel'\?"):
        read_table(path, Columns(text="body", group="article"))
    # In some rows is enough.
    table, _ = read_table(path, Columns(text="body", group="artikel"))
    assert table["group"].to_pylist() == ["1", content_id("y")]


def test_a_missing_column_in_a_header_stops_at_once(tmp_path: Path) -> None:
    table = pa.table({"txt": ["a", "b"], "n": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("txt,n\na,1\n")
    for name in ("a.parquet", "a.csv"):
        stream = read_documents(tmp_path / name)
        with pytest.raises(InputError, match=r"Columns there: n, txt\. Did you mean 'txt'\?"):
            next(stream)


def test_every_column_is_understood_and_the_rest_is_kept(tmp_path: Path) -> None:
    row = {
        "body": "The text.", "key": 7, "article": "A", "who": "machine", "how": "gpt-x/rewrite", "parents": ["p", 3],
        "generator": "gpt-x", "generation": 2, "created": "2023-01-02", "author": ["One", "Two"], "licence": "CC0-1.0",
        "permission": "yes", "stars": 4, "meta": {"depth": 1},
    }  # fmt: skip
    path = jsonl(tmp_path / "a.jsonl", row)
    columns = Columns(text="body", id="key", group="article", origin="who", recipe="how")
    table, _ = read_table(path, columns)
    document = table.to_pylist()[0]
    assert json.loads(document.pop("meta")) == {"depth": 1, "author": ["One", "Two"], "stars": 4}
    assert document == {
        "id": "7", "text": "The text.", "origin": "machine", "evidence": "column 'who'", "source": str(path),
        "created": "2023-01-02", "author": None, "group": "A", "generator": "gpt-x", "recipe": "gpt-x/rewrite",
        "parents": ["p", "3"], "generation": 2, "licence": "CC0-1.0", "permission": "yes",
    }  # fmt: skip


def test_defaults_depend_on_the_declared_origin(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "my.stream.v2.jsonl", {"text": "x"})
    human = read_table(path, origin="human")[0].to_pylist()[0]
    machine = read_table(path, origin="machine")[0].to_pylist()[0]
    unknown = read_table(path)[0].to_pylist()[0]
    assert (human["origin"], human["recipe"], human["generation"]) == ("human", None, 0)
    assert (machine["origin"], machine["recipe"], machine["generation"]) == ("machine", "my.stream.v2", None)
    assert human["evidence"] == machine["evidence"] == "declared for the whole file"
    assert (unknown["origin"], unknown["evidence"]) == ("unknown", None)
    assert human["id"] == human["group"] == content_id("x")


def test_an_unknown_origin_lists_the_known_ones(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "x", "who": "ai"}, {"text": "y", "who": "human"})
    rejects = RejectLog()
    read_table(path, Columns(origin="who"), rejects)
    assert "human, machine, mixed, unknown" in rejects.first[RejectKind.WRONG_TYPE].detail


# CSV


def test_csv_survives_quoted_line_ends_and_names_bad_records(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"\xef\xbb\xbftext,n,parents\r\n"
        b'"two\r\nlines, and a ""quote""",1,"[""p"", ""q""]"\r\n'  # lines 2 and 3
        b"\r\n"
        b"too,many,fields,here\r\n"  # 5
        b"caf\xe9,2,\r\n"  # 6
        b'"closed" wrongly,3,\r\n'  # 7
        b'5" disks are unquoted,4,one\r\n'
        b",5,\r\n"  # 9
        b'"never closed,6,\r\n'  # 10
        b"good again,7,\r\n"
    )
    rejects = RejectLog(tmp_path / "r.jsonl")
    with rejects:
        table, report = read_table(path, rejects=rejects)
    assert texts(table) == ['two\r\nlines, and a "quote"', '5" disks are unquoted', "good again"]
    assert table["parents"].to_pylist() == [["p", "q"], ["one"], []]
    assert report.empty == 1
    written = [json.loads(row) for row in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [(row["line"], row["kind"]) for row in written] == [
        (5, "unreadable_row"), (6, "invalid_utf8"), (7, "unreadable_row"), (9, "empty_text"), (10, "unreadable_row"),
    ]  # fmt: skip
    assert written[0]["detail"] == "4 fields where the header has 3"


def test_a_long_csv_field_is_read_and_a_longer_one_is_not(tmp_path: Path) -> None:
    # 131,072 characters is the limit of Python's csv module.
    path = tmp_path / "a.tsv.gz"
    long, longer = "w" * 200_000, "v" * 600_000
    path.write_bytes(gzip.compress(f'text\tn\n{long}\t1\n"{longer}\n{longer}"\t2\nshort\t3\n'.encode()))
    rejects = RejectLog()
    table, _ = read_table(path, rejects=rejects, max_line_bytes=700_000)
    assert [text[:5] for text in texts(table)] == ["wwwww", "short"]
    assert kinds(rejects) == {"line_too_long": 1}
    assert rejects.first[RejectKind.LINE_TOO_LONG].line == 3
    table, _ = read_table(path, max_line_bytes=1_300_000)
    assert [len(text) for text in texts(table)] == [200_000, 1_200_001, 5]


def test_a_line_too_long_for_csv_costs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text\none\n{'x' * 5000}\ntwo\n")
    rejects = RejectLog()
    table, _ = read_table(path, rejects=rejects, max_line_bytes=100)
    assert texts(table) == ["one", "two"]
    assert (kinds(rejects), rejects.first[RejectKind.LINE_TOO_LONG].line) == ({"line_too_long": 1}, 3)


def test_a_csv_without_readable_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"text"x,n\na,1\n')
    with pytest.raises(InputError, match=r"header of .* cannot be read"):
        read_table(path)


# Parquet


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_parquet_takes_every_string_type(tmp_path: Path, kind: pa.DataType) -> None:
    rows = ["one", "two\u2028", None]
    table = pa.table(
        {
            "text": pa.array(rows, pa.string()).cast(kind),
            "parents": pa.array([["a", "b"], [], None], pa.large_list(pa.string())),
            "created": [date(2020, 1, n) for n in (1, 2, 3)],
            "score": [0.5, float("nan"), 1.0],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    rejects = RejectLog()
    read, report = read_table(tmp_path / "a.parquet", rejects=rejects)
    assert texts(read) == ["one", "two\u2028"]
    assert read["parents"].to_pylist() == [["a", "b"], []]
    assert read["created"].to_pylist() == ["2020-01-01", "2020-01-02"]
    assert [json.loads(meta) for meta in read["meta"].to_pylist()] == [{"score": 0.5}, {"score": None}]
    assert (rejects.first[RejectKind.MISSING_TEXT].line, report.rows) == (3, 3)


def test_a_broken_parquet_file_does_not_end_the_job(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"text": ["x", "y"]}), good)
    bad.write_bytes(good.read_bytes()[:-20])
    rejects = RejectLog()
    table, _ = read_table([bad, good], rejects=rejects)
    assert texts(table) == ["x", "y"]
    assert kinds(rejects) == {"truncated_file": 1}


def test_parquet_text_of_another_type_is_explained(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column 'text' holds a value of type int, not text"):
        read_table(tmp_path / "a.parquet")


# Plain text


def test_plain_text_is_one_document_per_file_or_per_paragraph(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(b"\r\nOne line\r\nand another.\r\n\r\n \t\r\nSecond\xe2\x80\xa8paragraph.\n")
    other = tmp_path / "notes.md.gz"
    other.write_bytes(gzip.compress(b"# Title\n\nText.\n"))

    whole, _ = read_table([path, other], Columns(text="ignored"))
    assert texts(whole) == ["One line\nand another.\n\n \t\nSecond\u2028paragraph.", "# Title\n\nText."]
    assert whole["group"].to_pylist() == [str(path), str(other)]

    cut, report = read_table([path, other], paragraphs=True)
    assert texts(cut) == ["One line\nand another.", "Second\u2028paragraph.", "# Title", "Text."]
    assert cut["group"].to_pylist() == [str(path)] * 2 + [str(other)] * 2
    assert report.empty == 4


def test_bad_plain_text_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"good paragraph\n\nbad \xff paragraph\n\n" + b"long " * 100 + b"\n\ngood end\n")
    rejects = RejectLog()
    table, _ = read_table(tmp_path, rejects=rejects, paragraphs=True, max_line_bytes=100)
    assert texts(table) == ["good paragraph", "good end"]
    assert kinds(rejects) == {"invalid_utf8": 1, "line_too_long": 1}
    assert rejects.first[RejectKind.LINE_TOO_LONG].line == 5
    with pytest.raises(InputError, match=r"a\.txt:1: longer than 100 bytes"):
        read_table(tmp_path, max_line_bytes=100)
    with pytest.raises(InputError, match=r"a\.txt:1: byte 20 of the document is not UTF-8"):
        read_table(tmp_path)


# Batches and paths


def test_batches_are_bounded_by_rows_and_by_bytes(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", *({"text": f"{n:04d}" + "ü" * 50} for n in range(100)))
    assert [batch.num_rows for batch in read_documents(path, batch_rows=40)] == [40, 40, 20]
    by_bytes = list(read_documents(path, batch_bytes=1040))  # 104 bytes each
    assert [batch.num_rows for batch in by_bytes] == [10] * 10
    assert all(batch.schema.equals(DOCUMENT, check_metadata=True) for batch in by_bytes)


def test_reading_is_lazy_and_the_report_grows(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", *({"text": str(n)} for n in range(10)))
    stream = read_documents(path, batch_rows=4)
    assert stream.report.rows == 0
    next(stream)
    assert stream.report.accepted == 4
    assert sum(batch.num_rows for batch in stream) == 6
    assert (stream.report.accepted, stream.report.files) == (10, 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", "jsonl"), ("a.NDJSON.GZ", "jsonl"), ("a.json.zst", "jsonl"), ("a.csv", "csv"), ("a.tsv.gz", "tsv"),
        ("a.md", "text"), ("a.txt.zst", "text"), ("a.parquet", "parquet"), ("a.parquet.gz", None), ("a.gz", None),
        ("a.docx", None), ("jsonl", None),
    ],
)  # fmt: skip
def test_formats_go_by_suffix(name: str, kind: str | None) -> None:
    assert format_of(Path(name)) == kind


def test_folders_and_patterns_stand_for_their_known_files(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.txt", "sub/c.csv.gz", "sub/.hidden.txt", ".git/d.txt", "e.docx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [path.relative_to(tmp_path).as_posix() for path in expand_paths([tmp_path])] == [
        "a.txt", "b.jsonl", "sub/c.csv.gz",
    ]  # fmt: skip
    assert expand_paths([tmp_path / "b.jsonl", f"{tmp_path}/*"]) == [tmp_path / "b.jsonl", tmp_path / "a.txt"]
    assert expand_paths([f"{tmp_path}/**/*.gz"]) == [tmp_path / "sub/c.csv.gz"]


def test_paths_that_cannot_be_read_are_explained(tmp_path: Path) -> None:
    (tmp_path / "essays.jsonl").write_bytes(b"")
    (tmp_path / "essays.docx").write_bytes(b"")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"there is no .*esays\.jsonl\. Did you mean 'essays\.jsonl'"):
        expand_paths([tmp_path / "esays.jsonl"])
    with pytest.raises(InputError, match=r"unknown format of .*essays\.docx\. Known: \.jsonl .*\.parquet"):
        expand_paths([tmp_path / "essays.docx"])
    with pytest.raises(InputError, match=r"no readable file in folder .*Known formats: \.jsonl"):
        expand_paths([tmp_path / "none"])
    with pytest.raises(InputError, match="no readable file matches"):
        expand_paths([f"{tmp_path}/*.parquet"])
    with pytest.raises(InputError, match="no files were given"):
        read_documents([])


def test_a_file_with_glob_signs_in_its_name_is_found(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "part[1].jsonl", {"text": "x"})
    assert expand_paths([path]) == [path]


def test_every_row_is_handed_out_in_order_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b'{"text": "one"}\n{"text": "one"}\nno json\n\n{"text": ""}\n{"text": "two"}\n')
    stream = read_documents(path, every_row=True)
    table = pa.Table.from_batches(stream)
    assert table["text"].to_pylist() == ["one", "one", "", "", "two"]
    assert table["id"].to_pylist()[2:4] == [f"{path}:3", f"{path}:5"]
    assert (stream.report.accepted, stream.report.bad_rows) == (3, 2)
