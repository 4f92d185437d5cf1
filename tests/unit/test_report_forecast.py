import csv
import io
import json
import math
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from forecast_example import (
    BEYOND,
    DOTS,
    EMPTY,
    EXAMPLES,
    HUGE,
    PRESET,
    PRESET_2022,
    STILL,
    TEAM,
    TEAM_BEYOND,
    hostile,
)
from hypothesis import given
from hypothesis import strategies as st
from test_report_audit import HOSTILE, Page, labels, marks

from headwater.forecast.result import Dot, Fan, FullUse
from headwater.report import (
    forecast_charts,
    forecast_document,
    forecast_files,
    forecast_verdict,
    page,
    render_forecast_report,
)
from headwater.report import forecast_text as words
from headwater.report.drawing import BLUE, GREEN, ORANGE, PURPLE, arranged, data, layered, to_svg
from headwater.report.forecast_files import LEVEL_NAMES

PNG = b"\x89PNG\r\n\x1a\n"
HORIZON_PLANS = ("No machine text", "Machine text that the gate admits", "All machine text")


def place(element):
    return tuple(float(n) for n in re.match(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform")).groups())


@pytest.fixture(scope="module")
def drawn():
    return {name: {chart.name: chart for chart in forecast_charts(result)} for name, result in EXAMPLES.items()}


@pytest.fixture(scope="module")
def pages(drawn):
    return {name: render_forecast_report(result, list(drawn[name].values())) for name, result in EXAMPLES.items()}


@pytest.fixture(scope="module")
def files(drawn):
    return {name: forecast_files(EXAMPLES[name], list(drawn[name].values())) for name in ("2024", "team", "empty")}


def table(files, name):
    return list(csv.DictReader(io.StringIO(files[f"{name}.csv"].decode())))


# Words


def test_amounts_carry_their_letter():
    for value, text in {
        3e14: "300T", 1.5e10: "15B", 2e6: "2M", 1.56e13: "15.6T", 9.996e8: "1B", 1_710e12: "1,710T", 850: "850",
        1234: "1.23k", 0: "0", 0.12: "0.12", 6.3e19: "6.3e19", 1e120: "1e120",
    }.items():  # fmt: skip
        assert words.amount(value) == text
    assert words.amount(None) == words.amount(math.nan) == "–"


@given(st.floats(1e-3, 1e17))
def test_an_amount_is_read_back_to_three_digits(value):
    text = words.amount(value).replace(",", "")
    factor = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1.0)
    assert float(text.rstrip("kMBT")) * factor == pytest.approx(value, rel=5.1e-3)


def test_a_year_is_the_one_a_date_lies_in_as_tables_show_it():
    assert [words.year(date) for date in (2028.94, 2028.96, 2029.0, None)] == ["2028", "2029", "2029", "–"]
    assert [words.until(date) for date in (2050.0, 2041.9, 2049.999)] == ["2050", "2041.9", "2050"]


def test_the_verdict_comes_first_and_says_what_lies_beyond():
    assert forecast_verdict(PRESET) == (
        "Under the 2024 model text is fully used in 2029 (80%: 2026 to 2032); "
        "3% chance that it does not happen before 2050."
    )
    assert forecast_verdict(TEAM) == (
        "With the gate the team's data are fully used in 2031 (80%: 2028 to 2035); 7% chance that it does not happen "
        "before 2041; the median runway is 5.1 years. Without synthetic tokens: in 2029 (80%: 2027 to 2031); "
        "without the gate: in 2030 (80%: 2027 to 2032)."
    )
    of_2022 = forecast_verdict(PRESET_2022)
    assert "low-quality text in 2031 (80%: 2027 to 2035), high-quality text in 2024" in of_2022
    assert "Where compute sets the size of data sets: low-quality text in 2035" in of_2022


def test_a_verdict_on_what_never_happens_has_no_year_of_it():
    assert forecast_verdict(BEYOND) == (
        "Under the 2024 model text is more likely than not to last beyond 2050; no draw is used up then."
    )
    assert "not before 2041 (more likely than not)" in forecast_verdict(TEAM_BEYOND)
    assert forecast_verdict(EMPTY) == "The 2024 model has no series to forecast."
    half = replace(PRESET.series[0].use.date, p50=None, p75=None, p90=None, p95=None, beyond_horizon=0.66)
    series = replace(PRESET.series[0], use=replace(PRESET.series[0].use, date=half))
    assert "the chance of full use before then is 34%." in forecast_verdict(replace(PRESET, series=(series,)))


def test_an_open_end_of_the_interval_is_said():
    gate = TEAM.plans[1]
    use = replace(gate.use, date=replace(gate.use.date, p90=None, beyond_horizon=0.12))
    told = forecast_verdict(replace(TEAM, plans=(replace(gate, use=use),)))
    assert "in 2031 (80%: 2028 to beyond 2041); 12% chance" in told


# Charts


def test_every_forecast_has_the_charts_it_has_numbers_for(drawn):
    assert list(drawn["2024"]) == ["probability", "fan", "waterfall"]
    assert list(drawn["2022"]) == ["probability", "fan"]
    assert list(drawn["team"]) == ["probability", "fan", "waterfall", "tornado", "contamination", "intake"]
    assert drawn["empty"] == {}


def test_captions_state_the_interval_and_the_date_rule(drawn):
    for charts in drawn.values():
        for chart in charts.values():
            assert re.search(r"(50|80|90)%", chart.caption)
            assert re.search(r"ate rule: (first passage|as published in 20(22|24)), ", chart.caption)
    assert "normalised over its window" in drawn["published"]["probability"].caption
    assert "100,000 draws" in drawn["2024"]["probability"].caption


def test_the_headline_chart_marks_each_line_and_shows_what_is_left_at_the_edge(drawn):
    svg = drawn["2024"]["probability"].svg
    lines = marks(svg, "line")
    assert {line.get("stroke") for line in lines} == {ORANGE, PURPLE, BLUE}
    assert len(lines) == 3
    # a median and the ends of the 80% interval of each line, and the medians of the rows below
    assert len(marks(svg, "symbol")) == 3 * 3 + 3
    left = [rule for rule in marks(svg, "rule") if rule.get("stroke-width") == "5"]
    assert {rule.get("stroke") for rule in left} == {PURPLE, BLUE}  # of the trend nothing is left
    heights = {rule.get("stroke"): abs(float(rule.get("y2", 0))) for rule in left}
    assert heights[PURPLE] / heights[BLUE] == pytest.approx(4 / 3, rel=0.01)
    assert {
        "Text, trend: all before 2050",
        "Text, mixture: 3% not before 2050",
        "Text, compute: 4% not before 2050",
        "Text, mixture: 2029.2 (80%: 2026.3 to 2032.3)",
    } <= set(labels(svg))


def test_labels_of_the_headline_chart_do_not_overlap(drawn):
    for name in ("2022", "team", "beyond"):
        texts = [text for text in marks(drawn[name]["probability"].svg, "text") if "before" in text.text]
        heights = sorted(place(text)[1] for text in texts)
        assert len(heights) == len(words.uses(EXAMPLES[name]))
        assert min(b - a for a, b in pairwise(heights)) > 12


def test_what_never_happens_is_a_full_bar_at_the_edge_and_an_arrow(drawn):
    svg = drawn["beyond"]["probability"].svg
    bars = [rule for rule in marks(svg, "rule") if rule.get("stroke-width") == "5"]
    assert [abs(float(bar.get("y2"))) for bar in bars] == pytest.approx([290] * 3, abs=0.5)
    assert len(marks(svg, "symbol")) == 3  # no date, but an arrow for each
    assert sum("beyond 2050" in (text or "") for text in labels(svg)) == 3


def test_lines_of_one_kind_share_a_colour_and_differ_in_dashes(drawn):
    lines = marks(drawn["2022"]["probability"].svg, "line")
    looks = {(line.get("stroke"), line.get("stroke-dasharray")) for line in lines}
    assert len(lines) == len(looks) == 6
    assert {colour for colour, _ in looks} == {ORANGE, BLUE, PURPLE}


def test_fans_have_three_bands_and_a_median_for_stock_and_demand(drawn):
    for name, panels in (("2024", 3), ("2022", 6), ("team", 3)):
        svg = drawn[name]["fan"].svg
        assert len(marks(svg, "area")) == panels * 2 * 3
        assert len(marks(svg, "line")) == panels * 2
        assert {area.get("fill") for area in marks(svg, "area")} == {BLUE, ORANGE}


def test_real_data_sets_are_dots_and_their_names_do_not_overlap(drawn):
    svg = drawn["2024"]["fan"].svg
    named = {f"{dot.name} {words.amount(dot.value)}" for dot in DOTS}
    texts = [text for text in marks(svg, "text") if text.text in named]
    assert {text.text for text in texts} == named  # in one panel only
    assert len(texts) == len(named)
    heights = sorted(place(text)[1] for text in texts)
    assert min(b - a for a, b in pairwise(heights)) > 11
    assert len({place(text)[0] for text in texts}) == 1
    assert svg.count("h0") + len(marks(svg, "symbol")) >= 3 * len(DOTS)  # circles are drawn as strokes of no length


def test_old_data_sets_are_left_out_and_of_many_the_largest_are_named():
    many = tuple(Dot(f"set {i}", 2018.5 + 0.05 * i, 1e12 * (1 + i), "somewhere") for i in range(100))
    result = replace(PRESET, dots=(*many, Dot("ancient", 2001.0, 5e13, "long ago")))
    drawn = {chart.name: chart for chart in forecast_charts(result)}["fan"].svg
    found = [text for text in labels(drawn) if text and text.startswith(("set", "ancient"))]
    assert len(found) == 10
    assert "set 99 100T" in found
    assert not [text for text in labels(drawn) if text and "ancient" in text]


def test_axes_of_amounts_carry_letters(drawn):
    assert {"10T", "100T", "1,000T"} <= set(labels(drawn["2024"]["fan"].svg))
    assert {"50B", "100B", "200B"} <= set(labels(drawn["team"]["waterfall"].svg))


def test_the_waterfall_steps_down_and_up_and_names_the_factors(drawn):
    svg = drawn["2024"]["waterfall"].svg
    assert len(marks(svg, "rect")) == 3
    assert {bar.get("fill") for bar in marks(svg, "rect")} >= {ORANGE, GREEN}
    assert {"510T  (160T to 1,700T)", "× 0.196", "× 3.2"} <= set(labels(svg))
    assert len([rule for rule in marks(svg, "rule") if rule.get("stroke-width") == "1.4"]) == 3


def test_the_tornado_has_two_bars_per_input_with_values_and_dates_at_the_ends(drawn):
    svg = drawn["team"]["tornado"].svg
    bars = marks(svg, "rect")
    ticks = 2 * len(TEAM.tornado)
    assert len(bars) == 2 * len(TEAM.tornado) + ticks
    found = set(labels(svg))
    assert {"1.4 → 2034.6", "2.2 → 2029.1", "16 → beyond 2041 (59%)", "median 2031.1"} <= found
    assert {one.title for one in TEAM.tornado} <= found
    assert sum(bar.get("stroke-dasharray") == "4,3" for bar in bars) == 1  # the one beyond the horizon is open


def test_inputs_that_move_nothing_are_drawn_as_such(drawn):
    bars = [bar for bar in marks(drawn["still"]["tornado"].svg, "rect") if bar.get("stroke-dasharray") is None]
    widths = [float(re.match(r"M[-\d.]+,[-\d.]+h([-\d.]+)", bar.get("d"))[1]) for bar in bars]
    assert max(widths) < 4  # no longer than the tick at its end
    beyond = set(labels(drawn["team-beyond"]["tornado"].svg))
    assert "median beyond 2041" in beyond
    assert "2 → beyond 2041 (100%)" in beyond


def test_contamination_has_three_lines_and_the_intake_one(drawn):
    contamination = drawn["team"]["contamination"].svg
    assert len(marks(contamination, "line")) == len(marks(contamination, "area")) == 3
    assert {"Without a gate 42%", "With the gate 5.2%", "Stock, with the gate 2.1%"} <= set(labels(contamination))
    intake = drawn["team"]["intake"].svg
    assert (len(marks(intake, "line")), len(marks(intake, "area"))) == (1, 3)
    assert "median 282M" in labels(intake)


def test_numbers_without_a_place_leave_no_chart_and_no_error():
    empty = Fan(*[()] * 8)
    charts = forecast_charts(replace(TEAM, contamination=empty, contamination_ungated=empty, stock_contamination=empty))
    assert "contamination" not in {chart.name for chart in charts}
    nan = Fan(*[(2026.0, 2027.0), *[(math.nan, math.inf)] * 7])
    charts = forecast_charts(replace(TEAM, need=nan, stock=nan, clean_intake=nan))
    assert "intake" not in {chart.name for chart in charts}
    for chart in charts:
        ET.fromstring(chart.svg)
        assert "NaN" not in chart.svg


def test_charts_of_extremes_are_well_formed(drawn):
    for charts in drawn.values():
        for chart in charts.values():
            assert "NaN" not in chart.svg
            assert "Infinity" not in chart.svg
            assert ET.fromstring(chart.svg).get("aria-labelledby") == f"{chart.name}-title {chart.name}-description"


# The page


def test_every_page_is_one_small_document_that_runs_and_loads_nothing(pages):
    for html in pages.values():
        assert len(html.encode()) <= page.MOST_BYTES
        read = Page(html)
        assert [tag for tag, _ in read.elements].count("h1") == 1
        levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch(r"h[1-6]", tag)]
        assert all(b - a <= 1 for a, b in pairwise(levels))
        assert not read.all("script", "iframe", "object", "embed", "form", "base", "img")
        for _, attributes in read.elements:
            assert not [name for name in attributes if name.startswith("on") or name in {"src", "srcset", "action"}]
        for target in [anchor["href"] for anchor in read.all("a")]:
            assert re.match(r"#[a-z]+$|https://[a-z.]+/", target), target
        ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {one["href"][1:] for one in read.all("a") if one["href"].startswith("#")} <= set(ids)
        tags = [tag for tag, _ in read.elements]
        assert tags.count("caption") == tags.count("table")


