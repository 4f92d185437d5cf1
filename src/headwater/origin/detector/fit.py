"""Learning a detector: from nothing, or from one there is and a user's texts.

The texts a detector was made from need not be kept. Its linear models learn by a Laplace step from what they know, the
pair of n-gram models adds counts, and the trees are grown again on style measures, which are numbers and no text. Every
text learnt is also scored by models that had not seen it or its like: these scores are what the stack learns from and
what new texts are compared with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError, NotEnoughData
from headwater.measure.detection import calibration_error
from headwater.origin.detector.card import LM_LIMIT, Card, Figures, Quality, lengths, quality
from headwater.origin.detector.detector import CHARACTERS, FEATURES, WORDS, Detector, Memory, Models, content_id
from headwater.origin.detector.folds import group_folds, joined_groups
from headwater.origin.detector.grams import hashed_counts, token_shapes
from headwater.origin.detector.hash_model import fit_grams, mean_grams
from headwater.origin.detector.lm_columns import (
    FEATURE,
    StatisticsReader,
    fit_lm_columns,
    read_statistics,
    require_statistics,
)
from headwater.origin.detector.lm_statistics import STACKED
from headwater.origin.detector.ngram_pair import empty_pair, mean_pair
from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.stack import Stack, fit_stack
from headwater.origin.detector.style import style
from headwater.origin.detector.style_model import fit_trees, mean_trees
from headwater.origin.detector.tokens import tokenise

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Precisions of the Gaussian priors, chosen by leaving each development domain out in turn.
_WORDS_STRENGTH = 0.05
_CHARACTERS_STRENGTH = 0.1
_LEVELS = 64  # values a style measure is kept with, for growing the trees again
_LEAST_TEXTS = 100  # of each class, to learn from nothing
FOLDS = 8
"""Folds of a user's texts. Each is scored by models that learnt the others, new text by the mean of all these models:
the scores of both are then of one kind. With more folds the mean is nearer to its parts, and fitting takes longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Everything the models learn from, read once: of texts in one order."""

    lengths: NDArray[np.int64]
    """Words of each text."""
    shapes: NDArray[np.uint64]
    """Shapes of the tokens, all texts one after the other."""
    offsets: NDArray[np.int64]
    """Where each text begins in them, and the end."""
    style: NDArray[np.float32]
    """Style measures, shape (n, measures)."""
    words: "csr_array"
    """Counts for the first linear model."""
    characters: "csr_array | None"
    """Counts for the second; None where it is not wanted."""
    is_machine: NDArray[np.bool_]
    """Labels."""

    def rows(self, chosen: NDArray[np.int64]) -> "Material":
        """Return the chosen texts, in their order."""
        sizes = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], sizes)
        return Material(
            self.lengths[chosen],
            self.shapes[places],
            offsets,
            self.style[chosen],
            self.words[chosen],
            None if self.characters is None else self.characters[chosen],
            self.is_machine[chosen],
        )


def read_material(texts: Sequence[str | None], is_machine: NDArray[np.bool_], *, thorough: bool) -> Material:
    """Return what the models learn from."""
    normalised = normalise(texts)
    tokens = tokenise(normalised)
    characters = hashed_counts(normalised, tokens, CHARACTERS) if thorough else None
    return Material(
        normalised.words,
        token_shapes(normalised, tokens),
        tokens.offsets,
        style(normalised, tokens),
        hashed_counts(normalised, tokens, WORDS),
        characters,
        is_machine,
    )


def fit_models(material: Material, weights: NDArray[np.float64]) -> Models:
    """Return models learnt from nothing but the material; weight 0 leaves a text out."""
    rows = np.flatnonzero(weights)
    labels, weight = material.is_machine[rows], weights[rows]
    characters = material.characters
    return Models(
        fit_grams(WORDS, material.words[rows], labels, weight, _WORDS_STRENGTH),
        empty_pair().with_texts(material.shapes, material.offsets, material.is_machine, weights),
        fit_trees(material.style[rows], labels, weight),
        None if characters is None else fit_grams(CHARACTERS, characters[rows], labels, weight, _CHARACTERS_STRENGTH),
    )


def adapt_models(base: Detector, material: Material, weights: NDArray[np.float64]) -> Models:
    """Return the models of a detector after learning more texts; weight 0 leaves a text out.

    The linear models take a Laplace step, the pair of n-gram models adds counts, the trees are grown again on the style
    measures of old and new texts.
    """
    rows = np.flatnonzero(weights)
    labels, weight = material.is_machine[rows], weights[rows]
    models, memory = base.models, base.memory
    # New texts are rounded to the same levels as old ones: each level is then a bin of its own.
    codes = np.concatenate([memory.style, _coded(material.style[rows], memory.levels)])
    characters = material.characters
    known = models.characters
    return Models(
        models.words.with_texts(material.words[rows], labels, weight),
        models.pair.with_texts(material.shapes, material.offsets, material.is_machine, weights),
        fit_trees(
            np.take_along_axis(memory.levels.T, codes.astype(np.int64), axis=0),
            np.concatenate([memory.is_machine, labels]),
            np.concatenate([memory.weights, weight]),
            bins=_LEVELS,
        ),
        None if known is None or characters is None else known.with_texts(characters[rows], labels, weight),
    )


def mean_models(learnt: Sequence[Models]) -> Models:
    """Return models with the mean scores of several that are adapted from one detector."""
    characters = [one.characters for one in learnt if one.characters is not None]
    return Models(
        mean_grams([one.words for one in learnt]),
        mean_pair([one.pair for one in learnt]),
        mean_trees([one.trees for one in learnt]),
        mean_grams(characters) if characters else None,
    )


def model_scores(models: Models, material: Material) -> NDArray[np.float64]:
    """Return the scores of each model for each text, shape (n, 3) or (n, 4)."""
    parts = [
        models.words.score_counts(material.words),
        models.pair.score(material.shapes, material.offsets),
        models.trees.score(material.style),
    ]
    if models.characters is not None and material.characters is not None:
        parts.append(models.characters.score_counts(material.characters))
    return np.stack(parts, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A detector that learnt a user's texts, and what models that had not seen them say of these."""

    detector: Detector
    """The detector."""
    human_scores: NDArray[np.float64]
    """Held-out scores of the human texts, in their order: references for p-values and shares."""
    machine_scores: NDArray[np.float64]
    """Held-out scores of the machine texts, in their order."""


