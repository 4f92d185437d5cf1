import csv
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.schema import DOCUMENT, table_of
from headwater.sources import OWN_COLUMNS, Columns, read_table, write_documents

# Lone surrogates cannot be encoded; everything else, line separators and controls included, must come back.
characters = st.characters(exclude_categories=["Cs"])
prose = st.text(characters, min_size=1, max_size=60).filter(lambda text: text.strip())
spoken = st.text(st.sampled_from("ab\"',;\t\n\r\u2028\u2029\u0085\x0b\\ é界"), min_size=1, max_size=40).filter(
    lambda t: t.strip()
)
words = st.none() | st.text(characters, min_size=1, max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(characters, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(characters, max_size=5), inner, max_size=3),
    max_leaves=6,
)
meta = st.dictionaries(
    st.text(characters, max_size=6).filter(lambda key: key not in DOCUMENT.names), json_values, min_size=1, max_size=3
)
rows = st.fixed_dictionaries(
    {
        "text": prose | spoken,
        "id": st.text(characters, min_size=1, max_size=12),
        "origin": st.sampled_from(["human", "machine", "mixed", "unknown"]),
        "group": st.text(characters, min_size=1, max_size=12),
        "evidence": words,
        "source": words,
        "created": words,
        "author": words,
        "generator": words,
        "recipe": words,
        "licence": words,
        "permission": words,
        "parents": st.lists(st.text(characters, max_size=8), max_size=3),
        "generation": st.none() | st.integers(0, 2**31 - 1),
        "meta": st.none() | meta.map(lambda value: json.dumps(value, ensure_ascii=False)),
    }
)
tables = st.lists(rows, min_size=1, max_size=8, unique_by=lambda row: row["id"])


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"])
@settings(deadline=None, max_examples=60)
@given(rows=tables)
def test_what_is_written_is_read_back_exactly(suffix: str, rows: list[dict[str, object]]) -> None:
    table = table_of(DOCUMENT, rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"out{suffix}"
        write_documents(table, path)
        read, report = read_table(path, OWN_COLUMNS, bad_rows="fail")
    assert read.equals(table)
    assert report.rejected == {}


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(spoken | prose, min_size=1, max_size=8, unique=True), delimiter=st.sampled_from([",", "\t"]))
def test_csv_gives_back_every_text(texts: list[str], delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.csv" if delimiter == "," else "a.tsv")
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writerows([["n", "text"], *enumerate(texts)])
        read, _ = read_table(path, Columns(id="n"), bad_rows="fail")
    assert read["text"].to_pylist() == texts
    assert read["id"].to_pylist() == [str(n) for n in range(len(texts))]


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(spoken | prose, min_size=1, max_size=8, unique=True), size=st.integers(1, 4))
def test_parquet_gives_back_every_text(texts: list[str], size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        pq.write_table(pa.table({"text": texts}), path, row_group_size=size)
        read, _ = read_table(path, bad_rows="fail", batch_bytes=1)
    assert read["text"].to_pylist() == texts


@settings(deadline=None, max_examples=100)
@given(text=(spoken | prose).filter(lambda text: "\r" not in text and not text.startswith("\ufeff")))
def test_plain_text_gives_back_its_text_but_for_outer_line_ends(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.txt"
        path.write_bytes(text.encode())
        read, _ = read_table(path, bad_rows="fail")
    assert read["text"].to_pylist() == [text.strip("\n")]


@settings(deadline=None, max_examples=150)
@given(
    raw=st.lists(
        st.binary(max_size=40) | st.sampled_from([b'{"text": "a"}', b'{"text": "b"}', b"", b"\r", b"[]"]), max_size=12
    )
)
def test_any_bytes_are_accounted_for_line_by_line(raw: list[bytes]) -> None:
    good = b'{"text": "the one good line"}\n'
    content = good + b"\n".join(raw)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(content)
        _, report = read_table(path)
    expected = content.count(b"\n") + (not content.endswith(b"\n"))
    assert report.rows == report.accepted + report.empty + sum(report.rejected.values()) == expected
