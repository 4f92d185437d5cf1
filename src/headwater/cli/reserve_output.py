"""The reserve on standard output: JSON documents, or summaries for people."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headwater.cli.output import _aligned, documents_json, remarks
from headwater.loop.result import ReadFacts
from headwater.origin.exchange import ExportReport, ImportReport, TrustedParty
from headwater.origin.reserve import ReserveFacts
from headwater.origin.reserve_add import REFUSAL_SENTENCES, AddReport, Refusal, Suspicion
from headwater.origin.reserve_verify import VerifyReport
from headwater.report.text import printable
from headwater.store import Part, SplitRow

_EXAMPLE_CHARACTERS = 100


@dataclass(slots=True)
class Added:
    """What became of all batches of one addition."""

    grouped: bool
    """Whether a column names the group of each document."""
    reports: list[AddReport] = field(default_factory=list)
    """One per batch."""
    not_human: int = 0
    """Documents that were left out because their origin column does not say that they are human."""

    @property
    def documents(self) -> int:
        """Documents that were let in."""
        return sum(one.added for one in self.reports)

    @property
    def batches(self) -> list[str]:
        """Names of the batches with documents."""
        return [one.batch for one in self.reports if one.batch]

    @property
    def refused(self) -> dict[str, int]:
        """Documents that were not let in, by reason, most frequent first."""
        counts: Counter[str] = Counter()
        for one in self.reports:
            counts.update({str(why): many for why, many in one.refused.items()})
        return dict(counts.most_common())

    @property
    def rows(self) -> list[SplitRow]:
        """Documents, groups and words by part."""
        found = []
        for part in Part:
            rows = [row for one in self.reports for row in one.rows if row.part == part]
            if rows:
                sums = (sum(getattr(row, name) for row in rows) for name in ("documents", "groups", "tokens"))
                found.append(SplitRow(part, *sums))
        return found

    @property
    def warnings(self) -> list[str]:
        """What the user should know, each once."""
        found = dict.fromkeys(warning for one in self.reports for warning in one.warnings)
        if self.not_human:
            found[
                f"{self.not_human:,} documents are unknown by their origin column and were left out; only those marked "
                "human are let in."
            ] = None
        if self.documents and not self.grouped:
            found[
                "No column names the group of a document, so each stands alone: documents of one author or article "
                "that share no passages may come into different parts. Name it with --group."
            ] = None
        return list(found)


def _part_json(rows: Iterable[SplitRow]) -> list[dict[str, Any]]:
    return [
        {"part": row.part.value, "documents": row.documents, "groups": row.groups, "words": row.tokens} for row in rows
    ]


def _part_lines(rows: Sequence[SplitRow]) -> list[str]:
    cells = [("documents", "groups", "words")]
    cells += [(f"{row.documents:,}", f"{row.groups:,}", f"{row.tokens:,}") for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    names = ["part", *(row.part.value for row in rows)]
    return _aligned(
        [
            (name, *(cell.rjust(width) for cell, width in zip(numbers, widths, strict=True)))
            for name, numbers in zip(names, cells, strict=True)
        ]
    )


def _line(text: str, limit: int = 400) -> str:
    """Return a text on one line that a terminal can show; it may come from somebody else."""
    return printable(" ".join(text.split()), limit)


def add_json(added: Added, reading: ReadFacts | None, rows: Path | None) -> dict[str, Any]:
    """Return what became of an addition as the JSON contract for scripts has it."""
    reports = added.reports
    return {
        "batches": added.batches,
        "offered": sum(one.offered for one in reports) + added.not_human,
        "added": added.documents,
        "refused": added.refused,
        "rejects": [str(one.rejects) for one in reports if one.rejects],
        "parts": _part_json(added.rows),
        "rotations": [one.rotation for one in reports if one.rotation is not None],
        "followed": sum(one.followed for one in reports),
        "trained": sum(one.trained for one in reports),
        "not_human": added.not_human,
        "contradicted": sum(one.contradicted for one in reports),
        "contradictions": [asdict(one) for report in reports for one in report.contradictions],
        "suspicions": [_suspicion_json(one.batch, one.suspicion) for one in reports if one.suspicion],
        **({"documents": documents_json(reading), "bad_rows": str(rows) if rows else None} if reading else {}),
        "warnings": added.warnings,
    }


def _suspicion_json(batch: str, found: Suspicion) -> dict[str, Any]:
    return {
        "batch": batch,
        "documents": found.documents,
        "threshold": found.threshold,
        "found": found.found,
        "expected": found.expected,
        "chance": found.chance,
        "contaminated": found.contaminated,
        "examples": [{"id": key, "p_value": value, "text": text} for key, value, text in found.examples],
    }


def add_lines(added: Added, reading: ReadFacts, rows: Path | None, by: str) -> list[str]:
    """Return what became of an addition in lines for a person."""
    offered = sum(one.offered for one in added.reports) + added.not_human
    where = f" (batch{'es' * (len(added.batches) > 1)} {', '.join(added.batches)})" if added.batches else ""
    lines = [f"{added.documents:,} of {offered:,} documents are now in the reserve{where}, vouched for by {_line(by)}."]
    lines += _became_lines(added)
    return [*lines, *remarks(reading, [_line(one, 1000) for one in added.warnings], str(rows))]


def _became_lines(added: Added) -> list[str]:
    """Return the lines on parts, refusals, contradictions and the detector; warnings are left out."""
    lines = _part_lines(added.rows) if added.documents else []
    followed = sum(one.followed for one in added.reports)
    if followed:
        lines.append(
            f"{followed:,} of them belong to groups that were in the reserve and follow these into their part."
        )
    if added.refused:
        lines += ["", "Refused:"]
        lines += _aligned([(why, f"{many:,}", REFUSAL_SENTENCES[Refusal(why)]) for why, many in added.refused.items()])
        lines += [f"Each with its reason in {one.rejects}" for one in added.reports if one.rejects]
    contradicted = sum(one.contradicted for one in added.reports)
    if contradicted:
        lines += ["", f"Let in although weaker evidence speaks for a machine: {contradicted:,}, for instance"]
        lines += _aligned(
            [
                (_line(one.id, 40), _line(one.found, _EXAMPLE_CHARACTERS))
                for report in added.reports
                for one in report.contradictions
            ]
        )
    for report in added.reports:
        if (found := report.suspicion) is not None:
            lines += [
                "",
                f"Detector on batch {report.batch}: {found.found:,} of {found.documents:,} documents look machine-made "
                f"(p <= {found.threshold:g}); {found.expected:.1f} of as many human ones would.",
            ]
            if found.contaminated:
                lines += _aligned(
                    [
                        (_line(one, 40), f"p {value:.2g}", _line(text, _EXAMPLE_CHARACTERS))
                        for one, value, text in found.examples
                    ]
                )
    return lines


def list_json(facts: ReserveFacts, parties: Sequence[TrustedParty]) -> dict[str, Any]:
    """Return what is in a reserve as the JSON contract for scripts has it."""
    return {
        "documents": facts.documents,
        "parts": _part_json(facts.rows),
        "apart": facts.apart,
        "rotations": facts.rotations,
        "openings": facts.openings,
        "batches": [
            {
                "batch": one.batch,
                "created": one.created,
                "attested_by": one.attestation.by,
                "attested_how": str(one.attestation.how),
                "attested_on": one.attestation.on,
                "attested_detail": one.attestation.detail,
                "documents": one.documents,
                "words": one.words,
                "groups": one.groups,
                "first": one.first or None,
                "last": one.last or None,
                "sources": [{"source": source, "documents": many} for source, many in one.sources],
            }
            for one in facts.batches
        ],
        "parties": [
            {"party": one.party, "key": one.key, "fingerprint": one.fingerprint, "since": one.since,
             "serial": one.serial or None}
            for one in parties
        ],
    }  # fmt: skip


def list_lines(facts: ReserveFacts) -> list[str]:
    """Return what is in a reserve in lines for a person."""
    lines = [f"{facts.documents:,} documents in the reserve.", *_part_lines(facts.rows)]
    if facts.apart:
        lines.append(f"{facts.apart:,} of them came later into a sealed group: kept from training, not measured on.")
    lines.append(
        f"Panels: {facts.rotations} rotation{'s' * (facts.rotations != 1)}, opened {facts.openings} "
        f"time{'s' * (facts.openings != 1)}."
    )
    rows = [
        (
            one.batch,
            one.created[:10],
            f"{one.documents:,} documents",
            f"{one.words:,} words",
            _line(one.attestation.as_evidence().detail, 120),
        )
        for one in facts.batches
    ]
    return [*lines, "", "Batches:", *_aligned(rows)]


def party_lines(parties: Sequence[TrustedParty]) -> list[str]:
    """Return the trusted parties in lines for a person; none without any."""
    rows = [(_line(one.party, 60), f"key {one.fingerprint}", f"since {one.since[:10]}") for one in parties]
    return ["", "Trusted parties:", *_aligned(rows)] if rows else []


def verify_json(found: VerifyReport) -> dict[str, Any]:
    """Return a verification as the JSON contract for scripts has it."""
    return {
        "ok": found.ok,
        "faults": [asdict(one) for one in found.faults],
        "proven": list(found.proven),
        "remarks": list(found.remarks),
        "unproven": list(found.unproven),
    }


def verify_lines(found: VerifyReport) -> list[str]:
    """Return a verification in lines for a person."""
    count = len(found.faults)
    lines = ["OK: the reserve holds." if found.ok else f"{count} fault{'s' * (count != 1)}:"]
    for one in found.faults:
        of = f", for instance {', '.join(_line(key, 40) for key in one.examples)}" if one.examples else ""
        lines += [
            f"  {one.check}: {_line(one.what)}",
            f"    where: {_line(one.where)}; concerns {one.count:,}{of}",
            f"    what to do: {one.advice}",
        ]
    for title, sentences in (
        ("Proven:", found.proven),
        ("Worth knowing:", found.remarks),
        ("Not proven:", found.unproven),
    ):
        lines += ["", title, *(f"  {_line(one)}" for one in sentences)] if sentences else []
    return lines


def _export_warnings(done: ExportReport) -> list[str]:
    manifest = done.manifest
    found = []
    if manifest.counts.get("sketches") and not manifest.keyed_sketches:
        found.append(
            "The sketches have no key: whoever has them can tell of a text, or of three or four words in a row, that "
            "they guess whether it was generated here. Share a secret with the receivers and export with --sketch-key."
        )
    if manifest.texts:
        shown = ", ".join(part for part in manifest.parts if part != "train")
        found += (
            [f"The export gives away texts of sealed panels ({shown}). That they were opened was written down."]
            if shown
            else []
        )
    return found


def export_json(done: ExportReport) -> dict[str, Any]:
    """Return an export as the JSON contract for scripts has it."""
    manifest = done.manifest
    return {
        "path": str(done.path),
        "party": manifest.party,
        "key": manifest.key,
        "fingerprint": done.fingerprint,
        "serial": manifest.serial,
        "created": manifest.created,
        "texts": manifest.texts,
        "parts": list(manifest.parts),
        "counts": dict(manifest.counts),
        "keyed_sketches": manifest.keyed_sketches,
        "statement": manifest.statement,
        "licence": manifest.licence,
        "warnings": _export_warnings(done),
    }


def export_lines(done: ExportReport) -> list[str]:
    """Return an export in lines for a person."""
    manifest = done.manifest
    counts = {**manifest.counts}
    sketches = counts.pop("sketches", 0)
    human = ", ".join(f"{many:,} {part}" for part, many in sorted(counts.items())) or "none"
    keyed = " keyed with the shared secret" if manifest.keyed_sketches and sketches else ""
    return [
        f"{done.path}, signed by {_line(manifest.party)} with key {done.fingerprint}:",
        f"  human documents by part: {human}; {'texts of the named parts' if manifest.texts else 'hashes, no texts'}",
        f"  sketches of generated documents: {sketches:,}{keyed}",
        f"Tell the receivers the fingerprint on another way than the file: {done.fingerprint}",
        *(f"Warning: {warning}" for warning in _export_warnings(done)),
    ]


def import_json(done: ImportReport) -> dict[str, Any]:
    """Return an import as the JSON contract for scripts has it."""
    manifest = done.manifest
    return {
        "party": manifest.party,
        "key": manifest.key,
        "fingerprint": done.fingerprint,
        "first": done.first,
        "serial": manifest.serial,
        "created": manifest.created,
        "statement": manifest.statement,
        "licence": manifest.licence,
        "sketches": done.sketches,
        "attested": done.attested,
        "sealed": done.sealed,
        "added": add_json(Added(grouped=True, reports=[done.added]), None, None) if done.added else None,
        "warnings": list(done.warnings),
    }


def import_lines(done: ImportReport) -> list[str]:
    """Return an import in lines for a person."""
    manifest = done.manifest
    lines = [
        f"From {_line(manifest.party)} on {manifest.created[:10]}, key {done.fingerprint}{' (new)' * done.first}:",
        f"  statement: {_line(manifest.statement)}",
        f"  licence: {_line(manifest.licence) or 'none given'}",
        f"  generated documents known by sketches: {done.sketches:,} new",
        f"  human documents it vouches for: {done.attested:,}, of which {done.sealed:,} are in its sealed panels",
    ]
    if done.added is not None:
        one = done.added
        lines.append(
            f"  texts taken over: {one.added:,} of {one.offered:,}{f' (batch {one.batch})' if one.batch else ''}"
        )
        lines += _became_lines(Added(grouped=True, reports=[one]))
    return [*lines, *(f"Warning: {_line(warning, 1000)}" for warning in done.warnings)]
