"""Curating in memory: any Arrow data, the same decisions, settings by keyword."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from headwater.curate import curate, curate_settings
from headwater.errors import ConfigError, InputError

Prose = Callable[[int, int], str]


@pytest.fixture
def columns(prose: Prose) -> dict[str, list[Any]]:
    stops = "The house of the people that have to be with it. "
    texts = [stops + prose(120, seed) for seed in range(4)]
    return {"text": [*texts, texts[2], "Too short."], "n": list(range(6))}


def _producers(columns: dict[str, list[Any]]) -> dict[str, Any]:
    import datasets
    import duckdb
    import pandas as pd
    import polars as pl

    table = pa.table(columns)
    return {
        "dict": columns,
        "pyarrow": table,
        "reader": table.to_reader(),
        "polars": pl.DataFrame(columns),
        "pandas": pd.DataFrame(columns),
        "duckdb": duckdb.connect().from_arrow(table),
        "datasets": datasets.Dataset.from_dict(columns),
    }


def test_every_producer_of_arrow_gives_the_same(columns: dict[str, list[Any]]) -> None:
    found = {
        name: curate(data, "gopher", thresholds__too_few_alphabetic_words=False)
        for name, data in _producers(columns).items()
    }
    for name, one in found.items():
        assert one.kept["n"].to_pylist() == [0, 1, 2, 3], name
        assert one.dropped["n"].to_pylist() == [4, 5], name
        assert one.dropped["reasons"][0].as_py() == ["exact_duplicate"], name
        assert one.dropped["duplicate_of"][0].as_py() == one.kept["id"][2].as_py(), name
        assert one.pairs.num_rows == 1, name
        assert one.result.documents.adds_up, name


def test_settings_are_changed_by_keyword(columns: dict[str, list[Any]]) -> None:
    off = {"duplicates__exact": False, "duplicates__near": False}
    assert curate(columns, "none", **off).kept.num_rows == 6
    assert curate(columns, curate_settings("none"), **off).kept.num_rows == 6
    assert curate(columns, "none", **off).pairs.num_rows == 0
    with pytest.raises(ConfigError, match="exat"):
        curate(columns, "none", duplicates__exat=False)


def test_what_gives_no_arrow_or_no_text_is_refused(columns: dict[str, list[Any]]) -> None:
    with pytest.raises(InputError, match="a list gives no Arrow data"):
        curate([1, 2])
    with pytest.raises(InputError, match=r"no column 'texts'.*Did you mean 'text'"):
        curate(columns, text="texts")


def test_rules_of_every_kind_are_applied(columns: dict[str, list[Any]], tmp_path: Any) -> None:
    listed = tmp_path / "words.txt"
    listed.write_text(columns["text"][1].split()[20] + "\n")
    (tmp_path / "own.py").write_text("def large(batch):\n    return [n == 3 for n in batch['n'].to_pylist()]\n")
    rules = tmp_path / "rules.toml"
    rules.write_text(
        'extends = "none"\n[lists.bad]\nfile = "words.txt"\n[custom.short]\nsql = "length(text) < 20"\n'
        '[custom.large]\npython = "own.py:large"\n[personal_data]\naction = "mask"\n'
    )
    columns["text"][0] += " Write to someone@example.org today."
    found = curate(columns, str(rules))
    reasons = dict(zip(found.dropped["n"].to_pylist(), found.dropped["reasons"].to_pylist(), strict=True))
    assert "listed:bad" in reasons[1]
    assert reasons[3] == ["custom:large"]
    assert reasons[5] == ["custom:short"]
    assert "someone@example.org" not in found.kept["text"][0].as_py()


def test_the_preferred_origin_stays(columns: dict[str, list[Any]]) -> None:
    both = {"text": [columns["text"][0]] * 2, "origin": ["machine", "human"]}
    assert curate(both, "none").kept["origin"].to_pylist() == ["machine"]
    assert curate(both, "none", duplicates__prefer="human").kept["origin"].to_pylist() == ["human"]


def test_duplicates_can_be_found_as_datatrove_does(columns: dict[str, list[Any]]) -> None:
    found = curate(columns, "none", duplicates__mode="datatrove", duplicates__verify_from=0)
    assert found.dropped["n"].to_pylist() == [4]


def test_no_file_of_the_moment_is_named(columns: dict[str, list[Any]]) -> None:
    found = curate(columns, "gopher", thresholds__too_few_alphabetic_words=False)
    assert found.pairs["removed_file"].to_pylist() == ["table"]
    assert [one.name for one in found.result.sources] == ["table"]
    assert "headwater-curate-" not in repr(found)
    with pytest.raises(InputError, match=r"^the table has no column 'key'"):
        curate(columns, "none", columns__id="key")
