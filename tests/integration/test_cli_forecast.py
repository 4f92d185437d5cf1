"""``headwater forecast`` from the command line: the contract for scripts, files, runs, bad input, the project's ledger."""

import json
import re
from pathlib import Path

import pytest

from headwater.forecast import Measured, Measurement, parse
from headwater.project import Project

FEW = ("--draws", "2000")
TEAM = ("--set", "team.draws=2000", "--set", "team.start=2027")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def team(cli, here):
    assert cli("forecast", "--init", "team.toml")[0] == 0
    return here / "team.toml"


NAMES = {
    "2022": {("low_quality_text", "trend"), ("low_quality_text", "compute"), ("high_quality_text", "trend"),
             ("high_quality_text", "compute"), ("images", "trend"), ("images", "compute")},
    "2024": {("text", "trend"), ("text", "compute"), ("text", "mixture")},
    "2026": {("text", "trend"), ("text", "mixture")},
}  # fmt: skip


@pytest.mark.parametrize("rule", ["first-passage", "as-published"])
@pytest.mark.parametrize("preset", NAMES)
def test_the_contract_for_scripts(cli, preset, rule):
    code, out, _ = cli("forecast", "--preset", preset, "--rule", rule, *FEW, "--json")
    found = json.loads(out)
    assert (code, found["schema"], found["preset"], found["rule"]) == (0, 1, preset, rule)
    assert isinstance(found["seconds"], float)
    assert {(one["name"], one["variant"]) for one in found["series"]} == NAMES[preset]
    for one in found["series"]:
        date = one["date"]
        known = [date[p] for p in ("p5", "p10", "p50", "p90", "p95") if date[p] is not None]
        assert known == sorted(known)
        assert 0 <= date["beyond_horizon"] <= 1
        for curve in ("stock", "demand"):
            assert one[curve][0]["year"] == float(preset)
            assert all(0 < point["p5"] <= point["p50"] <= point["p95"] for point in one[curve])


def test_without_options_the_latest_preset_is_shown(cli):
    code, out, _ = cli("forecast", *FEW)
    assert code == 0
    assert "2026" in out.splitlines()[0]
    assert "Report: " in out


