"""What must hold of every estimate of the share, whatever the scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import InputError
from headwater.origin.result import Grade
from headwater.origin.share import (
    DevelopmentScores,
    adjusted_count,
    dkw_bound,
    emq,
    estimate_share,
    exact_bound,
    hdy,
    kde_mix,
)
from headwater.origin.share.histograms import Sample, exact_grid, score_grid

SCORES = st.floats(-30, 30, allow_nan=False, width=32)
SAMPLES = st.lists(SCORES, min_size=1, max_size=60)


def _development(rng, distance=3.0):
    """Four domains at different places, two generators each, 60 texts of each kind."""
    place, made, domain, generator = [], [], [], []
    for d in range(4):
        for g in ("human", "one", "two"):
            machine = g != "human"
            place.append(rng.normal(0.2 * d + (distance if machine else 0.0), 1.0, 60))
            made += [machine] * 60
            domain += [f"domain {d}"] * 60
            generator += [g] * 60
    return DevelopmentScores(np.concatenate(place), np.array(made), np.array(domain), np.array(generator))


DEVELOPMENT = _development(np.random.default_rng(0))


@given(SAMPLES, SAMPLES, SAMPLES)
@settings(max_examples=60, deadline=None)
def test_every_estimator_gives_a_share(corpus, human, machine):
    grid = score_grid(corpus, human, machine, bins=60)
    c, h, a = (grid.counts(scores) for scores in (corpus, human, machine))
    assert c.sum() == len(corpus)
    for share in (kde_mix(grid.support, c, h, a)[0], hdy(c, h, a)[0], emq(c, np.exp(grid.support / 10))[0]):
        assert 0.0 <= share <= 1.0
    counted = adjusted_count(c, h, a, 1 / (1 + np.exp(-grid.support)))[0]
    assert np.isnan(counted) or 0.0 <= counted <= 1.0


@given(SAMPLES, st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_the_bound_is_a_share_and_does_not_fall_when_scores_rise(corpus, seed):
    """Raising every document's score, by one amount, can only raise the bound; the same permutations are drawn."""
    human = np.random.default_rng(1).normal(size=40)
    low = exact_bound(corpus, human, np.random.default_rng(seed), draws=99)
    high = exact_bound(np.array(corpus) + 5.0, human, np.random.default_rng(seed), draws=99)
    assert 0.0 <= low <= high <= 1.0
    assert 0.0 <= dkw_bound(corpus, human) <= dkw_bound(np.array(corpus) + 5.0, human) <= 1.0


