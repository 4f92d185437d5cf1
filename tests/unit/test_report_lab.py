"""The report of the laboratory: what it says, what its figures draw, and that nothing makes it large or unsafe."""

import base64
import math
import re
import struct
import zlib
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from test_report_document import Page, contrast

from headwater.lab.result import (
    ArmResult,
    ArmVerdicts,
    Check,
    Histogram,
    HistogramFigure,
    ImageFigure,
    ImageRow,
    LabResult,
    Line,
    LineFigure,
    ScatterFigure,
    ScatterPanel,
    Series,
    TableFigure,
)
from headwater.lineage import drift
from headwater.measure import Evidence, Trend, definitions, phases
from headwater.report import REFERENCES, render_lab_report, text
from headwater.report.bibliography import cited
from headwater.report.drawing import PALETTE
from headwater.report.lab import inbreeding_rows
from headwater.report.lab_charts import draw
from headwater.report.lab_lines import arm_styles
from headwater.report.pictures import png
from headwater.report.plotting import DETAILS, ticks

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "a\x00b\ud800\u202e</text><script>alert(1)</script>\uffff"
N = 100
EIGHT = ("human-only", "replace", "accumulate", "subsample", "fresh", "reserve", "golden", "filtered")
RATES = dict(zip(EIGHT, (0.0, 1.0, 0.02, 0.3, 0.05, 0.1, 0.06, 2.0), strict=True))
"""How fast the made-up arms lose diversity, in units of drift under replacement."""


def arm(name, generations=60, replicates=200, *, family=True):
    """Return a made-up arm that loses diversity like a population of 100 items, at a rate of its own."""
    g = np.arange(generations + 1)
    kept = (1 - 1 / N) ** (RATES.get(name, 1.0) * g + 1)
    rare = kept**3
    series = {
        "variance": banded(kept, 0.2, replicates),
        "tail": banded(rare, 0.3, replicates),
        "risk": banded(0.01 + (1 - kept) ** 2, 0.5, replicates),
    }
    computed = tuple((1 - (1 - 1 / N) ** (min(RATES.get(name, 1.0), 1.0) * g + 1)).tolist()) if family else ()
    law = {"variance": tuple(kept.tolist())}
    return ArmResult(name, N, replicates, generations, series, law, computed, "variance", 1.0, {}, (), 0.0, None, 1.5)


def banded(mean, width, replicates):
    low, high = mean * (1 - width), mean * (1 + width)
    se = mean * width / 1.64 / math.sqrt(replicates) if replicates > 1 else np.zeros_like(mean)
    return Series(*(tuple(column.tolist()) for column in (mean, se, mean, low, high)))


def trend(series):
    return Trend(np.array(series.mean), np.array(series.se))


def verdicts(one):
    evidence = Evidence(**{name: trend(series) for name, series in one.series.items()})
    return ArmVerdicts(one.name, definitions(evidence), phases(evidence.tail, evidence.variance))


def curves(arms, measure="variance", **options):
    lines = []
    for one in arms:
        series = one.series[measure]
        x = tuple(float(g) for g in range(len(series.mean)))
        role = "human" if one.name == "human-only" else "simulated"
        lines.append(Line(one.name, role, x, series.mean, series.low, series.high))
        if measure in one.expected:
            lines.append(Line(one.name, "expected", x, one.expected[measure]))
    return LineFigure(
        "Variance by generation", "Generation", "Variance, share of the human one", tuple(lines), **options
    )


def scatter(panels=4, points=500, shrink=1.0):
    rng = np.random.default_rng(0)
    made = []
    for p in range(panels):
        x, y = rng.normal(size=(2, points)) * shrink**p
        made.append(
            ScatterPanel(
                f"Generation {50 * p}",
                tuple(x.tolist()),
                tuple((0.5 * x + y).tolist()),
                ((0.0, 0.0, 1.6 * shrink**p, 0.8 * shrink**p, 35.0),),
            )
        )
    return ScatterFigure("Samples of the model", tuple(made), note="A two-dimensional Gaussian.")


