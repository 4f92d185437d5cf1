import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headwater.text import GramIndex, Vocabulary, join_words, near_duplicates, split_words
from headwater.text import words as words_module

texts = st.text(max_size=80)
# Few distinct words, so that texts overlap.
small_texts = st.lists(st.sampled_from(["a", "b", "c", "d", ".", "漢", "(", "é"]), max_size=25).map(" ".join)
corpora = st.lists(small_texts, max_size=12)


@given(texts)
def test_tokens_cover_all_that_is_no_space(text: str) -> None:
    tokens = split_words(text, lower=False)
    assert "".join(tokens) == "".join(text.split()).replace("\x1c", "")
    assert all(token and not any(character.isspace() for character in token) for token in tokens)


@given(texts, st.booleans())
def test_the_shorter_pattern_does_the_same_on_plain_text(text: str, punctuation: bool) -> None:
    if not any(map(words_module._is_special, text)):
        plain, full = (words_module._pattern(special, punctuation) for special in (False, True))
        assert plain.findall(text) == full.findall(text)


@given(texts)
def test_split_undoes_join(text: str) -> None:
    tokens = split_words(text)
    assert split_words(join_words(tokens)) == tokens


@given(corpora)
def test_encode_and_decode_are_inverse_on_known_words(corpus: list[str]) -> None:
    vocabulary = Vocabulary.from_texts(corpus, min_count=1)
    encoded = vocabulary.encode(corpus)
    decoded = vocabulary.decode_all(encoded.tokens, encoded.offsets).to_pylist()
    assert [split_words(text) for text in decoded] == [split_words(text) for text in corpus]
    assert np.array_equal(vocabulary.encode(decoded).tokens, encoded.tokens)


@given(st.lists(texts, max_size=5), st.lists(texts, max_size=5))
def test_compiled_decoding_writes_what_join_writes(training: list[str], corpus: list[str]) -> None:
    vocabulary = Vocabulary.from_texts(training, min_count=1)
    encoded = vocabulary.encode(corpus)
    documents = [encoded.tokens[a:b] for a, b in zip(encoded.offsets, encoded.offsets[1:], strict=False)]
    compiled = vocabulary.decode_all(encoded.tokens, encoded.offsets).to_pylist()
    assert compiled == [vocabulary.decode(document) for document in documents]
    assert encoded.coded_bytes.tolist() == [
        sum(len(word.encode("utf-8", "replace")) + 1 for word in split_words(text)) for text in corpus
    ]


@given(corpora, corpora, st.integers(1, 8))
def test_overlap_is_a_share(corpus: list[str], others: list[str], n: int) -> None:
    index = GramIndex.from_texts(corpus, n)
    shares = index.share(others)
    assert ((shares >= 0) & (shares <= 1)).all()
    has_words = np.array([bool(split_words(text, punctuation=False)) for text in corpus], dtype=bool)
    assert np.array_equal(index.share(corpus), has_words.astype(float))
    merged = index.merge(GramIndex.from_texts(others, n))
    assert np.array_equal(merged.hashes, GramIndex.from_texts([*corpus, *others], n).hashes)
    assert (merged.share(others) >= shares).all()


@given(corpora)
def test_near_duplicates_point_to_an_earlier_kept_text_and_a_second_pass_keeps_all(corpus: list[str]) -> None:
    original = near_duplicates(corpus, shingle=2)
    assert (original <= np.arange(len(corpus))).all()
    assert np.array_equal(original[original], original)
    kept = [corpus[i] for i in np.unique(original)]
    assert np.array_equal(near_duplicates(kept, shingle=2), np.arange(len(kept)))
    first = {text: corpus.index(text) for text in corpus}
    assert all(original[i] == original[first[text]] for i, text in enumerate(corpus))
