"""The audit: whose text is this, group by group, with the grade of what can be known.

Two passes. The first looks at each document alone and keeps numbers and evidence, no text; it is cut into parts, so
that an audit that is stopped goes on where it was. The second decides what depends on all documents: which p-values
are discoveries, and the machine-made share of each group. Memory is bounded by the batch and by a sample of scores per
group.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from headwater.config import AuditSettings
from headwater.decide import bh_threshold
from headwater.errors import InputError
from headwater.origin.artefacts import (
    ARTEFACTS,
    REPEATED,
    artefact_flags,
    artefact_report,
    shared_texts,
    texts_in_several,
)
from headwater.origin.changes import drifts
from headwater.origin.columns import DATE_PARTS, NO_VALUE, check_columns
from headwater.origin.cost import costs
from headwater.origin.detector.detector import card_path
from headwater.origin.detector.detector import content_id as text_id
from headwater.origin.evidence import Evidence, Status, rule
from headwater.origin.examine import Counts, Examiner
from headwater.origin.judge import Judge, development, judge_of
from headwater.origin.marks.watermark import load_keys
from headwater.origin.readers import evidence_readers
from headwater.origin.references import Known, kind_of, known_of, read_references
from headwater.origin.reserve import reserve_documents
from headwater.origin.result import (
    Artefact,
    AuditResult,
    Costs,
    DocumentVerdict,
    Drift,
    Grade,
    GroupAudit,
    Histogram,
    LengthBucket,
    ShareEstimate,
)
from headwater.origin.share import LEAST_HUMAN, DevelopmentScores, estimate_share
from headwater.origin.verdicts import LEAST_REFERENCES, SHORT_WORDS, LengthBuckets, verdicts
from headwater.schema import EVIDENCE, EvidenceKind, Origin, content_id
from headwater.sources import Columns, ReadReport, RejectLog, read_documents
from headwater.store import RunFolder, parquet_file, toml_text, write_json, write_parquet
from headwater.text.overlap import stable_hash

AUDITED = pa.schema(
    [
        pa.field("id", pa.string(), metadata={"meaning": "document id"}),
        pa.field("keys", pa.list_(pa.string()), metadata={"meaning": "values of the grouping columns"}),
        pa.field("words", pa.int32(), metadata={"meaning": "words"}),
        pa.field("score", pa.float64(), metadata={"meaning": "detector's score, higher = more machine-like"}),
        pa.field("p_value", pa.float64(), metadata={"meaning": "conformal p-value against human text of this length"}),
        pa.field("verdict", pa.string(), metadata={"meaning": "human-consistent, undecided or machine-like"}),
        pa.field("not_judged", pa.string(), metadata={"meaning": "why the detector has no score"}),
        pa.field("origin", pa.string(), metadata={"meaning": "human, machine, mixed or unknown"}),
        pa.field("evidence", pa.string(), metadata={"meaning": "what the origin rests on"}),
        pa.field("contradicted_by", pa.string(), metadata={"meaning": "usable evidence for another origin"}),
        pa.field("permission", pa.string(), metadata={"meaning": "what permission signals amount to"}),
    ]
)
"""One row per document of an audit."""

MOST_GROUPS = 10_000
_PART_ROWS = 16_384
_PART_BYTES = 256 << 20
_MOST_SCORES = 20_000  # scores of a group its share is estimated from: an error of 0.3 points at most
_BINS = 60
_SEPARATOR = " \u00b7 "
_CERTAIN = frozenset({EvidenceKind.CONTENT_CREDENTIAL, EvidenceKind.WATERMARK, EvidenceKind.GENERATION_LEDGER})
"""Evidence by which a machine-made document is counted, not estimated."""
_MACHINE = frozenset({Origin.MACHINE, Origin.MIXED})


_ROW = np.dtype([("place", np.uint64), ("score", np.float64), ("words", np.int64), ("unit", np.uint64)])


class _Sample:
    """A bounded random sample of the scores of a group, the same whatever the order of the documents."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.void]] = []
        self._size = 0

    def add(self, rows: NDArray[np.void]) -> None:
        """Add rows with the fields ``place`` (random, 0 to 2^64 - 1), ``score``, ``words`` and ``unit``."""
        self._rows.append(rows)
        self._size += len(rows)
        if self._size > 2 * _MOST_SCORES:
            self._rows = [self.rows()]
            self._size = len(self._rows[0])

    def rows(self) -> NDArray[np.void]:
        """Return at most 20,000 rows, those of the lowest places."""
        rows = np.concatenate([np.zeros(0, _ROW), *self._rows])
        return rows[np.argsort(rows["place"], kind="stable")[:_MOST_SCORES]]


