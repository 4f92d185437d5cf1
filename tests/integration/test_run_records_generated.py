"""What a run makes is in the project's generation ledger, once, whatever stopped the run in between."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.loop import run as module
from headwater.origin.own_output import OwnOutputReader
from headwater.project import Project
from headwater.schema import DOCUMENT, Origin
from headwater.sources import read_documentation, write_documents
from headwater.store import document_table, store_folder
from headwater.store.generated import GeneratedLedger

pytestmark = pytest.mark.slow

SMALL = {"loop.generations": 1, "loop.arms": ["human-only", "ungated", "gated"]}


@pytest.fixture(scope="module")
def human(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("human") / "human.jsonl"
    write_documents(read_documentation(("stdlib",)), path)
    return path


@pytest.fixture(scope="module")
def done(human: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose recording failed, resumed."""
    folder = tmp_path_factory.mktemp("project")
    project = Project(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "record_generated", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            project.run(
                project.settings({"human.paths": [str(human)], "human.group": "group", **SMALL}), run_id="the-run"
            )
    assert GeneratedLedger(store_folder(folder)).count() == 0
    project.resume("the-run")
    return folder


def _interrupted(*_: object, **__: object) -> int:
    raise KeyboardInterrupt


def test_every_machine_document_is_recognised_and_no_human_one(done: Path) -> None:
    store = store_folder(done)
    table = document_table(store).read()
    reader = OwnOutputReader(GeneratedLedger(store))
    texts: dict[str, set[str]] = {origin: set() for origin in ("human", "machine")}
    recognised: dict[str, set[str]] = {origin: set() for origin in ("human", "machine")}
    for batch in table.to_batches():
        origins, contents = batch["origin"].to_pylist(), batch["text"].to_pylist()
        for origin, text in zip(origins, contents, strict=True):
            texts[origin].add(text)
        for row, evidence in reader.read(batch):
            recognised[origins[row]].add(contents[row])
            assert "run the-run" in evidence.detail
    # Leaked panel documents are human text under a machine label; they stay what they are.
    assert texts["machine"] & texts["human"]
    assert recognised["machine"] == texts["machine"] - texts["human"]
    assert not recognised["human"]


def test_output_that_only_trained_a_model_is_recorded_too(done: Path) -> None:
    store = store_folder(done)
    (path,) = (store / "runs" / "the-run" / "steps").glob("ungated-1-*/training.parquet")
    trained_on = pq.read_table(path).select(DOCUMENT.names).cast(DOCUMENT)
    made = {row for row, origin in enumerate(trained_on["origin"].to_pylist()) if origin == Origin.MACHINE}
    (batch,) = trained_on.combine_chunks().to_batches()
    assert made
    assert {row for row, _ in OwnOutputReader(GeneratedLedger(store)).read(batch)} == made


def test_each_text_is_recorded_once(done: Path) -> None:
    ledger = GeneratedLedger(store_folder(done))
    facts = pa.concat_tables([segment.facts for segment in ledger.segments()])
    assert facts.num_rows == ledger.count() == len(set(facts["content"].to_pylist())) > 0
    assert set(facts["run"].to_pylist()) == {"the-run"}
    assert {"own-output-1", "reword", "ungated-output-1"} & set(facts["recipe"].to_pylist())
    assert ledger.check() == []


def test_a_stream_that_was_brought_is_not_recorded_as_ours(done: Path, human: Path, tmp_path: Path) -> None:
    stream = tmp_path / "stream.jsonl"
    table = document_table(store_folder(done)).read(filter="recipe = 'reword'")
    write_documents(table, stream)
    project = Project(tmp_path)
    settings = {"human.paths": [str(human)], "human.group": "group", "stream.paths": [str(stream)], **SMALL}
    project.run(project.settings(settings), run_id="brought")
    ledger = GeneratedLedger(store_folder(tmp_path))
    assert ledger.count() > 0
    recipes = {recipe for segment in ledger.segments() for recipe in segment.facts["recipe"].to_pylist()}
    assert "reword" not in recipes
    assert "own-output-1" in recipes
