"""Reading and writing documents: files of the user, and the documentation installed with Python."""

from headwater.sources.documentation import DocumentationCorpus, collect_documentation, read_documentation
from headwater.sources.inputs import InputFile
from headwater.sources.layout import FILE, ROW, Layout, Part, ReadSettings, Shard
from headwater.sources.read import (
    DocumentStream,
    ReadReport,
    check_outputs,
    expand_paths,
    format_of,
    read_documents,
    read_table,
)
from headwater.sources.rejects import HARMLESS, SAMPLE_CHARACTERS, Reject, RejectKind, RejectLog
from headwater.sources.rows import OWN_COLUMNS, Columns
from headwater.sources.shards import ShardPlan, ShardReport, ShardStream, plan_shards, read_shard
from headwater.sources.warming import warm
from headwater.sources.write import WRITABLE, document_writer, write_documents

__all__ = [
    "FILE",
    "HARMLESS",
    "OWN_COLUMNS",
    "ROW",
    "SAMPLE_CHARACTERS",
    "WRITABLE",
    "Columns",
    "DocumentStream",
    "DocumentationCorpus",
    "InputFile",
    "Layout",
    "Part",
    "ReadReport",
    "ReadSettings",
    "Reject",
    "RejectKind",
    "RejectLog",
    "Shard",
    "ShardPlan",
    "ShardReport",
    "ShardStream",
    "check_outputs",
    "collect_documentation",
    "document_writer",
    "expand_paths",
    "format_of",
    "plan_shards",
    "read_documentation",
    "read_documents",
    "read_shard",
    "read_table",
    "warm",
    "write_documents",
]
