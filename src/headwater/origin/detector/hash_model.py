"""A linear model on hashed n-grams: of words, of characters, of sentence shapes, as its ``GramSpec`` says.

Values are TF-IDF (sublinear counts, rows of norm one); coefficients are those of a penalised logistic regression. The
model keeps how firmly it knows each coefficient, and so can learn a user's texts without the texts it was made from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headwater.origin.detector.grams import GramSpec, gram_scores, inverse_document_frequency, weighted
from headwater.origin.detector.logistic import Logistic, fit_logistic, ridge
from headwater.origin.detector.normalise import Normalised
from headwater.origin.detector.tokens import Tokens

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True, eq=False)
class GramModel:
    """Coefficients on hashed n-grams."""

    spec: GramSpec
    """The n-grams."""
    idf: NDArray[np.float32]
    """Inverse document frequency, shape (columns,)."""
    logistic: Logistic
    """Coefficients, with what is known about them."""

    def score(self, normalised: Normalised, tokens: Tokens) -> NDArray[np.float64]:
        """Return log odds of machine text, shape (n,)."""
        weights = self.logistic.weights[:, None]
        return gram_scores(normalised, tokens, self.spec, weights, idf=self.idf)[:, 0] + self.logistic.intercept

    def score_counts(self, counts: "csr_array") -> NDArray[np.float64]:
        """Return the same from counts that are there already."""
        return weighted(counts, idf=self.idf) @ self.logistic.weights.astype(np.float64) + self.logistic.intercept

    def with_texts(
        self, counts: "csr_array", is_machine: NDArray[np.bool_], weights: NDArray[np.float64]
    ) -> "GramModel":
        """Return the model after learning more texts, by a Laplace step from what it knows."""
        logistic = fit_logistic(weighted(counts, idf=self.idf), is_machine, weights, self.logistic)
        return GramModel(self.spec, self.idf, logistic)


def fit_grams(
    spec: GramSpec,
    counts: "csr_array",
    is_machine: NDArray[np.bool_],
    weights: NDArray[np.float64],
    strength: float,
) -> GramModel:
    """Return the model learnt from counts alone.

    Args:
        spec: the n-grams that were counted.
        counts: shape (n, columns).
        is_machine: labels, shape (n,).
        weights: how often each text counts, shape (n,).
        strength: precision of the Gaussian prior on every coefficient; larger is smoother.
    """
    idf = inverse_document_frequency(counts)
    logistic = fit_logistic(weighted(counts, idf=idf), is_machine, weights, ridge(spec.columns, strength))
    return GramModel(spec, idf, logistic)


def mean_grams(learnt: Sequence[GramModel]) -> GramModel:
    """Return the model whose score is the mean of the scores of models that weigh n-grams alike (one ``idf``)."""
    known = [one.logistic for one in learnt]
    logistic = Logistic(
        np.stack([one.weights for one in known]).mean(axis=0, dtype=np.float64).astype(np.float32),
        float(np.mean([one.intercept for one in known])),
        np.stack([one.precision for one in known]).mean(axis=0, dtype=np.float64).astype(np.float32),
        float(np.mean([one.intercept_precision for one in known])),
    )
    return GramModel(learnt[0].spec, learnt[0].idf, logistic)
