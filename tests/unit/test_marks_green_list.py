"""Green-list watermarks: seeds and lists of the reference implementations, exact p-values, repeats."""

import itertools

import numpy as np
import pytest
from scipy.stats import binom, hypergeom, norm

from headwater.origin.marks.green_list import (
    MOST_PAIRS,
    GreenListKey,
    green_list_p_value,
    green_list_tests,
    tried_gammas,
)
from headwater.origin.marks.torch_random import permutation, places, random_bits
from headwater.origin.marks.watermark import LEVEL


def _key(**settings) -> GreenListKey:
    return GreenListKey(
        **{"name": "k", "scheme": "green-list", "key": 15_485_863, "vocabulary": 1000, "tokens": "t", **settings}
    )


def _one(tokens, key):
    return green_list_tests([np.asarray(tokens, dtype=np.int64)], key)[0]


def test_random_numbers_are_the_mersenne_twister_of_the_published_code():
    # Matsumoto and Nishimura 1998: the 10,000th word of the default seed 5489 is 4,123,659,995 (odd), as is fixed in
    # the C++ standard, [rand.predef]; the first is 3,499,211,612 (even).
    bits = random_bits(10_000, 5489)
    assert bits[0] == 0
    assert bits[-1] == 1
    assert np.array_equal(bits, np.frombuffer(np.random.RandomState(5489).bytes(40_000), dtype="<u4") & 1)


@pytest.mark.parametrize("seed", [0, 7, 15_485_863 * 50_000, 2**40 + 9, 2**64 - 2])
def test_permutations_and_bits_equal_those_of_pytorch(seed):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    generator = torch.Generator()
    for n in (1, 2, 3, 1000, 50_257):
        assert np.array_equal(torch.randperm(n, generator=generator.manual_seed(seed)).numpy(), permutation(n, seed))
    bits = torch.randint(0, 2, (65_536,), generator=generator.manual_seed(seed)).numpy()
    assert np.array_equal(bits, random_bits(65_536, seed))


def test_places_are_those_of_the_whole_permutation():
    rng = np.random.default_rng(1)
    seeds = rng.integers(0, 2**63, 40).astype(np.uint64)
    offsets = np.sort(np.concatenate([[0, 120], rng.integers(0, 121, 39)]))
    for n, first in ((2, 1), (2, 2), (97, 24), (97, 97), (1000, 500)):
        items = rng.integers(0, n, 120)
        whole = np.concatenate(
            [
                np.argsort(permutation(n, int(seed)))[items[begin:end]]
                for seed, (begin, end) in zip(seeds, itertools.pairwise(offsets), strict=True)
            ]
        )
        assert np.array_equal(places(seeds, offsets, items, n, first), np.minimum(whole, first))


@pytest.mark.parametrize("hashing_key", [15_485_863, 2**62 + 12_345])
@pytest.mark.parametrize(("seeding", "width"), [("lefthash", 1), ("selfhash", 1), ("selfhash", 4)])
def test_green_lists_equal_those_of_transformers(seeding, width, hashing_key):
    torch = pytest.importorskip("torch")
    processors = pytest.importorskip("transformers.generation.logits_process")
    torch.set_num_threads(1)
    gamma, vocabulary = 0.25, 1000
    processor = processors.WatermarkLogitsProcessor(vocabulary, "cpu", gamma, 2.0, hashing_key, seeding, width)
    key = _key(key=hashing_key, seeding=seeding, context_width=width, vocabulary=vocabulary, gamma=gamma)
    rng = np.random.default_rng(2)
    context = rng.integers(0, vocabulary, 6)
    for target in rng.integers(0, vocabulary, 60):
        text = np.append(context, target)
        seen = torch.tensor(text if seeding == "selfhash" else context)
        green = bool((processor._get_greenlist_ids(seen) == int(target)).any())
        width_read = width if seeding == "selfhash" else 2
        assert _one(text[-width_read:], key)[0].green == green


