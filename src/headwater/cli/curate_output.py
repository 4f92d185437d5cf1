"""A curation on standard output: one JSON document, or a summary for people."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.cli.output import _WIDE, _aligned, _finite
from headwater.curate.cautions import cautions
from headwater.curate.outputs import Folder
from headwater.curate.result import Counts, CurateResult, Loss
from headwater.report.drawing import shortened
from headwater.report.text import count, name, percent, plural, printable
from headwater.sources import expand_paths

if TYPE_CHECKING:
    from headwater.curate.settings import CurateSettings
    from headwater.curate.steps import Steps
    from headwater.sources import ShardPlan

_MOST_RULES = 8
_MOST_SOURCES = 6
_MOST_PARTS = 4  # languages, origins
_FEWEST = 20  # documents of a source whose loss is pointed out
_NAME = 44  # characters of a name


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
                "threshold": _threshold(rule.threshold),
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
        "personal_data": None if result.personal_data is None else asdict(result.personal_data),
        "tokens": result.tokens,
        "pairs": result.n_pairs,
        "failed": [asdict(one) for one in result.failed],
        "warnings": list(result.warnings),
        "versions": dict(result.versions),
        "created": result.created,
    }


def _threshold(threshold: float | tuple[str, ...] | None) -> float | list[str] | None:
    if isinstance(threshold, tuple):
        return list(threshold)
    return None if threshold is None else _finite(threshold)


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
    """Return a curation in about 30 lines for a person: what was kept, what dropped the rest, and what to look at.

    Args:
        result: the curation.
        most_lost: share of its documents above which a source's loss is pointed out.
    """
    return "\n".join(
        [
            _equation(result.documents),
            *_amounts(result),
            _speed(result),
            *_findings(result, most_lost),
            "",
            f"{_written(result)} are in {printable(result.out)}",
        ]
    )


def rethreshold_summary(result: CurateResult, before: Counts, out: Path | None, most_lost: float = 0.5) -> str:
    """Return what deciding again came to, beside what was decided before.

    Args:
        result: as decided now.
        before: the counts of the curation that was decided on again.
        out: where the documents were written to; none where nothing was written.
        most_lost: share of its documents above which a source's loss is pointed out.
    """
    change = result.documents.kept - before.kept
    said = f"{count(abs(change))} {'more' if change > 0 else 'fewer'} than" if change else "as many as"
    end = (
        f"{_written(result)} are in {printable(str(out))}"
        if out is not None
        else "Nothing was written. To write the documents as decided now, add: --out FOLDER"
    )
    return "\n".join(
        [
            f"{_equation(result.documents)}; {said} the {count(before.kept)} kept before",
            *_findings(result, most_lost, report=out is not None),
            "",
            end,
        ]
    )


def _equation(counts: Counts) -> str:
    share = percent(counts.kept / max(counts.read, 1), 1)
    return (
        f"{plural(counts.read, 'document')} in = {count(counts.kept)} kept ({share}) + {count(counts.dropped)} dropped "
        f"+ {count(counts.bad)} bad"
    )


def _amounts(result: CurateResult) -> list[str]:
    """Return how much text was kept."""
    if not result.characters:
        return []
    kept = f"{count(result.kept_characters)} characters kept ({percent(result.kept_characters / result.characters, 1)})"
    return [kept if result.tokens is None else f"{kept}, {plural(result.tokens, 'token')}"]


def _speed(result: CurateResult) -> str:
    rate = result.characters / max(result.seconds, 1e-9)
    return (
        f"{result.seconds:,.1f} s, {result.cpu_seconds:,.1f} s of CPU, {plural(result.workers, 'worker')} "
        f"({result.engine}): {_rounded(result.characters)} characters read, {_rounded(rate)} a second, "
        f"{result.peak_rss_mb:,.0f} MB of memory"
    )


def _rounded(many: float) -> str:
    """Return a large number in few digits: ``4.7 million``, ``312 thousand``."""
    if many >= 1e6:
        return f"{many / 1e6:,.1f} million"
    return f"{many / 1e3:,.0f} thousand" if many >= 1e4 else f"{many:,.0f}"


def _findings(result: CurateResult, most_lost: float, *, report: bool = True) -> list[str]:
    """Return the losses by rule, source, language and origin, and what there is to warn of.

    Args:
        result: the curation.
        most_lost: share of its documents above which a source's loss is pointed out.
        report: whether there is one to refer to.
    """
    lines = _rules(result, report=report)
    loud = {one.name for one in alarming(result, most_lost)}
    sources = _sources(result, loud)
    if result.n_sources > 1:
        lines += ["", *_losses("source", sources, result.n_sources, loud)]
    if loud and result.n_sources > 1:
        many = f"{len(loud)} source{'s' * (len(loud) != 1)} lost more than {percent(most_lost)}"
        lines.append(f"! {many}{'; see in the report what it was before you use the output' * report}")
    for what, parts in (("language", result.languages), ("origin", result.origins)):
        if len(parts) > 1:
            lines += ["", *_losses(what, parts[:_MOST_PARTS], len(parts))]
    remarks = [
        *_personal(result),
        *_bad(result),
        *(f"Warning: {warning}" for warning in (*result.warnings, *_failures(result))),
    ]
    return [*lines, "", *remarks] if remarks else lines


def _rules(result: CurateResult, *, report: bool) -> list[str]:
    dropping = sorted((rule for rule in result.rules if rule.dropped), key=lambda rule: -rule.dropped)
    if not dropping:
        return []
    shown = dropping[:_MOST_RULES]
    rows = [(name(rule.rule), count(rule.dropped), count(rule.alone), rule.sentence) for rule in shown]
    lines = ["", *_table(("dropped by", "documents", "by it alone", ""), rows)]
    if len(dropping) > len(shown):
        lines.append(f"  and {plural(len(dropping) - len(shown), 'more rule')}{'; all are in the report' * report}")
    return lines


def _sources(result: CurateResult, loud: AbstractSet[str]) -> list[Loss]:
    """Return the sources that are shown: half of them those that lost too much, the largest first."""
    half = [one for one in result.sources if one.name in loud][: _MOST_SOURCES // 2]
    rest = [one for one in result.sources if one not in half][: _MOST_SOURCES - len(half)]
    return sorted((*half, *rest), key=lambda one: (-one.documents, one.name))


def _losses(what: str, parts: Sequence[Loss], many: int, loud: AbstractSet[str] = frozenset()) -> list[str]:
    rows = [
        (
            shortened([name(one.name)], _NAME)[0],
            count(one.documents),
            count(one.kept),
            percent(one.lost_share),
            ", ".join(one.reasons),
        )
        for one in parts
    ]
    marks = ["! " if one.name in loud else "  " for one in parts]
    lines = _table((what, "documents", "kept", "lost", "most often for"), rows, marks)
    return [*lines, *([f"  and {count(many - len(parts))} more"] if many > len(parts) else [])]


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], marks: Sequence[str] = ()) -> list[str]:
    """Return a table with numbers at the right of their columns, whose last column is words and cut to fit."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = []
    for mark, row in zip(("  ", *(marks or ["  "] * len(rows))), (heads, *rows), strict=True):
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)),
        ]
        begun = mark + "  ".join(cells)
        lines.append(f"{begun}  {_fitting(row[-1], _WIDE - len(begun) - 2)}".rstrip())
    return lines


