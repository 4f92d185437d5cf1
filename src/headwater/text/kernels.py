"""Compiling the text kernels ahead of their first use."""

import pyarrow as pa

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
