import pytest

from headwater.text import join_words, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop-gap it!", ["don't", "stop-gap", "it", "!"]),
        ("don’t ‘quote’ 'me'", ["don’t", "‘", "quote", "’", "'", "me", "'"]),
        ("end- -start a--b", ["end", "-", "-", "start", "a", "-", "-", "b"]),
        ("3.14 R2D2 a_b", ["3", ".", "14", "r2d2", "a", "_", "b"]),
        ("漢字かなカナ。", ["漢", "字", "か", "な", "カ", "ナ", "。"]),
        ("ไทย abc", ["ไ", "ท", "ย", "abc"]),
        ("abc漢def", ["abc", "漢", "def"]),
        ("한국어 текст", ["한국어", "текст"]),
        ("नमस्ते e\u0301te\u0301", ["नमस्ते", "e\u0301te\u0301"]),
        ("\u0301 x", ["\u0301", "x"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        (" \t\n\u00a0\u3000", []),
        ("", []),
    ],
)
def test_split_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_case_and_punctuation_are_the_callers_choice() -> None:
    assert split_words("The Cat.", lower=False) == ["The", "Cat", "."]
    assert split_words("The Cat (漢)!", punctuation=False) == ["the", "cat", "漢"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["he", "said", ":", "go", "(", "now", ")", ",", "please", "!", "she", "left", "."], "He said: go (now), please! She left."),
        (["“", "yes", "”", ".", "it", "costs", "$", "5"], "“Yes”. It costs $5"),
        (["漢", "字", "、", "か", "な", "。"], "漢字、かな。"),
        (["abc", "漢", "字", "def"], "Abc 漢字 def"),
        (["ß", "x"], "ß x"),
        ([], ""),
    ],
)  # fmt: skip
def test_join_words(words: list[str], text: str) -> None:
    assert join_words(words) == text
