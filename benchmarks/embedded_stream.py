"""Does the gate keep its promises on the corpus every installation has?

The documentation installed with Python is split by module, several times. On each split:

* loops: the model trained on its own output (ungated), on the likeliest quarter of four times as much (filtered), on
  human text plus what the gate admits of its output (gated), and of its output and a stream (gated-stream), each
  beside a model trained on the human text alone. A loop that harms must be seen to harm, and the gated ones must not.
* the stream of the quickstart, after the hard checks: what each way of choosing gains on unseen human documents,
  beside the ceiling, the human originals of the rewrites. All arms get the same documents; those with a budget get the
  number of tokens the gate admitted.
* verdicts with the recipes tested in several orders, once with and once without the ids of the parents. An admission
  that depends on the order is no admission.

Settings are the product's own, the strict threshold and four gates sharing delta included.

    python benchmarks/embedded_stream.py [--seeds 5] [--orders 3] [--generations 10]

prints Markdown tables; about half a minute per seed on one core.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from loops import markdown, run_arm, verdict_of, versions, without_parents

from headwater.config import Settings
from headwater.gate import GateState
from headwater.generate import REWRITES
from headwater.loop.comparison import StreamRecord, compare, judge_stream
from headwater.loop.inputs import read_human, split_human
from headwater.loop.quickstart import make_stream
from headwater.loop.text_world import TextWorld
from headwater.loop.world import GenerationRecord
from headwater.models import warm
from headwater.schema import Verdict
from headwater.store import Part

USEFUL = frozenset(recipe.name for recipe in REWRITES)
GATES = 4  # of a run: two loops, the stream, and the stream without parents
COLLAPSE_AT = 6  # generation at which the loops without a gate are compared


@dataclass(frozen=True)
class Trial:
    """Everything measured on one split."""

    loops: dict[str, list[GenerationRecord]]
    stream: dict[str, StreamRecord]
    verdicts: list[GateState]
    """One state per order of tests."""
    nameless: GateState
    """The stream judged without parents, in the first order."""
    units: int
    """Independent groups of the certification panel."""

    def above_human(self, arm: str, generation: int) -> float:
        """Return by how many nats per word a loop is worse than human text alone."""
        return self.loops[arm][generation].loss_nats - self.loops["human-only"][0].loss_nats


def orders(names: list[str], count: int, seed: int) -> Iterator[list[str]]:
    """Yield orders of tests: by name, backwards, then shuffled."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield [names, names[::-1]][number] if number < 2 else rng.permutation(names).tolist()


def carry_out(human: pa.Table, seed: int, n_orders: int, generations: int) -> Trial:
    """Return what is measured on one split."""
    settings = Settings(seed=seed)
    split, _ = split_human(human, settings)
    world = TextWorld.on(split, settings)
    stream = make_stream(world)
    checks = world.hard_checks()
    checked = checks.apply(stream)
    gate = world.gate(gates=GATES, machine_share=1.0)
    names = sorted(set(stream["recipe"].to_pylist()))
    states = [judge_stream(gate, checked, order) for order in orders(names, n_orders, seed)]
    loops = {arm: run_arm(world, arm, COLLAPSE_AT)[0] for arm in ("human-only", "ungated", "filtered")}
    loops["gated"] = run_arm(world, "gated", generations, gates=GATES)[0]
    loops["gated-stream"] = run_arm(world, "gated-stream", generations, gates=GATES, stream=checked)[0]
    records = compare(world, checked, states[0], split[Part.SOURCES])
    return Trial(
        loops,
        {record.arm: record for record in records},
        states,
        judge_stream(gate, checks.apply(without_parents(stream)), names),
        gate.certifier.panel.n_units,
    )


def admitted(state: GateState) -> frozenset[str]:
    """Return the recipes a gate admitted."""
    return frozenset(name for name, status in state.statuses.items() if status.verdict is Verdict.ADMITTED)


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):+.3f} ({min(values):+.3f} to {max(values):+.3f})"


def _loop_table(trials: list[Trial], generations: int) -> str:
    ends = {"human-only": 0, "ungated": COLLAPSE_AT, "filtered": COLLAPSE_AT}
    rows = []
    for arm in trials[0].loops:
        end = ends.get(arm, generations)
        last = [trial.loops[arm][end] for trial in trials]
        rows.append(
            [
                arm,
                str(end),
                f"{np.mean([record.loss_nats for record in last]):.3f}",
                _spread([trial.above_human(arm, end) for trial in trials]),
                f"{np.mean([record.rare_word_recall for record in last]):.0%}",
                f"{np.mean([record.support for record in last]):,.0f}",
                f"{np.mean([record.distinct_2 for record in last]):.3f}",
            ]
        )
    header = ["loop", "generation", "loss, nats/word", "above human-only", "rare words kept", "support", "distinct-2"]
    return markdown(header, rows)


def _stream_table(trials: list[Trial]) -> str:
    rows = []
    for arm in sorted(trials[0].stream, key=lambda arm: -float(np.mean([t.stream[arm].gain_nats for t in trials]))):
        records = [trial.stream[arm] for trial in trials]
        ceiling = [trial.stream["ceiling"].gain_nats for trial in trials]
        rows.append(
            [
                arm,
                _spread([record.gain_nats for record in records]),
                f"{sum(record.gain_nats for record in records) / sum(ceiling):.0%}",
                f"{np.mean([record.tokens for record in records]):,.0f}",
                f"{np.mean([record.own_share for record in records]):.0%}",
            ]
        )
    return markdown(["choice", "gain, nats/word", "of the ceiling", "tokens", "of recipes not admitted"], rows)


