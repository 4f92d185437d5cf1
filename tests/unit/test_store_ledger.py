"""The ledger of verdicts: never overwritten, repeated without effect, withdrawn by new rows."""

import random

import pyarrow as pa
import pytest

from headwater.errors import StoreError
from headwater.schema import VERDICT, Reason, Stage, Verdict, table_of
from headwater.store import Ledger


def verdict(name, outcome=Verdict.ADMITTED, reason=Reason.INHERITED, **columns):
    row = {
        "id": name,
        "verdict": outcome,
        "reason": reason,
        "stage": Stage.UTILITY,
        "run": "r",
        "arm": "gated",
        "generation": 1,
    }
    return row | columns


def rows(*verdicts):
    return table_of(VERDICT, verdicts)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path, run="r")


def held(ledger, **where):
    return {row["id"]: (row["verdict"], row["reason"]) for row in ledger.current("r", **where).to_pylist()}


def test_recording_again_changes_nothing(ledger):
    given = rows(verdict("a"), verdict("b", Verdict.REJECTED, Reason.TOO_SHORT, measured=3.0, threshold=8.0))
    assert ledger.record(given) == 1
    assert ledger.record(given) == 1
    assert ledger.record(pa.concat_tables([given, rows(verdict("c"))])) == 2
    assert ledger.record(rows()) == 2
    assert ledger.verdicts("r").equals(pa.concat_tables([given, rows(verdict("c"))]))


@pytest.mark.parametrize("column", ["run", "arm", "generation", "stage"])
def test_the_same_document_elsewhere_is_another_decision(ledger, column):
    other = {"run": "q", "arm": None, "generation": 2, "stage": Stage.CHECKS}[column]
    ledger.record(rows(verdict("a")))
    ledger.record(rows(verdict("a", Verdict.REJECTED, Reason.TOO_SHORT, **{column: other})))
    assert ledger.table.count() == 2


def test_a_second_outcome_for_one_decision_is_refused(ledger):
    ledger.record(rows(verdict("a"), verdict("b")))
    other = verdict("a", Verdict.REJECTED, Reason.NEAR_DUPLICATE)
    with pytest.raises(
        StoreError, match=r"1 decisions would get a second outcome \(first: r / gated / 1 / a / utility\)"
    ):
        ledger.record(rows(verdict("c"), other))
    with pytest.raises(StoreError, match="second outcome"):
        ledger.record(rows(verdict("d"), verdict("d", Verdict.QUARANTINED, Reason.UNDECIDED)))
    assert ledger.table.count() == 2


def test_a_revocation_is_a_new_row_and_holds_from_then_on(ledger):
    ledger.record(rows(verdict("a", log_e=9.0, decision=3, measured=0.1), verdict("b")))
    assert ledger.revoke("r", "a", generation=4, measured=-0.2, threshold=0.0) == 1
    assert held(ledger) == {"a": ("rejected", "revoked"), "b": ("admitted", "inherited")}
    history = ledger.verdicts("r").to_pylist()
    assert [(row["id"], row["verdict"], row["generation"], row["log_e"]) for row in history] == [
        ("a", "admitted", 1, 9.0),
        ("a", "rejected", 4, None),
        ("b", "admitted", 1, None),
    ]
    assert history[1]["measured"] == -0.2
    with pytest.raises(StoreError, match="Nothing named 'a' stands admitted"):
        ledger.revoke("r", "a")


def test_a_revocation_in_the_same_generation_survives_recording_again(ledger):
    given = rows(verdict("a"))
    ledger.record(given)
    ledger.revoke("r", "a")
    ledger.record(given)
    assert held(ledger) == {"a": ("rejected", "revoked")}
    assert ledger.table.count() == 2
    assert ledger.table.check() == []


def test_withdrawing_a_recipe_withdraws_its_admitted_documents(ledger):
    ledger.record(
        rows(
            verdict("recipe:gpt", reason=Reason.USEFUL, recipe="gpt"),
            verdict("a", recipe="gpt"),
            verdict("b", Verdict.REJECTED, Reason.TOO_SHORT, recipe="gpt"),
            verdict("c", recipe="gpt-2"),
            verdict("a", recipe="gpt", arm="other"),
        )
    )
    assert ledger.revoke("r", "recipe:gpt", arm="gated") == 2
    assert held(ledger, arm="gated") == {
        "recipe:gpt": ("rejected", "revoked"),
        "a": ("rejected", "revoked"),
        "b": ("rejected", "too_short"),
        "c": ("admitted", "inherited"),
    }
    assert held(ledger, arm="other") == {"a": ("admitted", "inherited")}
    with pytest.raises(
        StoreError, match=r"Nothing named 'recipe:gtp' stands admitted in run 'r'.* 2 ids stand admitted there"
    ):
        ledger.revoke("r", "recipe:gtp")


def test_the_verdict_of_the_latest_generation_holds_whatever_was_recorded_first(ledger):
    ledger.record(rows(verdict("a", generation=3)))
    ledger.record(rows(verdict("a", Verdict.QUARANTINED, Reason.UNDECIDED, generation=2)))
    ledger.record(rows(verdict("a", arm=None, generation=None)))
    assert [(row["arm"], row["generation"]) for row in ledger.current("r").to_pylist()] == [("gated", 3), (None, None)]


def test_the_order_of_verdicts_does_not_depend_on_when_they_were_recorded(tmp_path):
    given = [
        verdict(f"d{i:02}", arm=arm, generation=generation, stage=stage)
        for i in range(10)
        for arm in ("x", "y")
        for generation in (1, 2)
        for stage in (Stage.CHECKS, Stage.SLICES)
    ]
    tables = []
    for seed in (1, 2):
        random.Random(seed).shuffle(given)
        ledger = Ledger(tmp_path / str(seed))
        for start in range(0, len(given), 17):
            ledger.record(rows(*given[start : start + 17]))
        tables.append(ledger.verdicts("r"))
    assert tables[0].num_rows == len(given)
    assert tables[0].equals(tables[1])
    assert tables[0]["id"].to_pylist() == sorted(tables[0]["id"].to_pylist())


def test_a_run_without_verdicts_has_none(ledger):
    assert ledger.current("r").num_rows == ledger.verdicts("r").num_rows == 0


def test_a_table_of_an_earlier_version_is_read_and_gets_the_new_columns_when_they_are_used(tmp_path):
    import lance

    old = pa.schema([field for field in VERDICT if field.name not in {"note", "by"}], metadata=VERDICT.metadata)
    first = rows(verdict("a"), verdict("b")).select(old.names).cast(old)
    lance.write_dataset(first, str(tmp_path / "verdicts.lance"))
    ledger = Ledger(tmp_path, run="r")
    assert ledger.verdicts("r").schema.names == VERDICT.names
    assert ledger.current("r")["note"].to_pylist() == [None, None]
    ledger.record(rows(verdict("c")))
    assert "note" not in lance.dataset(str(tmp_path / "verdicts.lance")).schema.names, "nothing to write, nothing added"
    ledger.revoke("r", "a", note="a mistake", by="ann")
    assert {row["id"]: (row["reason"], row["note"], row["by"]) for row in ledger.current("r").to_pylist()} == {
        "a": ("revoked", "a mistake", "ann"), "b": ("inherited", None, None), "c": ("inherited", None, None)
    }  # fmt: skip
    assert ledger.table.check() == []
