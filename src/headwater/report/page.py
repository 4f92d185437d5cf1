"""How a page is made: templates, filters, and the size it has to keep."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from headwater.report import text
from headwater.report.drawing import PALETTE
from headwater.report.verdict import HELD
from headwater.schema import REASON_SENTENCES, Reason, Stage, Verdict

MOST_BYTES = 200_000
"""Largest size of a page, so that it can be mailed and opens at once."""


def fitting(template: str, steps: Iterable[Mapping[str, Any]], **values: Any) -> str:
    """Return a page with the first of some steps, each with less on it, that keeps it below ``MOST_BYTES``.

    Args:
        template: name of the template.
        steps: values that decide how much is shown; the last is used where none fits.
        values: all other values.
    """
    page = _environment().get_template(template)
    html = ""
    for step in steps:
        html = page.render(**step, palette=PALETTE, **values)
        if len(html.encode()) <= MOST_BYTES:
            break
    return html


def figure(svg: str) -> Markup | None:
    """Return a drawing for the page: its colours become the page's, so that it follows a dark page."""
    if not svg:
        return None
    for role, (light, _) in PALETTE.items():
        svg = svg.replace(f'="{light}"', f'="var(--{role})"')
    return Markup(svg)  # noqa: S704  (every text in a drawing is escaped by who draws it)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("headwater.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        name=text.name,
        printable=text.printable,
        number=text.number,
        significant=text.significant,
        signed=text.signed,
        count=text.count,
        percent=text.percent,
        chance=lambda share: f"{100 * share:g}%",
        date=text.date,
        duration=text.duration,
        listed=text.listed,
        arm=text.arm,
        selection=text.selection,
        purpose=text.PART_PURPOSES.__getitem__,
        reason=lambda code: REASON_SENTENCES[Reason(code)],
        cause=text.CAUSES.__getitem__,
    )
    environment.globals.update(
        plural=text.plural,
        HELD=HELD,
        Reason=Reason,
        Verdict=Verdict,
        Stage=Stage,
    )
    return environment