def fit_detector(
    human: Sequence[str],
    machine: Sequence[str],
    *,
    human_groups: Sequence[object] | None = None,
    machine_groups: Sequence[object] | None = None,
    base: Detector | None,
    weight: float = 10.0,
    thorough: bool = False,
    rng: np.random.Generator,
    folds: int = FOLDS,
    name: str = "own",
    language_models: StatisticsReader | None = None,
) -> Fitted:
    """Return a detector that learnt known texts, with held-out scores of them.

    The texts are divided into folds of whole groups (:func:`headwater.origin.detector.folds.joined_groups`); each fold
    is scored by models that learnt the others. With a base the detector is the mean of these models: a detector that
    had learnt all of the texts would set classes further apart in new text than held-out scores are, and what new text
    is compared with would be no yardstick (with five folds by .17 and .09 standard deviations of human and machine
    text). Without a base it learns all of them.

    Args:
        human: texts known to be human.
        machine: texts known to be machine-made; may be empty where there is a base.
        human_groups: group of each human text, such as its author, prompt or source; None: each its own.
        machine_groups: group of each machine text.
        base: the detector to start from; None learns from these texts alone.
        weight: how often each of the texts counts against one the base learnt from.
        thorough: use all four models (the base must be thorough).
        rng: order of the groups.
        folds: into how many folds the texts are divided, at least 2.
        name: name of the detector.
        language_models: models whose statistics of the texts are further columns; None: those of the base, if any.

    Raises:
        NotEnoughData: fewer than two human groups, without a base fewer than 100 texts of a class, or with language
            models fewer than 25.
        InputError: the base has not the fourth model that was asked for, or was fitted with other language models.
    """
    texts = [*human, *machine]
    is_machine = np.arange(len(texts)) >= len(human)
    groups = joined_groups(texts, _group_ids(human_groups, machine_groups, len(human), len(machine)))
    if len(np.unique(groups[~is_machine])) < 2:
        raise NotEnoughData(
            f"{len(human)} human texts in {len(np.unique(groups[~is_machine]))} groups: held-out scores need at least "
            "two groups of human texts. Add known-human texts of other sources."
        )
    if base is None and min(len(human), len(machine)) < _LEAST_TEXTS:
        raise NotEnoughData(
            f"{len(human)} human and {len(machine)} machine texts: without a base detector at least {_LEAST_TEXTS} of "
            "each are needed. Add texts, or start from the shipped detector."
        )
    if base is not None and thorough and not base.thorough:
        raise InputError(
            f"Detector {base.card.name!r} has no fourth model to learn with. Start from a thorough one, or leave out "
            "thorough."
        )
    if base is not None and base.lm is not None and language_models is not None:
        base = base.with_language_models(language_models)
    reader = language_models if base is None or base.lm is None else base.lm.loaded
    statistics = None if reader is None else _statistics(base, texts, is_machine, reader)
    material = read_material(texts, is_machine, thorough=thorough)
    content = np.array([content_id(text) for text in texts], dtype=np.uint64)
    fold_of = group_folds(groups, is_machine, folds, rng)
    start = None if base is None or thorough else base.fast()
    detector = learn(
        material,
        fold_of,
        groups,
        content=content,
        base=base if start is None else start,
        weight=weight if base is not None else 1.0,
        name=name,
    )
    if reader is not None and statistics is not None:
        detector = _with_columns(detector, statistics, fold_of, reader)
    held_out = detector.references.scores[-len(texts) :]
    return Fitted(detector, held_out[: len(human)], held_out[len(human) :])