def test_seeds_equal_the_formulas_of_lm_watermarking():
    torch = pytest.importorskip("torch")
    table = torch.randperm(1_000_003, generator=torch.Generator().manual_seed(2_971_215_073))
    secret, vocabulary, gamma = 15_485_863, 500, 0.5

    def hashed(tokens):
        return table[tokens % 1_000_003] + 1

    def seed(seeding, window):
        if seeding == "lm-minhash":
            return hashed(secret * window[:-1]).min().item()
        return (secret * hashed(window) * hashed(window[-1])).min().item()

    text = torch.tensor(np.random.default_rng(3).integers(0, vocabulary, 80))
    for seeding, width in (("lm-selfhash", 4), ("lm-minhash", 3)):
        windows = text.unfold(0, width + (seeding == "lm-minhash"), 1)
        green, pairs = set(), set()
        for window in windows:
            of_window = seed(seeding, window) % (2**64 - 1)
            list_of_window = torch.randperm(vocabulary, generator=torch.Generator().manual_seed(of_window))
            pair = (of_window & 0xFFFF_FFFF, window[-1].item())
            pairs.add(pair)
            if window[-1] in list_of_window[: int(vocabulary * gamma)]:
                green.add(pair)
        key = _key(key=secret, vocabulary=vocabulary, gamma=gamma, seeding=seeding, context_width=width)
        test = _one(text.numpy(), key)[0]
        assert (test.green, test.tested) == (len(green), len(pairs))


def test_z_of_four_is_a_chance_of_three_in_a_hundred_thousand():
    assert abs(LEVEL / norm.sf(4) - 1) < 1e-3
    assert pytest.approx(3.2e-5, rel=0.02) == LEVEL
    # gamma 1/4: T = 1200 makes the standard deviation 15, so 360 green tokens are z = 4 exactly.
    assert (360 - 0.25 * 1200) / np.sqrt(1200 * 0.25 * 0.75) == 4
    assert green_list_p_value(360, 1200, 0.25) == pytest.approx(binom.sf(359, 1200, 0.25), rel=1e-10)
    # The binomial comes close to the normal tail only slowly: at 1200 tokens the normal p is too small by a quarter.
    assert green_list_p_value(360, 1200, 0.25) > 1.25 * norm.sf(4)
    trials = 4_800_000_000
    count = int(trials / 4 + 4 * np.sqrt(trials * 0.1875))
    assert green_list_p_value(count, trials, 0.25) == pytest.approx(norm.sf(4), rel=2e-3)


def test_z_and_p_follow_the_published_formula():
    test = _one(np.random.default_rng(4).integers(0, 1000, 400), _key())[0]
    assert test.z == (test.green - 0.25 * test.tested) / np.sqrt(test.tested * 0.25 * 0.75)
    assert test.p_value == pytest.approx(binom.sf(test.green - 1, test.tested, 0.25), rel=1e-9)


def test_the_share_is_that_of_whole_tokens():
    """Of 7 tokens, gamma 0.25 makes one green: the chance is 1/7, not 1/4."""
    tests = [_one(np.arange(7), _key(vocabulary=7, key=key))[0] for key in range(1, 400)]
    drawn = sum(test.green for test in tests) / sum(test.tested for test in tests)
    assert drawn == pytest.approx(1 / 7, abs=0.03)  # 4 standard deviations of 2394 draws: false alarm 6e-5
    assert tests[0].p_value == pytest.approx(binom.sf(tests[0].green - 1, 6, 1 / 7))


def test_repeats_are_left_out():
    phrase = np.random.default_rng(5).integers(0, 1000, 30)
    once, often = _one(phrase, _key())[0], _one(np.tile(phrase, 40), _key())[0]
    assert often.tested == once.tested + 1  # the seam
    assert often.repeated == 40 * 30 - 1 - often.tested
    assert often.green - once.green in {0, 1}


