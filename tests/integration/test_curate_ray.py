"""A curation on Ray writes the bytes of one on this machine alone, whoever does how much of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra cluster")

from headwater.curate import CurateResult, curate_files, curate_settings
from headwater.engine import EmbeddedEngine, Engine, open_engine

STOPS = "The house of the people that have to be with it. "
RULES = """
extends = "gopher"
[thresholds]
too_few_alphabetic_words = 0.5
[duplicates]
sentences = true
[personal_data]
action = "mask"
[custom.seventh]
sql = "text LIKE '%seventh%'"
[custom.even]
python = "{rule}:even"
[evaluation]
paths = ["exam.jsonl"]
[held]
paths = ["held.jsonl"]
"""

# Drops a few documents; while there is a file ``die`` beside it, the process that comes first removes it and dies.
RULE = """
import os, signal
from pathlib import Path

def even(batch):
    try:
        Path(__file__).with_name("die").unlink()
    except FileNotFoundError:
        return [n % 10 == 8 for n in batch["n"].to_pylist()]
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path, prose) -> Path:
    """Return a folder with a corpus in which every part of a curation has something to do."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    texts = [STOPS + prose(150, seed) for seed in range(30)]
    texts[7] += " And this is the seventh."
    texts[9] += " Write to jane.roe@example.org."
    shared = ". ".join(texts[11].split(". ")[2:8]) + "."
    texts[12] = f"{texts[12]} {shared}"
    lines = [json.dumps({"text": text, "source": f"s{i % 3}", "n": i}) for i, text in enumerate(texts)]
    lines += [
        json.dumps({"text": texts[1], "n": 30}),
        json.dumps({"text": texts[2].replace(texts[2].split()[30], "x"), "n": 31}),
    ]
    lines += ['{"text": ', json.dumps({"text": "Short.", "n": 33})]
    for name, part in (("a", lines[:15]), ("b", lines[15:])):
        (corpus / f"{name}.jsonl").write_text("\n".join(part) + "\n")
    (tmp_path / "exam.jsonl").write_text(json.dumps({"question": " ".join(texts[4].split()[20:40])}) + "\n")
    (tmp_path / "held.jsonl").write_text(json.dumps({"text": texts[5]}) + "\n")
    (tmp_path / "rule.py").write_text(RULE)
    (tmp_path / "rules.toml").write_text(RULES.replace("{rule}", str(tmp_path / "rule.py")))
    return tmp_path


def curate(place: Path, engine: Engine, name: str) -> CurateResult:
    settings = curate_settings(str(place / "rules.toml"))
    return curate_files([place / "corpus"], settings, place / name, engine, shard_bytes=4_000)


def files(out: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if name not in {"curation.json", ".work/locks/curation.lock"}
    }


def test_the_engines_write_the_same_bytes(place, capfd):
    results = {}
    for name, workers in (("embedded", 1), ("embedded", 2), ("ray", 2)):
        if workers > 1:
            (place / "die").touch()
        with open_engine(name, workers) as engine:
            results[name, workers] = curate(place, engine, f"{name}-{workers}")
    assert not (place / "die").exists()  # each of the two lost a worker in the middle of a part
    first = files(place / "embedded-1")
    assert len([name for name in first if name.startswith("kept/")]) > 4
    assert files(place / "embedded-2") == first
    assert files(place / "ray-2") == first
    own = {"out": "", "seconds": 0.0, "cpu_seconds": 0.0, "peak_rss_mb": 0.0, "engine": "", "workers": 0, "created": ""}
    alone, two, ray = (replace(result, **own) for result in results.values())
    assert alone == two == ray
    dropped = {rule.rule: rule.dropped for rule in alone.rules if rule.dropped}
    assert {"exact_duplicate", "near_duplicate", "held_duplicate", "evaluation_overlap"} <= set(dropped)
    assert {"custom:seventh", "custom:even", "too_few_words"} <= set(dropped)
    assert (alone.documents.read, alone.documents.bad) == (34, 1)
    assert results["ray", 2].engine == "ray"
    assert results["ray", 2].peak_rss_mb > results["embedded", 1].peak_rss_mb > 0
    assert results["ray", 2].cpu_seconds > 0
    assert capfd.readouterr().out == ""  # Ray says much, but not where results are


def test_a_curation_begun_on_one_engine_is_finished_on_another(place):
    def stop(done: int, total: int, what: str) -> None:
        if what.startswith("deciding, 2 of"):
            raise KeyboardInterrupt

    settings = curate_settings(str(place / "rules.toml"))
    with EmbeddedEngine(1) as engine, pytest.raises(KeyboardInterrupt):
        curate_files([place / "corpus"], settings, place / "begun", engine, stop, shard_bytes=4_000)
    with EmbeddedEngine(1) as engine:
        curate(place, engine, "whole")
    with EmbeddedEngine(2) as engine:
        curate(place, engine, "begun")
    assert files(place / "begun") == files(place / "whole")
