"""Panels while they are judged with: found as they were sealed, and each use of them written down."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from headwater.errors import StoreError
from headwater.loop.world import World
from headwater.origin.reserve import reserve_panels
from headwater.store import Panel, Panels, Part


def panels_of(world: World) -> dict[Panel, pa.Table]:
    """Return the documents of each panel that has any, with the columns ``id``, ``text`` and ``group``."""
    return {
        panel: world.split[Part(panel.value)]
        .select(["id", "text"])
        .append_column("group", world.split[Part(panel.value)]["unit"])
        for panel in Panel
        if world.split[Part(panel.value)].num_rows
    }


def sealed_in_reserve(store: Path, panels: Mapping[Panel, pa.Table]) -> Panels:
    """Return the panels of the reserve, once the documents are found to be sealed there.

    Raises:
        StoreError: they are not.
    """
    sealed = reserve_panels(store)
    for panel, table in panels.items():
        own = replace(sealed, sealed=tuple(one for one in sealed.sealed if one.panel == panel))
        ids, texts = table["id"].to_pylist(), table["text"].to_pylist()
        if not (own.barred(ids) & own.barred([""] * len(ids), texts)).all():
            raise StoreError(
                f"The {panel} panel of the reserve is not as it was sealed. Find out what changed: headwater reserve "
                "verify"
            )
    return sealed


def open_panels_for(sealed: Panels, who: str) -> list[str]:
    """Write down who opens the panels, once, and return what is to be said where others opened them before.

    Args:
        sealed: the panels.
        who: the run or judgement, such as ``run 2026``.
    """
    purpose = f"{who}: decisions, and their evidence in its report"
    opened = {str(one["why"]) for one in sealed.openings(Panel.CERTIFICATION)}
    if purpose not in opened:
        for one in sealed.sealed:
            if one.panel != Panel.STEERING:
                why = purpose if one.panel == Panel.CERTIFICATION else f"{who}: report"
                sealed.record_opening(one.panel, why, rotation=one.rotation)
    before = opened - {purpose}
    if not before:
        return []
    return [
        f"This certification panel was opened before, by {len(before)} other runs of this project. The guarantee "
        "is given anew for each run. It does not cover a stream that was changed because of what an earlier report "
        "said: judge such a stream on human documents that are new."
    ]