def test_sections_come_in_order_and_only_where_there_is_something(pages):
    assert [one["id"] for one in Page(pages["team"]).all("h2")] == [
        "warnings", "dates", "scenarios", "sensitivity", "curves", "steps", "monthly", "inputs", "assumptions",
        "limits", "facts", "references",
    ]  # fmt: skip
    assert [one["id"] for one in Page(pages["empty"]).all("h2")] == [
        "dates",
        "assumptions",
        "limits",
        "facts",
        "references",
    ]


def test_the_numbers_of_the_result_are_on_the_page(pages):
    read = Page(pages["team"])
    for section, texts in {
        "": [forecast_verdict(TEAM), "22 November 2026, 18:15 UTC", "20,000", "first passage"],
        "warnings": ["1 warning", "rests on two runs"],
        "dates": ["Machine text that the gate admits 2027.4 2028.2", "beyond 2041 7.0%", "years from 2026.0"],
        "scenarios": ["Permission=0.5 2027.5 2030.1 2033.1 4.0%"],
        "sensitivity": ["Growth of need per year 1.4 2034.6 80% 2.2 2029.1 100% −0.81", "beyond 2041 41% +0.52"],
        "steps": ["Collected 41B 62B 94B", "With repetition 120B 190B 280B Four epochs."],
        "inputs": ["forecast.machine_share 0.12..0.18 audit 20261101-101500-aaaaaa", "default"],
        "assumptions": ["The gate's error rates stay as measured."],
        "limits": ["No interval covers a wrong model.", "the ranges that were put in"],
        "facts": ["Harbour legal models", "numpy 2.4.6", "seed 11"],
        "references": ["Scaling data-constrained language models", "Consent in crisis", "Demystifying synthetic data"],
    }.items():
        for text in texts:
            assert text in read.words(section), (section, text)
    preset = Page(pages["2024"])
    assert "parameter ranges chosen by the authors of the model" in preset.words("limits")
    assert "a published table of quantiles stands in" in preset.words("assumptions")
    assert "Demand follows the mixture." in preset.words("assumptions")
    assert "Text, compute 2025.2 2026.3 2028.0 2030.1" in preset.words("dates")
    assert "Nemotron 3 Super 2026.2 25T technical report" in preset.words("curves")


