"""How fast is the collapse laboratory beside plain loops that carry one replicate at a time?

Every comparison is made in one run on one machine, in processor time of one thread, best of five. The unit is
microseconds per generation and replicate. The plain loops are written as the reference implementations of the papers
are (Kazdan et al. 2024 and scikit-learn): one replicate after the other, NumPy calls only, nothing left out and nothing
added. Ours is the product's own code: ``Bench.run`` fits, generates, mixes and records mean and error of the same
measures; ``recurse`` is the same without the records.

    OMP_NUM_THREADS=1 python benchmarks/lab_speed.py [N1 N2 ...]
"""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from loops import markdown, verdict_of, versions

from headwater.lab import Arm, Bench, Step, recurse
from headwater.loop.regimes import Accumulate, Regime, Replace, Subsample
from headwater.models.categorical import CategoricalLearner, CategoricalSource
from headwater.models.gaussian import GaussianLearner, GaussianSource
from headwater.models.kde import KernelLearner, PointSource
from headwater.models.regression import Design, RegressionLearner, RegressionSource

ITEMS = 100
GENERATIONS = 100
OLS_DIMENSIONS = 10
TYPES = 10
BANDWIDTH = 0.5
TEST_POINTS = 500
REPEATS = 5

Row = tuple[str, str, float]
"""What was run, by whom, microseconds per generation and replicate."""


def seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds of the fastest of a few repeats; the first one also compiles what is compiled."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


# Plain loops.


def _some(pool: Any, rng: np.random.Generator) -> Any:
    return pool[rng.choice(len(pool), ITEMS, replace=False)]


def plain_gaussian(rng: np.random.Generator, regime: str, dimensions: int = 1) -> list[tuple[Any, Any]]:
    """One replicate with multivariate tools, as the reference does."""
    mean, covariance = np.zeros(dimensions), np.eye(dimensions)
    data = rng.multivariate_normal(mean, covariance, ITEMS)
    pool, records = data, []
    for _ in range(GENERATIONS):
        mean = data.mean(axis=0)
        covariance = np.atleast_2d(np.cov(data, rowvar=False, bias=True))
        records.append((mean @ mean, np.trace(covariance)))
        new = rng.multivariate_normal(mean, covariance, ITEMS)
        if regime != "replace":
            pool = np.concatenate([pool, new])
        data = new if regime == "replace" else pool if regime == "accumulate" else _some(pool, rng)
    return records


def plain_scalar(rng: np.random.Generator, regime: str) -> list[tuple[Any, Any]]:
    """One replicate with scalar mean, standard deviation and normal samples."""
    data = rng.normal(0.0, 1.0, ITEMS)
    pool, records = data, []
    for _ in range(GENERATIONS):
        mean, sigma = data.mean(), data.std()
        records.append((mean, sigma))
        new = rng.normal(mean, sigma, ITEMS)
        if regime == "replace":
            data = new
            continue
        pool = np.concatenate([pool, new])
        data = pool if regime == "accumulate" else _some(pool, rng)
    return records


def plain_regression(rng: np.random.Generator, regime: str) -> list[float]:
    """One replicate of least squares: one design, all data concatenated, a pseudo-inverse per generation."""
    design = rng.standard_normal((ITEMS, OLS_DIMENSIONS))
    inputs, target = design, rng.standard_normal(ITEMS)
    pool_inputs, pool_target, records = inputs, target, []
    for _ in range(GENERATIONS):
        coefficients = np.linalg.pinv(inputs) @ target
        records.append(float(coefficients @ coefficients))
        new = design @ coefficients + rng.standard_normal(ITEMS)
        if regime == "replace":
            target = new
            continue
        pool_inputs, pool_target = np.concatenate([pool_inputs, design]), np.concatenate([pool_target, new])
        inputs, target = pool_inputs, pool_target
        if regime == "subsample":
            chosen = rng.choice(len(pool_target), ITEMS, replace=False)
            inputs, target = pool_inputs[chosen], pool_target[chosen]
    return records


def plain_discrete(rng: np.random.Generator) -> int:
    """One replicate until a single type is left; returns the number of generations."""
    probabilities, generations = np.full(TYPES, 1 / TYPES), 0
    while (probabilities > 0).sum() > 1:
        draws = rng.choice(TYPES, ITEMS, p=probabilities)
        probabilities = np.bincount(draws, minlength=TYPES) / ITEMS
        generations += 1
    return generations


