"""Running operators over batches of documents: in this process, in a pool of processes, or on a cluster."""

from headwater.engine.adapters import TableFunction, as_daft_function, as_table_function
from headwater.engine.apply import RowError, apply_operators
from headwater.engine.embedded import EmbeddedEngine, available_cpus
from headwater.engine.engine import Done, Engine, Failed, Usage
from headwater.engine.open import open_engine
from headwater.engine.operator import Operator, operator_key
from headwater.engine.progress import Standing, advance

__all__ = [
    "Done",
    "EmbeddedEngine",
    "Engine",
    "Failed",
    "Operator",
    "RowError",
    "Standing",
    "TableFunction",
    "Usage",
    "advance",
    "apply_operators",
    "as_daft_function",
    "as_table_function",
    "available_cpus",
    "open_engine",
    "operator_key",
]
