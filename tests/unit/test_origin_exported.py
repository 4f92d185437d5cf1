"""What is counted while documents are written, and the records beside the file."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.origin.exported import (
    MOST_NAMED,
    RECORDS,
    Described,
    Tally,
    inputs_of,
    mark_exported,
    record_names,
    record_of,
    write_described,
    write_records,
)
from headwater.origin.records import DataSetRecord, Input
from headwater.schema import DOCUMENT, documents
from headwater.sources import expand_paths, read_table, write_documents

_TERM = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def _mixed() -> pa.Table:
    return documents(
        ["Rain fell.", "Ein Fluß.", "It was dry.", "Nobody knows."],
        origin=["human", "machine", "machine", "unknown"],
        evidence=["attestation: the editor", "own generation ledger", "detector: p = 0.001", None],
        source=["a.jsonl", "recipe reword", "recipe reword", "b.jsonl"],
        created=["2019-05-01T10:00:00Z", "in May 2020", "2021", None],
        generator=[None, "model-7", "model-7", None],
        recipe=[None, "reword", "reword", "b"],
        licence=["CC0-1.0", "CC0-1.0", None, None],
        permission=[None, "noai", None, None],
    )


def _described(table: pa.Table) -> Described:
    found = Described()
    found.add(table)
    return found


def _record(found: Described, **more) -> DataSetRecord:
    return record_of(found, name="notes", description="Some notes.", created="2026-03-01T12:00:00+00:00", **more)


def test_documents_are_counted_by_what_the_columns_say():
    found = _described(_mixed())
    assert found.rows == 4
    assert found.size_bytes == len("Rain fell.Ein Fluß.It was dry.Nobody knows.".encode())
    assert found.origins == {"human": 1, "machine": 2, "unknown": 1}
    assert found.evidence == {"attestation": 1, "generation_ledger": 1, "detector": 1}
    # The recipe that reading gives a document of unknown origin says nothing about how it was made.
    assert found.recipes.counts == {("reword", "model-7"): 2}
    # Nor is a recipe a source.
    assert found.sources.counts == {"a.jsonl": 1, "b.jsonl": 1}
    assert found.licences.counts == {"CC0-1.0": 2}
    assert found.permissions.counts == {"noai": 1}
    # What is no ISO date is neither the oldest nor the youngest.
    assert (found.oldest, found.youngest) == ("2019-05-01", "2021")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("generation_ledger: the same text was generated here: recipe x", "generation_ledger"),
        ("declared for the whole file", "declared"),
        ("column 'who'", "column"),
        ("installed documentation", "other"),
        ("an own word: with a colon", "other"),
        ("", "other"),
    ],
)
def test_evidence_is_counted_by_kind(text: str, kind: str):
    assert _described(documents(["a"], origin="human", evidence=[text])).evidence == {kind: 1}


def test_parts_merge_to_the_whole_and_so_do_no_documents():
    table = _mixed()
    whole, merged = _described(table), _described(DOCUMENT.empty_table())
    for part in (table.slice(0, 1), table.slice(1, 0), table.slice(1, 3)):
        merged.merge(_described(part))
    assert merged == whole
    assert _described(DOCUMENT.empty_table()) == Described()


def test_watching_yields_the_batches_as_they_are():
    batches = _mixed().to_batches(max_chunksize=1)
    found = Described()
    assert list(found.watch(batches)) == batches
    assert found == _described(_mixed())


def test_few_values_are_counted_exactly_in_any_order():
    whole: Tally[str] = Tally()
    for i in range(3000):
        whole.add({f"value {i % 1000}": 1})
    assert whole.others == 0
    assert set(whole.counts.values()) == {3}


def test_a_tally_of_very_many_values_stays_small_and_keeps_the_frequent_ones():
    """Misra and Gries: with k counters no count is too small by more than n / (k + 1), and none is too large."""
    rng = np.random.default_rng(5)
    frequent = {f"frequent {i}": 900 for i in range(20)}
    values = np.concatenate([np.repeat(list(frequent), 900), [f"rare {i}" for i in range(40_000)]])
    rng.shuffle(values)
    one, first, second = Tally[str](), Tally[str](), Tally[str]()
    for number, start in enumerate(range(0, len(values), 500)):
        part = Counter(values[start : start + 500].tolist())
        one.add(part)
        (first if number % 2 else second).add(part)
    first.merge(second)
    for tally in (one, first):
        assert len(tally.counts) <= 1024
        assert tally.counts.total() + tally.others == len(values)
        for name, truth in frequent.items():
            assert truth - len(values) / 1025 <= tally.counts[name] <= truth
        most, others = tally.most()
        assert {name for name, _ in most[:20]} == set(frequent)
        assert len(most) <= MOST_NAMED
        assert sum(count for _, count in most) + others == len(values)


def test_names_of_any_length_do_not_fill_the_memory():
    found = _described(documents(["a"], origin="machine", source=["s" * 10_000], recipe=["r" * 10_000]))
    assert [len(name) for name in found.sources.counts] == [300]
    assert [len(recipe) for recipe, _ in found.recipes.counts] == [300]


def test_the_record_says_what_was_counted():
    record = _record(_described(_mixed()), run="run 1", processing=("one step",))
    assert record.origins == {"human": 1, "machine": 2, "unknown": 1}
    assert record.description == (
        "Some notes. 4 documents, 44 bytes of text: 1 of origin human, 2 of origin machine, 1 of origin unknown."
    )
    assert [(one.name, one.generator, one.documents) for one in record.recipes] == [("reword", "model-7", 2)]
    assert record.sources == ("a.jsonl", "b.jsonl")
    # Half of the documents name a licence, which is no licence of the whole.
    assert record.licence == ""
    assert record.copyrights == ("CC0-1.0: 2 documents",)
    assert record.synthetic
    assert [column.name for column in record.columns] == DOCUMENT.names
    assert next(one for one in record.columns if one.name == "parents").repeated


def test_one_licence_of_all_documents_is_that_of_the_whole():
    record = _record(_described(documents(["a", "b"], origin="human", licence="CC-BY-4.0")))
    assert (record.licence, record.copyrights) == ("CC-BY-4.0", ())
    assert record.synthetic is False


def test_machine_documents_without_recipe_or_generator_are_machine_all_the_same():
    record = _record(_described(documents(["a"], origin="machine")))
    assert record.recipes == ()
    assert record.synthetic


def test_what_is_not_named_is_counted_with_the_others():
    count = MOST_NAMED + 7
    table = documents(
        [f"text {i}" for i in range(count)],
        origin="machine",
        source=[f"source {i}" for i in range(count)],
        recipe=[f"recipe {i}" for i in range(count)],
        permission=[f"signal {i}" for i in range(count)],
    )
    record = _record(_described(table))
    assert len(record.sources) == MOST_NAMED
    assert "7 documents have others" in record.description
    assert len(record.recipes) == MOST_NAMED + 1
    assert (record.recipes[-1].name, record.recipes[-1].documents) == ("others", 7)
    assert record.permissions is not None
    assert record.permissions["others"] == 7


def test_records_stand_beside_the_file_and_hold_its_content(tmp_path: Path):
    data = tmp_path / "notes of spring.jsonl.zst"
    write_documents(_mixed(), data)
    written = write_records(data, _record(_described(_mixed())))
    assert [path.name for path in written] == record_names(data.name)
    assert {path.name for path in tmp_path.iterdir()} == {data.name, *record_names(data.name)}
    sha = hashlib.sha256(data.read_bytes()).hexdigest()
    prov, croissant, provenance = (json.loads(path.read_bytes()) for path in written)
    (file,) = (one for name, one in prov["entity"].items() if name == f"file:{sha}")
    assert file["headwater:rows"]["$"] == "4"
    assert file["prov:label"] == data.name
    assert croissant["distribution"][0]["sha256"] == sha
    assert croissant["rai:hasSyntheticData"] is True
    assert croissant["identifier"].startswith("urn:uuid:")
    assert provenance["provenance"]["generation-period"] == {"start": "2019-05-01", "end": "2021"}


def test_the_same_file_and_record_give_the_same_bytes(tmp_path: Path):
    data = tmp_path / "notes.jsonl"
    write_documents(_mixed(), data)
    turned = _mixed().take([3, 1, 0, 2])
    first = [path.read_bytes() for path in write_records(data, _record(_described(_mixed())))]
    assert first == [path.read_bytes() for path in write_records(data, _record(_described(turned)))]


def test_documents_and_records_are_written_in_one_pass(tmp_path: Path):
    data = tmp_path / "notes.parquet"
    assert write_described(iter(_mixed().to_batches(max_chunksize=3)), data, _record) == 4
    assert read_table(data)[1].accepted == 4
    assert json.loads((tmp_path / "notes.parquet.croissant.json").read_bytes())["distribution"][0]["description"] == (
        "4 documents"
    )
    assert write_described(iter(()), tmp_path / "none.jsonl", _record) == 0
    assert all((tmp_path / name).is_file() for name in record_names("none.jsonl"))


def test_inputs_are_named_by_content_with_their_own_record(tmp_path: Path):
    for name in ("a", "b"):
        write_documents(_mixed(), tmp_path / f"{name}.jsonl")
    write_records(tmp_path / "a.jsonl", _record(_described(_mixed())))
    first, second = inputs_of([str(tmp_path)])
    assert first.sha256 == second.sha256 == hashlib.sha256((tmp_path / "a.jsonl").read_bytes()).hexdigest()
    assert (first.record, second.record) == (str(tmp_path / "a.jsonl.prov.json"), "")


def test_of_very_many_inputs_only_the_number_is_kept(tmp_path: Path):
    for number in range(MOST_NAMED + 3):
        (tmp_path / f"{number:04d}.jsonl").write_text('{"text": "a"}\n')
    found = inputs_of([str(tmp_path)])
    assert len(found) == MOST_NAMED + 1
    assert found[-1] == Input("3 further files")


def test_records_are_no_documents_where_a_folder_is_read(tmp_path: Path):
    data = tmp_path / "notes.jsonl"
    write_described(_mixed().to_batches(), data, _record)
    write_documents(_mixed(), tmp_path / "notes.jsonl.verdicts.parquet")
    alone = tmp_path / "somebody.prov.json"  # beside no data file: the user's own
    alone.write_text('{"text": "Own words."}\n')
    assert expand_paths([tmp_path]) == expand_paths([str(tmp_path / "*")]) == [data, alone]
    assert expand_paths([tmp_path / "notes.jsonl.prov.json"])  # named, it is what the user wants


def test_machine_documents_declare_themselves_unless_only_a_detector_says_so():
    marked = mark_exported(_mixed().append_column("further", pa.array([1, 2, 3, 4])))
    metas = [json.loads(meta or "{}") for meta in marked["meta"].to_pylist()]
    assert metas == [{}, {"digitalSourceType": _TERM}, {}, {}]
    assert marked.drop_columns(["meta", "further"]) == _mixed().drop_columns(["meta"])
    assert marked["further"].to_pylist() == [1, 2, 3, 4]
    assert mark_exported(marked) == marked


@pytest.mark.parametrize(("kind", "declares"), [
    ("watermark", True), ("source_type", True), ("generator_tag", False), ("chat_residue", False),
])  # fmt: skip
def test_no_mark_is_stronger_than_what_it_rests_on(kind: str, declares: bool):
    marked = mark_exported(documents(["a"], origin="machine", evidence=[f"{kind}: found it"]))
    assert (marked["meta"][0].as_py() is not None) == declares


def test_each_form_has_a_name_of_its_own():
    assert len(set(record_names("x"))) == len(RECORDS) == 3
