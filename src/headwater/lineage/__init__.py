"""Who was made from what, and what that costs: family trees of data sets and models, and their inbreeding."""

from headwater.lineage.events import ancestors, data_set_made, data_set_sampled, model_trained
from headwater.lineage.graph import Graph, Node
from headwater.lineage.importers import graph_json, read_graph, read_open_lineage
from headwater.lineage.kinship import Inbreeding, inbreeding
from headwater.lineage.observed import Explanation, effective_size, explain, heterozygosity, observed_f
from headwater.lineage.planner import Need, Plan, WhatIf, plan, what_if

__all__ = [
    "Explanation",
    "Graph",
    "Inbreeding",
    "Need",
    "Node",
    "Plan",
    "WhatIf",
    "ancestors",
    "data_set_made",
    "data_set_sampled",
    "effective_size",
    "explain",
    "graph_json",
    "heterozygosity",
    "inbreeding",
    "model_trained",
    "observed_f",
    "plan",
    "read_graph",
    "read_open_lineage",
    "what_if",
]
