"""What the filters measure is what their description says, whatever the text, the batch and the table of chunks."""

import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from filters_oracle import c4, fineweb, quality, repetition
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.curate.c4 import C4Lines
from headwater.curate.statistics import TextStatistics
from headwater.engine import apply_operators
from headwater.text.chunks import ChunkTable, divide_texts, forget_remembered
from headwater.text.repetition import repeated_sequences
from headwater.text.word_counts import word_counts

# What the rules look at: breaks, white space and punctuation of every kind, words that repeat and that join to others,
# and characters of one to four bytes.
PIECES = [
    "\n", "\n", "\n\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\u2028", "\u2029", " ", " ", " ", "  ",
    "\t", "\xa0", "\u3000", "\u2003", "a", "ab", "abc", "b", "c", "the", "of", "and ", "The", "don't", "U.S.", "e.g.",
    ":)", "...", "..", ".", "\u2026", "\u2022", "-", "#", "!", "?", '"', "'", "[1]", "[", "]", "[edit]", "[]",
    "[citation needed]", "[\u0661\u0662]", "{", "lorem ipsum", "Lorem Ipsum", "lorem[2] ipsum", "JavaScript",
    "terms of use", "Privacy Policy", "cookie policy", "uses cookies", "use of cookies", "use Coo\u212aies", "cookies",
    "\u00e9", "\u6f22", "\U0001f600", "\x00", "\x7f", "\u0301", "\u202e", "\u061d", "\u17d6", "x" * 9, "y" * 31,
    "one two three four five six seven. ", "one two three four five six seven. ", "1,000", "10km", "http://a.bc/d",
]  # fmt: skip
texts_of_pieces = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
texts = texts_of_pieces | st.text(max_size=80)


def measured(some: list[str]) -> list[dict[str, object]]:
    return TextStatistics()(pa.record_batch({"text": pa.array(some, pa.string())})).drop_columns("text").to_pylist()


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6))
def test_statistics_are_those_of_the_description(some: list[str]) -> None:
    for text, found in zip(some, measured(some), strict=True):
        assert found == {**repetition(text), **quality(text), **fineweb(text)}


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6), st.booleans(), st.integers(1, 4))
def test_lines_are_cleaned_as_the_description_says(some: list[str], require_end: bool, min_words: int) -> None:
    operator = C4Lines(require_end_punctuation=require_end, min_words=min_words, max_word_length=20)
    rows = operator(pa.record_batch({"text": pa.array(some, pa.string())})).to_pylist()
    for text, found in zip(some, rows, strict=True):
        expected, counts = c4(text, require_end=require_end, min_words=min_words, longest=20)
        assert found.pop("text") == expected
        assert found == {name: counts[name] for name in found}


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=8), st.data())
def test_nothing_depends_on_where_the_batch_is_cut(some: list[str], data: st.DataObject) -> None:
    operators = (TextStatistics(("gopher_repetition", "gopher_quality")), C4Lines(), TextStatistics(("fineweb",)))
    kind = data.draw(st.sampled_from([pa.string(), pa.large_string()]))
    batch = pa.record_batch({"id": [str(i) for i in range(len(some))], "text": pa.array(some, kind)})
    whole, errors = apply_operators(operators, batch)
    assert errors == ()
    cut = data.draw(st.integers(0, len(some)))
    parts = [apply_operators(operators, part)[0] for part in (batch.slice(0, cut), batch.slice(cut))]
    assert pa.Table.from_batches(parts).combine_chunks().to_batches()[0].equals(whole) if whole.num_rows else True
    shuffled = np.array(data.draw(st.permutations(range(len(some)))), dtype=np.int64)
    again, _ = apply_operators(operators, batch.take(pa.array(shuffled)))
    assert again.equals(whole.take(pa.array(shuffled)))


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6), st.lists(texts, max_size=6), st.integers(0, 5))
def test_nothing_depends_on_what_a_table_has_learned(some: list[str], before: list[str], most: int) -> None:
    def values(table: ChunkTable) -> list[object]:
        found = [table.divide(*_bytes(before)), table.divide(*_bytes(some))][1]
        return [*map(np.ndarray.tolist, word_counts(found)), *map(np.ndarray.tolist, repeated_sequences(found))]

    fresh = values(ChunkTable())
    assert values(ChunkTable(most_chunks=most)) == fresh
    taught = ChunkTable()
    taught.divide(*_bytes([*before, "the cat", *some[:1]]))
    assert values(ChunkTable(taught.learned(10))) == fresh


