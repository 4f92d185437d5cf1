"""Code lengths that do not depend on the tokenizer."""

import math

import numpy as np
from numpy.typing import NDArray


def bits_per_byte(
    nats: NDArray[np.float64], spelling_nats: NDArray[np.float64], coded_bytes: NDArray[np.int64]
) -> float:
    """Return the bits a model needs per byte of text, over all documents together. Lower is better.

    A closed vocabulary gives unknown words away for free, so a loss in nats per token cannot be compared between
    vocabularies. Here each unknown word is also charged for its spelling, which makes the sum a code length of the
    text and the measure independent of the vocabulary.

    Args:
        nats: loss of each document under the model, unknown words counted as one symbol.
        spelling_nats: nats to spell the unknown words of each document.
        coded_bytes: UTF-8 bytes of the words of each document, one separator per word included.

    Returns:
        Bits per byte, greater than 0; not a number where there are no bytes.
    """
    total = int(coded_bytes.sum())
    return float((nats.sum() + spelling_nats.sum()) / math.log(2) / total) if total else math.nan
