"""Why a verdict was given, and what withdrawing an admission does, on a real run."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from headwater.config import load_settings
from headwater.loop.explaining import explain, panel_in_use
from headwater.project import Project
from headwater.schema import Reason, Verdict
from headwater.sources import Columns, read_table
from headwater.store import Ledger, Panel, document_table, resolve, store_folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of one generation with a filter on perplexity."""
    folder = tmp_path_factory.mktemp("explained")
    toml = folder / "headwater.toml"
    toml.write_text(
        '[loop]\ngenerations = 1\narms = ["human-only", "gated-stream"]\n[gate.filter]\nperplexity = {keep_lowest = 0.7}\n'
    )
    place = Project(folder)
    place.run(place.settings({}), run_id="r1")
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def _admitted(project: Path) -> list[str]:
    table, _ = read_table(store_folder(project) / "runs" / "r1" / "admitted.jsonl.zst", Columns(id="id"))
    return list(table["id"].to_pylist())


def test_a_filter_is_applied_and_its_harm_told(finished: Path) -> None:
    result = Project(finished).result("r1")
    effect = result.filter_effect
    assert effect is not None
    assert 0 < effect.dropped < effect.documents
    assert effect.difference == pytest.approx(effect.gain - effect.gain_without)
    assert any("advised against" in warning and f"{effect.difference:+.3f}" in warning for warning in result.warnings)
    assert any("filtered" in card.failed for card in result.cards)
    page = (store_folder(finished) / "runs" / "r1" / "report.html").read_text("utf-8")
    assert "What the filters on signals did" in page
    assert "Signals, which decide nothing" in page
    assert len(page.encode()) <= 200_000


def test_the_settings_of_the_run_are_those_of_the_file(finished: Path) -> None:
    kept = resolve(finished, "r1").settings()["gate"]
    assert (
        load_settings(finished / "headwater.toml", {}, {}).gate.model_dump(exclude_none=True)["filter"]
        == kept["filter"]
    )


def test_every_document_of_the_stream_can_be_explained(finished: Path) -> None:
    folder = resolve(finished, "r1")
    signals = pq.read_table(folder.path / "signals.parquet")
    stream = Ledger(folder.store).verdicts("r1", arm="stream")
    assert set(signals["id"].to_pylist()) == {key for key in stream["id"].to_pylist() if not key.startswith("recipe:")}
    panel = {
        row["id"]
        for path in folder.path.glob("steps/split-*/parts.parquet")
        for row in pq.read_table(path).to_pylist()
        if row["part"] != "train"
    }
    assert not {near["id"] for row in signals["nearest"].to_pylist() for near in row} & panel


def test_a_recipe_is_explained_with_its_evidence(finished: Path, cli) -> None:
    code, out, _ = cli("explain", "reword", "--json", "-C", finished)
    assert code == 0
    found = json.loads(out)["explanation"]
    assert found["id"] == "recipe:reword"
    card = next(one for one in Project(finished).result("r1").cards if one.recipe == "reword")
    assert found["card"]["verdict"] == card.verdict.value
    assert found["card"]["signals"]["auc"] == card.diagnosis.discriminator.auc
    assert found["ancestors"] == ["r1/human/sources"]
    assert not found["sealed"]


def test_a_document_is_explained_by_the_beginning_of_its_id(finished: Path, cli) -> None:
    rows = Ledger(store_folder(finished)).verdicts("r1", arm="stream").to_pylist()
    failed = next(row for row in rows if row["reason"] == Reason.FILTERED)
    code, out, _ = cli("explain", failed["id"][:12], "-C", finished)
    assert code == 0
    assert "a filter on a signal drops it" in out
    assert f"measured {failed['measured']:.3f}, threshold {failed['threshold']:.3f}" in out
    assert "Take the filter out of the settings" in out
    assert "Nearest human training documents" in out
    parents = document_table(store_folder(finished)).read(["parents"], filter=f"id = '{failed['id']}'")["parents"][0]
    assert all(parent in out for parent in parents.as_py())


def test_names_that_mean_nothing_or_too_much_are_told(finished: Path, cli) -> None:
    code, _, err = cli("explain", "rewordd", "-C", finished)
    assert code == 2
    assert "Did you mean 'reword'?" in err
    ids = Ledger(store_folder(finished)).verdicts("r1")["id"].to_pylist()
    assert cli("explain", min(ids)[:2], "-C", finished)[0] == 2
    code, _, err = cli("explain", "reword", "--run", "r9", "-C", finished)
    assert code == 2
    assert "no run 'r9'" in err


def test_what_descends_from_a_panel_is_not_quoted(finished: Path) -> None:
    folder = resolve(finished, "r1")
    rows = Ledger(folder.store).verdicts("r1", arm="stream").to_pylist()
    leaked = next(row for row in rows if row["recipe"] == "panel-paraphrase" and not row["id"].startswith("recipe:"))
    found = explain(folder, leaked["id"], None)
    assert found.parents
    assert all(parent.beginning is None for parent in found.parents if parent.origin == "human")


