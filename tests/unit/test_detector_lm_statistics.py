"""Curvature, Binoculars quotient and log-likelihood: closed forms, and a plain implementation of the papers' formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the extra train")

from headwater.origin.detector.lm_statistics import COLUMNS, statistics, token_sums  # noqa: E402


def _of(
    scoring: np.ndarray, tokens: list[list[int]], reference: np.ndarray | None = None, chunk: int = 1 << 22
) -> np.ndarray:
    """Return the statistics of texts from logits, shape (texts, positions, vocabulary); -1 is no token."""
    wanted = torch.tensor(tokens)
    counted = wanted >= 0
    sums = token_sums(
        torch.tensor(scoring),
        None if reference is None else torch.tensor(reference),
        wanted.clamp(min=0),
        counted,
        chunk,
    )
    return statistics(sums, counted.sum(1).numpy())


def _plainly(scoring: np.ndarray, tokens: list[int], reference: np.ndarray) -> tuple[float, float, float]:
    """Return the statistics of one text, token by token and word by word: Bao et al. algorithm 1, Hans et al. 3.2."""
    size = min(scoring.shape[-1], reference.shape[-1])
    likelihood = expectation = variance = perplexity = cross = 0.0
    count = 0
    for position, token in enumerate(tokens):
        if token < 0:
            continue
        p = [math.exp(value) for value in scoring[position][:size]]
        q = [math.exp(value) for value in reference[position][:size]]
        p = [value / sum(p) for value in p]
        q = [value / sum(q) for value in q]
        log_p = [math.log(value) for value in p]
        mean = sum(a * b for a, b in zip(q, log_p, strict=True))
        likelihood += log_p[token]
        expectation += mean
        variance += sum(a * b * b for a, b in zip(q, log_p, strict=True)) - mean**2
        perplexity -= log_p[token]
        cross -= mean
        count += 1
    curvature = (likelihood - expectation) / math.sqrt(variance)
    return curvature, -(perplexity / count) / (cross / count), likelihood / count


def test_two_words_can_be_written_down() -> None:
    """p = (.9, .1) under q = (.5, .5): log p deviates from its mean by plus or minus half the logarithm of 9."""
    p, q = np.log([[[0.9, 0.1]]]), np.log([[[0.5, 0.5]]])
    mean = (math.log(0.9) + math.log(0.1)) / 2
    found = _of(np.tile(p, (2, 1, 1)), [[0], [1]], np.tile(q, (2, 1, 1)))
    np.testing.assert_allclose(found[:, 0], [1.0, -1.0], rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], [-math.log(0.9) / mean, -math.log(0.1) / mean], rtol=1e-5)
    np.testing.assert_allclose(found[:, 2], [math.log(0.9), math.log(0.1)], rtol=1e-5)
    assert (found[0] > found[1]).all()  # higher is more machine-like in every column
    # Four such tokens in a row: deviations add, and so do variances.
    long = _of(np.tile(p, (1, 4, 1)), [[0, 0, 0, 0]], np.tile(q, (1, 4, 1)))
    np.testing.assert_allclose(long[0, 0], 4 / math.sqrt(4), rtol=1e-5)


def test_where_all_words_are_as_likely_there_is_no_curvature_and_the_quotient_is_one() -> None:
    found = _of(np.zeros((1, 3, 7)), [[1, 2, 3]])
    assert np.isnan(found[0, 0])
    np.testing.assert_allclose(found[0, 1:], [-1.0, -math.log(7)], rtol=1e-6)


@given(
    st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 6), st.integers(1, 60), st.integers(0, 3),
    st.booleans(),
)  # fmt: skip
def test_the_formulas_are_those_of_the_papers(
    seed: int, size: int, positions: int, chunk: int, padded: int, same: bool
) -> None:
    """Whatever the chunk and the padding of the vocabulary; float32 against float64 of numbers around 1 to 10."""
    rng = np.random.default_rng(seed)
    scoring = rng.normal(0, 2, (3, positions, size + padded)).astype(np.float32)
    reference = scoring if same else rng.normal(0, 2, (3, positions, size)).astype(np.float32)
    lengths = rng.integers(1, positions + 1, 3)
    tokens = rng.integers(0, size, (3, positions))
    tokens[np.arange(positions) >= lengths[:, None]] = -1
    found = _of(scoring, tokens.tolist(), None if same else reference, chunk)
    expected = [_plainly(scoring[row], tokens[row].tolist(), reference[row]) for row in range(3)]
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_text_drawn_from_the_model_has_curvature_zero_and_its_favourites_more() -> None:
    """400 texts drawn from p: standard error .05, so beyond .25 is a false alarm of 6e-7."""
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 1.5, (400, 30, 12))
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    drawn = (chances.cumsum(-1) < rng.random((400, 30, 1))).sum(-1).clip(max=11)
    curvature = _of(logits, drawn.tolist())[:, 0]
    assert abs(curvature.mean()) < 0.25
    assert 0.7 < curvature.std() < 1.3
    assert _of(logits, logits.argmax(-1).tolist())[:, 0].min() > curvature.max()


def test_words_a_model_excludes_count_nothing_where_both_exclude_them() -> None:
    with_hole = np.array([[[0.3, -np.inf, -0.7]]])
    without = np.array([[[0.3, -0.7]]])
    np.testing.assert_allclose(_of(with_hole, [[2]]), _of(without, [[1]]), rtol=1e-5)
    # A word that one expects and the other excludes: no number, rather than a wrong one.
    assert np.isnan(_of(with_hole, [[0]], np.zeros((1, 1, 3)))[0, :2]).all()


def test_a_text_without_a_token_that_follows_another_has_no_statistics() -> None:
    found = _of(np.random.default_rng(0).normal(size=(2, 2, 5)), [[-1, -1], [3, 1]])
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    assert found.shape == (2, len(COLUMNS))
