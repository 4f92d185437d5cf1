"""The schemas on disk are a promise; ids are the same everywhere."""

import subprocess
import sys

import pyarrow as pa
import pytest

from headwater.errors import ConfigError, HeadwaterError, LockedError, MissingExtraError, NotEnoughData, did_you_mean
from headwater.schema import (
    DOCUMENT,
    LINEAGE,
    REASON_SENTENCES,
    SCHEMA_VERSION,
    VERDICT,
    Origin,
    Reason,
    Stage,
    Verdict,
    content_id,
    digest,
    documents,
    table_of,
)

# The names and types of version 1. A change here breaks files that users have: raise SCHEMA_VERSION instead.
PROMISED = {
    "document": "id string, text string, origin string, evidence string, source string, created string, author string,"
    " group string, generator string, recipe string, parents list<item: string>, generation int32, licence string,"
    " permission string, meta string",
    "verdict": "id string, recipe string, verdict string, stage string, reason string, measured double,"
    " threshold double, log_e double, decision int64, arm string, generation int32, version string, run string,"
    " note string, by string",
    "lineage": "event string, node string, inputs list<item: string>, weights list<item: double>, items int64,"
    " tokens int64, generation int32, arm string, run string",
}


@pytest.mark.parametrize("schema", [DOCUMENT, VERDICT, LINEAGE], ids=list(PROMISED))
def test_columns_and_types_are_as_promised(schema: pa.Schema) -> None:
    kind = schema.metadata[b"headwater.kind"].decode()
    assert ", ".join(f"{field.name} {field.type}" for field in schema) == PROMISED[kind]
    assert schema.metadata[b"headwater.schema"] == b"1"
    assert SCHEMA_VERSION == 1


@pytest.mark.parametrize("schema", [DOCUMENT, VERDICT, LINEAGE], ids=list(PROMISED))
def test_every_column_says_what_it_means(schema: pa.Schema) -> None:
    assert [field.name for field in schema if not field.metadata[b"meaning"].strip()] == []


def test_codes_are_as_promised() -> None:
    assert [verdict.value for verdict in Verdict] == ["admitted", "rejected", "quarantined"]
    assert [origin.value for origin in Origin] == ["human", "machine", "mixed", "unknown"]
    assert [stage.value for stage in Stage] == ["provenance", "checks", "utility", "slices"]
    assert {reason.value for reason in Reason} == {
        "useful", "proven_harmful", "undecided", "no_gain", "too_small", "slice_harmed", "inherited", "panel_exhausted",
        "descends_from_panel", "is_panel_document", "panel_contamination", "training_copy", "exact_duplicate",
        "near_duplicate", "too_short", "truncated", "repetitive", "not_text", "check_failed", "revoked", "demoted",
        "invalid_value", "wrong_answer", "wrong_arithmetic", "schema_violated", "tests_failed", "unfaithful", "judged_bad",
        "own_check", "impossible_motion", "frozen_channel", "filtered",
    }  # fmt: skip


def test_every_reason_has_a_sentence_of_its_own() -> None:
    assert set(REASON_SENTENCES) == set(Reason)
    assert len(set(REASON_SENTENCES.values())) == len(Reason)


def test_content_ids_are_fixed_for_good() -> None:
    # From another implementation: printf '%s' 'Ein Brief.' | b2sum -l 128
    assert content_id("Ein Brief.") == "ceab261325a65e5aabf0effc044a2fc4"
    assert content_id("") == "cae66941d9efbd404e4d88758ea67670"
    assert content_id("a") != content_id("a ")
    assert len(content_id("\ud800")) == 32  # half a character out of a damaged file


def test_a_digest_names_a_value_whatever_the_order_of_its_keys() -> None:
    assert digest({"a": 1, "b": [2, "ü"]}) == digest({"b": [2, "ü"], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
    assert digest([1, 2]) != digest([2, 1])
    assert len(digest(None)) == 16


def test_a_digest_is_the_same_in_every_process() -> None:
    value = {"rule": "strict", "shares": [0.1, 1 / 3], "none": None}
    code = f"from headwater.schema import digest; print(digest({value!r}))"
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )
        assert found.stdout.strip() == digest(value)


def test_documents_fill_in_ids_and_parents() -> None:
    table = documents(["one", "two"], origin="human", generation=0, group=["a", "b"])
    assert table.schema.equals(DOCUMENT, check_metadata=True)
    assert table["id"].to_pylist() == [content_id("one"), content_id("two")]
    assert table["parents"].to_pylist() == [[], []]
    assert table["origin"].to_pylist() == ["human", "human"]
    assert table["generation"].to_pylist() == [0, 0]
    assert table["group"].to_pylist() == ["a", "b"]
    assert table["recipe"].null_count == 2


def test_documents_take_arrow_arrays_and_nothing_at_all() -> None:
    ids = pa.chunked_array([["x"], ["y"]], pa.large_string())
    assert documents(["one", "two"], id=ids)["id"].to_pylist() == ["x", "y"]
    assert documents([], origin="human").schema.equals(DOCUMENT, check_metadata=True)


def test_an_unknown_column_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="orgin"):
        documents(["one"], orgin="human")


def test_rows_become_a_table_with_nulls_for_what_they_do_not_name() -> None:
    table = table_of(VERDICT, [{"id": "a", "measured": 1}, {"id": "b", "verdict": "admitted"}])
    assert table.schema.equals(VERDICT, check_metadata=True)
    assert table["measured"].to_pylist() == [1.0, None]
    assert table["verdict"].to_pylist() == [None, "admitted"]
    assert table_of(VERDICT, []).schema.equals(VERDICT, check_metadata=True)


def test_every_error_is_one_the_user_can_put_right() -> None:
    for error in (ConfigError(["x"]), NotEnoughData("x"), LockedError("x"), MissingExtraError("Training", "train")):
        assert isinstance(error, HeadwaterError)
    assert "pip install 'headwater[train]'" in str(MissingExtraError("Training", "train"))


def test_suggestions() -> None:
    assert did_you_mean("dedupp", ["dedup", "detector"]) == " Did you mean 'dedup'?"
    assert did_you_mean("zzz", ["dedup", "detector"]) == ""
