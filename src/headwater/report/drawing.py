"""What every drawing of a report shares: house colours, places of labels, and the way from a chart to an SVG."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

PALETTE: Mapping[str, tuple[str, str]] = {
    "ink": ("#1c2430", "#e6e9ee"),
    "muted": ("#5b6573", "#a3adba"),
    "grid": ("#e3e6ea", "#2c333d"),
    "paper": ("#ffffff", "#14181d"),
    "base": ("#c3cad3", "#566270"),
    "pale": ("#dfe4ea", "#3c4550"),
    "orange": ("#b85009", "#f2944f"),
    "purple": ("#8a3b78", "#d78fc6"),
    "blue": ("#1d5fa8", "#6fb1f2"),
    "green": ("#00766a", "#45c8b2"),
    "gold": ("#7d6200", "#d9bb4c"),
    "sky": ("#0d7a9b", "#7fd6ef"),
}
"""House colours by role, on a light and on a dark page. Drawings are made in the light ones."""

INK, MUTED, GRID, PAPER, BASE, PALE, ORANGE, PURPLE, BLUE, GREEN, GOLD, SKY = (light for light, _ in PALETTE.values())

# vl-convert carries Liberation Sans and measures with it; Arial and Helvetica have the same widths, so no label is
# clipped in a browser that has only these.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

Row = dict[str, Any]
"""One datum of a chart."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a series is drawn. The colours keep apart with any colour vision; dash and shape work without colour."""

    colour: str
    dash: tuple[int, ...]
    shape: str

    @property
    def text(self) -> str:
        """Return the colour of its label; the line to hold is too pale for text."""
        return MUTED if self.colour == BASE else self.colour


def spread(wanted: Sequence[float], gap: float, domain: tuple[float, float]) -> list[float]:
    """Return ascending positions at least ``gap`` apart, as close to the wanted ones as pooling neighbours allows.

    Everything is kept within the domain where it fits.
    """
    return apart(wanted, [i * gap for i in range(len(wanted))], domain)


def apart(wanted: Sequence[float], offsets: Sequence[float], domain: tuple[float, float]) -> list[float]:
    """Return positions that keep at least the distances of their offsets, as close to the wanted ones as that allows.

    What overlaps forms a block, which is centred on the mean of what its members want (isotonic regression of the
    positions less their offsets).

    Args:
        wanted: positions in the order they are to keep.
        offsets: ascending, the first one 0.
        domain: ends within which all are kept where they fit.
    """
    blocks: list[tuple[float, int]] = []  # mean of wanted position less offset, and size
    for place, offset in zip(wanted, offsets, strict=True):
        mean, size = place - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, size = (before * many + mean * size) / (many + size), size + many
        blocks.append((mean, size))
    highest = domain[1] - max(offsets, default=0.0)
    flat = [min(max(mean, domain[0]), max(highest, domain[0])) for mean, size in blocks for _ in range(size)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]


def distinct(labels: Sequence[str]) -> list[str]:
    """Return labels of which no two are the same, however alike the names they were cut from."""
    return [f"{label} ({n})" if (n := labels[: i + 1].count(label)) > 1 else label for i, label in enumerate(labels)]


def shortened(names: Sequence[str], letters: int = 36) -> list[str]:
    """Return labels that fit beside a bar; long names lose their middle, as ends often differ.

    Cutting them is much faster than to let the chart measure them.
    """
    half = letters // 2
    return distinct([one if len(one) <= letters else f"{one[:half]}…{one[-half:]}" for one in names])


def extent(values: Sequence[float], *, zero: bool) -> tuple[float, float]:
    """Return the ends of an axis: the values with a margin of 5%, from zero where zero is meant to be seen."""
    low, high = min(values), max(values)
    if zero:
        return 0.0, (high * 1.05) or 1.0
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def scale(looks: Mapping[str, Any]) -> "alt.Scale":
    """Return the scale that gives every series its look."""
    import altair as alt

    return alt.Scale(domain=list(looks), range=list(looks.values()))


def data(rows: Sequence[Row]) -> "alt.Data":
    """Return rows as the data of a chart."""
    import altair as alt

    return alt.Data(values=list(rows))


