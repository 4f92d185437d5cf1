"""Copied sentences: which are found, which stay, what is left, at any cut into batches and with any memory."""

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.curate import SpanHashes, cut_copies, resolve_spans
from headwater.curate.sentences import CUTS, LEFT, SpanCounts, first_copies, read_cuts
from headwater.engine import Operator
from headwater.errors import ConfigError
from headwater.text.folding import folded_texts
from headwater.text.spans import find_spans

Prose = Callable[[int, int], str]


def _measured(operator: SpanHashes, texts: Sequence[str], takes_part: Sequence[bool] | None = None) -> pa.RecordBatch:
    batch = operator(pa.record_batch({"text": pa.array(texts, pa.string())}))
    return batch if takes_part is None else batch.append_column("takes_part", pa.array(takes_part, pa.bool_()))


def _cut(tmp: Path, shards: Sequence[Sequence[str]], **options: object) -> tuple[list[list[str]], SpanCounts]:
    """Return the texts of every shard without what was seen before."""
    operator = SpanHashes(**options)
    batches = [_measured(operator, texts) for texts in shards]
    counts = resolve_spans([[batch] for batch in batches], tmp)
    out = [cut_copies(batch, read_cuts(tmp, shard), operator.length) for shard, batch in enumerate(batches)]
    return [batch["text"].to_pylist() for batch in out], counts


# Known answers.


def test_all_but_the_first_copy_of_three_sentences_are_cut(tmp_path: Path, prose: Prose) -> None:
    a, b, c = (prose(120, seed) for seed in (1, 2, 3))
    sentences = a.split(". ")
    copied = ". ".join(sentences[2:5]) + ". "
    shards = [[b, a], [c + " " + copied.upper() + b[:-1] + "!", copied], [prose(60, 4)]]
    out, counts = _cut(tmp_path, shards)
    assert out == [[b, a], [c + " ", ""], [prose(60, 4)]]
    assert counts == SpanCounts(5, 8 + 8 + 21 + 1 + 3, 1 + 8 + 1, 2)
    cuts = read_cuts(tmp_path, 1)
    assert cuts.schema == CUTS
    assert cuts["runs"].to_pylist() == [[10, *range(13, 21)], [0]]
    assert first_copies(cuts).to_pylist() == [
        {"row": 0, "first_held": False, "first_shard": 0, "first_row": 0, "runs": 8},
        {"row": 0, "first_held": False, "first_shard": 0, "first_row": 1, "runs": 1},
        {"row": 1, "first_held": False, "first_shard": 0, "first_row": 1, "runs": 1},
    ]
    assert read_cuts(tmp_path, 0).num_rows == read_cuts(tmp_path, 2).num_rows == 0


def test_two_copied_sentences_or_short_ones_stay(tmp_path: Path, prose: Prose) -> None:
    a, b = prose(60, 1), prose(60, 2)
    two = ". ".join(a.split(". ")[:2]) + ". "
    short = "Yes. No. Yes. No. "
    shards = [[a + " " + short, b + " " + two + short + b.upper().replace(" ", " x ")]]
    out, counts = _cut(tmp_path, shards)
    assert out == shards
    assert counts.repeated == 0
    out, _ = _cut(tmp_path, shards, words=1)
    assert out[0][1] == b + " " + two + b.upper().replace(" ", " x ")


def test_a_document_that_repeats_itself_keeps_one_copy(tmp_path: Path, prose: Prose) -> None:
    a = prose(60, 1) + " "
    out, _ = _cut(tmp_path, [[a * 3]])
    assert out == [[a]]
    assert first_copies(read_cuts(tmp_path, 0))["first_row"].to_pylist() == [0]


def test_lines_and_paragraphs(tmp_path: Path, prose: Prose) -> None:
    notice, other = prose(12, 1), prose(12, 2)
    page = "\n\n".join([prose(40, 3), notice, other])
    again = "\n\n".join([prose(40, 4), notice.replace(" ", "\n"), prose(40, 5)])
    out, _ = _cut(tmp_path / "p", [[page, again]], unit="paragraphs")
    assert out == [[page, "\n\n".join([prose(40, 4), prose(40, 5)])]]
    out, _ = _cut(tmp_path / "l", [[page, again]], unit="lines")
    assert out == [[page, again]]
    out, _ = _cut(tmp_path / "m", [[page, "\n".join([prose(40, 4), notice, "short", prose(40, 5)])]], unit="lines")
    assert out[0][1] == "\n".join([prose(40, 4), "short", prose(40, 5)])


