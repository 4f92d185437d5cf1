"""What docs/trainers.md says is so: its example trains, its placeholders are those of the code, its table is generated.

``python tests/unit/test_docs_trainers.py`` writes the table into it again.
"""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from headwater.config import ModelSettings, TrainerSettings, load_settings
from headwater.models.external import ALLOWED
from headwater.project import Project
from headwater.schema import Verdict

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "trainers.md"
EXAMPLE = ROOT / "examples" / "train_ngram.py"
Language = Callable[..., list[str]]


def settings_table() -> str:
    """Return the settings of proxy and student as a table."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for section, model in (("model", ModelSettings), ("trainer", TrainerSettings)):
        for name, field in model.model_fields.items():
            default = (
                "none"
                if field.default is None
                else f"{field.default:.4g}"
                if isinstance(field.default, float)
                else field.default
            )
            rows.append(f"| `{section}.{name}` | {default} | {str(field.description).replace('|', ' ')} |")
    return "\n".join(rows) + "\n"


def test_the_table_is_that_of_the_settings() -> None:
    assert PAGE.read_text("utf-8").endswith("## Settings\n\n" + settings_table())


def test_every_placeholder_is_described() -> None:
    described = set(re.findall(r"^\| (`\{.*?\}`) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    names = {name for cell in described for name in re.findall(r"\{(\w+)\}", cell)}
    assert names == {name for allowed in ALLOWED.values() for name in allowed}


def test_settings_in_the_page_are_settings(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        file = tmp_path / "headwater.toml"
        file.write_text(block)
        load_settings(file, {}, {})


def _example() -> dict[str, str]:
    block = next(b for b in re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL) if "[trainer]" in b)
    commands = tomllib.loads(block)["trainer"]
    # the interpreter of the tests, and the example where it is
    return {
        name: commands[name].replace("python examples/train_ngram.py", shlex.join([sys.executable, str(EXAMPLE)]))
        for name in ("train", "evaluate")
    }


@pytest.mark.parametrize("role", ["model", "trainer"])
def test_the_example_trains_as_proxy_and_as_student(role: str, tmp_path: Path, language: Language) -> None:
    human = [{"id": f"h{i}", "text": text} for i, text in enumerate(language(900, seed=1))]
    stream = [{"id": f"m{i}", "text": text, "recipe": "fresh"} for i, text in enumerate(language(150, seed=9))]
    for name, rows in (("human", human), ("stream", stream)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes: dict[str, object] = {f"{role}.{name}": command for name, command in _example().items()}
    changes |= {"model.kind": "command"} if role == "model" else {"trainer.epochs": 1.0, "trainer.machine_share": 0.25}
    changes |= {"human.paths": (str(tmp_path / "human.jsonl"),), "stream.paths": (str(tmp_path / "stream.jsonl"),)}
    changes |= {"stream.recipe": "recipe", "gate.rule": "plain", "split.train": 0.1, "split.sources": 0.0}
    found = Project(tmp_path).gate(load_settings(None, changes, {}), rejects=tmp_path / "rejects.jsonl")
    assert found.cards[0].verdict is Verdict.ADMITTED
    if role == "trainer":
        (record,) = found.students
        assert record.gain > 2 * record.standard_error
        assert not [said for said in found.warnings if "passes" in said or "share is at most" in said]
    else:
        assert found.gain is not None
        assert found.gain.gain_nats > 2 * found.gain.standard_error


def test_the_example_is_a_probability_model(tmp_path: Path) -> None:
    """The probabilities of all words after any beginning sum to 1, the unknown word among them."""
    data, model, panel = tmp_path / "data", tmp_path / "model", tmp_path / "panel"
    texts = ["a b c a", "b b a", "c"]
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    words = ["a", "b", "c", "</s>", "never"]
    # one document per word after "a": "</s>" stands in a text like any other word here
    rows = [{"id": word, "text": f"a {word}"} for word in words] + [{"id": "alone", "text": "a"}]
    panel.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for arguments in (["train", data, model], ["evaluate", model, panel]):
        said = subprocess.run([sys.executable, EXAMPLE, *arguments], check=True, capture_output=True, text=True).stdout
    found = {row["id"]: row for row in map(json.loads, said.splitlines())}
    assert {row["tokens"] for name, row in found.items() if name != "alone"} == {3}
    counts = json.loads(model.read_text())
    total, known = sum(counts["single"].values()), len(counts["single"]) + 1

    def after(before: str, word: str) -> float:
        seen = sum(count for pair, count in counts["pairs"].items() if pair.split()[0] == before)
        alone = (counts["single"].get(word, 0) + 1) / (total + known)
        return 0.6 * counts["pairs"].get(f"{before} {word}", 0) / seen + 0.4 * alone if seen else alone

    for before in ("a", "b", "never"):
        assert sum(after(before, word) for word in words) == pytest.approx(1)
    for word in words:
        expected = after("<s>", "a") * after("a", word) * after(word, "</s>")
        assert found[word]["nats"] == pytest.approx(-np.log(expected))


if __name__ == "__main__":
    before, _, _ = PAGE.read_text("utf-8").partition("## Settings\n")
    PAGE.write_text(f"{before}## Settings\n\n{settings_table()}", "utf-8")
