"""How often does each admission rule err, and what does it detect?

Compares the e-value gate (plain, e-LOND, strict) with the rules people use instead (mean > 0, t-test, t-test with the
same spending) by simulation where the truth is known: exact nulls of three shapes, batches of known effect, a mixed
stream, and generators that adapt to what the gate tells them. Effects are in standard deviations per document.

    python benchmarks/error_rates.py [--runs 300] [--adaptive-runs 24] [--seed 0]

prints Markdown tables; about a minute on one core.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from headwater.decide import (
    clip_differences,
    e_lond_threshold,
    log_e_values,
    plain_threshold,
    strict_threshold,
)

DELTA = 0.05
CLIP = 3.0  # in standard deviations, as in the product
DIMENSIONS = 200  # of the space an adaptive generator searches

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


class Gate(StrEnum):
    """An admission rule."""

    MEAN = "mean > 0"
    T = "t-test .05"
    T_SPENDING = "t-test with spending"
    PLAIN = "e-gate plain"
    E_LOND = "e-gate e-LOND"
    STRICT = "e-gate strict"


NULLS: dict[str, Draw] = {  # mean 0, standard deviation 1
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "t3": lambda rng, shape: rng.standard_t(3, shape) / np.sqrt(3.0),
    "left-skewed": lambda rng, shape: 1.0 - rng.standard_exponential(shape),
    "catastrophe": lambda rng, shape: np.where(rng.random(shape) < 0.01, -np.sqrt(99.0), 1.0 / np.sqrt(99.0)),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules look at, one entry per panel."""

    mean: Floats
    t: Floats
    log_e: Floats
    units: int

    def __getitem__(self, index: tuple[slice | int, ...]) -> "Evidence":
        """Return the evidence of some of the panels."""
        return Evidence(self.mean[index], self.t[index], self.log_e[index], self.units)


def stack(parts: Sequence[Evidence]) -> Evidence:
    """Return evidence with a first axis that runs over the parts."""
    mean, t, log_e = (np.stack([getattr(part, name) for part in parts]) for name in ("mean", "t", "log_e"))
    return Evidence(mean, t, log_e, parts[0].units)


def weigh(d: Floats, clip: float = CLIP, harm_clip: float | None = None) -> Evidence:
    """Return the evidence of panels of differences, shape (..., documents)."""
    units = d.shape[-1]
    mean = d.mean(axis=-1)
    t = mean / d.std(axis=-1, ddof=1) * np.sqrt(units)
    return Evidence(mean, t, log_e_values(clip_differences(d, clip, harm_clip)), units)


@cache
def e_thresholds(gate: Gate, k: int) -> Floats:
    """Return the thresholds of decision ``k`` after 0, 1, ... k - 1 admissions."""
    if gate is Gate.PLAIN:
        return np.full(k, plain_threshold(k, DELTA))
    threshold = strict_threshold if gate is Gate.STRICT else e_lond_threshold
    return np.array([threshold(k, a, DELTA) for a in range(k)])


@cache
def t_threshold(gate: Gate, k: int, units: int) -> float:
    """Return the critical value of the one-sided t-test of decision ``k``."""
    alpha = 0.05 if gate is Gate.T else DELTA / (k * (k + 1))
    return float(stats.t.isf(alpha, units - 1))


def admits(gate: Gate, k: int, admissions: NDArray[np.int64], evidence: Evidence) -> Bits:
    """Return which panels admit at decision ``k`` after ``admissions``; both broadcast against the evidence."""
    if gate is Gate.MEAN:
        return evidence.mean > 0
    if gate in (Gate.T, Gate.T_SPENDING):
        return evidence.t >= t_threshold(gate, k, evidence.units)
    return (evidence.log_e >= e_thresholds(gate, k)[admissions]) & (evidence.mean > 0)


def judge_streams(gate: Gate, streams: Evidence) -> Bits:
    """Return which decisions admit, for evidence of shape (streams, decisions)."""
    runs, decisions = streams.mean.shape
    bits = np.zeros((runs, decisions), dtype=bool)
    for step in range(decisions):
        bits[:, step] = admits(gate, step + 1, bits[:, :step].sum(axis=1), streams[:, step])
    return bits


