"""A classifier of windows: what windows with labels are judged by.

Multinomial logistic regression on the standardised values; the loss of a window is minus the log probability of its
label.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import NotEnoughData
from headwater.models.learner import Losses
from headwater.models.windows import Floats, WindowForm, units_of

_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
_FOLDS = 5
_FLOOR = 0.01  # share of every prediction that is spread evenly: no window costs more than ln(labels / 0.01)
_LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class WindowClassifier:
    """A fitted classifier."""

    form: WindowForm
    fitted: Any

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """A classifier writes no windows.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a classifier names labels; it writes no windows")

    def loss(self, samples: pa.Table) -> Losses:
        """Return minus the log probability of each window's label in nats, one token each."""
        return Losses(
            _nats(self.fitted, self.form.standard(samples), self.form.codes(samples), len(self.form.labels)),
            np.ones(samples.num_rows, np.int64),
        )


@dataclass(frozen=True, slots=True)
class WindowClassifierLearner:
    """Fits the classifier; its penalty stands beside the mean loss, so that more windows alone do not loosen it."""

    form: WindowForm
    penalty: float = 1e-2

    @classmethod
    def tuned(cls, form: WindowForm, human: pa.Table) -> "WindowClassifierLearner":
        """Return the learner whose penalty names the labels of unseen units of human windows best."""
        rows, codes, folds = form.standard(human), form.codes(human), units_of(human) % _FOLDS
        losses = []
        for penalty in _PENALTIES:
            nats = [
                _nats(_logistic(rows[folds != one], codes[folds != one], penalty), rows[folds == one],
                      codes[folds == one], len(form.labels))
                for one in np.unique(folds)
            ]  # fmt: skip
            losses.append(float(np.concatenate(nats).mean()))
        return cls(form, _PENALTIES[int(np.argmin(losses))])

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> WindowClassifier:  # noqa: ARG002
        """Return the classifier fitted to windows; those of unknown labels are left out.

        Raises:
            NotEnoughData: there are fewer than twenty windows.
        """
        codes = self.form.codes(samples)
        known = codes >= 0
        if int(known.sum()) < _LEAST_ROWS:
            raise NotEnoughData(f"a classifier needs at least {_LEAST_ROWS} windows, got {int(known.sum())}.")
        return WindowClassifier(self.form, _logistic(self.form.standard(samples)[known], codes[known], self.penalty))


@dataclass(frozen=True, slots=True)
class _OneLabel:
    """What is learnt from windows of one label."""

    classes_: NDArray[np.int64]

    def predict_proba(self, rows: Floats) -> Floats:
        return np.ones((len(rows), 1))


def _logistic(rows: Floats, codes: NDArray[np.int64], penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(codes)
    if len(classes) == 1:
        return _OneLabel(classes)
    return LogisticRegression(C=1 / (penalty * len(rows)), max_iter=500, tol=1e-5).fit(rows, codes)


def _nats(fitted: Any, rows: Floats, codes: NDArray[np.int64], labels: int) -> Floats:
    """Return minus the log probability of each label; one nobody knows has the floor's."""
    probability = np.full((len(rows), labels), _FLOOR / labels)
    probability[:, fitted.classes_] += (1 - _FLOOR) * fitted.predict_proba(rows)
    return np.where(codes >= 0, -np.log(probability[np.arange(len(rows)), codes]), -math.log(_FLOOR / labels))
