"""Compiling the text kernels ahead of their first use."""

import numpy as np
import pyarrow as pa

from headwater.text.c4_lines import LineRules, clean_lines
from headwater.text.chunks import ChunkTable, english_table
from headwater.text.gram_table import build_gram_table
from headwater.text.keyed_grams import build_keyed_grams
from headwater.text.lines import line_counts
from headwater.text.minhash import near_duplicates
from headwater.text.overlap import GramIndex
from headwater.text.repetition import repeated_sequences
from headwater.text.sentences import SENTENCES
from headwater.text.spans import count_pieces, cut_spans, find_spans
from headwater.text.utf8 import utf8_bytes
from headwater.text.vocabulary import Vocabulary, encode_table, token_arrays
from headwater.text.word_counts import word_counts


def warm() -> None:
    """Compile and cache every text kernel by running it on two short texts (seconds the first time)."""
    texts = ["a b c", "!"]
    vocabulary = Vocabulary.from_texts(texts, min_count=1)
    vocabulary.decode_all(*token_arrays(encode_table(pa.table({"text": texts}), vocabulary), vocabulary))
    near_duplicates(texts)
    GramIndex.from_texts(texts)
    table = build_gram_table(pa.array(texts), np.arange(2, dtype=np.int32), np.zeros(2, dtype=np.bool_), n=1).table
    table.find(pa.array(texts)).shown(pa.array(texts), 1)
    key = bytes(16)
    build_keyed_grams([pa.array(texts)], key).find(pa.array(texts), key)
    find_spans(pa.array(texts), SENTENCES, 1, 1)
    count_pieces(pa.array(texts))
    none = np.zeros(0, dtype=np.int64)
    cut_spans(pa.array(texts), none, none, np.zeros(3, dtype=np.int64))
    _warm_chunks(["It isn't so... [1] Or is it?\n\nThe menu\n", "Caf\u00e9 \u2014 open \u2026\u2028" * 3])


def _warm_chunks(texts: list[str]) -> None:
    """Compile what divides texts into chunks and measures them."""
    table = ChunkTable()
    for column in (pa.array([" ".join(map(str, range(20_000)))]), pa.array(texts)):  # the first makes the table grow
        data, offsets = utf8_bytes(column)
        divided = table.divide(data, offsets[:-1].copy(), offsets[1:].copy())
    repeated_sequences(divided)
    word_counts(divided)
    line_counts(divided.data, divided.begins, divided.ends)
    rules = LineRules(
        require_end_punctuation=True,
        remove_citations=True,
        min_words=3,
        max_word_length=1000,
        remove_javascript=True,
        remove_policies=True,
    )
    clean_lines(divided, rules, table)
    english_table()
