"""Data Provenance Standards 1.0.0 of the Data & Trust Alliance: 22 fields in three groups, as their JSON.

Published at https://dataandtrustalliance.org; the JSON Schema was contributed to the OASIS Data Provenance Standard
Technical Committee. Method holds how the data were generated.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headwater.origin.records.record import DataSetRecord, Party, Place

STANDARD = "1.0.0"
"""Version of the standards."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "Standards version used": ("source.version",),
    "Dataset title/name": ("source.title",),
    "Unique metadata identifier": ("source.id",),
    "Metadata location": ("source.location",),
    "Dataset issuer": ("source.issuer",),
    "Description of the dataset": ("source.description",),
    "Source metadata for dataset": ("provenance.source",),
    "Source (if different from issuer)": ("provenance.origin",),
    "Data origin geography": ("provenance.origin-geography",),
    "Dataset issue date": ("provenance.date",),
    "Date of previously issued version of the dataset": ("provenance.previous-date",),
    "Range of dates for data generation": ("provenance.generation-period",),
    "Method": ("provenance.generation-method",),
    "Data format": ("provenance.format",),
    "Confidentiality classification": ("use.classification",),
    "Consent documentation location": ("use.consents",),
    "Privacy enhancing technologies": ("use.privacy-enhancing",),
    "Data processing geography": ("use.processing-included", "use.processing-excluded"),
    "Data storage geography": ("use.storage-allowed", "use.storage-forbidden"),
    "License to use": ("use.license",),
    "Intended data use": ("use.intended-purpose",),
    "Proprietary data presence": ("use.copyright", "use.patent", "use.trademark"),
}
"""The 22 fields and where they stand in the JSON."""

CLASSIFICATIONS = ("PI", "PCI", "PFI", "PII", "PHI", "SPI")
"""Classifications every record answers for: assessed, with which tool, or not."""

_METHODS = "https://github.com/Data-and-Trust-Alliance/DPS/Method"
_USES = "https://github.com/Data-and-Trust-Alliance/DPS/Use"
_GENERATED = "Machine generated/MLOps: Generative"
_UNKNOWN = "unknown"  # for fields that must be there, where nothing is known


def data_provenance(record: DataSetRecord) -> dict[str, Any]:
    """Return the record in the JSON form of the Data Provenance Standards 1.0.0.

    All 22 fields are there; only single values that are not known (location, source metadata, dates) are left out, and
    the three the standard requires say ``unknown``.
    """
    return {
        "source": _filled(
            {
                "version": STANDARD,
                "title": record.name,
                "id": record.identifier,
                "location": record.location,
                "issuer": [_party(record.creator)],
                "description": record.description,
            }
        ),
        "provenance": _filled(
            {
                "source": next((one.record for one in record.inputs if one.record), ""),
                "origin": _distinct(_party(one.issuer) for one in record.inputs if one.issuer is not None),
                "origin-geography": _places(record.origin_places) or [{"country": _UNKNOWN}],
                "date": record.created,
                "previous-date": record.previous,
                "generation-period": _filled({"start": record.oldest, "end": record.youngest}),
                "generation-method": _methods(record),
                "format": _distinct(kind for file in record.files for kind in file.media_types),
            }
        ),
        "use": {
            "classification": _classifications(record.assessed or {}),
            "consents": _distinct(record.consents),
            "privacy-enhancing": [
                {
                    "tool-category": {"code": one.technique},
                    # The schema names the property tool-used and requires tool.
                    "tool": one.tool,
                    "tool-used": one.tool,
                    "parameters": list(one.parameters),
                    "result": list(one.result),
                }
                for one in record.privacy_tools
            ],
            "processing-included": _places(record.processing_included),
            "processing-excluded": _places(record.processing_excluded),
            "storage-allowed": _places(record.storage_allowed),
            "storage-forbidden": _places(record.storage_forbidden),
            "license": [record.licence] if record.licence else [],
            "intended-purpose": _distinct(
                {"code": one.code, "system": _USES, "description": one.description} for one in record.purposes
            )
            or [{"code": "ai-other", "system": _USES, "description": _UNKNOWN}],
            "copyright": _distinct(record.copyrights),
            "patent": _distinct(record.patents),
            "trademark": _distinct(record.trademarks),
        },
    }


def _methods(record: DataSetRecord) -> list[Any]:
    generated = (
        {
            "code": _GENERATED,
            "system": _METHODS,
            "description": f"{one.documents} documents by {one.generator}, recipe {one.name}"
            + (f": {one.description}" if one.description else ""),
        }
        for one in record.recipes
    )
    collected = (
        {
            "code": f"{one.category}: {one.kind}" if one.kind else one.category,
            "system": _METHODS,
            "description": one.description,
        }
        for one in record.methods
    )
    compiled = ({"code": "Other", "system": _METHODS, "description": step} for step in record.processing)
    return _distinct([*collected, *generated, *compiled]) or [{"code": _UNKNOWN}]


def _classifications(assessed: Mapping[str, str]) -> list[Any]:
    found: list[Any] = []
    for code in (*CLASSIFICATIONS, *sorted(set(assessed) - set(CLASSIFICATIONS))):
        tool = {"tool": assessed[code]} if assessed.get(code) else {}
        found.append({"regulation": {"code": code}, "evaluated": code in assessed, **tool})
    return found


def _party(party: Party) -> dict[str, Any]:
    return {"name": party.name, **({"address": _distinct(party.addresses)} if party.addresses else {})}


def _places(places: Iterable[Place]) -> list[Any]:
    return _distinct(_filled({"country": one.country, "state": one.state}) for one in places)


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Return values without repeats, in their order: the schema's lists are sets."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", {})}
