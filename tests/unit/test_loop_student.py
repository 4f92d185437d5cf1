"""Proxies by settings, the user's trainer as proxy and as student, and what a student that disagrees does."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.config import Settings, load_settings
from headwater.errors import ConfigError, InputError
from headwater.loop.learners import check_commands, proxy_of, student_of
from headwater.loop.regimen import regimen_warnings, regimens, updates_of
from headwater.models import CommandLearner, NeuralLearner, NgramLearner
from headwater.models.text_transformer import TextTransformer
from headwater.project import Project
from headwater.schema import Reason, Verdict
from headwater.text import Vocabulary

Language = Callable[..., list[str]]

# A trainer of a few lines: word counts with add-one smoothing. Contrary, it scores worse the more it was given.
TRAINER = """
import collections, json, math, pathlib, sys
what, *paths = sys.argv[1:]
if what == "train":
    rows = [json.loads(line) for line in open(paths[0], encoding="utf-8")]
    counts = collections.Counter(word for row in rows for word in row["text"].lower().split())
    json.dump({"counts": counts, "machine": sum(row["recipe"] is not None for row in rows)}, open(paths[1], "w"))
else:
    model = json.load(open(paths[0]))
    counts, total = model["counts"], sum(model["counts"].values())
    extra = 0.5 * min(model["machine"], 1) if what == "contrary" else 0.0
    for line in open(paths[1], encoding="utf-8"):
        row = json.loads(line)
        words = row["text"].lower().split()
        nats = -sum(math.log((counts.get(word, 0) + 1) / (total + 5000)) for word in words)
        print(json.dumps({"id": row["id"], "nats": nats + extra * len(words), "tokens": max(len(words), 1)}))