def test_what_is_held_is_cut_and_never_cut_from(tmp_path: Path, prose: Prose) -> None:
    operator = SpanHashes()
    held = [_measured(operator, [prose(60, 9)]), _measured(operator, [prose(60, 1), prose(60, 1)])]
    mine = _measured(operator, [prose(60, 2), prose(60, 3) + " " + prose(60, 1)])
    counts = resolve_spans([[mine]], tmp_path, held=[[batch] for batch in held])
    assert counts == SpanCounts(2, 3 + 8, 3, 1)
    assert first_copies(read_cuts(tmp_path, 0)).to_pylist() == [
        {"row": 1, "first_held": True, "first_shard": 1, "first_row": 0, "runs": 3}
    ]
    assert cut_copies(mine, read_cuts(tmp_path, 0), 3)["text"].to_pylist() == [prose(60, 2), prose(60, 3) + " "]


def test_documents_that_are_dropped_anyway_do_not_count(tmp_path: Path, prose: Prose) -> None:
    a = prose(60, 1)
    batch = _measured(SpanHashes(), [a, a, a, a], [False, True, False, True])
    counts = resolve_spans([[batch]], tmp_path)
    assert counts == SpanCounts(2, 6, 3, 1)
    assert first_copies(read_cuts(tmp_path, 0)).to_pylist() == [
        {"row": 3, "first_held": False, "first_shard": 0, "first_row": 1, "runs": 3}
    ]


def test_what_is_left_is_measured_where_something_was_cut(tmp_path: Path, prose: Prose) -> None:
    a, b = prose(60, 1) + " ", prose(24, 2)
    batch = _measured(SpanHashes(), [a, a + b, a, ""])
    resolve_spans([[batch]], tmp_path)
    out = cut_copies(batch, read_cuts(tmp_path, 0), 3)
    assert out["copied_runs"].to_pylist() == [0, 3, 3, 0]
    assert out["words_left"].to_pylist() == [None, 24, 0, None]
    assert out["sentences_left"].to_pylist() == [None, 2, 0, None]
    assert [out.schema.field(field.name).type for field in LEFT] == LEFT.types


# The operator.


def test_columns_have_the_types_and_meanings_that_were_promised(prose: Prose) -> None:
    operator = SpanHashes()
    assert isinstance(operator, Operator)
    assert pickle.loads(pickle.dumps(operator)) == operator
    for texts in (["", prose(60, 1)], []):
        out = _measured(operator, texts)
        for field in operator.adds:
            assert out.schema.field(field.name).type == field.type
            assert field.metadata[b"meaning"]
    large = operator(pa.record_batch({"text": pa.array([prose(60, 1)], pa.large_string())}))
    assert large["span_hashes"].to_pylist() == _measured(operator, [prose(60, 1)])["span_hashes"].to_pylist()


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unit = 'words': allowed are sentences, lines, paragraphs"):
        SpanHashes(unit="words")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"span = 0, words = 9: allowed are 1 and more"):
        SpanHashes(span=0)


def test_the_hash_of_a_run_is_one_of_its_words() -> None:
    texts = ["One two three. Four! Five six?", "«one» TWO three four five\nsix\nseven", "one two three four six five"]
    found = find_spans(pa.array(texts), 0, 1, 1)
    whole = [
        find_spans(pa.array([text]), 0, 3, 1).hashes.tolist() for text in (texts[0], "one.\nTwo three four five.\nSix")
    ]
    assert whole[0] == whole[1]
    assert len(set(found.hashes.tolist())) == len(found.hashes)


# Properties.

WORDS = st.sampled_from(["a", "b", "É", "e\u0301", "漢", "x.", "y!", "z?\n", "。", "\n\n", "\u200b", "😀", "12."])
TEXTS = st.lists(WORDS, max_size=14).map(" ".join)
SHARDS = st.lists(st.lists(st.tuples(TEXTS, st.booleans()), max_size=4), min_size=1, max_size=4)


