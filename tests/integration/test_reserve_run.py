"""A run whose human base is the reserve, and what the verification of the reserve says about it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.config import Settings
from headwater.errors import ConfigError, InputError, StoreError
from headwater.loop.result import RunResult
from headwater.origin.own_output import OwnOutputReader
from headwater.origin.reserve import Attestation, How, list_reserve, reserve_panels, reserve_table
from headwater.origin.reserve_add import Refusal, add_to_reserve
from headwater.origin.reserve_verify import Check, verify_reserve
from headwater.project import Project
from headwater.schema import DOCUMENT
from headwater.sources import read_documentation
from headwater.store import PANELS, Part
from headwater.store.generated import GeneratedLedger

SETTINGS: dict[str, Any] = {
    "human": {"reserve": True},
    "loop": {"generations": 2, "arms": ("human-only", "ungated", "gated-stream"), "machine_share": 0.5},
}
VOUCHED = Attestation("the maintainers", How.ATTESTATION, "2026-11-01", "written before the release of 2022")


def readers(store: Path) -> list[OwnOutputReader]:
    return [OwnOutputReader(GeneratedLedger(store))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, RunResult]:
    """A project with a reserve of the standard library's documentation, and a run on it."""
    project = Project(tmp_path_factory.mktemp("project"))
    store = project.folder / ".headwater"
    corpus = read_documentation(("stdlib",))
    add_to_reserve(store, corpus, VOUCHED, rng=np.random.default_rng(0), readers=readers(store))
    return project, project.run(Settings.model_validate(SETTINGS), run_id="first")


@pytest.fixture
def project(made: tuple[Project, RunResult], tmp_path: Path) -> Project:
    shutil.copytree(made[0].folder, tmp_path / "project")
    return Project(tmp_path / "project")


def training(project: Project) -> Path:
    return next((project.folder / ".headwater" / "runs" / "first" / "steps").glob("ungated-2-*/training.parquet"))


def test_the_run_takes_the_parts_of_the_reserve(made: tuple[Project, RunResult]) -> None:
    project, result = made
    store = project.folder / ".headwater"
    split = {row.part: row.groups for row in result.split}
    reserve = {row.part: row.groups for row in list_reserve(store).rows}
    assert split[Part.TRAIN] + split[Part.SOURCES] == reserve[Part.TRAIN]
    assert {part: split[part] for part in PANELS} == {part: reserve[part] for part in PANELS}
    assert "human reserve" in result.corpus.description
    steps = store / "runs" / "first" / "steps"
    parts = pq.read_table(next(steps.glob("split-*/parts.parquet")))
    table = reserve_table(store).read(["id", "part"])
    assigned = dict(zip(table["id"].to_pylist(), table["part"].to_pylist(), strict=True))
    for key, part in zip(parts["id"].to_pylist(), parts["part"].to_pylist(), strict=True):
        assert assigned[key] == ("train" if part == "sources" else part)
    assert parts.num_rows == table.num_rows
    # No panels of its own: those of the reserve were opened, and it says by whom.
    assert not list((store / "panels").glob("*"))
    assert [one["why"] for one in reserve_panels(store).openings()] == [
        "run first: decisions, and their evidence in its report",
        "run first: report",
    ]


def test_the_reserve_holds_after_the_run(made: tuple[Project, RunResult]) -> None:
    store = made[0].folder / ".headwater"
    report = verify_reserve(store, readers(store))
    assert report.faults == ()
    assert any("training sets of 1 runs" in one for one in report.proven)
    assert not any("does not say which" in one or "does not keep" in one for one in report.unproven)


