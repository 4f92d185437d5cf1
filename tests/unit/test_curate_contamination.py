"""Leaks of evaluation sets: how sets are read, what the index file keeps, what the operator says of a document."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.curate import EvaluationItem, EvaluationOverlap, read_evaluation_set, write_evaluation_index
from headwater.curate.contamination import open_evaluation_index
from headwater.engine import Operator, operator_key
from headwater.errors import ConfigError, InputError

Prose = Callable[[int, int], str]

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
QUESTION = "Which of the seven rivers of the northern province runs dry before the first of the summer rains?"
ANSWER = "The Ambrel runs dry in May, because the mills of Tarrow hold back what the snow gives."


def _batch(*texts: str) -> pa.RecordBatch:
    return pa.record_batch({"id": [str(row) for row in range(len(texts))], "text": list(texts)})


def _index(path: Path, *items: EvaluationItem, **options: object) -> EvaluationOverlap:
    write_evaluation_index(path / "evaluation.arrow", items, **options)
    return EvaluationOverlap(path / "evaluation.arrow")


def _write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# The operator.


def test_a_leak_is_shown_with_its_item(tmp_path: Path, prose: Prose) -> None:
    other = EvaluationItem("trivia", "q1", (prose(40, 1),))
    overlap = _index(tmp_path, other, EvaluationItem("rivers", "17", (QUESTION, ANSWER)))
    leak = prose(50, 2) + " «" + QUESTION.upper() + "» — the AMBREL runs dry, it's said. " + prose(50, 3)
    out = overlap(_batch(prose(100, 4), leak, "", ANSWER[:40]))
    assert out.schema.names == ["id", "text", *overlap.adds.names]
    assert out["evaluation_ngrams"].to_pylist() == [0, 11, 0, 0]
    assert out["evaluation_words"].to_pylist() == [0, 22, 0, 0]
    assert out["evaluation_share"].to_pylist() == [0, pytest.approx(22 / 124), 0, 0]
    assert out["evaluation_set"].to_pylist() == [None, "rivers", None, None]
    assert out["evaluation_id"].to_pylist() == [None, "17", None, None]
    assert out["evaluation_match"][1].as_py() == QUESTION.upper() + "» — the AMBREL runs dry"


def test_the_shown_match_ends_after_200_characters(tmp_path: Path) -> None:
    text = " ".join(f"mörder{number}" for number in range(100))
    out = _index(tmp_path, EvaluationItem("a", "1", (text,)))(_batch(text))
    assert out["evaluation_match"][0].as_py() == text[:200]
    assert out["evaluation_words"][0].as_py() == 100
    assert out["evaluation_share"][0].as_py() == 1


def test_the_item_with_the_rarest_words_is_named(tmp_path: Path, prose: Prose) -> None:
    prompt = prose(20, 5)
    items = [EvaluationItem("set", str(number), (prompt, prose(20, 10 + number))) for number in range(5)]
    out = _index(tmp_path, *items)(_batch(f"{prompt} {prose(20, 13)}", prompt))
    assert out["evaluation_id"].to_pylist() == ["3", "0"]


def test_columns_have_the_types_and_meanings_that_were_promised(tmp_path: Path, prose: Prose) -> None:
    overlap = _index(tmp_path, EvaluationItem("a", "1", (prose(30, 6),)))
    for batch in (_batch(prose(30, 6)), _batch("x").slice(1), _batch("x", prose(30, 6)).slice(1)):
        out = overlap(batch)
        assert out.num_rows == batch.num_rows
        for field in overlap.adds:
            assert out.schema.field(field.name).type == field.type
            assert field.metadata[b"meaning"]
    large = pa.record_batch({"text": pa.array([prose(30, 6)], pa.large_string())})
    assert overlap(large)["evaluation_words"].to_pylist() == [30]


def test_it_is_an_operator_that_travels_light(tmp_path: Path, prose: Prose) -> None:
    overlap = _index(tmp_path, EvaluationItem("a", "1", (prose(3000, 7),)))
    assert isinstance(overlap, Operator)
    packed = pickle.dumps(overlap)
    assert len(packed) < 1000
    assert pickle.loads(packed)(_batch(prose(3000, 7)))["evaluation_share"].to_pylist() == [1]


def test_its_key_follows_the_content_of_the_index(tmp_path: Path, prose: Prose) -> None:
    one, two = EvaluationItem("a", "1", (prose(30, 8),)), EvaluationItem("a", "1", (prose(30, 9),))
    keys = [operator_key(_index(tmp_path, *items)) for items in ((one,), (two,), (one,), (one, two))]
    assert keys[0] == keys[2]
    assert len(set(keys)) == 3
    before = _index(tmp_path, one)
    _index(tmp_path, two)
    with pytest.raises(InputError, match="another one than when the work began"):
        before(_batch("text"))


# The index.


def test_the_same_items_give_the_same_file(tmp_path: Path, prose: Prose) -> None:
    items = [EvaluationItem("a", str(number), (prose(40, number),)) for number in range(20)]
    for name in ("x", "y"):
        write_evaluation_index(tmp_path / name, items)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_what_cannot_be_found_is_said(tmp_path: Path, prose: Prose) -> None:
    items = [
        EvaluationItem("long", "1", (prose(30, 1),)),
        EvaluationItem("short", "1", ("What is it?", "A bird.")),
        EvaluationItem("short", "2", (prose(8, 2),)),
        EvaluationItem("short", "3", ()),
    ]
    facts = write_evaluation_index(tmp_path / "index", items)
    assert facts.items == {"long": 1, "short": 3}
    assert facts.sequences == 19 + 1
    assert (facts.too_short, facts.short_examples) == (2, ("short:1", "short:3"))


def test_half_characters_and_odd_ids_do_no_harm(tmp_path: Path, prose: Prose) -> None:
    overlap = _index(tmp_path, EvaluationItem("a", "id \udc80", (prose(20, 3) + "\ud800",)))
    assert overlap(_batch(prose(20, 3)))["evaluation_words"].to_pylist() == [20]


def test_settings_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"n = 0.*\n.*most_items = 0"):
        write_evaluation_index(tmp_path / "index", [], n=0, most_items=0)
    with pytest.raises(InputError, match=r"none of the 1 evaluation items can be found.*fewer than 8 words"):
        write_evaluation_index(tmp_path / "index", [EvaluationItem("a", "1", ("too short",))])
    assert not (tmp_path / "index").exists()


def test_a_damaged_or_foreign_index_is_refused(tmp_path: Path, prose: Prose) -> None:
    with pytest.raises(InputError, match=r"there is no index of evaluation sets .*nowhere\. Make one with"):
        EvaluationOverlap(tmp_path / "nowhere")
    overlap = _index(tmp_path, EvaluationItem("a", "1", (prose(30, 4),)))
    good = Path(overlap.index).read_bytes()
    for number, damaged in enumerate((b"", b"no Arrow file", good[: len(good) // 2], good[:-100])):
        (tmp_path / f"damaged{number}").write_bytes(damaged)
        with pytest.raises(InputError, match="is damaged"):
            open_evaluation_index(tmp_path / f"damaged{number}")
    with pa.ipc.new_file(tmp_path / "foreign", pa.schema([("a", pa.int8())])):
        pass
    with pytest.raises(InputError, match="no index of evaluation sets of version 1"):
        open_evaluation_index(tmp_path / "foreign")
    (tmp_path / "folding").write_bytes(good.replace(b"folding", b"gnidlof"))
    with pytest.raises(InputError, match="is damaged"):
        open_evaluation_index(tmp_path / "folding")


def test_the_index_is_mapped_not_read(tmp_path: Path, prose: Prose) -> None:
    overlap = _index(tmp_path, EvaluationItem("a", "1", (prose(3000, 5),)))
    index = open_evaluation_index(overlap.index)
    before = pa.total_allocated_bytes()
    again = open_evaluation_index(overlap.index)
    assert pa.total_allocated_bytes() - before < 10_000 < again.table.text.nbytes
    assert np.array_equal(index.table.keys, again.table.keys)


# Evaluation sets.


def test_columns_are_read_in_the_order_they_are_named(tmp_path: Path) -> None:
    rows = [
        {"id": "q7", "answer": "blue", "question": "Why?", "choices": {"text": ["blue", "red"], "label": ["A", "B"]}},
        {"id": "q8", "answer": 4, "question": None, "choices": None},
    ]
    path = _write(tmp_path / "set.jsonl", rows)
    items = list(read_evaluation_set(path, ["question", "choices.text", "answer"], id_column="id"))
    assert items == [
        EvaluationItem("set", "q7", ("Why?", "blue", "red", "blue")),
        EvaluationItem("set", "q8", ("4",)),
    ]
    every = list(read_evaluation_set(path))
    assert [item.id for item in every] == ["1", "2"]
    assert every[0].parts == ("q7", "blue", "Why?", "blue", "red", "A", "B")
    assert every[1].parts == ("q8",)
    (first, _) = read_evaluation_set(path, ["answer"], context=["question"], name="other")
    assert first == EvaluationItem("other", "1", ("blue",), ("Why?",))


def test_every_format_gives_the_same_items(tmp_path: Path) -> None:
    rows = [{"question": f"Who is number {number}?", "answer": f"Nobody, \u2028 {number}."} for number in range(3)]
    _write(tmp_path / "a.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "b.parquet")
    lines = "".join(f'"{row["question"]}","{row["answer"]}"\n' for row in rows)
    (tmp_path / "c.csv").write_text("question,answer\n" + lines)
    found = [
        [(item.id, item.parts) for item in read_evaluation_set(tmp_path / name, ["question", "answer"])]
        for name in ("a.jsonl", "b.parquet", "c.csv")
    ]
    assert [parts for _, parts in found[0]] == [(row["question"], row["answer"]) for row in rows]
    assert [[parts for _, parts in one] for one in found[1:]] == [[parts for _, parts in found[0]]] * 2
    (tmp_path / "d.txt").write_text("First\nparagraph.\n\nSecond.\n")
    items = list(read_evaluation_set(tmp_path / "d.txt"))
    assert [item.parts for item in items] == [("First\nparagraph.",), ("Second.",)]


def test_sets_of_a_folder_are_named_by_their_path(tmp_path: Path) -> None:
    for name in ("mmlu/law.jsonl", "mmlu/art.v2.jsonl", "arc.jsonl"):
        _write(tmp_path / "sets" / name, [{"text": "one"}])
    named = [item.set for item in read_evaluation_set([tmp_path / "sets", tmp_path / "sets" / "arc.jsonl"])]
    assert named == ["arc", "mmlu/art.v2", "mmlu/law"]


def test_what_cannot_be_read_stops_the_reading(tmp_path: Path) -> None:
    path = _write(tmp_path / "set.jsonl", [{"question": "Who?", "answer": "I."}])
    with pytest.raises(InputError, match=r"has a column 'questoin' with a value.*Did you mean 'question'"):
        list(read_evaluation_set(path, ["questoin"]))
    path.write_text('{"question": "Who?"}\nno object\n')
    with pytest.raises(InputError, match=r"set\.jsonl:2: invalid_json.*put the row right"):
        list(read_evaluation_set(path, ["question"]))
    with pytest.raises(InputError, match="there is no"):
        list(read_evaluation_set(tmp_path / "nothing.jsonl"))


# Real evaluation data.


def test_real_questions_are_found_in_the_pages_they_were_put_into(tmp_path: Path) -> None:
    paragraphs, pages = DATA / "crawl/xquad_paragraphs_12lang.jsonl.zst", DATA / "crawl/blog_18f_posts.jsonl.zst"
    if not paragraphs.exists():
        pytest.skip("the shared data are not here")
    items = list(read_evaluation_set(paragraphs, ["text"]))
    overlap = _index(tmp_path, *items)
    posts = [item.parts[0] for item in read_evaluation_set(pages, ["text"])][:300]
    clean = overlap(_batch(*posts))
    assert not any(clean["evaluation_ngrams"].to_pylist())
    chosen = items[::10]
    leaked = overlap(
        _batch(*(f"{post[:997]} {item.parts[0]} {post[997:]}" for post, item in zip(posts, chosen, strict=False)))
    )
    assert leaked["evaluation_id"].to_pylist() == [item.id for item, _ in zip(chosen, posts, strict=False)]
    assert min(leaked["evaluation_words"].to_pylist()) >= 12
