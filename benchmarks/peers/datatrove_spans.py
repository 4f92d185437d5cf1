"""What datatrove calls a leak or a copied sentence, and how long it takes. Runs in datatrove's own environment.

    python peers/datatrove_spans.py leaks ITEMS.jsonl TEXTS.jsonl DECISIONS.json
    python peers/datatrove_spans.py sentences TEXTS.jsonl FOLDER

A line of ITEMS and TEXTS is a JSON string. DECISIONS is a list: the shared sequence of each text, or null. FOLDER gets
``texts.json``: what is left of each text, or null. Both print seconds of processor time as JSON.
"""

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

os.environ["TQDM_DISABLE"] = "1"
# Else ``import datatrove`` finds the file beside this one.
if sys.path and sys.path[0].endswith("peers"):
    del sys.path[0]

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.decont import n_grams as decont
from datatrove.pipeline.dedup import sentence_dedup
from loguru import logger

logger.remove()
logging.disable(logging.CRITICAL)


def read(path):
    """Return the texts of a file."""
    with Path(path).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def documents(texts):
    """Return texts as documents."""
    return [Document(text=text, id=str(number)) for number, text in enumerate(texts)]


def leaks(items, texts, out):
    """Decide on each text by an index of the items."""
    with tempfile.TemporaryDirectory() as folder:
        found = decont.NGramsDecontFilter(folder)
        found.tokenizer.word_tokenize("Load what is loaded on first use.")
        # The indexer itself wants another package; this is the part of it that hashes.
        indexer = SimpleNamespace(config=found.config, tokenizer=found.tokenizer, hash_func=found.hash_func)
        start = time.process_time()
        hashes = {value for item in read(items) for value in decont.NGramsDecontIndexer.compute_hashes(indexer, item)}
        build = time.process_time() - start
        array = np.array(sorted(hashes), dtype=found.config.hash_config.np_descr)
        array.tofile(Path(folder) / "evaluation.index.hashes")
        found.load_index_hashes()
        decisions = []
        pool = documents(read(texts))
        start = time.process_time()
        for document in pool:
            found.filter(document)
            decisions.append(document.metadata.get("contaminated_ngram"))
        seconds = time.process_time() - start
    Path(out).write_text(json.dumps(decisions), encoding="utf-8")
    return {"build": build, "seconds": seconds, "sequences": len(hashes)}


def sentences(texts, out):
    """Cut copied sentences in the three stages."""
    pool = documents(read(texts))
    costs = []
    config = sentence_dedup.SentDedupConfig()
    with tempfile.TemporaryDirectory() as folder:
        signatures, duplicates = f"{folder}/signatures", f"{folder}/duplicates"
        first = sentence_dedup.SentenceDedupSignature(signatures, config=config)
        first.tokenizer.sent_tokenize("Load what is loaded. On first use.")
        third = sentence_dedup.SentenceDedupFilter(duplicates, config=config)
        third.tokenizer.sent_tokenize("Load what is loaded. On first use.")
        second = sentence_dedup.SentenceFindDedups(signatures, duplicates, config=config)
        start = time.process_time()
        first.run(pool)
        costs.append(time.process_time() - start)
        start = time.process_time()
        second.run()
        costs.append(time.process_time() - start)
        left = [None] * len(pool)
        start = time.process_time()
        for document in third.run(pool):
            left[int(document.id)] = document.text
        costs.append(time.process_time() - start)
    (Path(out) / "texts.json").write_text(json.dumps(left), encoding="utf-8")
    return {"stages": costs}


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    sys.stdout, printed = sys.stderr, sys.stdout
    print(json.dumps({"leaks": leaks, "sentences": sentences}[what](*arguments)), file=printed)
