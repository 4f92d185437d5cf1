"""Artefacts: each is seen where it is, not elsewhere, and compared between series."""

import numpy as np
import pyarrow as pa
import pytest

from headwater.origin.artefacts import (
    ARTEFACTS,
    artefact_flags,
    artefact_report,
    shared_texts,
    texts_in_several,
    two_proportions,
)
from headwater.text.overlap import stable_hash

CLEAN = "The boats came in at dawn. " * 15  # 90 words


def found(text: str) -> set[str]:
    return {name for name, flag in zip(ARTEFACTS, artefact_flags([text])[0], strict=True) if flag}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("It was inthe boat.", "words glued together"),
        ("Then:\\nNext", "line breaks as characters"),
        ("It ended.nnThen more.", "line breaks as characters"),
        ("It ended there.Then more.", "sentences glued together"),
        ("cafÃ© dâ€™or", "encoding damage"),
        ("it\x92s", "encoding damage"),
        ("lost \ufffd sign", "encoding damage"),
        ("one<br>two", "HTML"),
        ("R&amp;D", "HTML"),
        ("# Title\nText", "markdown"),
        ("Some **bold** text", "markdown"),
        ("[a](b)", "markdown"),
        ("\n- item", "markdown"),
        ("a line that\ngoes on and\non like this", "hard line breaks"),
        ("an exam-\nple", "hyphens at line ends"),
        ("Well , it is . So", "blanks before punctuation"),
        ("Sure! Here is the text:\n\nBoats.", "prompt or answer frame"),
        ("### Response\nBoats.", "prompt or answer frame"),
        ("in\u200bvisible", "invisible characters"),
        ("word " * 251, "more than 250 words"),
        ("word", "fewer than 50 words"),
    ],
)
def test_each_artefact_is_seen(text: str, name: str) -> None:
    assert name in found(text)


@pytest.mark.parametrize(
    "text",
    [
        CLEAN,
        CLEAN + "Mr. Smith paid $3.50 (or so) at J.R.R.Inn for 'tea' - e.g. at www.a.example.",
        CLEAN + "If a < b and c > d then R & D \\nabla f* is 5 * 3.\n\nA new paragraph. Naïve café déjà vu – “so”…",
        CLEAN + "The theme of the thesis: understand thousands of islands, thereof, whichever.",
        "漢字かな交じり文 " * 60,
    ],
)
def test_clean_text_has_none(text: str) -> None:
    assert found(text) == set()


def test_glued_words_are_known_by_the_words_of_the_batch() -> None:
    common = "a model and a theory of models: the model fits the theory, the model fails the theory. " * 3
    texts = [common, "themodel", "modelwhich", "theremodel", "thetheory", "themodels-x", "therapist", "thezebra"]
    assert artefact_flags(texts)[:, 0].tolist() == [False, True, True, False, True, False, False, False]
    # A word that is as frequent as its part is a word.
    assert not artefact_flags([common + "themodel " * 5])[0, 0]


def test_nulls_empty_texts_and_arrow() -> None:
    texts = ["one<br>two", None, ""]
    np.testing.assert_array_equal(artefact_flags(texts), artefact_flags(pa.array(texts)))
    assert artefact_flags([]).shape == (0, len(ARTEFACTS))
    assert not artefact_flags(texts)[1:, : ARTEFACTS.index("fewer than 50 words")].any()


def test_two_proportions_against_a_hand_calculation() -> None:
    """20 of 100 against 40 of 100: pooled .3, z = (.2 - .01) / sqrt(.3 * .7 * .02) = 2.932, p = 0.00337."""
    assert two_proportions(20, 100, 40, 100) == pytest.approx(0.00337, abs=5e-5)
    assert two_proportions(40, 100, 20, 100) == two_proportions(20, 100, 40, 100)
    assert two_proportions(0, 10, 0, 10) == 1
    assert two_proportions(3, 10, 3, 10) == 1


def test_report_says_where_series_differ() -> None:
    counts = {
        "corpus": (1000, {"HTML": 300, "markdown": 20}),
        "human references": (1000, {"HTML": 100, "markdown": 15}),
        "machine references": (0, {}),
    }
    report = artefact_report(counts, {"HTML": "<br>"})
    assert [(one.name, one.differs, one.example) for one in report] == [("HTML", True, "<br>"), ("markdown", False, "")]
    assert report[0].share == {"corpus": 0.3, "human references": 0.1}
    assert artefact_report({}) == ()
    assert not artefact_report({"corpus": (10, {"HTML": 5})})[0].differs


def test_false_alarms_stay_below_the_level() -> None:
    """Series of one distribution: reports that name a difference are at most 1%. Of 400, more than 14 by chance have
    probability below 1e-4 at exactly 1% (Poisson of mean 4)."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(400):
        shares = rng.random(len(ARTEFACTS)) * 0.3
        counts = {
            name: (300, dict(zip(ARTEFACTS, rng.binomial(300, shares).tolist(), strict=True)))
            for name in ("a", "b", "c")
        }
        alarms += any(one.differs for one in artefact_report(counts))
    assert alarms <= 14


def test_identical_texts_in_other_series_are_counted() -> None:
    series = {
        name: np.array([stable_hash(text) for text in texts], dtype=np.uint64)
        for name, texts in {"human": ["a", "b", "b"], "machine": ["b", "c"], "other": ["d", "d"]}.items()
    }
    assert shared_texts(series) == {"human": 2, "machine": 1, "other": 0}
    assert shared_texts({"human": series["human"]}) == {"human": 0}


def test_texts_under_several_labels_are_counted_by_document():
    contents = np.array([1, 1, 2, 2, 3, 4, 1], np.uint64)
    labels = np.array([7, 8, 7, 7, 8, 8, 8], np.uint64)
    assert texts_in_several(contents, labels) == 3
    assert texts_in_several(contents, np.zeros(7, np.uint64)) == 0
    assert texts_in_several(contents[:0], labels[:0]) == 0
