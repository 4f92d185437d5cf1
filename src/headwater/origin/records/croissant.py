"""Croissant 1.1 with the responsible-AI vocabulary: what machine-learning tools load a data set by.

MLCommons, Croissant format specification 1.1, and Croissant RAI 1.0 (2024) with ``rai:hasSyntheticData``. Provenance
uses PROV-O as the specification's section on provenance recommends.
"""

from collections.abc import Mapping
from glob import escape
from typing import Any

from headwater.origin.records.record import ColumnMeaning, DataFile, DataSetRecord, Input, Party

CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
"""Specifications the record conforms to."""

_TYPES = {
    "text": "sc:Text",
    "integer": "sc:Integer",
    "float": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
}
# Appendix 1 of the specification, with the prefix for provenance.
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "readLines": "cr:readLines",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "sdVersion": "cr:sdVersion",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "unArchive": "cr:unArchive",
    "value": "cr:value",
}


def croissant(record: DataSetRecord) -> dict[str, Any]:
    """Return the record as Croissant 1.1 JSON-LD.

    Every file is listed with its SHA-256; files of one format form a set, and each set has the columns as fields.
    """
    formats: dict[tuple[str, ...], list[DataFile]] = {}
    for file in record.files:
        formats.setdefault(file.media_types, []).append(file)
    sets = [(f"files-{number}", types, files) for number, (types, files) in enumerate(sorted(formats.items()), 1)]
    return _filled(
        {
            "@context": dict(_CONTEXT),
            "@type": "sc:Dataset",
            "@id": record.identifier,
            "conformsTo": list(CONFORMS_TO),
            "name": record.name,
            "description": record.description,
            "identifier": record.identifier,
            "url": record.location or record.identifier,
            "version": record.version,
            "citeAs": _citation(record),
            "license": _licence(record.licence),
            "creator": _party(record.creator),
            "dateCreated": record.created,
            "datePublished": record.created,
            "inLanguage": list(record.languages),
            "keywords": list(record.keywords),
            "distribution": [
                *(_file(f"file-{number}", file) for number, file in enumerate(record.files, 1)),
                *(_file_set(name, types, files) for name, types, files in sets),
            ],
            "recordSet": [_record_set(number, name, record.columns) for number, (name, _, _) in enumerate(sets, 1)],
            "additionalProperty": _counts(record),
            **_source_type(record),
            **_responsible(record),
            **_provenance(record),
        }
    )


def _file(name: str, file: DataFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        # Ids may hold no spaces, which paths may.
        "@id": name,
        "name": file.path,
        "description": f"{file.rows} documents",
        "contentUrl": file.path,
        "contentSize": f"{file.size_bytes} B",
        "encodingFormat": _format(file.media_types),
        "sha256": file.sha256,
    }


def _file_set(name: str, types: tuple[str, ...], files: list[DataFile]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": _format(types),
        "includes": [escape(file.path) for file in files],
    }


def _format(types: tuple[str, ...]) -> Any:
    return types[0] if len(types) == 1 else list(types)


def _record_set(number: int, files: str, columns: tuple[ColumnMeaning, ...]) -> dict[str, Any]:
    name = "documents" if number == 1 else f"documents-{number}"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": "One record for each document.",
        "field": [
            _filled(
                {
                    "@type": "cr:Field",
                    "@id": f"{name}/{'_'.join(column.name.split())}",
                    "name": column.name,
                    "description": column.meaning,
                    "dataType": _TYPES[column.kind],
                    "isArray": True if column.repeated else None,
                    "arrayShape": "-1" if column.repeated else None,
                    "source": {"fileSet": {"@id": files}, "extract": {"column": column.name}},
                }
            )
            for column in columns
        ],
    }


def _counts(record: DataSetRecord) -> list[Any]:
    groups = (
        ("documents by origin", record.origins),
        ("documents by evidence of origin", record.evidence or {}),
        ("documents by permission signal", record.permissions or {}),
    )
    return [
        {"@type": "PropertyValue", "propertyID": group, "name": name, "cr:value": count}
        for group, counts in groups
        for name, count in sorted(counts.items())
    ]


def _source_type(record: DataSetRecord) -> dict[str, Any]:
    if record.source_type is None:
        return {}
    term = record.source_type[0].upper() + record.source_type[1:]
    return {"digitalSourceType": {"@id": f"https://schema.org/{term}DigitalSource"}}


def _responsible(record: DataSetRecord) -> dict[str, Any]:
    collected = [one.description for one in record.methods]
    kinds = [f"{one.category}: {one.kind}" if one.kind else one.category for one in record.methods]
    generated = [f"{one.documents} documents generated by {one.generator}, recipe {one.name}" for one in record.recipes]
    return {
        "rai:dataCollection": "; ".join([*collected, *generated]),
        "rai:dataCollectionType": list(dict.fromkeys([*kinds, *(["Synthetic"] if record.recipes else [])])),
        "rai:dataCollectionRawData": ", ".join(record.sources),
        "rai:dataCollectionTimeFrame": [date for date in (record.oldest, record.youngest) if date],
        "rai:dataPreprocessingProtocol": list(record.processing),
        "rai:machineAnnotationTools": [f"{record.tool}: origin and its evidence"],
        "rai:dataUseCases": [one.description for one in record.purposes],
        "rai:dataLimitations": list(record.limitations),
        "rai:dataBiases": list(record.biases),
        "rai:personalSensitiveInformation": list(record.personal_information),
        "rai:hasSyntheticData": record.synthetic,
    }


def _provenance(record: DataSetRecord) -> dict[str, Any]:
    known = {one.name for one in record.inputs}
    used = [*record.inputs, *(Input(name) for name in record.sources if name not in known)]
    agents = dict.fromkeys([record.tool, *(one.generator for one in record.recipes)])
    activity = _filled(
        {
            "@type": "prov:Activity",
            "prov:label": record.run or record.tool,
            "prov:startedAtTime": record.started,
            "prov:endedAtTime": record.ended,
            "prov:wasAssociatedWith": [{"@type": "prov:SoftwareAgent", "prov:label": agent} for agent in agents],
        }
    )
    return {
        "prov:wasGeneratedBy": activity,
        "prov:wasAttributedTo": {"@type": "prov:Agent", "prov:label": record.creator.name},
        "prov:wasDerivedFrom": [_input(one) for one in used],
    }


def _input(source: Input) -> dict[str, Any]:
    identifier = source.identifier or (f"urn:sha256:{source.sha256}" if source.sha256 else "")
    return _filled(
        {
            "@id": identifier,
            "@type": "prov:Entity",
            "prov:label": source.name,
            "license": _licence(source.licence) if source.licence else None,
            "url": source.record,
        }
    )


def _citation(record: DataSetRecord) -> str:
    year = f" ({record.created[:4]})" if record.created else ""
    return (
        f"{record.creator.name}{year}. {record.name}, version {record.version}. {record.location or record.identifier}"
    )


def _party(party: Party) -> dict[str, Any]:
    return {"@type": "sc:Person" if party.person else "sc:Organization", "name": party.name}


def _licence(licence: str) -> Any:
    if licence.startswith(("http://", "https://")):
        return licence
    # The field must be there; NOASSERTION is SPDX's word for not known.
    return {"@type": "sc:CreativeWork", "name": licence or "NOASSERTION"}


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None and value not in ("", [])}
