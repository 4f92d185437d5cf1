"""``team.toml``: every fault at once, with its line, what is allowed and a suggestion."""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import ConfigError
from headwater.forecast import Measured, Measurement, TeamSettings, commented_team_toml, read_team, team_settings
from headwater.forecast.quantities import Quantity, Schedule, between, parse
from headwater.forecast.team import Given, inputs_of, year_of

TODAY = date(2026, 11, 30)
GOOD = """
[stock]
tokens = "15B..25B"
[intake]
tokens_per_month = 500e6
[need]
tokens = "30B"
growth = "1.3..2.0"
"""


def _faults(tmp_path: Path, text: str, **changes: object) -> tuple[str, ...]:
    file = tmp_path / "team.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as stop:
        read_team(file, today=TODAY, changes={key.replace("__", "."): value for key, value in changes.items()})
    assert str(file) in str(stop.value)
    return stop.value.faults


def _settings(**sections: dict[str, Any]) -> TeamSettings:
    values = tomllib.loads(GOOD)
    return team_settings({**values, **{k: {**values.get(k, {}), **v} for k, v in sections.items()}}, today=TODAY)


def test_the_shortest_file_is_enough_and_starts_today(tmp_path: Path) -> None:
    file = tmp_path / "team.toml"
    file.write_text(GOOD)
    settings = read_team(file, today=TODAY)
    assert settings.start == year_of(TODAY) == 2026 + 333 / 365
    assert settings.months == 300
    assert settings.horizon == pytest.approx(settings.start + 25)
    assert settings.team.draws == 100_000
    assert settings.stock.tokens == Quantity("range", (15e9, 25e9), "15B..25B")


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    faults = _faults(
        tmp_path,
        """[team]
start = 2020
draws = 10
[stock]
tokens = "-5B"
permision = 0.9
[intake]
tokens_per_month = "500M"
quality = "0.4..0.1"
permission = { 2027 = 0.5, 2028.5 = 1.5 }
[gate]
recall = "normal(0.97, 0.05)"
[ned]
tokens = 1
[need]
tokens = "30B"
parameters = "1.5B"
""",
    )
    by_key = {re.split(r"[ :]", fault)[0]: fault for fault in faults}
    lines = {
        "team.start": 2, "team.draws": 3, "stock.tokens": 5, "stock.permision": 6, "intake.quality": 9,
        "intake.permission": 10, "gate.recall": 12, "ned": 13, "need.parameters": 17, "need.growth": None,
    }  # fmt: skip
    assert set(by_key) == set(lines)
    for key, line in lines.items():
        assert (f"{key} (line {line}): " if line else f"{key}: ") in by_key[key]
    assert "2020 lies in the past" in by_key["team.start"]
    assert "must not be negative" in by_key["stock.tokens"]
    assert "Did you mean 'permission'?" in by_key["stock.permision"]
    assert "the range is reversed; write 0.1..0.4" in by_key["intake.quality"]
    assert "at 2028.5, 1.5: it must lie within 0..1" in by_key["intake.permission"]
    assert "its 5% and 95% points" in by_key["gate.recall"]
    assert "Did you mean 'need'?" in by_key["ned"]
    assert "missing; say by which factor" in by_key["need.growth"]
    assert "need.tokens is set too" in by_key["need.parameters"]


