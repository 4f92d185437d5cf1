"""Does measured utility put five models in the order of their known quality?

Answers of five models to the same 252 instructions (Wang et al. 2023, Self-Instruct), whose quality people judged:
davinci, davinci trained on T0, on SuperNI, on Self-Instruct, and text-davinci-003, from worst to best. The human base
is the 175 seed tasks; the instructions are split in two halves, one of which the models answer, and the human answers
to the other are the panel. Utility is what a model's answers bring on the panel, per word of the panel, for all its
answers and for the same number of words of each. Kendall's tau over 40 splits.

    python benchmarks/known_order.py [--splits 40] [--data FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
from loops import markdown, versions
from scipy.stats import kendalltau
from shared_texts import SHARED, records

from headwater.gate import token_counts
from headwater.models import NgramLearner
from headwater.schema import documents
from headwater.text import Vocabulary, encode_table

ORDER = ("davinci", "davinci-t0-ft", "davinci-superni-ft", "davinci-self-instruct", "text-davinci-003")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=40)
    parser.add_argument("--data", type=Path, default=SHARED)
    options = parser.parse_args()
    rows = list(records(options.data / "synthetic" / "self_instruct_human_and_models.jsonl.zst"))
    seeds = [row["output"] for row in rows if row["set"] == "seed_tasks" and row["output"].strip()]
    human = {key(row): row["output"] for row in rows if row["generator"] == "human" and row["set"] != "seed_tasks"}
    answers = {name: {key(row): row["output"] for row in rows if row["generator"] == name} for name in ORDER}
    asked = sorted(set(human) & set.intersection(*map(set, answers.values())))
    print(versions(), f"\n\n{len(seeds)} seed tasks, {len(asked)} instructions that all models and people answered.\n")
    table = []
    for label, equal in (("all answers", False), ("the same number of words", True)):
        gains = np.array([split(seeds, human, answers, asked, seed, equal=equal) for seed in range(options.splits)])
        taus = [kendalltau(np.arange(len(ORDER)), one).statistic for one in gains]
        mean = gains.mean(axis=0)
        shown = [f"{value:+.3f}" for value in mean]
        tau = kendalltau(np.arange(len(ORDER)), mean).statistic
        low, high = np.quantile(taus, [0.05, 0.95])
        table.append((label, *shown, f"{tau:.2f}", f"{np.mean(taus):.2f} ({low:.2f} to {high:.2f})"))
    print(markdown(("", *ORDER, "tau of the means", "tau of a split, mean (5% to 95%)"), table))


def split(
    seeds: list[str], human: dict, answers: dict[str, dict], asked: list, seed: int, *, equal: bool
) -> list[float]:
    """Return the gain of each model's answers to one half of the instructions on the human answers to the other."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(asked))
    ours, theirs = ([asked[i] for i in part] for part in np.array_split(order, 2))
    texts = {name: [answers[name][one] for one in ours if answers[name][one].strip()] for name in ORDER}
    # The words of everybody, so that no model is judged by how many of its words are known.
    vocabulary = Vocabulary.from_texts([*seeds, *(text for one in texts.values() for text in one)], 1)
    learner = NgramLearner(vocabulary, order=3)
    base = encode_table(documents(seeds), vocabulary)
    panel = encode_table(documents([human[one] for one in theirs]), vocabulary)
    batches = {name: encode_table(documents(one), vocabulary) for name, one in texts.items()}
    least = min(int(token_counts(batch).sum()) for batch in batches.values())
    without = learner.fit(base, rng).loss(panel)
    gains = []
    for name in ORDER:
        batch = batches[name]
        if equal:
            batch = batch.slice(0, int(np.searchsorted(np.cumsum(token_counts(batch)), least)) + 1)
        with_ = learner.fit(pa.concat_tables([base, batch]), rng).loss(panel)
        gains.append(float((without.per_token - with_.per_token).mean()))
    return gains


def key(row: dict) -> tuple[str, str]:
    """Return what was asked."""
    return row["instruction"].strip(), (row["input"] or "").strip()


if __name__ == "__main__":
    main()
