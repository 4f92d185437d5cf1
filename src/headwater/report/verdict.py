"""The verdict of a run in one sentence, computed from its numbers: it says what went well and what did not."""

import math
from collections.abc import Sequence

from headwater.gate import Card
from headwater.generate import REWRITES
from headwater.loop.result import RunResult
from headwater.loop.stream_gate import GateResult
from headwater.loop.world import GenerationRecord
from headwater.report.text import listed, name, number, percent, plural
from headwater.schema import Verdict

HELD = 0.01
"""Nats per word: a loop that ends this close to human-only counts as having held the line. A hundredth of a nat is a
word 1% less probable, far below what a small panel can tell from nothing."""

_LOST = 0.05  # rare words lost in a smaller share than this are not the point of the sentence


def line_to_hold(result: RunResult) -> float | None:
    """Return the loss other loops are compared with: human-only at the end, else any loop before it was fed back."""
    record = last(result, "human-only") or next((r for r in result.generations if r.generation == 0), None)
    return record.loss_nats if record is not None else None


def line_name(result: RunResult) -> str:
    """Return what the other loops are compared with, in words."""
    return "human only" if last(result, "human-only") else "generation 0"


def last(result: RunResult, arm: str) -> GenerationRecord | None:
    """Return the last generation of a loop, None where it did not run."""
    return max(result.of_arm(arm), key=lambda record: record.generation, default=None)


def known_useful(cards: Sequence[Card]) -> frozenset[str] | None:
    """Return the recipes made to be useful where the run made its own stream; None for a user's stream.

    The run's own rewrites of unseen human documents carry new human information. Its other recipes are its tests of
    the gate: own and collapsed output, word salad, copies and leaks.
    """
    useful = frozenset(recipe.name for recipe in REWRITES)
    return useful if useful < {card.recipe for card in cards} else None


def run_verdict(result: RunResult) -> str:
    """Return what a run found out, in one sentence."""
    line = line_to_hold(result)
    clauses = []
    if line is not None:
        clauses = [_ungated(result, line), _filtered(result, line), _gated(result, line)]
    clauses = [clause for clause in clauses if clause]
    if result.cards and last(result, "gated-stream") is None:
        clauses.append(_of_stream(result))
    sentence = "; ".join(clauses)
    return (
        f"{sentence[:1].upper()}{sentence[1:]}."
        if sentence
        else "The run has no generation and no recipe to report on."
    )


def gate_verdict(result: GateResult) -> str:
    """Return what judging a stream found out, in one sentence."""
    admitted = [name(card.recipe) for card in result.cards if card.verdict is Verdict.ADMITTED]
    refused = {v: sum(card.verdict is v for card in result.cards) for v in Verdict}
    others = [
        text
        for text, many in (
            (f"rejected {refused[Verdict.REJECTED]}", refused[Verdict.REJECTED]),
            (f"left {refused[Verdict.QUARANTINED]} undecided", refused[Verdict.QUARANTINED]),
        )
        if many
    ]
    which = f" ({listed(admitted)})" if 0 < len(admitted) <= 5 else ""
    what = [f"admitted {len(admitted) or 'none'} of {plural(len(result.cards), 'recipe')}{which}", *others]
    gain = ""
    if result.gain is not None and math.isfinite(result.gain.gain_nats):
        change = result.gain.gain_nats
        gain = (
            f"; training on what was admitted {'lowers' if change > 0 else 'raises'} the loss on unseen human text by "
            f"{number(abs(change))} nats per word"
        )
    return f"The gate {listed(what)}{gain}."


def _ungated(result: RunResult, line: float) -> str:
    record = last(result, "ungated")
    if record is None:
        return ""
    cost = record.loss_nats - line
    span = plural(record.generation, "generation")
    if cost > HELD:
        return f"retraining on its own output cost {number(cost)} nats per word in {span}"
    if cost >= -HELD:
        return f"retraining on its own output for {span} cost next to nothing ({number(cost)} nats per word)"
    return f"retraining on its own output for {span} gained {number(-cost)} nats per word"


def _filtered(result: RunResult, line: float) -> str:
    record = last(result, "filtered")
    if record is None:
        return ""
    cost, lost = record.loss_nats - line, 1 - record.rare_word_recall
    unit = "" if last(result, "ungated") else " nats per word"
    paid = (
        f"cost {number(cost)}{unit}"
        if cost > HELD
        else f"gained {number(-cost)}{unit}"
        if cost < -HELD
        else "cost next to nothing"
    )
    words = (
        f"lost {percent(lost)} of the rare words" if lost >= _LOST else f"kept {percent(1 - lost)} of the rare words"
    )
    link = "and" if (cost > HELD) == (lost >= _LOST) else "but"
    return f"filtering its output by perplexity {paid} {link} {words}"


def _gated(result: RunResult, line: float) -> str:
    alone, offered = last(result, "gated"), last(result, "gated-stream")
    reference = line_name(result)
    first = ""
    if alone is not None:
        cost = alone.loss_nats - line
        if abs(cost) <= HELD:
            first = f"the gated loop held the line ({number(abs(cost))} from {reference})"
            reference = "it"
        elif cost > 0:
            first = f"the gated loop did not hold the line and ended {number(cost)} above {reference}"
        else:
            first = f"the gated loop ended {number(-cost)} below {reference}"
    if offered is None:
        return first
    cost = offered.loss_nats - line
    where = "level with" if abs(cost) <= HELD else f"{number(abs(cost))} {'above' if cost > 0 else 'below'}"
    end = f"{where} {reference}"
    admitted = _admitted_in_loop(result)
    took = f", {_admissions(result, admitted)}" if result.cards else ""
    offered_text = f"offered the stream, ended {end}{took}"
    return f"{first} and, {offered_text}" if first else f"the gated loop, {offered_text}"


def _admitted_in_loop(result: RunResult) -> set[str]:
    """Return the recipes of the stream that the gated loop had admitted at its end."""
    rounds = [record for record in result.rounds if record.arm == "gated-stream"]
    if not rounds:
        return {card.recipe for card in result.cards if card.verdict is Verdict.ADMITTED}
    end = max(record.generation for record in rounds)
    offered = {card.recipe for card in result.cards}
    return {
        record.recipe
        for record in rounds
        if record.generation == end and record.verdict == Verdict.ADMITTED and record.recipe in offered
    }


def _admissions(result: RunResult, admitted: set[str]) -> str:
    """Return ``admitting 3 of 9 recipes and none of the 6 made to do harm``."""
    total = f"admitting {len(admitted) or 'none'} of {plural(len(result.cards), 'recipe')}"
    useful = known_useful(result.cards)
    if useful is None or not admitted:
        return total
    harmful = admitted - useful
    tests = len(result.cards) - len(useful)
    if not harmful:
        return f"{total} and none of the {tests} made to do harm"
    return f"{total}, {len(harmful)} of them made to do harm ({listed(sorted(name(recipe) for recipe in harmful))})"


def _of_stream(result: RunResult) -> str:
    admitted = {card.recipe for card in result.cards if card.verdict is Verdict.ADMITTED}
    gain = next((record.gain_nats for record in result.stream if record.arm == "headwater"), None)
    clause = f"the gate judged the stream, {_admissions(result, admitted)}"
    if gain is None or not admitted:
        return clause
    worth = (
        f"a gain of {number(gain)} nats per word"
        if gain > HELD
        else "no gain"
        if gain >= -HELD
        else f"a loss of {number(-gain)} nats per word"
    )
    return f"{clause}, for {worth} on unseen human text"
