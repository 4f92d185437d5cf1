"""Records of a data set: one description, written as W3C PROV, Croissant and Data Provenance Standards."""

from headwater.origin.records.croissant import croissant
from headwater.origin.records.data_provenance import FIELDS, data_provenance
from headwater.origin.records.prov import prov_json, prov_o
from headwater.origin.records.record import (
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
    identifier_of,
)
from headwater.sources.marking import mark_machine

__all__ = [
    "FIELDS",
    "ColumnMeaning",
    "DataFile",
    "DataSetRecord",
    "Input",
    "Method",
    "Party",
    "Place",
    "PrivacyTool",
    "Purpose",
    "Recipe",
    "canonical_json",
    "croissant",
    "data_provenance",
    "identifier_of",
    "mark_machine",
    "prov_json",
    "prov_o",
]