def test_the_numbers_of_a_panel_in_use_are_sealed(project: Path) -> None:
    folder = resolve(project, "r1")
    assert any(one.log_e is not None for one in explain(folder, "reword", None).history)
    (folder.path / "manifest.json").unlink()  # as while it is running
    assert panel_in_use(folder)
    found = explain(folder, "reword", None)
    assert found.sealed
    assert all(one.log_e is None for one in found.history)
    assert all(one.threshold is None for one in found.history if one.decision is not None)


def test_a_recipe_is_withdrawn_once_with_all_it_admitted(project: Path, cli) -> None:
    before = set(_admitted(project))
    rows = Ledger(store_folder(project)).current("r1").to_pylist()
    recipe = next(row["recipe"] for row in rows if row["id"].startswith("recipe:") and row["verdict"] == "admitted")
    mine = {row["id"] for row in rows if row["recipe"] == recipe} & before
    code, out, _ = cli("revoke", recipe, "--why", "its source was withdrawn", "--by", "ann", "-C", project)
    assert code == 0
    assert "its source was withdrawn (ann)" in out
    assert "gated-stream/1/model" in out or not mine
    assert set(_admitted(project)) == before - mine
    now = Ledger(store_folder(project)).current("r1").to_pylist()
    assert not [row for row in now if row["recipe"] == recipe and row["verdict"] == Verdict.ADMITTED]
    noted = [row for row in now if row["recipe"] == recipe and row["reason"] == Reason.REVOKED]
    assert {(row["note"], row["by"]) for row in noted} == {("its source was withdrawn", "ann")}
    record = json.loads((store_folder(project) / "runs" / "r1" / "admitted.jsonl.zst.croissant.json").read_text())
    assert "after a revocation" in record["name"]
    size = Ledger(store_folder(project)).table.count()
    code, out, _ = cli("revoke", recipe, "--why", "again", "-C", project)
    assert code == 0
    assert "was withdrawn in run r1 before: its source was withdrawn (ann)" in out
    assert Ledger(store_folder(project)).table.count() == size
    code, out, _ = cli("explain", recipe, "-C", project)
    assert "its source was withdrawn (ann)" in out


def test_what_was_made_from_a_document_is_listed(project: Path, cli) -> None:
    admitted = _admitted(project)[0]
    documents = document_table(store_folder(project))
    row = documents.read(filter=f"id = '{admitted}'")
    child = row.set_column(0, row.schema.field("id"), [["child"]])
    child = child.set_column(child.column_names.index("parents"), row.schema.field("parents"), [[[admitted]]])
    child = child.set_column(child.column_names.index("recipe"), row.schema.field("recipe"), [["second"]])
    documents.append(child)
    code, out, err = cli("revoke", admitted, "--why", "wrong", "--json", "-C", project)
    assert code == 0, err
    found = json.loads(out)["revocation"]
    assert found["documents"] == ["child"]
    assert found["recipes"] == ["second"]
    assert found["removed"] == 1
    assert admitted not in _admitted(project)


def test_what_was_never_admitted_cannot_be_withdrawn(project: Path, cli) -> None:
    code, _, err = cli("revoke", "panel-leak", "--why", "x", "-C", project)
    assert code == 2
    assert "was never admitted in run r1" in err
    assert cli("revoke", "reword", "--why", " ", "-C", project)[0] == 2


@dataclass(frozen=True)
class Sealed:
    panel: Panel
    rotation: int


@dataclass(frozen=True)
class Rotations:
    """Panels of a reserve in as many rotations, the first opened by the run."""

    count: int

    @property
    def sealed(self) -> list[Sealed]:
        return [Sealed(Panel.CERTIFICATION, rotation) for rotation in range(self.count)]

    def openings(self, panel: Panel) -> list[dict[str, object]]:
        return [{"panel": panel.value, "rotation": 0, "why": "run r1: decisions"}]


@pytest.mark.parametrize(("rotations", "in_use"), [(1, True), (2, False)])
def test_a_panel_of_the_reserve_is_in_use_until_it_is_rotated_out(
    finished: Path, monkeypatch: pytest.MonkeyPatch, rotations: int, in_use: bool
) -> None:
    folder = resolve(finished, "r1")
    monkeypatch.setattr("headwater.loop.explaining.reserve_panels", lambda store: Rotations(rotations))
    kept = folder.settings()
    kept["human"] = {**kept["human"], "reserve": True}
    monkeypatch.setattr(type(folder), "settings", lambda self: kept)
    assert panel_in_use(folder) is in_use
    assert explain(folder, "reword", None).sealed is in_use
