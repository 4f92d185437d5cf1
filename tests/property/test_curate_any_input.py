"""Whatever the documents: every one is kept, dropped or bad, for reasons its values show, however they are cut."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headwater.curate import CurateResult, curate_files, curate_settings
from headwater.curate.job import foreseen_steps
from headwater.curate.steps import Steps
from headwater.engine import EmbeddedEngine, apply_operators
from headwater.errors import InputError
from headwater.sources import RejectLog, plan_shards, read_shard

PRESETS = {
    "fineweb": {"duplicates.sentences": True},
    "gopher": {"personal_data.action": "mask"},
    "c4": {"duplicates.paragraphs": True, "personal_data.action": "drop"},
    "none": {"languages.keep": ("en",), "personal_data.action": "find"},
}

# What has made readers, kernels or tables of others stumble, beside all else that is Unicode.
ODD = [
    *(
        "\0",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x1f",
        "\x85",
        "\u2028",
        "\u2029",
        "\r",
        "\r\n",
        "\n",
        "\n\n",
        "\t",
        "\ufeff",
        "\u00a0",
    ),
    *(
        "\u202e",
        "\u2066",
        "\u200d",
        "\u200f",
        "\ufe0f",
        "\U0001f468\u200d\U0001f469",
        "\U000e0041",
        "\U0010ffff",
        "\ufffe",
    ),
    *("\u0301", "e\u0301\u0302\u0303", "\u0e33", "\u1112\u1161", "\ufdfa", "\u0130", "\u00df", "\u1e9e", "\ufb03"),
    *(
        "\u05e9\u05dc\u05d5\u05dd",
        "\u0645\u0631\u062d\u0628\u0627",
        "\u4e2d\u6587\u3002",
        "\u0e2a\u0e27\u0e31\u0e2a",
        "\u17d4",
    ),
    *(
        "...",
        "\u2026",
        "\u2022 ",
        "- ",
        "#",
        "{",
        "}",
        "[edit]",
        "[12]",
        "lorem ipsum",
        "javascript",
        "cookie policy",
        '"',
    ),
    *(
        "jane@example.org",
        "10.0.0.1",
        "4111 1111 1111 1111",
        "+1 202 555 0142",
        "http://a.b/c?d=e",
        "don't",
        "U.S.",
        ":-)",
    ),
    *("the", "of", "and", "that", "The people have been here. ", "It is so, and that is all.\n", "a", "0", "x" * 1001),
]

pieces = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
texts = st.builds(
    "".join, st.lists(st.builds(lambda piece, times: piece * times, pieces, st.sampled_from([1, 1, 1, 2, 3, 40, 300])), max_size=25)
)  # fmt: skip
LONG = 1 << 20


@cache
def steps(name: str) -> Steps:
    return foreseen_steps(curate_settings(name, PRESETS[name]))


def measured(name: str, documents: list[str]) -> tuple[pa.RecordBatch, list[list[str]]]:
    """Return documents with everything that is measured of them, and why each is dropped."""
    ids = [str(place) for place in range(len(documents))]
    batch = pa.RecordBatch.from_pydict({"id": pa.array(ids, pa.string()), "text": pa.array(documents, pa.string())})
    found, errors = apply_operators(steps(name).operators, batch)
    assert errors == ()
    found.validate(full=True)  # texts are UTF-8 and lists have their bounds
    return found, steps(name).first_rules.decide(found).to_pylist()


def check(name: str, documents: list[str]) -> None:
    """Check the values and reasons of documents, and that they are those of each document alone."""
    batch, reasons = measured(name, documents)
    ranges = {field.name: (field.metadata or {}).get(b"range") for one in steps(name).operators for field in one.adds}
    rows = batch.to_pylist()
    for row, why in zip(rows, reasons, strict=True):
        for column, allowed in ranges.items():
            if allowed == b"0 to 1" and row[column] is not None:
                assert 0 <= row[column] <= 1, (column, row[column])
        numbers = [value for value in row.values() if isinstance(value, float)]
        assert all(value == value and abs(value) < 1e12 for value in numbers)
        expected = [str(rule.reason) for rule in steps(name).first_rules.rules if fails(rule, row[rule.measure])]
        assert why == expected
    for cut in {1, len(documents) // 2}:
        if 0 < cut < len(documents):
            parts = [measured(name, part) for part in (documents[:cut], documents[cut:])]
            together = pa.Table.from_batches([part.drop_columns("id") for part, _ in parts])
            assert together.equals(pa.Table.from_batches([batch.drop_columns("id")]))
            assert [why for _, part in parts for why in part] == reasons


def fails(rule, value: object) -> bool:
    if rule.threshold is None or value is None:
        return False
    if isinstance(rule.threshold, tuple):
        return value not in rule.threshold
    return value > rule.threshold if rule.fails == "above" else value < rule.threshold


@pytest.mark.parametrize("name", PRESETS)
@settings(max_examples=40, deadline=None)
@given(documents=st.lists(texts, min_size=1, max_size=5))
@example(documents=[""])
@example(documents=["", "\n", " ", "\0", "\u2028"])
@example(documents=["\n" * 5000, "\u0301" * 5000, "a\u0301" * 5000, "\u202e\u05d0" * 5000, "..." * 3000])
def test_values_and_reasons_of_any_documents(name, documents):
    check(name, documents)


@pytest.mark.parametrize("name", PRESETS)
def test_a_line_of_a_megabyte_of_anything(name):
    # The rules of English are tried on every chunk between white space; none may take more than its length.
    long = [
        piece * (LONG // len(piece.encode()))
        for piece in ("a", "a ", "\u0301", "(", "a-", "n't", ".", "1.", "\u4e2d", "a@b.co,")
    ]
    for document in long:
        check(name, [document])


junk = st.sampled_from(
    [
        *(
            b"",
            b" ",
            b"\t\r",
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b'{"text": 7}',
            b'{"text": null}',
            b'{"text": ["a"]}',
            b'{"body": "x"}',
        ),
        *(
            b'{"text": "\xff\xfe"}',
            b'{"text": "\\ud800"}',
            b'{"text": "\\udc00\\ud800 half"}',
            b'{"text": "a\0b"}',
            b"\0\0\0",
        ),
        *(
            b'{"text": "a", "text": "b"}',
            b'{"text": "a"} {"text": "b"}',
            b'{"text": "cut',
            b"\xef\xbb\xbf",
            b'{"id": {}, "text": "t"}',
        ),
    ]
)
lines = st.one_of(
    st.builds(lambda text, id_: json.dumps({"id": id_, "text": text}).encode(), texts, st.text(max_size=3)),
    st.builds(lambda text: json.dumps({"text": text}, ensure_ascii=False).encode(), texts),
    junk,
    st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")),
)


def curated(folder: Path, out: str, name: str, shard_bytes: int) -> tuple[CurateResult, list[dict], list[dict]]:
    with EmbeddedEngine(1) as engine:
        settings = curate_settings(name, {"duplicates.sentences": True})
        result = curate_files([folder / "in"], settings, folder / out, engine, shard_bytes=shard_bytes)
    parts = []
    for part in ("kept", "dropped"):
        tables = [pq.read_table(path) for path in sorted((folder / out / part).iterdir())]
        for table in tables:
            table.validate(full=True)
        parts.append([row for table in tables for row in table.to_pylist()])
    return result, *parts


def nothing(line: bytes) -> bool:
    """Say whether a line is only white space, as JSON has it."""
    return not line.strip(b" \t\r")


@settings(max_examples=12, deadline=None)
@given(
    files=st.lists(st.lists(lines, min_size=1, max_size=8), min_size=1, max_size=3),
    name=st.sampled_from(["fineweb", "gopher", "c4"]),
)
def test_files_of_anything(files, name):
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "in").mkdir()
        good = json.dumps({"id": "good", "text": "The people have been here, and that is all of it."}).encode()
        for number, content in enumerate(files):
            (folder / "in" / f"{number}.jsonl").write_bytes(b"\n".join([good, *content]))
        result, kept, dropped = curated(folder, "whole", name, 1 << 20)
        counts = result.documents
        assert counts.read == counts.kept + counts.dropped + counts.bad
        assert counts.read == sum(1 + sum(not nothing(line) for line in content) for content in files)
        assert (len(kept), len(dropped)) == (counts.kept, counts.dropped)
        assert all(row["reasons"] == [] for row in kept)
        assert all(row["reasons"] for row in dropped)
        rejects = folder / "whole" / "rejects.jsonl"
        assert counts.bad == (len(rejects.read_text("utf-8").splitlines()) if rejects.exists() else 0)
        again, kept_again, dropped_again = curated(folder, "cut", name, 300)
        assert (again.documents, again.rules, again.bad_by_kind) == (result.documents, result.rules, result.bad_by_kind)
        assert kept_again == kept
        assert dropped_again == dropped


def test_a_parquet_file_with_any_bit_turned_over_is_read_or_refused(tmp_path):
    # Damaged metadata have ended the process itself; a file must cost no more than its own documents.
    path = tmp_path / "a.parquet"
    table = pa.table(
        {"id": ["a", "b"], "text": ["x", "y"], "n": [1, 2], "l": [[1], [2, 3]], "s": [{"a": "b"}, {"a": "c"}]}
    )
    pq.write_table(table, path, compression="none")
    whole = path.read_bytes()
    refused = 0
    for bit in range(1, 8 * len(whole), 3):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        rejects = RejectLog()
        try:
            plan = plan_shards(path)
            rows = [
                row for shard in plan.shards for batch in read_shard(shard, plan, rejects) for row in batch.to_pylist()
            ]
        except InputError:
            refused += 1
        else:
            assert all(isinstance(row["text"], str) for row in rows)
    assert refused > 100
