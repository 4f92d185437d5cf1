"""The picture of a family tree and its page: every node once, nothing on top of anything else, numbers that are right."""

import math
import re
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from test_report_document import Page, contrast

from headwater.lab.ancestry import family_tree as tree_of
from headwater.lineage import Graph, Node, drift, inbreeding, what_if
from headwater.loop.regimes import Accumulate, Fresh, Replace
from headwater.report import render_lineage_report
from headwater.report.family_tree import MOST_NODES, STEPS, _rows_of, family_tree, shade

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "a\x00b\ud800\u202e</text><script>alert(1)</script>\uffff"


def replace_chain(generations, items=100):
    return tree_of(Replace().parts, items, generations)


def wide(count=18):
    """Return a tree with a broad layer, long lines past it, and models that share parents."""
    nodes = [Node(f"h{i}", "human", "founder", 100 * (i + 1), (), 0) for i in range(count)]
    nodes.append(Node("mix", "human", "mixed", None, tuple((f"h{i}", 100.0 * (i + 1)) for i in range(count)), 0))
    nodes.append(Node("m0", "model", "trained", None, (("mix", 1.0),), 0))
    for i in range(8):
        nodes.append(Node(f"s{i}", "synthetic", "sampled", 60, (("m0", 1.0),), 1))
        nodes.append(Node(f"m1-{i}", "model", "trained", None, ((f"s{i}", 0.8), (f"h{i}", 0.2)), 1))
    nodes.append(Node("last", "model", "trained", None, (("s0", 1.0), ("s7", 3.0)), 2))
    return Graph(tuple(nodes))


def drawn(graph):
    return ET.fromstring(family_tree(graph, inbreeding(graph)))


def boxes(root):
    """Return the boxes of the nodes as (left, top, width, height) by full name."""
    found = {}
    for group in root.iter(f"{SVG}g"):
        name = group.find(f"{SVG}title").text.split(":")[0]
        shape = group.find(f"{SVG}rect")
        if shape is not None:
            found[name] = tuple(float(shape.get(key)) for key in ("x", "y", "width", "height"))
        else:
            start = re.match(r"M([\d.]+),([\d.]+)h([\d.]+)l([\d.]+)", group.find(f"{SVG}path").get("d"))
            x, y, flat, cut = map(float, start.groups())
            found[name] = (x - cut, y, flat + 2 * cut, 34.0)
    return found


GRAPHS = {"chain": replace_chain(6), "accumulate": tree_of(Accumulate().parts, 100, 8), "wide": wide(),
          "fresh": tree_of(Fresh(0.2).parts, 100, 12)}  # fmt: skip


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_node_has_a_box_and_no_two_boxes_touch(graph):
    root = drawn(graph)
    found = boxes(root)
    assert set(found) == {node.id for node in graph.nodes}
    for (a, b, w, h), (c, d, v, k) in combinations(found.values(), 2):
        assert a + w <= c or c + v <= a or b + h <= d or d + k <= b
    width, height = float(root.get("width")), float(root.get("height"))
    for left, top, wide_, tall in found.values():
        assert left >= 0
        assert left + wide_ <= width
        assert top >= 28  # below the legend
        assert top + tall <= height


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_time_runs_downwards(graph):
    top = {name: box[1] for name, box in boxes(drawn(graph)).items()}
    for node in graph.nodes:
        for name in node.inputs:
            assert top[name] < top[node.id]


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_lines_that_pass_by_do_not_run_through_boxes(graph):
    root = drawn(graph)
    passing = [p.get("d") for p in root.iter(f"{SVG}path") if p.get("fill") == "none" and "V" in p.get("d")]
    for x, top, bottom in (map(float, re.match(r"M([\d.]+),([\d.]+)V([\d.]+)", d).groups()) for d in passing):
        for left, upper, width, height in boxes(root).values():
            assert not (left < x < left + width and top < upper + height and upper < bottom)
    if graph is GRAPHS["accumulate"]:
        assert passing


