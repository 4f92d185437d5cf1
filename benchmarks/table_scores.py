"""What scores of synthetic tables say beside what the tables are good for: SDMetrics and the gate's own measure.

Tables of known worth are made: the human training rows themselves (a perfect copy), the copula's output after one
generation and after ten of training on itself, rows whose target or whose every column is shuffled, and human rows the
model has not seen with a tenth of their other columns exchanged. Each is scored by SDMetrics
(in an environment of its own) and judged: by the hard checks, and by what a classifier gains on the final panel when
the table joins the human training rows. A score misleads where it ranks a table high that is a copy or does harm.

    python benchmarks/table_scores.py TABLE.parquet TARGET [--seeds 3] [--rows 4000]
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from loops import markdown
from peers.environments import peer_python

from headwater.config import Settings
from headwater.loop.comparison import gain_of
from headwater.loop.inputs import split_human
from headwater.loop.row_inputs import form_of, read_rows
from headwater.loop.table_stream import make_table_stream
from headwater.loop.table_world import TableWorld, table_world
from headwater.models.table_form import VALUE, value_columns

GENERATIONS = 10


def tables_of(world: TableWorld) -> Mapping[str, pa.Table]:
    """Return machine tables of known worth, as large as the human training rows."""
    rng = np.random.default_rng([world.settings.seed, 41])
    size = world.train.num_rows
    values = world.train.select([name for name in world.train.column_names if name.startswith(VALUE)])
    model = world.learner.fit(world.train, rng)
    first = model.sample(size, rng)
    last = first
    for _ in range(GENERATIONS - 1):
        last = world.learner.fit(last, rng).sample(size, rng)
    name = VALUE + world.form.target
    at = first.column_names.index(name)
    shuffled = first.set_column(at, name, first[name].take(pa.array(rng.permutation(size))))
    made = {"copy of the training rows": values, "copula": first}
    made |= {f"copula, generation {GENERATIONS}": last, "copula, target shuffled": shuffled}
    stream = make_table_stream(world)
    for name in ("shuffled-columns", "unseen-perturbed"):
        rows = stream.filter(pc.equal(stream["recipe"], name)).slice(0, size)
        made[name] = rows.select(values.column_names)
    return {key: world.made(table, name=key) for key, table in made.items()}


def scores_of(python: Path, real: pa.Table, tables: Mapping[str, pa.Table]) -> Mapping[str, Mapping[str, float]]:
    """Return the scores of SDMetrics for each table."""
    script = Path(__file__).parent / "peers" / "sdmetrics_scores.py"
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: f"{folder}/{i}.parquet" for i, name in enumerate(tables)}
        pq.write_table(value_columns(real), f"{folder}/real.parquet")
        for name, path in paths.items():
            pq.write_table(value_columns(tables[name]), path)
        command = [str(python), str(script), f"{folder}/real.parquet", *paths.values()]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    return {name: found[path] for name, path in paths.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Score and judge the tables, and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("target")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=4000)
    asked = parser.parse_args(arguments)
    python = peer_python("sdmetrics_scores")
    assert python is not None
    rows = []
    for seed in range(asked.seeds):
        human = {"paths": [asked.table], "modality": "table", "target": asked.target}
        settings = Settings.model_validate({"seed": seed, "human": human})
        read = read_rows(settings)
        some = np.sort(np.random.default_rng([seed, 40]).permutation(read.table.num_rows)[: asked.rows])
        table = read.table.take(pa.array(some))
        split, _ = split_human(table, settings)
        world = table_world(split, settings, form_of(table, settings), None, None)
        tables = tables_of(world)
        checked = world.hard_checks().apply(pa.concat_tables(list(tables.values())))
        scores = scores_of(python, world.train, tables)
        for name, made in tables.items():
            gain = gain_of(world, name, made)
            bar = checked.bars.get(name)
            rows.append(
                [
                    str(seed),
                    name,
                    *(f"{scores[name][key]:.2f}" for key in ("column_shapes", "pair_trends", "quality", "new_rows")),
                    f"{gain.gain_nats:+.4f} ± {1.96 * gain.standard_error:.4f}",
                    "" if bar is None else f"barred: {bar.reason.value}",
                ]
            )
        print(f"seed {seed}: {world.train.num_rows:,} training rows", flush=True)
    head = ["seed", "table", "column shapes", "pair trends", "quality", "new rows", "gain, nats (95%)", "hard checks"]
    print(markdown(head, rows))


if __name__ == "__main__":
    main()
