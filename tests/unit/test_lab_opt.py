"""The recursive fine-tuning of a transformer: a very small run of everything the experiment does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("transformers", reason="needs the extra train")

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.lab import experiment, run_experiment, settings_of
from headwater.lab.experiments import opt

OPT = experiment("opt")
SMALL = {
    "block": 16, "blocks": 24, "base_blocks": 40, "base_epochs": 2, "generations": 2, "vocabulary": 300, "beams": 2,
    "epochs": 1, "epochs_kept": 2, "test_blocks": 8, "validation_blocks": 4, "device": "cpu", "share": 0.25,
    "ablation_penalty": 1.0, "ablation_sampling": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def novel(tmp_path_factory: pytest.TempPathFactory, prose: Callable[[int, int], str]) -> str:
    """Write 60 paragraphs into a file, and return its path."""
    path = tmp_path_factory.mktemp("text") / "novel.txt"
    path.write_text("\n\n".join(prose(60, seed) for seed in range(60)), "utf-8")
    return str(path)


def _settings(novel: str, **more: Any) -> opt.Settings:
    return settings_of(OPT, {**SMALL, "data": novel, **more})


def test_the_experiment_reports_what_was_asked_for(novel: str) -> None:
    settings = _settings(novel, ablation_penalty=2.0, ablation_sampling=True, blocks=16)
    result = run_experiment(OPT, settings)
    arms = {arm.name: arm for arm in result.arms}
    assert list(arms) == ["replace", "reserve", "replace, penalty 2", "replace, other decoding"]
    assert {len(arm.series["perplexity"].mean) for arm in result.arms} == {3}
    assert all(arm.series["tail"].mean[0] == 1 for arm in result.arms)  # the human set has all its own tokens
    assert arms["reserve"].series["support"].mean[-1] > arms["replace"].series["support"].mean[-1]
    kinds = [figure.kind for figure in result.figures]
    assert kinds.count("histograms") == 4
    table = next(figure for figure in result.figures if figure.kind == "table")
    assert [row[:2] for row in table.rows[:3]] == [("replace", "0"), ("replace", "1"), ("replace", "2")]
    assert all(row[3] and row[4] and row[3] != row[4] for row in table.rows)
    assert any("no published weights" in note for note in result.notes)
    assert any("kept = original, prompts = original" in note for note in result.notes)
    assert [check.name for check in result.checks] == [
        "nats per token lost without original data, last generation",
        "the same, less what is lost with 25% original data",
    ]


def test_an_interrupted_run_goes_on_to_the_same_result(novel: str, tmp_path: Path, interrupted_steps: Any) -> None:
    for options in ({}, {"start": "previous", "prompts": "previous", "seeds": 2}):
        settings = _settings(novel, regime="replace", blocks=12, **options)
        whole = run_experiment(OPT, settings)
        place = tmp_path / str(len(options))
        place.mkdir()
        last = f"replace-seed-{settings.seeds - 1}-output-1"
        with pytest.raises(KeyboardInterrupt):
            run_experiment(OPT, settings, steps=interrupted_steps(place, fails=last))
        rest = interrupted_steps(place)
        resumed = run_experiment(OPT, settings, steps=rest)
        assert rest.made == [last, last.replace("output-1", "model-2"), "replace"]
        assert resumed.arms[0].series == whole.arms[0].series
        assert resumed.figures == whole.figures


def test_kept_data_are_those_of_the_previous_set_where_that_is_asked_for(novel: str) -> None:
    settings = _settings(novel, regime="reserve", kept="previous", prompts="previous", share=0.5)
    ground = opt._prepare(settings, opt.Bench(0, lambda done, total, what: None))
    arm, chain = opt._arm("reserve", settings, ground, 24, opt.Bench(0, lambda done, total, what: None))
    human = arm.human.supply(1, np.random.default_rng(0))(24)
    model = chain.model(0, lambda: chain.fit(human, np.random.default_rng(0)))
    first = model.sample(24, np.random.default_rng(1))
    assert int((first.values[0] == human.values[0]).all(axis=1).sum()) == 12
    second = chain.model(1, lambda: chain.fit(first, np.random.default_rng(2))).sample(24, np.random.default_rng(3))
    assert int((second.values[0] == first.values[0]).all(axis=1).sum()) >= 12
    assert int((second.values[0] == human.values[0]).all(axis=1).sum()) < 12


def test_a_saved_model_takes_the_place_of_the_published_one(novel: str, tmp_path: Path) -> None:
    settings = _settings(novel)
    ground = opt._prepare(settings, opt.Bench(0, lambda done, total, what: None))
    assert ground.base is not None
    ground.base.save(tmp_path)
    ground.tokenizer.save(tmp_path)
    mine = _settings(novel, model=str(tmp_path), regime="replace", seeds=1, generations=1)
    assert (mine.learning_rate, mine.batch) == (2e-5, 128)  # as published
    result = run_experiment(OPT, mine)
    assert result.arms[0].generations == 1
    assert not any("no published weights" in note for note in result.notes)
    assert any(note.startswith("Base: perplexity") for note in result.notes)


def test_with_a_published_model_the_settings_are_the_published_ones() -> None:
    found = settings_of(OPT, {"model": "facebook/opt-125m", "beams": "3"})
    assert (found.data, found.seeds, found.blocks, found.learning_rate, found.beams) == ("wikitext2", 5, 0, 2e-5, 3)
    assert (found.epochs, found.epochs_kept, found.share, found.block, found.floor_rate) == (5, 10, 0.1, 64, 1e-6)


def test_a_hub_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="The data set 'Salesforce/wikitext' cannot be loaded"):
        run_experiment(OPT, settings_of(OPT, {"data": "wikitext2"}))


def test_documents_keep_to_the_split_they_name(tmp_path: Path, prose: Callable[[int, int], str]) -> None:
    import json

    parts = ["train"] * 30 + ["validation"] * 4 + ["test"] * 4 + ["elsewhere"] * 9
    rows = [{"text": prose(60, seed), "split": part} for seed, part in enumerate(parts)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    train, validation, test, _ = opt._texts(_settings(str(path), split="split"))
    assert [len(part) for part in (train, validation, test)] == [30, 4, 4]
    assert set(test) == {row["text"] for row in rows if row["split"] == "test"}


def test_settings_that_do_not_go_together(novel: str) -> None:
    with pytest.raises(ConfigError, match="stride = 17: at most block = 16"):
        _settings(novel, stride=17)
    with pytest.raises(ConfigError, match="block = 128: size tiny takes at most 64"):
        _settings(novel, block=128)
    with pytest.raises(ConfigError, match="kept = previous goes with prompts = previous"):
        _settings(novel, kept="previous")
    with pytest.raises(NotEnoughData, match="Give more text, or fewer base_blocks"):
        run_experiment(OPT, _settings(novel, base_blocks=100_000))