def _recipe_table(trials: list[Trial]) -> str:
    rows = []
    for name in sorted({name for trial in trials for name in trial.verdicts[0].statuses}):
        states = [state for trial in trials for state in trial.verdicts]
        found = [sealed.decision for state in states for sealed in state.sealed if sealed.recipe == name]
        evidence = [e.effect_sd for state in states if (e := state.statuses[name].evidence) is not None]
        reasons = sorted({state.statuses[name].reason.value for state in states})
        rows.append(
            [
                name,
                f"{sum(name in admitted(state) for state in states)} of {len(states)}",
                f"{sum(name in admitted(trial.nameless) for trial in trials)} of {len(trials)}",
                ", ".join(reasons),
                f"{np.median(evidence):+.2f}" if evidence else "",
                f"{min(d.log_e for d in found):.1f} to {max(d.log_e for d in found):.1f}" if found else "",
                f"{min(d.threshold for d in found):.1f} to {max(d.threshold for d in found):.1f}" if found else "",
                f"{min(d.log_e - d.threshold for d in found):+.1f}" if found else "",
            ]
        )
    header = ["recipe", "admitted", "without parents", "reasons", "effect, sd", "log e", "needed", "least margin"]
    return markdown(header, rows)


def _target_table(trials: list[Trial], generations: int) -> str:
    gains = [trial.stream["headwater"].gain_nats for trial in trials]
    shares = [gain / trial.stream["ceiling"].gain_nats for gain, trial in zip(gains, trials, strict=True)]
    states = [state for trial in trials for state in trial.verdicts]
    complete = float(np.mean([admitted(state) >= USEFUL for state in states]))
    harmful = [len(admitted(state) - USEFUL) for state in (*states, *(trial.nameless for trial in trials))]
    ungated = [trial.above_human("ungated", COLLAPSE_AT) for trial in trials]
    recall = [trial.loops["filtered"][COLLAPSE_AT].rare_word_recall for trial in trials]
    gated = [trial.above_human("gated", generations) for trial in trials]
    streamed = [trial.above_human("gated-stream", generations) for trial in trials]
    lines = [
        ("ungated, 6 generations: at least +0.6 nats", f"lowest {min(ungated):+.3f}", min(ungated) >= 0.6),
        ("filtered, 6 generations: under 20% of rare words", f"highest {max(recall):.1%}", max(recall) < 0.2),
        ("gain, strict threshold: at least +0.15 nats", f"lowest {min(gains):+.3f}", min(gains) >= 0.15),
        ("at least 65% of the ceiling", f"lowest {min(shares):.0%}", min(shares) >= 0.65),
        ("all three rewrites admitted in 95% of splits and orders", f"{complete:.0%}", complete >= 0.95),
        ("harmful recipes admitted: 0, with and without parents", str(sum(harmful)), not any(harmful)),
        (
            f"gated, {generations} generations: within 0.005 nats of human-only in every split",
            f"highest {max(map(abs, gated)):.4f}",
            max(map(abs, gated)) <= 0.005,
        ),
        ("gated-stream: at least 0.1 nats below", f"highest {max(streamed):+.3f}", max(streamed) <= -0.1),
    ]
    return markdown(["target", "measured", ""], [(what, value, verdict_of(met)) for what, value, met in lines])


def main() -> None:
    """Carry out all trials and print the tables."""
    parser = argparse.ArgumentParser(description="gate and loop on the installed documentation")
    parser.add_argument("--seeds", type=int, default=5, help="splits")
    parser.add_argument("--orders", type=int, default=3, help="orders in which the recipes are tested")
    parser.add_argument("--generations", type=int, default=10, help="generations of the gated loops")
    options = parser.parse_args()
    warm()
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        human = read_human(Settings(), Path(folder) / "rejects.jsonl")
    trials = [carry_out(human.table, seed, options.orders, options.generations) for seed in range(options.seeds)]
    read = ", ".join(f"{package} {version}" for package, version in human.facts.versions.items())
    print(
        f"`python benchmarks/embedded_stream.py --seeds {options.seeds} --orders {options.orders} "
        f"--generations {options.generations}`: {human.facts.documents:,} documents, {human.facts.words:,} words, "
        f"{human.facts.groups} modules ({read}); certification panels of "
        f"{min(t.units for t in trials)}-{max(t.units for t in trials)} independent groups; "
        f"{time.process_time() - start:.0f} CPU seconds; {versions()}.\n"
    )
    print(_target_table(trials, options.generations))
    print(f"Loops (mean over {len(trials)} splits, lowest to highest):\n\n{_loop_table(trials, options.generations)}")
    print(f"The stream (mean over {len(trials)} splits, lowest to highest):\n\n{_stream_table(trials)}")
    print(f"Verdicts ({len(trials)} splits, {options.orders} orders of tests):\n\n{_recipe_table(trials)}")


if __name__ == "__main__":
    main()
