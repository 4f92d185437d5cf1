"""The n-gram model against NLTK's interpolated Kneser-Ney, an independent implementation."""

from itertools import product

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated
from nltk.lm import Vocabulary as NltkVocabulary

from headwater.models import NgramLearner
from headwater.schema import documents
from headwater.text import Vocabulary

TEXTS = [
    "the cat sat on the mat .", "the dog sat on the cat .", "a dog ran . the cat ran .", "the cat", "a", "",
    "on the mat the dog sat . a cat sat on a mat . a dog sat on the dog",
]  # fmt: skip
BEGINNING = "<s>"


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_equal_to_nltk(order: int) -> None:
    """All next words after all contexts of up to ``order`` - 1 words agree to 1e-12, without the uniform term.

    NLTK's usual padding would also count the beginning-of-document symbol as a *predicted* word, which changes its
    unigrams. So NLTK is given exactly the n-grams that end in a predicted word: for each position of each document, the
    n-gram of every length up to ``order`` that ends there, with ``order`` - 1 symbols before the document and one end.
    NLTK treats order 1 as a continuation count without data, hence orders 2 to 5.
    """
    vocabulary = Vocabulary.from_texts(TEXTS, min_count=1)
    model = NgramLearner(vocabulary, order=order, discount=0.75, uniform=False).fit(
        documents(TEXTS), np.random.default_rng(0)
    )

    ngrams = []
    for text in TEXTS:
        words = [BEGINNING] * (order - 1) + [*text.split(), "</s>"]
        ngrams.append(
            [tuple(words[end - length : end]) for end in range(order, len(words) + 1) for length in range(1, order + 1)]
        )
    known = [word for word in vocabulary.words if word != "<unk>"]
    oracle = KneserNeyInterpolated(order, discount=0.75, vocabulary=NltkVocabulary([BEGINNING, *known], unk_cutoff=1))
    oracle.fit(ngrams)

    contexts = [context for length in range(3) for context in product(known[1:6], repeat=length)]
    contexts += [tuple(text.split()[:length]) for text in TEXTS for length in range(8)]
    for context in contexts:
        padded = ((BEGINNING,) * (order - 1) + context)[-(order - 1) :]
        expected = [oracle.unmasked_score(word, padded) for word in known]
        ours = np.exp(model.log_probabilities([vocabulary.words.index(word) for word in context]))[1:]
        assert np.abs(ours - expected).max() < 1e-12
