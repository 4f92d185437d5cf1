"""Which documents descend from a panel agrees with plain reachability, whatever the graph."""

import networkx as nx
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.schema import documents
from headwater.store import Panel, seal

SEALED = [f"n{i}" for i in range(4)]
NODES = st.sampled_from([f"n{i}" for i in range(14)])


@pytest.fixture(scope="module")
def panels(tmp_path_factory):
    rows = documents([f"text {name}" for name in SEALED], id=SEALED)
    return seal(tmp_path_factory.mktemp("store") / "panels", {Panel.FINAL: rows})


@given(st.lists(st.tuples(NODES, st.lists(NODES, max_size=3)), max_size=20))
def test_barred_is_what_can_be_reached_from_a_panel_document(panels, rows):
    graph = nx.DiGraph()
    graph.add_nodes_from(SEALED)
    for name, parents in rows:
        graph.add_node(name)
        graph.add_edges_from((parent, name) for parent in parents)
    expected = set(SEALED).union(*(nx.descendants(graph, name) for name in SEALED))
    table = pa.table(
        {
            "id": pa.array([name for name, _ in rows], pa.string()),
            "parents": pa.array([p for _, p in rows], pa.list_(pa.string())),
        }
    )
    assert panels.bar_descendants(table).tolist() == [name in expected for name, _ in rows]