@pytest.mark.parametrize(
    ("line", "key", "says"),
    [
        ('stock.tokens = "25B..15B"', "stock.tokens", "range is reversed"),
        ("stock.tokens = -1", "stock.tokens", "must not be negative"),
        ('stock.tokens = "many"', "stock.tokens", "is no quantity; write a number, a range such as"),
        ("stock.tokens = { 2027 = 1e9 }", "stock.tokens", "does not change with time"),
        ("stock.tokens = true", "stock.tokens", "is no quantity"),
        ("stock.tokens = 1e400", "stock.tokens", "too large"),
        ("stock.contamination = 1.1", "stock.contamination", "must lie within 0..1"),
        ('intake.permission = "0.5..1.2"', "intake.permission", "5% and 95% points"),
        ('intake.quality = "uniform(-0.1, 0.4)"', "intake.quality", "so must its ends"),
        ('intake.quality = "triangular(0.1, 0.4, 0.2)"', "intake.quality", "low <= mode <= high"),
        ("intake.growth = 0", "intake.growth", "must be positive"),
        ("machine.share = { 2028 = 0.3, 2027 = 0.2 }", "machine.share", "years of a table must ascend"),
        ("machine.share = { soon = 0.3 }", "machine.share", "'soon' is no date; write 2027, 2027.5, 2027-06"),
        ("machine.share = { 2027-13 = 0.3 }", "machine.share", "is no date"),
        ("machine.share = { 27 = 0.3 }", "machine.share", "27 is no year between 1900 and 2400"),
        ("machine.share = [[2027, 0.3, 1]]", "machine.share", "pairs of a year and a value"),
        ("machine.share = 0.3\nmachine.limit = 0.5", "machine.limit", "machine.share is set"),
        ("gate.recal = 0.3", "gate.recal", "Did you mean 'recall'?"),
        ("training.epochs = 0.5", "training.epochs", "within 1..1000"),
        ("synthetic.share = 1", "synthetic.share", "within 0..0.9"),
        ("synthetic.worth = 50", "synthetic.worth", "within -10..10"),
        ("need.growth = -2", "need.growth", "must be positive"),
        ("need.tokens = 0", "need.tokens", "must be positive"),
        ("need.tokens = { 2027 = 1e9, 2030 = 5e9 }", "need.growth", "the need is a table"),
        ('team.start = "2026-10"', "team.start", "lies in the past"),
        ("team.start = 2026-10-31", "team.start", "lies in the past"),
        ('team.start = "soon"', "team.start", "is no date"),
        ("team.horizon = 2026", "team.horizon", "is not after the start (2026.91)"),
        ("team.horizon = -3", "team.horizon", "is not after the start"),
        ("team.horizon = 200", "team.horizon", "looks 200 years ahead; allowed: up to 100"),
        ("team.horizon = true", "team.horizon", "is no date"),
        ("team.draws = 10_000_000", "team.draws", "less than or equal to 1000000"),
        ("need.growth = 1e20", "need.growth", "more than numbers hold; allowed: a factor below"),
        ("intake.growth = 1e20", "intake.growth", "more than numbers hold"),
        ('need.growth = "1..1e30"', "need.growth", "more than numbers hold"),
        ("need.tokens = 1e299", "need.tokens", "too large: up to 10^299 in its upper tail; allowed: up to 10^29"),
        ('stock.tokens = "1..1e300"', "stock.tokens", "too large"),
    ],
)  # fmt: skip
def test_bad_input_names_its_key_and_says_what_is_allowed(tmp_path: Path, line: str, key: str, says: str) -> None:
    replaced = [pair.partition(" = ")[0] for pair in line.splitlines()]
    values = {
        "stock.tokens": '"15B..25B"',
        "intake.tokens_per_month": "500e6",
        "need.tokens": '"30B"',
        "need.growth": "2",
    }
    kept = [f"{name} = {value}" for name, value in values.items() if name not in replaced]
    text = "\n".join([line, *kept])
    (fault,) = _faults(tmp_path, text)
    number = next(number for number, one in enumerate(text.splitlines(), 1) if one.startswith(f"{key} ="))
    assert fault.startswith(f"{key} (line {number}): ")
    assert says in fault


def test_what_is_missing_is_said_with_an_example(tmp_path: Path) -> None:
    faults = _faults(tmp_path, "[gate]\nrecall = 0.9\n")
    assert [fault.split(":")[0] for fault in faults] == [
        "stock.tokens", "intake.tokens_per_month", "need.tokens", "need.growth",
    ]  # fmt: skip
    assert "such as 20B or 15B..25B" in faults[0]


def test_a_key_at_fault_is_not_missing_too(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, GOOD.replace('"15B..25B"', '"lots"'))
    assert fault.startswith("stock.tokens (line 3): ")
    faults = _faults(tmp_path, "need = 3\n" + GOOD.partition("[need]")[0])
    assert [fault.split(" ")[0] for fault in faults] == ["need"]


def test_a_file_that_is_none_is_one_fault(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, "[stock\n")
    assert "not valid TOML" in fault
    with pytest.raises(ConfigError, match=r"does not exist; write an example with: headwater forecast --init"):
        read_team(tmp_path / "none.toml", today=TODAY)


def test_the_command_line_wins_and_is_named(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, GOOD, gate__recall=1.5)
    assert fault.startswith("gate.recall (command line): ")
    (tmp_path / "team.toml").write_text(GOOD)
    settings = read_team(tmp_path / "team.toml", today=TODAY, changes={"team.draws": 5000, "team.seed": None})
    assert (settings.team.draws, settings.team.seed) == (5000, 0)


@pytest.mark.parametrize(
    ("start", "year"),
    [
        ("2026-11", 2026 + 10 / 12), ("2027-06", 2027 + 5 / 12), (2027, 2027.0), (2027.5, 2027.5), ("2027", 2027.0),
        (date(2027, 7, 2), 2027 + 182 / 365), ("2027-07-02", 2027 + 182 / 365), ("", year_of(TODAY)),
    ],
)  # fmt: skip
def test_dates_are_read_as_they_are_written(start: object, year: float) -> None:
    assert _settings(team={"start": start}).start == pytest.approx(year)


def test_a_date_with_a_time_of_day_is_the_date(tmp_path: Path) -> None:
    path = tmp_path / "team.toml"
    path.write_text(
        "team.start = 2027-07-02T10:30:00\nstock.tokens = 1e9\nintake.tokens_per_month = 0\n"
        "machine.share = [[2027-07-02T00:00:00Z, 0.3]]\nneed = { tokens = 2e9, growth = 1 }\n"
    )
    settings = read_team(path, today=TODAY)
    assert settings.start == year_of(date(2027, 7, 2))
    assert isinstance(settings.machine.share, Schedule)
    assert settings.machine.share.years == (settings.start,)


