"""How well does fidelity tell a rewrite of a text from a rewrite of another one?

Human texts and their rewrites by language models, each judged against its own human text and against another's.

    python benchmarks/fidelity.py [--data FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np
from loops import markdown, versions
from shared_texts import SHARED, records
from sklearn.metrics import roc_auc_score

from headwater.gate.verifiers.fidelity import shares

_KEPT, _MADE_UP = 0.3, 0.5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED)
    found = list(records(parser.parse_args().data / "human_vs_ai" / "l2r_en.jsonl.zst"))
    human = {row["pair"]: row["text"] for row in found if row["label"] == "human"}
    print(versions(), "\n")
    table = []
    for generator in ("GPT-3-Turbo", "Llama-3-70B"):
        pairs = [(row["text"], row["pair"]) for row in found if row["generator"] == generator and row["pair"] in human]
        others = np.random.default_rng(0).permutation(len(pairs))
        true = np.array([shares(text, human[pair]) for text, pair in pairs])
        false = np.array([shares(text, human[pairs[others[i]][1]]) for i, (text, _) in enumerate(pairs)])
        score = np.r_[true[:, 0] - true[:, 1], false[:, 0] - false[:, 1]]
        auroc = roc_auc_score(np.repeat([1, 0], len(pairs)), score)
        row = [f"{part[:, i].mean():.2f}" for part in (true, false) for i in (0, 1)]
        passed = [f"{np.mean((part[:, 0] >= _KEPT) & (part[:, 1] <= _MADE_UP)):.1%}" for part in (true, false)]
        table.append((generator, f"{len(pairs):,}", f"{auroc:.3f}", *passed, *row))
    head = ("rewrites by", "pairs", "AUROC", "true pairs passed", "false pairs passed")
    print(markdown((*head, "kept", "made up", "kept, false pairs", "made up, false pairs"), table))


if __name__ == "__main__":
    main()
