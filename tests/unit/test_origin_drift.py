"""Words in excess of older text."""

import numpy as np
import pytest

from headwater.origin.drift import EMPTY, LEAST_DOCUMENTS, MOST_WORDS, SAMPLE, drift, word_table

_WORDS = np.array([f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "klmnrst"], dtype="<U8")


def _texts(rng, documents, added=None, words=130):
    """Return texts of common words; ``added`` maps a word to the share of documents it is put into."""
    weights = 1.0 / np.arange(1, len(_WORDS) + 1)
    drawn = rng.choice(_WORDS, size=(documents, words), p=weights / weights.sum())
    for word, share in (added or {}).items():
        chosen = rng.random(documents) < share
        drawn[chosen, rng.integers(0, 90, chosen.sum())] = word
    return [" ".join(row) for row in drawn]


def test_words_put_into_documents_are_found_and_bounded():
    """Two words are each put into the same and other documents: 30 % of documents have at least one of them."""
    rng = np.random.default_rng(0)
    before = word_table(_texts(rng, 3000))
    now = _texts(rng, 2100) + _texts(rng, 450, {"zuvox": 1.0}) + _texts(rng, 450, {"quivel": 1.0})
    found = drift(word_table(now), [before], "2021")
    assert found.since == "2021"
    assert {word for word, _, _ in found.words[:2]} == {"zuvox", "quivel"}
    _, share, expected = found.words[0]
    assert (share, expected) == pytest.approx((0.15, 0.0), abs=0.03)  # half of 3000 documents: error .009
    assert 0.25 < found.low <= 0.30  # joined: either word alone bounds 15 %


def test_the_bound_is_rarely_violated_where_nothing_changed():
    """95 % bounds of 30 pairs of periods from one source: 6 or more above 0 have chance .003."""
    rng = np.random.default_rng(1)
    violated = 0
    for _ in range(30):
        one, other = (word_table(_texts(rng, 500)) for _ in range(2))
        violated += drift(one, [other], "before").low > 0
    assert violated < 6


def test_longer_documents_are_no_change_of_wording():
    rng = np.random.default_rng(2)
    found = drift(word_table(_texts(rng, 2000, words=400)), [word_table(_texts(rng, 2000, words=105))], "before")
    assert found.low < 0.02


def test_a_word_that_was_rising_is_expected_to_go_on():
    rng = np.random.default_rng(3)
    first, second, now = (word_table(_texts(rng, 4000, {"zuvox": share})) for share in (0.1, 0.2, 0.3))
    assert drift(now, [second], "second").low > 0.05
    assert drift(now, [first, second], "second").low < 0.02
    falling = drift(now, [second, first], "first")
    assert falling.words[0][2] == pytest.approx(0.1, abs=0.03)  # never below the last period


def test_parts_add_up_to_the_whole():
    rng = np.random.default_rng(4)
    texts = _texts(rng, 900)
    whole = word_table(texts)
    assert sum(whole.documents) == 900
    assert word_table(texts[:300]) + word_table(texts[300:]) == whole
    assert (word_table(texts[:300]) + word_table(texts[300:500])) + word_table(texts[500:]) == whole
    assert EMPTY + whole == whole
    assert word_table(texts[::-1]) == whole


def test_tables_are_bounded():
    texts = [" ".join(f"w{'abcdefghij'[i % 10]}{chr(97 + j % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}"
                      for j in range(120)) for i in range(2 * SAMPLE + 2000)]  # fmt: skip
    table = word_table(texts)
    assert all(len(half) <= SAMPLE for half in table.sample)
    assert all(len(half) <= MOST_WORDS for half in table.words)


def test_too_little_text_says_nothing():
    rng = np.random.default_rng(5)
    many, few = word_table(_texts(rng, 1000)), word_table(_texts(rng, LEAST_DOCUMENTS))
    assert drift(few, [many], "before") is None
    assert drift(many, [few], "before") is None
    assert drift(many, [], "before") is None
    assert sum(word_table([None, "", "a few words only", "x" * 100_000]).documents) == 0