@pytest.mark.parametrize("how", ["document", "near copy", "descendant"])
def test_a_panel_document_that_slips_into_a_training_set_is_found(project: Project, how: str) -> None:
    store = project.folder / ".headwater"
    panel = reserve_table(store).read(DOCUMENT.names, filter="part = 'certification'").to_pylist()
    leaked = max(panel, key=lambda row: len(row["text"]))
    words = leaked["text"].split()
    if how == "near copy":
        changed = " ".join("otherwise" if i % 12 == 11 else word for i, word in enumerate(words))
        leaked = leaked | {"id": "copied", "text": changed, "origin": "machine", "recipe": "rewrite"}
    if how == "descendant":
        leaked = leaked | {"id": "made", "text": "Nothing of it is left in these words.", "parents": [leaked["id"]]}
    path = training(project)
    table = pq.read_table(path)
    row = pa.Table.from_pylist([leaked], schema=DOCUMENT)
    pq.write_table(pa.concat_tables([table.select(DOCUMENT.names).cast(DOCUMENT), row]), path)
    faults = verify_reserve(store, readers(store)).faults
    assert [(one.check, one.count, one.examples) for one in faults] == [(Check.TRAINED_ON, 1, (leaked["id"],))]
    assert faults[0].where.startswith("run first, ungated-2 ")


def test_what_the_run_generated_is_not_let_into_the_reserve(project: Project) -> None:
    store = project.folder / ".headwater"
    own = pq.read_table(training(project)).select(DOCUMENT.names).cast(DOCUMENT)
    long = [row for row in own.to_pylist() if len(row["text"].split()) > 60][:20]
    assert len(long) == 20
    plain = {"origin": "human", "generator": None, "recipe": None, "generation": 0, "parents": [], "group": None}
    offered = pa.Table.from_pylist([row | plain for row in long], schema=DOCUMENT)
    report = add_to_reserve(store, offered, VOUCHED, rng=np.random.default_rng(1), readers=readers(store))
    assert report.added == 0
    assert set(report.refused) <= {Refusal.GENERATED, Refusal.COPY_OF_MACHINE_TEXT, Refusal.DUPLICATE}


def test_a_second_run_is_told_that_the_panel_was_opened(project: Project) -> None:
    only = {**SETTINGS, "loop": {"generations": 1, "arms": ("human-only",), "machine_share": 0.5}}
    result = project.run(Settings.model_validate(only), run_id="second")
    assert any("opened before, by 1 other runs" in one for one in result.warnings)


def test_a_run_on_a_reserve_whose_panel_was_changed_is_refused(project: Project) -> None:
    import lance

    store = project.folder / ".headwater"
    one = reserve_table(store).read(["id"], filter="part = 'final'")["id"][0].as_py()
    lance.dataset(str(store / "reserve.lance")).update({"text": "'Something else.'"}, where=f"id = '{one}'")
    with pytest.raises(StoreError, match="final panel of the reserve is not as it was sealed"):
        project.run(Settings.model_validate(SETTINGS), run_id="second")


def test_without_a_reserve_a_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="headwater reserve add"):
        Project(tmp_path).run(Settings.model_validate(SETTINGS))


def test_the_reserve_and_files_cannot_both_be_the_human_base(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text('[human]\nreserve = true\npaths = ["x"]\n')
    with pytest.raises(ConfigError, match="leave paths out"):
        Project(tmp_path).settings()


@pytest.mark.slow
def test_documents_of_an_earlier_run_come_into_the_reserve_without_endangering_its_panels(tmp_path: Path) -> None:
    """The usual order: first a run on files, then the reserve of the same files."""
    from headwater.sources import write_documents

    corpus = read_documentation(("stdlib",))
    write_documents(corpus, tmp_path / "human.jsonl")
    settings = SETTINGS | {"human": {"paths": (str(tmp_path / "human.jsonl"),), "group": "group"}}
    project = Project(tmp_path / "project")
    project.folder.mkdir()
    project.run(Settings.model_validate(settings), run_id="early")
    store = project.folder / ".headwater"
    report = add_to_reserve(store, corpus, VOUCHED, rng=np.random.default_rng(0), readers=readers(store))
    assert report.trained > 0
    assert report.added + sum(report.refused.values()) == corpus.num_rows
    assert Refusal.GENERATED not in report.refused
    assert verify_reserve(store, readers(store)).faults == ()