def _statistics(
    base: Detector | None, texts: Sequence[str], is_machine: NDArray[np.bool_], reader: StatisticsReader
) -> NDArray[np.float64]:
    """Return the statistics of the texts a base learnt, then of new ones; refuse too few before anything is fitted."""
    new = read_statistics(reader, normalise(texts))[:, :STACKED]
    if base is None:
        require_statistics(new, is_machine)
        return new
    old = base.memory.is_machine
    known = np.full((len(old), STACKED), np.nan) if base.lm is None else base.lm.statistics
    statistics = np.concatenate([known, new])
    require_statistics(statistics, np.concatenate([old, is_machine]))
    return statistics


def _with_columns(
    detector: Detector, statistics: NDArray[np.float64], fold_of: NDArray[np.int64], reader: StatisticsReader
) -> Detector:
    """Return a detector with statistics of all texts it learnt as further columns; the last ones are in folds."""
    memory = detector.memory
    old = len(statistics) - len(fold_of)
    lm = fit_lm_columns(
        memory.scores,
        statistics,
        memory.is_machine,
        memory.weights,
        np.concatenate([np.full(old, -1), fold_of]),
        reader,
    )
    card, labels = detector.card, memory.is_machine[old:]
    learnt = replace(detector, lm=lm)

    def figures(form: Detector, without: Quality | None) -> Figures:
        before = without and replace(without, name="the same without the language models")
        return replace(_figures(form.references.scores[old:], labels), held_out_without=before)

    own = figures(learnt, card.held_out)
    card = replace(
        card,
        features=(*card.features, FEATURE),
        limits=(*card.limits, LM_LIMIT),
        language_models=reader.pair,
        held_out=own.held_out,
        held_out_without=own.held_out_without,
        calibration_error=own.calibration_error,
        fast=figures(learnt.fast(), card.fast.held_out) if card.fast is not None else None,
    )
    return replace(learnt, card=card)