def test_a_forecast_is_a_run_with_report_charts_and_numbers(cli, here):
    code, out, _ = cli("forecast", "--preset", "2024", *FEW, "--out", "charts", "--run-id", "f")
    assert code == 0
    folder = here / ".headwater" / "runs" / "f"
    assert (folder / "report.html").read_text("utf-8").startswith("<!doctype html>")
    files = {path.name for path in (here / "charts").iterdir()}
    assert files == {path.name for path in (folder / "charts").iterdir()}
    for chart in ("probability", "fan", "waterfall"):
        assert {f"{chart}.svg", f"{chart}.png", f"{chart}.csv"} <= files
        assert (here / "charts" / f"{chart}.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((here / "charts" / "forecast.json").read_text("utf-8"))["preset"] == "2024"
    listed = set(json.loads((folder / "manifest.json").read_text("utf-8"))["files"])
    assert {"report.html", "result.json", "charts/fan.csv"} <= listed
    assert json.loads(cli("runs", "list", "--json")[1])["runs"][0]["kind"] == "forecast"
    assert cli("runs", "show", "f")[1] == out
    assert cli("lineage", "show", "f")[0] == 2


@pytest.mark.parametrize("kind", ["preset", "team"])
def test_a_forecast_that_was_stopped_while_it_wrote_goes_on_to_the_same_numbers(cli, team, monkeypatch, kind):
    arguments = {
        "preset": ("forecast", "--preset", "2024", *FEW, "--run-id", "f"),
        "team": ("forecast", "--mine", team, *TEAM, "--what-if", "machine.share={ 2027 = 0.1, 2030 = '0.2..0.4' }",
                 "--run-id", "f"),
    }[kind]  # fmt: skip
    with monkeypatch.context() as broken:
        broken.setattr("headwater.project.render_forecast_report", _stopped)
        assert cli(*arguments)[0] == 130
    assert json.loads(cli("runs", "list", "--json")[1])["runs"][0]["state"] == "interrupted"
    code, resumed, _ = cli("runs", "resume", "f", "--json")
    assert code == 0
    _, straight, _ = cli(*arguments[:-1], "g", "--json")
    changing = {"run", "created", "seconds", "report"}
    first, second = ({k: v for k, v in json.loads(text).items() if k not in changing} for text in (resumed, straight))
    assert first == second


def _stopped(*_):
    raise KeyboardInterrupt


def test_a_team_gets_runway_tornado_and_what_ifs(cli, team):
    code, out, _ = cli(
        "forecast", "--mine", team, *TEAM, "--what-if", "gate.recall=0.95", "--what-if", "training.epochs=8", "--json"
    )
    found = json.loads(out)
    assert code == 0
    assert [plan["name"] for plan in found["plans"]] == ["none", "gate", "ungated"]
    assert all("runway_years" in plan and plan["probability"] for plan in found["plans"])
    assert {"gate.recall = 0.95", "training.epochs = 8", "all of these"} < {one["name"] for one in found["what_if"]}
    assert found["tornado"]
    assert found["contamination"]
    sources = {one["key"]: one["source"] for one in found["inputs"]}
    assert sources["gate.recall"] == "default"
    assert sources["stock.tokens"] == "settings"


def test_every_fault_of_a_team_is_named_at_once_with_its_key_and_line(cli, team):
    team.write_text(
        team.read_text("utf-8").replace('tokens = "15B..25B"', 'tokens = "25B..15B"').replace("# start", "strat"),
        "utf-8",
    )
    code, _, err = cli("forecast", "--mine", team, "--set", "stock.permission=1.5", "--set", "intake.quality=low")
    assert code == 2
    assert "4 faults in" in err
    assert re.search(r"stock\.tokens \(line \d+\): .*reversed; write 15B\.\.25B", err)
    assert "Did you mean 'start'?" in err
    assert "must lie within 0..1" in err
    assert "intake.quality (command line)" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--preset", "2023"), "Known: 2022, 2024, 2026"),
        (("--rule", "first"), "Known: first-passage, as-published"),
        (("--draws", "5"), "draws: must lie between"),
        (("--horizon", "1999"), "horizon: must lie after 2026"),
        (("--set", "a.b=1"), "name its file with --mine"),
        (("--mine", "none.toml"), "headwater forecast --init none.toml"),
        (("--mine", "team.toml", "--rule", "as-published"), "--rule: belongs to a preset"),
        (("--mine", "team.toml", "--set", "nonsense"), "--set nonsense: write key=value"),
        (("--mine", "team.toml", "--what-if", "gate.recal=1"), "Did you mean 'gate.recall'?"),
        (("--mine", "team.toml", "--what-if", "machine.share={ 2027 ="), "no table of dates"),
        (("--mine", "team.toml", "--tokens-per-word", "-1"), "a positive number or range"),
        (("--init", "team.toml"), "exists already"),
        (("--init", "no/where.toml"), "Make it first"),
        (("--out", "no/where"), "Make it first"),
        (("--out", "team.toml"), "is a file"),
    ],
)
def test_bad_input_is_one_clear_message_and_leaves_no_run(cli, team, here, arguments, told):
    code, out, err = cli("forecast", *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err
    assert not (here / ".headwater").exists()


def test_check_exits_with_1_when_full_use_is_likely_before_a_year(cli, team):
    assert cli("forecast", "--preset", "2024", *FEW, "--check", "2028")[0] == 0
    assert cli("forecast", "--preset", "2024", *FEW, "--check", "2035")[0] == 1
    assert cli("forecast", "--mine", team, *TEAM, "--check", "2027")[0] == 0
    assert cli("forecast", "--mine", team, *TEAM, "--check", "2060")[0] == 1


def test_a_need_that_never_meets_the_stock_is_beyond_the_horizon(cli, team):
    code, out, _ = cli(
        "forecast", "--mine", team, *TEAM, "--set", "need.tokens=1M", "--set", "need.growth=1", "--set",
        "team.horizon=5", "--json",
    )  # fmt: skip
    assert code == 0
    for plan in json.loads(out)["plans"]:
        assert plan["date"]["p50"] is None
        assert plan["date"]["beyond_horizon"] == 1


def test_what_the_file_leaves_out_comes_from_the_ledger_and_is_named(cli, team, monkeypatch):
    measured = Measured(gate_recall=Measurement(parse("0.8..0.9"), "audit-1", "on 200 known machine texts"))
    from headwater.ledger import Reading

    monkeypatch.setattr(Project, "measured", lambda *_: Reading(measured, ("Run run-1 does not say it.",)))
    found = json.loads(cli("forecast", "--mine", team, *TEAM, "--json")[1])
    inputs = {one["key"]: one for one in found["inputs"]}
    assert inputs["gate.recall"]["value"] == "0.8..0.9"
    assert "audit-1" in inputs["gate.recall"]["source"]
    assert "Run run-1 does not say it." in found["warnings"]
    stated = json.loads(cli("forecast", "--mine", team, *TEAM, "--set", "gate.recall=0.5", "--json")[1])
    assert {one["key"]: one["value"] for one in stated["inputs"]}["gate.recall"] == "0.5"
    apart = json.loads(cli("forecast", "--mine", team, *TEAM, "--no-ledger", "--json")[1])
    assert {one["key"]: one["source"] for one in apart["inputs"]}["gate.recall"] == "default"
    assert apart["warnings"] == [one for one in found["warnings"] if "run-1" not in one]


def test_the_example_file_is_read_as_it_stands_and_its_comments_are_the_defaults(cli, team, here):
    plain = json.loads(cli("forecast", "--mine", team, *TEAM, "--json")[1])
    text = team.read_text("utf-8")
    defaults = re.sub(r"(?m)^# ((?:permission|quality|growth|recall|false_positive_rate|epochs|worth) = )", r"\1", text)
    assert defaults != text
    (here / "stated.toml").write_text(defaults, "utf-8")
    stated = json.loads(cli("forecast", "--mine", "stated.toml", *TEAM, "--json")[1])
    assert [plan["date"] for plan in stated["plans"]] == [plan["date"] for plan in plain["plans"]]


def test_a_forecast_needs_no_file_where_the_ledger_and_the_command_say_enough(cli, monkeypatch):
    from headwater.ledger import Reading

    measured = Measured(stock_tokens=Measurement(parse("15B..25B"), "audit-1"))
    monkeypatch.setattr(Project, "measured", lambda *_: Reading(measured, ()))
    sets = ("--set", "need.tokens=30B", "--set", "need.growth=1.3..2.0", "--set", "intake.tokens_per_month=400M..800M")
    found = json.loads(cli("forecast", "--ledger", *TEAM, *sets, "--json")[1])
    assert {one["key"]: one["source"] for one in found["inputs"]}["stock.tokens"] == "audit-1"
    code, _, err = cli("forecast", "--ledger", *TEAM)
    assert code == 2
    assert "need.tokens" in err
    assert "intake.tokens_per_month" in err


def test_the_project_reads_its_own_finished_runs(here):
    reading = Project(Path()).measured()
    assert reading.measured == Measured()
    assert reading.notes == ()
