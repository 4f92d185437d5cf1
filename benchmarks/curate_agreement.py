"""Do the filters decide as datatrove 0.10.1 decides, on every document of the shared data, and with the same reason?

For each filter on its own, and for the chain of FineWeb's pipeline: documents, those datatrove removes, those on which
the decision differs, and those on which only the first reason differs; for C4 also those whose text comes out
differently. Every difference is listed. datatrove runs in its own environment (``peers/environments.py``); what it
decides can be kept in a folder and is then not asked again.

    python benchmarks/curate_agreement.py [--data FOLDER] [--kept FOLDER] [--sample FILE] [FILES ...]

``--sample`` writes the decisions on a sample of documents, known by hashes of their texts, for the tests.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from loops import markdown, verdict_of, versions
from peers.environments import run_peer
from shared_texts import SHARED, files, texts

from headwater.curate import C4Lines, RuleSet, TextStatistics
from headwater.curate.presets import C4, FINEWEB_QUALITY, GOPHER_QUALITY, GOPHER_REPETITION
from headwater.curate.reasons import DATATROVE_REASONS, Reason
from headwater.curate.rules import Rule

_RULES: dict[str, tuple[Rule, ...]] = {
    "repetition": GOPHER_REPETITION,
    "quality": GOPHER_QUALITY,
    "fineweb": FINEWEB_QUALITY,
}
_DOCUMENTS = 1000  # of a batch
_AGREEMENT = 0.999
_COLUMNS = ("repetition", "quality", "fineweb", "paragraphs", "c4", "c4_text", "c4_open", "c4_open_text")
_SAMPLED = 12  # of the documents of a file that one filter decides alike, at most


def theirs(some: Sequence[str], kept: Path | None, name: str) -> list[dict[str, Any]]:
    """Return what datatrove decides on texts; from the folder of what is kept, if it is there."""
    digest = sha256("\0".join(some).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    path = kept / f"{name}-{digest}.jsonl" if kept else None
    if path is None or not path.is_file():
        with TemporaryDirectory() as folder:
            source, target = Path(folder) / "texts.jsonl", Path(folder) / "decisions.jsonl"
            source.write_text("".join(json.dumps(text) + "\n" for text in some), encoding="utf-8")
            run_peer("datatrove", "decide", source, target)
            lines = target.read_text("utf-8")
        if path is None:
            return [json.loads(line) for line in lines.splitlines()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines, encoding="utf-8")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _first(rules: Sequence[Rule], measured: pa.RecordBatch) -> list[str]:
    """Return the first reason in datatrove's words, nothing for a document that stays."""
    reasons = RuleSet("some", tuple(rules)).decide(measured).to_pylist()
    return [DATATROVE_REASONS[Reason(row[0])] if row else "" for row in reasons]


def ours(some: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what our filters decide on texts, in the form of datatrove's decisions."""
    for begin in range(0, len(some), _DOCUMENTS):
        part = some[begin : begin + _DOCUMENTS]
        batch = pa.record_batch({"text": pa.array(part, pa.large_string())})
        statistics = TextStatistics()(batch)
        found: dict[str, list[Any]] = {name: _first(rules, statistics) for name, rules in _RULES.items()}
        for name, require_end in (("c4", True), ("c4_open", False)):
            cleaned = C4Lines(require_end_punctuation=require_end)(batch)
            found[name] = _first(C4, cleaned)
            # datatrove leaves a document it removes as it was.
            left = [
                before if reason else after
                for before, after, reason in zip(part, cleaned["text"].to_pylist(), found[name], strict=True)
            ]
            found[f"{name}_text"] = [sha256(text.encode()).hexdigest() for text in left]
        last = _first(FINEWEB_QUALITY, TextStatistics(("fineweb",))(cleaned))
        found["chain"] = [
            next(
                (
                    [name, reason]
                    for name, reason in zip(("repetition", "quality", "c4_open", "fineweb"), row, strict=True)
                    if reason
                ),
                [],
            )
            for row in zip(found["repetition"], found["quality"], found["c4_open"], last, strict=True)
        ]
        yield from (dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True))


def compare(name: str, mine: dict[str, Any], other: dict[str, Any]) -> str:
    """Return what differs between two outcomes of a filter: decision, reason, text, or nothing."""
    if bool(mine[name]) != bool(other[name]):
        return "decision"
    if mine[name] != other[name]:
        return "reason"
    return "text" if f"{name}_text" in mine and mine[f"{name}_text"] != other[f"{name}_text"] else ""


def sample(
    path: Path, decisions: list[dict[str, Any]], some: Sequence[str], differing: set[int]
) -> Iterator[list[str]]:
    """Yield datatrove's decisions on a few documents of each kind in a file, and on all that we decide differently.

    Hashes stand for texts.
    """
    seen: Counter[tuple[str, str]] = Counter()
    for number, (text, decision) in enumerate(zip(some, decisions, strict=True)):
        kinds = [(name, str(decision[name])) for name in (*_RULES, "c4", "c4_open", "chain")]
        if number in differing or any(seen[kind] < _SAMPLED for kind in kinds):
            seen.update(kinds)
            values = {key: value[:16] if key.endswith("_text") else value for key, value in decision.items()}
            chain = "/".join(values["chain"])
            yield [path.name, sha256(text.encode()).hexdigest()[:16], *(values[key] for key in _COLUMNS), chain]


def main() -> None:
    """Compare and print what differs."""
    parser = argparse.ArgumentParser(description="agreement of the filters with datatrove")
    parser.add_argument("files", nargs="*", help="parts of names of files; all files where none is given")
    parser.add_argument("--data", type=Path, default=SHARED, help="folder with crawl/, lm/ and human_vs_ai/")
    parser.add_argument("--kept", type=Path, help="folder for what datatrove decides")
    parser.add_argument("--sample", type=Path, help="file for a sample of decisions")
    given = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    sampled: list[list[str]] = []
    print(f"{versions()}; {run_peer('datatrove', 'versions')['versions']}\n")
    for path in files(given.data):
        if given.files and not any(part in path.name for part in given.files):
            continue
        some = list(texts(path))
        differing: set[int] = set()
        decisions = theirs(some, given.kept, path.name.split(".")[0])
        for number, (mine, other) in enumerate(zip(ours(some), decisions, strict=True)):
            for name in (*_RULES, "c4", "c4_open", "chain"):
                difference = compare(name, mine, other)
                counts.setdefault(name, Counter()).update(["documents", difference] + ["removed"] * bool(other[name]))
                if difference:
                    differing.add(number)
                    print(f"{path.name} {number}: {name}: {difference}: ours {mine[name]}, theirs {other[name]}")
        sampled += sample(path, decisions, some, differing) if given.sample else []
    rows = []
    for name, count in counts.items():
        equal = 1 - (count["decision"] + count["reason"]) / count["documents"]
        different = [f"{count[kind]:,}" for kind in ("documents", "removed", "decision", "reason", "text")]
        rows.append([name, *different, f"{equal:.3%}", verdict_of(equal >= _AGREEMENT)])
    print(
        markdown(
            ["filter", "documents", "removed", "other decision", "other reason", "other text", "equal", ">= 99.9%"],
            rows,
        )
    )
    if given.sample:
        with given.sample.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([["file", "text", *_COLUMNS, "chain"], *sampled])


if __name__ == "__main__":
    main()
