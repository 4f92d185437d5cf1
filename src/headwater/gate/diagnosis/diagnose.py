"""Every signal on a stream, per document and per recipe."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.diagnosis.base import HumanSide, Signal
from headwater.gate.diagnosis.copies import CopyRate
from headwater.gate.diagnosis.discriminator import Discriminated, discriminate
from headwater.gate.diagnosis.importance import Importance
from headwater.gate.diagnosis.likeness import Cloud, Space
from headwater.gate.diagnosis.nearest import Near, Nearest
from headwater.gate.diagnosis.perplexity import Perplexity
from headwater.gate.diagnosis.vocabulary import Words, words
from headwater.gate.grouping import rows_by_recipe
from headwater.gate.hard_checks import Checked

SIGNALS = ("loss_nats", "loss_rank", "dsir", "copied", "nearest_cosine")
"""Columns of the signals on documents."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a signal is spread over documents."""

    low: float
    """First quartile."""
    median: float
    high: float
    """Third quartile."""


@dataclass(frozen=True, slots=True)
class NearPair:
    """A document of a recipe and the human training document it is nearest to."""

    document: str
    human: Near


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the signals say about a recipe. Nothing of it decides."""

    documents: int
    """Documents looked at: all of the recipe, those that fail a hard check included."""
    loss: Spread
    """Nats per token under the proxy of the human base."""
    loss_human: Spread | None
    """The same of unseen human documents."""
    loss_rank: float | None
    """Share of unseen human documents with a lower loss than the recipe's median."""
    dsir: Spread
    """Log importance weight, nats per token."""
    discriminator: Discriminated | None
    """None where there are too few documents."""
    words: Words
    cloud: Cloud | None
    """Clipped density and coverage; None where there are too few documents."""
    copied: Spread
    """Share of 8-word sequences in the human training text, of the worst block of each document."""
    nearest: Spread
    """Cosine to the nearest human training document."""
    nearest_pairs: tuple[NearPair, ...]
    """The documents nearest to a human one, with that one."""


@dataclass(frozen=True)
class Diagnosed:
    """The signals on a stream."""

    recipes: Mapping[str, Diagnosis]
    documents: pa.Table
    """Columns ``id``, ``recipe``, those of ``SIGNALS``, and ``nearest``: the human documents nearest to it."""


def diagnose(stream: Checked, human: HumanSide) -> Diagnosed:
    """Return the signals on every document and recipe of a checked stream.

    Cost: linear in tokens for the signals on documents; the classifier and the coverage look at 400 documents of a
    recipe and as many human ones. Memory: 32 MB for similarities, whatever the number of documents.
    """
    documents = stream.documents
    nearest = Nearest(human)
    perplexity = Perplexity(human)
    copied = stream.copied if stream.copied is not None else np.full(documents.num_rows, np.nan)
    signals: tuple[Signal, ...] = (perplexity, Importance(human), CopyRate(copied))
    columns: dict[str, NDArray[np.float64]] = {}
    for signal in signals:
        columns |= signal.columns(documents)
    close = nearest.rows(documents)
    columns["nearest_cosine"] = np.array([one[0][1] if one else 0.0 for one in close])
    rng = np.random.default_rng([human.seed, 17])
    space = Space.of(human, nearest, rng)
    ids, texts = documents["id"].to_pylist(), human.train
    found = {}
    for name, rows in rows_by_recipe(documents).items():
        batch = documents.take(pa.array(rows))
        near = rows[np.argsort(-columns["nearest_cosine"][rows], kind="stable")[:3]]
        found[name] = Diagnosis(
            documents=len(rows),
            loss=_spread(columns["loss_nats"][rows]),
            loss_human=_spread(perplexity.reference) if len(perplexity.reference) else None,
            loss_rank=_rank(perplexity.reference, columns["loss_nats"][rows]),
            dsir=_spread(columns["dsir"][rows]),
            discriminator=discriminate(batch, human, rng),
            words=words(batch, human),
            cloud=space.cloud(batch, rng) if space is not None else None,
            copied=_spread(columns["copied"][rows]),
            nearest=_spread(columns["nearest_cosine"][rows]),
            nearest_pairs=tuple(NearPair(ids[row], nearest.near(*close[row][0])) for row in near if close[row]),
        )
    people = texts["id"].to_pylist()
    kind = pa.list_(pa.struct([("id", pa.string()), ("cosine", pa.float64())]))
    table = pa.table({"id": documents["id"], "recipe": documents["recipe"], **{c: columns[c] for c in SIGNALS}})
    listed = [[{"id": people[row], "cosine": cosine} for row, cosine in one] for one in close]
    return Diagnosed(found, table.append_column("nearest", pa.array(listed, kind)))


def _spread(values: NDArray[np.float64]) -> Spread:
    finite = values[np.isfinite(values)]
    return Spread(*(np.quantile(finite, [0.25, 0.5, 0.75]).tolist() if len(finite) else [float("nan")] * 3))


def _rank(reference: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    if not len(reference) or not len(values):
        return None
    return float((reference < np.median(values)).mean())
