"""Synthesizers with fit and sample as learners: what they get, what is taken from them, and what is refused."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import InputError
from headwater.models.synthesizer import SynthesizerLearner
from headwater.models.table_form import TableForm

pandas = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "age": rng.integers(18, 90, 200).astype(float),
            "work": pa.array([None if i % 9 == 0 else ("public", "private")[i % 2] for i in range(200)]),
            "rich": [("no", "yes")[i % 3 == 0] for i in range(200)],
        }
    )


class Columns:
    """A synthesizer that draws every column on its own from a seed of its own."""

    def fit(self, data: Any) -> None:
        self.data = data

    def sample(self, num_rows: int) -> Any:
        rng = np.random.default_rng(1)
        return pandas.DataFrame(
            {name: self.data[name].to_numpy()[rng.integers(len(self.data), size=num_rows)] for name in self.data}
        )


class Short(Columns):
    """One that returns a row too few."""

    def sample(self, num_rows: int) -> Any:
        return super().sample(num_rows - 1)


class Lacking(Columns):
    """One that loses a column."""

    def sample(self, num_rows: int) -> Any:
        return super().sample(num_rows).drop(columns=["work"])


class Inventive(Columns):
    """One that invents a category and writes words where numbers belong."""

    def sample(self, num_rows: int) -> Any:
        return super().sample(num_rows).assign(work="space", age="old")


def _learner(rows: pa.Table, make: Any) -> tuple[SynthesizerLearner, pa.Table]:
    form = TableForm.of(rows, "rich")
    return SynthesizerLearner(form, lambda _: make()), form.conform(rows)


def test_a_synthesizer_gets_the_rows_as_they_were_and_its_rows_come_back_in_the_form(rows: pa.Table) -> None:
    learner, values = _learner(rows, Columns)
    model = learner.fit(values, np.random.default_rng(0))
    assert list(model.synthesizer.data.columns) == ["age", "work", "rich"]
    drawn = model.sample(5000, np.random.default_rng(0))
    assert drawn.schema == values.schema
    assert drawn.num_rows == 5000
    # A ninth is missing, 23 of 200: within five standard errors in all but one of a million seeds.
    assert abs(drawn["value.work"].null_count / 5000 - 23 / 200) < 5 * np.sqrt(0.115 * 0.885 / 5000)
    assert set(drawn["value.rich"].to_pylist()) == {"no", "yes"}


def test_what_no_human_row_has_is_left_for_the_checks(rows: pa.Table) -> None:
    learner, values = _learner(rows, Inventive)
    drawn = learner.fit(values, np.random.default_rng(0)).sample(10, np.random.default_rng(0))
    assert drawn["value.age"].null_count == 10
    assert set(drawn["value.work"].to_pylist()) == {"space"}
    assert np.isnan(learner.form.codes(drawn)[:, :2]).all()


@pytest.mark.parametrize(("make", "message"), [(Short, "returned 9 rows"), (Lacking, "without the columns work")])
def test_a_synthesizer_that_returns_something_else_is_refused(rows: pa.Table, make: Any, message: str) -> None:
    learner, values = _learner(rows, make)
    with pytest.raises(InputError, match=message):
        learner.fit(values, np.random.default_rng(0)).sample(10, np.random.default_rng(0))


def test_what_is_no_synthesizer_is_refused(rows: pa.Table) -> None:
    learner, values = _learner(rows, object)
    with pytest.raises(InputError, match="object has no method fit"):
        learner.fit(values, np.random.default_rng(0))
