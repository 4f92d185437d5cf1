"""The examples run as they stand; Ray's where its cluster is (``test_engine_ray.py``), the trainer by its page."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_example_is_run_somewhere():
    run_here = {"curate_with_daft.py", "curate_with_datasets.py", "train_ngram.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == run_here | {"curate_with_ray_data.py"}


@pytest.mark.parametrize("library", ["daft", "datasets"])
def test_documents_are_curated_inside_the_library(library, tmp_path):
    pytest.importorskip(library, reason="a development dependency")
    quiet = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(EXAMPLES / f"curate_with_{library}.py")]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=quiet).stdout.splitlines()
    assert [line.split("words")[0].split() for line in said] == [["menu", "60"], ["prose", "97"], ["too", "short", "2"]]
    assert "repeated_lines" in said[0]
    assert said[1].endswith("97 words  kept")
    assert "too_few_words" in said[2]
