import math

import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import InputError
from headwater.text import END, UNKNOWN, Vocabulary, encode_table, is_encoded, token_arrays
from headwater.text.spelling import fit_spelling

TEXTS = ["the cat sat. the cat ran.", "a dog sat"]


def test_words_are_ordered_by_count_then_alphabet() -> None:
    assert Vocabulary.from_texts(TEXTS, min_count=1).words == (
        "<unk>", "</s>", ".", "cat", "sat", "the", "a", "dog", "ran",
    )  # fmt: skip
    assert Vocabulary.from_texts(TEXTS).words == ("<unk>", "</s>", ".", "cat", "sat", "the")
    assert Vocabulary.from_texts(TEXTS, max_size=4).words == ("<unk>", "</s>", ".", "cat")


def test_id_names_the_list_of_words() -> None:
    same = Vocabulary.from_texts(reversed(TEXTS))
    assert same.id == Vocabulary.from_texts(TEXTS).id
    assert hash(same) == hash(Vocabulary.from_texts(TEXTS))
    assert same.id != Vocabulary.from_texts(TEXTS, min_count=1).id
    # Pinned: the id is stored with encoded tables, so it must not change between versions.
    assert Vocabulary(("<unk>", "</s>", "a")).id == "bf16b16dd5da0af2"


@pytest.mark.parametrize("words", [("a", "b"), ("<unk>", "</s>", "a", "a"), ()])
def test_a_wrong_list_of_words_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="Not a vocabulary"):
        Vocabulary(words)


def test_encode_counts_bytes_and_spells_unknown_words() -> None:
    vocabulary = Vocabulary.from_texts(TEXTS)
    encoded = vocabulary.encode(["The cat, über zebra", "", None, "<unk> </s>"])
    cat, the = vocabulary.words.index("cat"), vocabulary.words.index("the")
    assert encoded.tokens.tolist() == [the, cat, UNKNOWN, UNKNOWN, UNKNOWN] + [UNKNOWN] * 7
    assert encoded.tokens.dtype == np.int32
    assert encoded.offsets.tolist() == [0, 5, 5, 5, 12]
    spell = vocabulary.spelling.nats
    expected = spell(",") + spell("über") + spell("zebra")
    assert encoded.spelling_nats.tolist() == pytest.approx([expected, 0, 0, encoded.spelling_nats[3]])
    # the + cat + , + über (5 bytes) + zebra, and one separator for each of the five.
    assert encoded.coded_bytes.tolist() == [3 + 3 + 1 + 5 + 5 + 5, 0, 0, 3 + 6 * 1 + 7]


def test_a_known_word_costs_no_spelling() -> None:
    encoded = Vocabulary.from_texts(TEXTS, min_count=1).encode(TEXTS)
    assert encoded.spelling_nats.tolist() == [0, 0]
    assert UNKNOWN not in encoded.tokens
    assert END not in encoded.tokens


def test_spelling_is_a_code_over_words() -> None:
    spelling = fit_spelling(["ab", "ba", "b"])
    # P(b | start) = (2 + 1/2) / (3 + 4/2), P(a | b) = (1 + 1/2) / (3 + 4/2), P(end | a) = (1 + 1/2) / (2 + 4/2).
    assert spelling.nats("ba") == pytest.approx(-math.log(2.5 / 5 * 1.5 / 5 * 1.5 / 4))
    # Kraft: the probabilities of all words of the known characters sum to at most 1; the escapes take the rest.
    words, total = [""], 0.0
    for _ in range(12):
        total += sum(math.exp(-spelling.nats(word)) for word in words)
        words = [word + character for word in words for character in "ab"]
    assert 0.5 < total < 1
    # A character never seen costs the escape and one of 0x110000 code points.
    assert spelling.nats("z") == pytest.approx(math.log(5 / 0.5) + math.log(0x110000) + math.log(2 / 0.5))


def test_a_table_is_encoded_once() -> None:
    vocabulary = Vocabulary.from_texts(TEXTS)
    table = encode_table(pa.table({"text": TEXTS, "group": ["x", "y"]}), vocabulary)
    assert table.column_names == ["text", "group", "tokens", "spelling_nats", "coded_bytes"]
    assert table.schema.field("tokens").type == pa.list_(pa.int32())
    assert table.schema.field("tokens").metadata[b"headwater.vocabulary"].decode() == vocabulary.id
    assert encode_table(table, vocabulary) is table
    assert is_encoded(table.slice(1), vocabulary)

    other = Vocabulary.from_texts(TEXTS, min_count=1)
    again = encode_table(table, other)
    assert again.column_names == table.column_names
    assert is_encoded(again, other)
    assert again["tokens"] != table["tokens"]


def test_chunks_slices_and_nulls_keep_their_tokens() -> None:
    vocabulary = Vocabulary.from_texts(TEXTS, min_count=1)
    texts = ["the cat", None, "", "a dog sat", "ran"]
    chunked = pa.table({"text": pa.chunked_array([texts[:2], [], texts[2:]], pa.string())})
    table = encode_table(chunked, vocabulary)
    for start, length in ((0, 5), (1, 3), (3, 2), (2, 0)):
        tokens, offsets = token_arrays(table.slice(start, length), vocabulary)
        expected = vocabulary.encode(texts[start : start + length])
        assert tokens.tolist() == expected.tokens.tolist()
        assert offsets.tolist() == expected.offsets.tolist()
    empty = encode_table(pa.table({"text": pa.chunked_array([], pa.string())}), vocabulary)
    assert token_arrays(empty, vocabulary)[1].tolist() == [0]


def test_a_table_without_text_is_refused() -> None:
    with pytest.raises(InputError, match=r"no column 'text'.*body"):
        encode_table(pa.table({"body": ["x"]}), Vocabulary.from_texts(TEXTS))


def test_tokens_that_never_were_text_are_accounted_as_the_text_they_decode_to() -> None:
    vocabulary = Vocabulary.from_texts(TEXTS, min_count=1)
    tokens = np.array([5, UNKNOWN, 3, UNKNOWN], dtype=np.int32)
    encoded = vocabulary.encoded(tokens, np.array([0, 3, 3, 4]))
    spelled = vocabulary.spelling.nats("<unk>")
    assert encoded.spelling_nats.tolist() == pytest.approx([spelled, 0, spelled])
    assert encoded.coded_bytes.tolist() == [3 + 5 + 3 + 3, 0, 5 + 1]
    assert vocabulary.decode(tokens) == "The <unk> cat <unk>"
