"""Verifiers in the gate: from a file of tables to the reason on each card."""

import json
from pathlib import Path

import numpy as np
import pytest

from headwater.cli.main import main


def prose(rng: np.random.Generator, words: int) -> str:
    names = ["river", "stone", "light", "house", "garden", "winter", "letter", "music", "market", "window"]
    return " ".join(rng.choice(names, words)).capitalize() + "."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    human = [{"id": f"h{i}", "text": prose(rng, 40)} for i in range(400)]
    (tmp_path / "human.jsonl").write_text("".join(json.dumps(row) + "\n" for row in human))
    stream = [
        {"id": f"m{i}", "recipe": "sums", "text": prose(rng, 30) + f" Therefore 1 + {i % 2} = 1, as we said."}
        for i in range(40)
    ]
    (tmp_path / "stream.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stream))
    return tmp_path


def gate(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *more: str
) -> tuple[int, str, str]:
    monkeypatch.chdir(folder)
    arguments = ["gate", "stream.jsonl", "--human", "human.jsonl", "--recipe", "recipe", "--json", "-q", *more]
    monkeypatch.setattr("sys.argv", ["headwater", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def test_a_file_of_verifiers_is_applied_and_told(folder, capsys, monkeypatch) -> None:
    (folder / "checks").mkdir()
    (folder / "checks" / "v.toml").write_text('[[verify]]\nkind = "arithmetic"\n')
    code, out, err = gate(folder, capsys, monkeypatch, "--verify", "checks/v.toml")
    assert code == 0, err
    (card,) = json.loads(out)["recipes"]
    assert card["failed"] == {"wrong_arithmetic": 20}
    assert card["passed"] == 20


def test_verifiers_of_the_project_file_start_in_its_folder(folder, capsys, monkeypatch) -> None:
    (folder / "own.py").write_text("def even(document):\n    return '1 + 0' in document['text']\n")
    (folder / "headwater.toml").write_text('[[gate.verify]]\nkind = "function"\nfunction = "own.py:even"\n')
    code, out, err = gate(folder, capsys, monkeypatch)
    assert code == 0, err
    (card,) = json.loads(out)["recipes"]
    assert card["failed"] == {"own_check": 20}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[[verify]]\nkind = 'arithmetik'\n", "verifier 1"),
        ("verify = 3\n", "must hold tables"),
        ("[[other]]\n", "must hold tables"),
        ("[[", "cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_said(folder, capsys, monkeypatch, content, said) -> None:
    (folder / "v.toml").write_text(content)
    code, _, err = gate(folder, capsys, monkeypatch, "--verify", "v.toml")
    assert code == 2
    assert said in err
    assert "Traceback" not in err