def _bytes(some: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    parts = [text.encode() for text in some]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    data = np.frombuffer(b"".join(parts), dtype=np.uint8)
    return data, np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(parts)], ends


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_bytes_that_are_no_text_stop_nothing_and_count_as_one_document_each(some: list[bytes]) -> None:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in some])]).astype(np.int32)
    column = pa.StringArray.from_buffers(len(some), pa.py_buffer(offsets), pa.py_buffer(b"".join(some)))
    batch = pa.record_batch({"text": column})
    found = TextStatistics()(C4Lines(require_end_punctuation=False)(batch))
    assert found.num_rows == len(some)
    for part, row in zip(some, TextStatistics()(batch).drop_columns("text").to_pylist(), strict=True):
        assert row["characters"] == sum(byte & 0xC0 != 0x80 for byte in part)


def test_a_long_line_without_spaces_is_one_chunk_and_takes_bounded_time() -> None:
    text = "ab0" * 700_000  # 2 MB
    row = measured([text, text + " the end. "])
    assert row[0]["words"] == 1
    assert row[0]["mean_word_length"] == len(text)
    assert row[1]["words"] == 3


_LONG_LINE = """
import resource, sys
import pyarrow as pa
from headwater.curate import C4Lines, TextStatistics

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

operators = TextStatistics(), C4Lines()
batch = pa.record_batch({"text": ["Warm up. Once [1] more."]})
for operator in operators:
    batch = operator(batch)
words = 20_000_000
batch = pa.record_batch({"text": ["word " * words]})
before = peak()
for operator in operators:
    batch = operator(batch)
row = batch.drop_columns("text").to_pylist()[0]
assert (row["words"], row["characters"], row["sentences"]) == (words, 5 * words, 0), row
assert row["repeated_5_gram_share"] > 0.79, row
print((peak() - before) / (5 * words))
"""


@pytest.mark.slow
def test_a_line_of_a_hundred_megabytes_takes_memory_in_proportion() -> None:
    done = subprocess.run([sys.executable, "-c", _LONG_LINE], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 12  # bytes for each byte of a line with a word in every five


@pytest.mark.parametrize("form", ["nulls", "slice", "view", "empty"])
def test_columns_of_every_form_are_read(form: str) -> None:
    batch = pa.record_batch({"text": pa.array(["one two", None, "three of the four\n"], pa.string())})
    if form == "slice":
        batch = batch.slice(1)
    elif form == "view":
        batch = pa.record_batch({"text": batch["text"].cast(pa.string_view())})
    elif form == "empty":
        batch = batch.slice(0, 0)
    words = TextStatistics()(batch)["words"].to_pylist()
    assert words == {"nulls": [2, 0, 4], "slice": [0, 4], "view": [2, 0, 4], "empty": []}[form]


def test_a_text_is_divided_once_for_operators_that_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    divided = []
    divide = ChunkTable.divide
    monkeypatch.setattr(ChunkTable, "divide", lambda self, *a: divided.append(len(a[1])) or divide(self, *a))
    batch = pa.record_batch(
        {"text": ["One two three four. Five six [1] seven.\nmenu\nEight nine ten.", "All is well."]}
    )
    cleaned = C4Lines()(TextStatistics(("gopher_quality",))(batch))
    TextStatistics(("fineweb", "gopher_repetition"))(cleaned)
    assert divided == [2, 1]  # the texts, and the one line that was changed
    forget_remembered()
    again = TextStatistics(("fineweb", "gopher_repetition"))(cleaned)
    assert divided == [2, 1, 2]
    forget_remembered()
    assert again.equals(TextStatistics(("fineweb", "gopher_repetition"))(pickle.loads(pickle.dumps(cleaned))))


def test_a_remembered_column_is_never_taken_for_another() -> None:
    for count in range(200):  # memory is soon used again
        text = f"{'word ' * (count % 7)}x"
        assert len(divide_texts(pa.array([text])).chunks) == count % 7 + 1