def learn(
    material: Material,
    fold_of: NDArray[np.int64],
    groups: NDArray[np.int64],
    *,
    content: NDArray[np.uint64],
    base: Detector | None,
    weight: float,
    name: str,
    reference_folds: NDArray[np.int64] | None = None,
    parts: NDArray[np.float64] | None = None,
) -> Detector:
    """Return a detector that learnt the material, with or without a base.

    Args:
        material: what to learn from.
        fold_of: fold of each text; each is scored by models that learnt the other folds.
        groups: texts of a group never stand on both sides, even where their folds differ.
        content: :func:`content_id` of each text; 0 for texts that need not be recognised.
        base: the detector to start from, or None.
        weight: how often each text counts.
        name: name of the detector.
        reference_folds: folds for the scores that new texts are compared with, where they differ from the others.
        parts: the models' held-out scores of each text, where they are known already.
    """
    weights = np.full(len(fold_of), weight)
    of_folds: list[Models] = []

    def fit(kept: NDArray[np.bool_]) -> Models:
        chosen = np.where(kept, weights, 0.0)
        if base is None:
            return fit_models(material, chosen)
        of_folds.append(adapt_models(base, material, chosen))
        return of_folds[-1]

    if parts is None:
        parts = held_out_parts(material, fold_of, groups, fit)
    reference_parts = parts
    if reference_folds is not None:
        of_folds.clear()
        reference_parts = held_out_parts(material, reference_folds, groups, fit)
    models = mean_models(of_folds) if of_folds else fit(np.ones(len(fold_of), np.bool_))
    old = base.memory if base is not None else _empty_memory(material, parts.shape[1])
    levels = old.levels if base is not None else _levels(material.style)
    memory = Memory(
        np.concatenate([old.parts[:, : parts.shape[1]], parts]),
        np.concatenate([old.reference_parts[:, : parts.shape[1]], reference_parts]),
        np.concatenate([old.is_machine, material.is_machine]),
        np.concatenate([old.words, material.lengths]),
        np.concatenate([old.weights, weights]),
        np.concatenate([old.content, content]),
        np.concatenate([old.style, _coded(material.style, levels)]),
        levels,
        np.zeros((0, 2)),
    )
    # Texts the base learnt from keep the stack of everything; new ones get that of the other folds.
    sides = np.concatenate([np.full(len(old.words), -1), fold_of if reference_folds is None else reference_folds])
    stack, scores = _stacked(memory, sides, 3)
    thorough_stack, thorough_scores = _stacked(memory, sides, 4) if parts.shape[1] == 4 else (None, scores * np.nan)
    memory = replace(memory, scores=np.stack([scores, thorough_scores], axis=1))
    card = _card_of(name, base, memory, thorough_stack is not None, len(fold_of))
    return Detector(card, models, stack, thorough_stack, memory)


def held_out_parts(
    material: Material,
    fold_of: NDArray[np.int64],
    groups: NDArray[np.int64],
    fit: Callable[[NDArray[np.bool_]], Models],
) -> NDArray[np.float64]:
    """Return the models' scores of each text, by models fitted without its fold and its group; shape (n, models)."""
    parts: list[tuple[NDArray[np.bool_], NDArray[np.float64]]] = []
    for fold in np.unique(fold_of):
        inside = fold_of == fold
        kept = ~inside & ~np.isin(groups, groups[inside])
        parts.append((inside, model_scores(fit(kept), material)[inside]))
    out = np.empty((len(fold_of), parts[0][1].shape[1]))
    for inside, scores in parts:
        out[inside] = scores
    return out


def _stacked(memory: Memory, sides: NDArray[np.int64], models: int) -> tuple[Stack, NDArray[np.float64]]:
    """Return the stack of the first models, and held-out scores: of each side by a stack that learnt the others."""
    parts = memory.parts[:, :models]
    stack = fit_stack(parts, memory.is_machine, memory.weights)
    references = memory.reference_parts[:, :models]
    scores = stack.score(references)
    for side in np.unique(sides[sides >= 0]):
        inside = sides == side
        labels = memory.is_machine[~inside]
        if labels.any() and not labels.all():
            scores[inside] = fit_stack(parts[~inside], labels, memory.weights[~inside]).score(references[inside])
    return stack, scores


