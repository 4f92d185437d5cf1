"""Text as tokens: words, the tokens of the English quality rules, vocabularies, overlap, near duplicates."""

import headwater.kernel_cache  # noqa: F401  (before the first kernel)
from headwater.text.english import english_tokens, tokenize
from headwater.text.kernels import warm
from headwater.text.minhash import near_duplicates
from headwater.text.overlap import GramIndex, HashedWords, gram_hashes, word_hashes
from headwater.text.vocabulary import (
    END,
    UNKNOWN,
    Encoded,
    Vocabulary,
    encode_table,
    is_encoded,
    token_arrays,
    token_columns,
)
from headwater.text.words import join_words, split_words

__all__ = [
    "END",
    "UNKNOWN",
    "Encoded",
    "GramIndex",
    "HashedWords",
    "Vocabulary",
    "encode_table",
    "english_tokens",
    "gram_hashes",
    "is_encoded",
    "join_words",
    "near_duplicates",
    "split_words",
    "token_arrays",
    "token_columns",
    "tokenize",
    "warm",
    "word_hashes",
]
