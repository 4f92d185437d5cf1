"""The ledger of requests: what is kept, what a kill leaves, sums that stay right, and what a budget and a rate allow."""

import json
import random

import pyarrow.parquet as pq
import pytest

from headwater.errors import LockedError, StoreError
from headwater.generate import EVENTS, Answer, Budget, Cost, Finish, Prices, Request, RequestLedger, Spending
from headwater.generate.rate import Bucket
from headwater.generate.recipe_file import BudgetSettings
from headwater.generate.request import request_key

MOST = Cost(40, 100, 7)
ACTUAL = Cost(20, 30, 3)


def _request(i):
    return Request(request_key(i), f"prompt {i}", "system", "", i, 100, (f"d{i}",))


def _ask(ledger, numbers):
    ledger.asked([(_request(i), MOST) for i in numbers], recipe={"": "r@1"}, book="b", generator="m")


def _answer(ledger, numbers, text="text {}"):
    answers = [(Answer(request_key(i), text.format(i), Finish.STOP, 20, 30, "m"), MOST, ACTUAL) for i in numbers]
    ledger.answered(answers, book="b")


def _texts(ledger, numbers):
    return [one and one.answer.text for one in ledger.answers([request_key(i) for i in numbers])]


def test_what_was_answered_is_found_again_whatever_segment_it_is_in(tmp_path):
    with RequestLedger(tmp_path, log_bytes=4000) as ledger:
        for first in range(0, 200, 10):
            _ask(ledger, range(first, first + 10))
            _answer(ledger, range(first, first + 10))
        assert _texts(ledger, [0, 199, 77, 500]) == ["text 0", "text 199", "text 77", None]
    names = sorted(path.suffix for path in (tmp_path / "requests").iterdir())
    assert names.count(".parquet") == names.count(".keys") > 10
    with RequestLedger(tmp_path) as ledger:
        assert _texts(ledger, range(200)) == [f"text {i}" for i in range(200)]
        assert ledger.known([request_key(i) for i in range(198, 203)]).tolist() == [True, True, False, False, False]
        assert ledger.rows == 400
        assert (ledger.spending("b").spent, ledger.spending("b").reserved) == (Cost(4000, 6000, 600), Cost())
        assert ledger.spending("other") == Spending()
    sealed = pq.read_table(min((tmp_path / "requests").glob("*.parquet")))
    assert sealed.schema.equals(EVENTS)
    assert sealed.schema.field("key").metadata[b"meaning"]


def test_a_line_that_was_cut_short_is_removed_and_said_wherever_the_kill_came(tmp_path):
    with RequestLedger(tmp_path) as ledger:
        _ask(ledger, [1, 2])
        _answer(ledger, [1])
        log = tmp_path / "requests" / "000001.jsonl"
        before = log.read_bytes()
        _answer(ledger, [2])
    whole = log.read_bytes()
    for end in random.Random(0).sample(range(len(before) + 1, len(whole)), 25):
        log.write_bytes(whole[:end])
        with RequestLedger(tmp_path) as ledger:
            assert "was cut short and is removed" in ledger.repaired
            assert _texts(ledger, [1, 2]) == ["text 1", None]
            assert ledger.spending("b").reserved == MOST  # the request that was under way may have been billed
            _answer(ledger, [2], "again {}")
            assert _texts(ledger, [1, 2]) == ["text 1", "again 2"]
        with RequestLedger(tmp_path) as ledger:
            assert ledger.repaired == ""
            assert _texts(ledger, [1, 2]) == ["text 1", "again 2"]


@pytest.mark.parametrize("left", [[".parquet"], [".parquet", ".keys"]])
def test_a_kill_while_a_segment_is_sealed_changes_nothing(tmp_path, left):
    with RequestLedger(tmp_path, log_bytes=10**9) as ledger:
        _ask(ledger, range(50))
        _answer(ledger, range(50))
    for suffix in left:
        (tmp_path / "requests" / f"000001{suffix}").write_bytes(b"half")
    with RequestLedger(tmp_path, log_bytes=100) as ledger:  # the log is full now, and sealed at once
        assert _texts(ledger, range(50)) == [f"text {i}" for i in range(50)]
    assert (tmp_path / "requests" / "000001.json").exists()
    assert not (tmp_path / "requests" / "000001.jsonl").exists()
    # Killed after the sums were written and before the log was removed.
    (tmp_path / "requests" / "000001.jsonl").write_text("{}")
    with RequestLedger(tmp_path) as ledger:
        assert ledger.spending("b").answered == 50