@pytest.mark.parametrize(("horizon", "months"), [(1, 12), (0.01, 1), (2030, 36), ("2028-06", 17), (100, 1200)])
def test_a_horizon_is_years_or_a_date(horizon: object, months: int) -> None:
    settings = _settings(team={"horizon": horizon, "start": 2027})
    assert settings.months == months
    assert settings.horizon == pytest.approx(2027 + months / 12)


def test_a_table_takes_months_and_halves_of_years() -> None:
    table = tomllib.loads('share = { 2025 = 0.3, 2026.5 = "0.3..0.4", 2027-07 = "40%" }')["share"]
    share = _settings(machine={"share": table}).machine.share
    assert isinstance(share, Schedule)
    assert share.years == (2025.0, 2026.5, 2027.5)
    assert [str(value) for value in share.values] == ["0.3", "0.3..0.4", "40%"]
    assert _settings(machine={"share": [[2025, 0.3], ["2027-07", 0.4]]}).machine.share is not None


def test_the_commented_file_works_and_holds_every_key(tmp_path: Path) -> None:
    file = tmp_path / "team.toml"
    file.write_text(commented_team_toml())
    settings = read_team(file, today=TODAY)
    opened = re.sub(r"(?m)^# (\w+ = )", r"\1", commented_team_toml())
    every = tomllib.loads(opened)
    assert {name: set(section) for name, section in every.items()} == {
        name: set(type(getattr(settings, name)).model_fields) for name in TeamSettings.model_fields
    }
    # opened whole, only what excludes each other is at fault
    file.write_text(opened)
    with pytest.raises(ConfigError) as stop:
        read_team(file, today=TODAY)
    assert {re.split(r"[ :]", fault)[0] for fault in stop.value.faults} == {
        "need.parameters", "machine.limit", "machine.rate", "machine.midpoint",
    }  # fmt: skip
    for key in ("share", "parameters", "tokens_per_month"):
        every = {
            name: {k: v for k, v in section.items() if k != key or name == "intake"} for name, section in every.items()
        }
    defaults = team_settings(every, today=TODAY)
    for name in TeamSettings.model_fields:
        for key, value in getattr(defaults, name):
            wanted = getattr(getattr(settings, name), key)
            if (name, key) != ("synthetic", "share"):
                assert str(value) == str(wanted), (name, key)


def test_what_was_stated_is_written_and_read_back() -> None:
    settings = _settings(machine={"share": {"2027": 0.3, "2028": {"5": "0.3..0.5"}}}, gate={"recall": "90%"})
    stated = settings.model_dump(exclude_unset=True, exclude_none=True)
    assert stated == {
        "team": {"start": year_of(TODAY)},
        "stock": {"tokens": "15B..25B"},
        "intake": {"tokens_per_month": "500000000"},
        "machine": {"share": {"2027": "0.3", "2028.5": "0.3..0.5"}},
        "gate": {"recall": "90%"},
        "need": {"tokens": "30B", "growth": "1.3..2.0"},
    }
    again = team_settings(stated, today=TODAY)
    assert again.model_dump() == settings.model_dump()


MEASURED = Measured(
    stock_tokens=Measurement(between(1e9, 2e9), "run-1"),
    gate_recall=Measurement(parse("normal(0.9, 0.02)"), "run-2", "of documents"),
    machine_share=Measurement(parse("normal(0.3, 0.02)"), "run-1"),
)


def _sources(given: dict[str, Given]) -> dict[str, str]:
    return {key: one.source for key, one in given.items()}


def test_what_is_stated_wins_over_what_was_measured_and_that_over_the_default() -> None:
    given = inputs_of(_settings(), MEASURED)
    sources = _sources(given)
    assert sources["stock.tokens"] == "settings"
    assert sources["gate.recall"] == "run-2"
    assert given["gate.recall"].value == parse("normal(0.9, 0.02)")
    assert "of documents" in given["gate.recall"].meaning
    assert sources["gate.false_positive_rate"] == "default"
    assert sources["machine.share"] == "run-1"
    assert not {"machine.limit", "machine.rate", "machine.midpoint"} & set(given)
    stated = _sources(inputs_of(_settings(gate={"recall": 0.5}, machine={"limit": 0.2}), MEASURED))
    assert stated["gate.recall"] == stated["machine.limit"] == "settings"
    assert "machine.share" not in stated


def test_what_was_measured_need_not_be_stated() -> None:
    values = tomllib.loads(GOOD)
    del values["stock"]
    with pytest.raises(ConfigError, match=r"stock\.tokens: missing"):
        team_settings(values, today=TODAY)
    settings = team_settings(values, today=TODAY, measured=MEASURED)
    assert inputs_of(settings, MEASURED)["stock.tokens"].value == Quantity("range", (1e9, 2e9))


def test_inputs_that_nothing_uses_are_left_out() -> None:
    assert "synthetic.admitted" not in inputs_of(_settings())
    assert "synthetic.admitted" in inputs_of(_settings(synthetic={"tokens_per_month": "1B"}))
    assert "need.tokens_per_parameter" not in inputs_of(_settings())