def test_the_defects_of_the_published_rule_are_stated_where_it_is_used(pages):
    assert "a density of equality, not of first crossing" in Page(pages["published"]).words("limits")
    assert "density of equality" not in Page(pages["2022"]).words("limits")


def test_the_rule_of_each_paper_is_told_as_its_own():
    result = replace(PRESET, rule="as-published")
    captions = [chart.caption for chart in forecast_charts(result)]
    assert all("as published in 2024" in caption for caption in captions)
    page = Page(render_forecast_report(result, []))
    assert "dates are up to a quarter of a year early" in page.words("limits")
    assert "density of equality" not in page.words("limits") + "".join(captions)
    assert words.rule_name(replace(result, preset="2026")) == "as published in 2024"
    assert words.rule_name(replace(result, preset="2022")) == "as published in 2022"
    assert words.rule_name(TEAM) == "first passage"


def test_windows_of_their_own_are_told_instead_of_the_horizon():
    short = replace(PRESET.series[0], use=replace(PRESET.series[0].use, years=(2022.0, 2030.0), probability=(0.0, 1.0)))
    assert words.looked_until(replace(PRESET, series=(short, *PRESET.series[1:]))) == "2030 to 2050, by series"
    assert words.looked_until(PRESET) == "2050"
    assert words.looked_until(EMPTY) == words.until(EMPTY.horizon)


