"""Two logs of a benchmark and the decision between them. All draws are fixed by seeds."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headwater.decide import Rule, Transcript, log_e_value
from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.loop.benchmark_logs import LogSettings, decide_logs


def _log(path: Path, scores: Any, metric: str = "acc", groups: int = 10_000) -> Path:
    rows = [
        {"doc_id": i, "doc": {"subject": str(i % groups)}, "filter": "none", "metrics": [metric], "doc_hash": f"h{i}",
         metric: score}
        for i, score in enumerate(scores)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _scores(share: float, n: int = 400, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < share).astype(float)


def test_a_better_model_is_shown_to_be_better_by_the_gates_own_numbers(tmp_path: Path) -> None:
    before, after = _scores(0.4), np.maximum(_scores(0.4), _scores(0.25, seed=1))
    logs = _log(tmp_path / "a.jsonl", before), _log(tmp_path / "b.jsonl", after)
    found = decide_logs(*logs, tmp_path / "store")
    assert found.admitted
    # nothing is clipped: differences of a share lie between -1 and 1
    assert found.log_e == pytest.approx(log_e_value(after - before))
    assert found.threshold == pytest.approx(Transcript().threshold(Rule.STRICT, 0.05))
    assert found.mean == pytest.approx(float((after - before).mean()))
    assert (found.units, found.samples, found.decision) == (400, 400, 1)


def test_the_next_decision_on_a_benchmark_needs_more_and_the_same_logs_are_the_same_decision(tmp_path: Path) -> None:
    base = _log(tmp_path / "a.jsonl", _scores(0.4))
    better = _log(tmp_path / "b.jsonl", np.maximum(_scores(0.4), _scores(0.25, seed=1)))
    store = tmp_path / "store"
    first = decide_logs(base, better, store)
    again = decide_logs(base, better, store)
    assert again.repeated
    assert (again.decision, again.log_e) == (1, first.log_e)
    equal = decide_logs(base, _log(tmp_path / "c.jsonl", _scores(0.4, seed=5)), store)
    assert (equal.verdict, equal.decision, equal.admissions_before) == ("quarantined", 2, 1)
    assert equal.threshold == pytest.approx(Transcript(1, 1).threshold(Rule.STRICT, 0.05))
    # another benchmark has its own budget
    other = _log(tmp_path / "d.jsonl", _scores(0.4, 300)), _log(tmp_path / "e.jsonl", _scores(0.4, 300, 7))
    assert decide_logs(*other, store).decision == 1


def test_groups_are_the_units(tmp_path: Path) -> None:
    before, after = _scores(0.4), _scores(0.6, seed=1)
    logs = _log(tmp_path / "a.jsonl", before, groups=8), _log(tmp_path / "b.jsonl", after, groups=8)
    found = decide_logs(*logs, tmp_path / "store", LogSettings(group="subject"))
    assert found.units == 8
    assert not found.admitted  # 400 samples of 8 subjects are 8 observations
    assert found.needed_units is not None
    assert found.needed_units > 8


def test_losses_need_a_clip_bound_and_lower_is_better(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    likelihood = -3 * rng.gamma(4, size=300)
    before = [[float(x), 10] for x in likelihood]
    after = [[float(x) + 0.5, 10] for x in likelihood + rng.normal(0, 1, 300)]
    logs = [_log(tmp_path / f"{name}.jsonl", x, "word_perplexity") for name, x in (("a", before), ("b", after))]
    with pytest.raises(ConfigError, match="--null A --null B"):
        decide_logs(logs[0], logs[1], tmp_path / "store")
    nulls = [
        _log(
            tmp_path / f"null{i}.jsonl", [[float(x), 10] for x in likelihood + rng.normal(0, 1, 300)], "word_perplexity"
        )
        for i in (0, 1)
    ]
    found = decide_logs(logs[0], logs[1], tmp_path / "store", null=(nulls[0], nulls[1]))
    assert found.clip == pytest.approx(3 * 0.1 * 2**0.5, rel=0.15)  # two independent noises of 1 nat over 10 words
    assert found.mean > 0
    assert found.admitted
    backwards = decide_logs(logs[1], logs[0], tmp_path / "store", LogSettings(clip=found.clip))
    assert backwards.mean == pytest.approx(-found.mean)
    assert not backwards.admitted


def test_a_metric_can_be_said_to_be_a_loss(tmp_path: Path) -> None:
    logs = _log(tmp_path / "a.jsonl", _scores(0.6), "brier"), _log(tmp_path / "b.jsonl", _scores(0.4, seed=1), "brier")
    assert decide_logs(*logs, tmp_path / "s1").mean < 0
    assert decide_logs(*logs, tmp_path / "s2", LogSettings(lower_is_better=True)).mean > 0


def test_a_sample_without_a_score_counts_as_not_passed(tmp_path: Path) -> None:
    before = [1.0, 0.0] * 20
    after: list[float | None] = [None, *before[1:]]
    logs = _log(tmp_path / "a.jsonl", before), _log(tmp_path / "b.jsonl", after)
    found = decide_logs(*logs, tmp_path / "store")
    assert (found.failed_without, found.failed_with) == (0, 1)
    assert found.mean == pytest.approx(-1 / 40)
    large = _log(tmp_path / "c.jsonl", [7.0, *before[1:]]), _log(tmp_path / "d.jsonl", [None, 7.0, *before[2:]])
    with pytest.raises(InputError, match=r"1 samples of .*d.jsonl have no score of acc: h0"):
        decide_logs(*large, tmp_path / "store", LogSettings(clip=1.0))


def test_logs_have_to_be_of_the_same_samples(tmp_path: Path) -> None:
    a, b = _log(tmp_path / "a.jsonl", _scores(0.4, 30)), _log(tmp_path / "b.jsonl", _scores(0.4, 28))
    with pytest.raises(InputError, match=r"2 of 30 samples of .*a.jsonl are not in .*b.jsonl: h28, h29"):
        decide_logs(a, b, tmp_path / "store")
    with pytest.raises(InputError, match=r"acc of lm-evaluation-harness.*f1 of lm-eval"):
        decide_logs(a, _log(tmp_path / "c.jsonl", _scores(0.4, 30), "f1"), tmp_path / "store")
    one = _log(tmp_path / "d.jsonl", _scores(0.4, 5), groups=1)
    with pytest.raises(NotEnoughData, match="1 group of samples"):
        decide_logs(one, one, tmp_path / "store", LogSettings(group="subject"))
    assert not (tmp_path / "store" / "benchmarks").exists()  # what could not be decided is no decision


def test_useless_models_are_rarely_called_better(tmp_path: Path) -> None:
    """60 models no better than the base, one after another: P(any admitted) <= 0.05 if all is well, and the bound is
    loose, so that one admission would point to a bug (probability below 0.01; the draws are fixed)."""
    base = _log(tmp_path / "a.jsonl", _scores(0.5, 200))
    verdicts = [
        decide_logs(base, _log(tmp_path / "b.jsonl", _scores(0.5, 200, seed)), tmp_path / "store").verdict
        for seed in range(1, 61)
    ]
    assert set(verdicts) == {"quarantined"}


def test_the_command_line(tmp_path: Path, cli: Any) -> None:
    before, after = _scores(0.4), np.maximum(_scores(0.4), _scores(0.25, seed=1))
    a, b = _log(tmp_path / "a.jsonl", before), _log(tmp_path / "b.jsonl", after)
    code, out, err = cli("decide", a, b, "--project", tmp_path, "--check")
    assert code == 0
    assert out.startswith("ADMITTED")
    assert "decision 1 on this benchmark" in out
    assert "--group" in err
    code, out, _ = cli("decide", b, a, "--project", tmp_path, "--check", "--json")
    assert code == 1
    assert json.loads(out)["decision"]["verdict"] == "quarantined"
    code, _, err = cli("decide", a, b, "--project", tmp_path, "--rule", "loose", "--null", a, "--delta", "2")
    assert code == 2
    assert "3 faults" in err


def test_logs_of_inspect_are_compared_alike(tmp_path: Path) -> None:
    for name, share in (("a", 0.3), ("b", 0.7)):
        with zipfile.ZipFile(tmp_path / f"{name}.eval", "w") as archive:
            for i, score in enumerate(_scores(share, 100)):
                one = {"id": i, "epoch": 1, "scores": {"match": {"value": "C" if score else "I"}}}
                archive.writestr(f"samples/{i}_epoch_1.json", json.dumps(one))
    found = decide_logs(tmp_path / "a.eval", tmp_path / "b.eval", tmp_path / "store")
    assert found.admitted
    assert found.with_mean == pytest.approx(_scores(0.7, 100).mean())
