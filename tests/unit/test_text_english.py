"""The English word rules on cases that can be checked by reading, and the sets of punctuation."""

import unicodedata

import pytest

from headwater.text import english_tokens, tokenize
from headwater.text.english import (
    ALPHABETIC,
    ENDER,
    IS_PUNCT,
    STOP_WORD_SHIFT,
    STOP_WORDS,
    SYMBOL,
    token_flags,
)
from headwater.text.english_cases import special_cases
from headwater.text.punctuation import ENDERS, PUNCTUATION, SYMBOLS, TERMINAL


@pytest.mark.parametrize(
    ("chunk", "tokens"),
    [
        ("word", "word"),
        ("word,", "word ,"),
        ('("word")', '( " word " )'),
        # Full stops: after lower case and after two capitals they end a sentence, after one they are an initial.
        ("end.", "end ."),
        ("NATO.", "NATO ."),
        ("J.", "J."),
        ("U.S.", "U.S."),
        ("Inc.).", "Inc. ) ."),
        ("wait...what", "wait ... what"),
        ("and....", "and ...."),
        ("first.Second", "first . Second"),
        ("3.14", "3.14"),
        # Contractions, with either apostrophe and without.
        ("don't", "do n't"),
        ("Don’t", "Do n’t"),
        ("dont", "do nt"),
        ("DON'T", "DON'T"),
        ("they'll've", "they 'll 've"),
        ("John's", "John 's"),
        ("dogs'", "dogs '"),
        ("cannot.", "can not ."),
        ("well", "well"),
        ("we'll", "we 'll"),
        ("o'clock", "o'clock"),
        # Hyphens and other marks inside.
        ("state-of-the-art", "state - of - the - art"),
        ("1990-2000", "1990 - 2000"),
        ("1990s-era", "1990s - era"),
        ("yes--but", "yes -- but"),
        ("5--a", "5 - -a"),
        ("and/or", "and/or"),
        ("either/or", "either / or"),
        ("a=b,c", "a = b , c"),
        ("1,000", "1,000"),
        ("one,two", "one , two"),
        # Numbers, units, currencies.
        ("$5", "$ 5"),
        ("US$5m", "US$ 5 m"),
        ("5US$", "5 US$"),
        ("20km²,", "20 km² ,"),
        ("km²", "km²"),
        ("5%", "5 %"),
        ("%5", "% 5"),
        ("C++", "C++"),
        ("5+", "5 +"),
        ("+5", "+5"),
        ("+a", "+ a"),
        ("10a.m.", "10 a.m."),
        ("-20°C.", "-20 ° C ."),
        # Addresses stay whole, local ones do not.
        ("(http://example.com/a-b?c=d)", "( http://example.com/a-b?c=d )"),
        ("jane-doe@example.com,", "jane-doe@example.com ,"),
        ("8.8.8.8/a/b", "8.8.8.8/a/b"),
        ("10.0.0.1/a/b", "10.0.0.1 / a / b"),
        # Emoticons and symbols.
        (":-)", ":-)"),
        ("hi:-)", "hi:- )"),
        ("a😀b", "a 😀 b"),
        ("•word", "•word"),
        # What spells a special case after dividing is joined again.
        ("foo-a.", "foo - a."),
        ("Im.", "I m."),
        ("[:a,", "[: a ,"),
        # The list of units has lost the Russian terabyte.
        ("5Гб", "5 Гб"),
        ("5тб", "5тб"),
        ("中文，字。", "中文，字 。"),
    ],
)
def test_tokens_of_a_chunk(chunk: str, tokens: str) -> None:
    assert english_tokens(chunk) == tokens.split()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" ", [" "]),
        ("a b", ["a", "b"]),
        (" a", [" ", "a"]),
        ("a ", ["a"]),
        ("a  b ", ["a", " ", "b"]),
        ("a\nb", ["a", "\n", "b"]),
        ("a \n\n b", ["a", "\n\n ", "b"]),
        ("\n a\u00a0b", ["\n ", "a", "\u00a0", "b"]),
        # A case that is spelt across a space is not joined, but bars the case that overlaps it.
        ("= [:a,", ["=", "[", ":", "a", ","]),
    ],
)
def test_white_space(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_special_cases_are_all_there() -> None:
    cases = special_cases()
    assert len(cases) == 1347  # len(spacy.blank("en").tokenizer.rules), spaCy 3.8.18
    assert all("".join(tokens) == case for case, tokens in cases.items())
    # Words that a lost apostrophe would make of a contraction.
    assert not {"well", "Hell", "were", "its", "ill", "shed"} & set(cases)
    assert cases["wed"] == ("we", "d")


def test_the_caller_may_change_the_tokens() -> None:
    for chunk in ("cannot", "Mr.", "a-b"):
        english_tokens(chunk).append("more")
        assert "more" not in english_tokens(chunk)


@pytest.mark.parametrize(
    "piece", ["=", ".,", "…", "a@", "a@b/", "x-", "a.-", ".a", "a.", "8)", "1.", "字", "😀", "a.b@", "://", "\ud800-"]
)
def test_a_chunk_of_any_length_is_divided_and_nothing_lost(piece: str) -> None:
    # A walk that copies what is left at every mark would take minutes here.
    chunk = piece * (200_000 // len(piece))
    assert "".join(english_tokens(chunk)) == chunk
    assert english_tokens(piece * 3) == tokenize(piece * 3)


def test_sets_of_punctuation() -> None:
    assert (len(TERMINAL), len(PUNCTUATION), len(ENDERS)) == (159, 129, 128)
    assert ENDERS < TERMINAL
    assert SYMBOLS == TERMINAL | PUNCTUATION
    assert {"\uff11", "\r", "\x00"} <= PUNCTUATION
    assert not {"\t", "\n", "1", "a", "‘"} & SYMBOLS
    assert {"។", "."} <= TERMINAL
    assert "។" not in ENDERS


@pytest.mark.parametrize(
    ("token", "flags"),
    [
        ("word", ALPHABETIC),
        ("The", ALPHABETIC),
        ("U.S.", ALPHABETIC),
        ("3", 0),
        (".", SYMBOL | IS_PUNCT | ENDER),
        ("...", SYMBOL | IS_PUNCT),
        (",", SYMBOL | IS_PUNCT),
        ("$", SYMBOL),  # no punctuation of Unicode
        ("¿", IS_PUNCT),  # not in the list of symbols
        ("\uff11", SYMBOL),
        ("!?", SYMBOL | IS_PUNCT),
        ("字。", ALPHABETIC),
        (":)", SYMBOL | IS_PUNCT),
        (":-P", ALPHABETIC),
    ],
)
def test_flags_of_a_token(token: str, flags: int) -> None:
    assert token_flags(token) == flags


def test_stop_words_have_a_flag_each() -> None:
    assert [token_flags(word) >> STOP_WORD_SHIFT for word in STOP_WORDS] == [1 << i for i in range(8)]
    assert all(token_flags(word) & ALPHABETIC for word in STOP_WORDS)
    assert max(map(token_flags, STOP_WORDS)) < 1 << 16
    assert [token_flags(word) >> STOP_WORD_SHIFT for word in ("The", "THE", "then", "ofs")] == [0] * 4


def test_no_rule_looks_into_a_word_of_letters() -> None:
    # The short cut for words of letters rests on this.
    letters = "".join(c for c in map(chr, range(0x110000)) if unicodedata.category(c)[0] == "L")
    assert letters.isalpha()
    for first in range(0, len(letters), 1000):
        word = letters[first : first + 1000]
        assert english_tokens("1" + word + "1") == ["1" + word + "1"]