@given(st.floats(-50, 50), st.floats(0.1, 10), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_bound_looks_at_the_order_of_scores_only(shift, scale, seed):
    rng = np.random.default_rng(seed)
    corpus, human = np.round(rng.normal(1.0, 1.0, 80), 3), np.round(rng.normal(size=60), 3)
    plain = exact_bound(corpus, human, np.random.default_rng(0), draws=99)
    moved = exact_bound(
        np.arctan(corpus) * scale + shift, np.arctan(human) * scale + shift, np.random.default_rng(0), draws=99
    )
    assert plain == moved


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_a_bootstrap_sample_has_whole_groups(groups, seed):
    grid = exact_grid(np.arange(len(groups), dtype=float)) if len(groups) > 1 else score_grid([0.0])
    sample = Sample.of(grid, np.arange(len(groups), dtype=float), groups)
    drawn = sample.resample(5, np.random.default_rng(seed))
    assert (drawn >= 0).all()
    if len(groups) > 1:
        for row in drawn:
            for group in set(groups):
                assert len({row[i] for i in range(len(groups)) if groups[i] == group}) == 1


@given(st.integers(0, 49), st.integers(0, 80), st.integers(0, 200), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_without_human_references_there_is_never_a_number(human, machine, known, seed):
    rng = np.random.default_rng(seed)
    found = estimate_share(
        rng.normal(size=100), rng.normal(size=human), rng.normal(4.0, 1.0, machine),
        development=DEVELOPMENT, rng=rng, known_machine=known,
    )  # fmt: skip
    assert found.grade == Grade.C
    assert found.refused
    assert (found.share, found.low, found.high, found.point, found.method) == (None, None, None, None, "")


@given(st.floats(0, 1), st.integers(0, 60), st.booleans(), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_an_interval_lies_in_0_to_1_and_around_its_point(share, known, with_machine, seed):
    rng = np.random.default_rng(seed)
    corpus = rng.normal(size=120) + 3.0 * (rng.random(120) < share)
    machine = rng.normal(3.0, 1.0, 60) if with_machine else None
    found = estimate_share(
        corpus, rng.normal(size=100), machine, development=DEVELOPMENT, rng=rng, known_machine=known, replicates=50
    )
    assert found.refused is None
    assert found.grade == (Grade.A if with_machine else Grade.B)
    assert found.documents == 120 + known
    assert 0.0 <= found.low <= found.high <= 1.0
    assert found.low >= known / found.documents - 1e-12  # what is known is never estimated away
    if with_machine:
        assert found.low <= found.share <= found.high
        assert found.point is None
    else:
        assert found.share is None
        assert 0.0 <= found.point <= 1.0


def test_the_same_seed_gives_the_same_estimate():
    rng = np.random.default_rng(3)
    corpus, human, machine = rng.normal(1.0, 1.5, 200), rng.normal(size=100), rng.normal(3.0, 1.0, 60)
    one, two = (
        estimate_share(corpus, human, machine, development=DEVELOPMENT, rng=np.random.default_rng(4)) for _ in range(2)
    )
    assert one == two


def test_intervals_of_matched_references_hold_and_are_narrow():
    """The share of the documents at hand; 60 corpora of 500, 650 references of each kind 3.75 sd apart.

    Coverage is above .95 (.99 of 110): fewer than 54 of 60 has chance below .01. Mean width at most 3.5 points (2.6).
    """
    rng = np.random.default_rng(5)
    held, widths = 0, []
    for share in (0.0, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0):
        for _ in range(6):
            made = np.arange(500) < round(500 * share)
            found = estimate_share(
                rng.normal(size=500) + 3.75 * made, rng.normal(size=650), rng.normal(3.75, 1.0, 650),
                development=DEVELOPMENT, rng=rng, replicates=100,
            )  # fmt: skip
            held += found.low <= made.mean() <= found.high
            widths.append(found.high - found.low)
    assert held >= 54
    assert np.mean(widths) < 0.035


def test_the_range_without_machine_references_holds():
    """Development text as far from human text as here: 40 corpora, of which at most 4 may be missed (rate below .05).

    More than 4 have chance below .05 at a rate of .05; the range is meant to be wider than needed here.
    """
    rng = np.random.default_rng(6)
    missed = 0
    for share in (0.0, 0.05, 0.1, 0.25):
        for _ in range(10):
            made = np.arange(400) < round(400 * share)
            found = estimate_share(
                rng.normal(size=400) + 3.0 * made,
                rng.normal(size=300),
                development=DEVELOPMENT,
                rng=rng,
                replicates=100,
            )
            missed += not found.low <= made.mean() <= found.high
    assert missed <= 4


@pytest.mark.parametrize(
    ("corpus", "human", "machine", "short", "grade", "says"),
    [
        (20, 100, 60, 0, Grade.A, "20 documents"),
        (100, 100, 60, 101, Grade.A, "fewer than 50 words"),
        (100, 100, 24, 101, Grade.B, "fewer than 50 words"),
        (100, 0, 0, 0, Grade.C, "no known human text"),
    ],
)
def test_too_little_text_is_refused_with_a_reason(corpus, human, machine, short, grade, says):
    rng = np.random.default_rng(7)
    found = estimate_share(
        rng.normal(size=corpus), rng.normal(size=human), rng.normal(3.0, 1.0, machine),
        development=DEVELOPMENT, rng=rng, short=short,
    )  # fmt: skip
    assert found.grade == grade
    assert says in found.refused
    assert found.share is None
    assert found.high is None


def test_scores_that_do_not_separate_or_have_moved_give_a_bound_only():
    rng = np.random.default_rng(8)
    corpus = np.r_[rng.normal(size=200), np.full(100, 9.0)]
    alike = estimate_share(corpus, rng.normal(size=100), rng.normal(0.5, 1.0, 60), development=DEVELOPMENT, rng=rng)
    assert "AUROC" in alike.refused
    moved = estimate_share(corpus - 2.0, rng.normal(-2.0, 1.0, 100), development=DEVELOPMENT, rng=rng)
    assert "Kolmogorov" in moved.refused
    for found in (alike, moved):
        assert found.share is None
        assert found.high is None
        assert found.point is None
        assert 0.28 < found.low < 0.36  # about 1/3, and above it in one of twenty
    settled = estimate_share(
        corpus - 2.0, rng.normal(-2.0, 1.0, 100), rng.normal(7.0, 0.5, 60), development=DEVELOPMENT, rng=rng
    )
    assert settled.refused is None  # known machine text of the same kind says where it scores


def test_groups_widen_the_interval():
    """Every document ten times over tells no more than once."""
    rng = np.random.default_rng(9)
    corpus = np.repeat(np.r_[rng.normal(size=60), rng.normal(2.0, 1.0, 20)], 10)
    human, machine = rng.normal(size=300), rng.normal(2.0, 1.0, 300)
    width = {}
    for grouped in (False, True):
        found = estimate_share(
            corpus, human, machine, development=DEVELOPMENT, rng=np.random.default_rng(0),
            corpus_groups=np.repeat(np.arange(80), 10) if grouped else None,
        )  # fmt: skip
        width[grouped] = found.high - found.low
    assert width[True] > 1.5 * width[False]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_named(bad):
    with pytest.raises(InputError, match="position 3"):
        estimate_share([0.0, 0.0, 0.0, bad], np.zeros(60), development=DEVELOPMENT, rng=np.random.default_rng(0))


def test_groups_of_another_length_are_refused():
    with pytest.raises(InputError, match="one group"):
        estimate_share(
            np.zeros(50), np.arange(60.0), np.arange(60.0) + 60, development=DEVELOPMENT,
            rng=np.random.default_rng(0), corpus_groups=["a", "b"],
        )  # fmt: skip
