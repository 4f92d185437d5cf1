"""A curation of files: everything that goes in comes out once, and the same whoever does the work."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.curate import CurateResult, curate_files, curate_settings, rethreshold_folder
from headwater.curate.result import Counts, PersonalFound
from headwater.engine import EmbeddedEngine
from headwater.errors import ConfigError, EngineError, InputError, StoreError

Prose = Callable[[int, int], str]
STOPS = "The house of the people that have to be with it. "


@pytest.fixture
def corpus(tmp_path: Path, prose: Prose) -> Path:
    """Three files: good documents, copies, documents that fail, and lines that are no documents."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    texts = [STOPS + prose(120, seed) for seed in range(60)]
    near = texts[0].replace(texts[0].split()[30], "x", 1)  # shorter, so the other one stays
    rows = [{"text": text, "source": f"s{i % 3}", "n": i} for i, text in enumerate(texts)]
    lines = [json.dumps(row) for row in rows]
    extra = [json.dumps({"text": text, "source": "copies"}) for text in (texts[1], near, texts[1])]
    bad = ['{"text": ', '{"other": 1}', "[1]"]
    ending = "sentences of twelve ordinary words have nothing that people learn from."
    openings = ("Some", "Short", "Other", "Plain", "These")
    short = [json.dumps({"text": f"{opening} {ending}", "source": "short"}) for opening in openings]
    empty = [json.dumps({"text": "", "source": "short"})]
    (folder / "a.jsonl").write_text("\n".join(lines[:30] + bad) + "\n")
    (folder / "b.jsonl").write_text("\n".join(lines[30:] + extra + empty) + "\n")
    (folder / "c.jsonl").write_text("\n".join(short) + "\n")
    return folder


def _curate(
    corpus: Path, out: Path, workers: int = 1, changes: dict[str, Any] | None = None, **more: Any
) -> CurateResult:
    settings = curate_settings("gopher", {"thresholds.too_few_alphabetic_words": False, **(changes or {})})
    with EmbeddedEngine(workers) as engine:
        return curate_files([corpus], settings, out, engine, shard_bytes=4_000, **more)


