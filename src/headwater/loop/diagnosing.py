"""The signals on a stream beside the verdicts, and what a filter on one of them does."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.errors import InputError
from headwater.gate import Checked, Gate, GateState, token_counts
from headwater.gate.diagnosis import (
    HARM_ELSEWHERE,
    Diagnosed,
    HumanSide,
    apply_filters,
    diagnose,
    filter_rules,
    sentence_of,
)
from headwater.gate.diagnosis.base import tokens_of
from headwater.loop.comparison import judge_stream
from headwater.loop.text_world import TextWorld
from headwater.loop.world import World
from headwater.measure import rare_recall
from headwater.models import NgramLearner
from headwater.schema import Reason
from headwater.store import Part

_LEAST_REFERENCE = 20  # documents of the steering panel; below, a third of the training groups is held out


@dataclass(frozen=True, slots=True)
class FilterEffect:
    """What the filters of the settings did, measured on the final panel."""

    filters: tuple[str, ...]
    """Each in words: ``perplexity at most 60``."""
    signals: tuple[str, ...]
    """Names of the signals filtered on."""
    documents: int
    """Documents that passed the hard checks."""
    dropped: int
    """Documents of them that the filters dropped."""
    tokens_dropped: int
    admitted_tokens: int
    """Tokens admitted with the filters."""
    admitted_tokens_without: int
    gain: float
    """Gain of what was admitted with the filters, nats per word; 0 where nothing was admitted."""
    gain_without: float
    difference: float
    """Gain with the filters less gain without; below zero is harm."""
    standard_error: float
    """Standard error of the difference over groups of the final panel."""
    rare: float
    """Share of the rare human words that the documents admitted with the filters hold."""
    rare_without: float
    """The same of the documents admitted without them."""


def human_side(world: TextWorld) -> HumanSide:
    """Return the human documents that signals compare with: training text, and the steering panel as unseen text."""
    train, reference = world.train, world.split[Part.STEERING]
    if reference.num_rows < _LEAST_REFERENCE:
        units = np.asarray(train["unit"].to_pylist(), dtype=np.str_)
        names = np.random.default_rng([world.settings.seed, 19]).permutation(np.unique(units))
        held = np.isin(units, names[: len(names) // 3])
        train, reference = train.filter(pa.array(~held)), train.filter(pa.array(held))
    model = world.settings.model  # whatever the proxy is: a signal costs seconds
    learner = NgramLearner(world.vocabulary, order=model.order, discount=model.discount)
    return HumanSide(train, reference, learner, len(world.vocabulary), world.rare, world.settings.seed)


def diagnose_stream(world: World, stream: Checked) -> Diagnosed | None:
    """Return the signals on a checked stream; None where it is no text, or there is nothing to look at."""
    if not isinstance(world, TextWorld) or not stream.documents.num_rows:
        return None
    return diagnose(stream, human_side(world))


def filtered(world: World, stream: Checked, diagnosed: Diagnosed | None) -> Checked:
    """Return the stream after the filters of the settings; the same stream where there are none."""
    settings = world.settings.gate.filter
    if diagnosed is None or not filter_rules(settings):
        return stream
    return apply_filters(stream, diagnosed, settings)


def check_filters(world: World, *, sampled: bool) -> None:
    """Refuse filters where they cannot be applied.

    Args:
        world: shared ground.
        sampled: whether the stream has documents that are not looked at.

    Raises:
        InputError: a filter is set and the documents are no text, or there are more than were read.
    """
    if filters_set(world) and (sampled or not isinstance(world, TextWorld)):
        raise InputError(
            "A filter on a signal is set ([gate.filter]). Filters act on texts that were looked at one by one, so the "
            "stream must be text, of at most a million words a recipe: judge it in parts, or leave the filter out."
        )


def filters_set(world: World) -> bool:
    """Return whether the settings have a filter. The gate it is compared with takes its part of delta."""
    return bool(filter_rules(world.settings.gate.filter))


def filter_effect(world: World, gate: Gate, stream: Checked, kept: Checked, state: GateState) -> FilterEffect | None:
    """Return what the filters did; None where there are none.

    Args:
        world: shared ground.
        gate: the gate, which judges the unfiltered stream as well.
        stream: the stream after the hard checks.
        kept: the stream after the filters.
        state: the gate after the filtered stream.
    """
    rules = filter_rules(world.settings.gate.filter)
    if not rules or not isinstance(world, TextWorld):
        return None
    without = judge_stream(gate, stream)
    mixes = [pa.concat_tables([world.train, admitted]) for admitted in (state.admitted, without.admitted)]
    gains = [world.final.gains(world.human_losses, world.final_losses(mix)) for mix in mixes]
    change = gains[0] - gains[1]
    rare = [
        rare_recall(tokens_of(part), world.rare, len(world.vocabulary)) for part in (state.admitted, without.admitted)
    ]
    dropped = np.array([reason is Reason.FILTERED for reason in kept.findings.reasons], bool)
    return FilterEffect(
        filters=tuple(sentence_of(signal, rule) for signal, rule in rules.items()),
        signals=tuple(rules),
        documents=stream.passed.num_rows,
        dropped=int(dropped.sum()),
        tokens_dropped=int(token_counts(stream.documents)[dropped].sum()),
        admitted_tokens=int(token_counts(state.admitted).sum()),
        admitted_tokens_without=int(token_counts(without.admitted).sum()),
        gain=float(gains[0].mean()),
        gain_without=float(gains[1].mean()),
        difference=float(change.mean()),
        standard_error=float(change.std(ddof=1) / np.sqrt(len(change))) if len(change) > 1 else float("nan"),
        rare=rare[0],
        rare_without=rare[1],
    )


def filter_warning(effect: FilterEffect) -> str:
    """Return what must be said about filters: that signals are no gate, and what these did."""
    elsewhere = " ".join(f"Measured before: {HARM_ELSEWHERE[s]}." for s in effect.signals if s in HARM_ELSEWHERE)
    return (
        f"A filter on a signal is set ({'; '.join(effect.filters)}), which is advised against. It dropped "
        f"{effect.dropped:,} of {effect.documents:,} documents. On the final panel the admitted set gains "
        f"{effect.gain:+.3f} nats per word with it and {effect.gain_without:+.3f} without (difference "
        f"{effect.difference:+.3f} ± {effect.standard_error:.3f}); what is admitted holds {effect.rare:.0%} of the "
        f"rare human words, {effect.rare_without:.0%} without it. {elsewhere}"
    ).strip()
