"""Inbreeding computed from family trees against closed forms and against simulated training in a loop.

Constants without another source are the closed forms evaluated; simulated values and tolerances are stated beside them.
"""

import math

import numpy as np
import pytest

from headwater.lineage import Graph, Inbreeding, Node, drift, inbreeding


def _human(name, n):
    return Node(name, "human", "founder", n)


def _model(name, *parts):
    return Node(name, "model", "trained", parts=parts)


def _sample(name, n, *parts):
    return Node(name, "synthetic", "sampled", n, parts)


def _chain(n, fits, effective_n=None):
    """Return a loop that trains each model on n items of the one before."""
    nodes = [Node("D1", "human", "founder", n, effective_n=effective_n), _model("M1", ("D1", 1.0))]
    for t in range(2, fits + 1):
        sample = Node(f"D{t}", "synthetic", "sampled", n, ((f"M{t - 1}", 1.0),), effective_n=effective_n)
        nodes += [sample, _model(f"M{t}", (f"D{t}", 1.0))]
    return Graph(tuple(nodes))


def _everything(n, fits, subsample=False):
    """Return a loop whose t-th model is trained on the human set and the output of all models before."""
    nodes = [_human("D1", n), _model("M1", ("D1", 1.0))]
    for t in range(2, fits + 1):
        nodes.append(_sample(f"D{t}", n, (f"M{t - 1}", 1.0)))
        pool = tuple((f"D{i}", 1.0) for i in range(1, t + 1))
        if subsample:
            nodes.append(Node(f"T{t}", "synthetic", "subsampled", n, pool))
            pool = ((f"T{t}", 1.0),)
        nodes.append(_model(f"M{t}", *pool))
    return Graph(tuple(nodes))


