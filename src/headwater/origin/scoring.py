"""A detector fitted to texts in files, and scores of documents in files: one row for every row, without grouping."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headwater.decide import bh_threshold
from headwater.origin.columns import meta_value
from headwater.origin.detector.detector import Detector
from headwater.origin.detector.fit import fit_detector
from headwater.origin.detector.lm_columns import StatisticsReader, read_statistics
from headwater.origin.detector.lm_models import ready
from headwater.origin.detector.lm_statistics import COLUMNS
from headwater.origin.detector.normalise import normalise
from headwater.origin.examine import scored
from headwater.origin.judge import Judge, count_seen, seen_scores
from headwater.origin.references import read_references, without_shared
from headwater.origin.result import DocumentVerdict
from headwater.origin.verdicts import SHORT_WORDS, LengthBuckets, verdicts
from headwater.sources import Columns, ReadReport, RejectLog, check_outputs, read_documents
from headwater.store import parquet_file, replaced_file

SCORES = pa.schema(
    [
        pa.field("id", pa.string(), metadata={"meaning": "document id"}),
        pa.field("score", pa.float64(), metadata={"meaning": "higher = more machine-like; null: cannot be judged"}),
        pa.field("p_value", pa.float64(), metadata={"meaning": "conformal p-value against human text of this length"}),
        pa.field("verdict", pa.string(), metadata={"meaning": "human-consistent, undecided or machine-like"}),
        pa.field("words", pa.int32(), metadata={"meaning": "words"}),
        pa.field("not_judged", pa.string(), metadata={"meaning": "what it is instead of English prose"}),
    ]
)
"""A row for every row of the input."""
_STATISTICS = [
    pa.field(name, pa.float64(), metadata={"meaning": meaning})
    for name, meaning in zip(
        COLUMNS,
        (
            "conditional probability curvature (Fast-DetectGPT); higher = more machine-like",
            "Binoculars quotient with its sign turned; higher = more machine-like",
            "mean log-likelihood, nats per token; for information, no evidence by itself",
        ),
        strict=True,
    )
]
"""Further columns where language models are named."""
WRITABLE_SCORES = (".parquet", ".jsonl", ".csv")
"""Suffixes of a file of scores."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """What became of the rows."""

    rows: int
    """Rows written."""
    verdicts: dict[str, int]
    """Verdict to rows."""
    not_judged: dict[str, int]
    """Reason without a score to rows."""
    reading: ReadReport
    """Rows read."""


def fit_files(
    human: tuple[str, ...],
    machine: tuple[str, ...],
    *,
    text: str,
    group: str | None,
    base: Detector | None,
    weight: float,
    thorough: bool,
    name: str,
    rejects: RejectLog,
    rng: np.random.Generator,
    tell: Callable[[str], None],
    language_models: StatisticsReader | None = None,
) -> tuple[Detector, tuple[str, ...]]:
    """Return a detector fitted to the texts of files, and what makes its card too good: it says so, too.

    Args:
        human: files, folders or globs of texts known to be human.
        machine: the same of texts known to be machine-made.
        text: column with the text.
        group: column with the unit of independence, taken where a file has it.
        base: detector to start from; None learns from these texts alone.
        weight: how often each text counts against one the base learnt from.
        thorough: the slower form, with a model of characters.
        name: name of the detector.
        rejects: where rows that cannot be used are kept.
        rng: divides the texts into folds.
        tell: told what is being done.
        language_models: models whose statistics are further columns of the stack; None: those of the base, if any.

    Raises:
        InputError: nothing can be read, or the base was fitted with other language models.
        NotEnoughData: there are too few texts.
    """
    known = read_references(human, machine, text=text, group=group, rejects=rejects, tell=tell)
    people, machines, shared = without_shared(*known)
    if base is not None:
        base = ready(base, language_models)
    learnt = 0 if base is None else count_seen(seen_scores(base), (*people.texts, *machines.texts))
    tell("fitting")
    detector = fit_detector(
        people.texts,
        machines.texts,
        human_groups=people.groups,
        machine_groups=machines.groups,
        base=base,
        weight=weight,
        thorough=thorough,
        rng=rng,
        name=name,
        language_models=language_models,
    ).detector
    warnings = []
    if shared:
        warnings.append(f"{shared:,} texts are among the human and the machine texts; they were left out of both.")
    if learnt and base is not None:
        warnings.append(
            f"{learnt:,} of the {len(people) + len(machines):,} texts are texts that detector {base.card.name!r} had "
            "learnt before. It knows them already, so the held-out figures of this card are too good, and so are "
            "p-values and shares taken against these texts. Start from a detector that has not seen them, or from none."
        )
    card = replace(detector.card, limits=(*warnings, *detector.card.limits))
    return replace(detector, card=card), tuple(warnings)


def score_files(
    paths: tuple[str, ...],
    out: Path,
    judge: Judge,
    *,
    text: str,
    id_column: str | None,
    fdr: float,
    rejects: RejectLog,
    tell: Callable[[str], None],
    language_models: StatisticsReader | None = None,
) -> Scoring:
    """Write the score, p-value and verdict of every row of the files, in order, and say what became of them.

    The id is that of the named column, else of a column ``id``, else the hash of the text. A row that cannot be used
    has no score. Memory is bounded by the batch: scores wait in a temporary file until all p-values are known.

    With language models, named here or read by the detector, their statistics are three further columns, of every text
    whatever its language.

    Raises:
        InputError: nothing can be read, or ``out`` has an unknown suffix, no folder, or is read itself.
    """
    check_outputs(paths, {out: WRITABLE_SCORES})
    buckets = LengthBuckets.of(judge.yardstick.scores, judge.yardstick.words)
    counts: Counter[float] = Counter()
    detector = judge.detector
    reader = language_models if detector.lm is None else detector.lm.loaded
    schema = SCORES if reader is None else pa.schema([*SCORES, *_STATISTICS])
    with TemporaryDirectory(dir=out.resolve().parent, prefix=".headwater-scores-") as folder:
        waiting = Path(folder) / "scores.parquet"
        stream = read_documents(paths, Columns(text=text, id=id_column), rejects, every_row=True)
        with parquet_file(waiting, schema) as file:
            for batch in stream:
                texts = batch["text"].to_pylist()
                statistics = None if reader is None else read_statistics(reader, normalise(texts))
                words, scores, refused = scored(detector, texts, judge.known, statistics)
                p = buckets.p_values(scores, words)
                counts.update(p[(words >= SHORT_WORDS) & ~np.isnan(p)].tolist())
                ids = batch["id"].to_pylist()
                if id_column is None:
                    ids = [own or key for own, key in zip(meta_value(batch, "id"), ids, strict=True)]
                columns = [
                    pa.array(ids, pa.string()),
                    pa.array(scores, from_pandas=True),
                    pa.array(p, from_pandas=True),
                    pa.nulls(len(ids), pa.string()),
                    pa.array(words, pa.int32()),
                    pa.array(refused, pa.string()),
                    *(pa.array(one, from_pandas=True) for one in (statistics.T if statistics is not None else ())),
                ]
                file.write_table(pa.table(columns, schema=schema))
                tell(f"{stream.report.accepted:,} documents")
        threshold = bh_threshold(counts, fdr)
        answers: Counter[str] = Counter()
        reasons: Counter[str] = Counter()

        def judged() -> Iterator[pa.RecordBatch]:
            for batch in pq.ParquetFile(waiting).iter_batches():
                found = verdicts(batch["p_value"].to_numpy(zero_copy_only=False), batch["words"].to_numpy(), threshold)
                answers.update(one.value for one in found)
                reasons.update(reason for reason in batch["not_judged"].to_pylist() if reason is not None)
                place = SCORES.get_field_index("verdict")
                yield batch.set_column(place, SCORES.field(place), pa.array(found, pa.string()))

        rows = _write(judged(), out, schema)
    return Scoring(
        rows, {one.value: answers[one.value] for one in DocumentVerdict}, dict(reasons.most_common()), stream.report
    )


def _write(batches: Iterator[pa.RecordBatch], out: Path, schema: pa.Schema) -> int:
    rows = 0
    if out.suffix == ".parquet":
        with parquet_file(out, schema) as file:
            for batch in batches:
                file.write_batch(batch)
                rows += batch.num_rows
        return rows
    with replaced_file(out) as lines:
        if out.suffix == ".csv":
            lines.write(_csv([schema.names]))
        for batch in batches:
            values = batch.to_pylist()
            if out.suffix == ".csv":
                lines.write(_csv([list(value.values()) for value in values]))
            else:
                lines.write("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode())
            rows += batch.num_rows
    return rows


def _csv(rows: list[list[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
