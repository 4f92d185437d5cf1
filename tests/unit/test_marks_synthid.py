"""SynthID-Text: g-values of transformers, exact tails, p-values over keys."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, kstest, norm

from headwater.origin.marks.synthid import (
    SynthIdKey,
    depth_weights,
    g_values,
    new_contexts,
    synthid_tests,
    upper_tail,
)


def _key(keys, **settings) -> SynthIdKey:
    return SynthIdKey(**{"name": "k", "scheme": "synthid-text", "keys": keys, "tokens": "t", **settings})


def _blind_keys(rng, depth=30):
    return rng.integers(1, 2**62, depth).tolist()


@pytest.mark.parametrize(
    ("ngram_len", "size", "seed", "depth"), [(5, 2**16, 0, 30), (2, 2**10, 3, 1), (4, 10_007, 2**40, 7)]
)
def test_g_values_and_contexts_equal_those_of_transformers(ngram_len, size, seed, depth):
    torch = pytest.importorskip("torch")
    processors = pytest.importorskip("transformers.generation.logits_process")
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    keys = _blind_keys(rng, depth)
    processor = processors.SynthIDTextWatermarkLogitsProcessor(
        ngram_len, keys, size, seed, context_history_size=1024, device=torch.device("cpu")
    )
    tokens = rng.integers(0, 150_000, 300)
    tokens[100:140] = tokens[20:60]
    tokens[200:230] = 7
    batch = torch.tensor(tokens)[None]
    key = _key(keys, ngram_len=ngram_len, sampling_table_size=size, sampling_table_seed=seed)
    assert np.array_equal(processor.compute_g_values(batch)[0].numpy(), g_values(tokens, key))
    unrepeated = processor.compute_context_repetition_mask(batch)[0].numpy()
    assert np.array_equal(unrepeated, new_contexts(tokens, ngram_len))
    assert 0 < unrepeated.sum() < len(unrepeated)


def test_scores_follow_the_paper():
    """Mean and weighted mean of the g-values of tokens in new contexts, weights 10 to 1 scaled to a mean of 1."""
    rng = np.random.default_rng(2)
    tokens = rng.integers(0, 40, 400)
    key = _key(_blind_keys(rng, 12), ngram_len=3)
    values = g_values(tokens, key)[new_contexts(tokens, 3)]
    weights = np.linspace(10, 1, 12)
    weights *= 12 / weights.sum()
    mean, weighted = synthid_tests(tokens, key)
    assert mean.value == pytest.approx(values.mean(), rel=1e-12)
    assert weighted.value == pytest.approx((values * weights).mean(), rel=1e-12)
    assert depth_weights(12) == pytest.approx(weights)
    assert (mean.tested, mean.repeated) == (len(values), 398 - len(values))
    assert mean.repeated > 10


def test_upper_tail_equals_enumeration():
    rng = np.random.default_rng(3)
    values = np.array([0, 1, 3, 4])
    parts = rng.integers(1, 20, 4)
    exact = [Fraction(int(part), int(parts.sum())) for part in parts]
    chances = parts / parts.sum()
    for weights in ([1], [1, 1, 1], [5, 3, 1, 1], [7, 7, 2]):
        sums: dict[int, Fraction] = {}
        for combination in itertools.product(range(4), repeat=len(weights)):
            total = sum(weight * int(values[place]) for weight, place in zip(weights, combination, strict=True))
            chance = Fraction(1)
            for place in combination:
                chance *= exact[place]
            sums[total] = sums.get(total, Fraction(0)) + chance
        for least in range(-1, 4 * sum(weights) + 2):
            tail = float(sum((chance for total, chance in sums.items() if total >= least), Fraction(0)))
            assert upper_tail(values, chances, np.array(weights), least) == pytest.approx(tail, rel=1e-9, abs=0)


def test_upper_tail_is_exact_far_out():
    """A sum of binomials is binomial, down to 1e-280."""
    values = np.arange(501)
    chances = binom.pmf(values, 500, 0.5)
    values, chances = values[chances > 0], chances[chances > 0]
    weights = np.ones(30, dtype=np.int64)
    for least in (7000, 7400, 7500, 7600, 7745, 8200, 9000, 9600):
        exact = float(np.exp(binom.logsf(least - 1, 15_000, 0.5)))
        assert upper_tail(values, chances, weights, least) == pytest.approx(exact, rel=1e-7)


def test_rounding_to_coarser_steps_only_makes_the_tail_larger():
    """Weights 10 to 1 over 30 layers: compared with the exact lattice, rounded up, too large by less than a fifth."""
    tokens, depth = 200, 30
    values = np.arange(tokens + 1)
    chances = binom.pmf(values, tokens, 0.5)
    weights = 10 * (depth - 1) - 9 * np.arange(depth)
    length = 1 << int(weights.sum() * tokens + 1).bit_length()
    spectrum = np.ones(length // 2 + 1, dtype=np.complex128)
    for weight in weights:
        spectrum *= np.fft.rfft(np.bincount(weight * values, chances, minlength=length))
    exact = np.cumsum(np.fft.irfft(spectrum, length)[::-1])[::-1]
    mean, deviation = tokens / 2 * weights.sum(), np.sqrt(tokens / 4 * (weights @ weights))
    for z in (0, 1, 2, 3, 4, 5):
        least = int(mean + z * deviation)
        assert 1.0 <= upper_tail(values, chances, weights, least) / exact[least] < 1.2


@pytest.mark.parametrize("size", [2**16, 10_007])
def test_p_values_are_uniform_over_keys_even_on_repetitive_text(size):
    """Kolmogorov-Smirnov against the uniform distribution for two scores: false alarm 2e-4."""
    rng = np.random.default_rng(4)
    text = np.concatenate([np.tile(rng.integers(0, 30, 17), 6), rng.integers(0, 30, 150)])
    tests = [synthid_tests(text, _key(_blind_keys(rng, 20), ngram_len=3, sampling_table_size=size)) for _ in range(200)]
    assert tests[0][0].repeated > 30
    for score in range(2):
        assert kstest([one[score].p_value for one in tests], "uniform").pvalue > 1e-4


def test_the_share_of_ones_in_the_table_is_not_one_half():
    """A small table off by 3% makes the naive normal test useless and leaves the exact one right.

    Exact binomial test at 1e-4.
    """
    rng = np.random.default_rng(5)
    settings = {"ngram_len": 3, "sampling_table_size": 2**10}
    seed = max(
        range(40), key=lambda one: g_values(np.arange(5000), _key([1], **settings, sampling_table_seed=one)).mean()
    )
    text = rng.integers(0, 50_000, 400)
    found, naive = [], []
    for _ in range(100):
        mean, _ = synthid_tests(text, _key(_blind_keys(rng, 15), **settings, sampling_table_seed=seed))
        found.append(mean.p_value)
        naive.append(norm.sf((mean.value - 0.5) * 2 * np.sqrt(mean.tested * 15)))
    assert mean.expected > 0.52
    assert (np.array(naive) <= 0.01).mean() > 0.9
    assert binom.sf((np.array(found) <= 0.01).sum() - 1, 100, 0.01) > 1e-4


def test_keys_that_agree_in_the_bits_that_count_are_one_layer():
    """Twice the same key doubles what one key says and not the evidence: the p-value is that of one."""
    tokens = np.random.default_rng(9).integers(0, 1000, 200)
    single = synthid_tests(tokens, _key([12_345]))[0]
    double = synthid_tests(tokens, _key([12_345, 12_345 + 2**16]))[0]
    assert single.value == double.value
    assert double.p_value == pytest.approx(single.p_value, rel=1e-9)


def test_one_layer_supports_no_claim_below_the_number_of_keys():
    """With one key of 16 effective bits a p-value below 2^-16 would be a claim that the keys cannot support."""
    rng = np.random.default_rng(6)
    key = _key(_blind_keys(rng, 1), ngram_len=2)
    tokens = [1]
    for _ in range(300):  # always a token whose g-value is 1
        options = rng.integers(0, 1000, 30)
        ones = [int(one) for one in options if g_values(np.array([tokens[-1], one]), key)[0, 0]]
        tokens.append(ones[0])
    mean, _ = synthid_tests(np.array(tokens), key)
    assert mean.value == 1.0
    assert mean.p_value == pytest.approx(2**-16)


def test_the_screen_skips_only_the_p_value():
    rng = np.random.default_rng(7)
    tokens, key = rng.integers(0, 1000, 100), _key(_blind_keys(rng))
    full, screened = synthid_tests(tokens, key), synthid_tests(tokens, key, least_z=50.0)
    assert [one.z for one in full] == [one.z for one in screened]
    assert all(one.p_value == 1.0 for one in screened)
    assert any(one.p_value < 1.0 for one in full)


def test_short_documents_have_no_score():
    rng = np.random.default_rng(8)
    key = _key(_blind_keys(rng))
    assert synthid_tests(np.arange(4), key) is None
    assert synthid_tests(np.arange(5), key)[0].tested == 1
