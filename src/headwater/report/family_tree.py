"""The family tree of data sets and models as a picture, and the page around it.

Time runs downwards. A node stands one layer below the latest of those it was made from; a founder directly above the
first that was made from it. Where something is used again much later, one line runs down beside the layers in between
and sends a branch to each use. Layers are ordered by the barycentre rule (Sugiyama, Tagawa and Toda 1981).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

from headwater.lineage import Graph, Inbreeding, Node
from headwater.report import text
from headwater.report.bibliography import bibtex, cited
from headwater.report.drawing import BASE, FONT, INK, MUTED, PAPER, apart
from headwater.report.page import figure, fitting

MOST_NODES = 60
"""Beyond this many nodes there is a table and no picture."""

STEPS = (0.01, 0.03, 0.1, 0.3)
"""Where the shades of F change: fixed, so that pages can be compared, and finer where F is small."""

_BOX, _TALL = 118.0, 34.0
_LINE = 12.0  # room for a line that passes by
_GAP = 14.0
_ROW = 78.0
_ACROSS = 6
"""Most boxes beside each other; a wider layer goes on in the next row."""
_MARGIN = 64.0  # for the generation, on the left
_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in a row: a node, or the line of one that is used further down."""

    name: str
    passing: int | None = None
    """Row that the line of the node passes; None: the node itself."""

    @property
    def node(self) -> bool:
        return self.passing is None

    @property
    def width(self) -> float:
        return _BOX if self.node else _LINE


def shade(f: float) -> int:
    """Return the shade of an inbreeding coefficient, 0 (none) to 4."""
    return sum(f >= step for step in STEPS)


