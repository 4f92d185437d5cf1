"""Records of a data set: W3C PROV, Croissant and Data Provenance Standards, checked with their own tools."""

import dataclasses
import hashlib
import json
import logging

import pyarrow as pa
import pytest

from headwater.origin.marks.source_type import SourceTypeReader
from headwater.origin.records import (
    FIELDS,
    ColumnMeaning,
    DataFile,
    DataSetRecord,
    Input,
    Method,
    Party,
    Place,
    PrivacyTool,
    Purpose,
    Recipe,
    canonical_json,
    croissant,
    data_provenance,
    identifier_of,
    mark_machine,
    prov_json,
    prov_o,
)
from headwater.schema import Origin, documents
from headwater.sources import write_documents

_COLUMNS = (
    ColumnMeaning("id", "text", "name of the document"),
    ColumnMeaning("text", "text", "the content"),
    ColumnMeaning("generation", "integer", "0 for human documents"),
)


def _file(path="train.jsonl", content=b"a", rows=2) -> DataFile:
    return DataFile(path, hashlib.sha256(content).hexdigest(), len(content), rows)


def _record(**changes) -> DataSetRecord:
    files = (_file(), _file("more.parquet", b"b", 3))
    values = {
        "name": "Field notes",
        "description": "Notes on the weather, with rewrites.",
        "identifier": identifier_of(files),
        "creator": Party("Meadow Institute", ("1 Lane",)),
        "created": "2026-03-01T12:00:00+00:00",
        "tool": "headwater 0.1.0",
        "files": files,
        "columns": _COLUMNS,
        "origins": {"human": 3, "machine": 2},
        "location": "https://example.org/notes",
        "licence": "CC-BY-4.0",
        "languages": ("en",),
        "keywords": ("weather",),
        "evidence": {"attestation": 3, "generation_ledger": 2},
        "permissions": {"robots: noai": 1},
        "recipes": (Recipe("reword-1", "model-7", 2, "rewords a paragraph"),),
        "sources": ("notes.csv",),
        "inputs": (
            Input(
                "Old notes",
                "https://example.org/old",
                "c" * 64,
                "https://example.org/old/record.json",
                Party("Hill Society"),
                "https://example.org/terms",
            ),
        ),
        "methods": (Method("typed in by members", "User generated content", "Other"),),
        "processing": ("near duplicates removed", "gate: delta 0.05"),
        "run": "2026-03-01-abc",
        "started": "2026-03-01T11:00:00+00:00",
        "ended": "2026-03-01T12:00:00+00:00",
        "oldest": "2019-05-01",
        "youngest": "2026-03-01",
        "previous": "2025-03-01",
        "origin_places": (Place("NL", "NL-GE"), Place("BE")),
        "purposes": (Purpose("pre-training of a small model", "ai-pre-training"),),
        "limitations": ("two villages only",),
        "biases": ("wet years are over-represented",),
        "personal_information": ("names of observers",),
        "assessed": {"PII": "scan 2.0"},
        "consents": ("https://example.org/consent",),
        "privacy_tools": (PrivacyTool("Pseudonymization", "names 1.0", ("salt",), ("12 names",)),),
        "processing_included": (Place("NL"),),
        "processing_excluded": (Place("XX"),),
        "storage_allowed": (Place("NL"),),
        "storage_forbidden": (Place("YY"),),
        "copyrights": ("Meadow Institute 2026",),
        "patents": ("no",),
        "trademarks": ("no",),
    }
    return DataSetRecord(**{**values, **changes})


def _least() -> DataSetRecord:
    """Return a record with nothing but what must be there."""
    optional = [
        one.name
        for one in dataclasses.fields(DataSetRecord)
        if one.default is not dataclasses.MISSING and one.name != "version"
    ]
    defaults = {one.name: one.default for one in dataclasses.fields(DataSetRecord)}
    return _record(**{name: defaults[name] for name in optional})


def _at(value, path):
    for part in path.split("."):
        value = value[part]
    return value


