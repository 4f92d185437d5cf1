"""Data selection by importance resampling (DSIR): the candidates' word pairs are to match the human ones.

Xie, Santurkar, Ma and Liang, *Data Selection for Language Models via Importance Resampling*, NeurIPS 2023
(arXiv:2302.03169), section 3: bags of hashed word 1- and 2-grams in 10,000 buckets, log weight = sum of counts times
(log p - log q), Gumbel noise added, highest weights kept (sampling without replacement).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.selection.base import take_tokens

_SMOOTHING = 1e-8  # as in the authors' code
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd constant of Fibonacci hashing


@dataclass(frozen=True, slots=True)
class DSIR:
    """Train on candidates resampled by importance weight."""

    buckets: int = 10_000
    """Number of hash buckets (the paper's)."""
    name: str = "dsir"

    def choose(self, candidates: pa.Table, human: pa.Table, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        """Return candidates by descending noisy log weight until the budget is reached."""
        weights = self.log_weights(candidates, human)
        noisy = weights + rng.gumbel(size=len(weights))
        return take_tokens(candidates, np.argsort(-noisy, kind="stable"), n_tokens)

    def log_weights(self, candidates: pa.Table, human: pa.Table) -> NDArray[np.float64]:
        """Return the log importance weight of each candidate (nats)."""
        theirs, owner = self._bucketed(candidates)
        p = self._shares(self._bucketed(human)[0])
        q = self._shares(theirs)
        ratio = np.log(p + _SMOOTHING) - np.log(q + _SMOOTHING)
        return np.bincount(owner, weights=ratio[theirs], minlength=candidates.num_rows).astype(np.float64)

    def _shares(self, buckets: NDArray[np.int64]) -> NDArray[np.float64]:
        counts = np.bincount(buckets, minlength=self.buckets)
        return counts / max(int(counts.sum()), 1)

    def _bucketed(self, table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the bucket of every 1- and 2-gram and the document it belongs to."""
        lists = table["tokens"].combine_chunks()
        tokens = lists.flatten().to_numpy(zero_copy_only=False).astype(np.uint64)
        lengths = np.asarray(lists.value_lengths().to_numpy(zero_copy_only=False), np.int64)
        owner = np.repeat(np.arange(table.num_rows), lengths)
        inside = owner[1:] == owner[:-1]
        pairs = (tokens[:-1] * np.uint64(1_000_003) + tokens[1:] + np.uint64(1))[inside]
        grams = np.concatenate([tokens, pairs * _MIX])
        # Two rounds: after one the consecutive token ids of frequent words leave half of the buckets empty.
        for _ in range(2):
            grams = grams * _MIX
            grams ^= grams >> np.uint64(32)
        return (grams % np.uint64(self.buckets)).astype(np.int64), np.concatenate([owner, owner[1:][inside]])
