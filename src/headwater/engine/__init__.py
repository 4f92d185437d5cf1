"""Running operators over batches of documents: in this process, in a pool of processes, or on a cluster."""

from headwater.engine.operator import Operator, operator_key

__all__ = ["Operator", "operator_key"]