def test_the_same_record_gives_the_same_bytes():
    turned = _record(origins={"machine": 2, "human": 3}, evidence={"generation_ledger": 2, "attestation": 3})
    for write in (data_provenance, croissant, prov_json, prov_o):
        first = canonical_json(write(_record()))
        assert first == canonical_json(write(turned))
        assert json.loads(first) == json.loads(json.dumps(write(_record())))
        assert first.endswith(b"}\n")


def test_an_identifier_follows_from_the_content():
    files = (_file(), _file("more.parquet", b"b"))
    assert identifier_of(files) == identifier_of(reversed(files))
    assert identifier_of(files) != identifier_of(files[:1])
    assert identifier_of(files).startswith("urn:uuid:")


@pytest.mark.parametrize(
    ("origins", "recipes", "synthetic", "term"),
    [
        ({"human": 3}, (), False, None),
        ({"human": 3, "unknown": 1}, (), None, None),
        ({"human": 3, "machine": 1}, (), True, "compositeWithTrainedAlgorithmicMedia"),
        ({"mixed": 2}, (), True, "compositeWithTrainedAlgorithmicMedia"),
        ({"machine": 2}, (), True, "trainedAlgorithmicMedia"),
        ({"machine": 2, "human": 0}, (), True, "trainedAlgorithmicMedia"),
        ({"unknown": 2}, (Recipe("r", "g", 2),), True, "compositeWithTrainedAlgorithmicMedia"),
        ({}, (), False, None),
    ],
)
def test_what_is_said_about_machine_text(origins, recipes, synthetic, term):
    record = _record(origins=origins, recipes=recipes)
    assert (record.synthetic, record.source_type) == (synthetic, term)
    written = croissant(record)
    assert written.get("rai:hasSyntheticData") is synthetic
    assert ("digitalSourceType" in written) == (term is not None)


# mlcroissant and prov use what their own dependency, rdflib, has deprecated or warns of.
_theirs = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:NTSerializer always uses UTF-8:UserWarning"),
]


def _quietly(test):
    for mark in _theirs:
        test = mark(test)
    return test


# --- Data Provenance Standards


def test_all_22_fields_are_written_and_say_what_the_record_says():
    written = data_provenance(_record())
    assert len(FIELDS) == 22
    expected = {
        "source.version": "1.0.0",
        "source.title": "Field notes",
        "source.id": _record().identifier,
        "source.location": "https://example.org/notes",
        "source.issuer": [{"name": "Meadow Institute", "address": ["1 Lane"]}],
        "source.description": "Notes on the weather, with rewrites.",
        "provenance.source": "https://example.org/old/record.json",
        "provenance.origin": [{"name": "Hill Society"}],
        "provenance.origin-geography": [{"country": "NL", "state": "NL-GE"}, {"country": "BE"}],
        "provenance.date": "2026-03-01T12:00:00+00:00",
        "provenance.previous-date": "2025-03-01",
        "provenance.generation-period": {"start": "2019-05-01", "end": "2026-03-01"},
        "provenance.format": ["application/jsonlines", "application/x-parquet"],
        "use.consents": ["https://example.org/consent"],
        "use.processing-included": [{"country": "NL"}],
        "use.processing-excluded": [{"country": "XX"}],
        "use.storage-allowed": [{"country": "NL"}],
        "use.storage-forbidden": [{"country": "YY"}],
        "use.license": ["CC-BY-4.0"],
        "use.copyright": ["Meadow Institute 2026"],
        "use.patent": ["no"],
        "use.trademark": ["no"],
    }
    for path, value in expected.items():
        assert _at(written, path) == value, path
    apart = {"provenance.generation-method", "use.classification", "use.privacy-enhancing", "use.intended-purpose"}
    paths = {path for paths in FIELDS.values() for path in paths}
    assert paths == set(expected) | apart
    assert {f"{group}.{key}" for group, values in written.items() for key in values} == paths


def test_method_holds_how_the_data_were_generated():
    methods = data_provenance(_record())["provenance"]["generation-method"]
    assert [one["code"] for one in methods] == [
        "User generated content: Other",
        "Machine generated/MLOps: Generative",
        "Other",
        "Other",
    ]
    assert methods[1]["description"] == "2 documents by model-7, recipe reword-1: rewords a paragraph"
    assert methods[3]["description"] == "gate: delta 0.05"


