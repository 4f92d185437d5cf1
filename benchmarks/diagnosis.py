"""What do the signals beside a decision cost, and is the discriminator as good as scikit-learn's?

The candidates of ``gate_cost.py``: paragraphs of English novels, each used once, in ten recipes, beside a human reserve
of the same kind. The signals are all that a run shows: perplexity, DSIR weight, copies, nearest human documents, words,
discriminator, clipped density and coverage. The gate on the same stream stands beside them.

The discriminator is compared with logistic regression (scikit-learn, liblinear, balanced classes, five folds) on the
same features, for unseen human text and for the same with some of the words of each document in random order.

    python benchmarks/diagnosis.py [--tokens 1000000] [--recipes 10] [--human 400000] [--data FOLDER]

prints Markdown tables; about a minute on one core.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from gate_cost import _DATA as DATA
from gate_cost import Clock, deal, judge, paragraphs, reserve
from gate_cost import _write as write
from loops import markdown, versions

from headwater.gate import token_counts
from headwater.gate.diagnosis import HumanSide, diagnose, discriminate
from headwater.gate.diagnosis.base import sampled
from headwater.gate.diagnosis.discriminator import features
from headwater.generate import machine_documents
from headwater.loop.diagnosing import human_side
from headwater.loop.text_world import TextWorld
from headwater.measure import auroc
from headwater.models import warm
from headwater.schema import Origin, documents
from headwater.sources import write_documents


def shuffled(texts: list[str], share: float, rng: np.random.Generator) -> list[str]:
    """Return texts with a share of their words in random order."""
    result = []
    for text in texts:
        words = np.array(text.split(), dtype=object)
        chosen = rng.permutation(len(words))[: int(share * len(words))]
        words[np.sort(chosen)] = words[chosen]
        result.append(" ".join(words))
    return result


def logistic(batch: pa.Table, human: HumanSide) -> float:
    """Return the area under the curve of cross-validated logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    rng = np.random.default_rng(0)
    machine, people = sampled(batch, rng), sampled(human.reference, rng)
    labels = np.r_[np.ones(machine.num_rows), np.zeros(people.num_rows)]
    classifier = LogisticRegression(C=10.0, solver="liblinear", class_weight="balanced")
    inputs = features(pa.concat_tables([machine.select(["tokens"]), people.select(["tokens"])]))
    scores = cross_val_predict(classifier, inputs, labels, cv=5, method="decision_function")
    return auroc(scores[labels == 0], scores[labels == 1])


def comparison(world: TextWorld, human: HumanSide, texts: list[str]) -> str:
    """Return the table of both classifiers."""
    rng, rows = np.random.default_rng(1), []
    for name, share in (
        ("unseen human text", 0.0),
        ("a tenth of the words shuffled", 0.1),
        ("a third", 0.3),
        ("all", 1.0),
    ):
        batch = world.encode(machine_documents(shuffled(texts, share, rng), recipe="x"))
        clock = Clock()
        own = clock.time("own", lambda batch=batch: discriminate(batch, human, np.random.default_rng(0)))
        other = clock.time("sklearn", lambda batch=batch: logistic(batch, human))
        assert own is not None
        seconds = [f"{clock.seconds[which]:.2f}" for which in ("own", "sklearn")]
        rows.append([name, f"{own.auc:.3f} ± {own.error:.3f}", f"{other:.3f}", *seconds])
    return markdown(["batch", "AUC", "logistic regression", "CPU seconds", "of logistic regression"], rows)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description="cost of the signals")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="candidate tokens")
    parser.add_argument("--recipes", type=int, default=10, help="recipes they are dealt to")
    parser.add_argument("--human", type=int, default=400_000, help="words of the human reserve")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with lm/")
    options = parser.parse_args()
    warm()
    rng = np.random.default_rng(0)
    texts = list(dict.fromkeys(paragraphs(options.data)))
    texts = [texts[i] for i in rng.permutation(len(texts))]
    human, texts = deal(texts, options.human)
    candidates, texts = deal(texts, round(options.tokens / 1.17))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(documents(human, origin=Origin.HUMAN.value, generation=0), folder / "human.jsonl")
        write(candidates, options.recipes, folder / "text.jsonl")
        world, checks = reserve(folder / "human.jsonl", Clock())
        judged = judge("text", folder / "text.jsonl", world, checks)
        side = human_side(world)
        table = comparison(world, side, texts[:400])
        clock = Clock()
        found = clock.time("signals", lambda: diagnose(judged.checked, side))
    recipes = list(found.recipes.values())
    tokens = int(token_counts(judged.checked.documents).sum())
    print(f"`python benchmarks/diagnosis.py`: {tokens:,} tokens in {len(recipes)} recipes; one thread; {versions()}.\n")
    gate = judged.clock.total
    print(
        markdown(
            ["", "CPU seconds", "of the gate"],
            [
                ["all signals", f"{clock.total:.1f}", f"{clock.total / gate:.0%}"],
                ["the gate without them", f"{gate:.1f}", "100%"],
            ],
        )
    )
    clouds = [one.cloud for one in recipes if one.cloud is not None]
    areas = [one.discriminator.auc for one in recipes if one.discriminator is not None]
    print(
        f"Unseen human text, {len(recipes)} recipes: AUC {np.mean(areas):.3f} on average ({min(areas):.2f} to "
        f"{max(areas):.2f}); clipped density {np.mean([c.density for c in clouds]):.2f}, coverage "
        f"{np.mean([c.coverage for c in clouds]):.2f}.\n"
    )
    print(table)


if __name__ == "__main__":
    main()
