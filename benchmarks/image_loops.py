"""Loops on labelled images: human-only, ungated, filtered by likelihood and gated, side by side on the final panel.

Does the gate keep a loop of image generators from collapsing, and do ungated and filtered loops collapse? Every arm
carries its own generator through the generations; what is compared is the log-loss on the sealed final panel of a
classifier trained on the arm's training set. Human-only is the line: the gated arm must not lie above it by more than
the half width of the 95% interval of the paired difference over images.

    OPENBLAS_NUM_THREADS=1 python benchmarks/image_loops.py [--images mnist_20k.npz] [--vae] [--seeds 3]

Without ``--images`` the 1,797 digits of scikit-learn are used.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from loops import markdown, verdict_of
from numpy.typing import NDArray

from headwater.config import Settings
from headwater.gate import GateState
from headwater.loop.arms import gated_round, next_training_set, regime_of, start_gated
from headwater.loop.image_world import ImageWorld
from headwater.loop.world import GenerationRecord, World
from headwater.models import VaeLearner
from headwater.models.labelled_images import image_documents
from headwater.store import Part, split_by_group

ARMS = ("human-only", "ungated", "filtered", "gated")
SHARES = {Part.TRAIN: 0.4, Part.STEERING: 0.15, Part.CERTIFICATION: 0.3, Part.FINAL: 0.15}


def read(path: Path | None, most: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images from 0 to 255 and their labels."""
    if path is None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        return (digits.images * (255 / 16)).round().astype(np.uint8), digits.target
    with np.load(path, allow_pickle=False) as file:
        chosen = np.random.default_rng(0).permutation(len(file["x_train"]))[:most]
        return file["x_train"][chosen], file["y_train"][chosen]


def world_of(
    images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int, generations: int, *, vae: bool
) -> ImageWorld:
    """Return the world of some images, split by the seed; equal images are one."""
    table = image_documents(images, labels, origin="human", source="images")
    _, first = np.unique(np.asarray(table["id"].to_pylist()), return_index=True)
    table = table.take(pa.array(np.sort(first)))
    at = table.column_names.index("group")
    table = table.set_column(at, table.schema.field("group"), table["id"])
    split = split_by_group(table, SHARES, np.random.default_rng([seed, 1]), texts=False)
    settings = Settings.model_validate(
        {"seed": seed, "gate": {"least_tokens": 50}, "loop": {"generations": generations}}
    )
    side = images.shape[1]
    each = VaeLearner(side, latents=8, epochs=40, batch=64) if vae else None
    return ImageWorld.on(split, settings, side, each)


def run_arm(world: World, arm: str, generations: int) -> tuple[list[GenerationRecord], pa.Table, GateState | None]:
    """Return the measures of every generation of an arm, its last training set, and its gate's last state."""
    rng = np.random.default_rng(world.settings.seed)
    regime, training = regime_of(arm, world), world.train
    records = [world.measure(arm, 0, None, training)]
    if arm == "human-only":
        return records * (generations + 1), training, None
    model = world.learner.fit(training, rng)
    gate = world.gate(gates=1, machine_share=world.settings.loop.machine_share)
    checks, state = world.hard_checks(), start_gated(gate)
    for generation in range(1, generations + 1):
        if regime is None:
            state = gated_round(world, gate, checks, arm, generation, model, state, None).state
            training = gate.mix(state.gate.admitted)
        else:
            training = next_training_set(world, regime, arm, generation, model)
        model = world.learner.fit(training, rng)
        records.append(world.measure(arm, generation, model, training))
    return records, training, state.gate if regime is None else None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the loops and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--most", type=int, default=6000)
    parser.add_argument("--vae", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--generations", type=int, default=10)
    asked = parser.parse_args(arguments)
    images, labels = read(asked.images, asked.most)
    rows, held = [], []
    for seed in range(asked.seeds):
        start = time.monotonic()
        world = world_of(images, labels, seed, asked.generations, vae=asked.vae)
        human = world.final_losses(world.train)
        for arm in ARMS:
            records, training, gate = run_arm(world, arm, asked.generations)
            worse = -world.final.gains(human, world.final_losses(training))
            half = 1.96 * float(worse.std(ddof=1)) / np.sqrt(len(worse))
            last = records[-1]
            admitted = "" if gate is None else f"{gate.admitted.num_rows:,}"
            if arm == "gated":
                held.append(float(worse.mean()) <= half)
            rows.append(
                [
                    str(seed),
                    arm,
                    f"{last.loss_nats:.3f}",
                    f"{worse.mean():+.3f} ± {half:.3f}",
                    f"{last.rare_word_recall:.2f}",
                    str(last.support),
                    admitted,
                ]
            )
            print(f"seed {seed} {arm} {time.monotonic() - start:.0f} s", flush=True)
    head = ["seed", "arm", "loss", "worse than human-only (95%)", "coverage", "labels", "admitted"]
    print(f"{len(images):,} images, {world.train.num_rows:,} to train on, {world.final.n_units:,} in the final panel\n")
    print(markdown(head, rows))
    print(f"Gated not worse than human-only by more than its interval: {verdict_of(all(held))}")


if __name__ == "__main__":
    main()
