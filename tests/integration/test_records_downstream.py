"""Origin goes along: from what is read, through run and gate, into what is written, and into who reads that again."""

import hashlib
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from headwater.cli.main import app
from headwater.config import Settings
from headwater.errors import ConfigError, InputError, StoreError
from headwater.generate import question_answer, restructure
from headwater.loop import inputs
from headwater.origin.evidence import rule
from headwater.origin.exported import record_names
from headwater.origin.marks.source_type import SourceTypeReader
from headwater.origin.own_output import OwnOutputReader
from headwater.origin.reserve import Attestation, How, reserve_panels, reserve_table
from headwater.origin.reserve_add import add_to_reserve
from headwater.project import Project
from headwater.schema import Origin
from headwater.sources import OWN_COLUMNS, expand_paths, read_documentation, read_table
from headwater.store import Panel, store_folder
from headwater.store.generated import GeneratedLedger

pytestmark = pytest.mark.slow

VOUCHED = Attestation("the maintainers", How.ATTESTATION, "2026-11-01", "written before the release of 2022")
SMALL = {"generations": 1, "arms": ("human-only", "gated-stream"), "machine_share": 0.5}
CARRIED = ("origin", "evidence", "generator", "recipe", "parents", "generation", "licence", "permission")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a reserve, a run on it, and a stream made from human documents that are not in the reserve."""
    project = Project(tmp_path_factory.mktemp("project"))
    store = store_folder(project.folder)
    corpus = read_documentation(("stdlib",))
    unseen = sorted(set(corpus["group"].to_pylist()))[::4]
    rows = pc.is_in(corpus["group"], value_set=pa.array(unseen))
    readers = [OwnOutputReader(GeneratedLedger(store))]
    add_to_reserve(store, corpus.filter(pc.invert(rows)), VOUCHED, rng=np.random.default_rng(0), readers=readers)
    _write_stream(project.folder / "stream.jsonl", corpus.filter(rows))
    project.run(Settings.model_validate({"human": {"reserve": True}, "loop": SMALL}), run_id="first")
    return project


def _write_stream(path: Path, human: pa.Table) -> None:
    """Write a stream whose rows carry everything a row can carry."""
    rng = np.random.default_rng(1)
    rows = pa.concat_tables([recipe.make(human, rng) for recipe in (question_answer, restructure)]).to_pylist()
    for number, row in enumerate(rows):
        row |= {
            "origin": ("machine", "mixed", "unknown", "machine")[number % 4],
            "evidence": f"watermark: key {number % 3}" if number % 4 < 2 else None,
            "generator": f"model-{number % 2}",
            "generation": 3,
            "licence": "CC-BY-4.0",
            "permission": "noai" if number % 5 == 0 else None,
            "meta": {"number": number},
        }
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), "utf-8")


def _settings(project: Project, **changes: Any) -> Settings:
    stream = {"paths": (str(project.folder / "stream.jsonl"),), "recipe": "recipe", "id": "id"}
    return Settings.model_validate(
        {"human": {"reserve": True}, "stream": stream, "gate": {"rule": "plain"}, "loop": SMALL, **changes}
    )


@pytest.fixture(scope="module")
def kept(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the gate admits of the stream."""
    folder = tmp_path_factory.mktemp("gate")
    out = folder / "kept.jsonl.zst"
    result = project.gate(_settings(project), out=out, rejects=folder / "rejects.jsonl")
    assert result.admitted_documents > 100
    return out


@pytest.fixture(scope="module")
def brought(project: Project) -> Path:
    """What a run admits of the same stream."""
    project.run(_settings(project), run_id="brought")
    return store_folder(project.folder) / "runs" / "brought" / "admitted.jsonl.zst"


def _own(path: Path) -> pa.Table:
    return read_table(path, OWN_COLUMNS)[0]


