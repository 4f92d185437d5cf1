"""Measures of style: values worked out by hand, and what they must not depend on."""

import numpy as np
import pytest

from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.style import STYLE, style, warm
from headwater.origin.detector.tokens import tokenise


def measure(text: str) -> dict[str, float]:
    texts = normalise([text], most_words=10_000)
    return dict(zip(STYLE, style(texts, tokenise(texts))[0].tolist(), strict=True))


def test_names_are_distinct() -> None:
    assert len(set(STYLE)) == len(STYLE)
    assert 200 <= len(STYLE) <= 400


TEXT = 'The cat sat, and it ran. However, Dr. Lee said "no"! I don\'t know who saw the cat.'
# 18 words: The cat sat and it ran | However Dr Lee said no | I don't know who saw the cat -> 6, 5 and 7 words.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("word_the", 2 / 18),
        ("word_and", 1 / 18),
        ("word_said", 1 / 18),
        ("class_article", 2 / 18),
        ("class_first_person", 1 / 18),
        ("class_connective", 1 / 18),
        ("class_negation", 2 / 18),
        ("mark_comma", 2 / 18),
        ("mark_full_stop", 3 / 18),
        ("mark_quote", 2 / 18),
        ("mark_exclamation", 1 / 18),
        ("mark_dash", 0),
        ("contraction", 1 / 18),
        ("possessive", 0),
        ("capitalised_inside", 2 / 18),  # Dr, Lee; I is a pronoun
        ("comma_and", 1 / 18),
        ("sentence_mean", 6),
        ("sentence_sd", 1),
        ("sentence_median", 6),
        ("sentence_q25", 5.5),
        ("sentence_up_to_5", 1 / 3),
        ("sentence_step", 1.5 / 6),
        ("sentence_rhythm", -0.5),
        ("ends_exclamation", 1 / 3),
        ("commas_mean", 2 / 3),
        ("no_comma", 1 / 3),
        ("start_the", 1 / 3),
        ("start_connective", 1 / 3),
        ("start_first_person", 1 / 3),
        ("start_comma_soon", 2 / 3),
        ("word_length_3", 10 / 18),
        ("word_length_1", 1 / 18),
        # the twice and cat twice of 18 words: 4 of 18 * 17 ordered pairs
        ("repeat_words", 1000 * 4 / (18 * 17)),
        ("variety_25", 16 / 18),
        ("hapax_100", 14 / 18),
        # "the cat" is one of two pairs that come twice: 2 of 17 * 16
        ("repeat_pairs", 1e5 * 2 / (17 * 16)),
        ("repeated_pairs_100", 1 / 17),
        ("small_i", 0),
        ("unclosed_quote", 0),
    ],
)
def test_measures_are_those_worked_out_by_hand(name: str, value: float) -> None:
    assert measure(TEXT)[name] == pytest.approx(value, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("i saw it and i ran.", "small_i"),
        ("One,two and three.", "no_blank_after_comma"),
        ("It was sooo good.", "long_letters"),
        ("It was was good.", "doubled_word"),
        ("He left early. then came back.", "small_after_stop"),
        ("It works, making it (so", "unclosed_bracket"),
        ("It works, making it so.", "comma_ing"),
        ("Red, green, and blue.", "triple"),
        ("Things such as boats.", "such_as"),
        ("Fast as well as safe.", "as_well_as"),
        ("Not only that.", "not_only"),
        ("It is said.", "it_is"),
        ("There are boats.", "there_is"),
        ("By sailing.", "by_ing"),
        ("Sadly, no.", "adverb_comma"),
        ("A state-of-the-art boat.", "hyphenated"),
        ("Is it? Yes.", "ends_question"),
        ("The U.S. won 12 races.", "number"),
        ("Happiness and kindness.", "suffix_ness"),
        ("Слово 漢", "foreign"),
    ],
)
def test_each_sign_is_seen_where_it_is(text: str, name: str) -> None:
    assert measure(text)[name] > 0
    assert measure("The old boat sailed home.")[name] == 0


def test_sentences_end_where_they_should() -> None:
    """Initials, abbreviations before a small letter and decimals end none; the cut-off rest of a text is left out."""
    assert measure("J. K. Mills came. He paid 3.50 e.g. for tea.")["sentence_mean"] == pytest.approx((4 + 7) / 2)
    assert measure("One two three. Four five")["sentence_mean"] == 3
    assert measure("no end here")["sentence_mean"] == 3


def test_repeating_a_text_changes_no_measure_but_those_of_repetition() -> None:
    """Rates and sentence measures do not grow with length."""
    once, thrice = measure(TEXT), measure(" ".join([TEXT] * 3))
    rates = [
        name for name in STYLE if name.startswith(("word_", "mark_", "class_", "suffix_", "start_")) or "comma" in name
    ]
    for name in set(rates) - {"start_same"}:
        assert thrice[name] == pytest.approx(once[name], rel=1e-4, abs=1e-4), name
    assert thrice["repeat_triples"] > once["repeat_triples"]


def test_pair_measures_do_not_drift_with_length() -> None:
    """On words drawn from one distribution, 60 or 600 of them: same mean within six standard errors (p < 1e-8)."""
    rng = np.random.default_rng(5)
    vocabulary = np.array([chr(97 + a) + chr(97 + b) + "x" for a in range(20) for b in range(20)])
    weights = 1 / np.arange(1, 401)
    means, errors = [], []
    for size in (60, 600):
        texts = normalise(
            [" ".join(rng.choice(vocabulary, size, p=weights / weights.sum())) for _ in range(200)], most_words=1000
        )
        values = style(texts, tokenise(texts))[:, STYLE.index("repeat_words")]
        means.append(values.mean())
        errors.append(values.std() / np.sqrt(200))
    assert abs(means[0] - means[1]) < 6 * np.hypot(*errors)


@pytest.mark.parametrize(
    "text",
    ["", "a", "!", "...", "x" * 5000, "def f(x):\n    return {1: [x]}", "| 1 | 2 |\n| 3 | 4 |", "漢字かな交じり文。" * 50,
     "12 13 14", "\u0301\u0301", "😀" * 300, '"' * 99, "a. " * 500, "А. Б. В."],
)  # fmt: skip
def test_values_are_finite_for_any_text(text: str) -> None:
    assert np.isfinite(list(measure(text).values())).all()


def test_texts_do_not_depend_on_their_neighbours() -> None:
    texts = [TEXT, "", "One. Two two. Three three three.", "word " * 900, "Мир", TEXT.upper()]
    whole = normalise(texts)
    together = style(whole, tokenise(whole))
    for row, text in enumerate(texts):
        alone = normalise([text])
        np.testing.assert_array_equal(style(alone, tokenise(alone))[0], together[row])


def test_warming_runs_every_kernel() -> None:
    warm()
