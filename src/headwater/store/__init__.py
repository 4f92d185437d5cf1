"""The project folder: versioned tables, verdicts, sealed panels, runs.

Lance and DuckDB are imported when a table is first opened, not here.
"""

from headwater.store.atomic import (
    append_line,
    json_text,
    parquet_file,
    read_lines,
    replace_folder,
    storage_errors,
    write_bytes,
    write_json,
    write_parquet,
    write_text,
)
from headwater.store.ledger import Ledger
from headwater.store.lock import Holder, lock_holder, writer_lock
from headwater.store.panels import Panel, Panels, SealedPanel, open_panels, seal
from headwater.store.runs import RunFolder, RunState, list_runs, resolve, store_folder
from headwater.store.tables import Table, document_table, lineage_table, sql_text
from headwater.store.toml import toml_text

__all__ = [
    "Holder",
    "Ledger",
    "Panel",
    "Panels",
    "RunFolder",
    "RunState",
    "SealedPanel",
    "Table",
    "append_line",
    "document_table",
    "json_text",
    "lineage_table",
    "list_runs",
    "lock_holder",
    "open_panels",
    "parquet_file",
    "read_lines",
    "replace_folder",
    "resolve",
    "seal",
    "sql_text",
    "storage_errors",
    "store_folder",
    "toml_text",
    "write_bytes",
    "write_json",
    "write_parquet",
    "write_text",
    "writer_lock",
]