def named(rows: Sequence[Row], sheets: dict[str, Sequence[Row]]) -> "alt.NamedData":
    """Return rows as the data of a chart, kept in ``sheets`` until it is drawn.

    altair copies and validates what is inside a chart several times over; with thousands of points that takes longer
    than drawing them.
    """
    import altair as alt

    name = f"sheet-{len(sheets)}"
    sheets[name] = rows
    return alt.NamedData(name=name)


_CONFIG: Mapping[str, Any] = {
    "font": FONT,
    "aria": False,
    "background": "transparent",
    "padding": 4,
    "view": {"continuousWidth": 300, "continuousHeight": 300, "stroke": None},
    "axis": {
        "labelColor": MUTED,
        "labelFontSize": 11,
        "titleColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": GRID,
        "domainColor": BASE,
        "tickColor": BASE,
        "labelLimit": 170,
    },
    "axisY": {
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "end",
        "titleY": -12,
        "domain": False,
        "ticks": False,
    },
    "axisX": {"titlePadding": 8},
    "header": {"labelFontSize": 12, "labelColor": INK},
    "title": {"fontSize": 12, "fontWeight": "normal", "color": INK, "anchor": "start", "offset": 8},
    "legend": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelColor": INK,
        "titleColor": MUTED,
    },
}
"""The house style of charts as Vega-Lite takes it."""


def layered(views: Sequence["alt.Chart"], **properties: Any) -> Row:
    """Return charts on top of each other as a specification.

    altair's own ``layer`` and ``concat`` copy and check every chart at each step, which takes twice as long as drawing
    them; they come to the same picture.

    Args:
        views: the lowest first.
        properties: width, height and title.
    """
    found: Row = {}
    plain = [view.to_dict(validate=False, context={"top_level": False, "datasets": found}) for view in views]
    return {"layer": plain, "datasets": found, **properties}


def arranged(views: Sequence[Row], *, spacing: int, columns: int = 1) -> Row:
    """Return specifications beside and below each other, row by row."""
    found: Row = {}
    for view in views:
        found |= view.get("datasets", {})
    plain = [{key: value for key, value in view.items() if key != "datasets"} for view in views]
    return {"concat": plain, "columns": columns, "spacing": spacing, "datasets": found}


def to_svg(
    drawing: "alt.TopLevelMixin | Row",
    chart: str,
    title: str,
    description: str,
    sheets: Mapping[str, Sequence[Row]] | None = None,
) -> str:
    """Return a chart as an SVG with a title and a description for readers who do not see it."""
    import vl_convert

    # The specifications are fixed and the tests validate them; validating each again costs as much as drawing it.
    spec = dict(drawing) if isinstance(drawing, dict) else drawing.to_dict(validate=False)
    spec["config"] = _CONFIG
    spec["datasets"] = {**spec.get("datasets", {}), **{name: list(rows) for name, rows in (sheets or {}).items()}}
    svg: str = vl_convert.vegalite_to_svg(spec, vl_version="6.4")
    return _described(svg, chart, title, description)


# What Vega writes for its own runtime, and attributes that repeat what holds anyway.
_INVISIBLE = re.compile(r'<path class="(?:background|foreground)"[^>]*/>')
_NEEDLESS = re.compile(
    r' (?:aria-[a-z]+="[^"]*"|role="graphics-[^"]*"|pointer-events="none"|(?:fill-)?opacity="1"|font-family="[^"]*"'
    r'|transform="translate\(0,0\)")|(?<=\.\d\d)\d+'
)


def _described(svg: str, chart: str, title: str, description: str) -> str:
    """Return the SVG at half its size, with role, title and description, and with the font named once."""
    size = re.search(r' width="([\d.]+)" height="([\d.]+)"', svg)
    assert size is not None
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{chart}-title {chart}-description"'
        f' width="{size[1]}" height="{size[2]}" viewBox="0 0 {size[1]} {size[2]}" font-family="{FONT}">'
        f'<title id="{chart}-title">{escape(title)}</title><desc id="{chart}-description">{escape(description)}</desc>'
    )
    body = _INVISIBLE.sub("", svg[svg.index(">") + 1 :])
    return head + re.sub(r"<[a-z][^>]*>", lambda tag: _NEEDLESS.sub("", tag[0]), body)
