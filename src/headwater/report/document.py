"""Reports: a result becomes one self-contained HTML page that runs no script and loads nothing from elsewhere."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.gate import Card
from headwater.lineage import Explanation, explain
from headwater.loop.result import InbreedingRecord, RoundRecord, RunResult
from headwater.loop.stream_gate import GateResult
from headwater.loop.world import SampleText
from headwater.report import charts, text
from headwater.report.bibliography import Topic, bibtex, cited, references
from headwater.report.page import figure, fitting
from headwater.report.verdict import gate_verdict, last, line_name, line_to_hold, run_verdict
from headwater.report.wording import in_words_of
from headwater.schema import Reason, Stage, Verdict
from headwater.store import Part


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shown of what has no bound of its own."""

    cards: int
    """Why-cards."""
    rows: int
    """Rows of a table."""
    warnings: int
    text: int
    """Characters of a sample."""
    settings: int
    """Characters of the settings."""
    nearest: int
    """Nearest human documents of a card."""


# The first that keeps a page below its largest size is used; the last always does.
_LIMITS = (Limits(40, 150, 30, 320, 20_000, 3), Limits(16, 50, 15, 240, 6_000, 1), Limits(6, 20, 6, 120, 2_000, 1))


@dataclass(frozen=True, slots=True)
class Sample:
    """What one loop's model wrote after a prompt."""

    arm: str
    texts: tuple[str | None, ...]
    """Continuations by generation; None where it wrote the same as before its first retraining."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What all loops wrote after one prompt."""

    prompt: str
    before: str
    """The continuation of generation 0."""
    generations: tuple[int, ...]
    rows: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A recipe that is judged otherwise where no document names its parents."""

    recipe: str
    with_parents: Card
    without: Card


def render_report(result: RunResult) -> str:
    """Return the report of a run as HTML, at most 200 KB for any number of recipes and generations."""
    topics = [Topic.DECISION, Topic.MODEL, *([Topic.COLLAPSE] if result.generations else [])]
    topics += [Topic.SELECTION, Topic.CHECKS, *([Topic.MEASURES] if result.generations else [])]
    return _render(
        "run.html",
        result,
        topics,
        title=f"Run {text.name(result.run)}",
        verdict=run_verdict(result),
        line=line_to_hold(result),
        line_name=line_name(result),
        ends=[record for arm in result.arms if (record := last(result, arm)) is not None],
        losses=_losses(result),
        loss_chart=figure(charts.loss_by_generation(result)),
        inbreeding=_inbreeding(result.inbreeding),
        inbreeding_chart=figure(charts.observed_inbreeding(result)),
        tail_charts=[
            drawn
            for chart in (charts.rare_word_recall, charts.support, charts.distinct_2)
            if (drawn := figure(chart(result)))
        ],
        samples=_samples(result.samples),
        stream_chart=figure(charts.stream_gains(result)),
        stream={record.arm: record for record in result.stream},
        disagreements=_disagreements(result.cards, result.cards_without_parents),
        tokens_chart=figure(charts.tokens_by_recipe(result)),
        feedback=_feedback(result),
    )


def render_gate_report(result: GateResult) -> str:
    """Return the report on a stream that was judged by itself as HTML, at most 200 KB."""
    topics = [Topic.DECISION, Topic.MODEL, Topic.SELECTION, Topic.CHECKS]
    return _render("gate.html", result, topics, title="Gate report", verdict=gate_verdict(result))


def _render(template: str, result: RunResult | GateResult, topics: Sequence[Topic], **values: Any) -> str:
    if result.modality != "text":
        topics = [topic for topic in topics if topic not in _OF_TEXTS]
        topics += [Topic.ROWS] if result.modality == "table" else []
    entries = references(topics)
    if values.get("inbreeding"):
        entries += cited(["wright1931"])[0]
    ranked = sorted(result.cards, key=lambda card: (_ORDER[card.verdict], card.recipe))
    page = fitting(
        template,
        ({"limits": limits} for limits in _LIMITS),
        result=result,
        version=result.versions.get("headwater", ""),
        cards=ranked,
        counts={verdict: sum(card.verdict is verdict for card in ranked) for verdict in Verdict},
        split=[row for row in result.split if row.documents],
        has_steering=any(row.part is Part.STEERING and row.documents for row in result.split),
        decided=_decided,
        entries=entries,
        bibtex=bibtex(entries),
        **values,
    )
    body, mark, works = page.partition(_REFERENCES)  # titles of works stay as they are
    return in_words_of(result.modality, body) + mark + works


_OF_TEXTS = {Topic.MODEL, Topic.SELECTION, Topic.CHECKS, Topic.MEASURES}
_REFERENCES = '<section aria-labelledby="references">'
_ORDER = {Verdict.ADMITTED: 0, Verdict.QUARANTINED: 1, Verdict.REJECTED: 2}


def _decided(card: Card) -> tuple[str, str]:
    """Return the number that decided a card and what it was compared with, in their unit."""
    if card.measured is None or card.threshold is None:
        return "–", "–"
    if card.stage in {Stage.PROVENANCE, Stage.CHECKS}:
        return f"{text.percent(card.measured)} fails", f"less than {text.percent(card.threshold)}"
    if card.reason is Reason.TOO_SMALL:
        return f"{text.count(card.measured)} tokens", f"at least {text.count(card.threshold)} tokens"
    if card.stage is Stage.SLICES:
        return f"ln e of harm {text.number(card.measured, 2)}", f"less than {text.number(card.threshold, 2)}"
    return f"{text.signed(card.measured)} nats per word", f"more than {text.number(card.threshold, 0)}"


def _losses(result: RunResult) -> list[tuple[int, dict[str, float]]]:
    """Return the loss of every loop by generation, for the generations that are drawn."""
    by_generation: dict[int, dict[str, float]] = {g: {} for g in charts.shown_generations(result)}
    for record in result.generations:
        if record.generation in by_generation:
            by_generation[record.generation][record.arm] = record.loss_nats
    return list(by_generation.items())


def _inbreeding(records: Sequence[InbreedingRecord]) -> list[tuple[InbreedingRecord, Explanation]]:
    """Return the last generation of every loop, and which cause the difference of its two coefficients points to."""
    last = {one.arm: one for one in records if math.isfinite(one.observed)}
    return [(one, explain(one.observed, one.computed)) for one in last.values()]


def _samples(samples: Sequence[SampleText]) -> list[Samples]:
    """Return samples by prompt at generations 1, the middle and the last, beside generation 0."""
    texts = {(s.prompt, s.arm, s.generation): s.continuation for s in samples}
    known = sorted({s.generation for s in samples})
    if not known:
        return []
    later = [generation for generation in known if generation > known[0]]
    chosen = tuple(dict.fromkeys([*later[:1], *later[len(later) // 2 : len(later) // 2 + 1], *later[-1:]]))
    arms = tuple(dict.fromkeys(s.arm for s in samples))
    found = []
    for prompt in dict.fromkeys(s.prompt for s in samples):
        start = next((texts[prompt, arm, known[0]] for arm in arms if (prompt, arm, known[0]) in texts), "")
        rows = tuple(
            Sample(
                arm,
                tuple(
                    None if (wrote := texts.get((prompt, arm, g), "")) == start else _continuation(prompt, wrote)
                    for g in chosen
                ),
            )
            for arm in arms
        )
        found.append(Samples(prompt, _continuation(prompt, start), chosen, rows))
    return found


def _continuation(prompt: str, written: str) -> str:
    """Return what was written after the prompt, which a model repeats with words it does not know as ``<unk>``."""
    words = [rf"(?:{re.escape(word)}|\W*<unk>\W*?)" for word in prompt.split()]
    repeated = re.match(r"\s*" + r"\s+".join(words), written, re.IGNORECASE)
    return written[repeated.end() if repeated else 0 :].strip() or "(nothing)"


def _disagreements(cards: Sequence[Card], without: Sequence[Card]) -> list[Disagreement]:
    """Return the recipes whose verdict, or what it rests on, changes where no document names its parents."""
    nameless = {card.recipe: card for card in without}
    return [
        Disagreement(card.recipe, card, other)
        for card in cards
        if (other := nameless.get(card.recipe)) is not None
        and (card.verdict, card.stage, card.reason) != (other.verdict, other.stage, other.reason)
    ]


def _feedback(result: RunResult) -> Mapping[str, Any]:
    """Return what the gated loops took, and what became of their own output."""
    offered = {card.recipe for card in result.cards}
    own = [record for record in result.rounds if record.recipe not in offered]
    end: dict[tuple[str, str], RoundRecord] = {(r.arm, r.recipe): r for r in own}
    taken: dict[str, dict[int, RoundRecord]] = {}
    for record in result.rounds:
        if record.arm == "gated-stream" and record.recipe in offered:
            taken.setdefault(record.recipe, {})[record.generation] = record
    generations = sorted({r.generation for r in result.rounds if r.arm == "gated-stream"})
    shown = generations if len(generations) <= 12 else [*generations[:11], generations[-1]]
    spent = sorted(
        (recipe for recipe, rounds in taken.items() if any(r.tokens for r in rounds.values())),
        key=lambda recipe: (-sum(r.tokens for r in taken[recipe].values()), recipe),
    )
    return {
        "own": {
            arm: {"offered": len(verdicts), "outcome": _outcome(verdicts)}
            for arm in dict.fromkeys(record.arm for record in own)
            if (verdicts := [record.verdict for (a, _), record in end.items() if a == arm])
        },
        "generations": shown,
        "taken": [(recipe, taken[recipe]) for recipe in spent[:20]],
    }


def _outcome(verdicts: Sequence[str]) -> str:
    """Return ``admitted once, rejected 3 times and left undecided twice``."""
    words = {Verdict.ADMITTED: "admitted", Verdict.REJECTED: "rejected", Verdict.QUARANTINED: "left undecided"}
    times = {1: "once", 2: "twice"}
    many = {verdict: sum(v == verdict for v in verdicts) for verdict in words}
    return text.listed([f"{words[v]} {times.get(n, f'{text.count(n)} times')}" for v, n in many.items() if n])