def test_a_key_of_the_settings_keeps_its_small_letter():
    assert words.scenario_name("gate.recall = 0.95") == "gate.recall = 0.95"
    assert words.scenario_name("all of these") == "All of these"


def test_unknown_references_are_named():
    html = render_forecast_report(replace(EMPTY, references=("nobody1900", "villalobos2024")))
    words_of = Page(html).words()
    assert "No entry is known for nobody1900" in words_of
    assert "Limits of LLM scaling based on human-generated data" in words_of


def test_hostile_text_is_shown_and_does_nothing():
    for result in hostile(HOSTILE):
        html = render_forecast_report(result)
        read = Page(html)
        assert not read.all("script")
        assert "<script" not in html
        assert not re.search("[\x00\x1b\u202e]", html)
        for section in ("scenarios", "steps", "assumptions", "facts"):
            assert "<script>alert(1)</script>" in read.words(section), section
        for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
            ET.fromstring(svg)


def test_no_result_makes_a_page_too_large():
    long = "word " * 500
    preset, team = hostile(long)
    preset = replace(
        preset,
        series=preset.series * 20,
        dots=tuple(replace(dot, name=f"{i} {long}") for i, dot in enumerate(DOTS * 60)),
        scenarios=preset.scenarios * 100,
        waterfall=preset.waterfall * 30,
        assumptions=tuple(f"{i} {long}" for i in range(200)),
        versions={f"{i} {long}": long for i in range(100)},
    )
    team = replace(
        team,
        plans=team.plans * 10,
        tornado=team.tornado * 40,
        what_if=team.what_if * 200,
        inputs=team.inputs * 200,
        warnings=team.warnings * 100,
        assumptions=team.assumptions * 100,
    )
    for result in (preset, team):
        assert len(render_forecast_report(result).encode()) <= page.MOST_BYTES


