import math
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_example import CARDS, GENERATIONS, LOSSES, RESULT, STREAM, card, generations, rounds

from headwater.loop.comparison import StreamRecord
from headwater.report import charts, drawing
from headwater.schema import Reason, Verdict

SVG = "{http://www.w3.org/2000/svg}"
LINES = (charts.loss_by_generation, charts.rare_word_recall, charts.support, charts.distinct_2)


def marks(svg, kind):
    """Return the drawn elements of all marks of a kind, such as line, symbol, rect, rule, text."""
    found = []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class", "").split()[:2] == [f"mark-{kind}", "role-mark"]:
            found += [element for element in group if element.tag.split("}")[1] in {"path", "line", "text"}]
    return found


def place(element):
    return tuple(float(n) for n in re.match(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform")).groups())


def ends(line):
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", line.get("d"))]
    return numbers[:2], numbers[-2:]


@pytest.mark.parametrize("chart", LINES)
def test_a_line_and_a_label_for_every_loop_and_a_point_for_every_generation(chart):
    svg = chart(RESULT)
    assert len(marks(svg, "line")) == len(LOSSES)
    assert len(marks(svg, "symbol")) == (len(LOSSES) - 1) * (GENERATIONS + 1)  # the line to hold has no points
    assert len(marks(svg, "text")) == len(LOSSES)
    for line in marks(svg, "line"):
        (left, _), (right, _) = ends(line)
        assert right - left > 100


def test_the_loss_chart_is_drawn_to_scale():
    svg = charts.loss_by_generation(RESULT)
    rise = {}
    for line in marks(svg, "line"):
        (_, start), (_, end) = ends(line)
        rise[line.get("stroke")] = start - end  # pixels grow downwards
    styles = charts.STYLES
    ungated = rise[styles["ungated"].colour]
    assert rise[styles["filtered"].colour] / ungated == pytest.approx(LOSSES["filtered"] / LOSSES["ungated"], rel=0.01)
    assert rise[styles["gated-stream"].colour] / ungated == pytest.approx(-0.25, rel=0.02)
    assert rise[styles["human-only"].colour] == pytest.approx(0, abs=0.01)
    texts = {element.text for element in marks(svg, "text")}
    assert texts == {
        "Human only  5.000",
        "Gated  5.000",
        "Ungated  5.600",
        "Filtered  5.900",
        "Gated + stream  4.850",
    }


def test_loops_differ_in_more_than_colour():
    styles = list(charts.STYLES.values())
    assert len({(style.dash, style.shape) for style in styles[1:]}) == len(styles) - 1
    svg = charts.loss_by_generation(RESULT)
    assert {line.get("stroke-dasharray") for line in marks(svg, "line")} == {"7,4", "2,3", "1,0", None}
    assert {line.get("stroke-width") for line in marks(svg, "line")} == {"7", "2"}


@pytest.mark.parametrize("chart", LINES)
def test_labels_at_the_line_ends_do_not_overlap(chart):
    heights = sorted(place(element)[1] for element in marks(chart(RESULT), "text"))
    assert min(b - a for a, b in pairwise(heights)) > 12


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.floats(0.01, 0.2))
def test_spread_keeps_order_distance_and_bounds(wanted, gap):
    wanted = sorted(wanted)
    places = drawing.spread(wanted, gap, (0.0, 1.0))
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(places))
    assert places[0] >= -1e-9
    assert places[-1] <= 1 + 1e-9
    if all(b - a >= gap for a, b in pairwise(wanted)):
        assert places == pytest.approx(wanted)


def test_long_runs_are_thinned_and_keep_both_ends():
    result = replace(RESULT, generations=generations(400))
    shown = charts.shown_generations(result)
    assert (shown[0], shown[-1], len(shown)) == (0, 400, 50)
    svg = charts.loss_by_generation(result)
    assert len(marks(svg, "line")) == len(LOSSES)
    assert not marks(svg, "symbol")
    assert len(svg) < 25_000


def test_an_unknown_loop_is_drawn_under_its_own_name():
    svg = charts.loss_by_generation(replace(RESULT, generations=generations(losses={"human-only": 0, "new": 0.1})))
    assert len(marks(svg, "line")) == 2
    assert "new  5.300" in {element.text for element in marks(svg, "text")}


def test_a_bar_an_error_line_and_a_value_for_every_way_of_choosing():
    svg = charts.stream_gains(RESULT)
    bars = marks(svg, "rect")
    assert len(bars) == len(STREAM)
    assert len(marks(svg, "rule")) == len(STREAM) + 2  # the zero line and the ceiling
    assert {element.text for element in marks(svg, "text")} == {
        f"{record.gain_nats:+.3f}".replace("-", "−") for record in STREAM
    }
    widths = sorted(float(re.search(r"h([\d.]+)", bar.get("d"))[1]) for bar in bars)
    gains = sorted(abs(record.gain_nats) for record in STREAM)
    assert [w / widths[-1] for w in widths] == pytest.approx([g / gains[-1] for g in gains], rel=0.02)


