"""Recursive training of an n-gram model on real text."""

import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import zstandard

from headwater.models import NgramLearner
from headwater.schema import documents
from headwater.text import Vocabulary, encode_table

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def test_replacing_human_text_by_own_output_raises_the_loss_every_generation() -> None:
    """Order 3 on 500 human documents, three generations of full replacement, loss on 500 other human documents.

    The published direction of the replace regime (Shumailov et al. 2024). The smallest of the three steps is the last:
    0.118 nats per token, standard deviation over generator seeds 0.016 (six seeds), so a step below 0.05 happens by
    chance with probability 1e-5.
    """
    path = DATA / "human_vs_ai" / "l2r_en.jsonl.zst"
    if not path.exists():
        pytest.skip("the shared data folder is not present")
    with path.open("rb") as file:
        rows = map(json.loads, io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"))
        human = [row["text"] for row in rows if row["label"] == "human"][:1000]
    vocabulary = Vocabulary.from_texts(human[:500])
    train = encode_table(documents(human[:500]), vocabulary)
    test = encode_table(documents(human[500:]), vocabulary)
    learner = NgramLearner(vocabulary, order=3)
    rng = np.random.default_rng(13)
    n_tokens = learner.fit(train, rng).loss(train).tokens.sum()
    losses, supports = [], []
    for _ in range(4):
        model = learner.fit(train, rng)
        losses.append(model.loss(test).mean)
        supports.append(model.support)
        train = model.sample_tokens(int(n_tokens), rng)
    assert all(after - before > 0.05 for before, after in pairwise(losses))
    assert all(after < before for before, after in pairwise(supports))
