"""Per-sample logs of evaluation harnesses, one score per sample: lm-evaluation-harness and Inspect.

``lm_eval --log_samples`` writes ``samples_TASK_TIME.jsonl``: one JSON object per sample (and filter) with ``doc_id``,
``doc``, ``doc_hash``, ``filter``, ``metrics`` (names) and each metric under its own name. A metric is a number or a
truth value; tasks that measure perplexity log a pair of log likelihood and weight, whose loss per unit is
-likelihood / weight.

Inspect (``inspect_ai``) writes one JSON document with ``samples``, or a ``.eval`` file: a zip archive with a JSON file
per sample and epoch, ``samples/ID_epoch_N.json``. A sample has ``id``, ``epoch``, ``scores`` by scorer, each with a
``value``: a number, a truth value, ``C``, ``P``, ``I`` or ``N`` (correct 1, partly 0.5, incorrect and no answer 0), or
a mapping of these. Epochs are averaged.

An archive is read member by member without writing a file: names and sizes are checked, and reading stops at the size
that the archive states, so that a small file cannot fill the memory.
"""

import json
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.errors import InputError, did_you_mean

_MOST_LINE_BYTES = 64 << 20
_MOST_MEMBER_BYTES = 256 << 20
_MOST_ARCHIVE_BYTES = 8 << 30
_MOST_JSON_BYTES = 2 << 30
_GRADES: Mapping[str, float] = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class EvaluationLog:
    """The scores of one model on one benchmark."""

    path: str
    harness: str
    """lm-evaluation-harness or Inspect."""
    metric: str
    scores: Mapping[str, float]
    """Score by sample. NaN where the sample failed or was not scored."""
    groups: Mapping[str, str]
    """Group by sample; empty where no group was asked for."""
    losses: bool
    """Whether the scores are losses by their nature: lower is better."""


def read_evaluation_log(
    path: Path, *, metric: str | None = None, group: str | None = None, variant: str | None = None
) -> EvaluationLog:
    """Return the scores of a log.

    Args:
        path: ``samples_*.jsonl`` of lm-evaluation-harness, ``.eval`` or ``.json`` of Inspect.
        metric: name of the metric, or of the scorer (``scorer/key`` where its value is a mapping); None: the only one.
        group: key of the document (lm-evaluation-harness) or of the metadata (Inspect) that names the unit of
            independence, such as ``subject``; ``a.b`` goes into a mapping.
        variant: the filter of lm-evaluation-harness to read where a log has several; None: the only one.

    Raises:
        InputError: the file is no such log, is damaged or too large, or lacks the metric or the group.
    """
    if not path.is_file():
        raise InputError(f"There is no log {path}. Give samples_*.jsonl of lm_eval --log_samples, or a log of Inspect.")
    with path.open("rb") as file:
        start = file.read(4)
    if zipfile.is_zipfile(path):
        return _inspect(path, _archive(path), metric, group)
    if start[:1] != b"{":
        raise InputError(
            f"{path} is no log of an evaluation: it begins with {start!r}. Readable are samples_*.jsonl of "
            "lm-evaluation-harness (lm_eval --log_samples) and .eval or .json logs of Inspect."
        )
    whole = _whole_json(path)
    if whole is not None and "samples" in whole:
        return _inspect(path, _samples_of(path, whole), metric, group)
    return _lm_eval(path, metric, group, variant)


def _lm_eval(path: Path, metric: str | None, group: str | None, variant: str | None) -> EvaluationLog:
    rows = list(_lines(path))
    for row in rows[:1]:
        if "doc_id" not in row or "doc" not in row:
            raise InputError(
                f"{path} is no log of samples: its first line has {', '.join(sorted(row)[:8])}, not doc_id and doc. "
                "lm_eval writes such logs with --log_samples."
            )
    variants = list(dict.fromkeys(str(row.get("filter", "")) for row in rows))
    if len(variants) > 1 and variant is None:
        raise InputError(
            f"{path} has scores of several filters: {', '.join(variants)}. Choose one with --filter, as in "
            f"--filter {variants[0]}."
        )
    if variant is not None and variant not in variants:
        raise InputError(
            f"{path} has no filter {variant!r}. It has {', '.join(variants)}.{did_you_mean(variant, variants)}"
        )
    rows = [row for row in rows if variant is None or str(row.get("filter", "")) == variant]
    known = list(dict.fromkeys(name for row in rows for name in _metrics_of(row)))
    name = _chosen(path, metric, known)
    scores: dict[str, float] = {}
    groups: dict[str, str] = {}
    pairs = False
    for number, row in enumerate(rows, 1):
        key = str(row.get("doc_hash") or row["doc_id"])
        if key in scores:  # two documents with the same content are told apart by their numbers
            key = f"{key}#{row['doc_id']}"
        if key in scores:
            raise InputError(
                f"{path} has two scores for document {row['doc_id']} (sample {number}). Keep one log per task."
            )
        value = row.get(name)
        if isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[1] > 0:
            pairs = True
            scores[key] = -value[0] / value[1]
        else:
            scores[key] = _number(value)
        if group is not None:
            groups[key] = _group(path, row["doc"], group, key)
    return EvaluationLog(str(path), "lm-evaluation-harness", name, scores, groups, pairs)


def _metrics_of(row: Mapping[str, Any]) -> list[str]:
    listed = row.get("metrics")
    if isinstance(listed, list):
        return [str(name) for name in listed]
    # older logs do not list them: what is a number and no part of the record itself
    return [name for name, value in row.items() if _is_number(value) and name not in {"doc_id", "idx"}]