def test_confidentiality_says_what_was_not_assessed():
    found = data_provenance(_record())["use"]["classification"]
    assert {one["regulation"]["code"]: one["evaluated"] for one in found} == {
        "PI": False,
        "PCI": False,
        "PFI": False,
        "PII": True,
        "PHI": False,
        "SPI": False,
    }
    assert next(one for one in found if one["evaluated"])["tool"] == "scan 2.0"


def test_privacy_tools_and_purposes():
    use = data_provenance(_record())["use"]
    assert use["privacy-enhancing"] == [
        {
            "tool-category": {"code": "Pseudonymization"},
            "tool": "names 1.0",
            "tool-used": "names 1.0",
            "parameters": ["salt"],
            "result": ["12 names"],
        }
    ]
    assert use["intended-purpose"][0]["code"] == "ai-pre-training"


_TEXTS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
_COUNTRIES = {"type": "array", "items": {"type": "object", "required": ["country"]}, "uniqueItems": True}


def _group(required, **properties):
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _codes(required):
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "object", "required": required}}


# What the published JSON Schema of version 1.0.0 demands: groups, required fields, types, cardinalities.
_SCHEMA = {
    "type": "object",
    "required": ["source", "provenance", "use"],
    "additionalProperties": False,
    "properties": {
        "source": _group(
            ["version", "title", "id", "issuer", "description"],
            version={"type": "string"},
            title={"type": "string"},
            id={"type": "string"},
            location={"type": "string", "minLength": 1},
            issuer=_codes(["name"]),
            description={"type": "string"},
        ),
        "provenance": _group(
            ["origin-geography", "date", "generation-method"],
            **{
                "source": {"type": "string", "minLength": 1},
                "origin": {"type": "array", "items": {"type": "object", "required": ["name"]}, "uniqueItems": True},
                "origin-geography": _codes(["country"]),
                "date": {"type": "string"},
                "previous-date": {"type": "string", "minLength": 1},
                "generation-period": {"type": "object"},
                "generation-method": _codes(["code"]),
                "format": _TEXTS,
            },
        ),
        "use": _group(
            ["intended-purpose"],
            **{
                "classification": _codes(["regulation", "evaluated"]),
                "consents": _TEXTS,
                "privacy-enhancing": {"type": "array", "items": {"type": "object", "required": ["tool"]}},
                "processing-included": _COUNTRIES,
                "processing-excluded": _COUNTRIES,
                "storage-allowed": _COUNTRIES,
                "storage-forbidden": _COUNTRIES,
                "license": _TEXTS,
                "intended-purpose": _codes(["code", "description"]),
                "copyright": _TEXTS,
                "patent": _TEXTS,
                "trademark": _TEXTS,
            },
        ),
    },
}


@pytest.mark.parametrize("record", [_record(), _least()], ids=["full", "least"])
def test_the_published_schema_is_met(record):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(data_provenance(record), _SCHEMA)


def test_what_is_not_known_is_not_claimed():
    written = data_provenance(_least())
    assert written["provenance"]["origin-geography"] == [{"country": "unknown"}]
    assert written["use"]["intended-purpose"][0]["description"] == "unknown"
    assert not {"source", "previous-date", "generation-period"} & set(written["provenance"])
    assert "location" not in written["source"]
    assert not any(one["evaluated"] for one in written["use"]["classification"])
    assert written["use"]["license"] == []


# --- Croissant


@pytest.fixture
def mlcroissant():
    package = pytest.importorskip("mlcroissant")
    logging.getLogger("absl").setLevel(logging.ERROR)
    return package


@pytest.mark.parametrize("record", [_record(), _least()], ids=["full", "least"])
@_quietly
def test_mlcroissant_accepts_the_record_without_complaint(mlcroissant, record):
    dataset = mlcroissant.Dataset(jsonld=croissant(record))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    assert dataset.metadata.ctx.is_v1_1()
    assert [one.sha256 for one in dataset.metadata.file_objects] == [one.sha256 for one in record.files]