def null_streams(draw: Draw, runs: int, decisions: int, units: int, rng: np.random.Generator) -> Evidence:
    """Return the evidence of streams of decisions on worthless batches, each on a panel of its own."""
    return stack([weigh(draw(rng, (decisions, units))) for _ in range(runs)])


def ever_admits(gate: Gate, nulls: Evidence) -> float:
    """Return P(any false admission in a stream), from the evidence of worthless batches, shape (streams, decisions).

    Until the first false admission every rule has a = 0, so the chance is 1 - prod_k (1 - p_k) with p_k the share of
    *all* simulated batches that decision k would admit: far less noisy than counting streams.
    """
    pool = Evidence(nulls.mean.ravel(), nulls.t.ravel(), nulls.log_e.ravel(), nulls.units)
    none = np.zeros(pool.mean.size, dtype=np.int64)
    shares = [float(admits(gate, k, none, pool).mean()) for k in range(1, nulls.mean.shape[1] + 1)]
    return float(1.0 - np.prod(1.0 - np.array(shares)))


def power(gate: Gate, batches: Evidence, decisions: Sequence[int], admissions: int = 0) -> float:
    """Return the share of batches admitted, averaged over decision numbers, after a fixed number of admissions."""
    before = np.full(batches.mean.shape, admissions)
    return float(np.mean([admits(gate, k, before, batches).mean() for k in decisions]))


def normal_batches(effect: float, batches: int, units: int, rng: np.random.Generator) -> Evidence:
    """Return the evidence of batches of known effect with normal differences, shape (batches,)."""
    return weigh(effect + rng.standard_normal((batches, units)))


@dataclass(frozen=True, slots=True)
class Mixed:
    """What a rule made of mixed streams."""

    false_admissions: int
    """Null or harmful batches admitted, over all streams."""
    power: float
    """Share of the helpful batches that was admitted."""
    admitted: float
    """Helpful batches admitted per stream."""


def mixed_streams(
    gates: Sequence[Gate], effect: float, runs: int, units: int, rng: np.random.Generator, decisions: int = 300
) -> dict[Gate, Mixed]:
    """Judge streams of 30 % helpful, 40 % null and 30 % harmful batches in random order."""
    sign = rng.choice([1, 0, -1], p=[0.3, 0.4, 0.3], size=(runs, decisions))
    streams = stack([weigh(effect * row[:, None] + rng.standard_normal((decisions, units))) for row in sign])
    outcome = {}
    for gate in gates:
        bits = judge_streams(gate, streams)
        helpful = bits[sign > 0]
        outcome[gate] = Mixed(int(bits[sign <= 0].sum()), float(helpful.mean()), float(helpful.sum() / runs))
    return outcome


def _unit(directions: Floats) -> Floats:
    return np.asarray(directions / np.linalg.norm(directions, axis=-1, keepdims=True))


def _step(directions: Floats, size: float, rng: np.random.Generator) -> Floats:
    """Return directions moved by a random step of the given length; from the origin, random directions."""
    return _unit(directions + size * _unit(rng.standard_normal(directions.shape)))


def bits_only_generator(
    gates: Sequence[Gate], runs: int, units: int, proposals: int, rng: np.random.Generator, step: float = 0.3
) -> dict[Gate, NDArray[np.int64]]:
    """Return false admissions per run against a generator that sees admit bits of one reused panel.

    Every document has ``DIMENSIONS`` standard normal features; a batch is a direction w of length 1 that changes the
    loss of a document by features . w, so that its true effect is 0 whatever w. The panel's own mean leans one way by
    chance (.45 sd at 1000 documents), and that is what there is to exploit. The generator proposes w plus a random
    step and keeps the new direction whenever it was admitted; before the first admission it proposes at random.
    """
    panel = rng.standard_normal((runs, DIMENSIONS, units))
    kept = np.zeros((runs, len(gates), DIMENSIONS))
    admissions = np.zeros((runs, len(gates)), dtype=np.int64)
    for k in range(1, proposals + 1):
        proposed = _step(kept, step, rng)
        evidence = weigh(proposed @ panel)
        for column, gate in enumerate(gates):
            bits = admits(gate, k, admissions[:, column], evidence[:, column])
            admissions[:, column] += bits
            kept[bits, column] = proposed[bits, column]
    return dict(zip(gates, admissions.T, strict=True))


