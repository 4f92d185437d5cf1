"""Loops on a table: human-only, ungated, filtered by likelihood and gated, and what choosing from a dirty stream gains.

Every arm retrains the product's copula on its own training set for some generations. What is compared is the log-loss
on the sealed final panel of boosted trees that predict the target from the arm's last training set, paired by row:
gated must not lie above human-only by more than the half width of the 95% interval. Beside it the stream that a run
makes for itself (useful, collapsed, shuffled, copied and leaked rows), and the gain over human-only of each way of
choosing from it. The split of the human rows is the product's own.

    OPENBLAS_NUM_THREADS=1 python benchmarks/table_loops.py TABLE.parquet TARGET [--seeds 3] [--rows 20000]
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from image_loops import ARMS, run_arm
from loops import markdown, verdict_of

from headwater.config import Settings
from headwater.loop.comparison import compare, judge_stream
from headwater.loop.inputs import split_human
from headwater.loop.row_inputs import form_of, read_rows
from headwater.loop.table_stream import make_table_stream
from headwater.loop.table_world import TableWorld, table_world

_GATES = 2  # the gated loop and the stream share the error budget


def world_of(path: str, target: str, seed: int, rows: int, generations: int) -> TableWorld:
    """Return the world of at most ``rows`` rows of a file, drawn and split by the seed."""
    human = {"paths": [path], "modality": "table", "target": target}
    settings = Settings.model_validate({"seed": seed, "human": human, "loop": {"generations": generations}})
    read = read_rows(settings)
    some = np.sort(np.random.default_rng([seed, 40]).permutation(read.table.num_rows)[:rows])
    table = read.table.take(pa.array(some))
    split, _ = split_human(table, settings)
    return table_world(split, settings, form_of(table, settings), read.removed, None)


def loops(world: TableWorld, generations: int) -> tuple[list[list[str]], bool]:
    """Return a line for each arm, and whether the gated one held the human-only line."""
    lines, held = [], False
    for arm in ARMS:
        records, training, gate = run_arm(world, arm, generations)
        worse = -world.final.gains(world.human_losses, world.final_losses(training))
        half = 1.96 * float(worse.std(ddof=1)) / np.sqrt(len(worse))
        if arm == "gated":
            held = float(worse.mean()) <= half
        last = records[-1]
        lines.append(
            [
                str(world.settings.seed),
                arm,
                f"{last.loss_nats:.3f}",
                f"{worse.mean():+.3f} ± {half:.3f}",
                f"{last.rare_word_recall:.2f}",
                "" if gate is None else f"{gate.admitted.num_rows:,}",
            ]
        )
    return lines, held


def chosen(world: TableWorld) -> tuple[list[list[str]], list[list[str]]]:
    """Return a line for each way of choosing from the stream, and one for each recipe's verdict."""
    stream = world.hard_checks().apply(make_table_stream(world))
    judged = judge_stream(world.gate(gates=_GATES, machine_share=1.0), stream)
    seed = str(world.settings.seed)
    lines = [
        [seed, one.arm, f"{one.gain_nats:+.4f} ± {1.96 * one.standard_error:.4f}", f"{one.tokens:,}"]
        for one in compare(world, stream, judged, None)
    ]
    verdicts = [[seed, name, one.verdict.value, one.reason.value] for name, one in judged.statuses.items()]
    return lines, verdicts


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the loops and the choices, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("target")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--generations", type=int, default=10)
    asked = parser.parse_args(arguments)
    arms, choices, verdicts, held = [], [], [], []
    for seed in range(asked.seeds):
        start = time.monotonic()
        world = world_of(asked.table, asked.target, seed, asked.rows, asked.generations)
        lines, line_held = loops(world, asked.generations)
        ways, found = chosen(world)
        arms += lines
        choices += ways
        verdicts += found
        held.append(line_held)
        print(f"seed {seed}: {time.monotonic() - start:.0f} s", flush=True)
    print(f"{world.train.num_rows:,} rows to train on, {world.final.n_units:,} in the final panel\n")
    print(markdown(["seed", "arm", "loss", "worse than human-only (95%)", "rare values kept", "admitted"], arms))
    print(markdown(["seed", "chosen by", "gain, nats per row (95%)", "rows"], choices))
    print(markdown(["seed", "recipe", "verdict", "reason"], verdicts))
    print(f"Gated not worse than human-only by more than its interval: {verdict_of(all(held))}")


if __name__ == "__main__":
    main()