def histograms(rows=6, bins=80):
    edges = np.linspace(-5, 5, bins + 1)
    made = []
    for r in range(rows):
        shares = np.exp(-0.5 * ((edges[:-1] + edges[1:]) / 2 / (1 - 0.12 * r)) ** 2)
        made.append(Histogram(f"Generation {10 * r}", tuple(edges.tolist()), tuple((shares / shares.sum()).tolist())))
    return HistogramFigure("Distribution of the samples", "Value, human standard deviations", tuple(made))


def images(rows=4, count=10, side=16):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:side, :side] - side / 2
    made = []
    for r in range(rows):
        pictures = [
            np.clip(
                255 * np.exp(-(((np.hypot(x, y) - side / 3.5) / (1.5 + r)) ** 2)) + rng.normal(0, 8 * r, x.shape),
                0,
                255,
            )
            for _ in range(count)
        ]
        made.append(ImageRow(f"Generation {r}", tuple(tuple(map(tuple, p.astype(int).tolist())) for p in pictures)))
    return ImageFigure("What the model draws", tuple(made), note="Made-up rings.")


def table(rows=5, width=3):
    body = tuple(tuple(f"{r}.{c}" for c in range(width)) for r in range(rows))
    return TableFigure("Texts", tuple(f"Column {c}" for c in range(width)), body, note="What was written.")


