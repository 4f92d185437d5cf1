"""Known human and machine text: each once, bounded, without contradictions."""

import json

import pytest

from headwater.origin import references
from headwater.origin.references import known_of, read_known, without_shared
from headwater.schema import Origin, content_id, documents
from headwater.sources import RejectLog


def _batches(texts, **columns):
    return documents(texts, **columns).to_batches(max_chunksize=7)


def test_a_repeated_text_counts_once_and_keeps_its_first_group():
    known = known_of(_batches(["a", "b", "a"], group=["x", "y", "z"]), "group")
    assert (known.texts, known.groups, known.read) == (("a", "b"), ("x", "y"), 3)
    assert known.ids == tuple(map(content_id, "ab"))


def test_without_a_group_every_document_stands_alone():
    assert known_of(_batches(["a", "b"]), None).groups == tuple(map(content_id, "ab"))


def test_the_sample_of_many_references_does_not_depend_on_their_order(monkeypatch):
    monkeypatch.setattr(references, "MOST_REFERENCES", 50)
    texts = [f"text {i}" for i in range(400)]
    forward, backward = known_of(_batches(texts), None), known_of(_batches(texts[::-1]), None)
    assert set(forward.texts) == set(backward.texts)
    assert 50 * 4 // 5 * 0.5 < len(forward) <= 50
    assert forward.read == 400


def test_a_text_under_both_labels_is_in_neither():
    human, machine = known_of(_batches(["a", "b"]), None), known_of(_batches(["b", "c"]), None)
    left, right, shared = without_shared(human, machine)
    assert (left.texts, right.texts, shared) == (("a",), ("c",), 1)


def test_references_are_read_from_files(tmp_path):
    path = tmp_path / "human.jsonl"
    path.write_text("".join(json.dumps({"body": f"t{i}", "author": f"a{i % 2}"}) + "\n" for i in range(4)))
    told = []
    known = read_known([str(path)], "body", "author", RejectLog(), Origin.HUMAN, told.append)
    assert known.groups == ("a0", "a1", "a0", "a1")
    assert told == ["4 human references"]
    assert len(read_known([], "body", None, RejectLog(), Origin.HUMAN, told.append)) == 0


@pytest.mark.parametrize("count", [0, 3])
def test_nothing_shared_changes_nothing(count):
    known = known_of(_batches([f"t{i}" for i in range(count)]), None) if count else references.NOTHING_KNOWN
    assert without_shared(known, references.NOTHING_KNOWN) == (known, references.NOTHING_KNOWN, 0)
