"""The words of normal forms are spaCy's tokens of them, whatever the text."""

import re
import unicodedata
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.text.normal_forms import cut_words
from headwater.text.normal_words import normal_words
from headwater.text.punctuation import PUNCTUATION

spacy = pytest.importorskip("spacy", reason="spaCy is the oracle of the words")

NUMBER = re.compile("\\d+([.,\u060c\u066b\u2396\u2397\u2398]\\d+)?")
SPACES = str.maketrans(dict.fromkeys(PUNCTUATION, " "))
# A capital sigma's small form depends on its place; relations are cut only between what the tokenizer calls letters;

BARRED = str.maketrans("", "", "Σ≠≮≯")


@cache
def _oracle() -> Any:
    return spacy.blank("en").tokenizer


def theirs(text: str) -> list[str]:
    text = NUMBER.sub("0", text.lower()).translate(SPACES)
    text = unicodedata.normalize("NFD", re.sub(r"\s+", " ", text.strip()))
    text = "".join(c for c in text if unicodedata.category(c) != "Mn").strip()
    return [word for word in (token.text.strip() for token in _oracle()(text)) if word]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(max_size=40) | st.sampled_from(sorted(cut_words())), max_size=6).map("".join))
def test_any_text(text: str) -> None:
    text = text.translate(BARRED)
    assert normal_words(pa.array([text])).words(0) == theirs(text)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(alphabet="aBé0 1.,-'\u0301\u066b™£km", max_size=30), max_size=8))
def test_texts_do_not_depend_on_their_neighbours(texts: list[str]) -> None:
    together = normal_words(pa.array(texts, pa.string()))
    for i, text in enumerate(texts):
        assert together.words(i) == normal_words(pa.array([text])).words(0)