def _check_records(data: Path) -> list[dict[str, Any]]:
    """Read the records of a file with the tools they are made for, and return them."""
    import mlcroissant
    from prov.model import ProvDocument

    prov, croissant, provenance = (data.with_name(name) for name in record_names(data.name))
    sha = hashlib.sha256(data.read_bytes()).hexdigest()
    document = ProvDocument.deserialize(content=prov.read_text("utf-8"), format="json")
    (record,) = document.get_record(f"file:{sha}")
    (rows,) = (value for name, value in record.attributes if str(name) == "headwater:rows")
    assert int(rows.value) == _own(data).num_rows
    logging.getLogger("absl").setLevel(logging.ERROR)
    with warnings.catch_warnings():  # of its own dependency, rdflib
        warnings.simplefilter("ignore", DeprecationWarning)
        metadata = mlcroissant.Dataset(jsonld=json.loads(croissant.read_bytes())).metadata
    assert not metadata.ctx.issues.errors
    assert not metadata.ctx.issues.warnings
    assert [one.sha256 for one in metadata.file_objects] == [sha]
    loaded = [json.loads(path.read_bytes()) for path in (prov, croissant, provenance)]
    assert set(loaded[2]) == {"source", "provenance", "use"}
    return loaded


def test_the_records_of_a_run_are_beside_its_files_and_in_its_manifest(project: Project) -> None:
    folder = store_folder(project.folder) / "runs" / "first"
    _, croissant, provenance = _check_records(folder / "admitted.jsonl.zst")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert set(record_names("admitted.jsonl.zst")) < set(manifest["files"])
    assert all((folder / name).is_file() for name in manifest["files"])
    admitted = _own(folder / "admitted.jsonl.zst")
    assert admitted.num_rows > 50
    recipes = dict(one.values() for one in admitted["recipe"].value_counts().to_pylist())
    told = provenance["provenance"]["generation-method"]
    for recipe, count in recipes.items():
        assert any(
            one["code"].startswith("Machine generated") and f"{count} documents" in one["description"]
            and f"recipe {recipe}" in one["description"] for one in told
        )  # fmt: skip
    assert croissant["prov:wasDerivedFrom"][0]["prov:label"].startswith("the human reserve of the project")
    assert croissant["digitalSourceType"]["@id"].endswith("/TrainedAlgorithmicMediaDigitalSource")


def test_the_example_files_have_records_where_the_user_finds_them(project: Project) -> None:
    stream, human = (project.folder / name for name in ("example-stream.jsonl", "example-human.jsonl.zst"))
    assert _check_records(stream)[1]["rai:hasSyntheticData"] is True
    assert _check_records(human)[1]["rai:hasSyntheticData"] is False
    inside = store_folder(project.folder) / "runs" / "first"
    for name in (*record_names(stream.name), *record_names(human.name)):
        assert (project.folder / name).read_bytes() == (inside / name).read_bytes()


def test_what_a_run_wrote_declares_itself_when_it_is_read_again(project: Project) -> None:
    reader = SourceTypeReader()
    admitted = store_folder(project.folder) / "runs" / "first" / "admitted.jsonl.zst"
    for path, machine in ((admitted, True), (project.folder / "example-stream.jsonl", True),
                          (project.folder / "example-human.jsonl.zst", False)):  # fmt: skip
        # As anybody else reads it, who knows nothing of the columns.
        (batch,) = read_table(path)[0].combine_chunks().to_batches()
        found = {row: rule([evidence]).origin for row, evidence in reader.read(batch)}
        assert found == (dict.fromkeys(range(batch.num_rows), Origin.MACHINE) if machine else {})


def test_the_documents_of_the_project_are_marked_too(project: Project) -> None:
    from headwater.store import document_table

    table = document_table(store_folder(project.folder)).read()
    marked = pc.fill_null(pc.match_substring(table["meta"], "trainedAlgorithmicMedia"), False)
    assert marked.to_pylist() == pc.equal(table["origin"], "machine").to_pylist()
    assert pc.sum(marked).as_py() > 100


@pytest.mark.parametrize("what", ["gate", "run"])
def test_every_column_of_origin_survives(project: Project, kept: Path, brought: Path, what: str) -> None:
    lines = map(json.loads, (project.folder / "stream.jsonl").read_text("utf-8").splitlines())
    before = {line["id"]: line for line in lines}
    rows = [row for row in _own(kept if what == "gate" else brought).to_pylist() if row["id"] in before]
    assert len(rows) > 100
    assert {row["origin"] for row in rows} == {"machine", "mixed", "unknown"}
    for row in rows:
        was = before[row["id"]]
        unsaid = was["evidence"] is None and was["origin"] == "machine"
        expected = {name: was[name] for name in CARRIED} | ({"evidence": "column 'origin'"} if unsaid else {})
        assert {name: row[name] for name in CARRIED} == expected
        assert json.loads(row["meta"])["number"] == was["meta"]["number"]


