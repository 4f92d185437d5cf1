"""The experiments on plug-in n-gram models, on a small made-up text."""

from pathlib import Path

import numpy as np
import pytest

from headwater.errors import InputError
from headwater.lab import LabResult, experiment, run_experiment, settings_of


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14,000 words, drawn from 3,000 by Zipf's law."""
    law = 1 / np.arange(1, 3001)
    words = np.random.default_rng(30).choice(3000, 14_000, p=law / law.sum())
    path = tmp_path_factory.mktemp("human") / "words.txt"
    path.write_text(" ".join(f"w{word}" for word in words), "utf-8")
    return path


def _run(name: str, text: Path, **given: object) -> LabResult:
    one = experiment(name)
    settings = {"data": str(text), "seeds": 10, "generations": 4, **given}
    return run_experiment(one, settings_of(one, settings))


@pytest.mark.parametrize(("name", "order"), [("bigram", None), ("ngram", 3), ("ngram", 1)])
def test_words_are_lost_as_the_closed_form_says(name: str, order: int | None, text: Path) -> None:
    """10 seeds: standard errors are below 0.7%, so 3% and 4 standard errors fail by chance with probability 1e-4."""
    result = _run(name, text, regime="replace", **({} if order is None else {"order": order}))
    assert [check.name for check in result.checks if not check.ok] == []
    assert len(result.checks) == 5
    (arm,) = result.arms
    support = arm.series["support"]
    assert support.mean[0] == arm.expected["support"][0]
    assert support.mean[-1] < 0.6 * support.mean[0]
    alive = [arm.series[name].mean[-1] for name in ("alive_1", "alive_2_to_3", "alive_4_to_9", "alive_10_and_more")]
    assert alive == sorted(alive)
    assert arm.expected["alive_1"][1] == pytest.approx(1 - np.exp(-1))
    assert arm.series["known"].mean[0] == 1
    assert arm.series["known"].mean[-1] < 1
    assert {figure.kind for figure in result.figures} == {"lines", "histograms", "table"}
    assert result.figures[-1].kind == "table"
    assert all(len(row[2].split()) == 40 for row in result.figures[-1].rows)


def test_long_contexts_are_not_held_to_the_closed_form(text: Path) -> None:
    result = _run("ngram", text, regime="replace", order=4, seeds=2)
    assert len(result.checks) == 1
    assert "support" in result.arms[0].expected
    assert any("3 words of context" in note for note in result.notes)


def test_regimes_share_one_size_and_human_text_helps(text: Path) -> None:
    result = _run("bigram", text, seeds=4, tokens=20_000)
    arms = {arm.name: arm for arm in result.arms}
    assert list(arms) == ["replace", "accumulate", "fresh", "reserve"]
    # 14,000 words have to do for a training set and four tenths of one.
    assert {arm.items for arm in result.arms} == {int((14_000 - 4) / 1.4)}
    assert any("not enough text for training sets of 20,000" in note for note in result.notes)
    tail = {name: arm.series["tail"].mean[-1] for name, arm in arms.items()}
    assert tail["accumulate"] == 1
    assert tail["replace"] < tail["reserve"] < 1
    assert set(arms["fresh"].expected) == set()
    assert [check.name for check in result.checks if not check.ok] == []


def test_human_only_loses_nothing_and_subsample_less_than_replace(text: Path) -> None:
    kept = {
        regime: _run("bigram", text, seeds=4, tokens=5000, regime=regime).arms[0].series["support"].mean
        for regime in ("human-only", "subsample", "replace")
    }
    assert len(set(kept["human-only"])) == 1
    assert kept["human-only"][-1] > kept["subsample"][-1] > kept["replace"][-1]


def test_decoding_loses_what_chance_would_keep(text: Path) -> None:
    result = _run("bigram", text, regime="replace", seeds=2, temperature=0.7)
    (arm,) = result.arms
    assert arm.observed_f[-1] > 20 * arm.computed_f[-1]
    assert arm.expected == {}
    assert len(result.checks) == 1


def test_too_little_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("a b c " * 30, "utf-8")
    with pytest.raises(InputError, match="90 words, enough for training sets of 90; at least 100"):
        _run("bigram", path, regime="replace")
