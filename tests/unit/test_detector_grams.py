"""Hashed n-grams against counting in plain Python and scikit-learn's TF-IDF."""

from collections import Counter

import numpy as np
import pytest

from headwater.origin.detector.grams import (
    GramSpec,
    gram_scores,
    hashed_counts,
    inverse_document_frequency,
    weighted,
)
from headwater.origin.detector.normalise import Normalised, normalise
from headwater.origin.detector.tokens import Tokens, tokenise

TEXTS = [
    "The river rose, and the river fell; nobody saw it in 1987.",
    "Nobody saw the boat. The boat was gone!",
    "",
    "Boat",
    "the the the the",
    "Été à la mer – c'est la mer, toujours la mer… 12 fois.",
]
SPECS = [
    GramSpec(),
    GramSpec(words=(2,), bits=12),
    GramSpec(words=(), characters=(3, 4), bits=20),
    GramSpec(words=(1, 3), characters=(2, 8), shapes=(1, 2), bits=8),
]


@pytest.fixture
def texts() -> tuple[Normalised, Tokens]:
    normalised = normalise(TEXTS)
    return normalised, tokenise(normalised)


def slow_grams(normalised: Normalised, tokens: Tokens, spec: GramSpec, row: int) -> Counter[tuple[object, ...]]:
    grams: Counter[tuple[object, ...]] = Counter()
    hashes = tokens.hashes[tokens.offsets[row] : tokens.offsets[row + 1]].tolist()
    for n in spec.words:
        grams.update(("word", *hashes[k : k + n]) for k in range(len(hashes) - n + 1))
    text = normalised.data[normalised.offsets[row] : normalised.offsets[row + 1]].tobytes()
    small = bytes(48 if 48 <= c <= 57 else c for c in text.lower())
    for n in spec.characters:
        grams.update(("char", small[k : k + n]) for k in range(len(small) - n + 1))
    return grams


@pytest.mark.parametrize("spec", [GramSpec(bits=26), GramSpec(words=(), characters=(1, 3, 8), bits=26),
                                  GramSpec(words=(2,), characters=(4,), bits=26)])  # fmt: skip
def test_counts_are_those_of_plain_python(spec: GramSpec, texts: tuple[Normalised, Tokens]) -> None:
    """At 2^26 columns a few hundred n-grams meet with probability below 1e-3; this seedless hash has no such pair."""
    counts = hashed_counts(*texts, spec)
    for row in range(len(TEXTS)):
        wanted = slow_grams(*texts, spec, row)
        got = counts.data[counts.indptr[row] : counts.indptr[row + 1]]
        assert sorted(got.tolist()) == sorted(wanted.values())
    # One n-gram has one column in all texts: as many columns as n-grams.
    every = set().union(*(slow_grams(*texts, spec, row) for row in range(len(TEXTS))))
    assert len(np.unique(counts.indices)) == len(every)


@pytest.mark.parametrize("spec", SPECS)
def test_matrix_is_canonical(spec: GramSpec, texts: tuple[Normalised, Tokens]) -> None:
    counts = hashed_counts(*texts, spec)
    assert counts.shape == (len(TEXTS), 2**spec.bits)
    assert counts.dtype == np.float32
    assert counts.has_canonical_format
    assert counts[[2]].nnz == 0


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("sublinear", [False, True])
@pytest.mark.parametrize("l2", [False, True])
@pytest.mark.parametrize("with_idf", [False, True])
def test_scores_are_those_of_the_matrix(
    spec: GramSpec, sublinear: bool, l2: bool, with_idf: bool, texts: tuple[Normalised, Tokens]
) -> None:
    rng = np.random.default_rng(3)
    weights = rng.standard_normal((spec.columns, 2)).astype(np.float32)
    counts = hashed_counts(*texts, spec)
    idf = inverse_document_frequency(counts) if with_idf else None
    wanted = weighted(counts, idf=idf, sublinear=sublinear, l2=l2) @ weights
    got = gram_scores(*texts, spec, weights, idf=idf, sublinear=sublinear, l2=l2)
    assert got.shape == (len(TEXTS), 2)
    np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("sublinear", [False, True])
def test_weights_are_those_of_scikit_learn(sublinear: bool, texts: tuple[Normalised, Tokens]) -> None:
    from sklearn.feature_extraction.text import TfidfTransformer

    counts = hashed_counts(*texts, GramSpec(bits=10))
    oracle = TfidfTransformer(sublinear_tf=sublinear).fit(counts)
    idf = inverse_document_frequency(counts)
    np.testing.assert_allclose(idf, oracle.idf_, rtol=1e-6)
    mine = weighted(counts, idf=idf, sublinear=sublinear)
    np.testing.assert_allclose(mine.toarray(), oracle.transform(counts).toarray(), rtol=1e-5)


def test_order_of_words_and_length_of_the_gram_matter() -> None:
    normalised = normalise(["a b", "b a", "ab"])
    counts = hashed_counts(normalised, tokenise(normalised), GramSpec(words=(2,), characters=(2,)))
    rows = [set(counts.indices[counts.indptr[row] : counts.indptr[row + 1]].tolist()) for row in range(3)]
    assert len(rows[0] & rows[1]) == 0
    assert not rows[2] & (rows[0] | rows[1])


def test_shapes_forget_the_topic_and_keep_the_construction() -> None:
    normalised = normalise(["The boat was quickly sailing.", "The song was slowly fading.", "A boat quickly sails."])
    counts = hashed_counts(normalised, tokenise(normalised), GramSpec(words=(), shapes=(1, 2, 3))).toarray()
    np.testing.assert_array_equal(counts[0], counts[1])
    assert (counts[0] != counts[2]).any()


def test_a_text_longer_than_the_first_table() -> None:
    """Scratch tables grow and are clean for the next text."""
    rng = np.random.default_rng(0)
    long = " ".join(f"{a}{b}" for a, b in rng.integers(97, 123, (5000, 2)).astype(np.uint8).view("S1").astype("U1"))
    normalised = normalise(["one two", long, "one two"], most_words=10_000)
    counts = hashed_counts(normalised, tokenise(normalised), GramSpec(bits=16))
    assert counts[[1]].sum() == 5000 + 4999 + 4998
    assert (counts[[0]] != counts[[2]]).nnz == 0


@pytest.mark.parametrize("wrong", [{"bits": 7}, {"bits": 27}, {"words": (0,)}, {"characters": (9,)}])
def test_impossible_grams_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        GramSpec(**wrong)  # type: ignore[arg-type]