def test_mixtures_of_several_generations() -> None:
    # 20-type categorical models, 200,000 replicates: F 0.03336, 0.04534, 0.05689, 0.06428; kinships 0.03772, 0.02886,
    # 0.03920.
    found = inbreeding(
        Graph(
            (
                _human("R0", 30),
                _human("R1", 10),
                _model("A", ("R0", 1.0)),
                _sample("S1", 20, ("A", 1.0)),
                _model("B", ("S1", 0.6), ("R0", 0.3), ("R1", 0.1)),
                _sample("S2", 40, ("B", 1.0)),
                _sample("S3", 15, ("A", 1.0)),
                _model("C", ("S2", 0.5), ("S3", 0.5)),
                _sample("S4", 25, ("C", 1.0)),
                _model("E", ("S4", 0.7), ("S1", 0.2), ("R1", 0.1)),
            )
        )
    )
    expected = {"A": 0.033333333, "B": 0.045400000, "C": 0.056760694, "E": 0.064193564}
    assert {name: found.f[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    pairs = {("B", "C"): 0.037700000, ("A", "E"): 0.028833333, ("B", "E"): 0.039190000, ("C", "E"): 0.049465819}
    for (a, b), kinship in pairs.items():
        assert found.kinship(a, b) == pytest.approx(kinship, abs=1e-9)
        assert found.kinship(b, a) == found.kinship(a, b)
    assert found.matrix(("B", "C")) == pytest.approx(np.array([[0.0454, 0.0377], [0.0377, 0.056760694]]), abs=1e-9)
    assert found.founders("B") == pytest.approx(1 / 0.0454)
    assert found.effective_size("B") == pytest.approx(1 / (0.6**2 / 20 + 0.3**2 / 30 + 0.1**2 / 10))


@pytest.mark.parametrize("n", [2, 10, 100])
def test_a_chain_is_the_closed_form(n: int) -> None:
    f = inbreeding(_chain(n, 60)).f
    for t in (1, 2, 10, 60):
        assert f[f"M{t}"] == pytest.approx(1 - (1 - 1 / n) ** t, abs=1e-12)
        assert float(drift.replace(n, t)) == pytest.approx(f[f"M{t}"], abs=1e-12)


@pytest.mark.parametrize("n", [1, 5, 10, 100])
def test_accumulating_is_the_closed_form(n: int) -> None:
    f = inbreeding(_everything(n, 60)).f
    for t in (1, 2, 10, 60):
        assert f[f"M{t}"] == pytest.approx(1 - math.prod(1 - 1 / (n * i * i) for i in range(1, t + 1)), abs=1e-12)
        assert float(drift.accumulate(n, t)) == pytest.approx(f[f"M{t}"], abs=1e-12)


@pytest.mark.parametrize(("n", "kept"), [(10, 0.7425), (20, 0.8638)])
def test_subsampling_everything_is_the_product(n: int, kept: float) -> None:
    # Simulated 0.7474 +- 0.0048 and 0.8654 +- 0.0057.
    f = inbreeding(_everything(n, 60, subsample=True)).f
    assert 1 - f["M60"] == pytest.approx(kept, abs=5e-5)
    for t in (1, 2, 3, 60):
        assert float(drift.subsample(n, t)) == pytest.approx(f[f"M{t}"], abs=1e-12)


def test_two_fresh_items_among_a_hundred() -> None:
    nodes = [_human("D0", 100), _model("M0", ("D0", 1.0))]
    for t in range(1, 401):
        nodes += [_human(f"H{t}", 2), _sample(f"S{t}", 98, (f"M{t - 1}", 1.0))]
        nodes.append(_model(f"M{t}", (f"H{t}", 0.02), (f"S{t}", 0.98)))
    f = inbreeding(Graph(tuple(nodes))).f
    assert f["M400"] == pytest.approx(0.202429, abs=5e-7)
    for t in (0, 1, 5, 400):
        assert float(drift.fresh_exact(100, 2, t + 1)) == pytest.approx(f[f"M{t}"], abs=1e-12)


def test_fresh_items_by_chance() -> None:
    # The human source itself is a model without drift: a founder model.
    nodes = [Node("source", "model", "founder"), _human("D0", 50), _model("M0", ("D0", 1.0))]
    for t in range(1, 41):
        nodes += [_sample(f"S{t}", 50, (f"M{t - 1}", 0.9), ("source", 0.1)), _model(f"M{t}", (f"S{t}", 1.0))]
    found = inbreeding(Graph(tuple(nodes)))
    for t in (0, 1, 7, 40):
        assert float(drift.fresh_by_chance(50, 0.1, t + 1)) == pytest.approx(found.f[f"M{t}"], abs=1e-12)
    assert found.f["M40"] == pytest.approx(0.0970, abs=5e-5)
    assert found.effective_size("source") is None
    assert found.founders("source") == math.inf


@pytest.mark.parametrize(("m", "R", "f"), [(0.1, 20, 0.0980), (0.1, 100, 0.0600), (0.02, 50, 0.2192)])
def test_a_reserve_used_again_and_again(m: float, R: int, f: float) -> None:
    # Simulated 0.0980, 0.0589 and 0.0597, 0.2183 and 0.2194.
    n = 100
    nodes = [_human("R", R), _sample("S0", n, ("R", 1.0)), _model("M0", ("S0", 1.0))]
    for t in range(1, 501):
        nodes += [_sample(f"S{t}", n, (f"M{t - 1}", 1 - m), ("R", m)), _model(f"M{t}", (f"S{t}", 1.0))]
    assert inbreeding(Graph(tuple(nodes))).f["M500"] == pytest.approx(f, abs=6e-5)
    assert drift.reserve(n, m, R) == pytest.approx(inbreeding(Graph(tuple(nodes))).f["M500"], abs=1e-8)
    related = ((1 - m) ** 2 / n + (1 - (1 - m) ** 2) / R) / (1 - (1 - m) ** 2 * (1 - 1 / n))
    assert drift.reserve(n, m, R) == pytest.approx(1 / n + (1 - 1 / n) * related, abs=1e-12)


def test_unequal_weights_are_an_effective_size() -> None:
    # Simulated 0.6918 +- 0.0012.
    found = inbreeding(_chain(None, 10, effective_n=27.71))
    assert 1 - found.f["M10"] == pytest.approx(0.6924, abs=5e-5)
    assert found.effective_size("D10") == 27.71
    assert found.effective_size("M10") == pytest.approx(27.71)


def test_varying_sizes() -> None:
    sizes = (40, 200, 60, 20, 90)
    nodes = [_human("D0", sizes[0]), _model("M0", ("D0", 1.0))]
    for t, n in enumerate(sizes[1:], 1):
        nodes += [_sample(f"S{t}", n, (f"M{t - 1}", 1.0)), _model(f"M{t}", (f"S{t}", 1.0))]
    f = inbreeding(Graph(tuple(nodes))).f
    assert drift.varying(sizes) == pytest.approx([f[f"M{t}"] for t in range(5)], abs=1e-12)


# Simulation. Every node of a graph is carried out on all replicates at once, in two families of models: counts of types,
# and Gaussians by maximum likelihood. Neither knows of kinships.

REPLICATES = 20_000
TYPES = 20


def _random_graph(seed: int) -> Graph:
    """Return a graph of 8 models with every kind of node in it."""
    rng = np.random.default_rng([2024, seed])
    nodes = [_human(f"H{i}", int(rng.integers(8, 40))) for i in range(3)]
    sets, models = [node.id for node in nodes], []

    def some(names, most):
        chosen = rng.choice(names, min(len(names), int(rng.integers(1, most + 1))), replace=False)
        return tuple((str(name), float(rng.uniform(0.2, 1.0))) for name in chosen)

    for i in range(8):
        if i % 3 == 1:
            chosen = some(sets, 3)
            whole = {node.id: node for node in nodes}
            pool = sum(whole[name].n for name, _ in chosen)
            kind = "human" if all(whole[name].kind == "human" for name, _ in chosen) else "synthetic"
            pooled = tuple((name, 1.0) for name, _ in chosen)
            nodes.append(Node(f"B{i}", kind, "subsampled", int(rng.integers(3, pool)), pooled))
            sets.append(f"B{i}")
            nodes.append(_model(f"M{i}", *some(sets, 2), (f"B{i}", 1.0)))
        else:
            nodes.append(_model(f"M{i}", *some(sets, 3)))
        models.append(f"M{i}")
        sources = some(models + sets, 2) if i % 3 == 2 else ((f"M{i}", 1.0),)
        nodes.append(_sample(f"S{i}", int(rng.integers(8, 40)), *sources))
        sets.append(f"S{i}")
    return Graph(tuple(nodes))


def _draw_counts(rng: np.random.Generator, pool: np.ndarray, b: int) -> np.ndarray:
    """Return b items of each pool without replacement, as counts of types, shape (replicates, types)."""
    left, needed, drawn = pool.sum(1), np.full(len(pool), b), np.zeros_like(pool)
    for k in range(pool.shape[1]):
        left = left - pool[:, k]
        drawn[:, k] = rng.hypergeometric(pool[:, k], left, needed)
        needed = needed - drawn[:, k]
    return drawn


def _categorical(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    """Return the frequencies of the types in each node, shape (replicates, types)."""
    rng = np.random.default_rng([1, seed])
    human = np.tile(rng.dirichlet(np.ones(TYPES)), (REPLICATES, 1))
    p: dict[str, np.ndarray] = {"human": human}
    for node in graph.nodes:
        mixture = sum((w * p[name] for name, w in node.parts), np.zeros_like(human))
        if node.how == "founder":
            p[node.id] = rng.multinomial(node.n, human) / node.n
        elif node.how == "sampled":
            p[node.id] = rng.multinomial(node.n, mixture / mixture.sum(1, keepdims=True)) / node.n
        elif node.how == "subsampled":
            pool = sum(np.rint(p[name] * graph[name].n).astype(np.int64) for name in node.inputs)
            p[node.id] = _draw_counts(rng, pool, node.n) / node.n
        else:
            p[node.id] = mixture
    return p


def _gaussian(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    """Return mean and variance of each node, shape (2, replicates); data sets are drawn point by point."""
    rng = np.random.default_rng([2, seed])
    points: dict[str, np.ndarray] = {}
    fit: dict[str, np.ndarray] = {}
    for node in graph.nodes:
        if node.how in {"trained", "sampled"}:
            mean = sum(w * fit[name][0] for name, w in node.parts)
            spread = sum(w * (fit[name][1] + (fit[name][0] - mean) ** 2) for name, w in node.parts)
        if node.how == "founder":
            points[node.id] = rng.standard_normal((REPLICATES, node.n))
        elif node.how == "sampled":
            noise = rng.standard_normal((REPLICATES, node.n))
            points[node.id] = mean[:, None] + np.sqrt(spread)[:, None] * noise
        elif node.how == "subsampled":
            pool = np.concatenate([points[name] for name in node.inputs], axis=1)
            points[node.id] = rng.permuted(pool, axis=1)[:, : node.n]
        else:
            fit[node.id] = np.stack([mean, spread])
            continue
        fit[node.id] = np.stack([points[node.id].mean(1), points[node.id].var(1)])
    return fit


def _z(values: np.ndarray, expected: float) -> float:
    return float((values.mean() - expected) / (values.std(ddof=1) / math.sqrt(len(values))))


def _checks(graph: Graph, found: Inbreeding, seed: int):
    """Return z of F of every model in both families, and of other statements about the same simulations."""
    p, fit = _categorical(graph, seed), _gaussian(graph, seed)
    together = float((p["human"][0] ** 2).sum())  # chance that two human items are of one type
    primary, further = [], []
    for name in graph.models:
        f = found.f[name]
        primary.append(_z(1 - (1 - (p[name] ** 2).sum(1)) / (1 - together), f))
        primary.append(_z(1 - fit[name][1], f))
        further.append(_z(fit[name][0] ** 2, f))
    for a, b in zip(graph.models, graph.models[1:], strict=False):
        k = found.kinship(a, b)
        further.append(_z(((p[a] * p[b]).sum(1) - together) / (1 - together), k))
        further.append(_z(fit[a][0] * fit[b][0], k))
    sets = [node.id for node in graph.nodes if node.kind != "model"]
    further += [_z(1 - fit[name][1], found.f[name]) for name in sets]
    return primary, further


def test_random_graphs_are_what_simulated_training_gives() -> None:
    # 6 graphs x 8 models x 2 families. For independent z the root mean square exceeds 1.3 with probability 3e-5 and the
    # largest of 96 exceeds 4.5 with 7e-4; checks of one graph share their replicates, so the former is nearer to 1e-3.
    primary, further = [], []
    for seed in range(6):
        graph = _random_graph(seed)
        z, other = _checks(graph, inbreeding(graph), seed)
        primary += z
        further += other
    assert len(primary) == 96
    assert math.sqrt(np.mean(np.square(primary))) < 1.3
    assert max(np.abs(primary)) < 4.5
    # Squared error of the mean, kinship of models, F of data sets.
    assert len(further) > 180
    assert math.sqrt(np.mean(np.square(further))) < 1.3
    assert max(np.abs(further)) < 4.5


def test_the_simulation_would_notice_a_diploid_constant() -> None:
    # 1/(2n) for 1/n, the commonest mistake in carrying textbook formulas over.
    graph = _chain(20, 5)
    fit = _gaussian(graph, 0)
    assert abs(_z(1 - fit["M5"][1], inbreeding(graph).f["M5"])) < 4.5
    assert abs(_z(1 - fit["M5"][1], float(drift.replace(40, 5)))) > 20


def test_a_mixture_with_less_room_than_items_is_a_selection_of_them() -> None:
    # A mixed set of 20 items, 15 of a human set of 40 and 5 of a sample of 8. False alarm below 1e-5 per check.
    nodes = (
        _human("H", 40),
        _model("M", ("H", 1.0)),
        _sample("S", 8, ("M", 1.0)),
        Node("T", "synthetic", "mixed", 20, (("H", 0.75), ("S", 0.25))),
    )
    found = inbreeding(Graph(nodes))
    rng = np.random.default_rng(5)
    human = rng.standard_normal((REPLICATES, 40))
    sample = human.mean(1)[:, None] + human.std(1)[:, None] * rng.standard_normal((REPLICATES, 8))
    mixed = np.concatenate([human[:, :15], sample[:, :5]], axis=1)
    assert abs(_z(1 - mixed.var(1), found.f["T"])) < 4.5
    assert abs(_z(mixed.mean(1) ** 2, found.f["T"])) < 4.5
    assert abs(_z(mixed.mean(1) * human.mean(1), found.kinship("T", "H"))) < 4.5
    assert found.effective_size("T") == pytest.approx(20)


def test_sets_with_common_items() -> None:
    # Two human sets of 30 and 20 items that share 12. False alarm below 1e-5 per check.
    a, b = _human("A", 30), _human("B", 20)
    mixed = Node("T", "human", "mixed", parts=(("A", 0.5), ("B", 0.5)))
    found = inbreeding(Graph((a, _model("M", ("A", 1.0)), mixed, b), {("A", "B"): 12}))
    assert found.kinship("A", "B") == pytest.approx(12 / 600)
    assert found.kinship("M", "B") == pytest.approx(12 / 600)
    x = np.random.default_rng(6).standard_normal((REPLICATES, 38))
    means = x[:, :30].mean(1), x[:, 18:].mean(1)
    assert abs(_z(means[0] * means[1], found.kinship("A", "B"))) < 4.5
    assert abs(_z((0.5 * means[0] + 0.5 * means[1]) ** 2, found.f["T"])) < 4.5
    assert found.effective_size("T") == pytest.approx(1 / found.f["T"])