def test_a_founder_stands_above_what_was_first_made_from_it():
    graph = GRAPHS["fresh"]
    row = _rows_of(graph)
    for node in graph.nodes:
        if not node.inputs:
            first = min(row[child.id] for child in graph.nodes if node.id in child.inputs)
            assert row[node.id] == first - 1


def test_a_plain_chain_is_a_straight_line():
    centres = {round(left + width / 2) for left, _, width, _ in boxes(drawn(replace_chain(5))).values()}
    assert max(centres) - min(centres) <= 1


def test_barycentres_leave_a_ladder_without_crossings():
    nodes = [Node(f"h{i}", "human", "founder", 10) for i in range(4)]
    nodes += [Node(f"m{i}", "model", "trained", None, ((f"h{3 - i}", 1.0),)) for i in range(4)]
    found = boxes(drawn(Graph(tuple(nodes))))
    order = sorted(range(4), key=lambda i: found[f"h{i}"][0])
    assert [found[f"m{3 - i}"][0] for i in order] == sorted(found[f"m{i}"][0] for i in range(4))


def test_shapes_tell_who_wrote_and_shades_tell_f():
    graph = replace_chain(40, items=20)
    small = graph.restricted(["model-20"])
    f = inbreeding(small).f
    root = drawn(small)
    for group in root.iter(f"{SVG}g"):
        name = group.find(f"{SVG}title").text.split(":")[0]
        rect, path = group.find(f"{SVG}rect"), group.find(f"{SVG}path")
        kind = small[name].kind
        assert (path is not None) == (kind == "model")
        if kind != "model":
            assert (rect.get("rx") == "17") == (kind == "human")
        assert (rect if rect is not None else path).get("fill") == f"var(--f{shade(f[name])})"
    assert f["model-20"] == pytest.approx(drift.replace(20, 21))
    assert [shade(value) for value in (0.0, *STEPS, 1.0)] == [0, 1, 2, 3, 4, 4]


def test_the_breadth_of_a_line_follows_the_weight():
    nodes = (
        Node("a", "human", "founder", 10), Node("b", "human", "founder", 10),
        Node("m", "model", "trained", None, (("a", 0.9), ("b", 0.1))),
    )  # fmt: skip
    lines = [p for p in drawn(Graph(nodes)).iter(f"{SVG}path") if p.get("fill") == "none"]
    assert sorted(float(line.get("stroke-width")) for line in lines) == pytest.approx(
        [0.8 + 0.32, 0.8 + 2.88], abs=0.05
    )


def test_too_many_nodes_are_a_table_and_none_is_nothing():
    graph = replace_chain(30)  # 62 nodes
    assert len(graph.nodes) > MOST_NODES
    assert family_tree(graph, inbreeding(graph)) == ""
    html = render_lineage_report(graph, inbreeding(graph), "A long chain")
    assert "<svg" not in html
    assert "62 nodes are too many" in Page(html).words
    empty = Graph(())
    assert family_tree(empty, inbreeding(empty)) == ""
    assert "There is nothing in this family tree" in render_lineage_report(empty, inbreeding(empty), "")


# The page


@pytest.fixture(scope="module")
def html():
    graph = wide()
    sentences = tuple(one.sentence for one in what_if(graph, "last", (0, 10)))
    return render_lineage_report(graph, inbreeding(graph), "Team models", ("Read from lineage.json.",), sentences)


