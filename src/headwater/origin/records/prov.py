"""W3C PROV: the data set as an entity that an activity generated, agents answer for and inputs went into.

Two serialisations of one description (PROV-DM, W3C Recommendation of 30 April 2013): PROV-JSON (W3C member submission
of 24 April 2013), which provenance stores read, and PROV-O as JSON-LD, which joins other linked data.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.origin.records.record import DataFile, DataSetRecord, Input
from headwater.schema import digest

NAMESPACES: Mapping[str, str] = {
    "prov": "http://www.w3.org/ns/prov#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "headwater": "urn:headwater:terms:",
    "data": "urn:headwater:data:",
    "file": "urn:sha256:",
    "agent": "urn:headwater:agent:",
    "run": "urn:headwater:run:",
    "recipe": "urn:headwater:recipe:",
}
"""Prefixes of names; files are named by their content."""


@dataclass(slots=True)
class _Description:
    """Elements and relations of PROV-DM, before they are written in a syntax."""

    elements: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"entity": {}, "activity": {}, "agent": {}}
    )
    relations: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def element(self, kind: str, name: str, *types: str, **attributes: Any) -> str:
        known = {key.replace("_", ":", 1): value for key, value in attributes.items() if value not in ("", None, [])}
        self.elements[kind].setdefault(name, {"prov:type": list(types), **known})
        return name

    def relate(self, kind: str, **ends: str) -> None:
        relation = {f"prov:{key}": value for key, value in ends.items()}
        if relation not in self.relations.setdefault(kind, []):
            self.relations[kind].append(relation)


def prov_json(record: DataSetRecord) -> dict[str, Any]:
    """Return the record as PROV-JSON."""
    description = _describe(record)
    prefixes = {key: value for key, value in NAMESPACES.items() if key not in {"prov", "xsd"}}
    out: dict[str, Any] = {"prefix": prefixes}
    for kind, elements in description.elements.items():
        out[kind] = {
            name: {key: _json_value(key, value) for key, value in values.items()} for name, values in elements.items()
        }
    for kind, relations in description.relations.items():
        out[kind] = {f"_:{kind}{number}": relation for number, relation in enumerate(relations, 1)}
    return out


def prov_o(record: DataSetRecord) -> dict[str, Any]:
    """Return the record in the PROV ontology (PROV-O) as JSON-LD."""
    description = _describe(record)
    nodes: dict[str, dict[str, Any]] = {}
    for kind, elements in description.elements.items():
        for name, values in elements.items():
            own = {_TERMS.get(key, key): _linked_value(key, value) for key, value in values.items()}
            types = [f"prov:{kind.capitalize()}", *own.pop("prov:type")]
            nodes[name] = {"@id": name, "@type": types, **own}
    for kind, relations in description.relations.items():
        subject, target = _ENDS[kind]
        for relation in relations:
            node = nodes[relation[subject]]
            node.setdefault(f"prov:{kind}", []).append({"@id": relation[target]})
            if "prov:plan" in relation:
                node.setdefault("prov:qualifiedAssociation", []).append(
                    {
                        "@type": "prov:Association",
                        "prov:agent": {"@id": relation[target]},
                        "prov:hadPlan": {"@id": relation["prov:plan"]},
                    }
                )
    return {"@context": dict(NAMESPACES), "@graph": list(nodes.values())}


def _describe(record: DataSetRecord) -> _Description:
    out = _Description()
    data = out.element(
        "entity",
        f"data:{digest(record.identifier)}",
        "prov:Collection",
        "headwater:DataSet",
        prov_label=record.name,
        headwater_identifier=record.identifier,
        headwater_description=record.description,
        headwater_version=record.version,
        headwater_location=record.location,
        headwater_licence=record.licence,
        headwater_digitalSourceType=record.source_type,
        **{f"headwater_documents.{name}": count for name, count in sorted(record.origins.items())},
        **{f"headwater_evidence.{name}": count for name, count in sorted((record.evidence or {}).items())},
        # Permission signals are named by whoever gives them, so they are no names of properties.
        headwater_permissions=[f"{name}: {count}" for name, count in sorted((record.permissions or {}).items())],
    )
    run = out.element(
        "activity",
        f"run:{digest(record.run or record.identifier)}",
        "headwater:Run",
        prov_label=record.run,
        prov_startTime=record.started,
        prov_endTime=record.ended,
        headwater_steps=" -> ".join(record.processing),
    )
    tool = out.element("agent", f"agent:{digest(record.tool)}", "prov:SoftwareAgent", prov_label=record.tool)
    creator = out.element(
        "agent",
        f"agent:{digest(record.creator.name)}",
        "prov:Person" if record.creator.person else "prov:Organization",
        prov_label=record.creator.name,
    )
    out.relate("wasGeneratedBy", entity=data, activity=run)
    out.relate("wasAttributedTo", entity=data, agent=creator)
    out.relate("wasAssociatedWith", activity=run, agent=tool)
    out.relate("actedOnBehalfOf", delegate=tool, responsible=creator)
    for file in record.files:
        member = out.element(
            "entity",
            f"file:{file.sha256}",
            "headwater:File",
            prov_label=file.path,
            headwater_bytes=file.size_bytes,
            headwater_rows=file.rows,
            headwater_mediaType=_media_type(file),
        )
        out.relate("hadMember", collection=data, entity=member)
    for name, source in _used(record):
        used = out.element("entity", name, "headwater:DataSet", **_input_attributes(source))
        out.relate("used", activity=run, entity=used)
        out.relate("wasDerivedFrom", generatedEntity=data, usedEntity=used)
        if source.issuer is not None:
            issuer = out.element(
                "agent",
                f"agent:{digest(source.issuer.name)}",
                "prov:Person" if source.issuer.person else "prov:Organization",
                prov_label=source.issuer.name,
            )
            out.relate("wasAttributedTo", entity=used, agent=issuer)
    for recipe in record.recipes:
        plan = out.element(
            "entity",
            f"recipe:{digest([recipe.name, recipe.generator])}",
            "prov:Plan",
            prov_label=recipe.name,
            headwater_documents=recipe.documents,
            headwater_description=recipe.description,
        )
        generator = out.element(
            "agent", f"agent:{digest(recipe.generator)}", "prov:SoftwareAgent", prov_label=recipe.generator
        )
        out.relate("wasAssociatedWith", activity=run, agent=generator, plan=plan)
    return out


def _used(record: DataSetRecord) -> Iterator[tuple[str, Input]]:
    """Yield inputs, and sources that are no inputs, with their names."""
    for one in record.inputs:
        yield f"file:{one.sha256}" if one.sha256 else f"data:{digest(one.identifier or one.name)}", one
    known = {one.name for one in record.inputs}
    yield from ((f"data:{digest(name)}", Input(name)) for name in record.sources if name not in known)


def _input_attributes(source: Input) -> dict[str, str]:
    return {
        "prov_label": source.name,
        "headwater_identifier": source.identifier,
        "headwater_record": source.record,
        "headwater_licence": source.licence,
    }


def _media_type(file: DataFile) -> str:
    return "; ".join(file.media_types)


# Which end of a relation is its subject in PROV-O, and which its object.
_ENDS = {
    "wasGeneratedBy": ("prov:entity", "prov:activity"),
    "wasAttributedTo": ("prov:entity", "prov:agent"),
    "wasAssociatedWith": ("prov:activity", "prov:agent"),
    "actedOnBehalfOf": ("prov:delegate", "prov:responsible"),
    "hadMember": ("prov:collection", "prov:entity"),
    "used": ("prov:activity", "prov:entity"),
    "wasDerivedFrom": ("prov:generatedEntity", "prov:usedEntity"),
}
# PROV-O names the times of an activity otherwise, and labels with RDF Schema.
_TERMS = {
    "prov:startTime": "prov:startedAtTime",
    "prov:endTime": "prov:endedAtTime",
    "prov:label": "http://www.w3.org/2000/01/rdf-schema#label",
}


def _json_value(key: str, value: Any) -> Any:
    if key == "prov:type":
        return [{"$": one, "type": "xsd:QName"} for one in value]
    return {"$": str(value), "type": "xsd:long"} if isinstance(value, int) else value


def _linked_value(key: str, value: Any) -> Any:
    if key in {"prov:startTime", "prov:endTime"}:
        return {"@value": value, "@type": "xsd:dateTime"}
    return {"@value": str(value), "@type": "xsd:long"} if isinstance(value, int) else value
