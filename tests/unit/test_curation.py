"""What a project holds is kept apart from what is curated: its reserve, its sealed panels, what it generated."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.curate import curate_settings
from headwater.errors import InputError, StoreError
from headwater.origin.own_output import record_generated
from headwater.origin.reserve import reserve_documents
from headwater.project import Project
from headwater.store import PANELS, Part, store_folder
from headwater.store.generated import GeneratedLedger

Prose = Callable[[int, int], str]
Cli = Callable[..., tuple[int, str, str]]


def _write(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def _reasons(out: Path) -> dict[str, list[str]]:
    tables = [pq.read_table(path) for path in sorted((out / "dropped").glob("*.parquet"))]
    return {row["text"]: row["reasons"] for row in pa.concat_tables(tables).to_pylist()}


def test_copies_of_the_reserve_and_of_panels_are_dropped(tmp_path: Path, prose: Prose, cli: Cli) -> None:
    human = _write(tmp_path / "human.jsonl", [prose(60, seed) for seed in range(400)])
    code, _, said = cli("reserve", "add", human, "--project", tmp_path, "--quiet", "--attested-by", "us")
    assert code == 0, said
    store = store_folder(tmp_path)
    train = next(iter(reserve_documents(store, (Part.TRAIN,))))["text"][0].as_py()
    sealed = next(iter(reserve_documents(store, PANELS)))["text"][0].as_py()
    fresh = prose(60, 5000)
    quoting = prose(30, 5001) + " " + " ".join(sealed.split()[5:55])
    data = _write(tmp_path / "new.jsonl", [train, sealed, quoting, fresh])
    settings = curate_settings("none", {"held.reserve": True, "evaluation.panels": True})
    result = Project(tmp_path).curate([str(data)], settings, tmp_path / "out", workers=1)
    reasons = _reasons(tmp_path / "out")
    assert reasons[train] == ["held_duplicate"]
    assert set(reasons[sealed]) == {"panel_document", "panel_overlap"}
    assert reasons[quoting] == ["panel_overlap"]
    assert fresh not in reasons
    assert result.documents.kept == 1
    # What is sealed is not shown: neither which document it is, nor a word of it.
    pairs = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist()
    assert [one["reason"] for one in pairs] == ["held_duplicate"]


def test_what_the_project_generated_is_dropped(tmp_path: Path, prose: Prose) -> None:
    made = [prose(80, seed) for seed in range(20)]
    from headwater.schema import documents

    store = store_folder(tmp_path)
    record_generated(GeneratedLedger(store), documents(made, origin="machine", recipe="r", generation=1), None)
    words = made[3].split()
    words[40] = "changed"
    data = _write(tmp_path / "new.jsonl", [" ".join(words), prose(80, 700)])
    result = Project(tmp_path).curate(
        [str(data)], curate_settings("none", {"held.generated": True}), tmp_path / "out", workers=1
    )
    assert list(_reasons(tmp_path / "out").values()) == [["generated_duplicate"]]
    assert result.documents.kept == 1


def test_an_empty_project_says_what_is_missing(tmp_path: Path, prose: Prose) -> None:
    data = _write(tmp_path / "new.jsonl", [prose(80, 700)])
    for setting, error, message in (
        ("held.generated", InputError, "generation ledger.*empty"),
        ("held.reserve", InputError, "headwater reserve add"),
        ("evaluation.panels", StoreError, "No panels are sealed"),
    ):
        with pytest.raises(error, match=message):
            Project(tmp_path).curate([str(data)], curate_settings("none", {setting: True}), tmp_path / "out")
