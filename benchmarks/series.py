"""Loops on windows of sensor series, and simulators with right and wrong physics before the gate.

Recordings are a minute of driving (comma2k19: speed, steering angle and rates of turn) and a robot that follows a wall
(24 distances, labels are the actions). Five loops run side by side over the generations; what is compared is the loss
on the sealed final panel of the proxy trained on the last training set: a forecast for the drive, a classifier for the
robot. Then each recipe of the default stream goes through the hard checks and the gate by itself, and the table says at
which stage it ended, with the true gain on the final panel of its windows that passed the checks.

    OPENBLAS_NUM_THREADS=1 python benchmarks/series.py --drive comma2k19_drive_60s.npz --robot sensor_readings_24.csv.gz
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from loops import markdown, run_arm, verdict_of

from headwater.config import Settings
from headwater.gate.grouping import rows_by_recipe
from headwater.loop.inputs import split_human
from headwater.loop.series_inputs import read_series, series_form_of
from headwater.loop.series_stream import make_series_stream
from headwater.loop.series_world import SeriesWorld
from headwater.store import Part

ARMS = ("human-only", "ungated", "filtered", "gated", "gated-stream")
DRIVE = {
    "channels": ["CAN__speed", "CAN__steering_angle", "IMU__gyro"],
    "rate": 50,
    "window": 12,
    "stride": 2,
    "segment": 16,
    "gap": 4,
}
ROBOT = {"target": "OUTPUT", "window": 6, "stride": 2, "segment": 12, "gap": 3}


def world_of(path: Path, human: Mapping[str, Any], seed: int, generations: int) -> SeriesWorld:
    """Return the world of a recording, split by the seed."""
    settings = Settings.model_validate(
        {
            "seed": seed,
            "human": {"modality": "series", "paths": [str(path)], **human},
            "split": {"train": 0.30, "sources": 0.15, "steering": 0.14, "certification": 0.34, "final": 0.07},
            "gate": {"least_tokens": 400},
            "loop": {"generations": generations},
        }
    )
    read = read_series(settings)
    split, _ = split_human(read.table, settings)
    return SeriesWorld(settings, series_form_of(read.table, settings), split, read.removed)


def loops(world: SeriesWorld, generations: int) -> Iterator[list[str]]:
    """Yield what became of each arm, beside human-only with its 95% interval over segments."""
    human = world.final_losses(world.train)
    checked = world.hard_checks().apply(make_series_stream(world))
    for arm in ARMS:
        stream = checked if arm == "gated-stream" else None
        records, gate = run_arm(world, arm, generations, stream=stream)
        worse, half = 0.0, 0.0
        admitted = ""
        if gate is not None:
            training = world.gate(gates=1, machine_share=world.settings.loop.machine_share).mix(gate.admitted)
            differences = -world.final.gains(human, world.final_losses(training))
            worse, half = float(differences.mean()), 1.96 * float(differences.std(ddof=1)) / np.sqrt(len(differences))
            admitted = f"{gate.admitted.num_rows:,}"
        elif arm != "human-only":
            worse = records[-1].loss_nats - records[0].loss_nats
            half = float("nan")
        last = records[-1]
        yield [arm, f"{last.loss_nats:.3f}", f"{worse:+.3f}", f"{half:.3f}", f"{last.rare_word_recall:.2f}", admitted]


def stages(world: SeriesWorld) -> Iterator[list[str]]:
    """Yield where each recipe of the default stream ends, and what its passed windows are truly worth."""
    stream = make_series_stream(world)
    checked = world.hard_checks().apply(stream)
    gate = world.gate(gates=1, machine_share=world.settings.loop.machine_share)
    human = world.final_losses(world.train)
    reasons = np.array([reason or "" for reason in checked.findings.reasons], object)
    for name, rows in sorted(rows_by_recipe(stream).items()):
        one = stream.take(pa.array(rows))
        failed = Counter(str(reason) for reason in reasons[rows] if reason)
        passed = one.filter(pa.array([not reason for reason in reasons[rows]]))
        bars = {name: checked.bars[name]} if name in checked.bars else {}
        state = gate.judge(gate.start(), passed, bars, generation=1, order=[name])
        status = state.statuses[name]
        gain = ""
        if passed.num_rows:
            mixed = pa.concat_tables([world.train, passed])
            differences = world.final.gains(human, world.final_losses(mixed))
            half = 1.96 * float(differences.std(ddof=1)) / np.sqrt(len(differences))
            gain = f"{differences.mean():+.3f} ± {half:.3f}"
        why = ", ".join(f"{reason} {count / len(rows):.0%}" for reason, count in failed.most_common(2))
        yield [name, str(len(rows)), why or "none", f"{status.verdict} ({status.reason})", gain]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the loops and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drive", type=Path)
    parser.add_argument("--robot", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--generations", type=int, default=10)
    asked = parser.parse_args(arguments)
    data = [("drive", asked.drive, DRIVE), ("robot", asked.robot, ROBOT)]
    table, ends, held = [], [], []
    for name, path, human in data:
        if path is None:
            continue
        for seed in range(asked.seeds):
            world = world_of(path, human, seed, asked.generations)
            panel = world.split[Part.CERTIFICATION]
            print(
                f"{name} seed {seed}: {world.train.num_rows} windows to train on, {panel.num_rows} of "
                f"{len(set(panel['unit'].to_pylist()))} segments to certify, {world.final.n_units} final segments",
                flush=True,
            )
            for row in loops(world, asked.generations):
                table.append([name, str(seed), *row])
                if row[0].startswith("gated"):
                    held.append(float(row[2]) <= float(row[3]))
            ends += [[name, str(seed), *row] for row in stages(world)]
    head = ["data", "seed", "arm", "loss", "worse than human-only", "95% half width", "rare kept", "admitted"]
    print("\n" + markdown(head, table))
    print(f"Gated arms not worse than human-only by more than their interval: {verdict_of(all(held))}\n")
    print(markdown(["data", "seed", "recipe", "windows", "failed checks", "verdict", "true gain of what passed"], ends))


if __name__ == "__main__":
    main()