def test_a_damaged_segment_is_refused_with_what_to_do(tmp_path):
    with RequestLedger(tmp_path, log_bytes=100) as ledger:
        _ask(ledger, range(5))
        _answer(ledger, range(5))
    keys = max((tmp_path / "requests").glob("*.keys"))
    keys.write_bytes(keys.read_bytes()[:-1] + b"xx")
    with pytest.raises(StoreError, match=r"damaged.*has another size.*Restore the folder"), RequestLedger(tmp_path):
        pass


def test_one_process_writes_at_a_time(tmp_path):
    with RequestLedger(tmp_path, run="first"), pytest.raises(LockedError, match="run first"), RequestLedger(tmp_path):
        pass


def test_lost_failed_and_released_requests_are_counted_once(tmp_path):
    with RequestLedger(tmp_path) as ledger:
        _ask(ledger, range(4))
        ledger.ended("lost", [(request_key(0), MOST, "timeout")], book="b")
        _answer(ledger, [0])
        ledger.ended("failed", [(request_key(1), MOST, "HTTP 400")], book="b")
        ledger.ended("released", [(request_key(2), MOST, "")], book="b")
        found = ledger.spending("b")
    assert (found.spent, found.lost, found.reserved) == (ACTUAL, MOST, MOST)  # the fourth is under way
    assert (found.asked, found.answered, found.failed) == (4, 1, 1)
    assert Spending.of_plain(json.loads(json.dumps(found.plain()))) == found


def test_any_text_survives(tmp_path):
    texts = ['"quoted" \\ back', "line\nend\r\n\u2028\u2029\u0085", "\x00\x1f", "emoji \U0001f600", "\ud800 half"]
    with RequestLedger(tmp_path, log_bytes=300) as ledger:
        _ask(ledger, range(len(texts)))
        for i, text in enumerate(texts):
            _answer(ledger, [i], text.replace("{", "{{"))
    with RequestLedger(tmp_path) as ledger:
        found = _texts(ledger, range(len(texts)))
    assert found[:4] == texts[:4]
    assert found[4] == "\ufffd half"


def test_prices_are_exact_and_rounded_up():
    prices = Prices.of(BudgetSettings(price_in="0.15", price_out="0.6"))
    assert prices.cost(1_000_000, 1_000_000).money == 0.75
    assert prices.cost(1, 0).pico == 150_000
    assert Prices.of(BudgetSettings(price_in="0.0000001")).prompt == 1


def test_no_order_of_reserving_and_settling_passes_a_cap():
    rng = random.Random(1)
    budget = Budget(BudgetSettings(tokens=5000), Spending(lost=Cost(100, 100)))
    under_way, spent = [], 200
    for _ in range(2000):
        if rng.random() < 0.6 and (most := budget.reserve(_request(rng.randrange(10**6)))) is not None:
            under_way.append(most)
        elif under_way:
            most = under_way.pop(rng.randrange(len(under_way)))
            actual = Cost(rng.randint(1, most.prompt_tokens), rng.randint(0, most.completion_tokens))
            budget.settle(most, actual)
            spent += actual.tokens
        assert spent + sum(one.tokens for one in under_way) == budget.committed.tokens <= 5000
    assert spent > 4500


@pytest.mark.parametrize(("allowance", "amount"), [(60, 1), (600, 1), (1000, 170), (5, 1)])
def test_no_minute_has_more_than_the_allowance_and_little_is_left_unused(allowance, amount):
    now = [0.0]
    bucket = Bucket(allowance, lambda: now[0])
    used = []
    while now[0] < 600:
        now[0] += bucket.take(amount)
        used.append(now[0])
        now[0] += 0.001
    for start in used:
        assert sum(amount for at in used if start <= at < start + 59.99) <= allowance + 1e-6
    assert len(used) * amount >= 0.7 * allowance * 10
