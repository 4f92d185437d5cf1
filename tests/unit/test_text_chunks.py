"""The chunk table: what it learns, what it forgets, what it survives."""

import numpy as np
import pyarrow as pa
import pytest

from headwater.text import chunks
from headwater.text.chunk_kernels import BYTES, COUNT, FIRST
from headwater.text.chunks import ChunkedTexts, ChunkTable, divide_texts, read_learned, write_learned
from headwater.text.english import english_tokens, token_flags


def divide(table: ChunkTable, *texts: str) -> ChunkedTexts:
    parts = [text.encode() for text in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return table.divide(np.frombuffer(b"".join(parts), np.uint8), np.r_[0, ends[:-1]].astype(np.int64), ends)


def sizes(found: ChunkedTexts) -> list[list[int]]:
    """Return the bytes of each token of each chunk."""
    lengths = np.diff(found.token_ends)
    out = []
    for chunk in found.chunks:
        first, count, size = found.facts[chunk, [FIRST, COUNT, BYTES]].tolist()
        tokens = [first] if count == 1 else found.slices[first : first + count]
        out.append(lengths[tokens].tolist())
        assert sum(out[-1]) == size
    return out


def test_chunks_are_numbered_and_have_the_tokens_of_the_rules() -> None:
    found = divide(ChunkTable(), "don't stop, caf\u00e9\u3000don't", "", "stop,")
    assert found.offsets.tolist() == [0, 4, 4, 5]
    assert found.chunks.tolist() == [0, 1, 2, 0, 1]
    assert sizes(found) == [[2, 3], [4, 1], [5], [2, 3], [4, 1]]


def test_the_rules_are_asked_once_per_chunk() -> None:
    asked: list[str] = []
    table = ChunkTable(split=lambda chunk: asked.append(chunk) or english_tokens(chunk))
    divide(table, "a b a", "b c")
    divide(table, "c a d")
    assert asked == ["a", "b", "c", "d"]
    assert len(table) == 4


def test_a_table_grows_over_many_chunks_of_every_length() -> None:
    rng = np.random.default_rng(0)
    words = ["".join(chr(97 + c) for c in rng.integers(0, 26, size)) for size in rng.integers(1, 40, 60_000)]
    table = ChunkTable()
    found = divide(table, " ".join(words))
    numbers: dict[str, int] = {}
    assert found.chunks.tolist() == [numbers.setdefault(word, len(numbers)) for word in words]
    again = divide(table, " ".join(words[::-1]))
    assert again.chunks.tolist() == [numbers[word] for word in words[::-1]]
    assert len(table) == len(numbers)


def test_what_was_learned_is_dropped_when_it_is_too_much_and_the_base_stays() -> None:
    base = ChunkTable()
    divide(base, "the cat sat")
    for limit in ({"most_chunks": 3}, {"most_bytes": 12}):
        table = ChunkTable(base.learned(2), **limit)
        assert len(table) == 2
        first = divide(table, "the dog sat on a mat again")
        assert len(table) == 8
        kept = sizes(first)
        second = divide(table, "the bird")
        assert len(table) == 3  # two of the base, one new
        assert second.generation == first.generation + 1
        assert sizes(first) == kept  # what was divided before still has its facts


def test_rules_that_fail_leave_a_table_that_works() -> None:
    asked: list[str] = []

    def split(chunk: str) -> list[str]:
        asked.append(chunk)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return [chunk] if len(asked) != 5 else ["something else"]

    table = ChunkTable(split=split)
    with pytest.raises(KeyboardInterrupt):
        divide(table, "a b c")
    assert sizes(divide(table, "a b")) == [[1], [1]]
    with pytest.raises(AssertionError, match="not the chunk"):
        divide(table, "z")
    assert sizes(divide(table, "z")) == [[1]]


def test_learned_chunks_go_through_a_file_and_are_what_the_rules_say(tmp_path) -> None:
    table = ChunkTable()
    divide(table, "don't can't U.S. e.g., caf\u00e9s \u201cwell\u201d 10km #1")
    path = tmp_path / "learned.npz"
    write_learned(table.learned(100), path)
    learned = read_learned(path)
    assert learned is not None
    # A table that begins with them does not ask for them.
    fresh = ChunkTable(learned, split=pytest.fail)
    found = divide(fresh, "10km don't caf\u00e9s")
    assert sizes(found) == [[2, 2], [2, 3], [6]]


def test_learned_chunks_of_other_rules_are_left_alone(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "learned.npz"
    assert read_learned(path) is None
    table = ChunkTable()
    divide(table, "a b")
    write_learned(table.learned(2), path)
    monkeypatch.setattr(chunks, "RULES_OF", "other rules")
    assert read_learned(path) is None


def test_columns_are_divided_by_the_table_of_the_process() -> None:
    found = divide_texts(pa.chunked_array([["one two"], ["two", None]]))
    assert np.diff(found.offsets).tolist() == [2, 1, 0]
    assert found.chunks[1] == found.chunks[2]
    assert token_flags("two") & 2


def test_the_shipped_chunks_are_what_the_rules_say_today() -> None:
    learned = read_learned(chunks._LEARNED)
    assert learned is not None, "made by other word rules; run: python benchmarks/english_chunks.py"
    assert len(learned.lengths) >= 100_000
    table = ChunkTable(learned, split=pytest.fail)
    again = ChunkTable(learned).learned(len(learned.lengths))
    for name, value in learned._asdict().items():
        assert np.array_equal(value, getattr(again, name)), f"{name}; run: python benchmarks/english_chunks.py"
    assert sizes(divide(table, "The end, don't")) == [[3], [3, 1], [2, 3]]