@dataclass(slots=True)
class _Group:
    """What is gathered about one group."""

    documents: int = 0
    words: int = 0
    short: int = 0
    judged: int = 0
    judged_short: int = 0
    known_machine: int = 0
    known_human: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    sample: _Sample = field(default_factory=_Sample)


def audit(
    settings: AuditSettings,
    folder: RunFolder,
    key: str,
    rng: np.random.Generator,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> AuditResult:
    """Audit a corpus; ``run``, ``versions``, ``created`` and ``seconds`` of the result are left empty.

    Writes ``documents.parquet`` (``AUDITED``), ``evidence.parquet`` and ``rejects.jsonl`` into the folder of the run,
    whose finished parts are not done again.

    Args:
        settings: what to audit, and how.
        folder: the run's folder; the generation ledger and the reserve are looked for in its project.
        key: digest of everything the finished parts depend on: settings, files, versions.
        rng: source of randomness of folds and intervals.
        progress: told what is being done; how much there is in all is not known.

    Raises:
        InputError: nothing can be read, a column is nowhere, or there are more than 10,000 groups.
        ConfigError: the watermark keys cannot be used.
    """

    def tell(what: str) -> None:
        progress(0, 0, what)

    with RejectLog(folder.path / "rejects-references.jsonl") as log:
        human, machine = read_references(
            settings.human,
            settings.machine,
            text=settings.text,
            group=settings.group,
            rejects=log,
            tell=tell,
            by=_matched(settings),
        )
    if settings.reserve:
        human = known_of(reserve_documents(folder.store), "unit")
        if not len(human):
            raise InputError("the project's reserve holds no training documents. Add some: headwater reserve add")
    judge = judge_of(
        human,
        machine,
        detector=Path(settings.detector) if settings.detector else None,
        thorough=settings.thorough,
        rng=rng,
        tell=tell,
    )
    readers = evidence_readers(
        folder.store,
        origin=settings.origin is not None,
        attested_by=settings.attested_by,
        dated_by=settings.dated_by,
        date_column=settings.date or "created",
        keys=Path(settings.keys) if settings.keys else None,
        trust_anchors=Path(settings.trust_anchors).read_text("utf-8") if settings.trust_anchors else "",
    )
    tokens = _token_columns(Path(settings.keys)) if settings.keys else {}
    examiner = Examiner(judge.detector, judge.known, readers, settings.by, settings.group, tuple(tokens))
    parts, counts, reading = _examined(settings, examiner, folder, key, tell)
    tell("deciding")
    buckets = LengthBuckets.of(judge.yardstick.scores, judge.yardstick.words)
    threshold, marks = _thresholds(parts, buckets, settings.fdr)
    decided = _decided(settings, folder.path, parts, buckets, threshold, marks)
    changes, left_out = drifts(settings, tell) if judge.human is None else ({}, 0)
    estimator = _Estimator(settings, judge, rng, development(judge.detector))
    audits = [
        _audit_of(
            _SEPARATOR.join(keys) or "all",
            dict(zip(settings.by, keys, strict=True)),
            one,
            estimator.of_kind(keys),
            changes.get(keys),
        )
        for keys, one in sorted(decided.groups.items())
    ]
    corpus = _audit_of("all", {}, decided.whole, estimator) if settings.by else audits[0]
    known = {"human references": human, "machine references": machine}
    return AuditResult(
        paths=settings.paths,
        by=settings.by,
        corpus=corpus,
        groups=tuple(audits),
        references=judge.facts,
        detector=judge.detector.card.name,
        card=str(card_path(Path(settings.detector) if settings.detector else None)),
        fdr=settings.fdr,
        buckets=tuple(
            LengthBucket(low, high, size, int(count), limit)
            for (low, high, size), count, limit in zip(
                buckets.describe(), decided.in_bucket, buckets.limits(threshold), strict=True
            )
        ),
        evidence={kind.value: dict(decided.evidence[kind]) for kind in EvidenceKind if kind in decided.evidence},
        contradictions=decided.contradictions,
        permissions=dict(sorted(counts.permissions.items())),
        costs=_costs(settings, corpus.estimate, judge, buckets, threshold),
        scores=_histogram(decided.whole, judge),
        artefacts=_artefacts(counts, decided.contents, known),
        examples=tuple((key, _SEPARATOR.join(keys), score, text) for score, key, keys, text in counts.examples),
        read=reading.accepted,
        bad=reading.bad_rows,
        bad_kinds={kind.value: count for kind, count in reading.rejected.items()},
        warnings=(
            *_warnings(judge, decided.whole, left_out),
            *_own_references(decided, known),
            *_twins(decided),
            *_unread_keys(tokens, counts),
        ),
        versions={},
        settings=toml_text(settings.model_dump(mode="json", exclude_none=True)),
        level=settings.confidence,
    )


@dataclass(slots=True)
class _Decided:
    """What the second pass gathers."""

    groups: dict[tuple[str, ...], _Group] = field(default_factory=dict)
    whole: _Group = field(default_factory=_Group)
    evidence: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    contradictions: int = 0
    in_bucket: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    contents: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    in_several: dict[str, int] = field(default_factory=dict)


def _decided(
    settings: AuditSettings, folder: Path, parts: Sequence[Path], buckets: LengthBuckets, threshold: float, marks: float
) -> _Decided:
    """Carry out the second pass: write every document's verdict and origin down and gather the groups."""
    decided = _Decided(in_bucket=np.zeros(len(buckets), np.int64))
    contents: list[NDArray[np.uint64]] = []
    places: dict[str, list[NDArray[np.uint64]]] = {"another group": [], "another stated origin": []}
    with (
        parquet_file(folder / "documents.parquet", AUDITED) as out,
        parquet_file(folder / "evidence.parquet", EVIDENCE) as all_evidence,
    ):
        for part in parts:
            examined = pq.read_table(part / "documents.parquet")
            found = pq.read_table(part / "evidence.parquet")
            rows, certain = _ruled(examined, found, buckets, threshold, marks)
            out.write_table(rows)
            all_evidence.write_table(found)
            _count_evidence(found, decided.evidence)
            decided.contradictions += rows.num_rows - rows["contradicted_by"].null_count
            decided.in_bucket += np.bincount(buckets.of_words(_column(examined, "words")), minlength=len(buckets))
            _gather(decided, examined, rows, certain)
            contents.append(_column(examined, "content"))
            for what, labels in (("another group", rows["keys"]), ("another stated origin", rows["origin"])):
                places[what].append(np.array([stable_hash(str(label)) for label in labels.to_pylist()], np.uint64))
            if len(decided.groups) > MOST_GROUPS:
                raise InputError(
                    f"the columns {', '.join(settings.by)} have more than {MOST_GROUPS:,} different values together. "
                    "Group by a coarser column, such as month or source."
                )
    decided.contents = np.concatenate(contents)
    unknown = stable_hash(Origin.UNKNOWN.value)
    for what, parted in places.items():
        labels = np.concatenate(parted)
        stated = labels != unknown
        decided.in_several[what] = texts_in_several(decided.contents[stated], labels[stated])
    return decided


def _examined(
    settings: AuditSettings,
    examiner: Examiner,
    folder: RunFolder,
    key: str,
    tell: Callable[[str], None],
) -> tuple[list[Path], Counts, ReadReport]:
    """Carry out the first pass, or what is left of it; return its parts and what was counted."""
    columns = Columns(text=settings.text, id=settings.id, created=settings.date, origin=settings.origin)
    parts: list[Path] = []
    counts = Counts()
    first: pa.RecordBatch | None = None
    rejects = folder.path / "rejects.jsonl"
    rejects.unlink(missing_ok=True)  # a resumed audit reads from the beginning and notes them again
    with RejectLog(rejects) as log:
        stream = read_documents(settings.paths, columns, log)
        for batches in _parts(stream):
            first = batches[0] if first is None else first

            def produce(place: Path, batches: Sequence[pa.RecordBatch] = batches) -> None:
                own = Counts()
                found = [examiner.examine(batch, own) for batch in batches]
                write_parquet(place / "documents.parquet", pa.concat_tables([one for one, _ in found]))
                write_parquet(place / "evidence.parquet", pa.concat_tables([one for _, one in found]))
                write_json(place / "counts.json", own.to_json())

            parts.append(folder.step(f"part-{len(parts):05d}", key, produce))
            counts.add(Counts.from_json((parts[-1] / "counts.json").read_bytes()))
            missing = [name for name in settings.by if name not in counts.columns]
            tell(f"{stream.report.accepted:,} documents" + "".join(f", none with a {name}" for name in missing))
    assert first is not None  # an empty stream has raised
    check_columns(settings.by, counts.columns, first)
    return parts, counts, stream.report


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= _PART_ROWS or sum(one.nbytes for one in held) >= _PART_BYTES:
            yield held
            held = []
    if held:
        yield held


def _thresholds(parts: Iterable[Path], buckets: LengthBuckets, fdr: float) -> tuple[float, float]:
    """Return the largest p-values that are discoveries over the corpus: of the detector, and of watermarks.

    Watermark readers report small p-values only; the others count as 1.
    """
    counts: Counter[float] = Counter()
    marks: Counter[float] = Counter()
    documents = 0
    for part in parts:
        table = pq.read_table(part / "documents.parquet", columns=["words", "score"])
        words = _column(table, "words")
        documents += len(words)
        p = buckets.p_values(_column(table, "score"), words)
        counts.update(p[(words >= SHORT_WORDS) & ~np.isnan(p)].tolist())
        found = pq.read_table(part / "evidence.parquet", columns=["kind", "p_value"])
        pairs = zip(found["kind"].to_pylist(), found["p_value"].to_pylist(), strict=True)
        marks.update(value for kind, value in pairs if kind == EvidenceKind.WATERMARK and value is not None)
    return bh_threshold(counts, fdr), bh_threshold(marks, fdr, max(documents, sum(marks.values())))


def _ruled(
    examined: pa.Table, found: pa.Table, buckets: LengthBuckets, threshold: float, marks: float
) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Return the audited rows (``AUDITED``), and which of them certain evidence shows to be machine-made."""
    evidence: dict[str, list[Evidence]] = defaultdict(list)
    for row in found.to_pylist():
        one = Evidence(
            EvidenceKind(row["kind"]), Origin(row["origin"]), row["detail"], Status(row["status"]), row["p_value"]
        )
        if one.p_value is None or one.p_value <= marks:
            evidence[row["id"]].append(one)
    words, scores = _column(examined, "words"), _column(examined, "score")
    p = buckets.p_values(scores, words)
    answers = verdicts(p, words, threshold)
    origins: list[str] = []
    decided: list[str | None] = []
    contradicted: list[str | None] = []
    certain = np.zeros(examined.num_rows, np.bool_)
    for i, (key, answer) in enumerate(zip(examined["id"].to_pylist(), answers, strict=True)):
        pieces = evidence.get(key, [])
        if answer == DocumentVerdict.MACHINE_LIKE:
            detail = f"p = {p[i]:.2g} among human texts of its length"
            pieces = [*pieces, Evidence(EvidenceKind.DETECTOR, Origin.MACHINE, detail, p_value=float(p[i]))]
        ruling = rule(pieces)
        by = ruling.decided_by
        origins.append(ruling.origin)
        decided.append(None if by is None else f"{by.kind}: {by.detail}")
        contradicted.append("; ".join(f"{one.kind}: {one.detail}" for one in ruling.contradicted_by) or None)
        certain[i] = by is not None and by.kind in _CERTAIN and by.rank < _FIRST_UNCERTAIN and by.origin in _MACHINE
    columns = [
        examined["id"], examined["keys"], examined["words"], examined["score"], pa.array(p, from_pandas=True),
        pa.array(answers, pa.string()), examined["not_judged"], pa.array(origins, pa.string()),
        pa.array(decided, pa.string()), pa.array(contradicted, pa.string()), examined["permission"],
    ]  # fmt: skip
    return pa.table(columns, schema=AUDITED), certain


# A credential that nobody verified has the rank of metadata.
_FIRST_UNCERTAIN = len(_CERTAIN)


def _count_evidence(found: pa.Table, evidence: Mapping[str, Counter[str]]) -> None:
    seen = {(row["id"], row["kind"], row["status"]) for row in found.select(["id", "kind", "status"]).to_pylist()}
    for _, kind, status in seen:
        evidence[kind][status] += 1


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    return table[name].to_numpy(zero_copy_only=False)


def _gather(decided: _Decided, examined: pa.Table, rows: pa.Table, certain: NDArray[np.bool_]) -> None:
    """Add the documents of a part to their groups and to the whole."""
    keys = [tuple(one) for one in examined["keys"].to_pylist()]
    names = {one: number for number, one in enumerate(dict.fromkeys(keys))}
    codes = np.array([names[one] for one in keys], np.int64)
    sampled = np.zeros(len(keys), _ROW)
    sampled["score"], sampled["words"] = _column(examined, "score"), _column(examined, "words")
    sampled["unit"] = _column(examined, "unit")
    sampled["place"] = [int(content_id(key)[:16], 16) for key in examined["id"].to_pylist()]
    answers = np.array(rows["verdict"].to_pylist(), dtype=np.str_)
    origins = np.array(rows["origin"].to_pylist(), dtype=np.str_)
    people = origins == Origin.HUMAN.value  # the detector never says so: something stronger does
    everything = np.ones(len(keys), np.bool_)
    named = [(decided.groups.setdefault(key, _Group()), codes == number) for key, number in names.items()]
    for one, chosen in [(decided.whole, everything), *named]:
        one.documents += int(chosen.sum())
        one.words += int(sampled["words"][chosen].sum())
        one.short += int((sampled["words"][chosen] < SHORT_WORDS).sum())
        one.verdicts.update(answers[chosen].tolist())
        one.origins.update(origins[chosen].tolist())
        one.known_machine += int((chosen & certain).sum())
        one.known_human += int((chosen & people).sum())
        judged = chosen & ~certain & ~people & ~np.isnan(sampled["score"])
        one.judged += int(judged.sum())
        one.judged_short += int((judged & (sampled["words"] < SHORT_WORDS)).sum())
        one.sample.add(sampled[judged])


@dataclass(frozen=True, slots=True)
class _Estimator:
    """Estimates the share of a group."""

    settings: AuditSettings
    judge: Judge
    rng: np.random.Generator
    development: DevelopmentScores
    kind: str = ""
    """Values of the grouping columns that references may share; empty: all references serve."""

    def of_kind(self, keys: tuple[str, ...]) -> "_Estimator":
        """Return the estimator of a group, which prefers references that have its values in the grouping columns."""
        named = dict(zip(self.settings.by, keys, strict=True))
        values = [named[name] for name in _matched(self.settings)]
        return replace(self, kind=kind_of(None if value == NO_VALUE else value for value in values))

    def __call__(self, one: _Group) -> ShareEstimate:
        """Return the estimate for a group; a sample of the scores stands for all of them."""
        rows = one.sample.rows()
        human, machine = (side and side.at_least(SHORT_WORDS) for side in (self.judge.human, self.judge.machine))
        own = [side and side.of_kind(self.kind) for side in (human, machine)]
        # with fewer of its own kind a group is better off with all references than with no number
        matched = all(side is None or len(side) >= LEAST_HUMAN for side in own)
        if human is not None and matched:
            human, machine = own
        if not len(rows) and not one.known_machine and not one.known_human:
            grade = Grade.C if human is None else Grade.B if machine is None else Grade.A
            reason = "none of its documents is English prose of more than a few words, all the detector can judge"
            return ShareEstimate(grade, None, None, None, reason, "", 0)
        long = rows["words"] >= SHORT_WORDS
        judged_long = one.judged - one.judged_short
        # Where the scores are a sample, what is counted shrinks with them and keeps its weight.
        part = float(long.sum()) / judged_long if judged_long else 1.0
        grouped = self.settings.group is not None
        found = estimate_share(
            rows["score"][long],
            human.scores if human is not None else np.zeros(0),
            machine.scores if machine is not None else None,
            development=self.development,
            rng=self.rng,
            corpus_groups=rows["unit"][long] if grouped else None,
            human_groups=human.groups if human is not None and grouped else None,
            machine_groups=machine.groups if machine is not None and grouped else None,
            short=round(one.judged_short * part),
            known_machine=round(one.known_machine * part),
            known_human=round(one.known_human * part),
            confidence=self.settings.confidence,
        )
        if human is None or not matched or not found.method:
            return found
        return replace(found, method=f"{found.method}, against references of the group's own")


def _matched(settings: AuditSettings) -> tuple[str, ...]:
    """Return the grouping columns by which a group finds references of its own: all but parts of dates."""
    return tuple(name for name in settings.by if name not in DATE_PARTS)


def _audit_of(
    name: str,
    keys: Mapping[str, str],
    one: _Group,
    estimate: Callable[[_Group], ShareEstimate],
    change: Drift | None = None,
) -> GroupAudit:
    return GroupAudit(
        group=name,
        keys=keys,
        documents=one.documents,
        words=one.words,
        short=one.short,
        verdicts={verdict.value: one.verdicts[verdict] for verdict in DocumentVerdict},
        origins={origin.value: one.origins[origin] for origin in Origin},
        known_machine=one.known_machine,
        estimate=estimate(one),
        drift=change,
    )


def _costs(
    settings: AuditSettings, estimate: ShareEstimate, judge: Judge, buckets: LengthBuckets, threshold: float
) -> Costs | None:
    """Return the cost arithmetic at the stated prevalence or the estimated share; None where a rate is not known."""
    prevalence = settings.prevalence if settings.prevalence is not None else estimate.share
    if prevalence is None or judge.human is None or judge.machine is None:
        return None
    # Of documents of at least 50 words: on others there is no verdict, and no share includes them.
    human, machine = (side.at_least(SHORT_WORDS) for side in (judge.human, judge.machine))
    if not len(human) or not len(machine):
        return None
    answers = verdicts(buckets.p_values(machine.scores, machine.words), machine.words, threshold)
    tpr = sum(one == DocumentVerdict.MACHINE_LIKE for one in answers) / len(answers)
    # Counted on the references themselves it would leave out the next document, which may be the highest of all.
    return costs(prevalence, tpr, buckets.rate(threshold, human.words), assumed=settings.prevalence is not None)


def _histogram(whole: _Group, judge: Judge) -> Histogram | None:
    series = {"all": whole.sample.rows()["score"]}
    if judge.human is not None:
        series["human references"] = judge.human.scores
    if judge.machine is not None:
        series["machine references"] = judge.machine.scores
    series = {name: scores for name, scores in series.items() if len(scores)}
    if "all" not in series:
        return None
    # The outermost scores of a few odd documents would leave one bin for all others.
    low, high = (float(bound) for bound in np.quantile(np.concatenate(list(series.values())), [0.001, 0.999]))
    edges = np.linspace(low, max(high, low + 1e-9), _BINS + 1)
    counts = {
        name: tuple(np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0].tolist())
        for name, scores in series.items()
    }
    return Histogram(low, float(edges[1] - edges[0]), counts)


def _artefacts(counts: Counts, contents: NDArray[np.uint64], known: Mapping[str, Known]) -> tuple[Artefact, ...]:
    found = {name: np.array(list(map(text_id, texts.texts)), np.uint64) for name, texts in known.items()}
    shared = shared_texts({"corpus": contents, **found})
    series: dict[str, tuple[int, Mapping[str, int]]] = {
        "corpus": (counts.documents, {**counts.artefacts, REPEATED: shared["corpus"]})
    }
    for name, texts in known.items():
        if len(texts):
            flagged = artefact_flags(texts.texts).sum(axis=0).tolist()
            series[name] = (len(texts), {**dict(zip(ARTEFACTS, flagged, strict=True)), REPEATED: shared[name]})
    return artefact_report(series, counts.artefact_examples)


def _own_references(decided: _Decided, known: Mapping[str, Known]) -> Iterator[str]:
    for name, texts in known.items():
        same = np.isin(decided.contents, np.array(list(map(text_id, texts.texts)), np.uint64))
        if same.any():
            yield (
                f"{int(same.sum()):,} of {decided.whole.documents:,} documents are among the {name} themselves. "
                "A corpus that is its own reference is measured against itself: use other known texts."
            )


def _token_columns(path: Path) -> dict[str, list[str]]:
    """Return the columns that watermark keys read tokens from, with the names of the keys that read nothing else."""
    found: dict[str, list[str]] = {}
    for key in load_keys(path):
        if key.tokens is not None and key.tokenizer is None:
            found.setdefault(key.tokens, []).append(key.name)
    return found


def _unread_keys(tokens: Mapping[str, Sequence[str]], counts: Counts) -> Iterator[str]:
    for column, names in tokens.items():
        if column not in counts.columns:
            yield (
                f"No document has a value in column {column!r}, so nothing was looked at for the watermarks of "
                f"{', '.join(map(repr, names))}. Name the column of the token ids, or a tokenizer, in the file of "
                "the keys."
            )


def _twins(decided: _Decided) -> Iterator[str]:
    """Say where one text stands under several labels: then at most one of them is right, or none is independent."""
    for what, documents in decided.in_several.items():
        if documents:
            yield (
                f"{documents:,} documents have a text that also stands under {what}. Such copies are no independent "
                "evidence; remove them, or name their unit with --group."
            )


def _warnings(judge: Judge, whole: _Group, left_out: int) -> tuple[str, ...]:
    """Return what the reader should know about the corpus as a whole."""
    found = []
    if judge.human is None:
        found.append(
            "There is no known human text of this kind. p-values are taken against the texts the detector learnt from; "
            "on other kinds of text their error rate is not known."
        )
    elif len(judge.human) < LEAST_REFERENCES:
        found.append(
            f"With {len(judge.human)} human references no p-value is below {1 / (len(judge.human) + 1):.3f}, which may "
            "be too coarse for any verdict over the whole corpus. Add known human texts."
        )
    not_judged = whole.documents - whole.judged - whole.known_machine - whole.known_human
    if not_judged > 0:
        found.append(
            f"{not_judged:,} of {whole.documents:,} documents {'is' if not_judged == 1 else 'are'} no English prose, "
            "or too few words to tell: the detector says nothing there, and no share includes it."
        )
    if left_out:
        found.append(f"Change of wording was not followed for {left_out:,} of the sources: there are too many at once.")
    return tuple(found)
