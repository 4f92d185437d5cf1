"""What finished audits and runs say about the inputs of a forecast."""

from dataclasses import replace

import pytest
from audit_example import BOUNDED, GROUPS, PLAIN, REFUSED, UNKNOWN
from audit_example import RESULT as AUDIT
from report_example import RESULT as RUN

from headwater.forecast import Measured, Schedule, parse
from headwater.ledger import read_ledger

NEWS = tuple(replace(one, keys={"month": one.keys["month"]}) for one in GROUPS if one.keys["source"] == "news")
MONTHLY = replace(AUDIT, by=("month",), groups=NEWS, run="monthly")


def test_nothing_finished_says_nothing():
    assert read_ledger([]).measured == Measured()
    assert read_ledger([]).notes == ()


def test_an_audit_gives_stock_contamination_and_what_the_detector_recognises():
    audit = replace(AUDIT, run="audit-1")
    found = read_ledger([audit]).measured.by_key()
    assert {one.run for one in found.values()} == {"audit-1"}
    words = audit.corpus.words
    assert found["stock.tokens"].value.parameters == pytest.approx((1.2 * words, 1.5 * words), rel=1e-3)
    share = found["stock.contamination"].value
    assert share.kind == "normal"
    assert share.quantile(0.5) == pytest.approx(audit.corpus.estimate.share)
    assert share.quantile(0.025) == pytest.approx(audit.corpus.estimate.low, rel=1e-3)
    # Jeffreys' intervals of the rates on the references
    assert found["gate.recall"].value.quantile(0.05) < audit.costs.tpr < found["gate.recall"].value.quantile(0.95)
    assert "150 known machine texts" in found["gate.recall"].note
    assert found["gate.false_positive_rate"].value.quantile(0.95) < 0.03


def test_tokens_per_word_are_the_teams():
    found = read_ledger([PLAIN], parse("1.3")).measured
    assert found.stock_tokens.value.certain
    assert found.stock_tokens.value.quantile(0.5) == pytest.approx(1.3 * PLAIN.corpus.words, rel=1e-3)


def test_an_audit_against_human_text_alone_gives_a_range_and_no_recall():
    found = read_ledger([BOUNDED]).measured.by_key()
    assert found["stock.contamination"].value.kind == "uniform"
    assert "gate.recall" not in found


@pytest.mark.parametrize("audit", [UNKNOWN, REFUSED])
def test_an_audit_without_a_number_gives_none_and_says_why(audit):
    reading = read_ledger([replace(audit, run="audit-2")])
    assert reading.measured == Measured()
    assert reading.notes == (f"Audit audit-2 says no share ({audit.corpus.estimate.refused}).",)


def test_an_older_audit_serves_where_the_latest_has_no_number():
    reading = read_ledger([replace(AUDIT, run="old"), replace(REFUSED, run="new")])
    assert reading.measured.stock_tokens.run == "old"
    assert reading.notes == ()


def test_months_become_a_table_over_time():
    found = read_ledger([MONTHLY, replace(PLAIN, run="later")]).measured
    assert found.machine_share.run == "monthly"
    table = found.machine_share.value
    assert isinstance(table, Schedule)
    assert len(table.years) == len(NEWS)
    assert table.years[0] == pytest.approx(2022 + 1 / 24)
    assert table.quantile(2030, 0.5) == pytest.approx(NEWS[-1].estimate.share, rel=1e-3)
    assert found.stock_tokens.run == "later"


def test_a_run_gives_what_was_admitted_and_what_a_synthetic_token_was_worth():
    """126,155 tokens gained 0.226 where 123,367 human ones gained 0.265: worth less than a human token, not nothing."""
    found = read_ledger([RUN]).measured.by_key()
    assert {one.run for one in found.values()} == {RUN.run}
    admitted = sum(card.tokens for card in RUN.cards if card.verdict == "admitted") / sum(
        one.tokens for one in RUN.cards
    )
    assert found["synthetic.admitted"].value.quantile(0.5) == pytest.approx(admitted, abs=1e-4)
    worth = found["synthetic.worth"].value
    assert 0.5 < worth.quantile(0.5) < 1
    assert worth.quantile(0.05) < worth.quantile(0.5) < worth.quantile(0.95)


def test_a_run_without_a_second_human_training_is_no_measure_of_worth():
    run = replace(RUN, stream=tuple(one for one in RUN.stream if one.arm != "ceiling"))
    reading = read_ledger([run])
    assert reading.measured.synthetic_worth is None
    assert "no second training on human text alone" in reading.notes[0]
    assert run.run in reading.notes[0]


def test_a_run_that_judged_no_stream_says_nothing():
    assert read_ledger([replace(RUN, stream=())]) == read_ledger([])