def family_tree(graph: Graph, inbreeding: Inbreeding) -> str:
    """Return the picture of a family tree as an SVG; empty where it has no nodes or too many to be read.

    Shapes tell who wrote it (round: human; square: machine; cut corners: a model), shades tell F, and the breadth of a
    line the weight of what it stands for.
    """
    if not 0 < len(graph.nodes) <= MOST_NODES:
        return ""
    rows = _ordered(*_laid(graph))
    x = _places(graph, rows)
    y = {slot: 46 + _ROW * number for number, row in enumerate(rows) for slot in row}
    width = max(x[slot] + slot.width / 2 for row in rows for slot in row) + _GAP
    height = 46 + _ROW * (len(rows) - 1) + _TALL + 12
    f = inbreeding.f
    parts = [_legend(), *_edges(graph, rows, x, y), *_generations(graph, rows, y)]
    common = _common(graph)
    parts += [
        _box(graph[slot.name], common, f[slot.name], x[slot], y[slot]) for row in rows for slot in row if slot.node
    ]
    told = f"{text.plural(len(graph.nodes), 'node')} in {text.plural(len(rows), 'row')}; F by node is in the table."
    size = f"{max(width, 720):.0f}", f"{height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="tree-title tree-description" '
        f'width="{size[0]}" height="{size[1]}" viewBox="0 0 {size[0]} {size[1]}" font-family="{FONT}" font-size="12">'
        f'<title id="tree-title">Family tree</title><desc id="tree-description">{escape(told)}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def _rows_of(graph: Graph) -> dict[str, int]:
    """Return the row of every node."""
    depth: dict[str, int] = {}
    for node in graph.nodes:  # parents first
        depth[node.id] = 1 + max((depth[name] for name in node.inputs), default=-1)
    children: dict[str, list[str]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            children.setdefault(name, []).append(node.id)
    for node in graph.nodes:
        if not node.inputs and node.id in children:
            depth[node.id] = min(depth[child] for child in children[node.id]) - 1
    row: dict[str, int] = {}
    below = 0
    for layer in sorted(set(depth.values())):
        members = [node.id for node in graph.nodes if depth[node.id] == layer]
        for number, name in enumerate(members):
            row[name] = below + number // _ACROSS
        below = max(row[name] for name in members) + 1
    return row


def _laid(graph: Graph) -> tuple[list[list[_Slot]], dict[_Slot, list[tuple[int, _Slot]]]]:
    """Return the slots of every row, and for each slot what it is connected to in which row."""
    row = _rows_of(graph)
    rows: list[list[_Slot]] = [[] for _ in range(max(row.values()) + 1)]
    for node in graph.nodes:
        rows[row[node.id]].append(_Slot(node.id))
    near: dict[_Slot, list[tuple[int, _Slot]]] = {}
    for name, last in _last_use(graph, row).items():
        for between in range(row[name] + 1, last):
            rows[between].append(_Slot(name, between))
    for node in graph.nodes:
        for name in node.inputs:
            path = _path(name, row[name], node.id, row[node.id])
            for (r, upper), (s, lower) in pairwise(path):
                near.setdefault(upper, []).append((s, lower))
                near.setdefault(lower, []).append((r, upper))
    return rows, near


def _last_use(graph: Graph, row: Mapping[str, int]) -> dict[str, int]:
    last: dict[str, int] = {}
    for node in graph.nodes:
        for name in node.inputs:
            last[name] = max(last.get(name, 0), row[node.id])
    return last


def _path(source: str, start: int, target: str, end: int) -> list[tuple[int, _Slot]]:
    """Return the slots from a node to one made from it, past the rows in between."""
    passing = [(between, _Slot(source, between)) for between in range(start + 1, end)]
    return [(start, _Slot(source)), *passing, (end, _Slot(target))]


def _ordered(rows: list[list[_Slot]], near: Mapping[_Slot, list[tuple[int, _Slot]]]) -> list[list[_Slot]]:
    """Return the rows in an order with few crossings: each slot at the mean place of what it is connected to."""
    for sweep in range(_SWEEPS):
        above = sweep % 2 == 0
        for number in range(len(rows)) if above else reversed(range(len(rows))):
            place = {slot: i / max(len(row) - 1, 1) for row in rows for i, slot in enumerate(row)}
            wanted = {
                slot: _mean([place[other] for r, other in near.get(slot, ()) if (r < number) == above], place[slot])
                for slot in rows[number]
            }
            rows[number].sort(key=wanted.__getitem__)
    return rows


def _places(graph: Graph, rows: Sequence[Sequence[_Slot]]) -> dict[_Slot, float]:
    """Return the middle of every slot: near what it is connected to, without overlap."""
    _, near = _laid(graph)
    span = max(sum(slot.width + _GAP for slot in row) for row in rows)
    domain = (_MARGIN + _BOX / 2, _MARGIN + max(span, 5 * _BOX) - _BOX / 2)
    x = {slot: 0.0 for row in rows for slot in row}
    for row in rows:
        x.update(zip(row, _side_by_side(row, [sum(domain) / 2] * len(row), domain), strict=True))
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_mean([x[other] for _, other in near.get(slot, ())], x[slot]) for slot in row]
            x.update(zip(row, _side_by_side(row, wanted, domain), strict=True))
    return x


def _side_by_side(row: Sequence[_Slot], wanted: Sequence[float], domain: tuple[float, float]) -> list[float]:
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + _GAP)
    return apart(wanted, offsets, domain)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _edges(
    graph: Graph, rows: Sequence[Sequence[_Slot]], x: Mapping[_Slot, float], y: Mapping[_Slot, float]
) -> list[str]:
    """Return the lines, each stretch once, as broad as the greatest weight that passes it."""
    row = {slot.name: number for number, slots in enumerate(rows) for slot in slots if slot.node}
    weights: dict[tuple[_Slot, _Slot], float] = {}
    for node in graph.nodes:
        for name, weight in node.parts:
            path = [slot for _, slot in _path(name, row[name], node.id, row[node.id])]
            for stretch in pairwise(path):
                weights[stretch] = max(weights.get(stretch, 0.0), weight)
    drawn = []
    for (upper, lower), weight in sorted(weights.items(), key=lambda item: -item[1]):
        top = y[upper] + _TALL
        bottom = y[lower]
        if not upper.node:
            drawn.append(_stroke(f"M{x[upper]:.0f},{y[upper]:.0f}V{top:.0f}", weight))
        middle = (top + bottom) / 2
        curve = f"M{x[upper]:.0f},{top:.0f}C{x[upper]:.0f},{middle:.0f} {x[lower]:.0f},{middle:.0f} "
        drawn.append(_stroke(f"{curve}{x[lower]:.0f},{bottom:.0f}", weight))
    return drawn


