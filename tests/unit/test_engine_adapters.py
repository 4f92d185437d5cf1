"""Operators as functions of tables: the same values in every library, bad rows never taken for measured ones."""

import pickle
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headwater.curate import TextStatistics
from headwater.engine import apply_operators, as_daft_function, as_table_function
from headwater.errors import ConfigError, EngineError, InputError

TEXTS = ["This is a text. It has words.", "one\nmore, of two lines", "", "Näher – 山火事 𝔘 e\u0301"]


@dataclass(frozen=True)
class Words:
    """Adds the number of words; cannot take a text that says so."""

    name: str = "words"
    version: int = 1

    @property
    def adds(self) -> pa.Schema:
        return pa.schema([pa.field("words", pa.int64(), metadata={"meaning": "words"})])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if pc.any(pc.match_substring(batch["text"], "no good")).as_py():
            raise ValueError("no good")
        words = pc.cast(pc.list_value_length(pc.utf8_split_whitespace(batch["text"])), pa.int64())
        return batch.append_column(self.adds.field(0), words)


@dataclass(frozen=True)
class Louder:
    """Replaces the text by capitals."""

    name: str = "louder"
    version: int = 1

    @property
    def adds(self) -> pa.Schema:
        return pa.schema([pa.field("text", pa.string(), metadata={"meaning": "in capitals"})])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        place = batch.schema.names.index("text")
        return batch.set_column(place, batch.schema.field("text"), pc.utf8_upper(batch["text"]))


def measured(texts: list[str]) -> list[dict[str, object]]:
    batch, _ = apply_operators([TextStatistics()], pa.record_batch({"text": texts}))
    return batch.drop_columns(["text"]).to_pylist()


def test_a_table_keeps_its_columns_and_rows_and_gains_the_measures():
    function = pickle.loads(pickle.dumps(as_table_function(TextStatistics())))
    table = pa.table({"n": [1, 2, 3, 4], "text": pa.chunked_array([TEXTS[:1], TEXTS[1:]])})
    after = function(table)
    assert after.schema.names[:2] == ["n", "text"]
    assert after.select(["n", "text"]).combine_chunks() == table.combine_chunks()
    assert after.drop_columns(["n", "text"]).to_pylist() == measured(TEXTS)
    assert function(table.slice(0, 0)).schema.equals(after.schema)


def test_batches_do_not_show():
    texts = [" ".join(["word"] * (n % 40 + 1)) for n in range(10_000)]
    assert as_table_function(Words())(pa.table({"text": texts}))["words"].to_pylist() == [
        n % 40 + 1 for n in range(10_000)
    ]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_any_arrow_text_will_do(kind):
    column = pa.array(TEXTS).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(TEXTS, kind)
    after = as_table_function(TextStatistics())(pa.table({"text": column}))
    assert after.drop_columns(["text"]).to_pylist() == measured(TEXTS)


def test_polars_pandas_and_duckdb_are_tables_too():
    polars = pytest.importorskip("polars", reason="a development dependency")
    pandas = pytest.importorskip("pandas", reason="comes with datasets, a development dependency")
    function = as_table_function(TextStatistics())
    frames = [polars.DataFrame({"text": TEXTS}), pandas.DataFrame({"text": TEXTS})]
    for frame in [*frames, duckdb.from_arrow(pa.table({"text": TEXTS}))]:
        after = function(frame)
        assert after.drop_columns(["text"]).to_pylist() == measured(TEXTS)
    assert polars.from_arrow(after)["words"].to_list() == [row["words"] for row in measured(TEXTS)]


def test_daft_gets_columns_beside_its_own():
    daft = pytest.importorskip("daft", reason="a development dependency")
    function = as_daft_function(TextStatistics(), errors="error")
    frame = daft.from_pydict({"n": list(range(5)), "text": [*TEXTS, None]})
    found = frame.select("*", function(frame["text"])).to_pylist()
    errors = [row.pop("error") for row in found]
    assert [row.pop("n") for row in found] == list(range(5))
    assert [row.pop("text") for row in found] == [*TEXTS, None]
    assert found == [*measured(TEXTS), dict.fromkeys(found[0])]
    assert errors == [None] * 4 + ["text: there is no text"]


def test_another_column_may_hold_the_texts():
    table = pa.table({"body": ["a b", "c"], "n": [1, 2]})
    after = as_table_function(Louder(), Words(), text="body")(table)
    assert after.to_pydict() == {"body": ["A B", "C"], "n": [1, 2], "words": [2, 1]}


def test_a_bad_row_is_an_error_that_names_it():
    ids = [f"d{n}" for n in range(5000)]
    texts = ["fine"] * 5000
    texts[4500] = "no good"
    with pytest.raises(
        InputError, match=r"^Row 4500 of the table, id d4500 cannot .*words: ValueError: no good.*errors="
    ):
        as_table_function(Words())(pa.table({"id": ids, "text": texts}))
    with pytest.raises(InputError, match=r"^Row 1 of the table cannot be measured: text: there is no text"):
        as_table_function(Words())(pa.table({"text": ["a", None]}))


def test_or_goes_on_with_its_error_beside_it():
    table = pa.table({"text": ["a b", "no good", None, "c"]})
    after = as_table_function(Louder(), Words(), errors="fault")(table)
    assert after.to_pydict() == {
        "text": ["A B", "NO GOOD", None, "C"],
        "words": [2, 2, None, 1],
        "fault": [None, None, "text: there is no text", None],
    }
    after = as_table_function(Words(), Louder(), errors="fault")(table)
    assert after["fault"].to_pylist() == [None, "words: ValueError: no good", "text: there is no text", None]
    assert after["text"].to_pylist() == ["A B", None, None, "C"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"body": ["a"]}), r"no column 'text'\. It has: body\. Name the column"),
        (pa.table({"text": [1]}), "'text' is int64; operators take texts"),
        (pa.table({"text": ["a"], "words": [1]}), "has a column 'words' already"),
        (pa.table({"text": ["a"], "error": [1]}), "has a column 'error' already"),
    ],
)
def test_tables_that_cannot_be_measured_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        as_table_function(Words(), errors="error")(table)


def test_operators_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="no operators are given"):
        as_table_function()
    with pytest.raises(ConfigError, match="'words' would be added twice"):
        as_table_function(Words(), Words())
    with pytest.raises(ConfigError, match="'words' would be added twice"):
        as_table_function(Words(), errors="words")
    with pytest.raises(EngineError, match="'words' returned"):
        as_table_function(_Short())(pa.table({"text": ["a", "b"]}))


@dataclass(frozen=True)
class _Short(Words):
    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return super().__call__(batch).slice(1)
