"""Tokens of normalised texts."""

import subprocess
import sys

import pytest

from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.tokens import (
    DASH,
    FUNCTION_WORDS,
    LINK,
    TokenKind,
    hash_table,
    lookup,
    token_hash,
    tokenise,
)


def read(text: str) -> list[tuple[str, str]]:
    texts = normalise([text])
    tokens = tokenise(texts)
    return [
        (texts.data[start : start + length].tobytes().decode(), TokenKind(kind).name)
        for start, length, kind in zip(tokens.starts, tokens.lengths, tokens.kinds, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Don't stop.", [("Don't", "CAPITALISED"), ("stop", "LOWER"), (".", "PUNCTUATION")]),
        ("NASA I iPhone AB1", [("NASA", "UPPER"), ("I", "CAPITALISED"), ("iPhone", "MIXED"), ("AB1", "MIXED")]),
        ("1,234.5 10:30 7.", [("1,234.5", "NUMBER"), ("10:30", "NUMBER"), ("7", "NUMBER"), (".", "PUNCTUATION")]),
        ("well-known", [("well", "LOWER"), ("-", "PUNCTUATION"), ("known", "LOWER")]),
        ("so... What?!", [("so", "LOWER"), ("...", "PUNCTUATION"), ("What", "CAPITALISED"), ("?", "PUNCTUATION"),
                          ("!", "PUNCTUATION")]),
        ("(see https://a.example/b?c=d).", [("(", "PUNCTUATION"), ("see", "LOWER"), ("https://a.example/b?c=d", "LINK"),
                                            (")", "PUNCTUATION"), (".", "PUNCTUATION")]),
        ("naïve ÉTÉ имя 漢字 😀", [("naïve", "LOWER"), ("ÉTÉ", "UPPER"), ("имя", "FOREIGN"), ("漢", "FOREIGN"),
                                ("字", "FOREIGN"), ("😀", "SYMBOL")]),
        ("where www. is", [("where", "LOWER"), ("www", "LOWER"), (".", "PUNCTUATION"), ("is", "LOWER")]),
        ("", []),
    ],
)  # fmt: skip
def test_tokens_and_kinds(text: str, wanted: list[tuple[str, str]]) -> None:
    assert read(text) == wanted


def test_hashes_fold_case_digits_and_addresses() -> None:
    hashes = tokenise(normalise(["The THE the 1999 2024 12 https://a.example www.b.example x - y"])).hashes.tolist()
    assert hashes[0] == hashes[1] == hashes[2] == token_hash("the")
    assert hashes[3] == hashes[4] == token_hash("0000") != hashes[5]
    assert hashes[6] == hashes[7] == LINK
    assert hashes[9] == DASH != token_hash("-")


def test_hashes_are_the_same_in_every_process() -> None:
    code = (
        "from headwater.origin.detector.normalise import normalise\n"
        "from headwater.origin.detector.tokens import tokenise\n"
        "print(tokenise(normalise(['Größe is no 7'])).hashes.tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str([token_hash(word) for word in ("größe", "is", "no", "0")])


def test_offsets_follow_the_texts() -> None:
    tokens = tokenise(normalise(["One two.", "", None, "three"]))
    assert tokens.offsets.tolist() == [0, 3, 3, 3, 4]
    assert len(tokens) == 4


def test_words_are_found_in_the_hash_table() -> None:
    table = hash_table(FUNCTION_WORDS)
    found = [int(lookup(table, value)) for value in tokenise(normalise([" ".join(FUNCTION_WORDS)], 1000)).hashes]
    assert [FUNCTION_WORDS[index] for index in found] == list(FUNCTION_WORDS)
    assert lookup(table, tokenise(normalise(["river"])).hashes[0]) == -1