def _stroke(path: str, weight: float) -> str:
    return f'<path d="{path}" fill="none" stroke="{BASE}" stroke-width="{0.8 + 3.2 * weight:.1f}"/>'


def _generations(graph: Graph, rows: Sequence[Sequence[_Slot]], y: Mapping[_Slot, float]) -> list[str]:
    """Return the generation beside every row whose nodes are of one."""
    found = []
    before: int | None = None
    for row in rows:
        known = {graph[slot.name].generation for slot in row if slot.node}
        generation = known.pop() if len(known) == 1 else None
        if generation is not None and generation != before:
            found.append(
                f'<text x="2" y="{y[row[0]] + 21:.0f}" font-size="11" fill="{MUTED}">gen. {generation:,}</text>'
            )
            before = generation
    return found


def _box(node: Node, common: int, f: float, x: float, y: float) -> str:
    left, level = x - _BOX / 2, shade(f)
    label, count = (
        _short(node.id[common:]),
        f"F {_coefficient(f)}" + (f" · n {_count(node.n)}" if node.n is not None else ""),
    )
    detail = f"{text.name(node.id)}: {node.kind}, {node.how}, F = {_coefficient(f)}"
    return (
        f"<g><title>{escape(detail)}</title>{_outline(node.kind, left, y, level)}"
        f'<text x="{x:.0f}" y="{y + 14:.0f}" text-anchor="middle" fill="var(--on-f{level})">{escape(label)}</text>'
        f'<text x="{x:.0f}" y="{y + 27:.0f}" text-anchor="middle" font-size="10" fill="var(--on-f{level})">'
        f"{escape(count)}</text></g>"
    )


def _outline(kind: str, left: float, top: float, level: int, wide: float = _BOX, tall: float = _TALL) -> str:
    stroke, breadth = (INK, 2) if kind == "human" else (MUTED, 1)
    look = f'fill="var(--f{level})" stroke="{stroke}" stroke-width="{breadth}"'
    if kind == "model":
        cut = tall / 3.4
        flat, upright = wide - 2 * cut, tall - 2 * cut
        corners = (
            f"M{left + cut:.1f},{top:.1f}h{flat:.1f}l{cut:.1f},{cut:.1f}v{upright:.1f}l{-cut:.1f},{cut:.1f}"
            f"h{-flat:.1f}l{-cut:.1f},{-cut:.1f}v{-upright:.1f}z"
        )
        return f'<path d="{corners}" {look}/>'
    round_ = tall / 2 if kind == "human" else 0
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{tall:.1f}" rx="{round_:.0f}" {look}/>'


def _legend() -> str:
    parts = []
    at = 4.0
    for kind, label in (("human", "human"), ("synthetic", "machine-made"), ("model", "model")):
        parts.append(_outline(kind, at, 8, 0, 26, 14))
        parts.append(f'<text x="{at + 32:.0f}" y="19" font-size="11" fill="{INK}">{label}</text>')
        at += 44 + 6.2 * len(label)
    parts.append(f'<text x="{at + 14:.0f}" y="19" font-size="11" fill="{INK}">F</text>')
    at += 26
    for level, label in enumerate(shade_labels()):
        middle, ink = f"{at + 37:.0f}", f"var(--on-f{level})"
        parts.append(
            f'<rect x="{at:.0f}" y="6" width="74" height="18" fill="var(--f{level})" stroke="{PAPER}"/>'
            f'<text x="{middle}" y="19" font-size="10.5" text-anchor="middle" fill="{ink}">{label}</text>'
        )
        at += 74
    return "".join(parts)


def shade_labels() -> list[str]:
    """Return the range of F of every shade in words."""
    inner = [f"{low:g}–{high:g}" for low, high in pairwise(STEPS)]
    return [f"below {STEPS[0]:g}", *inner, f"{STEPS[-1]:g} and up"]


def _short(name: str) -> str:
    """Return a name that fits its box: the start and the end, where names of one family differ."""
    whole = text.name(name)
    return whole if len(whole) <= 16 else f"{whole[:7]}…{whole[-8:]}"