def test_the_page_holds_picture_table_kinship_and_what_ifs(html):
    page = Page(html)
    assert [attributes["id"] for attributes in page.all("h2")] == [
        "tree",
        "nodes",
        "kinship",
        "whatif",
        "limits",
        "references",
    ]
    assert len(page.all("svg")) == 1
    assert "Read from lineage.json." in page.words
    assert "add 10 fresh human items per generation" in page.words
    assert "Evolution in Mendelian populations" in page.words
    assert not re.search(r"@import|url\(|javascript:", html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(anchor["href"][1:] in ids for anchor in page.all("a") if anchor["href"].startswith("#"))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table") == 2
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_numbers_of_a_node_are_those_of_the_graph():
    graph = replace_chain(10)
    known = inbreeding(graph)
    words = Page(render_lineage_report(graph, known, "Chain")).words
    f = drift.replace(100, 11)
    assert known.f["model-10"] == pytest.approx(f)
    assert f"F = {f:.3f}" in words
    assert f"model-10 10 model trained – {f:.4f} {1 / f:.2f} 100" in words
    assert f"newest-10-0 10 machine-made sampled 100 {f:.4f} {1 / f:.2f} 100" in words


def test_kinships_are_shown_for_at_most_twenty_models():
    graph = replace_chain(28)
    known = inbreeding(graph)
    html = render_lineage_report(graph, known, "Chain")
    table = re.search(r'<table class="heat">.*?</table>', html, re.DOTALL)[0]
    assert table.count("<td") == 400
    assert "The last 20 models; 9 earlier ones are left out." in Page(html).words
    assert f">{known.kinship('model-9', 'model-28'):.3f}</td>" in table
    single = graph.restricted(["model-0"])
    assert (
        "kinship"
        not in render_lineage_report(single, inbreeding(single), "One").split("</style>")[1].lower().split("limits")[0]
    )


def test_a_long_lineage_stays_below_the_limit():
    graph = replace_chain(500)
    names = {node.id: f"{node.id} of a model family with a very long name" for node in graph.nodes}
    nodes = tuple(
        Node(names[n.id], n.kind, n.how, n.n, tuple((names[i], w) for i, w in n.parts), n.generation)
        for n in graph.nodes
    )
    long = Graph(nodes)
    html = render_lineage_report(long, inbreeding(long), "Long", ("A note. " * 100,) * 100, ("What if. " * 100,) * 100)
    assert len(html.encode()) <= 200_000
    assert "of 1,002; the JSON has all of them" in Page(html).words
    assert names["model-500"] in html  # the last ones, which have the most behind them
    assert f"F = {drift.replace(100, 501):.3f}" in Page(html).words


def test_hostile_names_are_shown_and_do_nothing():
    nodes = (
        Node(HOSTILE, "human", "founder", 10), Node("a\n1", "human", "founder", 10),
        Node(HOSTILE + "2", "model", "trained", None, ((HOSTILE, 1.0), ("a\n1", 1.0))),
        Node("s", "synthetic", "sampled", 10, ((HOSTILE + "2", 1.0),)),
        Node("m", "model", "trained", None, (("s", 1.0), ("a\n1", 1.0), (HOSTILE, 2.0))),
    )  # fmt: skip
    graph = Graph(nodes)
    svg = family_tree(graph, inbreeding(graph))
    svg.encode()
    ET.fromstring(svg)
    html = render_lineage_report(graph, inbreeding(graph), HOSTILE, (HOSTILE,), (HOSTILE,))
    html.encode()
    for made in (svg, html):
        assert "<script" not in made
        assert "\x00" not in made
        assert "\u202e" not in made
    assert len(boxes(ET.fromstring(svg))) >= 3


def test_nodes_without_sizes_or_generations_are_shown_with_dashes():
    nodes = (Node("base", "model", "founder"), Node("s", "synthetic", "sampled", 10, (("base", 1.0),)))
    graph = Graph(nodes)
    words = Page(render_lineage_report(graph, inbreeding(graph), "Founder model")).words
    assert "base – model founder – 0.0000 ∞ unlimited" in words
    assert "No model here has lost any human diversity by drift." in words
    assert math.isinf(inbreeding(graph).founders("base"))


def test_text_on_every_shade_can_be_read(html):
    for block in (html.split("@media screen")[0], html.split("@media screen")[1]):
        colours = dict(re.findall(r"--((?:on-)?f\d): (#[0-9a-f]{6})", block))
        for level in range(len(STEPS) + 1):
            assert contrast(colours[f"f{level}"], colours[f"on-f{level}"]) >= 4.5
