"""Any synthesizer of tables with ``fit`` and ``sample`` as a learner: those of the Synthetic Data Vault, for one.

The interface is SDV's (Patki et al. 2016, "The Synthetic Data Vault"): ``synthesizer.fit(data)`` takes a pandas
DataFrame, ``synthesizer.sample(num_rows=n)`` returns one. Nothing of it is rewritten here, and none is a requirement of
Headwater: whoever brings a synthesizer brings the package.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.errors import InputError
from headwater.models.learner import Losses
from headwater.models.table_form import TableForm, value_columns


@dataclass(frozen=True, slots=True)
class SynthesizerModel:
    """A fitted synthesizer."""

    form: TableForm
    synthesizer: Any

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:  # noqa: ARG002  (the synthesizer has its own)
        """Return ``n`` rows as columns ``value.<column>``; a value no human row has is left for the checks to find.

        Raises:
            InputError: the synthesizer returned another number of rows, or lacks a column.
        """
        frame = self.synthesizer.sample(num_rows=n)
        lacking = [column.name for column in self.form.columns if column.name not in frame.columns]
        if len(frame) != n or lacking:
            raise InputError(
                f"{type(self.synthesizer).__name__}.sample(num_rows={n}) returned {len(frame)} rows"
                + (f" without the columns {', '.join(lacking)}" if lacking else "")
                + ". It must return as many rows as asked for, with the columns it was fitted to."
            )
        return self.form.conform(pa.Table.from_pandas(frame, preserve_index=False))

    def loss(self, samples: pa.Table) -> Losses:
        """A synthesizer says nothing of how likely a row is.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a synthesizer with fit and sample alone has no loss; use CopulaLearner for one")


@dataclass(frozen=True, slots=True)
class SynthesizerLearner:
    """Fits a new synthesizer to each set of rows."""

    form: TableForm
    make: Callable[[Any], Any]
    """Is given the DataFrame and returns an unfitted synthesizer, with a metadata object of its own where it needs one:
    ``lambda data: GaussianCopulaSynthesizer(Metadata.detect_from_dataframe(data))``."""

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> SynthesizerModel:  # noqa: ARG002
        """Return a synthesizer fitted to rows with the columns ``value.<column>``.

        Its randomness is its own: the same rows give the same model only where it draws from a fixed seed.

        Raises:
            InputError: what was made has no ``fit`` or no ``sample``.
        """
        frame = value_columns(samples).to_pandas()
        synthesizer = self.make(frame)
        for name in ("fit", "sample"):
            if not callable(getattr(synthesizer, name, None)):
                raise InputError(f"{type(synthesizer).__name__} has no method {name}; it must have fit and sample.")
        synthesizer.fit(frame)
        return SynthesizerModel(self.form, synthesizer)
