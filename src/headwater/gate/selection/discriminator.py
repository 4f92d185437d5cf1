"""Density ratio by a classifier that tells human text from the candidates."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.gate.selection.base import take_tokens


@dataclass(frozen=True, slots=True)
class Discriminator:
    """Train on candidates resampled by the odds that a classifier gives them of being human.

    Logistic regression on hashed word 1- and 2-grams (term frequencies); log weight = log odds, Gumbel noise added,
    highest weights kept, as in DSIR. Scores come from 2-fold cross-fitting, so that no candidate is scored by a
    classifier that has seen it.
    """

    features: int = 2**16
    """Number of hashed features."""
    name: str = "discriminator"

    def choose(self, candidates: pa.Table, human: pa.Table, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        """Return candidates by descending noisy log odds until the budget is reached."""
        from scipy.sparse import vstack
        from sklearn.feature_extraction.text import HashingVectorizer
        from sklearn.linear_model import LogisticRegression

        if candidates.num_rows < 2:  # cross-fitting needs one candidate to learn from and another to score
            return take_tokens(candidates, np.arange(candidates.num_rows), n_tokens)
        vectorizer = HashingVectorizer(n_features=self.features, ngram_range=(1, 2), alternate_sign=False, norm="l2")
        machine = vectorizer.transform(candidates["text"].to_pylist())
        people = vectorizer.transform(human["text"].to_pylist())
        log_odds = np.zeros(candidates.num_rows)
        fold = rng.permutation(candidates.num_rows) % 2
        human_fold = rng.permutation(human.num_rows) % 2
        for part in (0, 1):
            inputs = vstack([people[human_fold != part], machine[fold != part]])
            labels = np.r_[np.ones((human_fold != part).sum()), np.zeros((fold != part).sum())]
            classifier = LogisticRegression(C=10.0, solver="liblinear", class_weight="balanced").fit(inputs, labels)
            log_odds[fold == part] = classifier.decision_function(machine[fold == part])
        noisy = log_odds + rng.gumbel(size=len(log_odds))
        return take_tokens(candidates, np.argsort(-noisy, kind="stable"), n_tokens)
