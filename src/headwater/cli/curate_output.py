"""A curation on standard output: one JSON document, or a summary for people."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.cli.output import _aligned, _finite
from headwater.curate.result import CurateResult, Loss, PairSample
from headwater.report.text import count, name, percent, plural, printable

if TYPE_CHECKING:
    from headwater.curate.settings import CurateSettings
    from headwater.curate.steps import Steps
    from headwater.sources import ShardPlan

_MOST_RULES = 20
_MOST_SOURCES = 10
_FEWEST = 20  # documents of a source whose loss is pointed out
_SAMPLE_PAIRS = 5


def curate_json(result: CurateResult) -> dict[str, Any]:
    """Return a curation as the JSON contract for scripts has it; what is no finite number is null."""
    counts = result.documents
    return {
        "documents": {"in": counts.read, "kept": counts.kept, "dropped": counts.dropped, "bad": counts.bad},
        "rules": [
            {
                "rule": rule.rule,
                "dropped": rule.dropped,
                "alone": rule.alone,
                "family": rule.family,
                "threshold": None if rule.threshold is None else _finite(rule.threshold),
            }
            for rule in result.rules
        ],
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "cpu_seconds": round(result.cpu_seconds, 3),
        "peak_rss_mb": round(result.peak_rss_mb, 1),
        "engine": result.engine,
        "workers": result.workers,
        "out": result.out,
        "bad_by_kind": dict(result.bad_by_kind),
        "sources": [_loss(one) for one in result.sources],
        "n_sources": result.n_sources,
        "languages": [_loss(one) for one in result.languages],
        "origins": [_loss(one) for one in result.origins],
        "characters": {"in": result.characters, "kept": result.kept_characters},
        "tokens": result.tokens,
        "pairs": result.n_pairs,
        "failed": [asdict(one) for one in result.failed],
        "warnings": list(result.warnings),
        "versions": dict(result.versions),
        "created": result.created,
    }


def _loss(one: Loss) -> dict[str, Any]:
    return {
        "name": one.name,
        "documents": one.documents,
        "kept": one.kept,
        "characters": one.characters,
        "kept_characters": one.kept_characters,
        "reasons": dict(one.reasons),
    }


def curate_summary(result: CurateResult, most_lost: float = 0.5) -> str:
    """Return a curation in a few lines for a person: what was kept, what dropped the rest, and what to look at.

    Args:
        result: the curation.
        most_lost: share of its documents above which a source's loss is pointed out.
    """
    counts = result.documents
    measured = max(counts.kept + counts.dropped, 1)
    lines = [
        f"{count(counts.read)} documents in = {count(counts.kept)} kept ({percent(counts.kept / measured)}) "
        f"+ {count(counts.dropped)} dropped + {count(counts.bad)} bad",
        _speed(result),
    ]
    if result.tokens is not None:
        lines.append(f"{count(result.tokens)} tokens kept")
    dropping = sorted((rule for rule in result.rules if rule.dropped), key=lambda rule: -rule.dropped)
    if dropping:
        lines += ["", "Dropped by (a document can fail several rules):"]
        rows = [
            (rule.rule, count(rule.dropped), f"{count(rule.alone)} by it alone", rule.sentence)
            for rule in dropping[:_MOST_RULES]
        ]
        lines += _aligned(rows)
        if len(dropping) > _MOST_RULES:
            lines.append(f"  … and {len(dropping) - _MOST_RULES} more rules; all are in the report")
    for heading, parts, many in (
        ("By source", result.sources, result.n_sources),
        ("By language", result.languages, len(result.languages)),
        ("By origin", result.origins, len(result.origins)),
    ):
        if len(parts) > 1:
            lines += ["", f"{heading}:", *_losses(parts, many)]
    lines += _alarms(result, most_lost)
    remarks = [*_bad(result), *(f"Warning: {warning}" for warning in (*result.warnings, *_failures(result)))]
    lines += ["", *remarks] if remarks else []
    lines += ["", f"Kept, dropped, pairs.parquet and report.html are in {printable(result.out)}"]
    return "\n".join(lines)


def _speed(result: CurateResult) -> str:
    millions = result.characters / 1e6
    rate = millions / max(result.seconds, 1e-9)
    return (
        f"{millions:,.1f} million characters ({result.bytes / 1e6:,.1f} MB of files) in {result.seconds:,.1f} s: "
        f"{rate:,.1f} million a second, {result.cpu_seconds:,.1f} s of CPU, "
        f"{result.workers} worker{'s' * (result.workers != 1)} ({result.engine}), "
        f"at most {result.peak_rss_mb:,.0f} MB of memory"
    )


def _losses(parts: Sequence[Loss], many: int) -> list[str]:
    shown = parts[:_MOST_SOURCES]
    rows = [
        (
            printable(name(one.name), 50),
            f"{count(one.kept)} of {count(one.documents)} kept",
            f"{percent(one.lost_share)} lost",
            ", ".join(list(one.reasons)[:3]),
        )
        for one in shown
    ]
    more = [f"  … and {count(many - len(shown))} more"] if many > len(shown) else []
    return [*_aligned(rows), *more]


def alarming(result: CurateResult, most_lost: float) -> list[Loss]:
    """Return the sources that lost more than a share of their documents; those of a few documents are no news."""
    return [one for one in result.sources if one.documents >= _FEWEST and one.lost_share > most_lost]


def _alarms(result: CurateResult, most_lost: float) -> list[str]:
    """Return the sources that lost too much, with their reasons and examples of what was taken for a copy."""
    lost = alarming(result, most_lost)
    if not lost or len(result.sources) == 1:
        return []
    lines = ["", f"{len(lost)} source{'s' * (len(lost) != 1)} lost more than {percent(most_lost)}:"]
    for one in lost[:_MOST_SOURCES]:
        reasons = ", ".join(f"{reason} {count(documents)}" for reason, documents in one.reasons.items())
        lines.append(
            f"  {printable(name(one.name), 50)}: {percent(one.lost_share)} of {count(one.documents)}; {reasons}"
        )
    return lines


def _bad(result: CurateResult) -> list[str]:
    kinds = ", ".join(f"{count(number)} {kind}" for kind, number in result.bad_by_kind.items())
    return [f"Set aside: {kinds}; see rejects.jsonl."] if kinds else []


def _failures(result: CurateResult) -> list[str]:
    return [
        f"{one.file}{f' ({one.part})' if one.part else ''} could not be worked on and is in neither output: {one.error}"
        for one in result.failed
    ]


def pair_lines(pairs: Sequence[PairSample]) -> list[str]:
    """Return examples of removed documents beside those that stand for them."""
    lines = []
    for pair in pairs[:_SAMPLE_PAIRS]:
        alike = "equal" if pair.similarity is None else f"similarity {pair.similarity:.2f}"
        lines += [
            f"{pair.removed_place} is a copy of {pair.kept_place} ({alike}, cluster of {count(pair.cluster_size)})",
            f"  removed: {printable(pair.removed_text, 100)}",
            f"  kept:    {printable(pair.kept_text, 100)}",
        ]
    return lines


def plan_json(plan: "ShardPlan", steps: "Steps", settings: "CurateSettings", out: Path) -> dict[str, Any]:
    """Return what a curation would do, for scripts."""
    return {
        "files": [file.path for file in plan.files],
        "bytes": plan.size_bytes,
        "parts": len(plan.shards),
        "operators": [operator.name for operator in steps.operators],
        "rules": [
            {"rule": str(rule.reason), "family": rule.family, "measure": rule.measure, "threshold": rule.threshold}
            for rule in steps.rules.rules
            if rule.threshold is not None
        ],
        "writes": [str(out)],
        "settings": settings.model_dump(mode="json"),
    }


def plan_summary(plan: "ShardPlan", steps: "Steps", out: Path) -> str:
    """Return what a curation would do, for ``--dry-run``."""
    rows = [(str(rule.reason), rule.family, str(rule)) for rule in steps.rules.rules if rule.threshold is not None]
    return "\n".join(
        [
            f"Would read {plural(len(plan.files), 'file')} ({plan.size_bytes / 1e6:,.1f} MB) "
            f"in {plural(len(plan.shards), 'part')}",
            f"and write kept, dropped, signals, pairs.parquet and report.html to {out}.",
            "",
            f"Measures: {', '.join(operator.name for operator in steps.operators) or 'none'}",
            "",
            "Drops a document when:",
            *_aligned(rows),
        ]
    )