# Files


def test_every_chart_is_a_drawing_a_picture_and_numbers(files, drawn):
    for name in ("2024", "team"):
        for chart in drawn[name].values():
            svg = files[name][f"{chart.name}.svg"].decode()
            root = ET.fromstring(svg)
            told = " ".join(text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text"))
            assert chart.title in told
            assert chart.caption in " ".join(told.split())
            picture = files[name][f"{chart.name}.png"]
            assert picture.startswith(PNG)
            width, height = (int.from_bytes(picture[i : i + 4], "big") for i in (16, 20))
            assert width == pytest.approx(2 * float(root.get("width")), abs=2)
            assert height == pytest.approx(2 * float(root.get("height")), abs=2)
            assert len(table(files[name], chart.name)) > 0
    assert set(files["empty"]) == {"forecast.json"}


def test_tables_hold_the_numbers_of_the_result(files):
    rows = table(files["2024"], "fan")
    for one in PRESET.series:
        for quantity, fan in (("stock", one.stock), ("demand", one.demand)):
            found = [row for row in rows if (row["variant"], row["quantity"]) == (one.variant, quantity)]
            assert {row["unit"] for row in found} == {"tokens"}
            for column in ("year", *LEVEL_NAMES):
                expected = fan.years if column == "year" else getattr(fan, column)
                assert tuple(float(row[column]) for row in found) == expected
    found = [float(row["probability"]) for row in table(files["2024"], "probability") if row["variant"] == "compute"]
    assert tuple(found) == PRESET.series[1].use.probability
    assert [(row["name"], float(row["value"])) for row in table(files["2024"], "dots")] == [
        (dot.name, dot.value) for dot in DOTS
    ]
    tornado = table(files["team"], "tornado")
    assert [row["high_date"] for row in tornado][:2] == ["2029.1", ""]  # beyond the horizon there is no date
    assert float(tornado[1]["high_probability"]) == TEAM.tornado[1].high_probability
    dates = {row["plan"]: row for row in table(files["team"], "dates")}
    assert dates["gate"]["p95"] == ""
    assert float(dates["gate"]["runway_years_p50"]) == TEAM.plans[1].runway_years.p50
    assert {row["series"] for row in table(files["team"], "contamination")} == {"gate", "ungated", "stock"}
    assert tuple(float(row["p50"]) for row in table(files["team"], "intake")) == TEAM.clean_intake.p50


def test_the_document_has_exactly_the_keys_of_the_contract():
    document = forecast_document(PRESET)
    assert {"preset", "rule", "series", "seconds"} <= set(document)
    assert set(document) == {
        "preset", "rule", "draws", "seed", "horizon", "series", "scenarios", "waterfall", "waterfall_year", "dots",
        "assumptions", "substituted", "references", "run", "created", "versions", "seconds",
    }  # fmt: skip
    first = document["series"][0]
    assert set(first) == {"name", "variant", "unit", "assumption", "date", "stock", "demand", "probability"}
    assert set(first["date"]) == {*LEVEL_NAMES, "beyond_horizon"}
    assert set(first["stock"][0]) == set(first["demand"][0]) == {"year", *LEVEL_NAMES}
    assert [one["year"] for one in first["stock"]] == list(PRESET.series[0].stock.years)
    team = forecast_document(TEAM)
    assert set(team) == {
        "name", "rule", "draws", "seed", "start", "horizon", "unit", "plans", "need", "stock", "contamination",
        "clean_intake", "waterfall", "tornado", "what_if", "inputs", "assumptions", "warnings", "references", "run",
        "created", "versions", "seconds",
    }  # fmt: skip
    assert set(team["plans"][0]) == {"name", "title", "date", "runway_years", "supply", "probability"}
    assert set(team["contamination"]) == {"gate", "ungated", "stock"}


def test_json_has_the_schema_first_and_null_beyond_the_horizon(files):
    text = files["team"]["forecast.json"].decode()
    assert re.match(r'\{\s*"schema": 1,', text)
    read = json.loads(text)
    gate = read["plans"][1]
    assert gate["date"]["p95"] is None
    assert gate["date"]["beyond_horizon"] == TEAM.plans[1].use.date.beyond_horizon
    wild = replace(PRESET.series[0].use.date, p95=math.inf)
    series = replace(PRESET.series[0], use=replace(PRESET.series[0].use, date=wild))
    assert forecast_document(replace(PRESET, series=(series,)))["series"][0]["date"]["p95"] is None


def test_files_of_hostile_text_are_well_formed():
    for result in hostile(HOSTILE + "\ud800"):
        found = forecast_files(result)
        for name, content in found.items():
            if name.endswith(".svg"):
                ET.fromstring(content.decode())
                assert b"<script" not in content
        json.loads(found["forecast.json"])


def test_huge_numbers_and_one_year_have_files_too():
    for result in (HUGE, EXAMPLES["one-year"], STILL):
        assert forecast_files(result)["probability.png"].startswith(PNG)


def test_equal_titles_keep_their_lines_apart():
    same = replace(TEAM, plans=tuple(replace(plan, title="Plan") for plan in TEAM.plans))
    svg = forecast_charts(same)[0].svg
    found = [text for text in labels(svg) if text and "80%" in text]
    assert len(found) == len(set(found)) == len(HORIZON_PLANS)
    assert [text.split(":")[0] for text in found] == ["Plan", "Plan (2)", "Plan (3)"]


def test_a_date_in_a_table_is_a_decimal_or_beyond():
    assert words.date(2029.04, "2050") == "2029.0"
    assert words.date(None, "2050") == "beyond 2050"
    never = FullUse(None, None, None, None, None, None, None, beyond_horizon=1.0)
    assert words.interval_words(never, "2050") == "beyond 2050"
    assert words.beyond_words(never, "2050") == "100% not before 2050"


def test_specifications_are_valid_vega_lite(monkeypatch):
    import altair as alt
    import vl_convert

    specs = []
    original = vl_convert.vegalite_to_svg
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda spec, **o: (specs.append(spec), original(spec, **o))[1])
    for result in (PRESET_2022, TEAM):
        forecast_charts(result)
    assert len(specs) == 8
    for spec in specs:
        alt.Chart.from_dict({**spec, "datasets": {}}, validate=True)  # rows have no form that could be wrong


def test_charts_that_are_put_together_are_the_picture_that_altair_makes():
    import altair as alt

    points = [{"x": 1, "y": 2}, {"x": 3, "y": 5}]
    lines = [
        alt.Chart(data(rows)).mark_line(color=colour).encode(x="x:Q", y="y:Q")
        for rows, colour in ((points, BLUE), (points[::-1], ORANGE))
    ]
    own = arranged([layered(lines, width=80, height=60), layered(lines[:1], width=80, height=60)], spacing=9, columns=2)
    small = {"width": 80, "height": 60}
    theirs = alt.concat(
        alt.layer(*lines).properties(**small), alt.layer(lines[0]).properties(**small), spacing=9, columns=2
    )
    drawings = [to_svg(drawing, "chart", "title", "told") for drawing in (own, theirs)]
    assert drawings[0].count("<path") >= 3
    assert drawings[0] == drawings[1]