def plain_kernel(seed: int, regime: str, generations: int) -> list[float]:
    """One replicate of scikit-learn's kernel density estimate on blobs."""
    from sklearn.neighbors import KernelDensity

    rng, source = np.random.default_rng(seed), PointSource("blobs")
    data, test = source.points(1, ITEMS, rng)[0], source.points(1, TEST_POINTS, rng)[0]
    pool, records = data, []
    for generation in range(generations):
        estimate = KernelDensity(bandwidth=BANDWIDTH).fit(data)
        records.append(-float(estimate.score_samples(test).mean()))
        new = estimate.sample(ITEMS, random_state=seed * generations + generation)
        if regime != "replace":
            pool = np.concatenate([pool, new])
        data = new if regime == "replace" else pool if regime == "accumulate" else _some(pool, rng)
    return records


# Ours.


def ours(
    learner: Any,
    source: Any,
    regime: Regime,
    replicates: int,
    measure: Callable[[Step[Any]], Mapping[str, Any]],
    *,
    generations: int = GENERATIONS,
    together: int | None = None,
    width: int = 1,
) -> tuple[float, float]:
    """Return microseconds per generation and replicate of ``recurse`` and of ``Bench.run``."""
    arm = Arm("arm", learner, source, regime, ITEMS, generations - 1, replicates, measure=measure, width=width,
              together=together, computed_f=())  # fmt: skip

    def loop() -> None:
        chunk = together or min(replicates, 400_000 // (ITEMS * width))
        for part in range(-(-replicates // chunk)):
            size = min(chunk, replicates - part * chunk)
            for step in recurse(learner, source, regime, items=ITEMS, generations=generations - 1, replicates=size,
                                seed=(part,)):  # fmt: skip
                measure(step)

    unit = 1e6 / (replicates * generations)
    return seconds(loop) * unit, seconds(lambda: Bench(0, lambda done, total, what: None).run(arm)) * unit


def gaussian_measures(step: Step[Any]) -> Mapping[str, Any]:
    """What the plain loops record too."""
    model: Any = step.model
    return {"variance": model.variance, "mean": model.mean if model.mean.ndim == 1 else model.mean[:, 0]}


def risk(step: Step[Any]) -> Mapping[str, Any]:
    """Return the squared error of the coefficients."""
    return {"risk": np.einsum("ri,ri->r", step.model.coefficients, step.model.coefficients)}


def both(name: str, who: str, found: tuple[float, float]) -> list[Row]:
    """Return the rows of a pair of measurements."""
    return [(name, f"{who}, recurse", found[0]), (name, f"{who}, Bench.run", found[1])]


def gaussian_rows(name: str, regime_name: str, regime: Regime, dimensions: int = 1, *, exact: bool = True) -> list[Row]:
    """Return plain loops and ours for one regime of the normal distribution."""
    rng, seeds = np.random.default_rng(0), 20
    unit = 1e6 / (seeds * GENERATIONS)
    run = lambda: [plain_gaussian(rng, regime_name, dimensions) for _ in range(seeds)]  # noqa: E731
    rows = [(name, "plain loop, multivariate", seconds(run) * unit)]
    if dimensions == 1:
        scalar = lambda: [plain_scalar(rng, regime_name) for _ in range(seeds)]  # noqa: E731
        rows.append((name, "plain loop, scalar", seconds(scalar) * unit))
    # a regime that draws among items needs them; for the others the moments of raw items are enough
    learner, source = GaussianLearner(streamed=exact), GaussianSource(dimensions, streamed=exact)
    kept = None if exact else 40  # raw pools grow: fewer replicates at once stay in the cache
    for replicates in (100, 1000):
        found = ours(learner, source, regime, replicates, gaussian_measures, together=kept, width=dimensions)
        rows += both(name, f"raw, {replicates}", found)
    if exact:
        for replicates in (100, 1000, 20_000 // dimensions**2):
            exact_law = GaussianLearner(exact=True), GaussianSource(dimensions, exact=True)
            found = ours(*exact_law, regime, replicates, gaussian_measures)  # in chunks, as the product does
            rows += both(name, f"exact law, {replicates}", found)
    return rows


def n1() -> list[Row]:
    """The normal distribution that replaces its data."""
    rows = gaussian_rows("N1 Gaussian, replace", "replace", Replace())
    every = ours(GaussianLearner(exact=True), GaussianSource(exact=True), Replace(), 20_000,
                 lambda step: step.model.statistics())  # fmt: skip
    return [*rows, (rows[0][0], "exact law, 20000, all 8 statistics, Bench.run", every[1])]


def n2() -> list[Row]:
    """The same with everything kept, and whether its cost grows with the number of generations."""
    rows = gaussian_rows("N2 Gaussian, accumulate", "accumulate", Accumulate())
    for generations in (100, 1000):
        found = ours(GaussianLearner(exact=True), GaussianSource(exact=True), Accumulate(), 1000, gaussian_measures,
                     generations=generations, together=1000)  # fmt: skip
        rows.append((rows[0][0], f"exact law, 1000, {generations} generations, recurse", found[0]))
    return rows


def n3() -> list[Row]:
    """The same with a random part of everything kept."""
    return gaussian_rows("N3 Gaussian, subsample", "subsample", Subsample(), exact=False)


def n4() -> list[Row]:
    """Ten dimensions."""
    return gaussian_rows("N4 Gaussian d=10, replace", "replace", Replace(), 10)


def n5() -> list[Row]:
    """Least squares."""
    rows = []
    regimes: dict[str, Regime] = {"replace": Replace(), "accumulate": Accumulate(), "subsample": Subsample()}
    for name, regime in regimes.items():
        label, rng, seeds = f"N5 OLS d=10, {name}", np.random.default_rng(0), 4
        run = lambda: [plain_regression(rng, name) for _ in range(seeds)]  # noqa: E731, B023
        rows.append((label, "plain loop", seconds(run) * 1e6 / (seeds * GENERATIONS)))
        exact = name != "subsample"
        for replicates in (20, 1000) if exact else (20,):
            design = Design.normal(replicates, ITEMS, OLS_DIMENSIONS, np.random.default_rng(0))
            rows += both(label, f"{'exact law' if exact else 'raw'}, {replicates}", ours(
                RegressionLearner(1.0, design, exact), RegressionSource(OLS_DIMENSIONS, 1.0, design, exact), regime,
                replicates, risk, together=replicates))  # fmt: skip
    return rows


def n6() -> list[Row]:
    """Ten types until one is left; a generation counts while its replicate has more than one."""
    label, rng, seeds = f"N6 discrete K={TYPES}, until one type is left", np.random.default_rng(0), 100
    counted = 0

    def plain() -> None:
        nonlocal counted
        counted = sum(plain_discrete(rng) for _ in range(seeds))

    rows = [(label, "plain loop", seconds(plain) * 1e6 / counted)]
    fair = np.full(TYPES, 1 / TYPES)
    for replicates in (100, 4000):

        def until_fixed(replicates: int = replicates) -> None:
            nonlocal counted
            counted = replicates
            for step in recurse(CategoricalLearner(TYPES), CategoricalSource(fair), Replace(), items=ITEMS,
                                generations=100 * ITEMS, replicates=replicates, seed=(replicates,)):  # fmt: skip
                left = int(np.count_nonzero(cast("Any", step.model).heterozygosity > 1e-9))
                counted += left
                if not left:
                    return

        rows.append((label, f"raw, {replicates}, recurse", seconds(until_fixed) * 1e6 / counted))
    return rows


def n7() -> list[Row]:
    """Kernel density estimates scored on test points; the plain accumulating loop is cut to 30 generations."""
    rows = []
    regimes: dict[str, Regime] = {"replace": Replace(), "accumulate": Accumulate(), "subsample": Subsample()}
    panel = PointSource("blobs").points(1, TEST_POINTS, np.random.default_rng(1))[0]
    for name, regime in regimes.items():
        generations = 30
        label = f"N7 KDE h={BANDWIDTH:g}, {name}, {generations} generations"
        run = lambda: plain_kernel(0, name, generations)  # noqa: E731, B023
        rows.append((label, "plain loop, scikit-learn", seconds(run) * 1e6 / generations))

        def score(step: Step[Any]) -> Mapping[str, Any]:
            from headwater.models.samples import Points

            return {"risk": step.model.loss(Points(panel[None])).nats.mean(axis=1)}

        found = ours(KernelLearner(BANDWIDTH), PointSource("blobs"), regime, 3, score, generations=generations, width=2)
        rows.append((label, "ours, 3, Bench.run", found[1]))
    return rows


MEASUREMENTS = {"N1": n1, "N2": n2, "N3": n3, "N4": n4, "N5": n5, "N6": n6, "N7": n7}

TARGETS = (
    # name, who is measured, plain loop, least ratio
    ("N1 Gaussian, replace", "raw, 1000, recurse", "plain loop, multivariate", 15),
    ("N1 Gaussian, replace", "raw, 100, recurse", "plain loop, multivariate", 15),
    ("N1 Gaussian, replace", "raw, 1000, recurse", "plain loop, scalar", 8),
    ("N1 Gaussian, replace", "raw, 100, recurse", "plain loop, scalar", 8),
    ("N1 Gaussian, replace", "exact law, 20000, Bench.run", "plain loop, multivariate", 200),
    ("N1 Gaussian, replace", "exact law, 1000, recurse", "plain loop, multivariate", 200),
    ("N1 Gaussian, replace", "exact law, 20000, Bench.run", "plain loop, scalar", 150),
    ("N1 Gaussian, replace", "exact law, 1000, recurse", "plain loop, scalar", 150),
    ("N5 OLS d=10, replace", "exact law, 1000, Bench.run", "plain loop", 200),
    ("N5 OLS d=10, accumulate", "exact law, 1000, Bench.run", "plain loop", 200),
    ("N6 discrete K=10, until one type is left", "raw, 100, recurse", "plain loop", 15),
    ("N6 discrete K=10, until one type is left", "raw, 4000, recurse", "plain loop", 15),
    ("N7 KDE h=0.5, replace, 30 generations", "ours, 3, Bench.run", "plain loop, scikit-learn", 1),
    ("N7 KDE h=0.5, accumulate, 30 generations", "ours, 3, Bench.run", "plain loop, scikit-learn", 1),
    ("N7 KDE h=0.5, subsample, 30 generations", "ours, 3, Bench.run", "plain loop, scikit-learn", 1),
)


def report(rows: list[Row]) -> str:
    """Return the tables."""
    cost = {(name, who): microseconds for name, who, microseconds in rows}
    plain: dict[str, list[str]] = {}
    for name, who, _ in rows:
        if who.startswith("plain"):
            plain.setdefault(name, []).append(who)
    table = []
    for name, who, microseconds in rows:
        ratios = [] if who.startswith("plain") else [f"{cost[name, one] / microseconds:,.1f}" for one in plain[name]]
        table.append([name, who, f"{microseconds:,.3f}", " / ".join(ratios)])
    lines = [markdown(["setting", "code, replicates at once", "µs", "times as fast as the plain loop(s)"], table)]
    targets = [
        [name, who, base, f"{cost[name, base] / cost[name, who]:,.1f}", f"{least}", verdict_of(
            cost[name, base] / cost[name, who] >= least)]
        for name, who, base, least in TARGETS
        if (name, who) in cost
    ]  # fmt: skip
    lines.append(markdown(["setting", "code", "beside", "ratio", "at least", ""], targets))
    few, many = (
        cost.get(("N2 Gaussian, accumulate", f"exact law, 1000, {count} generations, recurse")) for count in (100, 1000)
    )
    if few and many:
        # a quarter more is the noise of two runs on a shared machine; linear growth would be tenfold
        lines.append(
            f"Accumulate, µs per generation and replicate: {few:.3f} over 100 generations, {many:.3f} over 1000 "
            f"(independent of their number: {verdict_of(many < 1.25 * few)}).\n"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", metavar="N", help=f"of {', '.join(MEASUREMENTS)}; default: all")
    chosen = parser.parse_args().which or list(MEASUREMENTS)
    rows = [row for name in chosen for row in MEASUREMENTS[name]()]
    print(f"{versions()}; n = {ITEMS}, {GENERATIONS} generations\n")
    print(report(rows))


if __name__ == "__main__":
    main()
