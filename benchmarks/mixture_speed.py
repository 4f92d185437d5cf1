"""How fast is the recursion of Gaussian mixtures, beside a loop over scikit-learn's, in the same run?

The settings of the published example (Shumailov et al. 2024): 1000 standard normal points in the plane, two components
with full covariances, tolerance 1e-5, at most 2000 iterations, each generation trained on the output of the last, 100
generations. The baseline is ``GaussianMixture`` fitted and sampled one replicate at a time, on one thread, which is the
faster way for so few points; Headwater carries 8 replicates at once, on one thread and on all cores.

One chain needs more iterations than another, so the time per iteration of expectation-maximisation is compared as
well; it bears its part of the start and of the sampling. Wall seconds over ``--repeats`` turns, in which the
competitors alternate: the mean of the turns per generation, the fastest turn per iteration. All kernels are compiled
and all imports done before the clock starts.

    python benchmarks/mixture_speed.py [--repeats 3] [--generations 100]

prints a Markdown table; about ten seconds.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numba as nb
import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from headwater.models.mixture import MixtureLearner
from headwater.models.samples import Points

ITEMS = 1000
COMPONENTS = 2
TOLERANCE = 1e-5
MAX_ITERATIONS = 2000
REPLICATES = 8


@dataclass(frozen=True, slots=True)
class Turn:
    """What one competitor took."""

    seconds: float
    """Wall seconds per generation and replicate."""
    iterations: float
    """Mean iterations of expectation-maximisation per fit."""


def baseline(generations: int, seed: int) -> Turn:
    """Run the recursion with scikit-learn, one replicate."""
    values = np.random.default_rng(seed).standard_normal((ITEMS, 2))
    iterations = 0
    began = time.perf_counter()
    with threadpool_limits(1):
        for generation in range(generations):
            mixture = GaussianMixture(
                COMPONENTS, tol=TOLERANCE, max_iter=MAX_ITERATIONS, random_state=1000 * seed + generation
            ).fit(values)
            values, _ = mixture.sample(ITEMS)
            iterations += mixture.n_iter_
    return Turn((time.perf_counter() - began) / generations, iterations / generations)


def ours(generations: int, seed: int, threads: int) -> Turn:
    """Run the recursion with Headwater, all replicates at once."""
    nb.config.NUMBA_NUM_THREADS = threads
    rng = np.random.default_rng(seed)
    learner = MixtureLearner(COMPONENTS, TOLERANCE, MAX_ITERATIONS)
    points = Points(rng.standard_normal((REPLICATES, ITEMS, 2)))
    iterations = 0.0
    began = time.perf_counter()
    for _ in range(generations):
        climb = learner.climb(points, learner.start(points, rng))
        points = climb.model.sample(ITEMS, rng)
        iterations += float(climb.iterations.mean())
    return Turn((time.perf_counter() - began) / generations / REPLICATES, iterations / generations)


def summary(turns: list[Turn]) -> tuple[float, float, float]:
    """Return mean seconds per generation, mean iterations, and seconds per iteration of the fastest turn."""
    seconds = float(np.mean([turn.seconds for turn in turns]))
    iterations = float(np.mean([turn.iterations for turn in turns]))
    return seconds, iterations, min(turn.seconds / turn.iterations for turn in turns)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--generations", type=int, default=100)
    arguments = parser.parse_args()
    cores = nb.config.NUMBA_NUM_THREADS
    competitors: dict[str, Callable[[int], Turn]] = {
        "scikit-learn GaussianMixture, one replicate, 1 thread": lambda seed: baseline(arguments.generations, seed),
        f"Headwater, {REPLICATES} replicates, 1 thread": lambda seed: ours(arguments.generations, seed, 1),
        f"Headwater, {REPLICATES} replicates, {cores} threads": lambda seed: ours(arguments.generations, seed, cores),
    }
    baseline(1, 0)
    ours(1, 0, 1)
    turns: dict[str, list[Turn]] = {name: [] for name in competitors}
    for seed in range(arguments.repeats):
        for name, compete in competitors.items():
            turns[name].append(compete(seed))
    found = {name: summary(taken) for name, taken in turns.items()}
    reference = next(iter(found.values()))
    print(
        f"`python benchmarks/mixture_speed.py`: {ITEMS} points in the plane, {COMPONENTS} components, "
        f"{arguments.generations} generations; {os.cpu_count()} cores; {platform.system()}, Python "
        f"{platform.python_version()}, NumPy {np.__version__}, Numba {nb.__version__}, "
        f"scikit-learn {sklearn.__version__}.\n"
    )
    print("| recursion | µs per generation and replicate | iterations | µs per iteration | ratio | per iteration |")
    print("|---|---|---|---|---|---|")
    for name, (per_generation, iterations, per_iteration) in found.items():
        print(
            f"| {name} | {1e6 * per_generation:,.0f} | {iterations:.1f} | {1e6 * per_iteration:.1f} | "
            f"{reference[0] / per_generation:.1f} | {reference[2] / per_iteration:.1f} |"
        )


if __name__ == "__main__":
    main()