"""


@pytest.fixture
def files(tmp_path: Path, language: Language) -> Path:
    """Human documents, a stream with a useful recipe, and a trainer."""
    (tmp_path / "trainer.py").write_text(TRAINER)
    texts = language(900, seed=1)
    human = [{"id": f"h{i}", "text": text, "origin": "human"} for i, text in enumerate(texts)]
    (tmp_path / "human.jsonl").write_text("".join(json.dumps(row) + "\n" for row in human))
    stream = [{"id": f"m{i}", "text": text, "recipe": "fresh"} for i, text in enumerate(language(150, seed=9))]
    (tmp_path / "stream.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stream))
    return tmp_path


def _command(files: Path, what: str) -> str:
    return f"'{sys.executable}' '{files}/trainer.py' {what} " + (
        "{data} {model}" if what == "train" else "{model} {panel}"
    )


def _settings(files: Path, **changes: object) -> Settings:
    changes = {
        "human.paths": (str(files / "human.jsonl"),),
        "stream.paths": (str(files / "stream.jsonl"),),
        "stream.recipe": "recipe",
        "gate.rule": "plain",
        "split.train": 0.1,
        "split.sources": 0.0,
        **changes,
    }
    return load_settings(None, changes, {})


def _gate(files: Path, settings: Settings, **more: Any) -> Any:
    return Project(files).gate(settings, rejects=files / "rejects.jsonl", **more)


def test_the_users_trainer_is_a_proxy(files: Path) -> None:
    settings = _settings(
        files,
        **{
            "model.kind": "command",
            "model.train": _command(files, "train"),
            "model.evaluate": _command(files, "evaluate"),
        },
    )
    found = _gate(files, settings)
    (card,) = found.cards
    assert card.verdict is Verdict.ADMITTED
    assert found.gain is not None
    assert found.gain.gain_nats > 0
    assert found.regimens[0].model.startswith("command: ")
    kept = files / ".headwater" / "trainer"
    fits = sorted(path.name for path in kept.iterdir())
    assert len(fits) == 4  # the null pair, without, with
    assert all((kept / name / "done.json").exists() for name in fits)
    # judged once more, nothing is trained again
    times = {name: (kept / name / "done.json").stat().st_mtime_ns for name in fits}
    assert _gate(files, settings).cards == found.cards
    assert {name: (kept / name / "done.json").stat().st_mtime_ns for name in fits} == times


def test_a_student_that_agrees_changes_nothing(files: Path) -> None:
    changes = {"trainer.train": _command(files, "train"), "trainer.evaluate": _command(files, "evaluate")}
    found = _gate(files, _settings(files, **changes))
    (record,) = found.students
    assert record.recipes == ("fresh",)
    assert record.gain > 0
    assert record.proxy_gain == pytest.approx(found.gain.gain_nats)
    assert not record.worse
    assert record.demoted == ()
    assert found.cards[0].verdict is Verdict.ADMITTED
    assert [one.who for one in found.regimens] == ["proxy", "student"]
    assert any("How often the student reads its text is not known" in said for said in found.warnings)


def test_a_student_that_gets_worse_demotes_the_recipe(files: Path) -> None:
    changes = {"trainer.train": _command(files, "train"), "trainer.evaluate": _command(files, "contrary")}
    out, report = files / "kept.jsonl", files / "report.html"
    found = _gate(files, _settings(files, **changes), out=out, report=report)
    (record,) = found.students
    assert record.disagrees
    assert record.upper < 0 < record.proxy_gain
    assert record.demoted == ("fresh",)
    card = found.cards[0]
    assert (card.verdict, card.reason) == (Verdict.QUARANTINED, Reason.DEMOTED)
    assert card.measured == pytest.approx(record.gain)
    assert out.read_text() == ""
    verdicts = pq.read_table(f"{out}.verdicts.parquet").to_pylist()
    assert {row["verdict"] for row in verdicts if row["id"].startswith("m")} <= {"quarantined", "rejected"}
    assert [(row["verdict"], row["reason"]) for row in verdicts if row["id"] == "recipe:fresh"] == [
        ("quarantined", "demoted")
    ]
    said = " ".join(found.warnings)
    assert "Proxy and final panel disagree in generation 1 (gate)" in said
    assert "Replace it with new human documents before the next claim" in said
    page = report.read_text()
    assert "How proxy and student are trained" in page
    assert "put back into quarantine" in page


def test_the_loop_trains_the_student_once_a_generation(files: Path) -> None:
    changes = {
        "trainer.train": _command(files, "train"),
        "trainer.evaluate": _command(files, "contrary"),
        "trainer.machine_share": 0.3,
        "loop.arms": ("human-only", "gated-stream"),
        "loop.generations": 2,
        "gate.least_tokens": 500,
    }
    project = Project(files)
    result = project.run(_settings(files, **changes), run_id="one")
    asked = [one for one in result.students if one.recipes]
    assert asked
    assert asked[0].demoted == ("fresh",)
    after = [one for one in result.rounds if one.recipe == "fresh" and one.generation >= asked[0].generation]
    assert {one.verdict for one in after} == {"quarantined"}
    last = result.of_arm("gated-stream")[-1]
    assert last.machine_share == 0
    ledger = pq.read_table(files / ".headwater" / "runs" / "one" / "verdicts.parquet").to_pylist()
    said = [
        (row["verdict"], row["reason"])
        for row in ledger
        if row["id"] == "recipe:fresh" and row["arm"] == "gated-stream"
    ]
    assert said[-1] == ("quarantined", "demoted")
    assert project.result("one") == result
    assert "How proxy and student are trained" in project.report("one").read_text()


def test_a_trainer_that_fails_stops_the_gate_with_its_own_words(files: Path) -> None:
    changes = {
        "model.kind": "command",
        "model.train": _command(files, "train"),
        "model.evaluate": f"'{sys.executable}' -c 'raise SystemExit(\"no GPU left\")' {{model}} {{panel}}",
    }
    with pytest.raises(InputError, match=r"(?s)evaluate command ended with exit code 1.*no GPU left"):
        _gate(files, _settings(files, **changes))


def test_commands_are_checked_before_anything_is_read(files: Path) -> None:
    changes = {"trainer.train": "run {data}", "trainer.evaluate": "score {panel} {modle}"}
    with pytest.raises(ConfigError, match=r"(?s)3 faults.*trainer.train.*\{model\} is missing.*trainer.evaluate"):
        _gate(files, _settings(files, **changes))
    assert not (files / ".headwater").exists()
    with pytest.raises(ConfigError, match="belong together"):
        _settings(files, **{"trainer.train": "run {data} {model}"})
    with pytest.raises(ConfigError, match='kind = "command" needs the commands'):
        _settings(files, **{"model.kind": "command"})
    with pytest.raises(ConfigError, match='train and evaluate are run by kind = "command"'):
        _settings(files, **{"model.train": "run {data} {model}"})
    check_commands(_settings(files))


def test_the_neural_proxy_judges_a_stream(files: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    small = {"model.kind": "neural", "model.updates": 500, "model.width": 32, "model.batch": 8, "model.words": 300}
    found = _gate(files, _settings(files, **small))
    (card,) = found.cards
    assert card.verdict is Verdict.ADMITTED
    assert card.gain > 0
    assert found.regimens[0].seeds == 2
    assert "torch" in found.versions


# What follows from settings, without training anything.

WORDS = Vocabulary(("<unk>", "</s>", *(f"w{i}" for i in range(10))))


def _proxy(settings: Settings) -> Any:
    return proxy_of(settings, WORDS, pa.table({"text": ["w1 w2"]}), 1000, Path("work"))


def test_the_proxy_follows_the_students_budget_share_and_epochs() -> None:
    plain = load_settings(None, {"model.kind": "neural"}, {})
    assert _proxy(plain).settings.updates == 1300
    following = {"model.kind": "neural", "trainer.epochs": 8.0, "trainer.machine_share": 0.2, "model.batch": 4}
    settings = load_settings(None, following, {})
    proxy = _proxy(settings)
    assert isinstance(proxy, NeuralLearner)
    assert proxy.settings.updates == round(8 * 1000 / (4 * 64))
    assert proxy.settings.machine_share == 0.2
    with_tokens = load_settings(None, {**following, "trainer.tokens": 5000}, {})
    assert updates_of(with_tokens, 1000) == round(8 * 5000 / (4 * 64))
    assert isinstance(_proxy(load_settings(None, {}, {})), NgramLearner)


def test_a_transformer_by_settings(tmp_path: Path, language: Language) -> None:
    pytest.importorskip("transformers", reason="needs the extra train")
    settings = load_settings(None, {"model.kind": "transformer", "model.updates": 7, "model.seeds": 3}, {})
    human = pa.table({"text": language(40)})
    proxy = proxy_of(settings, WORDS, human, 1000, tmp_path)
    assert isinstance(proxy, TextTransformer)
    assert (proxy.settings.updates, proxy.seeds, proxy.settings.lora_rank) == (7, 3, 0)
    adapters = load_settings(None, {"model.kind": "transformer", "model.lora_rank": 4}, {})
    with pytest.raises(ConfigError, match="lora_rank = 4: adapters are trained beside"):
        proxy_of(adapters, WORDS, human, 1000, tmp_path)


def test_json_has_both_regimes_and_the_student(files: Path, cli: Any) -> None:
    (files / "headwater.toml").write_text(
        f"[trainer]\ntrain = {json.dumps(_command(files, 'train'))}\nevaluate = "
        f"{json.dumps(_command(files, 'contrary'))}\nepochs = 12\n[split]\ntrain = 0.1\nsources = 0\n"
    )
    code, out, err = cli(
        "gate", files / "stream.jsonl", "--human", files / "human.jsonl", "--recipe", "recipe", "-C", files, "--json",
        "--rejects", files / "rejects.jsonl",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert [one["who"] for one in found["regimens"]] == ["proxy", "student"]
    assert found["regimens"][1]["epochs"] == 12
    assert found["students"][0]["demoted"] == ["fresh"]
    assert found["students"][0]["disagrees"] is True
    assert found["recipes"][0]["reason"] == "demoted"
    assert any("the student 12 times" in said for said in found["warnings"])


def test_placeholders_carry_the_regime() -> None:
    settings = load_settings(
        None,
        {
            "trainer.train": "run {data} {model} --epochs {epochs} --share {machine_share} --tokens {tokens} {seed}",
            "trainer.evaluate": "score {model} {panel}",
            "trainer.epochs": 2.5,
            "trainer.tokens": 1_000_000,
            "trainer.timeout_seconds": 5,
        },
        {},
    )
    student = student_of(settings, Path("work"))
    assert isinstance(student, CommandLearner)
    assert dict(student.regime) == {"epochs": "2.5", "tokens": "1000000", "machine_share": "0.333333"}
    assert (student.seeds, student.timeout_seconds) == (2, 5)
    assert student_of(load_settings(None, {}, {}), Path("work")) is None


def test_regimes_stand_side_by_side_and_differences_are_said() -> None:
    alone = regimens(load_settings(None, {}, {}), 1000)
    assert [one.who for one in alone] == ["proxy"]
    assert regimen_warnings(alone) == []
    same = {"trainer.epochs": 1.0, "trainer.machine_share": 0.25}
    both = regimens(load_settings(None, same, {}), 1000)
    assert [(one.epochs, one.machine_share) for one in both] == [(1.0, 0.25), (1.0, 0.25)]
    assert regimen_warnings(both) == []
    more = regimens(load_settings(None, {**same, "trainer.epochs": 20.0}, {}), 1000)
    assert "reads the human text 1 times, the student 20 times" in regimen_warnings(more)[0]
    assert more[1].tokens == 20_000
    neural = regimens(load_settings(None, {**same, "trainer.epochs": 20.0, "model.kind": "neural"}, {}), 100_000)
    assert neural[0].tokens == pytest.approx(2_000_000, rel=0.01)
    assert regimen_warnings(neural) == []


def test_the_seed_of_an_ngram_gate_is_as_before(files: Path) -> None:
    """The default proxy counts once, whatever the number of seeds for noisy ones."""
    found = [_gate(files, _settings(files, **{"model.seeds": seeds})).cards for seeds in (1, 5)]
    assert found[0] == found[1]
    assert np.isfinite(found[0][0].log_e)