def _common(graph: Graph) -> int:
    """Return how many characters of every name say nothing: the folder all nodes share, such as the id of a run."""
    first = graph.nodes[0].id.partition("/")[0] + "/"
    return len(first) if all(node.id.startswith(first) for node in graph.nodes) else 0


def _coefficient(f: float) -> str:
    return text.number(f, 3 if f >= 0.01 else 4) if f == 0 or f >= 1e-4 else text.significant(f, 2)


def _count(n: int) -> str:
    if n < 10_000:
        return f"{n:,}"
    return f"{n / 1000:.0f}k" if n < 1_000_000 else text.significant(n / 1e6) + "M" if n < 1e9 else f"{n:.0e}"


@dataclass(frozen=True, slots=True)
class _Limits:
    rows: int
    models: int
    sentences: int
    picture: bool


_LIMITS = (_Limits(300, 20, 40, picture=True), _Limits(120, 12, 20, picture=True), _Limits(60, 8, 10, picture=False))


def render_lineage_report(
    graph: Graph, inbreeding: Inbreeding, title: str, notes: Sequence[str] = (), what_ifs: Sequence[str] = ()
) -> str:
    """Return the page of a family tree as HTML, at most 200 KB for any number of nodes.

    Args:
        graph: the family tree.
        inbreeding: its kinships.
        title: what it is the family tree of.
        notes: sentences on where the graph comes from and what it leaves out.
        what_ifs: sentences on what more human data would change, such as ``WhatIf.sentence``.
    """
    from headwater import __version__

    entries, _ = cited(("wright1931", "seddik2024"))
    picture = figure(family_tree(graph, inbreeding))
    return fitting(
        "lineage.html",
        (
            {
                "limits": limits,
                "tree": picture if limits.picture else None,
                "nodes": _table(graph, inbreeding, limits.rows),
                "kinship": _kinship(graph, inbreeding, limits.models),
            }
            for limits in _LIMITS
        ),
        title=f"Lineage: {text.printable(' '.join(title.split()) or 'family tree', 120)}",
        verdict=_verdict(graph, inbreeding),
        version=__version__,
        graph=graph,
        notes=notes,
        what_ifs=what_ifs,
        counts={kind: sum(node.kind == kind for node in graph.nodes) for kind in ("human", "synthetic", "model")},
        most=MOST_NODES,
        shades=shade_labels(),
        entries=entries,
        bibtex=bibtex(entries),
    )


def _verdict(graph: Graph, inbreeding: Inbreeding) -> str:
    """Return how inbred the most inbred model is, in a sentence."""
    f = inbreeding.f
    models = graph.models
    if not graph.nodes:
        return "There is nothing in this family tree."
    of = max(models or tuple(f), key=lambda name: f[name])
    what = "model" if models else "data set"
    if f[of] <= 0:
        return f"No {what} here has lost any human diversity by drift."
    return (
        f"The most inbred {what} is {text.name(of)}, with F = {_coefficient(f[of])}: drift alone has cost it "
        f"{text.percent(f[of], 1)} of the human diversity, and {text.significant(inbreeding.founders(of))} independent "
        "human items would be as diverse."
    )


def _table(graph: Graph, inbreeding: Inbreeding, most: int) -> list[dict[str, Any]]:
    """Return the facts of each node by generation; of many the last ones, which have the most behind them."""
    f = inbreeding.f
    ranked = sorted(
        graph.nodes, key=lambda node: (node.generation is not None, node.generation or 0, graph.position[node.id])
    )
    return [
        {
            "node": node,
            "f": f[node.id],
            "shade": shade(f[node.id]),
            "founders": inbreeding.founders(node.id),
            "effective": inbreeding.effective_size(node.id),
        }
        for node in ranked[-most:]
    ]


def _kinship(graph: Graph, inbreeding: Inbreeding, most: int) -> dict[str, Any] | None:
    """Return the kinships between the last models, None where there are fewer than two."""
    names = _last(graph.models, most)
    if len(names) < 2:
        return None
    matrix = inbreeding.matrix(names)
    return {
        "names": names,
        "left_out": len(graph.models) - len(names),
        "rows": [[(float(value), shade(float(value))) for value in row] for row in matrix],
    }


def _last(names: Iterable[str], most: int) -> list[str]:
    return list(names)[-most:]