def score_climbing_generator(
    gates: Sequence[Gate],
    runs: int,
    units: int,
    proposals: int,
    rng: np.random.Generator,
    *,
    shared: bool,
    step: float = 0.15,
) -> tuple[dict[Gate, NDArray[np.int64]], float]:
    """Return false admissions per run against a generator that climbs the mean difference on a panel, and its score.

    Batches are directions as for ``bits_only_generator``; a proposal is kept whenever its score on the steering panel
    is the best so far. With ``shared`` the steering panel is also the one that certifies; otherwise the two hold
    different documents. The second value is the apparent effect reached on the steering panel, in sd; the truth is 0.
    """
    steering = rng.standard_normal((runs, units, DIMENSIONS))
    certification = steering if shared else rng.standard_normal((runs, units, DIMENSIONS))
    # The score is the mean over documents, which is linear in the direction.
    slope = steering.mean(axis=1)
    kept = np.zeros((runs, DIMENSIONS))
    best = np.full(runs, -np.inf)
    admissions = {gate: np.zeros(runs, dtype=np.int64) for gate in gates}
    for k in range(1, proposals + 1):
        proposed = _step(kept, step, rng)
        evidence = weigh((certification @ proposed[:, :, None])[..., 0])
        for gate in gates:
            admissions[gate] += admits(gate, k, admissions[gate], evidence)
        score = (slope * proposed).sum(axis=1)
        better = score > best
        kept[better], best[better] = proposed[better], score[better]
    apparent = (steering @ kept[:, :, None])[..., 0]
    return admissions, float((apparent.mean(axis=1) / apparent.std(axis=1, ddof=1)).mean())


def _number(value: float) -> str:
    """Return a rate with two significant digits, without the leading zero of .05."""
    text = f"{value:.4f}" if 0 < value < 0.01 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
    return "0" if value == 0 else text.removeprefix("0")


