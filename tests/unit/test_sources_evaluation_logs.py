"""Logs of evaluation harnesses: files made here in the form the harnesses write."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import InputError
from headwater.sources.evaluation_logs import read_evaluation_log


def lm_eval_row(number: int, *, variant: str = "none", **metrics: Any) -> dict[str, Any]:
    """Return a sample as lm-evaluation-harness logs it."""
    return {
        "doc_id": number,
        "doc": {"question": f"question {number}", "subject": f"subject {number % 3}", "meta": {"source": "s"}},
        "target": "A",
        "arguments": [["prompt", " A"]],
        "resps": [[["-1.0", "True"]]],
        "filtered_resps": [["-1.0", "True"]],
        "filter": variant,
        "metrics": list(metrics),
        "doc_hash": f"hash-{number}",
        "prompt_hash": "p",
        "target_hash": "t",
        **metrics,
    }


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def sample(key: Any, value: Any, *, epoch: int = 1, scorer: str = "match", **more: Any) -> dict[str, Any]:
    """Return a sample as Inspect logs it."""
    scores = None if value is None else {scorer: {"value": value, "answer": "x", "explanation": "y"}}
    return {"id": key, "epoch": epoch, "input": "q", "target": "t", "messages": [], "scores": scores,
            "metadata": {"topic": f"topic {key}"}, **more}  # fmt: skip


def write_eval(path: Path, samples: list[dict[str, Any]], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("header.json", json.dumps({"version": 2, "status": "success"}))
        archive.writestr("_journal/start.json", "{}")
        for one in samples:
            archive.writestr(f"samples/{one['id']}_epoch_{one['epoch']}.json", json.dumps(one))
        archive.writestr("summaries.json", "[]")
    return path


def test_lm_eval_scores_by_document(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "samples_arc.jsonl", [lm_eval_row(i, acc=float(i % 2), acc_norm=1.0) for i in range(4)]
    )
    log = read_evaluation_log(path, metric="acc", group="subject")
    assert log.harness == "lm-evaluation-harness"
    assert log.scores == {"hash-0": 0, "hash-1": 1, "hash-2": 0, "hash-3": 1}
    assert log.groups["hash-2"] == "subject 2"
    assert read_evaluation_log(path, metric="acc", group="meta.source").groups["hash-2"] == "s"
    assert not log.losses


def test_perplexities_are_losses_per_unit(tmp_path: Path) -> None:
    rows = [lm_eval_row(i, word_perplexity=[-20.0 - i, 10]) for i in range(3)]
    log = read_evaluation_log(write_lines(tmp_path / "samples_wikitext.jsonl", rows))
    assert log.losses
    assert list(log.scores.values()) == pytest.approx([2.0, 2.1, 2.2])


def test_truth_values_missing_scores_and_old_logs(tmp_path: Path) -> None:
    rows = [lm_eval_row(0, exact=True), lm_eval_row(1, exact=False), lm_eval_row(2, exact=None)]
    scores = read_evaluation_log(write_lines(tmp_path / "a.jsonl", rows)).scores
    assert list(scores.values())[:2] == [1, 0]
    assert scores["hash-2"] != scores["hash-2"]
    old = [
        {key: value for key, value in lm_eval_row(i, acc=1.0).items() if key not in {"metrics", "doc_hash"}}
        for i in (0, 1)
    ]
    assert read_evaluation_log(write_lines(tmp_path / "b.jsonl", old)).scores == {"0": 1.0, "1": 1.0}


def test_the_same_content_twice_is_two_samples(tmp_path: Path) -> None:
    rows = [{**lm_eval_row(i, acc=1.0), "doc_hash": "same"} for i in range(2)]
    assert set(read_evaluation_log(write_lines(tmp_path / "a.jsonl", rows)).scores) == {"same", "same#1"}


@pytest.mark.parametrize("form", ["eval", "stored", "json", "pretty"])
def test_inspect_scores_by_sample(tmp_path: Path, form: str) -> None:
    samples = [
        sample("a", "C"),
        sample(2, "I"),
        sample("c", "P"),
        sample("d", 0.25),
        sample("e", True),
        sample("f", "0.5"),
    ]
    if form in {"eval", "stored"}:
        kind = zipfile.ZIP_DEFLATED if form == "eval" else zipfile.ZIP_STORED
        path = write_eval(tmp_path / "log.eval", samples, kind)
    else:
        path = tmp_path / "log.json"
        log = {"version": 2, "status": "success", "samples": samples}
        path.write_text(json.dumps(log, indent=2 if form == "pretty" else None))
    found = read_evaluation_log(path, group="topic")
    assert found.harness == "Inspect"
    assert found.metric == "match"
    assert found.scores == {"a": 1, "2": 0, "c": 0.5, "d": 0.25, "e": 1, "f": 0.5}
    assert found.groups["2"] == "topic 2"


def test_epochs_are_averaged_and_a_failed_one_counts(tmp_path: Path) -> None:
    samples = [
        sample("a", "C"), sample("a", "I", epoch=2),
        sample("b", "C"), sample("b", "C", epoch=2, error={"message": "timeout"}),
        sample("c", None),
    ]  # fmt: skip
    scores = read_evaluation_log(write_eval(tmp_path / "log.eval", samples), metric="match").scores
    assert scores["a"] == 0.5
    assert str(scores["b"]) == str(scores["c"]) == "nan"


def test_a_value_with_several_keys_is_several_metrics(tmp_path: Path) -> None:
    path = write_eval(tmp_path / "log.eval", [sample("a", {"fluent": 1, "true": 0})])
    assert read_evaluation_log(path, metric="match/true").scores == {"a": 0}
    with pytest.raises(InputError, match="several metrics: match/fluent, match/true"):
        read_evaluation_log(path)


def _refused(path: Path, message: str, **options: Any) -> None:
    with pytest.raises(InputError, match=message):
        read_evaluation_log(path, **options)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    good = write_lines(tmp_path / "good.jsonl", [lm_eval_row(i, acc=1.0) for i in range(2)])
    _refused(tmp_path / "none.jsonl", "There is no log")
    _refused(good, r"no metric 'acx'.*Did you mean 'acc'", metric="acx")
    _refused(good, "has no 'subjet' to group by", group="subjet")
    _refused(good, r"no filter 'strict'. It has none", variant="strict")
    two = [lm_eval_row(0, variant=name, acc=1.0) for name in ("strict-match", "flexible")]
    several = write_lines(tmp_path / "two.jsonl", two)
    _refused(several, "several filters: strict-match, flexible")
    assert read_evaluation_log(several, variant="flexible").scores == {"hash-0": 1.0}
    _refused(write_lines(tmp_path / "twice.jsonl", [lm_eval_row(0, acc=1.0)] * 3), "two scores for document 0")
    _refused(write_lines(tmp_path / "other.jsonl", [{"text": "x"}]), "no log of samples: its first line has text")
    cut = tmp_path / "cut.jsonl"
    cut.write_text(good.read_text()[:-30])
    _refused(cut, "line 2: no JSON.*cut short")
    binary = tmp_path / "x.jsonl"
    binary.write_bytes(b"\x00\x01\x02\x03")
    _refused(binary, "is no log of an evaluation")
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    _refused(empty, "is no log of an evaluation")
    unfinished = tmp_path / "started.json"
    unfinished.write_text(json.dumps({"status": "started", "samples": []}))
    _refused(unfinished, "no samples: its status is 'started'")


def test_archives_are_read_with_care(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = tmp_path / "nothing.eval"
    with zipfile.ZipFile(nothing, "w") as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("samples/../../escape.json", json.dumps(sample("x", "C")))
        archive.writestr("samples/deep/er.json", json.dumps(sample("x", "C")))
    _refused(nothing, "without samples/")
    good = write_eval(tmp_path / "good.eval", [sample("a", "C"), sample("b", "I")])
    # a byte of the compressed data is another: the checksum shows it
    damaged = bytearray(good.read_bytes())
    at = bytes(damaged).index(b"samples/a_epoch_1.json") + 60
    damaged[at] ^= 0xFF
    (tmp_path / "damaged.eval").write_bytes(damaged)
    _refused(tmp_path / "damaged.eval", "cannot be unpacked|damaged|no JSON")
    # a compression this Python does not know
    strange = bytearray(good.read_bytes())
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        place = -1
        while (place := bytes(strange).find(start, place + 1)) >= 0:
            offset = place + (8 if start == b"PK\x03\x04" else 10)
            strange[offset : offset + 2] = (99).to_bytes(2, "little")
    (tmp_path / "strange.eval").write_bytes(strange)
    _refused(tmp_path / "strange.eval", "cannot be unpacked.*inspect log convert")
    bomb = tmp_path / "bomb.eval"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/a_epoch_1.json", b" " * (3 << 20))
    assert bomb.stat().st_size < 10_000
    monkeypatch.setattr("headwater.sources.evaluation_logs._MOST_MEMBER_BYTES", 2 << 20)
    _refused(bomb, r"unpacks to 3,145,728 bytes")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bomb.eval", "damaged.eval", "good.eval", "nothing.eval", "strange.eval",
    ]  # fmt: skip
