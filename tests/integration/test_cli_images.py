"""Images through the same commands: arrays in, verdicts out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits

HEADWATER = [sys.executable, "-c", "from headwater.cli.main import main; main()"]


def carried_out(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*HEADWATER, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("images")
    digits = load_digits()
    images = (digits.images / 16 * 255).astype(np.uint8)
    np.savez(place / "digits.npz", images=images[:1500], labels=digits.target[:1500])
    np.savez(place / "more.npz", images=images[1500:], labels=digits.target[1500:])
    np.savez(place / "wrong.npz", images=images[1500:], labels=np.roll(digits.target[1500:], 1))
    return place


def test_the_loop_on_images(folder: Path) -> None:
    arguments = ["run", "digits.npz", "--modality", "image", "--target", "labels", "--generations", "2", "--json"]
    result = json.loads(carried_out(*arguments, cwd=folder).stdout)
    last = {arm["name"]: arm["generations"][-1] for arm in result["arms"]}
    assert last["gated"]["loss_nats"] == last["human-only"]["loss_nats"]
    assert last["filtered"]["loss_nats"] > last["human-only"]["loss_nats"] + 0.5
    verdicts = {card["recipe"]: card["verdict"] for card in result["recipes"]}
    assert verdicts["copies"] == verdicts["leak"] == "rejected"
    assert verdicts["labels-exchanged"] != "admitted"
    run = folder / ".headwater" / "runs" / result["run"]
    assert pq.read_schema(run / "admitted.parquet").names[:2] == ["pixels", "label"]
    assert "nats per word" not in (run / "report.html").read_text("utf-8")
    assert "this proxy (a logistic regression on pixels that predicts" in (run / "report.html").read_text("utf-8")


def test_the_gate_on_images(folder: Path) -> None:
    done = carried_out(
        "gate", "wrong.npz", "--human", "digits.npz", "--modality", "image", "--target", "labels", "--json",
        "--out", "kept.parquet", cwd=folder,
    )  # fmt: skip
    (card,) = json.loads(done.stdout)["recipes"]
    assert card["verdict"] != "admitted"
    assert pq.read_table(folder / "kept.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits.npz", "--modality", "image"], "needs paths and a target"),
        (["digits.npz", "--modality", "image", "--target", "label"], "no array 'label'"),
        (["flat.npz", "--modality", "image", "--target", "labels"], "0 arrays of images"),
        (["bad.npz", "--modality", "image", "--target", "labels"], "cannot be read as arrays"),
        (["a.png", "--modality", "image", "--target", "labels"], "unknown format of"),
    ],
)
def test_what_cannot_be_used_is_said(folder: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "digits.npz").write_bytes((folder / "digits.npz").read_bytes())
    np.savez(tmp_path / "flat.npz", images=np.zeros((5, 64)), labels=np.zeros(5))
    (tmp_path / "bad.npz").write_bytes(b"PK nothing")
    (tmp_path / "a.png").write_bytes(b"")
    done = carried_out("run", *arguments, cwd=tmp_path, code=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