def _inspect(path: Path, samples: Iterator[Mapping[str, Any]], metric: str | None, group: str | None) -> EvaluationLog:
    found: dict[str, list[Mapping[str, Any]]] = {}
    groups: dict[str, str] = {}
    for sample in samples:
        if "id" not in sample:
            raise InputError(f"{path} has a sample without an id, so it cannot be paired with another log.")
        key = str(sample["id"])
        found.setdefault(key, []).append(sample)
        if group is not None:
            groups[key] = _group(path, sample.get("metadata") or {}, group, key)
    known = list(dict.fromkeys(name for parts in found.values() for one in parts for name in _values(one)))
    name = _chosen(path, metric, known)
    scores = {}
    for key, parts in found.items():
        # a sample that failed has no score in any epoch it failed in, which must not make it look better
        values = [math.nan if one.get("error") else _number(_values(one).get(name)) for one in parts]
        scores[key] = math.fsum(values) / len(values) if not any(map(math.isnan, values)) else math.nan
    return EvaluationLog(str(path), "Inspect", name, scores, groups, losses=False)


def _values(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a sample by scorer, or by ``scorer/key``."""
    values: dict[str, Any] = {}
    scores = sample.get("scores")
    for scorer, score in scores.items() if isinstance(scores, dict) else ():
        value = score.get("value") if isinstance(score, dict) else None
        if isinstance(value, dict):
            values.update({f"{scorer}/{key}": one for key, one in value.items()})
        else:
            values[str(scorer)] = value
    return values


def _chosen(path: Path, metric: str | None, known: list[str]) -> str:
    if not known:
        raise InputError(f"{path} has no scores. Was the evaluation finished?")
    if metric is None and len(known) > 1:
        raise InputError(f"{path} has several metrics: {', '.join(known)}. Choose one with --metric {known[0]}.")
    if metric is not None and metric not in known:
        raise InputError(f"{path} has no metric {metric!r}. It has {', '.join(known)}.{did_you_mean(metric, known)}")
    return metric or known[0]


def _group(path: Path, place: Any, group: str, key: str) -> str:
    for part in group.split("."):
        place = place.get(part) if isinstance(place, dict) else None
    if place is None or isinstance(place, dict | list):
        raise InputError(
            f"{path}: sample {key} has no {group!r} to group by. Name a key of the documents (lm-evaluation-harness) "
            "or of the samples' metadata (Inspect), or leave --group out."
        )
    return str(place)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: object) -> float:
    """Return a score; NaN where there is none."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else math.nan
    if isinstance(value, str):
        if value in _GRADES:
            return _GRADES[value]
        try:
            found = float(value)
        except ValueError:
            return math.nan
        return found if math.isfinite(found) else math.nan
    return math.nan


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_MOST_LINE_BYTES):
            number += 1
            if not line.strip():
                continue
            row = _parsed(line, f"{path}, line {number}")
            if not isinstance(row, dict):
                raise InputError(f"{path}, line {number}: a sample is a JSON object, not {line[:60]!r}.")
            yield row


def _whole_json(path: Path) -> dict[str, Any] | None:
    """Return a file that is one JSON object; None where it is something else, such as JSON lines."""
    with path.open("rb") as file:
        first = file.readline(_MOST_LINE_BYTES)
        try:
            row = json.loads(first)
        except (ValueError, RecursionError):
            pass  # an object over several lines
        else:
            # one line that is an object: the whole, or the first of many
            return row if isinstance(row, dict) and "samples" in row else None
    size = path.stat().st_size
    if size > _MOST_JSON_BYTES:
        raise InputError(f"{path} has {size:,} bytes; at most {_MOST_JSON_BYTES:,} are read. Write the log as .eval.")
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    return whole if isinstance(whole, dict) else None


def _samples_of(path: Path, log: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    samples = log["samples"]
    if not isinstance(samples, list) or not samples:
        raise InputError(
            f"{path} has no samples: its status is {log.get('status', 'unknown')!r}. Finish the evaluation."
        )
    for sample in samples:
        if not isinstance(sample, dict):
            raise InputError(f"{path}: a sample is a JSON object, not {str(sample)[:60]!r}.")
        yield sample


def _archive(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the samples of a ``.eval`` file."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if _is_sample(one.filename)]
            if not members:
                raise InputError(
                    f"{path} is a zip archive without samples/*.json, so it is no finished log of Inspect."
                )
            total = sum(one.file_size for one in members)
            largest = max(one.file_size for one in members)
            if largest > _MOST_MEMBER_BYTES or total > _MOST_ARCHIVE_BYTES:
                raise InputError(
                    f"{path} unpacks to {total:,} bytes, {largest:,} in one sample; at most {_MOST_ARCHIVE_BYTES:,} "
                    f"and {_MOST_MEMBER_BYTES:,} are read."
                )
            for member in members:
                with archive.open(member) as file:
                    # one byte more than is stated shows a header that lies
                    content = file.read(member.file_size + 1)
                if len(content) > member.file_size:
                    raise InputError(f"{path}: {member.filename} is longer than the archive says. The file is damaged.")
                sample = _parsed(content, f"{path}, {member.filename}")
                if not isinstance(sample, dict):
                    raise InputError(f"{path}, {member.filename}: a sample is a JSON object.")
                yield sample
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        # NotImplementedError, a RuntimeError, is how zipfile says that it does not know the compression
        raise InputError(
            f"{path} cannot be unpacked: {error}. If it is not damaged, convert it with: "
            "inspect log convert --to json --output-dir converted LOG"
        ) from error


def _is_sample(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and parts[0] == "samples" and parts[1].endswith(".json") and ".." not in name


def _parsed(content: bytes, where: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no JSON ({error}). The log is damaged or was cut short.") from error
