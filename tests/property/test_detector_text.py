"""What must hold for any text: nothing raises, offsets are in order, normalising again changes nothing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.origin.artefacts import ARTEFACTS, artefact_flags
from headwater.origin.detector.grams import GramSpec, gram_scores, hashed_counts, weighted
from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.style import STYLE, style
from headwater.origin.detector.tokens import tokenise

ANY = st.text(st.characters(), max_size=60)
PIECES = st.sampled_from(
    ["<", ">", "<b>", "</p>", "<!--", "-->", "&amp;", "&", ";", "[", "](", ")", "`", "```", "*", "_", "~~", "|", "#", "\\n",
     "\\", "-", "--", "—", "\n", "\r\n", " ", "'", '"', "n't", "nn", ".", ",", "Â", "â€™", "Ã©", "\x92", "\u0301",
     "\u200b", "é", "漢", "😀", "1.", "A", "word", "Here is:", "http://a", "\ufffd", "ﬁ", "…"]
)  # fmt: skip
MARKUP = st.lists(PIECES, max_size=40).map("".join)
WORDS = st.sampled_from(
    [
        "river",
        "Boat",
        "don't",
        "it's",
        "NASA",
        "naïve",
        "snake_case",
        "1987",
        "3.5",
        "well-known",
        "漢字",
        "слово",
        "(so)",
    ]
)
PROSE = st.lists(
    st.tuples(WORDS, st.sampled_from([" ", ", ", ". ", "! ", "; ", " - ", "... ", "\n", "\n\n", " — ", " “so” "])),
    max_size=60,
).map(lambda pairs: "".join(word + gap for word, gap in pairs))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | ANY | MARKUP, max_size=5))
def test_any_text_goes_through(texts: list[str | None]) -> None:
    normalised = normalise(texts)
    assert normalised.offsets[0] == 0
    assert normalised.offsets[-1] == len(normalised.data)
    assert (np.diff(normalised.offsets) >= 0).all()
    for row in range(len(texts)):
        text = normalised.data[normalised.offsets[row] : normalised.offsets[row + 1]].tobytes().decode()  # valid UTF-8
        assert text == text.strip(" ")
        assert "  " not in text
        assert not set(text) & set("\n\r\t\u200b\ufeff“”’—*|\u00ad")
    tokens = tokenise(normalised)
    assert tokens.offsets[0] == 0
    assert tokens.offsets[-1] == len(tokens.hashes) == len(tokens.kinds) == len(tokens.starts) == len(tokens.lengths)
    assert (np.diff(tokens.offsets) >= 0).all()
    assert (tokens.lengths > 0).all()
    ends = tokens.starts + tokens.lengths
    assert (ends[:-1] <= tokens.starts[1:]).all()
    measures = style(normalised, tokens)
    assert measures.shape == (len(texts), len(STYLE))
    assert np.isfinite(measures).all()
    assert artefact_flags(texts).shape == (len(texts), len(ARTEFACTS))
    spec = GramSpec(words=(1, 2), characters=(3,), shapes=(2,), bits=10)
    weights = np.random.default_rng(0).standard_normal((spec.columns, 1)).astype(np.float32)
    np.testing.assert_allclose(
        gram_scores(normalised, tokens, spec, weights),
        weighted(hashed_counts(normalised, tokens, spec)) @ weights,
        rtol=1e-4,
        atol=1e-4,
    )


@settings(max_examples=300, deadline=None)
@given(PROSE)
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normalise([text])
    again = normalise([once.text(0)])
    assert again.text(0) == once.text(0)
    assert again.words[0] == min(once.words[0], 250)


@settings(max_examples=200, deadline=None)
@given(PROSE, st.sampled_from([" ", "  ", "\n", "\u00a0"]))
def test_white_space_leaves_no_trace(text: str, blank: str) -> None:
    """Whatever blank stands between the words, the normalised text is the same."""
    words = [word for word in text.split() if word not in {"-", "—"}]
    assert normalise([blank.join(words)]).text(0) == normalise([" ".join(words)]).text(0)
