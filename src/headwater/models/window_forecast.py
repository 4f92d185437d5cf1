"""A linear forecast of the end of a window from its beginning: what windows without labels are judged by.

The loss of a window is what a user of a forecast feels: minus the log density of what came, under a normal law around
the forecast whose width was measured on units the forecast had not seen.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.errors import NotEnoughData
from headwater.models.learner import Losses
from headwater.models.windows import Floats, WindowForm, units_of

_BEGINNING = 2 / 3  # share of the window that is known
_PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
_FOLDS = 5
_FLOOR = 0.01  # share of a ten times wider law: one wild window does not decide alone
_LEAST_ROWS = 20
_LEAST_DEVIATION = 1e-3  # in standard deviations of the channel


@dataclass(frozen=True, slots=True)
class WindowForecast:
    """A fitted forecast."""

    form: WindowForm
    weights: Floats
    """Shape (inputs + 1, outputs); the last row is the intercept."""
    deviation: Floats
    """Standard deviation of the error of each output."""

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """A forecast of ends given beginnings writes no windows.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a forecast predicts; it writes no windows")

    def loss(self, samples: pa.Table) -> Losses:
        """Return minus the log density of each window's end given its beginning, in nats per value, one token each."""
        known, wanted = _parts(self.form, samples)
        error = (wanted - known @ self.weights) / self.deviation
        narrow = -0.5 * np.square(error) + math.log1p(-_FLOOR)
        wide = -0.5 * np.square(error / 10) - math.log(10) + math.log(_FLOOR)
        density = np.logaddexp(narrow, wide) - np.log(self.deviation) - 0.5 * math.log(2 * math.pi)
        return Losses(-density.mean(axis=1), np.ones(len(error), np.int64))


@dataclass(frozen=True, slots=True)
class WindowForecastLearner:
    """Fits a ridge regression; deterministic, so that a pair differs by its data alone.

    The penalty stands beside the mean loss: beside a summed one, more windows of whatever kind would loosen it.
    """

    form: WindowForm
    penalty: float = 1e-3

    @classmethod
    def tuned(cls, form: WindowForm, human: pa.Table) -> "WindowForecastLearner":
        """Return the learner whose penalty forecasts unseen units of human windows best."""
        known, wanted = _parts(form, human)
        folds = units_of(human) % _FOLDS
        errors = [float(np.square(_unseen_errors(known, wanted, folds, one)).mean()) for one in _PENALTIES]
        return cls(form, _PENALTIES[int(np.argmin(errors))])

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> WindowForecast:  # noqa: ARG002
        """Return the forecast fitted to windows.

        Raises:
            NotEnoughData: there are fewer than twenty windows, or they are of fewer than five units.
        """
        known, wanted = _parts(self.form, samples)
        units = units_of(samples)
        if len(known) < _LEAST_ROWS or units.max() + 1 < _FOLDS:
            raise NotEnoughData(
                f"a forecast needs {_LEAST_ROWS} windows of {_FOLDS} segments, got {len(known)} of "
                f"{len(np.unique(units))}. Give more recordings, a smaller stride, or a larger share for training."
            )
        errors = _unseen_errors(known, wanted, units % _FOLDS, self.penalty)
        deviation = np.maximum(np.sqrt(np.square(errors).mean(axis=0)), _LEAST_DEVIATION)
        return WindowForecast(self.form, _ridge(known, wanted, self.penalty), deviation)


def _parts(form: WindowForm, table: pa.Table) -> tuple[Floats, Floats]:
    rows = form.standard(table)
    cut = max(1, min(round(form.length * _BEGINNING), form.length - 1)) * len(form.channels)
    return np.c_[rows[:, :cut], np.ones(len(rows))], rows[:, cut:]


def _ridge(known: Floats, wanted: Floats, penalty: float) -> Floats:
    hold = np.full(known.shape[1], penalty)
    hold[-1] = 1e-12  # the intercept is free
    return np.asarray(np.linalg.solve(known.T @ known / len(known) + np.diag(hold), known.T @ wanted / len(known)))


def _unseen_errors(known: Floats, wanted: Floats, folds: np.ndarray, penalty: float) -> Floats:
    errors = np.empty_like(wanted)
    for fold in np.unique(folds):
        held = folds == fold
        errors[held] = wanted[held] - known[held] @ _ridge(known[~held], wanted[~held], penalty)
    return errors