def test_p_values_are_not_too_small_on_repetitive_text_over_keys():
    """Over keys drawn blindly P(p <= a) <= a; three exact binomial tests at 1e-4 each: false alarm 3e-4.

    The same text counted with its repeats is "significant" for a third of the keys.
    """
    rng = np.random.default_rng(6)
    text = np.concatenate([np.tile(rng.integers(0, 1000, 12), 20), rng.integers(0, 1000, 60)])
    keys = rng.integers(1, 2**62, 400).tolist()
    found = np.array([_one(text, _key(key=key))[0].p_value for key in keys])
    for level in (0.01, 0.05, 0.2):
        assert binom.sf((found <= level).sum() - 1, len(keys), level) > 1e-4
    # Not merely too large either: the distribution is discrete, but half of it lies below 0.6.
    assert binom.cdf((found <= 0.6).sum(), len(keys), 0.5) > 1e-4

    def counted_with_repeats(key):
        pairs = np.stack([text[:-1], text[1:]], axis=1)
        green = [_one(pair, _key(key=key))[0].green for pair in np.unique(pairs, axis=0)]
        every = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
        return green_list_p_value(int(np.array(green)[every].sum()), len(pairs), 0.25)

    naive = np.array([counted_with_repeats(key) for key in keys[:60]])
    assert (naive <= 0.01).mean() > 0.15


def test_tokens_after_one_seed_are_drawn_without_replacement_and_the_binomial_bounds_them():
    """Hoeffding 1956: from one above the mean on, the hypergeometric tail is below the binomial one."""
    for tested in (5, 40, 200, 400):
        counts = np.arange(int(0.25 * tested) + 2, tested + 1)
        exact = hypergeom.sf(counts - 1, 1000, 250, tested)
        assert (exact <= binom.sf(counts - 1, tested, 0.25) + 1e-15).all()
    same_seed = np.stack([np.full(900, 3), np.random.default_rng(7).permutation(1000)[:900]], axis=1).reshape(-1)
    test = _one(same_seed, _key())[0]
    # The 900 tokens after token 3 hold between 150 and 250 of its 250 green ones.
    assert 150 <= test.green - _expected_of_the_rest(same_seed) <= 250


def _expected_of_the_rest(tokens):
    others = [(a, b) for a, b in itertools.pairwise(tokens.tolist()) if a != 3]
    return sum(_one(pair, _key())[0].green for pair in others)


def test_documents_are_tested_together_as_alone():
    rng = np.random.default_rng(8)
    documents = [rng.integers(0, 1000, length) for length in (0, 1, 2, 50, 3, 200)]
    for key in (_key(), _key(seeding="selfhash", context_width=3), _key(seeding="lm-minhash", context_width=2)):
        together = green_list_tests(documents, key)
        assert together == [_one(document, key) for document in documents]
        least = {"lefthash": 2, "selfhash": 3, "lm-minhash": 3}[key.seeding]
        assert [one is None for one in together] == [len(document) < least for document in documents]
    assert green_list_tests([], _key()) == []


def test_long_documents_are_sampled():
    test = _one(np.random.default_rng(9).integers(0, 1000, 3 * MOST_PAIRS), _key())[0]
    assert test.tested == MOST_PAIRS
    assert test.repeated < MOST_PAIRS


def test_seeds_that_the_generator_confuses_count_once():
    """On the CPU a seed is cut to 32 bits: with the key 2^32 every token has one green list, and pairs repeat."""
    test = _one([1, 5, 2, 5, 3, 5], _key(key=2**32))[0]
    assert (test.tested, test.repeated) == (3, 2)


def test_the_usual_shares_are_tried_beside_the_key_s_own():
    assert tried_gammas(_key(gamma=0.1)) == (0.1, 0.25, 0.5)
    assert tried_gammas(_key(gamma=0.5)) == (0.5, 0.25)