def _fitting(words: str, width: int) -> str:
    """Return as many of the listed words as fit; of a sentence its beginning."""
    while len(words) > width and ", " in words:
        words = words.rpartition(", ")[0]
    return words if len(words) <= width else f"{words[: max(width - 1, 0)]}…"


def alarming(result: CurateResult, most_lost: float) -> list[Loss]:
    """Return the sources that lost more than a share of their documents; those of a few documents are no news."""
    return [one for one in result.sources if one.documents >= _FEWEST and one.lost_share > most_lost]


def _personal(result: CurateResult) -> list[str]:
    found = result.personal_data
    if found is None:
        return []
    if not found.documents:
        return ["Personal data: none were found."]
    kinds = ", ".join(f"{count(many)} {kind}" for kind, many in found.finds.items() if many)
    kept = f", {count(found.kept)} of them kept"
    return [f"Personal data in {plural(found.documents, 'document')}{kept}: {kinds}."]


def _bad(result: CurateResult) -> list[str]:
    kinds = ", ".join(f"{count(number)} {kind}" for kind, number in result.bad_by_kind.items())
    return [f"Set aside: {kinds}; see rejects.jsonl."] if kinds else []


def _failures(result: CurateResult) -> list[str]:
    return [
        f"{one.file}{f' ({one.part})' if one.part else ''} could not be worked on and is in neither output: {one.error}"
        for one in result.failed
    ]


