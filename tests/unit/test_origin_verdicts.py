"""Verdicts on single documents, by length."""

import math

import numpy as np
import pytest

from headwater.decide import bh_threshold
from headwater.origin.result import DocumentVerdict
from headwater.origin.verdicts import LengthBuckets, verdicts


def _buckets(sizes):
    """References with ``sizes`` texts of 20, 60, 120, 200 and 400 words; the score is the number of the length."""
    lengths = np.repeat([20, 60, 120, 200, 400], sizes)
    return LengthBuckets.of(lengths.astype(float), lengths)


def test_buckets_that_are_full_stay_apart():
    buckets = _buckets([100] * 5)
    assert buckets.edges == (0, 50, 100, 150, 250)
    assert buckets.describe()[-1] == (250, None, 100)
    assert buckets.of_words([0, 49, 50, 99, 100, 249, 250, 9000]).tolist() == [0, 0, 1, 1, 2, 3, 4, 4]


def test_buckets_with_fewer_than_99_references_are_merged_and_none_is_lost():
    buckets = _buckets([3, 98, 200, 30, 99])
    assert all(len(known) >= 99 for known in buckets.references)
    assert sum(len(known) for known in buckets.references) == 430
    assert len(buckets) == len(buckets.edges) == 3
    assert len(_buckets([5, 5, 5, 5, 5])) == 1


def test_a_document_is_compared_with_references_of_its_length():
    buckets = _buckets([100] * 5)
    p = buckets.p_values(np.array([100.0, 100.0, np.nan]), [60, 200, 60])
    assert p[:2].tolist() == [1 / 101, 1.0]
    assert np.isnan(p[2])


def test_limits_are_where_p_values_cross_the_threshold():
    rng = np.random.default_rng(0)
    words = np.repeat([60, 200], 300)
    buckets = LengthBuckets.of(rng.normal(size=600), words)
    limits = buckets.limits(0.05)
    assert len(limits) == 2
    for length, number in zip((60, 200), buckets.of_words([60, 200]), strict=True):
        limit = limits[number]
        just_above, at = buckets.p_values(np.array([limit + 1e-9, limit]), [length, length])
        assert just_above <= 0.05 < at
    assert buckets.limits(0.0001) == [None] * len(buckets)


def test_three_verdicts_and_nothing_on_short_texts():
    p = np.array([0.001, 0.05, 0.5, 0.001, np.nan])
    found = verdicts(p, [200, 200, 200, 49, 200], 0.01)
    assert found == [
        DocumentVerdict.MACHINE_LIKE,
        DocumentVerdict.UNDECIDED,
        DocumentVerdict.HUMAN_CONSISTENT,
        DocumentVerdict.UNDECIDED,
        DocumentVerdict.UNDECIDED,
    ]


def test_without_discoveries_nothing_is_machine_like():
    assert verdicts(np.array([0.001]), [200], 0.0) == [DocumentVerdict.UNDECIDED]


@pytest.mark.parametrize("machine", [0, 400])
def test_a_corpus_of_two_lengths_keeps_the_rate(machine):
    """Short texts spread twice as far as long ones; one threshold for both would flag the short ones.

    50 corpora of 2,000 human documents at a rate of .1. Without machine text any discovery is false: in a tenth of the
    corpora there may be one, 10 or more of 50 have chance .025. With it the false share is .083 on average, error .004.
    """
    rng = np.random.default_rng(machine)
    false = []
    for _ in range(50):
        words = np.tile([60, 200], 1000)
        spread = np.where(words == 60, 2.0, 1.0)
        known = LengthBuckets.of(rng.normal(size=2000) * spread, words)
        scores = np.r_[rng.normal(size=2000) * spread, rng.normal(5.0, 1.0, machine)]
        lengths = np.r_[words, np.full(machine, 200)]
        p = known.p_values(scores, lengths)
        answers = np.array(verdicts(p, lengths, bh_threshold(p, 0.1)))
        flagged = answers == DocumentVerdict.MACHINE_LIKE
        false.append(flagged[:2000].sum() / max(1, flagged.sum()))
        assert flagged[2000:].mean() > 0.9 if machine else True
    assert np.mean(false) < 0.1 if machine else np.count_nonzero(false) < 10


def test_the_rate_of_a_verdict_is_that_of_the_next_human_document():
    """Of ten equally likely ranks among nine references the highest has p = 0.1: one in ten, not none in nine."""
    nine = LengthBuckets((0,), (np.arange(9.0),))
    assert nine.rate(0.1, [80]) == pytest.approx(0.1)
    assert nine.rate(0.0999, [80]) == 0.0
    assert nine.rate(1.0, [80, 200]) == pytest.approx(1.0)
    mixed = LengthBuckets((0, 100), (np.arange(9.0), np.arange(99.0)))
    assert mixed.rate(0.05, [60, 120, 300, 99]) == pytest.approx((0 + 0.05 + 0.05 + 0) / 4)
    assert math.isnan(nine.rate(0.1, []))
