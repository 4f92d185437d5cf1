"""Compiling the text kernels ahead of their first use."""

import numpy as np
import pyarrow as pa

from headwater.text.gram_table import build_gram_table
from headwater.text.keyed_grams import build_keyed_grams
from headwater.text.minhash import near_duplicates
from headwater.text.overlap import GramIndex
from headwater.text.vocabulary import Vocabulary, encode_table, token_arrays


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