@_quietly
def test_mlcroissant_reads_the_responsible_ai_fields(mlcroissant):
    metadata = mlcroissant.Dataset(jsonld=croissant(_record())).metadata
    assert metadata.data_collection == ("typed in by members; 2 documents generated by model-7, recipe reword-1")
    assert metadata.data_collection_type == ["User generated content: Other", "Synthetic"]
    assert metadata.data_preprocessing_protocol == ["near duplicates removed", "gate: delta 0.05"]
    assert metadata.data_use_cases == ["pre-training of a small model"]
    assert metadata.data_limitations == ["two villages only"]
    assert metadata.data_biases == ["wet years are over-represented"]
    assert metadata.personal_sensitive_information == ["names of observers"]
    assert [date.year for date in metadata.data_collection_timeframe] == [2019, 2026]


def test_croissant_holds_provenance_counts_and_synthetic_share():
    written = croissant(_record())
    assert written["rai:hasSyntheticData"] is True
    assert written["citeAs"] == "Meadow Institute (2026). Field notes, version 1.0.0. https://example.org/notes"
    assert written["digitalSourceType"] == {
        "@id": "https://schema.org/CompositeWithTrainedAlgorithmicMediaDigitalSource"
    }
    assert [one["prov:label"] for one in written["prov:wasDerivedFrom"]] == ["Old notes", "notes.csv"]
    agents = [one["prov:label"] for one in written["prov:wasGeneratedBy"]["prov:wasAssociatedWith"]]
    assert agents == ["headwater 0.1.0", "model-7"]
    counts = {(one["propertyID"], one["name"]): one["cr:value"] for one in written["additionalProperty"]}
    assert counts["documents by origin", "machine"] == 2
    assert counts["documents by permission signal", "robots: noai"] == 1


@_quietly
def test_mlcroissant_loads_the_documents_through_the_record(mlcroissant, tmp_path):
    table = documents(["first note", "second note"], id=["a", "b"], generation=[0, 1])
    for name in ("one.jsonl", "two [b].jsonl"):
        write_documents(table, tmp_path / name)
    files = tuple(
        DataFile(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size, 2)
        for path in sorted(tmp_path.glob("*.jsonl"))
    )
    (tmp_path / "croissant.json").write_bytes(canonical_json(croissant(_record(files=files))))
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    rows = list(dataset.records("documents"))
    assert len(rows) == 4
    assert {row["documents/text"] for row in rows} == {b"first note", b"second note"}
    assert sum(row["documents/generation"] for row in rows) == 2


# --- PROV


def test_the_prov_library_reads_prov_json():
    model = pytest.importorskip("prov.model")
    document = model.ProvDocument.deserialize(content=canonical_json(prov_json(_record())).decode(), format="json")
    kinds = {}
    for one in document.get_records():
        kinds.setdefault(one.get_type().localpart, []).append(one)
    assert {kind: len(found) for kind, found in kinds.items()} == {
        "Entity": 6,  # the data set, two files, two inputs, one recipe
        "Activity": 1,
        "Agent": 4,  # the institute, the society, the program, the model
        "Generation": 1,
        "Attribution": 2,
        "Association": 2,
        "Delegation": 1,
        "Membership": 2,
        "Usage": 2,
        "Derivation": 2,
    }
    run = kinds["Activity"][0]
    assert run.get_startTime().isoformat() == "2026-03-01T11:00:00+00:00"
    assert document.get_provn().startswith("document")


