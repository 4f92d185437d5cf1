"""What the certification panel of a run can and cannot see, and what it would take to see more."""

import math
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from headwater.decide import Rule, Transcript, detectable_effect, units_for_effect
from headwater.errors import StoreError
from headwater.loop.result import PowerFacts
from headwater.loop.world import World
from headwater.origin.reserve import BatchFacts, list_reserve
from headwater.schema import Reason
from headwater.store import Part

_ENOUGH_DOCUMENTS = 500  # measured: power at an effect of 0.2 sd is 0.2 here and 0.03 at half of it
_TARGET_SD = 0.3
_FIRST, _TENTH = Transcript(), Transcript(9, 3)


def power_facts(world: World, gates: int) -> PowerFacts:
    """Return what the certification panel of a world can see.

    Args:
        world: shared ground.
        gates: how many gates share the error budget.
    """
    settings = world.settings.gate
    certifier = world.gate(gates=gates, machine_share=1.0).certifier
    units, clip = certifier.panel.n_units, certifier.clip
    rule = Rule(settings.rule)
    delta = settings.delta / gates
    deviation = clip / settings.clip_multiple
    thresholds = [transcript.threshold(rule, delta) for transcript in (_FIRST, _TENTH)]
    effects = [detectable_effect(units, threshold, settings.clip_multiple) for threshold in thresholds]
    needed = [units_for_effect(_TARGET_SD, threshold, settings.clip_multiple) for threshold in thresholds]
    return PowerFacts(
        units=units,
        documents=certifier.panel.documents.num_rows,
        clip=clip,
        design_effect=world.design_effect(),
        detectable_first=deviation * effects[0],
        detectable_tenth=deviation * effects[1],
        delta=settings.delta,
        gates=gates,
        rule=rule.value,
        target_sd=_TARGET_SD,
        needed_first=needed[0],
        needed_tenth=needed[1],
    )


def panel_warnings(world: World, power: PowerFacts, store: Path | None = None) -> list[str]:
    """Return what a reader must know about a small certification panel: what it lacks, and how long that takes.

    Args:
        world: shared ground.
        power: what the panel can see.
        store: the folder ``.headwater`` where the human documents are those of the reserve there, whose batches tell
            how fast new ones arrive.
    """
    said = []
    if power.documents < _ENOUGH_DOCUMENTS:
        said.append(
            f"The certification panel has {power.documents} documents. Below {_ENOUGH_DOCUMENTS} the guarantee holds, "
            "but only large gains can be shown: most useful recipes stay in quarantine. Add human documents."
        )
    first, needed = power.needed_first, power.needed_tenth
    if first is None or needed is None or first <= power.units:
        return said
    documents = world.split[Part.CERTIFICATION].num_rows
    everything = sum(table.num_rows for table in world.split.parts.values())
    # new documents are split as those that are here
    more = math.ceil((needed - power.units) * everything / max(power.units, 1)) if documents else 0
    said.append(
        f"To show an effect of {power.target_sd:g} standard deviations takes {first:,} independent groups at the first "
        f"decision and {needed:,} at the tenth; the certification panel has {power.units:,}. Split as they are, about "
        f"{more:,} more human documents would bring the rest{_how_long(more, store)}."
    )
    return said


def exhausted_warning(reasons: Iterable[str]) -> list[str]:
    """Return what a reader must know where the certification panel could not decide any more.

    Args:
        reasons: reasons of the recipes that were judged.
    """
    waiting = sum(reason == Reason.PANEL_EXHAUSTED for reason in reasons)
    if not waiting:
        return []
    return [
        "The certification panel is exhausted: it has decided so often that its threshold is out of reach of any "
        f"effect a recipe can have. Recipes that wait in quarantine because of it: {waiting}. Start "
        "anew with human documents that are in no panel yet, or judge fewer recipes."
    ]


def arrival_per_day(batches: Sequence[BatchFacts]) -> float | None:
    """Return documents per day that the reserve grew by since its first batch; None where batches tell no rate.

    The first batch is the stock that was there; what came later, over the days until the last, is the rate.
    """
    days = sorted((date.fromisoformat(batch.created[:10]), batch.documents) for batch in batches if batch.created)
    if len(days) < 2 or days[0][0] == days[-1][0]:
        return None
    later = sum(documents for day, documents in days if day > days[0][0])
    return later / (days[-1][0] - days[0][0]).days


def _how_long(documents: int, store: Path | None) -> str:
    if store is None:
        return ""
    try:
        rate = arrival_per_day(list_reserve(store).batches)
    except StoreError:
        rate = None
    if not rate:
        return "; the reserve has not grown since its first day, so that no time can be given"
    days = math.ceil(documents / rate)
    when = f"{days:,} day{'s' * (days != 1)}" if days < 730 else f"{days / 365.25:.0f} years"
    return f"; at the {rate:.3g} documents a day that the reserve has grown by, that takes about {when}"
