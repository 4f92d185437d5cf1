"""What goes to standard output: one JSON document, or a summary for people."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from headwater.gate import Card
from headwater.loop.result import ReadFacts, RunResult
from headwater.schema import SCHEMA_VERSION

_REPORTED = ("generation", "loss_nats", "bits_per_byte", "rare_word_recall", "support", "distinct_2")


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON document with the schema version first."""
    print(json.dumps({"schema": SCHEMA_VERSION, **value}, ensure_ascii=False, allow_nan=False))


def recipes_json(cards: Iterable[Card]) -> list[dict[str, Any]]:
    """Return the ``recipes`` part: verdict, stage, reason and evidence of each recipe."""
    return [
        {
            "recipe": card.recipe,
            "verdict": card.verdict.value,
            "stage": card.stage.value,
            "reason": card.reason.value,
            "log_e": card.log_e,
            "needed": card.needed,
            "gain_nats": card.gain,
            "documents": card.documents,
            "passed": card.passed,
            "failed": card.failed,
        }
        for card in cards
    ]


def documents_json(reading: ReadFacts) -> dict[str, Any]:
    """Return the ``documents`` part: rows read and rows that could not be used."""
    return {"read": reading.read, "bad": reading.bad, "by_kind": dict(reading.by_kind)}


def run_json(result: RunResult, report: str) -> dict[str, Any]:
    """Return a run as the JSON contract for scripts has it."""
    return {
        "run": result.run,
        "seconds": result.seconds,
        "report": report,
        "arms": [
            {
                "name": arm,
                "generations": [{name: getattr(part, name) for name in _REPORTED} for part in result.of_arm(arm)],
            }
            for arm in result.arms
        ],
        "stream": [
            {"arm": part.arm, "gain_nats": part.gain_nats, "standard_error": part.standard_error, "tokens": part.tokens}
            for part in result.stream
        ],
        "recipes": recipes_json(result.cards),
        "documents": documents_json(result.reading),
        "warnings": list(result.warnings),
    }


def run_summary(result: RunResult, report: str) -> str:
    """Return a run in a few lines for a person."""
    human = result.of_arm("human-only")[-1]
    lines = [f"After {human.generation} generations, loss on unseen human documents (nats per word; lower is better):"]
    rows = []
    for arm in result.arms:
        last = result.of_arm(arm)[-1]
        rows.append(
            (
                arm,
                f"{last.loss_nats:.3f}",
                f"{last.loss_nats - human.loss_nats:+.3f}",
                f"{last.rare_word_recall:.0%} of rare words kept",
            )
        )
    lines += _aligned(rows)
    if result.stream:
        lines += ["", "Gain from the stream, by who chose (nats per word; higher is better):"]
        lines += _aligned([(p.arm, f"{p.gain_nats:+.3f}", f"{p.tokens:,} tokens") for p in result.stream])
    lines += ["", *recipes_summary(result.cards), "", f"Report: {report}"]
    return "\n".join([*lines, *remarks(result.reading, result.warnings, "rejects.jsonl beside the report")])


def remarks(reading: ReadFacts, warnings: Sequence[str], rejects: str) -> list[str]:
    """Return what must be said below a result: rows set aside, and warnings."""
    lines = []
    if reading.by_kind:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in reading.by_kind.items())
        lines.append(f"Set aside: {kinds} ({rejects}).")
    if "truncated_file" in reading.by_kind:
        lines.append("Warning: A file ends in the middle. What stands before its end was read; the rest is missing.")
    return [*lines, *(f"Warning: {warning}" for warning in warnings)]


def recipes_summary(cards: Sequence[Card]) -> list[str]:
    """Return one line per recipe."""
    return [
        "Recipes:",
        *_aligned([(card.recipe, card.verdict.value, card.reason.value, card.sentence) for card in cards]),
    ]


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return [
        "  " + "  ".join(cell if i == len(row) - 1 else cell.ljust(widths[i]) for i, cell in enumerate(row))
        for row in rows
    ]
