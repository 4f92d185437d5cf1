"""What the certification panel of a run can and cannot see."""

from headwater.decide import Rule, Transcript, detectable_effect
from headwater.loop.result import PowerFacts
from headwater.loop.world import World
from headwater.store import Part

_ENOUGH_DOCUMENTS = 500  # measured: power at an effect of 0.2 sd is 0.2 here and 0.03 at half of it


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
    first, tenth = Transcript().threshold(rule, delta), Transcript(9, 3).threshold(rule, delta)
    effects = [detectable_effect(units, threshold, settings.clip_multiple) for threshold in (first, tenth)]
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
    )


def panel_warnings(world: World) -> list[str]:
    """Return what a reader must know about a small certification panel."""
    documents = world.split[Part.CERTIFICATION].num_rows
    if documents >= _ENOUGH_DOCUMENTS:
        return []
    return [
        f"The certification panel has {documents} documents. Below {_ENOUGH_DOCUMENTS} the guarantee holds, but only "
        "large gains can be shown: most useful recipes stay in quarantine. Add human documents."
    ]
