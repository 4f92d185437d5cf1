"""Measures of a vocabulary's use, and the code length that does not depend on it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.measure import bits_per_byte, distinct_n, rare_recall, rare_types, support
from headwater.models import NgramLearner
from headwater.schema import documents
from headwater.text import Vocabulary, encode_table, split_words, token_arrays

token_lists = st.lists(st.lists(st.integers(0, 6), max_size=12), max_size=6)


def _flat(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    tokens = np.array([token for row in rows for token in row], np.int32)
    return tokens, np.cumsum([0, *map(len, rows)])


def test_support_counts_types_from_an_id_on() -> None:
    tokens = np.array([0, 0, 2, 5, 5, 5], np.int32)
    assert support(tokens, 8) == 3
    assert support(tokens, 8, first=2) == 2
    assert support(tokens, 8, first=6) == 0
    assert support(np.zeros(0, np.int32), 8) == 0


def test_rare_types_occur_at_least_once_and_at_most_so_often() -> None:
    tokens = np.repeat([1, 2, 3, 4, 6], [1, 2, 3, 4, 1])
    assert rare_types(tokens, 8).tolist() == [1, 2, 3, 6]
    assert rare_types(tokens, 8, most=1).tolist() == [1, 6]
    assert rare_types(tokens, 8, first=2).tolist() == [2, 3, 6]


def test_rare_recall_is_the_share_still_there() -> None:
    rare = np.array([1, 2, 3, 6])
    assert rare_recall(np.array([6, 6, 1, 0]), rare, 8) == 0.5
    assert rare_recall(np.zeros(0, np.int64), rare, 8) == 0.0
    assert rare_recall(np.array([0]), np.zeros(0, np.int64), 8) == 1.0


def test_distinct_pairs_by_hand() -> None:
    # Pairs within documents: 12 21 12 | 12 | none.
    tokens, offsets = _flat([[1, 2, 1, 2], [1, 2], [2]])
    assert distinct_n(tokens, offsets) == 2 / 4
    assert distinct_n(tokens, offsets, 1) == 2 / 7
    assert distinct_n(tokens, offsets, 3) == 2 / 2
    assert distinct_n(tokens, offsets, 5) == 0.0
    assert distinct_n(*_flat([]), 2) == 0.0
    assert distinct_n(*_flat([[1], [2]]), 2) == 0.0


@given(token_lists, st.integers(1, 5))
def test_distinct_n_is_that_of_a_set(rows: list[list[int]], n: int) -> None:
    grams = [tuple(row[i : i + n]) for row in rows for i in range(len(row) - n + 1)]
    expected = len(set(grams)) / len(grams) if grams else 0.0
    assert distinct_n(*_flat(rows), n) == expected


def test_long_sequences_over_a_large_vocabulary_do_not_overflow() -> None:
    """With 2^16 types the first of five tokens would be shifted out of 64 bits."""
    rows = [[first, 7, 8, 9, 2**16 - 1] for first in range(1000)]
    assert distinct_n(*_flat(rows), 5) == 1.0


@given(token_lists)
def test_measures_stay_in_their_ranges(rows: list[list[int]]) -> None:
    tokens, offsets = _flat(rows)
    rare = rare_types(tokens, 7)
    assert 0 <= support(tokens, 7) <= 7
    assert len(rare) <= support(tokens, 7)
    assert rare_recall(tokens, rare, 7) == 1.0  # a text holds all of its own rare types
    assert 0.0 <= distinct_n(tokens, offsets, 2) <= 1.0


@given(token_lists, token_lists)
def test_more_text_never_loses_a_type(rows: list[list[int]], more: list[list[int]]) -> None:
    (small, _), (large, _) = _flat(rows), _flat([*rows, *more])
    assert support(large, 7) >= support(small, 7)
    rare = np.array([0, 3, 5])
    assert rare_recall(large, rare, 7) >= rare_recall(small, rare, 7)


# Bits per byte.


def test_bits_per_byte_by_hand() -> None:
    nats, spelling = np.array([8.0, 4.0]) * math.log(2), np.array([0.0, 6.0]) * math.log(2)
    assert bits_per_byte(nats, spelling, np.array([4, 5])) == pytest.approx(18 / 9)
    assert math.isnan(bits_per_byte(np.zeros(0), np.zeros(0), np.zeros(0, np.int64)))


def test_a_closed_vocabulary_does_not_win_by_knowing_fewer_words(documentation) -> None:
    """Nats per word fall as the vocabulary shrinks, because unknown words are free; bits per byte do not."""
    texts = documentation["text"].to_pylist()
    train, panel = texts[:400], texts[400:]
    nats, bits = [], []
    for min_count in (1, 2, 20):
        vocabulary = Vocabulary.from_texts(train, min_count)
        model = NgramLearner(vocabulary, order=2).fit(
            encode_table(documents(train), vocabulary), np.random.default_rng(0)
        )
        encoded = encode_table(documents(panel), vocabulary)
        losses = model.loss(encoded)
        nats.append(losses.mean)
        bits.append(bits_per_byte(losses.nats, encoded["spelling_nats"].to_numpy(), encoded["coded_bytes"].to_numpy()))
    assert nats[0] > nats[1] > nats[2]
    assert bits[2] > bits[1]


def test_coded_bytes_are_the_words_and_a_separator_each() -> None:
    vocabulary = Vocabulary.from_texts(["über uns"], 1)
    encoded = encode_table(documents(["Über uns, neu", ""]), vocabulary)
    words = split_words("Über uns, neu")
    assert encoded["coded_bytes"].to_pylist() == [sum(len(word.encode()) + 1 for word in words), 0]
    assert token_arrays(encoded, vocabulary)[1].tolist() == [0, 4, 4]