@pytest.mark.parametrize("record", [_record(), _least()], ids=["full", "least"])
@_quietly
def test_both_syntaxes_of_prov_say_the_same(record):
    """The library's own translation of our PROV-JSON and our JSON-LD agree on every relation of PROV-O."""
    model = pytest.importorskip("prov.model")
    rdflib = pytest.importorskip("rdflib")
    document = model.ProvDocument.deserialize(content=json.dumps(prov_json(record)), format="json")
    theirs = rdflib.Graph().parse(data=document.serialize(format="rdf", rdf_format="nt"), format="nt")
    ours = rdflib.Graph().parse(data=json.dumps(prov_o(record)), format="json-ld")
    prov = rdflib.Namespace("http://www.w3.org/ns/prov#")
    # Where an association has a plan, the library writes the qualified form alone; PROV-O asks for both.
    for activity, association in theirs.subject_objects(prov.qualifiedAssociation):
        theirs.add((activity, prov.wasAssociatedWith, theirs.value(association, prov.agent)))
    for relation in (
        prov.wasGeneratedBy,
        prov.wasAttributedTo,
        prov.wasAssociatedWith,
        prov.actedOnBehalfOf,
        prov.hadMember,
        prov.used,
        prov.wasDerivedFrom,
    ):
        assert set(ours.subject_objects(relation)) == set(theirs.subject_objects(relation)), relation
    for kind in (prov.Entity, prov.Activity, prov.Agent, prov.Plan, prov.SoftwareAgent, prov.Collection):
        assert set(ours.subjects(rdflib.RDF.type, kind)) == set(theirs.subjects(rdflib.RDF.type, kind)), kind
    for moment in (prov.startedAtTime, prov.endedAtTime):
        assert {str(one) for one in ours.objects(None, moment)} == {str(one) for one in theirs.objects(None, moment)}
    assert len(set(ours.objects(None, prov.hadPlan))) == len(record.recipes)


def test_prov_names_files_by_their_content_and_states_the_source_type():
    written = prov_json(_record())
    data = next(one for one in written["entity"].values() if one.get("headwater:identifier") == _record().identifier)
    assert data["headwater:digitalSourceType"] == "compositeWithTrainedAlgorithmicMedia"
    assert data["headwater:documents.machine"] == {"$": "2", "type": "xsd:long"}
    assert data["headwater:permissions"] == ["robots: noai: 1"]
    assert f"file:{hashlib.sha256(b'a').hexdigest()}" in written["entity"]
    assert "headwater:location" not in next(iter(prov_json(_least())["entity"].values()))


# --- Marks on generated documents


def _types(table):
    found = SourceTypeReader().read(table.combine_chunks().to_batches()[0])
    return {row: evidence.origin for row, evidence in found}


def test_generated_documents_declare_themselves_when_read_again():
    table = documents(
        ["a", "b", "c", "d", "e"],
        origin=["machine", "human", "mixed", "unknown", None],
        meta=['{"temperature": 0.7}', '{"page": 3}', None, None, None],
    )
    marked = mark_machine(table)
    assert _types(table) == {}
    assert _types(marked) == {0: Origin.MACHINE, 2: Origin.MIXED}
    assert marked.schema == table.schema
    assert marked.drop(["meta"]) == table.drop(["meta"])
    assert json.loads(marked["meta"][0].as_py()) == {
        "temperature": 0.7,
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    }
    assert marked["meta"].to_pylist()[1] == '{"page": 3}'
    assert mark_machine(marked) == marked


def test_what_was_declared_before_is_kept():
    earlier = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation"
    for declared in (earlier, [earlier]):
        table = documents(["a"], origin="mixed", meta=[json.dumps({"digitalSourceType": declared})])
        values = json.loads(mark_machine(table)["meta"][0].as_py())["digitalSourceType"]
        assert values == [
            earlier,
            "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
        ]


@pytest.mark.parametrize(("meta", "kept"), [("plain words", "plain words"), ("[1, 2]", [1, 2]), ("{", "{")])
def test_meta_that_is_no_object_is_kept(meta, kept):
    marked = mark_machine(documents(["a"], origin="machine", meta=[meta]))
    assert json.loads(marked["meta"][0].as_py())["meta"] == kept


def test_tables_of_many_chunks_and_further_columns_are_marked():
    table = pa.concat_tables(
        [documents([str(i)], origin=origin) for i, origin in enumerate(["machine", "human", "machine"])]
    ).append_column("tokens", pa.array([1, 2, 3]))
    marked = mark_machine(table)
    assert set(_types(marked.drop(["tokens"]))) == {0, 2}
    assert marked["tokens"].to_pylist() == [1, 2, 3]
    empty = documents([])
    assert mark_machine(empty) == empty