def _written(result: CurateResult) -> str:
    """Return what there is in the folder."""
    found = Folder(Path(result.out))
    there = [file.name for file in (found.pairs, found.copied) if file.exists()]
    return ", ".join(["Kept", "dropped", *there]) + " and report.html"


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


def plan_summary(plan: "ShardPlan", steps: "Steps", settings: "CurateSettings", out: Path) -> str:
    """Return what a curation would do, for ``--dry-run``.

    Raises:
        InputError: what documents are compared with is not there.
    """
    rows = [
        (str(rule.reason), rule.family, _fitting(str(rule), _WIDE - 55))
        for rule in steps.rules.rules
        if rule.threshold is not None
    ]
    facts = [(head, words) for head, words in _plan_facts(settings, steps) if words]
    return "\n".join(
        [
            f"Would read {plural(len(plan.files), 'file')} ({plan.size_bytes / 1e6:,.1f} MB) "
            f"in {plural(len(plan.shards), 'part')} and write to {printable(str(out))}. Nothing was done.",
            "",
            *_aligned(facts),
            "",
            *(["Drops a document when:", *_aligned(rows)] if rows else ["No rule drops a document."]),
            *(
                f"Warning: {caution}"
                for caution in (
                    *cautions(settings, steps.rules, origins="origin" in plan.schema.names),
                    *plan.remarks,
                )
            ),
        ]
    )


def _plan_facts(settings: "CurateSettings", steps: "Steps") -> list[tuple[str, str]]:
    copies, held, leaks = settings.duplicates, settings.held, settings.evaluation
    removed = [
        *(["exact"] if copies.exact else []),
        *([f"near ({copies.shingle} words, {copies.bands} x {copies.rows} hashes)"] if copies.near else []),
        *(["runs of sentences are cut"] if copies.sentences else []),
        *(["paragraphs are cut"] if copies.paragraphs else []),
        *(["one stays per source"] if copies.one_per_source else []),
        *([f"{copies.prefer} stays"] if copies.prefer else []),
    ]
    against = [
        *_files_of(held.paths),
        *(["the reserve"] if held.reserve else []),
        *(["what the project generated"] if held.generated else []),
    ]
    evaluation = [*_files_of(leaks.paths), *(["sealed panels"] if leaks.panels else [])]
    words = f" ({leaks.ngram} words in a row)" if leaks.paths else ""
    return [
        ("measures", ", ".join(dict.fromkeys(operator.name for operator in steps.operators))),
        ("copies", ", ".join(removed) or "stay"),
        ("against", ", ".join(against)),
        ("evaluation", ", ".join(evaluation) + words),
        ("personal data", settings.personal_data.action if settings.personal_data.action != "off" else ""),
        ("tokens", settings.tokenizer or ""),
    ]


def _files_of(paths: Sequence[str]) -> list[str]:
    """Return how many files paths name, in words.

    Raises:
        InputError: one of them names none.
    """
    return [plural(len(expand_paths(paths)), "file")] if paths else []
