"""Do decisions of the n-gram proxy carry over to a neural student, and does stopping it early reverse them?

The stream is that of ``dirty_stream.py``: human documents, rewrites of others by GPT-3-Turbo and Llama-3-70B, text of
older models, and what must not get in, more than half of it self-generated. The n-gram gate decides (strict threshold).
Then a small recurrent network (a quarter of a million parameters, 2000 words) is trained on the human documents and

- nothing else,
- the candidates of lowest perplexity, or those DSIR takes, as many tokens as the gate admitted,
- everything that passed the hard checks,
- what the gate admitted.

Each update has 38% machine-made text by weight. The best of the checks is kept, judged on a third of the final
documents; the loss is that of the other two thirds. Two training seeds of one split.

A student that is stopped early has not learnt the human text yet and mistakes any other text for a distraction: the
last table stops every arm after 360 updates, where the gated set is trained unweighted, each document as often as any
other.

    python benchmarks/neural_student.py [--seeds 2] [--splits 0 1] [--data FOLDER]

prints Markdown tables; about 15 minutes per split on one core.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from dirty_stream import _DATA, GATES, UNITS, human_documents, make_stream, read_rows
from loops import markdown, split_by_units, verdict_of, versions

from headwater.config import Settings
from headwater.gate import DSIR, LowestPerplexity, ScoringPanel, token_counts
from headwater.loop.comparison import judge_stream
from headwater.loop.text_world import TextWorld
from headwater.models import NeuralLearner, NeuralSettings, warm
from headwater.store import Part

HUMAN, EVERYTHING, GATED = "human only", "everything", "gate"
STUDENT = NeuralSettings(machine_share=0.38)
STOPPED = NeuralSettings(machine_share=1.0, updates=360, keep="last")
TIMES_ADMIT_ALL = 1.5


def sets_of(world: TextWorld, stream: pa.Table) -> dict[str, pa.Table]:
    """Return what each arm takes of the stream, in the order of the table."""
    checked = world.hard_checks().apply(stream)
    state = judge_stream(world.gate(gates=GATES, machine_share=1.0), checked)
    budget = int(token_counts(state.admitted).sum())
    rng = np.random.default_rng([world.settings.seed, 5])
    chosen = {HUMAN: checked.passed.slice(0, 0)}
    for selection in (LowestPerplexity(world.learner), DSIR()):
        chosen[selection.name] = selection.choose(checked.passed, world.train, budget, rng)
    return {**chosen, EVERYTHING: checked.passed, GATED: state.admitted}


def losses_of(
    world: TextWorld, sets: Mapping[str, pa.Table], settings: NeuralSettings, seed: int
) -> dict[str, np.ndarray]:
    """Return the loss of each arm on two thirds of the final groups, nats per word of each group."""
    final = world.split[Part.FINAL]
    units = ScoringPanel(final).units
    names = np.random.default_rng([world.settings.seed, 17]).permutation(np.unique(units))
    chooses = np.isin(units, names[: len(names) // 3])
    validation, test = final.filter(pa.array(chooses)), ScoringPanel(final.filter(pa.array(~chooses)))
    learner = NeuralLearner(world.vocabulary, settings, validation=validation)
    found = {}
    for arm, documents in sets.items():
        start = time.perf_counter()
        model = learner.fit(pa.concat_tables([world.train, documents]), np.random.default_rng([seed, 19]))
        losses = model.loss(test.documents)
        nothing = type(losses)(np.zeros_like(losses.nats), losses.tokens)
        found[arm] = test.gains(losses, nothing)  # against a loss of zero: the loss itself, by group
        best = min(model.history, key=lambda check: check.loss).update if model.history else settings.updates
        print(
            f"<!-- seed {seed}, {settings.updates} updates, {arm}: {found[arm].mean():.3f} nats, best after {best}, "
            f"{time.perf_counter() - start:.0f} s -->",
            flush=True,
        )
    return found


def table_of(sets: Mapping[str, pa.Table], found: Sequence[Mapping[str, np.ndarray]]) -> str:
    """Return the table of arms: loss and gain by seed, and the standard error of the gain over groups."""
    rows = []
    for arm, documents in sets.items():
        gains = [losses[HUMAN] - losses[arm] for losses in found]
        error = np.mean(gains, axis=0).std(ddof=1) / np.sqrt(len(gains[0]))
        rows.append(
            [
                arm,
                f"{token_counts(documents).sum():,}",
                " / ".join(f"{losses[arm].mean():.3f}" for losses in found),
                "-" if arm == HUMAN else " / ".join(f"{gain.mean():+.3f}" for gain in gains),
                "-" if arm == HUMAN else f"{error:.3f}",
            ]
        )
    return markdown(
        ["beside the human documents", "tokens", "loss, nats/word, by seed", "gain", "standard error"], rows
    )


def main() -> None:
    """Train all students and print the tables."""
    parser = argparse.ArgumentParser(description="the sets of the dirty stream, and a neural student")
    parser.add_argument("--seeds", type=int, default=2, help="training seeds")
    parser.add_argument("--splits", type=int, nargs="+", default=[0], help="which splits of the human documents")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with human_vs_ai/")
    options = parser.parse_args()
    warm()
    folder = options.data / "human_vs_ai"
    l2r = read_rows(folder / "l2r_en.jsonl.zst")
    others = [*read_rows(folder / "outfox_essays_en.jsonl.zst"), *read_rows(folder / "squad_wikipedia_en.jsonl.zst")]
    start = time.process_time()
    for split in options.splits:
        parts = split_by_units(human_documents(l2r), UNITS, np.random.default_rng([split, 1]))
        world = TextWorld.on(parts, Settings(seed=split))
        sets = sets_of(world, make_stream(world, l2r, others))
        trained = [losses_of(world, sets, STUDENT, seed) for seed in range(options.seeds)]
        stopped = [losses_of(world, sets, STOPPED, seed) for seed in range(options.seeds)]
        print(f"\nSplit {split}, {world.budget:,} human tokens, trained to the plateau ({STUDENT.updates} updates):\n")
        print(table_of(sets, trained))
        gains = {
            arm: np.mean([losses[HUMAN].mean() - losses[arm].mean() for losses in trained])
            for arm in (GATED, EVERYTHING)
        }
        ratio = gains[GATED] / gains[EVERYTHING]
        met = gains[GATED] >= TIMES_ADMIT_ALL * gains[EVERYTHING] and gains[GATED] > 0
        row = [
            f"gain of the gated set at least {TIMES_ADMIT_ALL} x that of everything",
            f"{ratio:.1f} x",
            verdict_of(met),
        ]
        print(markdown(["target", "measured", ""], [row]))
        print(f"Stopped after {STOPPED.updates} updates, every document as often as any other:\n")
        print(table_of(sets, stopped))
    print(
        f"`python benchmarks/neural_student.py --seeds {options.seeds} --splits {' '.join(map(str, options.splits))}`: "
        f"{time.process_time() - start:.0f} CPU seconds; {versions()}.\n"
    )


if __name__ == "__main__":
    main()
