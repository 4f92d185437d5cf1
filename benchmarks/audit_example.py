"""The worked example of README and docs/audit.md: a corpus whose machine-made share is known, audited.

News articles of which a fifth are rewrites by Llama-3-70B, and course texts of which a twentieth are: 230 documents.
References are 200 human texts and up to 200 rewrites of other articles of the same two kinds. The detector ``base`` has
learnt the other domains, and nothing by Llama-3-70B.

    OMP_NUM_THREADS=1 python benchmarks/audit_example.py [--data FOLDER] [--out FOLDER]

writes the files, prints each command with what it says, and the shares that are true; about two minutes on one core.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from detector_train import Development, development
from numpy.typing import NDArray

from headwater.origin.detector.normalise import normalise

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_GENERATOR = "Llama-3-70B"
_MADE = {"NewsArticle": ("news", 25), "EducationMaterial": ("education", 5)}
_EACH = 100
"""Human texts of a kind in the corpus, and texts of a kind and origin among the references, at most."""


def _write(file: Path, dev: Development, rows: NDArray[np.int64]) -> None:
    lines = [
        {
            "text": dev.texts[row],
            "source": _MADE[dev.domains[row]][0] if dev.domains[row] in _MADE else str(dev.domains[row]),
            "pair": int(dev.groups[row]),
        }
        for row in rows
    ]
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")


def write_files(dev: Development, folder: Path) -> dict[str, tuple[int, int]]:
    """Write corpus, references and what ``base`` learns; return machine-made and all texts of 50 words by source."""
    rng = np.random.default_rng(0)
    made = dev.generators == _GENERATOR
    here = np.isin(dev.domains, list(_MADE))
    corpus, human, machine = [], [], []
    for domain, (_, count) in _MADE.items():
        groups = rng.permutation(np.unique(dev.groups[dev.domains == domain]))
        known = np.isin(dev.groups, groups[: len(groups) // 2]) & (dev.domains == domain)
        unseen = ~known & np.isin(dev.groups, groups) & (dev.domains == domain)
        corpus += [rng.permutation(np.flatnonzero(unseen & ~dev.is_machine))[:_EACH]]
        corpus += [rng.permutation(np.flatnonzero(unseen & made))[:count]]
        human += [rng.permutation(np.flatnonzero(known & ~dev.is_machine))[:_EACH]]
        machine += [rng.permutation(np.flatnonzero(known & made))[:_EACH]]
    rows = rng.permutation(np.concatenate(corpus))
    others = ~here & ~made & ~np.isin(dev.groups, dev.groups[here])
    for name, chosen in (
        ("corpus", rows),
        ("human", np.concatenate(human)),
        ("mirror", np.concatenate(machine)),
        ("others-human", np.flatnonzero(others & ~dev.is_machine)),
        ("others-machine", np.flatnonzero(others & dev.is_machine)),
    ):
        _write(folder / f"{name}.jsonl", dev, chosen)
    rows = rows[normalise([dev.texts[row] for row in rows]).words >= 50]
    found = {"all documents": (int(dev.is_machine[rows].sum()), len(rows))}
    for domain, (name, _) in _MADE.items():
        of_kind = rows[dev.domains[rows] == domain]
        found[name] = (int(dev.is_machine[of_kind].sum()), len(of_kind))
    return found


def main() -> None:
    """Write the files, run the commands and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "headwater-audit-example")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    true = write_files(development(arguments.data), arguments.out)
    for command in (
        "detector fit --from none --human others-human.jsonl --ai others-machine.jsonl --group pair --out base",
        "audit corpus.jsonl --human human.jsonl --by source --group pair",
        "audit corpus.jsonl --human human.jsonl --ai mirror.jsonl --by source --group pair --detector base",
    ):
        print(f"$ headwater {command}", flush=True)
        start = [sys.executable, "-c", "from headwater.cli.main import main; main()"]
        subprocess.run([*start, *command.split()], cwd=arguments.out, check=True)
        print(flush=True)
    for name, (machine, all_) in true.items():
        print(f"{name}: {machine} of {all_} texts of at least 50 words are machine-made, {machine / all_:.1%}")


if __name__ == "__main__":
    main()