def _levels(measures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return up to 64 values for each measure, sorted: those that occur, or medians of groups of equal size."""
    out = np.empty((measures.shape[1], _LEVELS), dtype=np.float32)
    middle = (np.arange(_LEVELS) + 0.5) / _LEVELS
    for column, values in enumerate(measures.T):
        found = np.unique(values)
        if len(found) > _LEVELS:
            # Half of the levels by rank, half by rank among the distinct values: rare values are not lost in zeros.
            ranks = np.quantile(values, middle[::2], method="nearest")
            found = np.unique(np.concatenate([ranks, np.quantile(found, middle[1::2], method="nearest")]))
        out[column] = np.append(found, np.full(_LEVELS - len(found), found[-1]))
    return out


def _coded(measures: NDArray[np.float32], levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the number of the nearest level of each value."""
    out = np.empty(measures.shape, dtype=np.uint8)
    for column, values in enumerate(measures.T):
        known = np.unique(levels[column])
        out[:, column] = np.searchsorted((known[1:] + known[:-1]) / 2, values)
    return out


def _empty_memory(material: Material, models: int) -> Memory:
    none = np.zeros(0)
    return Memory(
        np.zeros((0, models)),
        np.zeros((0, models)),
        np.zeros(0, dtype=np.bool_),
        np.zeros(0, dtype=np.int64),
        none,
        np.zeros(0, dtype=np.uint64),
        np.zeros((0, material.style.shape[1]), dtype=np.uint8),
        np.zeros((material.style.shape[1], _LEVELS), dtype=np.float32),
        np.zeros((0, 2)),
    )


def _group_ids(
    human: Sequence[object] | None, machine: Sequence[object] | None, humans: int, machines: int
) -> list[object]:
    """Return the groups of all texts; a text without one is its own."""
    ids: list[object] = []
    for given, count, side in ((human, humans, "human"), (machine, machines, "machine")):
        if given is not None and len(given) != count:
            raise InputError(f"There are {len(given)} groups for {count} {side} texts. Give one for each, or none.")
        ids += [(side, row) for row in range(count)] if given is None else list(given)
    return ids


def _card_of(name: str, base: Detector | None, memory: Memory, thorough: bool, new: int) -> Card:
    """Return the card of a detector that learnt the last ``new`` texts of its memory last."""
    labels, all_labels = memory.is_machine[-new:], memory.is_machine
    own = memory.content[-new:] != 0
    older = base.card if base is not None else None
    figures = [_figures(memory.scores[-new:, form], labels) for form in range(1 + thorough)]
    return Card(
        name=name,
        version="1",
        created="",
        base="" if older is None else older.name,
        sources=() if older is None else older.sources,
        human=int((~all_labels).sum()),
        machine=int(all_labels.sum()),
        own_human=int((~labels & own).sum()),
        own_machine=int((labels & own).sum()),
        weight=float(memory.weights[-1]),
        domains=() if older is None else older.domains,
        generators=() if older is None else older.generators,
        dates="" if older is None else older.dates,
        human_words=lengths(memory.words[~all_labels]),
        machine_words=lengths(memory.words[all_labels]),
        features=FEATURES if thorough else FEATURES[:3],
        held_out=figures[-1].held_out,
        protocols=(),
        false_positives=(),
        calibration_error=figures[-1].calibration_error,
        fast=figures[0] if thorough else None,
    )


def _figures(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> Figures:
    """Return what held-out scores of the texts learnt last show; nothing where they are of one kind."""
    if labels.all() or not labels.any():
        return Figures()
    share = np.where(labels, (~labels).sum(), labels.sum())  # both classes count the same
    return Figures(
        held_out=quality("texts learnt last", scores, labels),
        calibration_error=calibration_error(0.5 + 0.5 * np.tanh(scores / 2), labels, weights=share),
    )
