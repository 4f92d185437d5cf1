"""MinHash values behave as theory says, and stay what they are."""

import hashlib
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from headwater.text.signatures import band_keys, minhash, sketch_similarity, sketches, text_hashes


def _pairs(rng: np.random.Generator, pairs: int, union: int, common: int) -> tuple[pa.Array, pa.Array]:
    """Return pairs of texts of random words that have ``common`` of their ``union`` words in common."""
    letters = np.array(list("bcdfghjklmnpqrvw"))
    first, second = [], []
    for _ in range(pairs):
        words = ["".join(letters[rng.integers(0, 16, 14)]) for _ in range(union)]
        middle = common + (union - common) // 2
        first.append(" ".join(words[:middle]))
        second.append(" ".join(words[:common] + words[middle:]))
    return pa.array(first), pa.array(second)


@pytest.mark.parametrize(("union", "common"), [(5, 4), (20, 14), (100, 70), (100, 90)])
def test_agreement_is_the_jaccard_index(union: int, common: int) -> None:
    pairs, s = 1500, common / union
    a, b = (minhash(texts, shingle=1) for texts in _pairs(np.random.default_rng(union + common), pairs, union, common))
    equal = (a.values == b.values).mean(axis=1)
    # Mean: 4.5 sd, false alarm 7e-6. Variance of 112 independent tosses: chi-square of 1,500, 5 sd are 0.18.
    sd = np.sqrt(s * (1 - s) / 112)
    assert abs(equal.mean() - s) < 4.5 * sd / np.sqrt(pairs)
    assert abs(equal.var() / sd**2 - 1) < 0.19
    # A pair shares one of 14 bands of 8 values with probability 1 - (1 - s^8)^14: 4.5 sd again.
    share = 1 - (1 - s**8) ** 14
    found = (band_keys(a, 14) == band_keys(b, 14)).any(axis=1).mean()
    assert abs(found - share) < 4.5 * np.sqrt(share * (1 - share) / pairs)
    # The sketch adds 1 in 256 of chance, which is taken off again; its own spread is a little larger.
    assert abs(sketch_similarity(sketches(a), sketches(b)).mean() - s) < 4.6 * sd / np.sqrt(pairs)


def test_unlike_texts_agree_by_chance_only() -> None:
    a, b = (minhash(texts, shingle=1) for texts in _pairs(np.random.default_rng(2), 500, 40, 0))
    assert not (a.values == b.values).any()  # 56,000 values of 32 bits: 1.3e-5
    equal = (sketches(a) == sketches(b)).mean()
    assert abs(equal - 1 / 256) < 4.5 * np.sqrt(1 / 256 / 56_000)


def test_an_unlike_pair_of_one_sequence_shares_nothing() -> None:
    # Texts of five words have one sequence: with 32-bit sequences a million such texts would have 116 false pairs.
    rng = np.random.default_rng(0)
    letters = np.array(list("bcdfghjklmnpqrvw"))
    texts = [" ".join("".join(letters[rng.integers(0, 16, 8)]) for _ in range(5)) for _ in range(3000)]
    values = minhash(pa.array(texts)).values
    assert (np.sort(values, axis=0)[1:] == np.sort(values, axis=0)[:-1]).sum() < 112 * 0.2  # expected 0.001 each


def test_order_case_and_marks() -> None:
    texts = pa.array([
        "The quick brown fox jumps over the lazy dog",
        "the QUICK, brown fóx... jumps over the lazy dog!",
        "jumps over the lazy dog the quick brown fox",
        "The quick brown fox",
        "The quick brown fox jumps",
        None,
    ])  # fmt: skip
    found = minhash(texts)
    assert found.shingles.tolist() == [5, 5, 5, 0, 1, 0]
    assert found.words.tolist() == [9, 9, 9, 4, 5, 0]
    assert (found.values[0] == found.values[1]).all()
    assert (found.words_hash[0] == found.words_hash[1]).all()
    assert (found.words_hash[0] != found.words_hash[2]).all()
    # One of nine distinct sequences is common: 0.11, and 0.3 is more than 6 sd above.
    assert 0 < (found.values[0] == found.values[2]).mean() < 0.3
    assert (found.values[[3, 5]] == 2**32 - 1).all()


def test_repeated_sequences_count_once() -> None:
    found = minhash(pa.array(["a b c d e", "a b c d e " * 40, "a b c d e a b c d"]))
    assert found.shingles.tolist() == [1, 196, 5]
    assert (found.values[1] == found.values[2]).all()


def test_minima_are_those_of_every_sequence_alone() -> None:
    words = [f"w{chr(97 + i)}" for i in range(26)]
    for count in (5, 6, 7, 26):
        alone = minhash(pa.array([" ".join(words[i : i + 5]) for i in range(count - 4)]))
        assert (minhash(pa.array([" ".join(words[:count])])).values[0] == alone.values.min(axis=0)).all()


def test_seeds_have_nothing_in_common() -> None:
    text = pa.array(["one two three four five six seven eight nine ten"])
    values = [minhash(text, seed=seed).values for seed in (1, 2, 3)]
    assert all((a != b).all() for a, b in pairwise(values))
    assert (minhash(text, seed=1).values == values[0]).all()


def test_hashes_of_texts_are_of_their_bytes() -> None:
    found = text_hashes(pa.array(["abc", None, "", "abd", "abc"]))
    assert found[0, 0] == 0x44BC2CF5AD770999  # XXH64 of the three bytes, seed 0
    assert found[1, 0] == 0xEF46DB3751D8E999
    assert (found[1] == found[2]).all()
    assert (found[0] == found[4]).all()
    assert (found[0] != found[3]).all()


def test_values_are_those_of_version_1() -> None:
    # Signatures are kept in files: when this changes, the version of the operator has to.
    texts = pa.array(["Signatures of texts are kept in files, and compared with those of later days.", "naïve £5"])
    found = minhash(texts, shingle=2)
    data = found.values.tobytes() + band_keys(found, 14).tobytes() + sketches(found).tobytes()
    assert hashlib.sha256(data + found.words_hash.tobytes()).hexdigest()[:16] == "ecf5d37d5dccfc1b"