def _oracle(shards: list[list[tuple[str, bool]]], held: int, operator: SpanHashes) -> list[dict[int, list]]:
    """Return per shard, by row, run and first copy of what was seen before, by comparing the words of runs."""
    seen: dict[str, tuple[int, int]] = {}
    out: list[dict[int, list]] = []
    kind = ["sentences", "lines", "paragraphs"].index(operator.unit)
    for shard, documents in enumerate(shards):
        cuts: dict[int, list] = {}
        for row, (text, takes_part) in enumerate(documents):
            places = find_spans(pa.array([text]), kind, 1, 1).places.tolist()
            data = text.encode()
            for run in range(len(places) - operator.length if takes_part else 0):
                words = folded_texts(pa.array([data[places[run] : places[run + operator.length]].decode()]))[0]
                if sum(1 if word == "漢" else 2 for word in words.split()) < 2 * operator.words:
                    continue
                if words in seen and shard >= held:
                    cuts.setdefault(row, []).append((run, *seen[words]))
                seen.setdefault(words, (shard, row))
        out.append(cuts)
    return out[held:]


@settings(max_examples=150, deadline=None)
@given(
    SHARDS,
    st.integers(0, 2),
    st.sampled_from(
        [SpanHashes(words=1), SpanHashes(span=1, words=2), SpanHashes(unit="lines", words=1), SpanHashes(span=2)]
    ),
    st.sampled_from([1 << 30, 1 << 10, 1 << 8]),
    st.integers(1, 5),
)
def test_cuts_are_those_of_the_oracle(tmp_path_factory, shards, held, operator, memory_bytes, size) -> None:
    held = min(held, len(shards) - 1)
    folder = tmp_path_factory.mktemp("cuts")
    batches = []
    for documents in shards:
        batch = _measured(operator, [text for text, _ in documents], [part for _, part in documents])
        batches.append([batch.slice(at, size) for at in range(0, batch.num_rows, size)])
    resolve_spans(batches[held:], folder, held=batches[:held], memory_bytes=memory_bytes)
    expected = _oracle(shards, held, operator)
    assert sorted(path.name for path in folder.iterdir()) == [
        f"cuts-{n:06d}.parquet" for n in range(len(shards) - held)
    ]
    for shard, (documents, cuts) in enumerate(zip(shards[held:], expected, strict=True)):
        table = read_cuts(folder, shard)
        found = {
            row["row"]: [
                (run, first if was_held else first + held, first_row)
                for run, was_held, first, first_row in zip(
                    row["runs"], row["first_held"], row["first_shard"], row["first_row"], strict=True
                )
            ]
            for row in table.to_pylist()
        }
        assert found == cuts
        # The cut texts: nothing outside the runs changes, at any cut into batches.
        at = 0
        for batch in batches[held + shard]:
            out = cut_copies(batch, table, operator.length, at)
            for text, places, copied, (before, _) in zip(
                out["text"].to_pylist(), batch["span_places"].to_pylist(), out["copied_runs"].to_pylist(),
                documents[at : at + batch.num_rows], strict=True,
            ):  # fmt: skip
                runs = [run for run, *_ in cuts.get(at, [])]
                gone = {byte for run in runs for byte in range(places[run], places[run + operator.length])}
                data = before.encode()
                assert text == bytes(data[byte] for byte in range(len(data)) if byte not in gone).decode()
                assert copied == len(runs)
                at += 1


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, max_size=6), st.integers(1, 6))
def test_nothing_depends_on_the_batch(texts, size) -> None:
    operator = SpanHashes(words=1)
    whole = _measured(operator, texts)
    parts = [
        operator(pa.record_batch({"text": pa.array(texts, pa.string())}).slice(at, size))
        for at in range(0, len(texts), size)
    ]
    for name in operator.adds.names:
        assert whole[name].to_pylist() == [value for part in parts for value in part[name].to_pylist()]


def test_memory_beyond_the_bound_goes_to_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    hashes = rng.integers(1, 1 << 63, 40_000).astype(np.uint64)
    hashes[20_000:30_000] = hashes[:10_000]
    lists = pa.ListArray.from_arrays(pa.array(np.arange(0, 40_001, 10, dtype=np.int32)), pa.array(hashes))
    batch = pa.record_batch({"span_hashes": lists})
    shards = [[batch.slice(at, 500) for at in range(begin, begin + 1000, 500)] for begin in range(0, 4000, 1000)]
    tables = []
    for name, memory_bytes in (("small", 1 << 14), ("large", 1 << 30)):
        counts = resolve_spans(shards, tmp_path / name, memory_bytes=memory_bytes)
        assert counts == SpanCounts(4000, 40_000, 10_000, 1000)
        tables.append([read_cuts(tmp_path / name, shard) for shard in range(4)])
    assert tables[0] == tables[1]
    assert tables[0][2]["first_row"].to_pylist() == [[row] * 10 for row in range(1000)]
