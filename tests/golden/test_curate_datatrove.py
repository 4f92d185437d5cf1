"""The filters decide as datatrove 0.10.1 does (spaCy 3.8.18), with the same reason and, for C4, the same text.

``curate_datatrove.csv`` holds datatrove's decisions on a sample of the shared data, a dozen documents of each kind from
each file, made by ``benchmarks/curate_agreement.py --sample``. No text is stored: documents are known by hashes.
"""

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from headwater.curate import C4Lines, RuleSet, TextStatistics, preset
from headwater.curate.presets import C4, FINEWEB_QUALITY, GOPHER_QUALITY, GOPHER_REPETITION
from headwater.curate.reasons import DATATROVE_REASONS, Reason
from headwater.engine import apply_operators

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
STORED = Path(__file__).with_name("curate_datatrove.csv")
# datatrove stops at the first line that removes a document; our reasons have a fixed order. These documents have both
# filler text and a curly bracket, the bracket first.
BRACKET_FIRST = frozenset({"229a66d1658d16db c4_open", "8056d00ac939a7db c4", "8056d00ac939a7db c4_open"})


def stored() -> dict[str, dict[str, dict[str, str]]]:
    """Return datatrove's decisions by file and document."""
    found: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    with STORED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["file"]][row["text"]] = row
    return found


SAMPLE = stored()


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def texts(path: Path) -> Iterator[str]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield file.read()
        return
    with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as raw:
        for line in io.TextIOWrapper(raw, "utf-8", newline="\n"):
            record = json.loads(line)
            yield record.get("text", record.get("html"))


def first(rules: RuleSet, measured: pa.RecordBatch) -> list[str]:
    return [DATATROVE_REASONS[Reason(row[0])] if row else "" for row in rules.decide(measured).to_pylist()]


@pytest.mark.parametrize("name", SAMPLE)
def test_decisions_reasons_and_texts_are_datatroves(name: str) -> None:
    path = next(DATA.rglob(name), None) if DATA.is_dir() else None
    if path is None:
        pytest.skip(f"../shared/data has no file {name}")
    wanted = SAMPLE[name]
    some = list({key: text for text in texts(path) if (key := hashed(text)) in wanted}.items())
    assert len(some) == len(wanted)  # the data are those the decisions were made on
    batch = pa.record_batch({"text": pa.array([text for _, text in some], pa.large_string())})
    statistics = TextStatistics()(batch)
    ours = {
        "repetition": first(RuleSet("x", GOPHER_REPETITION), statistics),
        "quality": first(RuleSet("x", GOPHER_QUALITY), statistics),
        "fineweb": first(RuleSet("x", FINEWEB_QUALITY), statistics),
    }
    for column, require_end in (("c4", True), ("c4_open", False)):
        cleaned = C4Lines(require_end_punctuation=require_end)(batch)
        ours[column] = first(RuleSet("x", C4), cleaned)
        pairs = zip(some, cleaned["text"].to_pylist(), ours[column], strict=True)
        ours[f"{column}_text"] = [hashed(before if reason else after) for (_, before), after, reason in pairs]
    only_paragraphs = RuleSet("x", C4).changed(
        {"lorem_ipsum": None, "curly_bracket": None, "too_few_sentences": None, "too_few_long_paragraphs": 200}
    )
    ours["paragraphs"] = first(only_paragraphs, cleaned)
    differences = [
        (key, column, value, wanted[key][column])
        for column, values in ours.items()
        for (key, _), value in zip(some, values, strict=True)
        if value != wanted[key][column]
    ]
    known = [
        (key, column, "lorem_ipsum", "curly_bracket")
        for column in ("c4", "c4_open")
        for key, _ in some
        if f"{key} {column}" in BRACKET_FIRST
    ]
    assert sorted(differences) == sorted(known)


@pytest.mark.parametrize("name", SAMPLE)
def test_the_chain_of_fineweb_removes_what_datatroves_removes(name: str) -> None:
    path = next(DATA.rglob(name), None) if DATA.is_dir() else None
    if path is None:
        pytest.skip(f"../shared/data has no file {name}")
    wanted = SAMPLE[name]
    some = {key: text for text in texts(path) if (key := hashed(text)) in wanted}
    web = preset("fineweb").of("gopher_repetition", "gopher_quality", "c4", "fineweb")
    batch = pa.record_batch({"text": pa.array(list(some.values()), pa.large_string())})
    measured, errors = apply_operators(web.operators[1:], batch)  # the language is no matter here
    assert errors == ()
    families = {rule.reason: rule.family for rule in web.rules}
    names = {"gopher_repetition": "repetition", "gopher_quality": "quality", "c4": "c4_open", "fineweb": "fineweb"}
    for key, reasons in zip(some, web.decide(measured).to_pylist(), strict=True):
        ours = f"{names[families[reasons[0]]]}/{DATATROVE_REASONS[Reason(reasons[0])]}" if reasons else ""
        if f"{key} c4_open" not in BRACKET_FIRST or not ours.startswith("c4_open"):
            assert ours == wanted[key]["chain"], key


def test_the_sample_has_every_reason_but_that_of_empty_documents() -> None:
    found = {row[column] for rows in SAMPLE.values() for row in rows.values() for column in ("repetition", "quality")}
    found |= {row[column] for rows in SAMPLE.values() for row in rows.values() for column in ("fineweb", "c4_open")}
    missing = set(DATATROVE_REASONS.values()) - found - {"< 3 paragraphs"}
    assert missing == {"empty"}
