"""The English word rules against spaCy, whose rules they are: equal in every token."""

import random
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.json as pj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.text import english, english_cases, english_characters, english_tokens, tokenize
from headwater.text.english import ENDER, IS_PUNCT, token_flags
from headwater.text.punctuation import ENDERS

spacy = pytest.importorskip("spacy", reason="spaCy is the oracle of the word rules")


@cache
def _oracle() -> Any:
    return spacy.blank("en").tokenizer


def _theirs(text: str) -> list[str]:
    return [token.text for token in _oracle()(text)]


CASES = sorted(english_cases.special_cases())
MARKS = sorted(english_characters.MARKS | english_characters.QUOTES | english_characters.CURRENCIES)
ICONS = sorted(english_characters.ICONS)
UNITS = sorted(english_characters.UNITS)
ADDRESSES = str.split("""http:// https:// www. ftp://x:y@ example.com a.co.uk mailto: bob@ @x.org :8080 /path?q=1#f 10.0.0.1 8.8.8.8
    192.168.1.1 172.20.1.1 223.255.255.254 x.১১ -.com _a.com .Com .c""")
WORDS = str.split("""the well known don't Dr U.S.A e.g I cannot John's it's 'tis rock'n'roll foo A.B x86 a.m p.m 3D 1990s O'Neil co Mt
    Ph.D _x_ (a) [1] v1.2.3 1,000 1.5 50% £5 5kg 3m/s ... -- !? …… ab.cd""")
# Letters of many scripts, cased and not, combining marks, invisible characters, digits the rules do and do not know.
LETTERS = "abcxyzABCXYZoOPDséÉßñŁłΩωЯяіїҗＡａƻǅªº한あアー字\u3400\uf900אبኀक\u0300\u0301\u200d\ufe0f\u00ad\u200b\ufeff\x00\u0294\u03a2"

pieces = st.one_of(
    st.sampled_from(CASES),
    st.sampled_from(CASES).flatmap(lambda case: st.integers(0, len(case)).map(lambda cut: case[cut:])),
    st.sampled_from(CASES).flatmap(lambda case: st.integers(0, len(case)).map(lambda cut: case[:cut])),
    st.sampled_from([*MARKS, *"+-.~^|\\/@=%°§–—'’", "--", "---", "——", "..", "...", "……"]),
    st.text(LETTERS, min_size=1, max_size=4),
    st.text("0123456789٣১²½", min_size=1, max_size=3),
    st.sampled_from(UNITS),
    st.sampled_from(ADDRESSES),
    st.sampled_from(WORDS),
    st.sampled_from(ICONS),
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(["a" * 62, "a" * 63, "a" * 64, "x_" * 40]),
)
spaces = st.sampled_from([" "] * 8 + ["  ", "\n", "\t", " \n", "\u00a0", "\u3000", "\u2028", "\r\n", "\x1c", "\x85"])
chunks = st.lists(pieces, min_size=1, max_size=6).map(lambda parts: "".join("".join(parts).split())).filter(bool)
texts = st.lists(st.one_of(pieces, spaces), max_size=14).map("".join)


@settings(max_examples=1500, deadline=None)
@given(chunks)
def test_a_chunk_has_the_tokens_of_spacy(chunk: str) -> None:
    tokens = english_tokens(chunk)
    assert tokens == _theirs(chunk)
    assert tokens == tokenize(chunk)


@settings(max_examples=700, deadline=None)
@given(texts)
def test_a_text_has_the_tokens_of_spacy(text: str) -> None:
    assert tokenize(text) == _theirs(text)


def test_mixtures_drawn_at_random_have_the_tokens_of_spacy() -> None:
    draw = random.Random(7)
    stock = [*CASES, *MARKS * 4, *UNITS, *ADDRESSES * 8, *WORDS * 8, *"-.'’/:,0123456789aZéЯ字" * 8]
    for _ in range(20_000):
        chunk = "".join("".join(draw.choices(stock, k=draw.randint(1, 5))).split())
        assert not chunk or english_tokens(chunk) == _theirs(chunk)


@settings(max_examples=300, deadline=None)
@given(st.one_of(pieces, st.text("".join(sorted(ENDERS)) + "-a1$", min_size=1, max_size=3)))
def test_flags_are_those_of_spacy(token: str) -> None:
    flags = token_flags(token)
    assert bool(flags & IS_PUNCT) == spacy.lang.lex_attrs.is_punct(token)
    assert bool(flags & ENDER) == (token in _sentence_enders())


@cache
def _sentence_enders() -> frozenset[str]:
    from spacy.pipeline import Sentencizer

    return frozenset(Sentencizer.default_punct_chars)


def test_sentence_enders_are_those_of_spacy() -> None:
    assert _sentence_enders() == ENDERS


def test_special_cases_are_those_of_spacy() -> None:
    from spacy.symbols import ORTH

    theirs = {case: tuple(token[ORTH] for token in tokens) for case, tokens in _oracle().rules.items()}
    assert english_cases.special_cases() == theirs


@pytest.mark.parametrize(
    ("mine", "theirs"), [("LETTER", "ALPHA"), ("LOWER", "ALPHA_LOWER"), ("UPPER", "ALPHA_UPPER"), ("ICON", "ICONS")]
)
def test_classes_of_characters_are_those_of_spacy(mine: str, theirs: str) -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    found = [
        set(re.findall(f"[{inside}]", every))
        for inside in (getattr(english_characters, mine), getattr(spacy.lang.char_classes, theirs))
    ]
    assert found[0] == found[1]


def test_the_rules_are_those_of_the_version_they_name() -> None:
    assert "spaCy " + ".".join(spacy.__version__.split(".")[:2]) == english.RULES_OF


DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FILES = [
    "crawl/commonvoice_sentences_multilang.jsonl.zst",
    "crawl/free_programming_books_lists.jsonl.zst",
    "crawl/html_pages_cc.jsonl.zst",
    "crawl/learnxinyminutes_docs.jsonl.zst",
    "crawl/pile_open_subsets.jsonl.zst",
    "human_vs_ai/l2r_en.jsonl.zst",
    "lm/novels_en.jsonl.zst",
]


def _texts(path: Path) -> Iterator[str]:
    import zstandard

    with zstandard.open(path, "rb") as stream:
        table = pj.read_json(stream, read_options=pj.ReadOptions(block_size=1 << 28))
    for name in ("text", "html"):
        if name in table.column_names:
            yield from table[name].drop_null().to_pylist()


@pytest.mark.parametrize("name", FILES)
def test_real_texts_have_the_tokens_of_spacy(name: str) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    every = list(_texts(path))
    draw = random.Random(3)
    some = [text[:3000] for text in draw.sample(every, min(len(every), 40))]
    vocabulary = sorted({chunk for text in every[:: max(1, len(every) // 300)] for chunk in text[:100_000].split()})
    assert len(vocabulary) > 1000
    for chunk in draw.sample(vocabulary, min(len(vocabulary), 8000)):
        assert english_tokens(chunk) == _theirs(chunk)
    for text in some:
        assert tokenize(text) == _theirs(text)
