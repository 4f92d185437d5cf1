"""The records beside what a curation keeps: true to the files, read by others' programs, found by the next command."""

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.curate import curate_settings
from headwater.errors import StoreError
from headwater.origin.exported import inputs_named, record_names
from headwater.project import Project
from headwater.sources import expand_paths

Prose = Callable[[int, int], str]
STOPS = "The house of the people that have to be with it. "
FORMS = {"parquet": ".parquet", "jsonl.zst": ".jsonl.zst"}


@pytest.fixture
def corpus(tmp_path: Path, prose: Prose) -> Path:
    """Thirty documents, ten of them made by two recipes, two of them with personal data, and one that fails."""
    rows: list[dict[str, Any]] = [{"text": STOPS + prose(120, seed), "site": f"s{seed % 2}"} for seed in range(30)]
    for number, row in enumerate(rows[:10]):
        row |= {"origin": "machine", "recipe": f"recipe-{number % 2}", "generator": "model", "licence": "CC-BY-4.0"}
    rows[3]["text"] += " Write to anna@cafe.fr."
    rows[20]["text"] += " Write to post@cafe.fr."
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": "Too short."}]))
    return path


def _curate(corpus: Path, out: Path, **more: Any) -> Any:
    changes = {
        "thresholds.too_few_alphabetic_words": False,
        "personal_data.action": "mask",
        "languages.keep": ["en", "und", "fr", "la", "de", "es"],
        "thresholds.unsure_language": False,
        "columns.source": "site",
    }
    settings = curate_settings("gopher", changes)
    return Project(out.parent).curate([str(corpus)], settings, out, workers=1, **more)


def _read(out: Path) -> dict[str, Any]:
    names = record_names("kept")
    return {name.removeprefix("kept."): json.loads((out / name).read_bytes()) for name in names}


@pytest.mark.parametrize("form", FORMS)
def test_the_records_are_true_to_the_files(corpus: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    result = _curate(corpus, out, output_format=form)
    found = _read(out)
    (file,) = [one for one in found["croissant.json"]["distribution"] if one["@type"] == "cr:FileObject"]
    kept = out / "kept" / f"part-00000{FORMS[form]}"
    assert file["contentUrl"] == f"kept/{kept.name}"
    assert file["sha256"] == hashlib.sha256(kept.read_bytes()).hexdigest()
    assert file["description"] == f"{result.documents.kept} documents"
    counts = {one["name"]: one["cr:value"] for one in found["croissant.json"]["additionalProperty"]}
    assert counts["machine"] == sum(one.kept for one in result.origins if one.name == "machine") > 0
    assert sum(counts[origin] for origin in ("machine", "unknown")) == result.documents.kept
    whole = json.dumps(found["prov.json"])
    assert hashlib.sha256(corpus.read_bytes()).hexdigest() in whole
    assert ("recipe-1" in whole) == (form == "parquet")  # what is written as JSON lines is not read again
    assert "masked in 2 documents" in json.dumps(found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_others_read_the_records(corpus: Path, tmp_path: Path) -> None:
    import mlcroissant
    from prov.model import ProvDocument

    out = tmp_path / "out"
    _curate(corpus, out)
    document = ProvDocument.deserialize(content=(out / "kept.prov.json").read_text("utf-8"), format="json")
    assert document.get_records()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metadata = mlcroissant.Dataset(jsonld=_read(out)["croissant.json"]).metadata
    assert not metadata.ctx.issues.errors
    assert {"text", "id", "reasons", "site"} <= {field.name for field in metadata.record_sets[0].fields}


def test_the_next_command_finds_them_and_takes_them_for_no_data(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _curate(corpus, out)
    (kept,) = expand_paths([str(out / "kept")])
    (known,) = inputs_named([str(kept)])
    assert known.record == str(out / "kept.prov.json")
    assert not {*map(str, expand_paths([str(out)]))} & {str(out / name) for name in record_names("kept")}


def test_they_go_with_what_they_describe(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _curate(corpus, out)
    before = _read(out)["croissant.json"]["@id"]
    project = Project(tmp_path)
    project.rethreshold(out, {"too_few_words": 100_000.0}, tmp_path / "again")
    assert _read(tmp_path / "again")["croissant.json"]["@id"] != before
    with pytest.raises(StoreError, match="finished"):
        _curate(corpus, out)
    corpus.write_text(corpus.read_text().replace("house", "garden"))
    _curate(corpus, out, restart=True)
    assert _read(out)["croissant.json"]["@id"] != before
