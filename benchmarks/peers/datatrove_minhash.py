"""What datatrove's near-duplicate steps find, and how long they take. Runs in datatrove's own environment.

    python peers/datatrove_minhash.py TEXTS.jsonl FOUND.npz {xxhash|sha1} {64|32} SEED [SEED ...]

A line of TEXTS is a JSON string, a text. Words and word sequences are made once, values once per seed; buckets and
clusters are then found by datatrove's own stages 2 and 3 from files in the form of its stage 1. FOUND holds for each
seed ``values_SEED`` (shape texts x 112; the highest number where there are none), ``cluster_SEED`` (a number per text,
-1 for a text in no cluster) and ``removed_SEED``. Prints the processor seconds of the steps as JSON.
"""

import contextlib
import io
import json
import struct
import sys
import tempfile
import time
from pathlib import Path

# Else ``import datatrove`` finds this file's neighbour.
if sys.path and sys.path[0].endswith("peers"):
    del sys.path[0]

import numpy as np
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupSignature,
)
from datatrove.utils.hashing import HashConfig
from loguru import logger


def clusters(values, with_values, config):
    """Return the cluster of each text and whether it is removed, by stages 2 and 3."""
    texts = len(with_values)
    form = f"<8{config.hash_config.struct_format}I"
    cluster, removed = np.full(texts, -1), np.zeros(texts, dtype=bool)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for bucket in range(config.num_buckets):
            part = values[:, bucket * 8 : bucket * 8 + 8]
            places = np.flatnonzero(with_values)
            order = places[np.lexsort((places, *part[places].T[::-1]))]
            path = folder / f"signatures/bucket_{bucket:03d}/00000.minhash.sig"
            path.parent.mkdir(parents=True)
            path.write_bytes(b"".join(struct.pack(form, *part[place].tolist(), place) for place in order))
            step = MinhashDedupBuckets(str(folder / "signatures"), str(folder / "pairs"), config=config)
            step.run(None, bucket, config.num_buckets)
        step = MinhashDedupCluster(str(folder / "pairs"), str(folder / "found"), config=config, save_cluster_id=True)
        step.run(None, 0, 1)
        if (folder / "found" / "000000.clusters").exists():
            rows = np.fromfile(folder / "found" / "000000.clusters", dtype="<u4").reshape(-1, 2)
            cluster[rows[:, 0]] = rows[:, 1]
            removed[np.fromfile(folder / "found" / "000000.remove", dtype="<u4")] = True
    return cluster, removed


def main():
    """Read the texts, find the duplicates under every seed, write what was found."""
    logger.remove()
    texts_path, found_path, function, bits, *seeds = sys.argv[1:]
    hashing = HashConfig(precision=int(bits), hash_fc=function)
    with Path(texts_path).open(encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        first = MinhashDedupSignature(folder, config=MinhashConfig(hash_config=hashing))
        first.get_shingles("loads the tokenizer before the clock starts")
        started = time.process_time()
        shingles = [first.get_shingles(text) for text in texts]
        seconds["shingles"] = time.process_time() - started
        found = {}
        for seed in map(int, seeds):
            step = MinhashDedupSignature(folder, config=MinhashConfig(seed=seed, hash_config=hashing))
            started = time.process_time()
            values = np.full((len(texts), 112), hashing.max, dtype=hashing.np_dtype)
            for row, own in enumerate(shingles):
                if own.size:
                    values[row] = np.concatenate(step.get_signature(own))
            seconds[f"values_{seed}"] = time.process_time() - started
            started = time.process_time()
            with contextlib.redirect_stderr(io.StringIO()):  # a progress bar
                cluster, removed = clusters(values, np.array([own.size > 0 for own in shingles]), step.config)
            seconds[f"clusters_{seed}"] = time.process_time() - started
            found |= {f"values_{seed}": values, f"cluster_{seed}": cluster, f"removed_{seed}": removed}
    np.savez(found_path, **found)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
