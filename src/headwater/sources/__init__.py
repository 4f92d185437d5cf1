"""Reading and writing documents: files of the user, and the documentation installed with Python."""

from headwater.sources.documentation import DocumentationCorpus, collect_documentation, read_documentation
from headwater.sources.read import (
    DocumentStream,
    ReadReport,
    check_outputs,
    expand_paths,
    format_of,
    read_documents,
    read_table,
)
from headwater.sources.rejects import Reject, RejectKind, RejectLog
from headwater.sources.rows import OWN_COLUMNS, Columns
from headwater.sources.write import WRITABLE, write_documents

__all__ = [
    "OWN_COLUMNS",
    "WRITABLE",
    "Columns",
    "DocumentStream",
    "DocumentationCorpus",
    "ReadReport",
    "Reject",
    "RejectKind",
    "RejectLog",
    "check_outputs",
    "collect_documentation",
    "expand_paths",
    "format_of",
    "read_documentation",
    "read_documents",
    "read_table",
    "write_documents",
]