def _count(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else _number(value)


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
    print()


def _report_nulls(runs: int, rng: np.random.Generator) -> None:
    decisions, shapes = 200, ("normal", "t3", "left-skewed")
    gates = (Gate.MEAN, Gate.T, Gate.T_SPENDING, Gate.PLAIN, Gate.STRICT)
    print(f"### P(any false admission) in {decisions} decisions at effect exactly 0\n")
    print(f"Share of {runs} streams; in brackets the estimate from all {runs * decisions:,} batches together.\n")
    streams = {(shape, units): null_streams(NULLS[shape], runs, decisions, units, rng)
               for units in (250, 1000) for shape in shapes}  # fmt: skip
    _table(
        ["rule", *(f"{shape}, N = {units}" for shape, units in streams)],
        (
            [gate]
            + [
                f"{_number(float(judge_streams(gate, nulls).any(axis=1).mean()))} ({_number(ever_admits(gate, nulls))})"
                for nulls in streams.values()
            ]
            for gate in gates
        ),
    )


def _report_clips(runs: int, rng: np.random.Generator) -> None:
    decisions, units = 200, 1000
    clips = ((2.0, None), (3.0, None), (4.0, None), (3.0, 6.0), (3.0, 10.0), (3.0, 20.0))
    print(f"### The clip bound: P(any false admission) in {decisions} decisions, e-gate plain, N = {units}\n")
    print("B clips gains, L harm, in sd; the true mean is 0. Below, power averaged over k = 1..200.\n")

    def rows() -> Iterator[list[str]]:
        for name, draw in NULLS.items():
            d = draw(rng, (runs // 10 + 1, decisions, units))
            yield [name, *(_number(ever_admits(Gate.PLAIN, weigh(d, *clip))) for clip in clips)]
        for effect in (0.2, 0.3):
            d = effect + rng.standard_normal((10 * decisions, units))
            ks = range(1, decisions + 1)
            yield [f"power at {effect} sd", *(_number(power(Gate.PLAIN, weigh(d, *clip), ks)) for clip in clips)]

    _table(["", *(f"B = {b:g}" + (f", L = {harm:g}" if harm else "") for b, harm in clips)], rows())


def _report_power(batches: int, rng: np.random.Generator) -> None:
    print("### Power per batch, normal differences\n")
    print(f"{batches:,} batches per row. Mean over decisions k = 1..200 except for strict (k = 10, a = 3).\n")
    ks = range(1, 201)

    def rows() -> Iterator[list[str]]:
        for units, effects in ((250, (0.1, 0.2, 0.3, 0.5)), (500, (0.1, 0.2, 0.3, 0.5)), (1000, (0.1, 0.2, 0.3))):
            for effect in effects:
                evidence = normal_batches(effect, batches, units, rng)
                yield [
                    str(units), f"{effect:g}", _number(power(Gate.PLAIN, evidence, ks)),
                    _number(power(Gate.PLAIN, evidence, [10])), _number(power(Gate.STRICT, evidence, [10], 3)),
                    _number(power(Gate.T_SPENDING, evidence, ks)), f"{np.median(evidence.log_e):.1f}",
                ]  # fmt: skip

    _table(
        ["N", "effect, sd", "e-gate plain", "plain, k = 10", "e-gate strict", "t-test with spending", "median ln E"],
        rows(),
    )


def _report_mixed(runs: int, rng: np.random.Generator) -> None:
    gates = (Gate.T, Gate.PLAIN, Gate.E_LOND, Gate.STRICT)
    print("### Mixed stream: 30 % helpful, 40 % null, 30 % harmful, 300 decisions, N = 1000\n")
    print(f"{runs} streams. Power, in brackets false admissions over all streams.\n")

    def rows() -> Iterator[list[str]]:
        for effect in (0.2, 0.3, 0.5):
            outcome = mixed_streams(gates, effect, runs, 1000, rng)
            cells = [f"{_number(mixed.power)} ({mixed.false_admissions})" for mixed in outcome.values()]
            yield [f"{effect:g}", *cells, f"{outcome[Gate.STRICT].admitted:.1f} of 90"]

    _table(["effect, sd", *gates, "helpful admitted by strict"], rows())


def _report_adaptive(runs: int, rng: np.random.Generator) -> None:
    gates = (Gate.MEAN, Gate.T, Gate.T_SPENDING, Gate.PLAIN, Gate.STRICT)
    units, proposals, batch = 1000, 400, 8
    print(f"### Adaptive generators, {proposals} worthless proposals, {DIMENSIONS} dimensions, N = {units}\n")
    print(f"{runs} runs. False admissions per run, in brackets the share of runs with any. The truth is 0 sd.\n")
    sizes = [min(batch, runs - start) for start in range(0, runs, batch)]  # a panel set of 8 runs takes 13 MB

    def cells(counts: Sequence[dict[Gate, NDArray[np.int64]]]) -> list[str]:
        joined = {gate: np.concatenate([count[gate] for count in counts]) for gate in gates}
        return [f"{_count(float(count.mean()))} ({_number(float((count > 0).mean()))})" for count in joined.values()]

    def rows() -> Iterator[list[str]]:
        bits = [bits_only_generator(gates, size, units, proposals, rng) for size in sizes]
        yield ["admit bits of the certifying panel", *cells(bits), "-"]
        for name, shared in (("scores of the certifying panel", True), ("scores of a second panel", False)):
            climbed = [score_climbing_generator(gates, size, units, proposals, rng, shared=shared) for size in sizes]
            apparent = np.average([effect for _, effect in climbed], weights=sizes)
            yield [name, *cells([counts for counts, _ in climbed]), _number(float(apparent))]

    _table(["the generator sees", *gates, "apparent effect"], rows())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="streams of the null table (default 300)")
    parser.add_argument("--adaptive-runs", type=int, default=24, help="runs of each adaptive generator (default 24)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    rng = np.random.default_rng(options.seed)
    print(f"delta = {DELTA}, clip B = {CLIP:g} sd, seed {options.seed}, numpy {np.__version__}\n")
    _report_nulls(options.runs, rng)
    _report_clips(options.runs, rng)
    _report_power(10 * options.runs, rng)
    _report_mixed(max(1, options.runs // 15), rng)
    _report_adaptive(options.adaptive_runs, rng)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