@pytest.mark.parametrize("what", ["gate", "run"])
def test_marks_follow_the_origin(kept: Path, brought: Path, what: str) -> None:
    table = read_table(kept if what == "gate" else brought, OWN_COLUMNS)[0].combine_chunks()
    (batch,) = table.to_batches()
    found = {row: rule([evidence]).origin for row, evidence in SourceTypeReader().read(batch)}
    origins = batch["origin"].to_pylist()
    assert found == {row: origin for row, origin in enumerate(origins) if origin != "unknown"}


def test_the_records_of_the_gate_name_the_stream_by_its_content(project: Project, kept: Path) -> None:
    prov, croissant, _ = _check_records(kept)
    sha = hashlib.sha256((project.folder / "stream.jsonl").read_bytes()).hexdigest()
    assert {one["prov:entity"] for one in prov["used"].values()} == {f"file:{sha}"}
    counts = {(one["propertyID"], one["name"]): one["cr:value"] for one in croissant["additionalProperty"]}
    table = _own(kept)
    origins = dict(one.values() for one in table["origin"].value_counts().to_pylist())
    assert {name: count for (group, name), count in counts.items() if group == "documents by origin"} == origins
    assert counts["documents by evidence of origin", "watermark"] > 0
    assert counts["documents by permission signal", "noai"] == pc.sum(pc.equal(table["permission"], "noai")).as_py()
    assert croissant["license"]["name"] == "CC-BY-4.0"
    # What stands beside the data is no data.
    assert expand_paths([kept.parent]) == [kept]


def test_a_large_stream_is_marked_and_described_batch_by_batch(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "MAX_RECIPE_WORDS", 20_000)
    out = tmp_path / "kept.parquet"
    result = project.gate(_settings(project), out=out, rejects=tmp_path / "rejects.jsonl")
    assert any("random sample" in one for one in result.warnings)
    verdicts = pq.read_table(tmp_path / "kept.parquet.verdicts.parquet")
    assert verdicts.num_rows > result.admitted_documents
    _check_records(out)
    table = _own(out)
    assert table.num_rows == result.admitted_documents > 0
    marked = pc.fill_null(pc.match_substring(table["meta"], "digitalSourceType"), False)
    assert marked.to_pylist() == pc.not_equal(table["origin"], "unknown").to_pylist()


# The gate on the reserve.


def _openings(project: Project) -> list[str]:
    return [str(one["why"]) for one in reserve_panels(store_folder(project.folder)).openings(Panel.CERTIFICATION)]


def test_a_judgement_on_the_reserve_is_written_down_there_once(project: Project, kept: Path, tmp_path: Path) -> None:
    before = _openings(project)
    assert any(one.startswith("gate ") for one in before)
    again = project.gate(_settings(project), rejects=tmp_path / "rejects.jsonl")
    assert _openings(project) == before
    assert f"gate {again.run}: decisions, and their evidence in its report" in before
    assert "human reserve" in again.corpus.description
    other = project.gate(_settings(project, seed=1), rejects=tmp_path / "rejects.jsonl")
    assert other.run != again.run
    assert len(_openings(project)) == len(before) + 1
    assert any(f"opened before, by {len(before)} other runs" in one for one in other.warnings)


def test_a_reserve_that_grew_is_another_judgement(project: Project, kept: Path, tmp_path: Path) -> None:
    import shutil

    copy = Project(tmp_path / "copy")
    shutil.copytree(project.folder, copy.folder)
    settings = _settings(project)
    first = copy.gate(settings, rejects=tmp_path / "rejects.jsonl")
    store = store_folder(copy.folder)
    rows = reserve_table(store).read(["text"]).to_pylist()[:40]
    words = " ".join(row["text"] for row in rows).split()
    more = [" ".join(reversed(words[i * 60 : i * 60 + 60])) for i in range(40)]
    from headwater.schema import documents

    offered = documents(more, origin="human", group=[f"new {i}" for i in range(40)])
    assert add_to_reserve(store, offered, VOUCHED, rng=np.random.default_rng(3), readers=[]).added
    assert copy.gate(settings, rejects=tmp_path / "rejects.jsonl").run != first.run


