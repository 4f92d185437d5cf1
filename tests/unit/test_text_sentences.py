"""Where sentences, lines and paragraphs begin."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.text.gram_table import build_gram_table
from headwater.text.sentences import LINES, PARAGRAPHS, SENTENCES
from headwater.text.spans import count_pieces, find_spans


def _pieces(text: str, kind: int = SENTENCES) -> list[str]:
    places = find_spans(pa.array([text]), kind, 1, 1).places.tolist()
    data = text.encode()
    return [data[a:b].decode() for a, b in pairwise(places)]


@pytest.mark.parametrize(
    "pieces",
    [
        ["It rained. ", "We left! ", "Why? ", "Nobody knows."],
        ["It rained.  \t", "We left."],
        ["“It rained.” ", "(We left.) ", "He said ‘no.’ ", "So?"],
        ["Wait... ", "What?! ", "No!!! ", "Yes."],
        ["A line without a stop\n", "and the next\r\n", "and one more"],
        ["  Spaces before. ", "After. \n", "  - An item\n", "\t1. Another. ", "End. \n \n"],
        # A full stop that ends nothing.
        ["Dr. J. R. Smith of St. Ives met Mrs. Jones vs. Gen. Lee. ", "They left."],
        ["The U.S. Army came, e.g. here, at 5 p.m. sharp. ", "It left."],
        ["See Fig. 3 and No. 7, vol. 2, pp. 12. ", "He said no. ", "They agreed."],
        ["1. Open the lid. ", "2. Close it. ", "It was 1984. ", "We left."],
        ["It costs 3.50 or version 2.0.1 of example.com now. ", "Right."],
        ["She came etc. and so on. ", "End."],
        ["“Why?” he asked. ", "Yahoo! is a name."],
        ["“Dr. No” was shown. ", "Then we left."],
        # Words with letters beyond ASCII are no abbreviations.
        ["Das ist Öl. ", "Gut so."],
        ["Это так. ", "Да."],
        # East Asian text carries its own white space; Hindi and Armenian have enders of their own.
        ["你好。", "他来了！", "“对吗？”", "对。"],
        ["यह सच है। ", "वह गया।"],
        ["Այո։ ", "Ոչ։"],
        # Pieces without words belong to the piece before them; at the beginning, to the next.
        ["--- * * *\n\n One.\n\n---\n\n", "Two. … !!! "],
        ["Mr."],
    ],
)
def test_sentences(pieces: list[str]) -> None:
    assert _pieces("".join(pieces)) == pieces


def test_lines_and_paragraphs() -> None:
    text = "one. two\nthree\r\n\r\n \nfour\u2028five\n\n\n***\n\nsix"
    assert _pieces(text, LINES) == ["one. two\n", "three\r\n\r\n \n", "four\u2028", "five\n\n\n***\n\n", "six"]
    assert _pieces(text, PARAGRAPHS) == ["one. two\nthree\r\n\r\n \n", "four\u2028five\n\n\n***\n\n", "six"]
    assert _pieces("one\r\ntwo", PARAGRAPHS) == ["one\r\ntwo"]


@pytest.mark.parametrize("text", ["", " \n\n ", "...", "。！", "\u200b"])
@pytest.mark.parametrize("kind", [SENTENCES, LINES, PARAGRAPHS])
def test_without_words_there_is_nothing(text: str, kind: int) -> None:
    found = find_spans(pa.array([text, None]), kind, 1, 1)
    assert found.places.tolist() == [0, 0]
    assert found.hashes.tolist() == []


def test_words_and_sentences_are_counted() -> None:
    words, sentences = count_pieces(pa.array(["It rained. We left! 12 of us.", "你好他来了。对吗？", "", None]))
    assert words.tolist() == [7, 3, 0, 0]
    assert sentences.tolist() == [3, 2, 0, 0]


def test_bytes_that_are_no_utf8_do_no_harm() -> None:
    rng = np.random.default_rng(4)
    pool = np.frombuffer('a. B\n!"é。漢\u2028\u0301'.encode() + bytes(range(0, 256, 9)), dtype=np.uint8)
    rows = [rng.choice(pool, size).tobytes() for size in range(300)]
    offsets = pa.array(np.cumsum([0, *map(len, rows)]).astype(np.int32))
    texts = pa.Array.from_buffers(pa.string(), len(rows), [None, offsets.buffers()[1], pa.py_buffer(b"".join(rows))])
    for kind in (SENTENCES, LINES, PARAGRAPHS):
        found = find_spans(texts, kind, 2, 1)
        for row, size in enumerate(map(len, rows)):
            places = found.places[found.place_offsets[row] : found.place_offsets[row + 1]]
            assert places[0] == 0
            assert places[-1] in {0, size}
            assert (np.diff(places) > 0).all()
    table = build_gram_table(texts, np.arange(len(rows), dtype=np.int32), np.zeros(len(rows), np.bool_), n=4).table
    found_in = table.find(texts)
    long = found_in.words > 30
    assert long.any()
    assert (found_in.sequences[long] > 0).all()


TEXTS = st.text(st.sampled_from("aB. \n?!\"'”é。漢\u3000\u2028\r1-\u0301\U0001f600"), max_size=60)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from([SENTENCES, LINES, PARAGRAPHS]))
def test_pieces_are_the_whole_text_and_each_has_words(text: str, kind: int) -> None:
    pieces = _pieces(text, kind)
    assert "".join(pieces) in {text, ""}
    every = find_spans(pa.array([text]), kind, 1, 1)
    assert (every.hashes != 0).sum() <= len(pieces)
    for piece in pieces:
        assert find_spans(pa.array([piece]), LINES, 1, 1).places.size > 1
    if len(pieces) > 1:
        # What a piece is does not depend on what is behind it, but for the white space it carries.
        assert _pieces(pieces[0].rstrip(), kind) == [pieces[0].rstrip()]
