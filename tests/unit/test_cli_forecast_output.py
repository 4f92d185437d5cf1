import json

from forecast_example import BEYOND, EMPTY, EXAMPLES, PRESET, PRESET_2022, TEAM, hostile

from headwater.cli.forecast_output import forecast_json, forecast_summary
from headwater.cli.output import print_json
from headwater.report import forecast_document, forecast_verdict


def test_the_json_is_the_document_and_where_the_report_is(capsys):
    for result in (PRESET, TEAM):
        print_json(forecast_json(result, "/tmp/report.html"))
        text = capsys.readouterr().out
        assert text.startswith('{"schema": 1, ')
        read = json.loads(text)
        assert read.pop("schema") == 1
        assert read.pop("report") == "/tmp/report.html"
        assert read == json.loads(json.dumps(forecast_document(result)))
    assert forecast_json(PRESET)["report"] is None
    assert forecast_json(BEYOND)["series"][0]["date"] == {
        **dict.fromkeys(("p5", "p10", "p25", "p50", "p75", "p90", "p95")),
        "beyond_horizon": 1.0,
    }


def test_the_summary_of_a_published_forecast():
    lines = forecast_summary(PRESET, "/tmp/report.html").splitlines()
    assert lines[0] == forecast_verdict(PRESET)
    assert "Full use (first passage; 100,000 draws, looked at until 2050):" in lines
    assert "  Text, mixture  2025.5  2026.3  2029.2  2032.3  2033.6    3.0%" in lines
    assert "  Indexed web            160T    510T  1,700T" in lines
    assert any(line.startswith("  5x overtraining") for line in lines)
    assert any(line.startswith("In place of the original: ") for line in lines)
    assert lines[-1] == "Report: /tmp/report.html"


def test_the_summary_of_a_team_has_its_runway_what_moves_it_and_warnings():
    lines = forecast_summary(TEAM, "").splitlines()
    assert any(
        line.startswith("  Machine text that the gate admits") and "5.1 (80%: 2.2 to 9.0)" in line for line in lines
    )
    assert any(line.split() == ["Epochs", "at", "most", "2", "2028.3", "16", "beyond", "2041"] for line in lines)
    assert any(line.startswith("  Permission=0.5") for line in lines)
    assert lines[-1] == "Warning: The growth of need rests on two runs."
    assert not [line for line in lines if line.startswith("Report:")]


def test_numbers_of_a_table_stand_below_each_other():
    for result in EXAMPLES.values():
        lines = forecast_summary(result, "").splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("Full use"))
        rows = []
        for line in lines[start + 1 :]:
            if not line:
                break
            rows.append(line)
        ends = {len(row) for row in rows}
        assert len(ends) <= 1 or rows == ["  nothing"]
    assert "as published in 2022" in forecast_summary(EXAMPLES["published"], "")
    assert "  nothing" in forecast_summary(EMPTY, "").splitlines()
    assert len(forecast_summary(PRESET_2022, "").splitlines()) < 20


def test_hostile_text_cannot_write_on_the_terminal():
    for result in hostile("\x1b[31m\u202eevil\x00\nnext"):
        told = forecast_summary(result, "")
        assert not set("\x1b\u202e\x00") & set(told)