def test_a_reserve_that_was_changed_judges_nothing(project: Project, tmp_path: Path) -> None:
    import shutil

    import lance

    copy = Project(tmp_path / "copy")
    shutil.copytree(project.folder, copy.folder)
    store = store_folder(copy.folder)
    one = reserve_table(store).read(["id"], filter="part = 'certification' AND rotation IS NOT NULL")["id"][0].as_py()
    lance.dataset(str(store / "reserve.lance")).update({"text": "'Something else.'"}, where=f"id = '{one}'")
    with pytest.raises(StoreError, match="certification panel of the reserve is not as it was sealed"):
        copy.gate(_settings(project), out=tmp_path / "kept.jsonl", rejects=tmp_path / "rejects.jsonl")
    assert not (tmp_path / "kept.jsonl").exists()


def test_the_command_line_takes_the_reserve(project: Project, tmp_path: Path) -> None:
    command = ["gate", str(project.folder / "stream.jsonl"), "--project", str(project.folder), "--id", "id",
               "--recipe-column", "recipe", "--rejects", str(tmp_path / "rejects.jsonl"), "--quiet"]  # fmt: skip
    out = tmp_path / "kept.jsonl"
    done = CliRunner().invoke(app, [*command, "--reserve", "--out", str(out), "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    assert {one["verdict"] for one in json.loads(done.stdout)["recipes"]} & {"admitted"}
    assert {path.name for path in tmp_path.glob("kept.jsonl.*")} == {
        *record_names("kept.jsonl"), "kept.jsonl.verdicts.parquet",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="--human, or use --reserve"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    with pytest.raises(ConfigError, match="leave out the files, or --reserve"):
        CliRunner().invoke(app, [*command, "--reserve", "--human", str(out)], catch_exceptions=False)


@pytest.mark.parametrize("command", ["run", "gate"])
def test_the_plan_names_the_reserve_whatever_the_settings_file_says(tmp_path: Path, command: str) -> None:
    stream = tmp_path / "stream.jsonl"
    stream.write_text('{"text": "A sentence."}\n')
    (tmp_path / "headwater.toml").write_text(f'[human]\npaths = ["{stream}"]\n')
    given = [command, *(["--stream"] if command == "run" else []), str(stream), "--project", str(tmp_path), "--dry-run"]
    done = CliRunner().invoke(app, [*given, "--reserve"], catch_exceptions=False)
    assert "the human reserve of the project" in done.stdout
    assert "the human reserve of the project" not in CliRunner().invoke(app, given, catch_exceptions=False).stdout
    (tmp_path / "headwater.toml").write_text("[human]\nreserve = true\n")
    named = [*given, *(["--human", str(stream)] if command == "gate" else [])]
    if command == "run":
        named.insert(1, str(stream))
    assert "the human reserve of the project" not in CliRunner().invoke(app, named, catch_exceptions=False).stdout


def test_without_a_reserve_the_gate_says_how_to_make_one(tmp_path: Path) -> None:
    stream = tmp_path / "stream.jsonl"
    stream.write_text('{"text": "A sentence."}\n')
    settings = Settings.model_validate({"human": {"reserve": True}, "stream": {"paths": (str(stream),)}})
    with pytest.raises(InputError, match="headwater reserve add"):
        Project(tmp_path).gate(settings, rejects=tmp_path / "rejects.jsonl")


def test_mirror_texts_declare_themselves(project: Project, tmp_path: Path) -> None:
    from headwater.generate import PROMPT, mirror_files
    from headwater.sources import RejectLog

    human = project.folder / "example-human.jsonl.zst"
    made = mirror_files(
        (str(human),), tmp_path / "ai.jsonl", restructure, count=10, name=None, prompt=PROMPT, text="text",
        title="title", group=None, rejects=RejectLog(), rng=np.random.default_rng(0),
    )  # fmt: skip
    (batch,) = read_table(tmp_path / "ai.jsonl")[0].combine_chunks().to_batches()
    found = {row: rule([evidence]).origin for row, evidence in SourceTypeReader().read(batch)}
    assert found == dict.fromkeys(range(made.documents.num_rows), Origin.MACHINE)
    assert found
