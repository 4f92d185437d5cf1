"""Grouping columns: of the schema, out of ``meta``, and parts of the date."""

import pyarrow as pa
import pytest

from headwater.errors import InputError
from headwater.origin.columns import check_columns, column_values
from headwater.schema import documents


def _batch(**columns):
    return documents(["one", "two", "three"], **columns).to_batches()[0]


def test_a_column_may_be_one_of_the_schema_or_one_of_the_users():
    batch = _batch(source=["a", None, "b"], meta=['{"domain": "law", "n": 3, "empty": ""}', None, "[1]"])
    assert column_values(batch, "source") == ["a", None, "b"]
    assert column_values(batch, "domain") == ["law", None, None]
    assert column_values(batch, "n") == ["3", None, None]
    assert column_values(batch, "empty") == [None, None, None]


@pytest.mark.parametrize(
    ("created", "month", "year"),
    [("2021-03-04T05:06:07Z", "2021-03", "2021"), ("2021", None, "2021"), ("March 2021", None, None),
     ("2021/03/04", None, "2021"), (None, None, None)],
)  # fmt: skip
def test_month_and_year_come_from_the_date(created, month, year):
    batch = _batch(created=[created] * 3)
    assert column_values(batch, "month")[0] == month
    assert column_values(batch, "year")[0] == year


def test_a_users_own_month_comes_before_the_date():
    batch = _batch(created=["2021-03-04"] * 3, meta=['{"month": "May"}'] * 3)
    assert column_values(batch, "month") == ["May"] * 3


@pytest.mark.parametrize("name", ["group", "recipe", "origin"])
def test_a_files_own_column_comes_before_what_reading_filled_in(name):
    batch = _batch(**{name: ["x", "y", "z"]}, meta=[f'{{"{name}": "own"}}'] * 3)
    assert column_values(batch, name) == ["own"] * 3
    assert column_values(_batch(**{name: ["x", "y", "z"]}), name) == ["x", "y", "z"]


def test_a_column_that_is_nowhere_is_refused_with_the_nearest_name():
    batch = _batch(source=["a", "b", "c"], meta=['{"domain": "law"}'] * 3)
    with pytest.raises(InputError, match=r"'domian'.*Columns there: domain, .*Did you mean 'domain'"):
        check_columns(["domian"], [], batch)
    with pytest.raises(InputError, match="name their column with --date"):
        check_columns(["month"], [], batch)
    check_columns(["domain"], ["domain"], batch)


def test_values_of_meta_that_is_no_json_are_missing():
    assert column_values(_batch(meta=["not json", "{", '"text"']), "a") == [None] * 3
    assert isinstance(_batch(), pa.RecordBatch)
