"""Rules of the user's own: what they decide, what they cannot do, and what is said where they are wrong."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.curate import PythonRule, SqlRule
from headwater.engine import apply_operators, operator_key
from headwater.errors import ConfigError, EngineError

BATCH = pa.record_batch({
    "id": ["1", "2", "3"],
    "text": ["ten words", "17", "Some LOUD words"],
    "words": pa.array([2, 1, 3], pa.int32()),
    "language": ["en", None, "de"],
})  # fmt: skip

CODE = '''
"""Rules."""
import numpy as np
import pyarrow.compute as pc

def numbers(batch):
    return pc.equal(batch["words"], 1)

def as_numpy(batch):
    return batch["words"].to_numpy() > 1

def as_list(batch):
    return [True, None, False][: len(batch)]

def fails_on_digits(batch):
    return [int(text) < 0 if text[:1].isdigit() else False for text in batch["text"].to_pylist() if check(text)]

def check(text):
    if text == "17":
        raise ValueError("no number, please")
    return True

def length(batch):
    return pc.utf8_length(batch["text"])

def too_few(batch):
    return [True]

def of_text(batch):
    return batch["text"]

def nothing(batch):
    return None

constant = 3
'''


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "my_rules.py"
    path.write_text(CODE)
    return path


def test_a_function_in_a_file_decides(rules: Path) -> None:
    measured = PythonRule("numbers", f"{rules}:numbers")(BATCH)
    assert measured.schema.names == [*BATCH.schema.names, "custom_numbers"]
    assert measured["custom_numbers"].to_pylist() == [False, True, False]
    assert PythonRule("a", f"{rules}:as_numpy")(BATCH)["custom_a"].to_pylist() == [True, False, True]
    # What is unknown does not drop.
    assert PythonRule("a", f"{rules}:as_list")(BATCH)["custom_a"].to_pylist() == [True, False, False]
    assert PythonRule("a", f"{rules}:as_list")(BATCH.slice(0, 0)).num_rows == 0


def test_a_function_may_return_numbers(rules: Path) -> None:
    rule = PythonRule("length", f"{rules}:length", measures=True)
    assert rule.adds.field("custom_length").type == pa.float64()
    assert rule(BATCH)["custom_length"].to_pylist() == [9.0, 2.0, 15.0]


def test_a_function_of_a_module(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(rules.parent))
    rule = PythonRule("numbers", "my_rules:numbers")
    assert "my_rules" not in sys.modules  # naming it runs nothing
    assert rule(BATCH)["custom_numbers"].to_pylist() == [False, True, False]
    del sys.modules["my_rules"]


def test_rows_a_function_cannot_take_are_set_aside(rules: Path) -> None:
    rule = PythonRule("digits", f"{rules}:fails_on_digits")
    measured, errors = apply_operators([rule], BATCH)
    assert [(error.row, error.operator) for error in errors] == [(1, "custom_digits")]
    assert "no number, please" in errors[0].message
    assert measured["custom_digits"].to_pylist() == [False, None, False]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("too_few", r"The rule 'x' \(.*:too_few\) returned 1 values of type bool for 3 rows; it must return a boolean"),
        ("of_text", r"returned 3 values of type string for 3 rows"),
        ("nothing", r"returned NoneType for 3 rows"),
        ("length", r"returned 3 values of type int32 for 3 rows"),
    ],
)
def test_a_function_that_returns_something_else(rules: Path, function: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        PythonRule("x", f"{rules}:{function}")(BATCH)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("{file}:number", r"it has no function 'number', but: .*numbers.*Did you mean 'numbers'\?"),
        ("{file}", "this names no function"),
        ("{file}:", "this names no function"),
        ("{folder}/other.py:f", r"other\.py cannot be read: No such file"),
        (
            "no_such_module_at_all:f",
            "no module 'no_such_module_at_all' can be imported from here; name its file instead",
        ),
        ("no_such.module:f", "the module cannot be found"),
        ("sys:exit", "no module 'sys' can be imported"),
        ("{folder}/broken.py:f", r"this is no Python \(line 1\)"),
    ],
)
def test_a_target_that_is_none(rules: Path, target: str, message: str) -> None:
    (rules.parent / "broken.py").write_text("def f(:\n")
    with pytest.raises(ConfigError, match=message):
        PythonRule("x", target.format(file=rules, folder=rules.parent))


def test_other_code_is_another_rule(rules: Path) -> None:
    rule = PythonRule("numbers", f"{rules}:numbers")
    assert pickle.loads(pickle.dumps(rule)) == rule
    key = operator_key(rule)
    rules.write_text(CODE.replace("== 1", "== 2").replace("equal", "not_equal"))
    changed = PythonRule("numbers", f"{rules}:numbers")
    assert operator_key(changed) != key
    assert changed(BATCH)["custom_numbers"].to_pylist() == [True, False, True]
    # A worker that loads the rule now would run other code than was announced.
    late = pickle.loads(pickle.dumps(rule))
    with pytest.raises(ConfigError, match="was changed since the work began"):
        late(BATCH)


def test_what_is_no_function_is_said_when_it_is_called(rules: Path) -> None:
    with pytest.raises(ConfigError, match="'constant' is no function"):
        PythonRule("x", f"{rules}:constant")(BATCH)


@pytest.mark.parametrize("kind", [PythonRule, SqlRule])
@pytest.mark.parametrize("name", ["", "Loud", "9", "a-b", "a b", "x" * 41, "naïve"])
def test_names_that_cannot_be_columns(kind: type, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be part of a column's name: allowed are small letters"):
        kind(name, "true")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("words < 3 AND language = 'en'", [True, False, False]),
        ("words IS NULL", [False, False, False]),
        ("language = 'en'", [True, False, False]),  # null is not true
        ("language IS NULL", [False, True, False]),
        ("regexp_matches(text, '[A-Z]{3}')", [False, False, True]),
        ("TRY_CAST(text AS INTEGER) = 17", [False, True, False]),
        ("len(list_filter(string_split(text, ' '), lambda x: length(x) > words + 1)) > 0", [True, False, True]),
        ("WORDS > 2 -- remark", [False, False, True]),
        ("text = 'it''s; DROP TABLE documents'", [False, False, False]),
        ("CASE WHEN words > 2 THEN text LIKE 'S%' ELSE false END", [False, False, True]),
    ],
)
def test_an_expression_decides(expression: str, expected: list[bool]) -> None:
    rule = SqlRule("mine", expression)
    rule.check(BATCH.schema)
    measured = rule(BATCH)
    assert measured.schema.names == [*BATCH.schema.names, "custom_mine"]
    assert measured["custom_mine"].to_pylist() == expected
    parts = [rule(BATCH.slice(row, 1))["custom_mine"][0].as_py() for row in range(3)]
    assert parts == expected
    assert rule(BATCH.slice(0, 0)).num_rows == 0


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "this is empty"),
        ("words <", "syntax error .* at its end"),
        ("words << < 3", 'syntax error at or near "<" at character 10'),
        (
            "wrds < 3",
            r"there is no column 'wrds' at character 1\. Known: id, text, words, language\. Did you mean 'words'\?",
        ),
        ("lenth(text) > 3", r"there is no such function: lenth\(\) at character 1\. Did you mean 'length'\?"),
        ("count(*) > 1", "needs more than its row"),
        ("words > avg(words)", r"avg\(\) at character 9 needs more than its row"),
        ("row_number() OVER () > 1", "a window function at character 1 needs more than its row"),
        ("words IN (SELECT 1)", "a subquery at character 10 needs more than its row"),
        ("COLUMNS(*) > 1", "needs more than its row"),
        ("random() > 0.5", r"random\(\) at character 1 gives another value each time"),
        ("now() > '2020-01-01'", "gives another value each time"),
        ("words > $limit", "a parameter at character 9 has no value here"),
        ("words + 1", "this is a value of type int32, not true or false"),
        ("words + language > 3", "No function matches the given name and argument types"),
        ("text ~ '['", "missing ]"),
        ("true; DROP TABLE documents", "syntax error"),
        ("true) FROM documents --", "syntax error"),
        ("true, false", "not true or false"),
    ],
)
def test_an_expression_that_is_wrong(expression: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SqlRule("mine", expression).check(BATCH.schema)


def test_an_unknown_column_stops_the_job_not_the_row() -> None:
    with pytest.raises(ConfigError, match="there is no column 'lines'"):
        apply_operators([SqlRule("mine", "lines > 3")], BATCH)


def test_rows_on_which_an_expression_fails_are_set_aside() -> None:
    measured, errors = apply_operators([SqlRule("mine", "CAST(text AS INTEGER) > 3")], BATCH)
    assert [error.row for error in errors] == [0, 2]
    assert "Could not convert string" in errors[0].message
    assert measured["custom_mine"].to_pylist() == [None, True, None]


def test_an_expression_reaches_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for expression in (
        f"text = read_text('{secret}')", f"text IN (SELECT content FROM read_text('{secret}'))",
        f"EXISTS (FROM '{secret}')", "getenv('HOME') = 'x'", f"(COPY documents TO '{tmp_path}/out.csv')",
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            SqlRule("mine", expression).check(BATCH.schema)
    from headwater.curate import sql_rule

    # Nor does anything else that is run in the same place.
    for statement in (
        f"SELECT * FROM read_text('{secret}')", f"SELECT * FROM '{secret}'", f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        "SET enable_external_access = true", f"ATTACH '{tmp_path}/x.db'", "INSTALL httpfs",
    ):  # fmt: skip
        with pytest.raises(Exception, match=r"disabled by configuration|has been locked|does not exist"):
            sql_rule._connection().cursor().execute(statement)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.txt"]


def test_operators_of_expressions() -> None:
    rule = SqlRule("mine", "words > 3")
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert rule.name == "custom_mine"
    assert (
        len(
            {
                operator_key(rule),
                operator_key(SqlRule("mine", "words > 4")),
                operator_key(SqlRule("other", "words > 3")),
            }
        )
        == 3
    )
    assert b"words > 3" in rule.adds.field("custom_mine").metadata[b"meaning"]


def test_many_rows_keep_their_order() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(0, 100, 50_000)
    batch = pa.record_batch({"text": pa.array(["x"] * len(words)), "words": words})
    assert (SqlRule("few", "words < 30")(batch)["custom_few"].to_numpy(zero_copy_only=False) == (words < 30)).all()
