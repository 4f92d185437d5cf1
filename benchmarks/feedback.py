"""What does feedback on what to generate bring, at an equal budget of generated tokens?

The recipes and splits of ``dirty_stream.py``, eight recipes of which two are self-generated and half of the supply:
rewrites by GPT-3-Turbo and Llama-3-70B, essays by Flan-T5, Wikipedia continued by three older models, the model's own
output and that of its sixth descendant. The budget is 144,000 tokens, in eight rounds. Three ways to spend it:

- uniform, no gate: every recipe gets an eighth of each round, and all of it is trained on.
- uniform, gate: the same, and the gate decides (strict threshold, undecided recipes wait and are pooled).
- feedback, gate: a softmax over the moving average of each recipe's gain on the *steering* panel, a tenth of the budget
  spread evenly, recipes that are stopped get nothing. The certification panel gives admit bits and nothing else.

The gain is that of the training set on the final panel, which decides nothing.

    python benchmarks/feedback.py [--seeds 3] [--data FOLDER]
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from dirty_stream import CONTINUED_BY, REWRITERS, SELF_GENERATED, UNITS, human_documents, make_stream, read_rows
from loops import markdown, split_by_units, versions
from shared_texts import SHARED

from headwater.config import Settings
from headwater.gate import GateState, token_counts
from headwater.gate.grouping import rows_by_recipe
from headwater.loop.comparison import gain_of
from headwater.loop.feedback import budgets, moving_average
from headwater.loop.text_world import TextWorld
from headwater.models import warm

BUDGET = 144_000
ROUNDS = 8
RECIPES = (*REWRITERS, "flan-t5-xxl", *(name.lower() for name in CONTINUED_BY), *sorted(SELF_GENERATED))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=SHARED)
    options = parser.parse_args()
    warm()
    folder = options.data / "human_vs_ai"
    l2r = read_rows(folder / "l2r_en.jsonl.zst")
    others = [
        row
        for name in ("outfox_essays_en", "squad_wikipedia_en")
        for row in read_rows(folder / f"{name}.jsonl.zst")
        if row["label"] != "human"
    ]
    print(versions(), "\n")
    found = [trial(l2r, others, seed) for seed in range(options.seeds)]
    rows = []
    for policy in found[0]:
        gains, errors, tokens, bad = zip(*(one[policy] for one in found), strict=True)
        ratios = [f"{one[policy][0] / one['uniform, gate'][0]:.2f}" for one in found]
        shown = [" / ".join(f"{gain:+.3f}" for gain in gains), f"{np.mean(errors):.3f}", " / ".join(ratios)]
        rows.append((policy, *shown, f"{np.mean(tokens):,.0f}", str(sum(bad))))
    head = ("policy", "gain, nats/word", "standard error", "times uniform with gate", "tokens trained on")
    print(markdown((*head, "self-generated recipes admitted"), rows))


def trial(l2r: list, others: list, seed: int) -> dict[str, tuple[float, float, int, int]]:
    """Return gain, its standard error, tokens trained on and bad recipes admitted of each policy on one split."""
    settings = Settings(seed=seed)
    split = split_by_units(human_documents(l2r), UNITS, np.random.default_rng([seed, 1]))
    world = TextWorld.on(split, settings)
    passed = world.hard_checks().apply(make_stream(world, l2r, others)).passed
    rows = {name: found for name, found in rows_by_recipe(passed).items() if name in RECIPES}
    supply = {name: passed.take(pa.array(found)) for name, found in rows.items()}
    everything = {name: int(token_counts(table).sum()) for name, table in supply.items()}
    result = {}
    plain = pa.concat_tables([taken(supply[name], 0, BUDGET // len(supply))[0] for name in supply])
    record = gain_of(world, "uniform", plain)
    result["uniform, no gate"] = (record.gain_nats, record.standard_error, record.tokens, len(SELF_GENERATED))
    for policy in ("uniform", "feedback"):
        state = spend(world, supply, everything, settings, policy)
        record = gain_of(world, policy, state.admitted)
        admitted = set(state.admitted["recipe"].to_pylist())
        bad = len(admitted & SELF_GENERATED)
        result[f"{policy}, gate"] = (record.gain_nats, record.standard_error, record.tokens, bad)
    return result


def spend(
    world: TextWorld, supply: Mapping[str, pa.Table], everything: Mapping[str, int], settings: Settings, policy: str
) -> GateState:
    """Return the gate's state after the budget was spent by a policy."""
    gate = world.gate(gates=1, machine_share=1.0)
    state = gate.start()
    begin, used, gains = dict.fromkeys(supply, 0), dict.fromkeys(supply, 0), {}
    for generation in range(1, ROUNDS + 1):
        left = {name: everything[name] - used[name] for name in supply}
        if policy == "uniform":
            shares = {name: min(BUDGET // ROUNDS // len(supply), left[name]) for name in supply}
        else:
            open_ = [name for name in supply if name not in state.statuses or state.statuses[name].open]
            known = {name: gains.get(name) for name in open_}
            shares = budgets(BUDGET // ROUNDS, known, left, settings.loop.exploration)
        parts = []
        for name, share in shares.items():
            part, begin[name] = taken(supply[name], begin[name], share)
            used[name] += int(token_counts(part).sum())
            parts.append(part)
        state = gate.judge(state, pa.concat_tables(parts), {}, generation=generation, order=sorted(shares))
        for name, share in shares.items():
            evidence = state.statuses[name].evidence if share and name in state.statuses else None
            if evidence is not None:
                gains[name] = moving_average(gains.get(name), evidence.gain_per_1k)
    return state


def taken(table: pa.Table, begin: int, tokens: int) -> tuple[pa.Table, int]:
    """Return the next documents of a recipe up to a number of tokens, and where the next ones begin."""
    ends = np.cumsum(token_counts(table)[begin:])
    count = int(np.searchsorted(ends, tokens, side="right"))
    return table.slice(begin, count), begin + count


if __name__ == "__main__":
    main()