def _files(folder: Path) -> dict[str, bytes]:
    """Return what a curation wrote, without the record of when it was made."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.name != "curation.json"}


def _table(folder: Path, part: str) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted((folder / part).glob("*.parquet"))])


def test_every_record_is_kept_dropped_or_bad(corpus: Path, tmp_path: Path) -> None:
    result = _curate(corpus, tmp_path / "out")
    kept, dropped = _table(tmp_path / "out", "kept"), _table(tmp_path / "out", "dropped")
    assert result.documents.read == 60 + 3 + 5 + 1 + 3
    assert (result.documents.kept, result.documents.dropped, result.documents.bad) == (60, 9, 3)
    assert (kept.num_rows, dropped.num_rows) == (60, 9)
    assert result.documents.adds_up
    assert not result.failed
    assert result.bad_by_kind == {"invalid_json": 1, "missing_text": 1, "not_an_object": 1}
    rejects = [json.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").read_text().splitlines()]
    assert [(Path(one["file"]).name, one["line"]) for one in rejects] == [
        ("a.jsonl", 31),
        ("a.jsonl", 32),
        ("a.jsonl", 33),
    ]


def test_the_output_has_the_columns_of_the_input_and_why(corpus: Path, tmp_path: Path) -> None:
    _curate(corpus, tmp_path / "out")
    kept, dropped = _table(tmp_path / "out", "kept"), _table(tmp_path / "out", "dropped")
    assert {"text", "source", "n", "id", "reasons", "measured"} <= set(kept.column_names)
    assert kept["n"].to_pylist() == list(range(60))
    assert all(reasons == [] for reasons in kept["reasons"].to_pylist())
    short = [row for row in dropped.to_pylist() if row["source"] == "short" and row["text"]]
    assert all("too_few_words" in row["reasons"] for row in short)
    assert [row["measured"]["words"] for row in short] == [12] * 5
    empty = next(row for row in dropped.to_pylist() if not row["text"])
    assert {"empty", "too_few_words", "too_few_stop_words"} <= set(empty["reasons"])


def test_copies_name_the_document_that_stands_for_them(corpus: Path, tmp_path: Path) -> None:
    result = _curate(corpus, tmp_path / "out")
    kept = {row["id"]: row for row in _table(tmp_path / "out", "kept").to_pylist()}
    copies = [row for row in _table(tmp_path / "out", "dropped").to_pylist() if row["source"] == "copies"]
    assert [row["reasons"] for row in copies] == [["exact_duplicate"], ["near_duplicate"], ["exact_duplicate"]]
    assert [kept[row["duplicate_of"]]["n"] for row in copies] == [1, 0, 1]
    pairs = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist()
    assert [(Path(one["removed_file"]).name, one["removed_line"]) for one in pairs] == [
        ("b.jsonl", n) for n in (31, 32, 33)
    ]
    assert [(Path(one["kept_file"]).name, one["kept_line"]) for one in pairs] == [("a.jsonl", n) for n in (2, 1, 2)]
    assert result.n_pairs == 3
    assert {pair.kept_text for pair in result.pairs} <= {row["text"][:400] for row in kept.values()}


def test_losses_are_counted_by_rule_and_source(corpus: Path, tmp_path: Path) -> None:
    result = _curate(corpus, tmp_path / "out")
    by_rule = {rule.rule: (rule.dropped, rule.alone) for rule in result.rules}
    assert by_rule["exact_duplicate"] == (2, 2)
    assert by_rule["near_duplicate"] == (1, 1)
    assert by_rule["too_few_words"][0] == 6
    by_source = {loss.name: (loss.kept, loss.documents) for loss in result.sources}
    assert by_source == {"s0": (20, 20), "s1": (20, 20), "s2": (20, 20), "copies": (0, 3), "short": (0, 6)}
    shown = {sample.reason: sample for sample in result.samples}
    assert shown["too_few_words"].measured in {0, 12}
    assert shown["too_few_words"].place.split(":")[0].endswith(".jsonl")


def test_the_bytes_do_not_depend_on_the_number_of_workers(corpus: Path, tmp_path: Path) -> None:
    one, two = _curate(corpus, tmp_path / "one", 1), _curate(corpus, tmp_path / "two", 2)
    assert len(list((tmp_path / "one" / "kept").iterdir())) > 5
    assert _files(tmp_path / "one") == _files(tmp_path / "two")
    same = {"out": "", "seconds": 0.0, "cpu_seconds": 0.0, "peak_rss_mb": 0.0, "workers": 1, "created": ""}
    assert replace(one, **same) == replace(two, **same)


def test_a_stopped_curation_goes_on_where_it_was(corpus: Path, tmp_path: Path) -> None:
    _curate(corpus, tmp_path / "whole")
    calls = 0

    def stop_at(done: int, total: int, what: str) -> None:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt

    for stop in (3, 6, 9):  # noqa: B007  (used by the function above)
        calls = 0
        with pytest.raises(KeyboardInterrupt):
            _curate(corpus, tmp_path / "out", progress=stop_at)
    assert not (tmp_path / "out" / "curation.json").exists()
    noted = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / ".work" / "measured").glob("*.parquet")}
    assert noted
    _curate(corpus, tmp_path / "out")
    assert _files(tmp_path / "out") == _files(tmp_path / "whole")


def test_other_settings_do_not_go_on_with_it(corpus: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if what.startswith("looking for copies"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _curate(corpus, tmp_path / "out", progress=stop)
    with pytest.raises(StoreError, match=r"other settings.*--restart"):
        _curate(corpus, tmp_path / "out", changes={"thresholds.too_few_words": 3.0})
    off = {"thresholds.too_few_words": 3.0, "duplicates.exact": False, "duplicates.near": False}
    again = _curate(corpus, tmp_path / "out", changes=off, restart=True)
    assert {rule.rule: rule.dropped for rule in again.rules}["too_few_words"] == 1


def test_a_finished_folder_and_a_strange_one_are_left_alone(corpus: Path, tmp_path: Path) -> None:
    _curate(corpus, tmp_path / "out")
    before = _files(tmp_path / "out")
    with pytest.raises(StoreError, match="finished curation"):
        _curate(corpus, tmp_path / "out")
    assert _files(tmp_path / "out") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(StoreError, match="not empty"):
        _curate(corpus, tmp_path / "mine")
    with pytest.raises(InputError, match="Give another folder"):
        _curate(corpus, corpus)


def test_rethreshold_gives_what_a_new_curation_would(corpus: Path, tmp_path: Path) -> None:
    changes = {
        "too_few_words": 5.0,
        "frequent_2_gram": False,
        "frequent_3_gram": False,
        "frequent_4_gram": False,
    }
    _curate(corpus, tmp_path / "first")
    fresh = _curate(corpus, tmp_path / "fresh", changes={f"thresholds.{key}": value for key, value in changes.items()})
    counted = rethreshold_folder(tmp_path / "first", changes)
    again = rethreshold_folder(tmp_path / "first", changes, tmp_path / "again")
    assert again.documents == fresh.documents == counted.documents
    assert again.rules == fresh.rules == counted.rules
    assert again.documents.kept == 61  # the short ones pass now, and are near copies of each other
    for part in ("kept", "dropped"):
        assert _table(tmp_path / "again", part).equals(_table(tmp_path / "fresh", part))
    assert pq.read_table(tmp_path / "again" / "pairs.parquet").equals(
        pq.read_table(tmp_path / "fresh" / "pairs.parquet")
    )
    assert (tmp_path / "again" / "rejects.jsonl").read_bytes() == (tmp_path / "fresh" / "rejects.jsonl").read_bytes()


def test_rethreshold_names_unknown_rules_and_folders(corpus: Path, tmp_path: Path) -> None:
    _curate(corpus, tmp_path / "out")
    with pytest.raises(ConfigError, match="Did you mean 'too_few_words'"):
        rethreshold_folder(tmp_path / "out", {"too_few_word": 3.0})
    with pytest.raises(InputError, match="no finished curation"):
        rethreshold_folder(corpus, {})


def test_what_is_held_already_is_dropped(corpus: Path, tmp_path: Path, prose: Prose) -> None:
    held = tmp_path / "held.jsonl"
    held.write_text(json.dumps({"text": STOPS + prose(120, 5), "id": "mine"}) + "\n")
    result = _curate(corpus, tmp_path / "out", changes={"held.paths": (str(held),)})
    gone = [row for row in _table(tmp_path / "out", "dropped").to_pylist() if "held_duplicate" in row["reasons"]]
    assert [row["n"] for row in gone] == [5]
    assert result.documents.kept == 59
    pairs = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist()
    assert [(one["kept_file"], one["kept_id"]) for one in pairs if one["reason"] == "held_duplicate"] == [
        (str(held), "mine")
    ]
    assert rethreshold_folder(tmp_path / "out", {}).documents == result.documents


def test_leaks_of_an_evaluation_set_are_dropped_and_shown(corpus: Path, tmp_path: Path, prose: Prose) -> None:
    words = prose(120, 7).split()
    exam = tmp_path / "exam.jsonl"
    exam.write_text(json.dumps({"question": " ".join(words[40:60])}) + "\n")
    result = _curate(corpus, tmp_path / "out", changes={"evaluation.paths": (str(exam),)})
    gone = [row for row in _table(tmp_path / "out", "dropped").to_pylist() if "evaluation_overlap" in row["reasons"]]
    assert [row["n"] for row in gone] == [7]
    assert words[45] in gone[0]["measured"]["evaluation_match"]
    sample = next(one for one in result.samples if one.reason == "evaluation_overlap")
    assert words[45].lower() in sample.text.lower()
    assert "exam" in sample.text


def test_own_columns_of_reserved_names_are_kept(tmp_path: Path, prose: Prose) -> None:
    data = tmp_path / "d.parquet"
    text = STOPS + prose(80, 1)
    pq.write_table(
        pa.table({"id": [7, 8], "text": [text, text + " More."], "reasons": ["a", "b"], "measured": [1, 2]}), data
    )
    settings = curate_settings("gopher", {"thresholds.too_few_alphabetic_words": False, "duplicates.near": False})
    with EmbeddedEngine(1) as engine:
        curate_files([data], settings, tmp_path / "out", engine)
    kept = _table(tmp_path / "out", "kept")
    assert kept["id"].to_pylist() == ["7", "8"]
    assert kept["input_reasons"].to_pylist() == ["a", "b"]
    assert kept["input_measured"].to_pylist() == [1, 2]
    again = rethreshold_folder(tmp_path / "out", {}, tmp_path / "again")
    assert again.documents.kept == 2
    assert _table(tmp_path / "again", "kept").equals(kept)


def test_documents_can_be_written_as_json_lines(corpus: Path, tmp_path: Path) -> None:
    import io

    import zstandard

    _curate(corpus, tmp_path / "out", output_format="jsonl.zst")
    rows = []
    for path in sorted((tmp_path / "out" / "kept").glob("*.jsonl.zst")):
        with path.open("rb") as file:
            data = zstandard.ZstdDecompressor().stream_reader(file).read()
            rows += [json.loads(line) for line in io.BytesIO(data)]
    assert [row["n"] for row in rows] == list(range(60))
    assert rows[0]["measured"]["words"] > 100
    assert rethreshold_folder(tmp_path / "out", {}).documents.kept == 60
    with pytest.raises(InputError, match="Parquet"):
        rethreshold_folder(tmp_path / "out", {}, tmp_path / "again")


def test_copied_sentences_are_cut_and_what_is_left_decides(tmp_path: Path, prose: Prose) -> None:
    shared = STOPS + prose(60, 900)
    first, mixed, bare = STOPS + prose(80, 1) + " " + shared, prose(80, 2) + " " + shared, "Only this is new. " + shared
    data = tmp_path / "d.jsonl"
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in (first, mixed, bare)))
    changes = {"duplicates.near": False, "duplicates.sentences": True}
    with EmbeddedEngine(1) as engine:
        curate_files([data], curate_settings("none", changes), tmp_path / "out", engine)
    kept, dropped = _table(tmp_path / "out", "kept").to_pylist(), _table(tmp_path / "out", "dropped").to_pylist()
    assert kept[0]["text"] == first
    assert kept[1]["text"].startswith(prose(80, 2)[:200])
    assert prose(60, 900)[200:300] not in kept[1]["text"]
    assert [row["reasons"] for row in dropped] == [["copied_sentences", "few_sentences_left"]]
    assert dropped[0]["text"] == bare
    assert len(dropped[0]["curated_text"]) < 40
    copied = pq.read_table(tmp_path / "out" / "copied.parquet").to_pylist()
    assert [(one["line"], one["first_line"]) for one in copied] == [(2, 1), (3, 1)]
    assert {one["first_id"] for one in copied} == {kept[0]["id"]}
    again = rethreshold_folder(
        tmp_path / "out", {"copied_sentences": False, "few_sentences_left": False}, tmp_path / "again"
    )
    assert again.documents.kept == 3
    assert _table(tmp_path / "again", "kept")["text"].to_pylist()[2] == dropped[0]["curated_text"]


def _lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_rule_that_fails_on_every_document_ends_the_curation(tmp_path: Path) -> None:
    numbers = {"custom.number": {"sql": "CAST(text AS INTEGER) > 3"}}
    for many, refused in ((19, False), (20, True)):
        folder = tmp_path / str(many)
        folder.mkdir()
        _lines(folder / "a.jsonl", [{"text": f"no number {n}"} for n in range(many)])
        if refused:
            with pytest.raises(
                EngineError, match=r"custom\.number fails on every one of 20 documents of .*a\.jsonl.*Conv"
            ):
                _curate(folder, folder.with_suffix(".out"), workers=2, changes=numbers)
            continue
        result = _curate(folder, folder.with_suffix(".out"), changes=numbers)
        assert result.documents == Counts(many, 0, 0, many)


def test_rules_that_fail_on_some_documents_are_named_and_counted(tmp_path: Path) -> None:
    code = tmp_path / "own.py"
    code.write_text(
        "def short(batch):\n    assert 'x' not in batch['text'].to_pylist()\n    return [False] * len(batch)\n"
    )
    folder = tmp_path / "in"
    folder.mkdir()
    texts = [*map(str, range(30)), "x", "not a number\n" * 99]
    _lines(folder / "a.jsonl", [{"text": text} for text in texts])
    _lines(folder / "b.jsonl", [{"text": "x"}, {"text": "7"}])
    changes = {
        "custom.short": {"python": f"{code}:short"},
        "custom.number": {"sql": "CAST(text AS INTEGER) < 0"},
    }
    out = tmp_path / "out"
    result = _curate(folder, out, changes=changes)
    assert (result.documents.read, result.documents.bad) == (34, 3)
    assert result.documents.adds_up
    said = [warning for warning in result.warnings if warning.startswith("custom.")]
    assert [warning.partition(",")[0] for warning in said] == [
        "custom.short failed on 2 documents",
        "custom.number failed on 1 document",
    ]
    assert said[0].endswith("AssertionError")
    details = [json.loads(line)["detail"] for line in (out / "rejects.jsonl").read_text().splitlines()]
    assert [detail.partition(":")[0] for detail in details] == ["custom.short", "custom.number", "custom.short"]
    assert all(len(detail) < 240 and "\n" not in detail for detail in details)


def test_fields_without_a_column_are_kept_where_there_are_some(tmp_path: Path, prose: Prose) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [{"text": STOPS + prose(120, seed), "n": seed} for seed in range(200)]
    _lines(folder / "a.jsonl", rows)
    _curate(folder, tmp_path / "plain")
    assert "meta" not in {
        *_table(tmp_path / "plain", "kept").column_names,
        *_table(tmp_path / "plain", "dropped").column_names,
    }
    values = {"n": 0, "late": True}
    late = [*rows[:199], {"text": rows[199]["text"], **values}]
    _lines(folder / "a.jsonl", [{**row, "pad": "x" * 20_000} for row in late])
    _lines(folder / "b.jsonl", [{"text": STOPS + prose(120, 999), "n": 1}])
    _curate(folder, tmp_path / "more")
    kept = _table(tmp_path / "more", "kept")
    assert [json.loads(one) for one in kept["meta"].to_pylist() if one is not None] == [{"late": True}]
    again = rethreshold_folder(tmp_path / "more", {}, tmp_path / "again")
    assert again.documents.kept == kept.num_rows
    assert _table(tmp_path / "again", "kept").equals(kept)


def test_names_are_thresholds_too_and_copies_alike(corpus: Path, tmp_path: Path) -> None:
    result = _curate(corpus, tmp_path / "out", changes={"languages.keep": ["de", "fr"]})
    rule = next(rule for rule in result.rules if rule.rule == "other_language")
    assert (rule.threshold, rule.dropped > 0) == (("de", "fr"), True)
    assert {one.measured for one in result.samples if one.reason == "other_language"} == {"en", "und"}  # one is empty
    copies = _curate(corpus, tmp_path / "copies").pairs
    assert {pair.similarity for pair in copies if pair.reason == "exact_duplicate"} == {1.0}


def test_personal_data_are_counted(tmp_path: Path, prose: Prose) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    texts = [STOPS + prose(120, seed) for seed in range(6)]
    texts[0] += " Write to anna@cafe.fr or post@cafe.fr."
    texts[1] += " Server 8.8.4.4."
    _lines(folder / "a.jsonl", [{"text": text} for text in (*texts, "Ask anna@cafe.fr.")])
    for action, kept in (("find", 2), ("mask", 2), ("drop", 0)):
        found = _curate(folder, tmp_path / action, changes={"personal_data.action": action}).personal_data
        assert found is not None
        assert (found.documents, found.kept) == (3, kept), action
        assert {kind: many for kind, many in found.finds.items() if many} == {"emails": 3, "ip_addresses": 1}
    assert _curate(folder, tmp_path / "off").personal_data is None
    only = {"personal_data.action": "find", "personal_data.kinds": ["ibans"]}
    assert _curate(folder, tmp_path / "only", changes=only).personal_data == PersonalFound(0, 0, {"ibans": 0})


def test_files_that_are_not_read_are_named(corpus: Path, tmp_path: Path) -> None:
    (corpus / "part.jsonl.bz2").write_bytes(b"BZh9")
    (corpus / "_SUCCESS").touch()
    (corpus / ".hidden.png").write_bytes(b"x")
    result = _curate(corpus, tmp_path / "out")
    assert [warning for warning in result.warnings if "not read" in warning] == [
        f"1 file is not read, because the name says no known format: {corpus / 'part.jsonl.bz2'}"
    ]
