"""What goes to standard output: one JSON document, or a summary for people."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from headwater.gate import Card
from headwater.gate.diagnosis import Diagnosis
from headwater.lab import LabResult
from headwater.lab.result import ArmVerdicts
from headwater.lineage import Graph, Inbreeding, Plan
from headwater.loop.result import ReadFacts, RunResult
from headwater.measure import Verdict
from headwater.report.wording import in_words_of
from headwater.schema import SCHEMA_VERSION

_REPORTED = ("generation", "loss_nats", "bits_per_byte", "rare_word_recall", "support", "distinct_2")
_WIDE = 120
"""Characters of a line, where a table can be broken into parts."""
_UNMEASURED = str(Verdict.NOT_MEASURED)


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
            "signals": signals_json(card.diagnosis) if card.diagnosis is not None else None,
        }
        for card in cards
    ]


def signals_json(seen: Diagnosis) -> dict[str, Any]:
    """Return what the signals say about a recipe; none of it decides."""
    return {
        "loss_nats": _finite(seen.loss.median),
        "loss_nats_human": _finite(seen.loss_human.median) if seen.loss_human else None,
        "loss_rank": seen.loss_rank,
        "dsir": _finite(seen.dsir.median),
        "auc": seen.discriminator.auc if seen.discriminator else None,
        "auc_error": seen.discriminator.error if seen.discriminator else None,
        "support": seen.words.support,
        "support_share": seen.words.support_share,
        "richness": seen.words.richness,
        "richness_human": seen.words.richness_human,
        "rare_recall": seen.words.rare_recall,
        "clipped_density": seen.cloud.density if seen.cloud else None,
        "clipped_coverage": seen.cloud.coverage if seen.cloud else None,
        "copied": _finite(seen.copied.median),
        "nearest": [
            {"document": one.document, "human": one.human.id, "cosine": one.human.cosine} for one in seen.nearest_pairs
        ],
    }


def documents_json(reading: ReadFacts) -> dict[str, Any]:
    """Return the ``documents`` part: rows read and rows that could not be used."""
    return {"read": reading.read, "bad": reading.bad, "by_kind": dict(reading.by_kind)}


def training_json(result: Any) -> dict[str, Any]:
    """Return the parts ``regimens`` and ``students``: how proxy and student are trained, and what the student says."""
    return {
        "regimens": [asdict(one) for one in result.regimens],
        "students": [{**asdict(one), "worse": one.worse, "disagrees": one.disagrees} for one in result.students],
    }


def run_json(result: RunResult, report: str) -> dict[str, Any]:
    """Return a run as the JSON contract for scripts has it."""
    return {
        "run": result.run,
        "seconds": result.seconds,
        "report": report,
        "arms": [
            {
                "name": arm,
                "generations": [
                    {name: _finite(getattr(part, name)) for name in _REPORTED} for part in result.of_arm(arm)
                ],
            }
            for arm in result.arms
        ],
        "stream": [
            {"arm": part.arm, "gain_nats": part.gain_nats, "standard_error": part.standard_error, "tokens": part.tokens}
            for part in result.stream
        ],
        "recipes": recipes_json(result.cards),
        "documents": documents_json(result.reading),
        **training_json(result),
        "warnings": list(result.warnings),
    }


def run_summary(result: RunResult, report: str) -> str:
    """Return a run in a few lines for a person."""
    human = result.of_arm("human-only")[-1]
    after = f"{human.generation} generation{'s' * (human.generation != 1)}"
    lines = [f"After {after}, loss on unseen human documents (nats per word; lower is better):"]
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
    lines += remarks(result.reading, result.warnings, "rejects.jsonl beside the report")
    return in_words_of(result.modality, "\n".join(lines))


def lab_json(result: LabResult, report: str) -> dict[str, Any]:
    """Return an experiment as the JSON contract for scripts has it; what is no finite number is null."""
    return {
        "run": result.run,
        "experiment": result.experiment,
        "settings": dict(result.settings),
        "seconds": result.seconds,
        "checks": [
            {
                "name": one.name,
                "expected": _finite(one.expected),
                "observed": _finite(one.observed),
                "se": _finite(one.se),
                "z": _finite(one.z),
                "tolerance": one.tolerance,
                "ok": one.ok,
            }
            for one in result.checks
        ],
        "definitions": [
            {"regime": arm.arm, "name": one.name, "verdict": str(one.verdict), "value": _finite(one.value)}
            for arm in result.verdicts
            for one in arm.findings
        ],
        "phases": [{"regime": arm.arm, "early": arm.phases.early, "late": arm.phases.late} for arm in result.verdicts],
        "arms": [
            {
                "regime": arm.name,
                "generations": arm.generations,
                "computed_f": _finite(arm.computed_f[-1]) if len(arm.computed_f) > arm.generations else None,
                "observed_f": _finite(arm.observed_f[-1]) if arm.observed_f else None,
                "last": {name: _finite(series.mean[-1]) for name, series in arm.series.items()},
                "seconds": round(arm.seconds, 3),
                "stopped": arm.stopped or None,
            }
            for arm in result.arms
        ],
        "notes": list(result.notes),
        "report": report,
    }


def lab_summary(result: LabResult, report: str) -> str:
    """Return an experiment in a few lines for a person: checks, then each definition of collapse by regime."""
    rows = [
        ("ok" if one.ok else "FAILED", one.name, f"{one.observed:.5g}", f"expected {one.expected:.5g}", one.tolerance)
        for one in result.checks
    ]
    lines = [result.title, "", "Checks:", *_aligned(rows)] if rows else [result.title]
    if result.verdicts:
        lines += ["", "Definitions of collapse:", *_definitions(result.verdicts)]
    lines += ["", *(f"Note: {note}" for note in result.notes), f"Report: {report}"]
    return "\n".join(lines)


def _definitions(arms: Sequence[ArmVerdicts]) -> list[str]:
    """Return the verdicts by regime, and in one line the definitions that none of them measures."""
    said = [{one.name: str(one.verdict) for one in arm.findings} for arm in arms]
    body = [(one.title, *(verdicts[one.name] for verdicts in said)) for one in arms[0].findings]
    for title, definition, begun in (
        ("tails halved at generation", "tail_loss", [arm.phases.early for arm in arms]),
        ("variance halved at generation", "collapsing_variance", [arm.phases.late for arm in arms]),
    ):
        otherwise = [_UNMEASURED if verdicts[definition] == _UNMEASURED else "not reached" for verdicts in said]
        body.append((title, *(last if at is None else str(at) for at, last in zip(begun, otherwise, strict=True))))
    measured = [row for row in body if set(row[1:]) != {_UNMEASURED}]
    left = [one.title for one in arms[0].findings if all(verdicts[one.name] == _UNMEASURED for verdicts in said)]
    lines = _fitting([("", *(arm.arm for arm in arms)), *measured]) if measured else []
    return [*lines, f"  {_UNMEASURED}: {', '.join(left)}"] if left else lines


def lineage_summary(graph: Graph, found: Inbreeding, most: int, unit: str) -> str:
    """Return a family tree as a table for a person: the last ``most`` nodes, founders first; ``unit`` is counted."""
    f = found.f
    rows = [("", "kind", unit, "F", "human-equivalent founders", "effective size")]
    nodes = graph.nodes
    left_out = len(nodes) - most
    if left_out > 0:
        founders = [node for node in nodes if not node.parts][: most // 4]
        nodes = (*founders, *(node for node in nodes[-(most - len(founders)) :] if node not in founders))
        left_out = len(graph.nodes) - len(nodes)
    for node in nodes:
        size = found.effective_size(node.id)
        rows.append(
            (
                node.id,
                node.kind,
                "-" if node.n is None else f"{node.n:,}",
                f"{f[node.id]:.6g}",
                f"{found.founders(node.id):,.6g}",
                "-" if size is None else f"{size:,.6g}",
            )
        )
    lines = _aligned(rows)
    if left_out > 0:
        lines.append(f"  ... and {left_out} more; --json has all of them.")
    return "\n".join(lines)


def plan_json(
    found: Plan, target_f: float, tail_frequency: float | None, survival: float, reserve: int | None
) -> dict[str, Any]:
    """Return a plan as one JSON object."""
    needs = {
        "bulk": found.bulk, "tail": found.tail, "reserve_bulk": found.reserve_bulk, "reserve_tail": found.reserve_tail,
    }  # fmt: skip
    return {
        "target_f": target_f,
        "tail_frequency": tail_frequency,
        "survival": survival,
        "items": found.n,
        "reserve": reserve,
        "short_form": found.short,
        **{
            name: None if need is None else {"items": need.items, "reached": _finite(need.reached), "note": need.note}
            for name, need in needs.items()
        },
    }


def finite_json(value: Any) -> Any:
    """Return a value with null for every number that is not finite, in objects and lists as well."""
    if isinstance(value, dict):
        return {key: finite_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite_json(inner) for inner in value]
    return _finite(value) if isinstance(value, float) else value


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


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


def _fitting(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a table in parts that fit a terminal: each has the first column and as many of the others as fit."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    parts: list[list[int]] = [[]]
    for i, width in enumerate(widths[1:], start=1):
        if parts[-1] and sum(2 + widths[j] for j in (0, *parts[-1])) + 2 + width > _WIDE:
            parts.append([])
        parts[-1].append(i)
    tables = [_aligned([tuple(row[i] for i in (0, *part)) for row in rows]) for part in parts]
    return [line for i, table in enumerate(tables) for line in ([""] if i else []) + table]


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return [
        "  " + "  ".join(cell if i == len(row) - 1 else cell.ljust(widths[i]) for i, cell in enumerate(row))
        for row in rows
    ]
