"""How well a classifier tells a recipe's documents from unseen human ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.diagnosis.base import HumanSide, owners_of, sampled, tokens_of
from headwater.measure import auroc

_FEATURES = 1 << 16
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd constant of Fibonacci hashing
FOLDS = 5
_PENALTY = 1.0  # as much as one document weighs; between 0.3 and 3 the area changes by less than its standard error


@dataclass(frozen=True)
class Discriminated:
    """How far a batch can be told from human text."""

    auc: float
    """Chance that a machine document scores above a human one; 0.5 where nothing tells them apart."""
    error: float
    """Standard error of it over documents (Hanley and McNeil 1982)."""


def discriminate(documents: pa.Table, human: HumanSide, rng: np.random.Generator) -> Discriminated | None:
    """Return the cross-validated area under the curve of a classifier; None where a side has too few documents.

    Ridge regression of the label on the log counts of hashed words and word pairs, each document of length 1 and each
    side of equal weight, five folds, solved once in its dual form: faster than a logistic regression, with the same
    areas (benchmarks/diagnosis.py). What belongs together (``unit`` of human documents, ``group`` of others) is in one
    fold, and no document is scored by a classifier that has seen it.
    """
    machine = sampled(documents, rng)
    people = sampled(human.reference, rng)
    if min(machine.num_rows, people.num_rows) < 2 * FOLDS:
        return None
    from scipy.sparse import vstack

    inputs = vstack([features(machine), features(people)]).tocsr()
    labels = np.r_[np.ones(machine.num_rows), np.zeros(people.num_rows)]
    fold = np.concatenate([_folds(machine["group"], rng), _folds(people["unit"], rng)])
    alike = np.asarray((inputs @ inputs.T).todense()) + 1.0  # the 1 is the intercept
    if any(len(np.unique(labels[fold != part])) < 2 for part in range(FOLDS)):
        return None
    scores = _held_out(alike, labels, fold)
    auc = auroc(scores[labels == 0], scores[labels == 1])
    return Discriminated(auc, _standard_error(auc, machine.num_rows, people.num_rows))


def _held_out(alike: NDArray[np.float64], labels: NDArray[np.float64], fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the score of each document by weighted ridge regression on the documents of the other folds.

    With A = (K + diag(penalty / weight))^-1 fitted to all, the residual of a fold that is left out is A_hh^-1 (A y)_h.
    """
    machine = labels == 1
    weight = np.where(machine, 0.5 / machine.mean(), 0.5 / (~machine).mean())
    inverse = np.linalg.inv(alike + np.diag(_PENALTY / weight))
    aim = 2 * labels - 1
    fitted = inverse @ aim
    scores = np.zeros(len(labels))
    for part in range(FOLDS):
        held = np.flatnonzero(fold == part)
        scores[held] = aim[held] - np.linalg.solve(inverse[np.ix_(held, held)], fitted[held])
    return scores


def features(documents: pa.Table) -> Any:
    """Return one sparse row of unit length per document: log counts of hashed words and word pairs."""
    from scipy.sparse import coo_matrix

    tokens, owners = tokens_of(documents).astype(np.uint64), owners_of(documents)
    inside = owners[1:] == owners[:-1]
    pairs = (tokens[:-1] * np.uint64(1_000_003) + tokens[1:] + np.uint64(1))[inside]
    grams = np.concatenate([tokens, pairs * _MIX])
    for _ in range(2):
        grams = grams * _MIX
        grams ^= grams >> np.uint64(32)
    place = (np.concatenate([owners, owners[1:][inside]]), (grams % np.uint64(_FEATURES)).astype(np.int64))
    counts = coo_matrix((np.ones(len(grams)), place), shape=(documents.num_rows, _FEATURES)).tocsr()
    counts.data = 1 + np.log(counts.data)
    return unit_length(counts)


def unit_length(rows: Any) -> Any:
    """Return a sparse matrix with its rows scaled to length 1; empty rows stay."""
    from scipy.sparse import diags

    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return diags(1 / np.where(lengths > 0, lengths, 1)) @ rows


def _folds(column: pa.ChunkedArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each row; rows of one name share it, rows without a name stand alone."""
    names = [f"\0{row}" if name is None else name for row, name in enumerate(column.to_pylist())]
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    fold = rng.permutation(len(known)) % FOLDS
    return np.asarray(fold[[known[name] for name in names]], np.int64)


def _standard_error(auc: float, first: int, second: int) -> float:
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (first - 1) * (q1 - auc**2) + (second - 1) * (q2 - auc**2)
    return float(np.sqrt(max(variance, 0.0) / (first * second)))
