"""Normalised texts: markup, damage and layout gone, words kept."""

import pyarrow as pa
import pytest

from headwater.origin.detector.normalise import normalise


def plain(text: str | None, most_words: int = 250) -> str:
    return normalise([text], most_words).text(0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # characters
        ("“It’s” ‘fine’", "\"It's\" 'fine'"),
        ("pages 3–5 – said—twice -- so", "pages 3-5 - said - twice - so"),
        ("wait… ﬁne ½ Ａ ①", "wait... fine 1/2 A 1"),
        ("in\u00advis\u200bible\ufe0f \ufeffmark", "invisible mark"),
        ("cafe\u0301 a\u0308", "café ä"),
        ("it\x92s \x93so\x94", 'it\'s "so"'),
        ("donâ€™t cafÃ© Â£5", "don't café £5"),
        ("CAFÉ «oui»", 'CAFÉ "oui"'),
        ("two  blanks\tand\u00a0more\u2003here", "two blanks and more here"),
        # HTML
        ("a<br />b <b>bold</b>ly <p class='x'>new</p>", "a b boldly new"),
        ("R&amp;D &lt; 5 the cat&#8217;s", "R&D < 5 the cat's"),
        ("one <!-- not this --> two <script>var x = '<b>';</script>three", "one two three"),
        ("if a < b and b > c", "if a < b and b > c"),
        ("open <!-- never closed", "open never closed"),
        # markdown
        ("# Title\n\nText *with* **marks**, __all__ of `them`.", "Title Text with marks, all of them."),
        ("- one\n* two\n• three\n1. four\n2) five", "one two three four five"),
        ("> quoted\n> again\n\n---\nend", "quoted again end"),
        ("see [the page](https://a.example/x) and ![a picture](b.png)", "see the page and a picture"),
        ("| a | b |\n|---|:-:|\n| c | d |", "a b c d"),
        ("```python\nx = 1\n```", "x = 1"),
        ("keep snake_case and [1] and f(x)", "keep snake_case and [1] and f(x)"),
        # lines
        ("An exam-\nple of well-known\nlines", "An example of well-known lines"),
        ("one\n\ntwo\r\nthree\u2028four", "one two three four"),
        ("the end.Next one.nnThen\\nMore \\n\\n last", "the end. Next one. Then More last"),
        # a tokeniser's blanks
        ("Well , I do n't know ( really ) . It 's `` so '' .", "Well, I don't know (really). It's \" so \"."),
        ("at .5 or :) or .net", "at .5 or :) or .net"),
        # an assistant's first line
        ("Sure! Here is the text:\n\nBoats sail.", "Boats sail."),
        ("Here is a boat: it sails.", "Here is a boat: it sails."),
        ("", ""),
        (None, ""),
        ("***", ""),
    ],
)
def test_becomes(text: str | None, wanted: str) -> None:
    assert plain(text) == wanted


def test_keeps_the_first_words_and_counts_all() -> None:
    result = normalise([" ".join(f"w{k}," for k in range(300)), "a - b - c"], most_words=2)
    assert result.text(0) == "w0, w1,"
    assert result.text(1) == "a - b"
    assert result.words.tolist() == [300, 3]


def test_text_without_blanks_is_cut_too() -> None:
    result = normalise(["漢" * 1000, "x" * 100_000])
    assert result.text(0) == "漢" * 250
    assert result.text(1) == "x" * 250 * 64
    assert result.words.tolist() == [1000, 1563]


def test_layout_leaves_no_trace() -> None:
    """The same words as a page, as a file with hard line breaks, and from a tokeniser."""
    versions = [
        "## Rivers\n\n- They *flow*, don’t they?\n- They’re long.",
        "Rivers\nThey flow,\ndon't they?\nThey're long.",
        "Rivers They flow , do n't they ? They 're long .",
        "<h2>Rivers</h2><ul><li>They <em>flow</em>, don&rsquo;t they?</li><li>They&#39;re long.</li></ul>",
    ]
    assert {plain(version) for version in versions} == {"Rivers They flow, don't they? They're long."}


def test_every_kind_of_arrow_array_is_read() -> None:
    texts = ["One “two”", None, "cafe\u0301", ""]
    wanted = [normalise(texts).text(row) for row in range(4)]
    arrays = [
        pa.array(texts),
        pa.array(texts, pa.large_string()),
        pa.array(texts, pa.string_view()),
        pa.array(texts).dictionary_encode(),
        pa.array(["before", *texts, "after"]).slice(1, 4),
        pa.chunked_array([texts[:2], texts[2:]]),
    ]
    for array in arrays:
        result = normalise(array)
        assert [result.text(row) for row in range(len(result))] == wanted
    assert len(normalise([])) == 0
    assert len(normalise(pa.chunked_array([], pa.string()))) == 0
    assert len(normalise(pa.nulls(3))) == 3


def test_half_a_surrogate_pair_is_no_error() -> None:
    assert plain("a \ud800 b") == "a b"


def test_texts_do_not_depend_on_their_neighbours() -> None:
    texts = ["One.", "e\u0301 &amp; x", "word " * 400, "", "<b", "``", "Zwei — drei"]
    together = normalise(texts)
    assert [together.text(row) for row in range(len(texts))] == [plain(text) for text in texts]
    assert together.words.tolist() == [int(normalise([text]).words[0]) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "<!--" * 20_000,
        "[" * 50_000,
        "- " * 50_000,
        "&" * 50_000,
        "<a " * 30_000,
        "`" * 50_000,
        "'" * 50_000,
        "=" * 50_000,
    ],
)
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    """Quadratic work on these would take minutes."""
    assert len(normalise([text])) == 1
