"""Held-out human documents and the comparison of two models on them, one number per independent unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.decide import group_means
from headwater.errors import InputError
from headwater.models.learner import Losses


@dataclass(frozen=True)
class ScoringPanel:
    """A panel with its units. Losses are averaged per unit, because documents of a unit are not independent."""

    documents: pa.Table
    """Documents with the columns ``tokens`` and ``unit``."""

    @cached_property
    def units(self) -> NDArray[np.str_]:
        """Unit of each document."""
        return np.asarray(self.documents["unit"].to_pylist(), dtype=np.str_)

    @property
    def n_units(self) -> int:
        """Number of independent units."""
        return len(np.unique(self.units)) if self.documents.num_rows else 0

    def gains(self, without: Losses, with_: Losses) -> NDArray[np.float64]:
        """Return loss without minus loss with, mean nats per token of each unit; positive = the batch helps.

        Raises:
            InputError: the two models count the tokens of a document differently.
        """
        other = np.flatnonzero(without.tokens != with_.tokens)
        if len(other):
            row = int(other[0])
            raise InputError(
                f"The two models of a pair count the tokens of {len(other)} panel documents differently "
                f"({self.documents['id'][row].as_py()}: {without.tokens[row]} and {with_.tokens[row]}), so their "
                "losses cannot be compared. Count words or bytes, or score both with one tokenizer."
            )
        return group_means(without.nats - with_.nats, without.tokens, self.units)[0]

    def mean_loss(self, losses: Losses) -> float:
        """Return nats per token, averaged over units."""
        return float(group_means(losses.nats, losses.tokens, self.units)[0].mean())

    def slices(self, rare: NDArray[np.bool_], least_units: int = 20) -> Mapping[str, NDArray[np.bool_]]:
        """Return documents by slice: those of each source, and the quarter with the most rare words.

        Args:
            rare: for each token id whether it is rare in the human training text.
            least_units: a slice with fewer units is left out, since nothing could be shown about it.
        """
        sources = np.asarray([source or "" for source in self.documents["source"].to_pylist()], dtype=np.str_)
        shares = np.array([rare[tokens].mean() if len(tokens) else 0.0 for tokens in self._tokens()])
        found = {f"source {name}": sources == name for name in np.unique(sources) if name}
        if len(shares):
            # Where fewer than a quarter hold any, the slice is those that do.
            found["many rare words"] = (shares > 0) & (shares >= np.quantile(shares, 0.75))
        return self.large_enough(found, least_units)

    def large_enough(
        self, slices: Mapping[str, NDArray[np.bool_]], least_units: int = 20
    ) -> Mapping[str, NDArray[np.bool_]]:
        """Return the slices of at least so many units; about a smaller one nothing could be shown."""
        return {name: mask for name, mask in slices.items() if len(np.unique(self.units[mask])) >= least_units}

    def _tokens(self) -> list[NDArray[np.int32]]:
        return [np.asarray(tokens, np.int32) for tokens in self.documents["tokens"].to_pylist()]