def test_a_stream_without_ceiling_and_with_one_group_is_drawn():
    stream = (StreamRecord("headwater", 0.1, math.nan, 10, 0.0), StreamRecord("random", math.nan, 0.1, 10, 0.0))
    svg = charts.stream_gains(replace(RESULT, stream=stream))
    assert len(marks(svg, "rect")) == 1
    assert len(marks(svg, "rule")) == 2  # error and zero


def test_a_bar_for_every_recipe_and_generation_that_took_tokens():
    svg = charts.tokens_by_recipe(RESULT)
    open_recipes = [one for one in CARDS if one.verdict is not Verdict.REJECTED]
    bars = marks(svg, "rect")
    assert len(bars) == len(open_recipes) * GENERATIONS
    assert {element.text for element in marks(svg, "text")} == {"1.5k", "2.5k", "3.5k"}
    assert {bar.get("fill") for bar in bars} == {charts.BLUE, charts.PAPER}  # admitted, quarantined
    for one in open_recipes:
        assert f">{one.recipe}<" in svg


def test_many_recipes_share_a_row():
    cards = tuple(card(f"recipe {i:02}", Verdict.ADMITTED, Reason.USEFUL) for i in range(30))
    svg = charts.tokens_by_recipe(replace(RESULT, cards=cards, rounds=rounds(cards)))
    assert len(marks(svg, "rect")) == 9 * GENERATIONS
    assert ">22 other recipes<" in svg


def test_recipes_whose_names_look_alike_keep_their_own_rows():
    cards = tuple(card("x" * 80 + str(i), Verdict.ADMITTED, Reason.USEFUL) for i in range(3))
    svg = charts.tokens_by_recipe(replace(RESULT, cards=cards, rounds=rounds(cards)))
    assert len(marks(svg, "rect")) == 3 * GENERATIONS
    corners = {(bar.get("d"), id(bar)) for bar in marks(svg, "rect")}
    assert len(corners) == 3 * GENERATIONS
    assert "(2)" in ET.fromstring(svg).find(f"{SVG}desc").text


def test_nothing_to_draw_is_an_empty_string():
    empty = replace(RESULT, generations=(), stream=(), rounds=())
    for chart in (*LINES, charts.stream_gains, charts.tokens_by_recipe):
        assert chart(empty) == ""


def test_names_that_would_break_the_renderer_are_made_printable():
    # A null character makes vl-convert 1.9.0 abort the whole process.
    hostile = "a\x00b\ud800\u202e</text><script>alert(1)</script>\uffff"
    cards = (card(hostile, Verdict.ADMITTED, Reason.USEFUL),)
    result = replace(
        RESULT,
        rounds=rounds(cards),
        stream=(StreamRecord(hostile, 0.1, 0.01, 10, 0.0),),
        generations=generations(losses={hostile: 0.1}),
    )
    for chart in (*LINES, charts.stream_gains, charts.tokens_by_recipe):
        svg = chart(result)
        svg.encode()
        assert not list(ET.fromstring(svg).iter(f"{SVG}script"))
        assert "<script" not in svg
        assert "\x00" not in svg


def test_every_chart_says_what_it_shows():
    for chart in (*LINES, charts.stream_gains, charts.tokens_by_recipe):
        root = ET.fromstring(chart(RESULT))
        assert root.get("role") == "img"
        labels = root.get("aria-labelledby").split()
        assert [root.find(f"{SVG}title").get("id"), root.find(f"{SVG}desc").get("id")] == labels
        assert root.find(f"{SVG}title").text
        assert root.find(f"{SVG}desc").text


def test_axes_name_their_units():
    assert "nats per word" in "".join(ET.fromstring(charts.loss_by_generation(RESULT)).itertext())
    drawn = [element.text for element in ET.fromstring(charts.stream_gains(RESULT)).iter(f"{SVG}text")]
    assert any("nats per word" in text for text in drawn)
    assert "0" in drawn


def test_specifications_are_valid_vega_lite(monkeypatch):
    import altair as alt
    import vl_convert

    drawn = []
    original = vl_convert.vegalite_to_svg
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda spec, **o: (drawn.append(spec), original(spec, **o))[1])
    for chart in (charts.loss_by_generation, charts.support, charts.stream_gains, charts.tokens_by_recipe):
        chart(RESULT)
    assert len(drawn) == 4
    for spec in drawn:
        alt.Chart.from_dict(spec, validate=True)
