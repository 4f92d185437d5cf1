"""Gradient-boosted trees that predict a column of a table: the downstream model by which rows are judged.

The loss of a row is what the user of the table feels: minus the log probability of its class, or of its value under a
normal law around the prediction. A learner of human rows plus machine rows against one of human rows alone, on the same
human panel, is the paired form of "train on synthetic, test on real" (Esteban et al. 2017, arXiv:1706.02633).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import NotEnoughData
from headwater.models.learner import Losses
from headwater.models.table_form import VALUE, TableForm

_FLOOR = 0.01  # share of every prediction that is spread evenly: no row costs more than ln(classes / 0.01)
_LEAST_ROWS = 20
_HELD_OUT = 0.2
_LEAST_DEVIATION = 1e-6  # of the human range: rows whose target is one number


@dataclass(frozen=True, slots=True)
class BoostingModel:
    """Fitted trees."""

    form: TableForm
    trees: Any
    deviation: float
    """Standard deviation of the error, for a target of numbers."""

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """A model of one column given the others writes no rows.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("boosted trees predict; they write no rows")

    def loss(self, samples: pa.Table) -> Losses:
        """Return minus the log probability of each row's target given its other columns, in nats; one token each."""
        features, target = _inputs(self.form, samples)
        ones = np.ones(samples.num_rows, np.int64)
        if self.form.target_column.numeric:
            error = (target - self.trees.predict(features)) / self.deviation
            # A normal law, a hundredth of it spread over the human range: no row costs more than ln(range / 0.01).
            narrow = _log_normal(error) - math.log(self.deviation) + math.log1p(-_FLOOR)
            return Losses(-np.logaddexp(narrow, math.log(_FLOOR / _range(self.form))), ones)
        classes = self.form.target_column.categories
        assert classes is not None
        probability = np.full((samples.num_rows, len(classes)), _FLOOR / len(classes))
        probability[:, self.trees.classes_.astype(np.int64)] += (1 - _FLOOR) * self.trees.predict_proba(features)
        return Losses(-np.log(probability[np.arange(samples.num_rows), target.astype(np.int64)]), ones)


@dataclass(frozen=True, slots=True)
class BoostingLearner:
    """Fits trees to predict the target of a form."""

    form: TableForm
    iterations: int = 60
    leaves: int = 15
    rate: float = 0.1

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> BoostingModel:
        """Return trees fitted to rows; rows without a target are left out.

        Raises:
            NotEnoughData: fewer than twenty rows, or a single class.
        """
        features, target = _inputs(self.form, samples)
        there = ~np.isnan(target)
        features, target = features[there], target[there]
        if len(target) < _LEAST_ROWS:
            raise NotEnoughData(f"boosted trees need at least {_LEAST_ROWS} rows, got {len(target)}.")
        if not self.form.target_column.numeric:
            if len(np.unique(target)) < 2:
                return BoostingModel(self.form, _OneClass(target[0]), 1.0)
            return BoostingModel(self.form, self._trees(features, target), 1.0)
        order = rng.permutation(len(target))
        held, rest = np.split(order, [max(1, round(_HELD_OUT * len(order)))])
        error = target[held] - self._trees(features[rest], target[rest]).predict(features[held])
        deviation = max(float(np.sqrt(np.mean(np.square(error)))), _LEAST_DEVIATION * _range(self.form))
        return BoostingModel(self.form, self._trees(features, target), deviation)

    def _trees(self, features: NDArray[np.float64], target: NDArray[np.float64]) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if self.form.target_column.numeric else HistGradientBoostingClassifier
        categorical = [len(column.categories or ()) in range(1, 255) for column in self.form.features]
        return kind(
            max_iter=self.iterations,
            max_leaf_nodes=self.leaves,
            learning_rate=self.rate,
            categorical_features=np.array(categorical),
            early_stopping=False,
            random_state=0,
        ).fit(features, target)


@dataclass(frozen=True, slots=True)
class _OneClass:
    """What is learnt from rows of one class."""

    only: float

    @property
    def classes_(self) -> NDArray[np.float64]:
        return np.array([self.only])

    def predict_proba(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ones((len(features), 1))


def _inputs(form: TableForm, table: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    features = form.codes(table, [column.name for column in form.features])
    return features, form.codes(table.select([VALUE + form.target]), [form.target])[:, 0]


def _range(form: TableForm) -> float:
    """Return how far the human values of the target lie apart."""
    column = form.target_column
    return (column.high - column.low) or 1.0


def _log_normal(error: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.5 * np.square(error) - 0.5 * math.log(2 * math.pi)
