"""The project folder: versioned tables, verdicts, the split of the human documents, sealed panels, runs.

Lance and DuckDB are imported when a table is first opened, not here.
"""

from headwater.store.atomic import (
    append_line,
    json_text,
    parquet_file,
    read_lines,
    replace_folder,
    replaced_file,
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
from headwater.store.split import PANELS, Part, Split, SplitRow, merge_overlapping, split_by_group
from headwater.store.tables import Table, document_table, lineage_table, sql_text
from headwater.store.toml import toml_text

__all__ = [
    "PANELS",
    "Holder",
    "Ledger",
    "Panel",
    "Panels",
    "Part",
    "RunFolder",
    "RunState",
    "SealedPanel",
    "Split",
    "SplitRow",
    "Table",
    "append_line",
    "document_table",
    "json_text",
    "lineage_table",
    "list_runs",
    "lock_holder",
    "merge_overlapping",
    "open_panels",
    "parquet_file",
    "read_lines",
    "replace_folder",
    "replaced_file",
    "resolve",
    "seal",
    "split_by_group",
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
