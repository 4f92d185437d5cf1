"""An audit on standard output: one JSON document, or a summary for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headwater.cli.output import _aligned, _finite, remarks
from headwater.loop.result import ReadFacts
from headwater.origin.cost import break_even
from headwater.origin.result import AuditResult, DocumentVerdict, Grade, GroupAudit
from headwater.report.audit_text import audit_verdict, claim, ranked, reason, share_words
from headwater.report.text import name, number, percent, printable
from headwater.schema import EvidenceKind

_MOST_GROUPS = 25
_RANK: Mapping[str, int] = {kind: rank for rank, kind in enumerate(EvidenceKind)}
_REASON = 100  # characters of a reason in a table; the whole of it is in the report and in the JSON


def audit_json(result: AuditResult, report: str = "") -> dict[str, Any]:
    """Return an audit as the JSON contract for scripts has it; what is no finite number is null.

    ``share`` is a number at grade A only, ``low`` and ``high`` at grades A and B; all three are null where the
    estimate was refused and at grade C, and ``refused`` says why.
    """
    groups = result.groups or (result.corpus,)
    references = result.references
    return {
        "run": result.run,
        "paths": list(result.paths),
        "by": list(result.by),
        "groups": [_group(group) for group in groups],
        "corpus": _group(result.corpus),
        "detector": {
            "auroc_reserve": _finite(references.auroc),
            "card": result.card,
            "name": result.detector,
            "shift": _finite(references.shift),
            "fdr": _finite(result.fdr),
        },
        "references": {
            "human": references.human,
            "machine": references.machine,
            "remarks": list(references.remarks),
        },
        "length_buckets": [
            {
                "least_words": bucket.least_words,
                "most_words": bucket.most_words,
                "documents": bucket.documents,
                "references": bucket.references,
                "smallest_p": 1 / (bucket.references + 1),
                "threshold": _finite(bucket.threshold),
            }
            for bucket in result.buckets
        ],
        "evidence": {kind: dict(statuses) for kind, statuses in result.evidence.items()},
        "contradictions": result.contradictions,
        "permissions": dict(result.permissions),
        "costs": _costs(result),
        "artefacts": [
            {
                "name": one.name,
                "share": {series: _finite(share) for series, share in one.share.items()},
                "differs": one.differs,
            }
            for one in result.artefacts
        ],
        "documents": {"read": result.read, "bad": result.bad, "by_kind": dict(result.bad_kinds)},
        "level": _finite(result.level),
        "warnings": list(result.warnings),
        "versions": dict(result.versions),
        "created": result.created,
        "report": report or None,
        "seconds": _finite(result.seconds) or 0.0,
    }


def audit_summary(result: AuditResult, report: str) -> str:
    """Return an audit in a few lines for a person: the verdict, the groups, the evidence, and what to know."""
    groups = result.groups if len(result.groups) > 1 else ()
    lines = [audit_verdict(result), "", *_groups(result, groups)]
    lines += ["", *_evidence(result)]
    if result.permissions:
        signals = ", ".join(f"{_words(signal)} {many:,}" for signal, many in _descending(result.permissions))
        lines.append(f"Permission signals (documents): {signals}.")
    if (costs := result.costs) and not costs.isolated:
        lines.append(
            f"Isolating the machine-like at a share of {percent(costs.prevalence, 1)} isolates nothing: no document is "
            "called machine-like."
        )
    elif costs:
        lines.append(
            f"Isolating the machine-like at a share of {percent(costs.prevalence, 1)}: "
            f"{percent(costs.precision, 1)} of what is isolated is machine-made, {percent(costs.human_lost, 1)} of the "
            f"human documents are lost. It pays where losing a human document costs less than "
            f"{number(break_even(costs), 1)} times keeping a machine-made one."
        )
    lines += [f"References: {_line(remark)}" for remark in result.references.remarks]
    lines += ["", f"Report: {report}"] if report else []
    rejects = str(Path(report).with_name("rejects.jsonl")) if report else "rejects.jsonl of the run"
    facts = ReadFacts(result.read, result.bad, {_words(kind): many for kind, many in result.bad_kinds.items()})
    notes = remarks(facts, [_line(warning) for warning in result.warnings], rejects)
    return "\n".join([*lines, *notes])


def _group(group: GroupAudit) -> dict[str, Any]:
    found = claim(group.estimate)
    return {
        "group": group.group,
        "documents": group.documents,
        "grade": str(group.estimate.grade),
        "share": found.share if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "refused": None if found else group.estimate.refused or reason(group.estimate),
        "keys": dict(group.keys),
        "words": group.words,
        "short": group.short,
        "method": group.estimate.method if found else "",
        "verdicts": {str(verdict): group.verdicts.get(verdict, 0) for verdict in DocumentVerdict},
        "origins": dict(group.origins),
        "known_machine": group.known_machine,
        "drift": _drift(group),
    }


def _drift(group: GroupAudit) -> dict[str, Any] | None:
    if group.drift is None:
        return None
    return {
        "since": group.drift.since,
        "documents_changed_at_least": _finite(group.drift.low),
        "words": [
            {"word": word, "now": _finite(now), "expected": _finite(expected)}
            for word, now, expected in group.drift.words
        ],
    }


def _costs(result: AuditResult) -> dict[str, Any] | None:
    costs = result.costs
    if costs is None:
        return None
    return {
        "prevalence": _finite(costs.prevalence),
        "assumed": costs.assumed,
        "fpr": _finite(costs.fpr),
        "tpr": _finite(costs.tpr),
        "precision": _finite(costs.precision),
        "isolated": _finite(costs.isolated),
        "human_lost": _finite(costs.human_lost),
        "machine_left": _finite(costs.machine_left),
        "break_even": _finite(break_even(costs)),
    }


def _groups(result: AuditResult, groups: Sequence[GroupAudit]) -> list[str]:
    """Return the groups as a table, largest share first, then those without a number."""
    known = [group for group, _ in ranked(groups)]
    order = [*known, *(group for group in groups if claim(group.estimate) is None)]
    shown = [result.corpus, *order[:_MOST_GROUPS]]
    counts = [("documents", "machine-like", "shown")]
    counts += [
        (
            f"{group.documents:,}",
            f"{group.verdicts.get(DocumentVerdict.MACHINE_LIKE, 0):,}",
            f"{group.known_machine:,}",
        )
        for group in shown
    ]
    widths = [max(map(len, column)) for column in zip(*counts, strict=True)]
    texts = [("", "grade", "machine-made share")]
    texts += [
        ("all documents" if group is result.corpus else name(group.group), *_claimed(group, result.corpus))
        for group in shown
    ]
    rows = [
        (label, *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)), grade, told)
        for (label, grade, told), cells in zip(texts, counts, strict=True)
    ]
    by = f" by {', '.join(map(name, result.by))}" if result.by and groups else ""
    lines = [f"Machine-made share{by} (shown: by marks or records, without the detector):", *_aligned(rows)]
    if len(order) > _MOST_GROUPS:
        lines.append(f"  ... and {len(order) - _MOST_GROUPS:,} more; --json and the report have them.")
    return lines


def _claimed(group: GroupAudit, corpus: GroupAudit) -> tuple[str, str]:
    found = claim(group.estimate)
    if found is not None:
        return str(found.grade), share_words(found)
    grade = str(Grade.C) if group.estimate.grade is Grade.C else "-"
    if group is not corpus and claim(corpus.estimate) is None and reason(group.estimate) == reason(corpus.estimate):
        return grade, "cannot be known, for the same reason"
    return grade, f"cannot be known: {printable(reason(group.estimate), _REASON)}"


def _evidence(result: AuditResult) -> list[str]:
    if not result.evidence:
        return ["Evidence of origin: none found, which proves nothing."]
    rows = [
        (_words(kind), ", ".join(f"{_words(status)} {many:,}" for status, many in statuses.items() if many))
        for kind, statuses in sorted(result.evidence.items(), key=lambda one: (_RANK.get(one[0], len(_RANK)), one[0]))
    ]
    lines = ["Evidence of origin (documents):", *_aligned(rows)]
    if result.contradictions:
        many = result.contradictions
        lines.append(
            f"  {many:,} document{'s' * (many != 1)} with evidence for different origins; the stronger decides."
        )
    return lines


def _descending(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _words(code: str) -> str:
    return name(code.replace("_", " "))


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
