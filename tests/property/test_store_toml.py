"""Settings survive being written as TOML."""

import tomllib
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import StoreError
from headwater.store import toml_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    TEXT
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.times()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(TEXT, VALUES, max_size=6))
def test_what_is_written_is_read_back(settings):
    read = tomllib.loads(toml_text(settings))
    assert read == settings
    assert toml_text(read) == toml_text(settings)


@given(
    st.dictionaries(TEXT, st.none() | st.integers() | st.dictionaries(TEXT, st.none() | TEXT, max_size=3), max_size=6)
)
def test_keys_without_a_value_are_left_out(settings):
    def without_none(table):
        return {
            key: without_none(item) if isinstance(item, dict) else item
            for key, item in table.items()
            if item is not None
        }

    assert tomllib.loads(toml_text(settings)) == without_none(settings)


def test_the_form_is_the_one_people_write():
    class Regime(StrEnum):
        GATED = "gated"

    settings = {
        "run": {"arms": [{"regime": Regime.GATED, "cap": 0.5}], "seed": 7, "deep": {"er": {"x": 1}}, "none": {}},
        "path": Path("a/b"),
        "share": np.float64(0.1),
        "odd key": 'quote " and \\ and \x7f',
    }
    assert toml_text(settings) == (
        'path = "a/b"\nshare = 0.1\n"odd key" = "quote \\" and \\\\ and \\u007f"\n\n[run]\n'
        'arms = [{ regime = "gated", cap = 0.5 }]\nseed = 7\n\n[run.deep.er]\nx = 1\n\n[run.none]\n'
    )
    assert tomllib.loads(toml_text({"x": float("nan")}))["x"] != 0
    assert tomllib.loads(toml_text({"d": [date(2026, 1, 2), time(3), datetime(2026, 1, 2, tzinfo=UTC)]}))["d"][
        1
    ] == time(3)


def test_a_value_without_a_form_in_toml_is_named():
    with pytest.raises(StoreError, match=r"Setting loop\.odd cannot be written as TOML: \{1\} is a set"):
        toml_text({"loop": {"odd": {1}}})