def result(names=("human-only", "replace", "accumulate"), *, generations=60, replicates=200, figures=None, **changes):
    arms = tuple(arm(name, generations, replicates) for name in names)
    if figures is None:
        published = Line("Figure 1 of the paper", "published", (0.0, 20.0, 40.0), (0.99, 0.8, 0.66))
        plain = curves(arms)
        figures = (
            replace(plain, lines=(*plain.lines, published), note="Made-up numbers."),
            curves(arms, "risk", log_y=True),
            scatter(),
            histograms(),
            images(),
            table(),
        )
    return LabResult(
        "2026-11-22-lab",
        "2026-11-22T18:10:00+00:00",
        12.5,
        "gaussian",
        "A Gaussian fitted to its own samples",
        "A Gaussian is fitted, sampled and fitted again. It narrows until nothing is left.",
        {"seed": 0, "seeds": replicates, "generations": generations, "regime": "", "sizes": ("10", "100"), "none": None},
        arms,
        (
            Check("replace: variance after 60 fits", 0.547, 0.5481, 0.002, 0.55, "within 4 standard errors", True),
            Check("accumulate: limit", 0.6079, 0.60791, None, None, "within 1%", True),
        ),
        tuple(verdicts(one) for one in arms),
        figures,
        ("The paper used 100 seeds; here there are more.",),
        ("kazdan2024", "shumailov2024", "suresh2024"),
        {"headwater": "0.1.0", "numpy": "2.4.6"},
        **changes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def html():
    return render_lab_report(result())


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def drawing(figure, detail=DETAILS[0], arms=EIGHT):
    return draw(figure, "figure-1", arm_styles(arms), detail)


def lines_of(svg):
    """Return the drawn lines as (colour, dash, points)."""
    found = []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class", "").startswith("mark-line role-mark"):
            for path in group.iter(f"{SVG}path"):
                pairs = re.findall(r"[ML]([-\d.]+),([-\d.]+)", path.get("d"))
                if path.get("stroke-width") == "1":  # the thin line through the marks of a closed form
                    continue
                found.append((path.get("stroke"), path.get("stroke-dasharray"), [tuple(map(float, p)) for p in pairs]))
    return found


def label_places(svg):
    """Return the labels at the line ends with their heights."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class", "").startswith("mark-text role-mark"):
            for element in group.iter(f"{SVG}text"):
                found[element.text] = float(re.search(r",([-\d.]+)\)", element.get("transform"))[1])
    return found


# The page


def test_the_page_has_its_sections_in_order_and_verdicts_come_first(page):
    assert [attributes["id"] for attributes in page.all("h2")] == [
        "definitions", "checks", "figures", "inbreeding", "limits", "facts", "references",
    ]  # fmt: skip
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_page_is_self_contained_and_can_be_heard(html, page):
    assert not page.all("script", "iframe", "object", "embed", "form", "base")
    assert all(image["src"].startswith("data:image/png;base64,") and image["alt"] for image in page.all("img"))
    assert not re.search(r"@import|url\(|javascript:", html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(anchor["href"][1:] in ids for anchor in page.all("a") if anchor["href"].startswith("#"))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table") > 5
    assert all(header.get("scope") in {"row", "col"} for header in page.all("th"))
    assert all(drawn["role"] == "img" and drawn["aria-labelledby"] for drawn in page.all("svg"))
    drawn = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert not re.findall(r'="(#[0-9a-f]{6})"', drawn)


def test_each_definition_stands_by_itself_with_value_interval_and_rule(page):
    words = page.words
    findings = verdicts(arm("replace")).findings
    assert len(findings) == 8
    for finding in findings:
        assert words.count(finding.title) == 4  # the overview and three regimes
    tail = next(finding for finding in findings if finding.name == "tail_loss")
    value = text.significant(tail.value)
    assert f"{value} ({text.significant(tail.low)} to {text.significant(tail.high)})" in words
    assert "tail of the last generation divided by that of generation 0, against 0.5" in words
    assert {"shown", "not shown", "undecided", "not measured"} <= set(
        re.findall(r">([a-z ]+)</span>", render_lab_report(result()))
    )


def test_early_and_late_collapse_are_told_apart(page):
    found = verdicts(arm("replace", 100)).phases
    assert (found.early, found.late) == (23, 69)  # (1 - 1/100)^(3 g) and (1 - 1/100)^g pass a half
    words = Page(render_lab_report(result(("replace",), generations=100, figures=()))).words
    assert "Early collapse: half of the tail is lost generation 23" in words
    assert "Late collapse: half of the variance is lost generation 69" in words
    assert "half of the variance is lost not within 60 generations" in page.words


def test_phases_that_nothing_was_measured_for_say_so():
    one = arm("replace")
    one = replace(one, series={"risk": one.series["risk"]}, diversity="", expected={})
    words = Page(render_lab_report(replace(result(figures=()), arms=(one,), verdicts=(verdicts(one),)))).words
    assert "half of the tail is lost not measured" in words
    assert "half of the variance is lost not measured" in words


def test_a_failing_check_cannot_be_missed():
    good = result(figures=())
    bad = Check("replace: tail", 1.0, 2.0, 0.1, 10.0, "within 4 standard errors", ok=False)
    html = render_lab_report(replace(good, checks=(*good.checks, bad)))
    assert "1 of 3 checks fails: replace: tail." in Page(html).words
    assert html.index('class="failing"') < html.index("variance after 60 fits")  # failing ones first
    assert "do not rely on the figures" in html
    assert html.count('class="failing"') == 1
    assert 'class="failing"' not in render_lab_report(good)
    assert "Both checks agree" in render_lab_report(good)


def test_the_settings_versions_and_regimes_are_there(page):
    words = page.words
    assert "sizes 10, 100" in words
    assert "none –" in words
    assert "numpy 2.4.6" in words
    assert "human-only 100 200 60" in words


def test_the_references_of_the_experiment_are_listed(html, page):
    assert "Collapse or thrive?" in html
    assert "Rate of model collapse in recursive training" in html  # asked for by the year of its preprint
    assert "Evolution in Mendelian populations" in html
    assert page.words.count("Here: ") == 5
    assert "No entry is known" not in page.words
    missing = render_lab_report(replace(result(figures=()), references=("nobody1900",)))
    assert "No entry is known for nobody1900" in missing


def test_second_keys_lead_to_one_entry_and_are_unique():
    keys = [key for entry in REFERENCES for key in (entry.key, entry.also) if key]
    assert len(keys) == len(set(keys))
    assert cited(["suresh2024", "suresh2025"])[0] == cited(["suresh2025"])[0]


# Inbreeding


def test_what_drift_explains_is_called_drift():
    rows = inbreeding_rows(arm("replace", 300))
    assert [row.cause for row in rows] == ["drift"] * 3
    assert [row.generation for row in rows] == [10, 68, 300]  # F = 1 - .99^(g + 1) passes .1 and .5
    assert rows[1].computed == pytest.approx(drift.replace(N, 69))


def test_what_is_lost_beyond_drift_is_selection_and_what_is_gained_mutation():
    human = arm("human-only").computed_f
    truncated = replace(arm("filtered"), computed_f=arm("replace").computed_f)
    assert inbreeding_rows(truncated)[-1].cause == "selection or truncation"
    noisy = replace(arm("human-only"), computed_f=arm("replace").computed_f)
    assert inbreeding_rows(noisy)[-1].cause == "mutation"
    assert human[0] == pytest.approx(1 / N)


def test_generation_0_that_stands_in_for_the_human_source_is_taken_out_of_both():
    one = arm("replace", 100)
    exact = one.expected["variance"]
    series = Series(exact, tuple(0.001 for _ in exact), exact, exact, exact)
    standing = replace(one, series={**one.series, "variance": series}, human_diversity=None)
    last = inbreeding_rows(standing)[-1]
    assert last.observed == pytest.approx(1 - (1 - 1 / N) ** 100)
    assert last.residual == pytest.approx(0, abs=1e-12)


def test_inbreeding_that_cannot_be_told_is_a_dash():
    assert inbreeding_rows(replace(arm("replace", family=False), diversity="")) == []
    assert inbreeding_rows(replace(arm("replace"), human_diversity=0.0))[-1].observed is None
    without_tree = inbreeding_rows(arm("gated", family=False))
    assert all(row.computed is None and row.cause == "" and row.observed is not None for row in without_tree)
    one = arm("replace")
    broken = replace(one.series["variance"], mean=(*one.series["variance"].mean[:-1], math.nan))
    row = inbreeding_rows(replace(one, series={"variance": broken}))[-1]
    assert (row.observed, row.residual, row.cause) == (None, None, "")


def test_one_replicate_has_no_standard_error():
    rows = inbreeding_rows(arm("replace", replicates=1))
    assert rows[-1].tolerance == pytest.approx(rows[-1].computed)  # two times half of F


# Nasty results


NASTY = {
    "one generation": lambda: result(generations=1),
    "no generation": lambda: result(generations=0),
    "one replicate": lambda: result(replicates=1),
    "2,000 generations, eight arms": lambda: result(EIGHT, generations=2000),
    "nothing": lambda: replace(result((), figures=()), checks=(), notes=(), settings={}, versions={}, references=()),
}


@pytest.mark.parametrize("make", NASTY.values(), ids=NASTY)
def test_nasty_results_become_pages_of_limited_size(make):
    html = render_lab_report(make())
    assert len(html.encode()) <= 200_000
    assert "nan" not in Page(html).words.lower().split()


def test_a_huge_result_stays_below_the_limit():
    names = tuple(f"a regime with quite a long name, number {i:03}" for i in range(16))
    plain = result(names, generations=1000, figures=())
    figures = [curves(plain.arms[i : i + 8], title) for i in (0, 8) for title in ("variance", "tail")]
    figures += [scatter(9, 3000), histograms(30, 1000), images(30, 30, 28), table(500, 20)] * 2
    checks = plain.checks * 300
    html = render_lab_report(
        replace(plain, figures=tuple(figures), checks=checks, notes=("A long note. " * 100,) * 100)
    )
    assert len(html.encode()) <= 200_000
    words = Page(html).words
    assert "left out for the size of this page" in words
    assert re.search(r"[\d,]+ further checks left out", words)


def test_hostile_names_are_shown_and_do_nothing():
    plain = result(("replace",), figures=())
    one = replace(plain.arms[0], name=HOSTILE, stopped=HOSTILE)
    line = curves([one]).lines[0]
    figures = (
        LineFigure(
            HOSTILE, HOSTILE, HOSTILE, (line, replace(line, name=HOSTILE + "2", role="published")), note=HOSTILE
        ),
        ScatterFigure(HOSTILE, (ScatterPanel(HOSTILE, (0.0, 1.0), (0.0, 1.0)),), note=HOSTILE),
        HistogramFigure(HOSTILE, HOSTILE, (Histogram(HOSTILE, (0.0, 1.0, 2.0), (0.5, 0.5)),), note=HOSTILE),
        ImageFigure(HOSTILE, (ImageRow(HOSTILE, (((0, 255), (255, 0)),)),), note=HOSTILE),
        TableFigure(HOSTILE, (HOSTILE,), ((HOSTILE,),), note=HOSTILE),
    )
    hostile = replace(
        plain,
        run=HOSTILE, created=HOSTILE, experiment=HOSTILE, title=HOSTILE, summary=HOSTILE, settings={HOSTILE: HOSTILE},
        arms=(one,), checks=(Check(HOSTILE, 1.0, 1.0, None, None, HOSTILE, ok=False),), verdicts=(verdicts(one),),
        figures=figures, notes=(HOSTILE,), references=(HOSTILE,), versions={HOSTILE: HOSTILE},
    )  # fmt: skip
    html = render_lab_report(hostile)
    html.encode()
    assert "<script" not in html
    assert "\x00" not in html
    assert "\u202e" not in html
    assert not Page(html).all("script")
    assert "&lt;script&gt;" in html


# Figures


def test_a_line_a_label_and_a_look_for_each_of_eight_arms():
    figure = curves([arm(name) for name in EIGHT])
    svg = drawing(figure).svg
    lines = lines_of(svg)
    assert len(lines) == 8
    assert len({(colour, dash) for colour, dash, _ in lines}) == 8
    assert len({colour for colour, _, _ in lines}) == 8
    assert set(label_places(svg)) == set(EIGHT)
    heights = sorted(label_places(svg).values())
    assert min(b - a for a, b in pairwise(heights)) > 12


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_arm_colours_can_be_read_as_text(theme):
    colours = {light: pair[theme] for pair in PALETTE.values() for light in pair[:1]}
    for style in arm_styles(EIGHT).values():
        assert contrast(colours[style.text], PALETTE["paper"][theme]) >= 4.5


def test_curves_are_drawn_to_scale():
    x = tuple(map(float, range(5)))
    figure = LineFigure(
        "t", "x", "y", (Line("a", "simulated", x, (0.0, 1.0, 2.0, 3.0, 4.0)), Line("b", "simulated", x, (4.0,) * 5))
    )
    (_, _, rising), (_, _, level) = lines_of(drawing(figure).svg)
    assert len({y for _, y in level}) == 1
    steps = [b[1] - a[1] for a, b in pairwise(rising)]
    assert steps == pytest.approx([steps[0]] * 4, abs=0.11)  # coordinates are rounded to a tenth
    assert steps[0] < 0
    assert rising[-1][1] == level[-1][1]


def test_on_logarithmic_axes_powers_are_straight():
    x = tuple(10.0**k for k in range(5))
    figure = LineFigure("t", "x", "y", (Line("a", "simulated", x, tuple(v**-2 for v in x)),), log_x=True, log_y=True)
    ((_, _, points),) = lines_of(drawing(figure).svg)
    assert [b[0] - a[0] for a, b in pairwise(points)] == pytest.approx([155] * 4, abs=0.11)
    falls = [b[1] - a[1] for a, b in pairwise(points)]
    assert falls == pytest.approx([falls[0]] * 4, abs=0.11)
    assert falls[0] > 0


@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf])
def test_missing_points_leave_gaps(hole):
    y = [1.0] * 20
    y[7] = y[8] = hole
    figure = LineFigure("t", "x", "y", (Line("a", "simulated", tuple(map(float, range(20))), tuple(y)),))
    parts = sorted(points for _, _, points in lines_of(drawing(figure).svg))
    assert [len(part) for part in parts] == [7, 11]


def test_zeros_on_a_logarithmic_axis_leave_a_gap_that_is_explained():
    figure = LineFigure("t", "x", "y", (Line("a", "simulated", (0.0, 1.0, 2.0), (1.0, 0.1, 0.0)),), log_y=True)
    drawn = drawing(figure)
    assert "no place on a logarithmic axis" in drawn.key
    assert [len(points) for _, _, points in lines_of(drawn.svg)] == [2]
    assert "logarithmic" not in drawing(replace(figure, log_y=False)).key


def test_long_lines_are_thinned_along_the_drawn_axis_and_keep_their_ends():
    x = tuple(map(float, range(1, 20_001)))
    for log in (False, True):
        line = Line("a", "simulated", x, tuple(1 / v for v in x))
        ((_, _, points),) = lines_of(drawing(LineFigure("t", "x", "y", (line,), log_x=log)).svg)
        assert 100 < len(points) <= DETAILS[0].points
        assert (points[0][0], points[-1][0]) == (0, 620)
        gaps = [b[0] - a[0] for a, b in pairwise(points)]
        assert max(gaps) < (4.2 if not log else 45)  # the first fits of a logarithmic axis lie far apart by nature


def test_closed_forms_and_published_numbers_are_marked_apart_from_simulated_lines():
    figure = result().figures[0]
    drawn = drawing(figure)
    assert "open circles: closed form" in drawn.key
    assert "diamonds: published" in drawn.key
    assert "5% to 95%" in drawn.key
    dots = re.findall(r'<path d="((?:M[\d.]+,[\d.]+h0)+)"', drawn.svg)
    assert {part.count("h0") for part in dots} <= {23, 24}
    assert len(dots) == 6  # three closed forms, outline and inside
    assert "Figure 1 of the paper" in label_places(drawn.svg)
    assert "closed form" not in drawing(curves([arm("replace")], "risk")).key


def test_one_generation_is_a_point_and_nothing_is_said_to_be_nothing():
    single = curves([arm("replace", 0)])
    assert "mark-symbol" in drawing(single).svg
    nothing = LineFigure("t", "x", "y", (Line("a", "simulated", (0.0, 1.0), (math.nan, math.inf)),))
    assert drawing(nothing).svg == ""
    assert "no value is finite" in drawing(nothing).key
    assert drawing(ScatterFigure("t", (ScatterPanel("p", (math.nan,), (0.0,)),))).svg == ""
    assert drawing(HistogramFigure("t", "x", (Histogram("h", (0.0, 1.0), (0.0,)),))).svg == ""
    assert drawing(ImageFigure("t", ())).strips == ()


def test_enormous_and_tiny_numbers_are_drawn():
    x = (0.0, 1.0, 2.0)
    for y in ((1e-320, 1e300, 1.0), (1e140, -1e140, 0.0), (5.0, 5.0, 5.0), (0.0, 0.0, 0.0)):
        for log in (False, True):
            figure = LineFigure("t", "x", "y", (Line("a", "simulated", x, y, y, y),), log_y=log)
            svg = drawing(figure).svg
            assert "NaN" not in svg
            assert "Infinity" not in svg


@pytest.mark.parametrize(
    ("low", "high", "options", "wanted"),
    [
        (0, 60, {"most": 8, "whole": True}, [0, 10, 20, 30, 40, 50, 60]),
        (0, 1, {"most": 8, "whole": True}, [0, 1]),
        (0, 1.2, {"most": 6}, [0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]),
        (1, 1000, {"most": 8, "log": True}, [1, 10, 100, 1000]),
        (1e-12, 1, {"most": 6, "log": True}, [1e-12, 1e-9, 1e-6, 1e-3, 1]),
        (1, 12, {"most": 6, "log": True}, [1, 2, 5, 10]),
    ],
)
def test_ticks_are_round(low, high, options, wanted):
    assert ticks(low, high, **options) == pytest.approx(wanted)


def test_scatters_share_their_axes_unless_the_spread_collapses():
    same, own = drawing(scatter()), drawing(scatter(shrink=0.2))
    assert "axes of its own" not in same.key
    assert "Every panel has axes of its own" in own.key
    assert "one standard deviation" in same.key
    assert len(lines_of(same.svg)) == 4  # ellipses
    dots = re.findall(r'<path d="((?:M[\d.]+,[\d.]+h0)+)"', same.svg)
    assert [part.count("h0") for part in dots] == [DETAILS[0].dots] * 4
    assert len(same.svg) < 40_000


def test_an_ellipse_has_its_axes_and_angle():
    panel = ScatterPanel("p", (-3.0, 3.0), (-3.0, 3.0), ((0.0, 0.0, 2.0, 1.0, 90.0),))
    ((_, _, points),) = lines_of(drawing(ScatterFigure("t", (panel,))).svg)
    wide, tall = (max(p[i] for p in points) - min(p[i] for p in points) for i in (0, 1))
    assert tall / wide == pytest.approx(2, rel=0.02)


def test_a_histogram_keeps_its_mass_when_bins_are_merged():
    from headwater.report.lab_charts import _bins, _merged

    bins = _bins(histograms(1, 1000).histograms[0], log=False)
    merged = _merged(bins, 30)
    assert len(merged) <= 30
    assert sum(share for _, _, share in merged) == pytest.approx(1)
    assert (merged[0][0], merged[-1][1]) == (-5, 5)


def test_distributions_of_very_different_height_get_scales_of_their_own():
    peak = Histogram("late", (-0.1, 0.0, 0.1), (0.5, 0.5))
    flat = histograms(1)
    assert "all rows on one scale" in drawing(histograms()).key
    assert "on a scale of its own" in drawing(replace(flat, histograms=(*flat.histograms, peak))).key


def decoded(source):
    """Return the palette indices of one of our PNGs, by the format's own rules."""
    body = base64.b64decode(source.removeprefix("data:image/png;base64,"))
    assert body[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(body):
        size, kind = struct.unpack(">I4s", body[at : at + 8])
        content = body[at + 8 : at + 8 + size]
        assert struct.unpack(">I", body[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + content)
        chunks[kind], at = content, at + 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colour) == (4, 3)
    raw, stride = zlib.decompress(chunks[b"IDAT"]), 1 + (width + 1) // 2
    rows = [raw[i * stride + 1 : (i + 1) * stride] for i in range(height)]
    pixels = [[half for byte in row for half in (byte >> 4, byte & 15)][:width] for row in rows]
    return pixels, chunks[b"PLTE"], chunks[b"tRNS"]


def test_pictures_become_one_image_a_row_in_fifteen_shades():
    row = ImageRow("Generation 0", (((0, 255, 128),), ((255,), (0,))))
    (strip,) = drawing(ImageFigure("t", (row,))).strips
    pixels, palette, transparent = decoded(strip.source)
    assert pixels == [[0, 14, 7, 15, 15, 14, 15, 15], [15, 15, 15, 15, 15, 0, 15, 15]]
    assert (strip.width, strip.height, strip.count) == (8, 2, 2)
    assert palette[:3] == b"\x00\x00\x00"
    assert palette[14 * 3 : 15 * 3] == b"\xff\xff\xff"
    assert transparent == b"\xff" * 15 + b"\x00"
    assert len(png([[3] * 7] * 5)) < 300


def test_a_table_that_is_ragged_or_too_long_is_squared_and_cut():
    figure = TableFigure("t", ("a", "b"), (("1",), ("1", "2", "3"), *(("x", "y"),) * 100))
    drawn = drawing(figure)
    assert drawn.rows[0] == ("1", "", "")
    assert len(drawn.rows) == DETAILS[0].rows
    assert drawn.key == "42 further rows left out."


def test_specifications_are_valid_vega_lite(monkeypatch):
    import altair as alt
    import vl_convert

    drawn = []
    original = vl_convert.vegalite_to_svg
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda spec, **o: (drawn.append(spec), original(spec, **o))[1])
    for figure in result().figures[:4]:
        drawing(figure)
    assert len(drawn) == 4
    for spec in drawn:
        alt.Chart.from_dict({**spec, "datasets": {}}, validate=True)  # rows have no form that could be wrong


def test_numbers_of_any_size_are_short():
    wanted = {
        0.0: "0", 1.0: "1", 0.9999: "1.00", 123456.7: "123,457", 1234567.0: "1.23 × 10⁶", -3.2e-9: "−3.20 × 10⁻⁹",
        0.05: "0.0500", 12.345: "12.3", math.inf: "∞", math.nan: "–",
    }  # fmt: skip
    assert {value: text.significant(value) for value in wanted} == pytest.approx(wanted)
