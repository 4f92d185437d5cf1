"""A row that an operator cannot take costs that row, and only the operator's own faults stop the work."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headwater.engine import Operator, RowError, apply_operators
from headwater.errors import EngineError, InputError, MissingExtraError

LENGTH = pa.schema([pa.field("length", pa.int64(), metadata={"meaning": "bytes of the text"})])

MASKED = pa.schema([pa.field("text", pa.string(), metadata={"meaning": "without a"})])


@dataclass(frozen=True)
class Measured:
    """Adds the length in bytes; raises for a batch with a text that begins with ``bad``."""

    name: str = "measured"
    version: int = 1
    adds: pa.Schema = LENGTH
    error: type[Exception] = ValueError

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        bad = batch["text"].filter(pc.starts_with(batch["text"], "bad"))
        if len(bad):
            raise self.error(f"cannot take {bad[0].as_py()!r}")
        return batch.append_column(self.adds.field(0), pc.cast(pc.binary_length(batch["text"]), pa.int64()))


@dataclass(frozen=True)
class Masked:
    """Replaces every a; raises for a batch with ``bare``."""

    name: str = "masked"
    version: int = 1
    adds: pa.Schema = MASKED

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if "bare" in batch["text"].to_pylist():
            raise IndexError
        return batch.set_column(0, batch.schema.field("text"), pc.replace_substring(batch["text"], "a", "_"))


@dataclass(frozen=True)
class Broken:
    """Returns what a function makes of the batch."""

    change: Callable[[pa.RecordBatch], object]
    name: str = "broken"
    version: int = 1
    adds: pa.Schema = LENGTH

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return self.change(Measured()(batch))


def batch_of(*texts: str) -> pa.RecordBatch:
    return pa.record_batch({"text": list(texts), "id": [f"d{place}" for place in range(len(texts))]})


def test_operators_add_their_columns_in_order():
    batch, errors = apply_operators([Measured(), Masked()], batch_of("an", "b", ""))
    assert errors == ()
    assert batch.to_pydict() == {"text": ["_n", "b", ""], "id": ["d0", "d1", "d2"], "length": [2, 1, 0]}
    assert batch.schema.field("length").metadata == {b"meaning": b"bytes of the text"}
    assert isinstance(Measured(), Operator)


def test_a_bad_row_has_an_error_and_no_value():
    batch, errors = apply_operators([Measured()], batch_of("one", "bad row", "three"))
    assert errors == (RowError(1, "measured", "ValueError: cannot take 'bad row'"),)
    assert batch["length"].to_pylist() == [3, None, 5]
    assert batch["text"].to_pylist() == ["one", "bad row", "three"]


@pytest.mark.parametrize("seed", range(8))
def test_exactly_the_bad_rows_are_found_wherever_they_stand(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 70))
    bad = rng.random(count) < rng.choice([0.02, 0.3, 0.9])
    texts = [f"bad {place}" if is_bad else "good" * place for place, is_bad in enumerate(bad)]
    batch, errors = apply_operators([Measured()], batch_of(*texts))
    assert [error.row for error in errors] == np.flatnonzero(bad).tolist()
    assert all(repr(texts[error.row]) in error.message for error in errors)
    assert batch["length"].to_pylist() == [None if is_bad else 4 * place for place, is_bad in enumerate(bad)]
    assert batch.select(["text", "id"]) == batch_of(*texts)


def test_a_bad_row_is_null_in_all_that_operators_add_or_replace_and_bad_once():
    texts = ["bare", "bad bare", "bad", "alas"]
    batch, errors = apply_operators([Masked(), Measured()], batch_of(*texts))
    assert [(error.row, error.operator) for error in errors] == [(0, "masked")]
    assert errors[0].message == "IndexError"
    # the masked texts no longer begin with "bad"; the first keeps no text that should have been masked
    assert batch["text"].to_pylist() == [None, "b_d b_re", "b_d", "_l_s"]
    batch, errors = apply_operators([Measured(), Masked()], batch_of(*texts))
    assert [(error.row, error.operator) for error in errors] == [(0, "masked"), (1, "measured"), (2, "measured")]
    assert batch.to_pydict() == {
        "text": [None, None, None, "_l_s"],
        "id": ["d0", "d1", "d2", "d3"],
        "length": [None, None, None, 4],
    }


def test_nothing_depends_on_where_batches_are_cut():
    batch = batch_of(*(f"bad {n}" if n % 7 == 3 else "x" * n for n in range(40)))
    whole, errors = apply_operators([Measured()], batch)
    halves = [apply_operators([Measured()], batch.slice(start, 13)) for start in range(0, 40, 13)]
    assert pa.Table.from_batches([part for part, _ in halves]).combine_chunks() == pa.Table.from_batches([whole])
    rows = [error.row + 13 * number for number, (_, some) in enumerate(halves) for error in some]
    assert rows == [error.row for error in errors]


def test_an_input_error_is_of_its_row_in_its_own_words():
    _, errors = apply_operators([Measured(error=InputError)], batch_of("fine", "bad"))
    assert errors == (RowError(1, "measured", "cannot take 'bad'"),)


def test_all_rows_bad_and_no_rows_at_all():
    batch, errors = apply_operators([Measured()], batch_of("bad", "bad"))
    assert len(errors) == 2
    assert batch["length"].to_pylist() == [None, None]
    batch, errors = apply_operators([Measured()], batch_of("x").slice(0, 0))
    assert (len(batch), errors) == (0, ())
    assert batch.schema.names == ["text", "id", "length"]


@pytest.mark.parametrize(
    "error", [MissingExtraError("it", "tokens"), MemoryError(), OSError("no model"), EngineError()]
)
def test_faults_that_are_not_of_a_row_are_raised(error):
    def fail(_: pa.RecordBatch) -> object:
        raise error

    with pytest.raises(type(error)):
        apply_operators([Broken(fail)], batch_of("x", "y"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda batch: batch.slice(1), "'broken' returned 1 rows for 2"),
        (lambda batch: pa.Table.from_batches([batch]), "returned a Table"),
        (lambda batch: batch.drop_columns(["length"]), "returned no column 'length'"),
        (lambda batch: batch.drop_columns(["text"]), "returned no column 'text'"),
        (lambda batch: batch.append_column("more", batch["id"]), "added the column 'more' without announcing"),
        (lambda batch: batch.set_column(2, "length", pa.array([1.0, 2.0])), "'length' as double; it must be int64"),
        (lambda batch: batch.take(pa.array([1, 0])), "changed 'id', or the order of rows"),
        (lambda batch: batch.set_column(0, "text", pa.array(["u", "v"])), "changed 'text'"),
    ],
)
def test_an_operator_that_does_not_keep_its_contract_is_named(change, message):
    with pytest.raises(EngineError, match=message):
        apply_operators([Broken(change)], batch_of("x", "yy"))
