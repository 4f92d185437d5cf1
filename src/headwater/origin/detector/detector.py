"""The detector: how machine-like a text is. Scoring, and the folder it is kept in.

Four models look at a text: a linear one on hashed words, a pair of n-gram models of sentence shapes, boosted trees on
style, and, where asked for, a linear one on words and characters (``thorough``). A stack puts their scores together.
A score is a logarithm of odds among texts like those it was learnt from, half of them machine-made. On other texts it
is only an order: what a score means is read off known human texts of the same kind.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import InputError
from headwater.measure.detection import threshold_at_fpr
from headwater.origin.detector.card import Card, card_from_json, card_to_json
from headwater.origin.detector.grams import GramSpec, token_shapes
from headwater.origin.detector.hash_model import GramModel
from headwater.origin.detector.lm_columns import FEATURE, LmColumns, StatisticsReader
from headwater.origin.detector.logistic import Logistic
from headwater.origin.detector.ngram_pair import NgramPair
from headwater.origin.detector.normalise import Normalised, normalise
from headwater.origin.detector.stack import Stack
from headwater.origin.detector.style import STYLE, style
from headwater.origin.detector.style_model import Trees
from headwater.origin.detector.tokens import Tokens, tokenise
from headwater.text.overlap import stable_hash

SCHEMA = 2
"""Latest version of the folder a detector is kept in: 2 with statistics of language models, else 1."""
WORDS = GramSpec(words=(1, 2), bits=18)
"""N-grams of the first linear model."""
CHARACTERS = GramSpec(words=(1, 2), characters=(4,), bits=18)
"""N-grams of the second one, which only a thorough detector has."""
FEATURES = (
    "hashed n-grams of words, logistic regression",
    "pair of n-gram models of sentence shapes, human and machine",
    "style measures, gradient-boosted trees",
    "hashed n-grams of words and characters, logistic regression",
)
"""What the four models look at."""
_BATCH = 4096  # texts scored at a time: bounds memory


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of texts."""

    scores: NDArray[np.float64]
    """Higher is more machine-like, shape (n,); never rounded. NaN for a text without words."""
    words: NDArray[np.int64]
    """Words of each text after normalisation, before the cut to its first 250."""


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Texts the detector learnt from, each scored by models that had not seen it."""

    scores: NDArray[np.float64]
    """Held-out scores, on the scale of the detector's scores of new texts, shape (n,)."""
    words: NDArray[np.int64]
    """Words of each text."""
    is_machine: NDArray[np.bool_]
    """What each text is."""
    content: NDArray[np.uint64]
    """:func:`content_id` of each text of the user's; 0 for the texts the shipped detector learnt from."""

    @property
    def own(self) -> NDArray[np.bool_]:
        """Which texts are the user's."""
        return self.content != 0


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """The models under the stack."""

    words: GramModel
    """On words."""
    pair: NgramPair
    """The pair of n-gram models."""
    trees: Trees
    """On style."""
    characters: GramModel | None
    """On words and characters; thorough only."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What is kept of the texts learnt from, so that a detector can learn more: numbers, no text."""

    parts: NDArray[np.float64]
    """Scores of each model, shape (n, 3) or (n, 4), held out by what the stack is to be good at: for the shipped
    detector, the domain."""
    reference_parts: NDArray[np.float64]
    """The same, held out by group alone: what new texts of known domains would score."""
    is_machine: NDArray[np.bool_]
    """Labels, shape (n,)."""
    words: NDArray[np.int64]
    """Words of each text."""
    weights: NDArray[np.float64]
    """How often each text counts."""
    content: NDArray[np.uint64]
    """:func:`content_id` of the user's texts; 0 for others."""
    style: NDArray[np.uint8]
    """Style measures as levels, shape (n, measures)."""
    levels: NDArray[np.float32]
    """Value of each level, shape (measures, levels)."""
    scores: NDArray[np.float64]
    """Stack of ``reference_parts``, shape (n, 2): without and with the fourth model (NaN where there is none)."""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """Scores texts; higher is more machine-like."""

    card: Card
    """What it is, what it was learnt from, how good it is, what it cannot do."""
    models: Models
    """The models."""
    stack: Stack
    """Puts the scores of the first three together."""
    thorough_stack: Stack | None
    """Puts those of all four together; None for a detector of three."""
    memory: Memory
    """What is kept of the texts learnt from."""
    lm: LmColumns | None = None
    """Statistics of language models as further columns; None for a detector that needs none."""

    @property
    def thorough(self) -> bool:
        """Whether all four models are used."""
        return self.thorough_stack is not None

    @property
    def references(self) -> References:
        """The texts learnt from, with held-out scores."""
        memory = self.memory
        scores = memory.scores[:, int(self.thorough)]
        if self.lm is not None:
            columns = self.lm.scores[:, int(self.thorough)]
            scores = np.where(np.isfinite(columns), columns, scores)
        return References(scores, memory.words, memory.is_machine, memory.content)

    @property
    def unfamiliar(self) -> References:
        """The same texts, in the same order, as scored by models that had not seen their domain either.

        Scores of human text from a domain the detector does not know spread wider than ``references`` show. The user's
        own texts have the same scores here as there.
        """
        memory = self.memory
        stack = self.thorough_stack or self.stack
        scores = np.where(
            memory.content == 0, stack.score(memory.parts[:, : len(stack.weights)]), self.references.scores
        )
        return References(scores, memory.words, memory.is_machine, memory.content)

    def threshold(self, fpr: float = 0.01) -> float:
        """Return the score that at most a share ``fpr`` of the human texts learnt exceeds, where a user has no reserve.

        Each text counts twice, as held out by group and as held out by domain: text to be judged may be of a domain
        the detector knows or of one it does not.
        """
        known, unknown = self.references, self.unfamiliar
        return threshold_at_fpr(np.concatenate([one.scores[~one.is_machine] for one in (known, unknown)]), fpr)

    def score(self, texts: Sequence[str | None] | pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
        """Return the score of each text, shape (n,); NaN for a text without words."""
        return self.measure(texts).scores

    def measure(self, texts: Sequence[str | None] | pa.Array | pa.ChunkedArray) -> Scored:
        """Return scores and lengths of texts. Memory is bounded by the batch, whatever the number of texts."""
        scores, words = [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
        for normalised, _, found in self.read(texts):
            scores.append(found)
            words.append(normalised.words)
        return Scored(np.concatenate(scores), np.concatenate(words))

    def read(
        self, texts: Sequence[str | None] | pa.Array | pa.ChunkedArray
    ) -> Iterator[tuple[Normalised, Tokens, NDArray[np.float64]]]:
        """Yield texts normalised and split, with their scores, some thousands at a time and in their order."""
        for start in range(0, len(texts), _BATCH):
            normalised = normalise(texts[start : start + _BATCH])
            tokens = tokenise(normalised)
            yield normalised, tokens, self.score_tokens(normalised, tokens)

    def score_tokens(self, normalised: Normalised, tokens: Tokens) -> NDArray[np.float64]:
        """Return the scores of texts that are normalised and split already."""
        models = self.models
        parts = [
            models.words.score(normalised, tokens),
            models.pair.score(token_shapes(normalised, tokens), tokens.offsets),
            models.trees.score(style(normalised, tokens)),
        ]
        if self.thorough_stack is not None and models.characters is not None:
            parts.append(models.characters.score(normalised, tokens))
        scores = (self.thorough_stack or self.stack).score(np.stack(parts, axis=1))
        if self.lm is not None:
            scores = self.lm.score(scores, self.lm.read(normalised), thorough=self.thorough)
        return np.where(np.diff(tokens.offsets) > 0, scores, np.nan)

    def fast(self) -> "Detector":
        """Return the same detector without its fourth model, and with the card of that form."""
        if not self.thorough:
            return self
        models = replace(self.models, characters=None)
        lm = self.lm and self.lm.fast()
        card = self.card.of_fast(FEATURES[:3] if lm is None else (*FEATURES[:3], FEATURE))
        return replace(self, card=card, models=models, thorough_stack=None, lm=lm)

    def with_language_models(self, reader: StatisticsReader) -> "Detector":
        """Return the same detector with the language models it reads loaded.

        Raises:
            InputError: it reads none, or they are not the models it was fitted with.
        """
        pair = self.card.language_models
        if self.lm is None or pair is None:
            raise InputError(
                f"detector {self.card.name!r} was fitted without language models. Fit one with them: headwater "
                "detector fit --lm MODEL"
            )
        if not pair.same_models(reader.pair):
            given, wanted = (
                f"{one.names} (fingerprints {one.scoring.fingerprint[:12]} and {one.reference.fingerprint[:12]}, "
                f"{one.tokens} tokens)"
                for one in (reader.pair, pair)
            )
            raise InputError(
                f"detector {self.card.name!r} was fitted with the language models {wanted}, not with {given}. The "
                "statistics of one model say nothing on the scale of another: name the models it was fitted with "
                "(--lm, --lm-reference), or fit a detector with these."
            )
        return replace(self, lm=replace(self.lm, reader=reader))

    def save(self, path: Path) -> None:
        """Write the detector to a folder: ``card.json`` and ``weights.npz``, the card last."""
        path.mkdir(parents=True, exist_ok=True)
        packed = _packed(self)
        (path / "weights.npz").write_bytes(packed)
        schema = 1 if self.lm is None else SCHEMA  # earlier versions read what they can use, and refuse the rest
        (path / "card.json").write_text(card_to_json(self.card, schema, hashlib.sha256(packed).hexdigest()), "utf-8")


def content_id(text: str) -> np.uint64:
    """Return the number by which a text is recognised that the detector learnt from; never 0."""
    return np.uint64(stable_hash(text) or 1)


# --- folder ---

_LOGISTIC = ("weights", "precision", "constants", "idf")
_TREES = ("roots", "features", "thresholds", "left", "right", "values")
_MEMORY = ("parts", "reference_parts", "is_machine", "words", "weights", "content", "style", "levels", "scores")


def _packed(detector: Detector) -> bytes:
    """Return the arrays of a detector as a compressed npz; the same detector gives the same bytes."""
    arrays: dict[str, NDArray[np.generic]] = {"style_names": np.array(STYLE)}
    models = detector.models
    for name, model in (("words", models.words), ("characters", models.characters)):
        if model is not None:
            logistic = model.logistic
            arrays[f"{name}_weights"] = logistic.weights
            # Only how fast new texts are learnt hangs on it: three digits are plenty.
            arrays[f"{name}_precision"] = logistic.precision.astype(np.float16)
            arrays[f"{name}_constants"] = np.array([logistic.intercept, logistic.intercept_precision])
            arrays[f"{name}_idf"] = model.idf
    arrays["pair_singles"], arrays["pair_pairs"] = models.pair.singles, models.pair.pairs
    for name in _TREES:
        arrays[f"trees_{name}"] = getattr(models.trees, name)
    arrays["trees_baseline"] = np.array(models.trees.baseline)
    stacks = [("stack", detector.stack), ("thorough", detector.thorough_stack)]
    if detector.lm is not None:
        stacks += [("lm", detector.lm.stack), ("lm_thorough", detector.lm.thorough_stack)]
        arrays["memory_lm_statistics"], arrays["memory_lm_scores"] = detector.lm.statistics, detector.lm.scores
    for name, stack in stacks:
        if stack is not None:
            arrays[name] = np.stack([stack.centre, stack.scale, stack.weights])
            arrays[f"{name}_intercept"] = np.array(stack.intercept)
    for name in _MEMORY:
        arrays[f"memory_{name}"] = getattr(detector.memory, name)
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


_DEFAULT = Path(__file__).parent / "default"


def card_path(path: Path | None) -> Path:
    """Return where the card of a detector is, given its folder; None: of the one that comes with Headwater."""
    return (path or _DEFAULT) / "card.json"


def load_detector(path: Path) -> Detector:
    """Return a detector from the folder it was saved to.

    Raises:
        InputError: a file is missing, damaged, of a later version, or the weights are not those of the card.
    """
    card_file, weights_file = path / "card.json", path / "weights.npz"
    for file in (card_file, weights_file):
        if not file.is_file():
            raise InputError(
                f"{file} is missing: {path} is no detector. Name a folder that 'headwater detector fit' made."
            )
    packed = weights_file.read_bytes()
    try:
        text = card_file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{card_file} is no UTF-8 text ({error}). Take the whole folder again.") from None
    card, expected = card_from_json(text, SCHEMA, str(card_file))
    if hashlib.sha256(packed).hexdigest() != expected:
        raise InputError(
            f"{weights_file} is not what {card_file} describes: its SHA-256 differs. It is damaged or was replaced; "
            "take the whole folder again, or fit the detector anew."
        )
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            return _unpacked(card, {name: arrays[name] for name in arrays.files})
    except (KeyError, ValueError, IndexError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{weights_file} cannot be read ({error}). Fit the detector anew.") from None


def _unpacked(card: Card, arrays: dict[str, NDArray[np.generic]]) -> Detector:
    found: dict[str, NDArray] = arrays  # type: ignore[type-arg]
    if tuple(found["style_names"].tolist()) != STYLE:
        raise ValueError("it was made by a version of headwater with other style measures")

    def grams(name: str, spec: GramSpec) -> GramModel | None:
        if f"{name}_weights" not in found:
            return None
        weights, precision, idf = (found[f"{name}_{part}"] for part in ("weights", "precision", "idf"))
        if not len(weights) == len(precision) == len(idf) == spec.columns:
            raise ValueError(f"{name}: {len(weights)} columns instead of {spec.columns}")
        intercept, intercept_precision = (float(value) for value in found[f"{name}_constants"])
        logistic = Logistic(weights, intercept, precision.astype(np.float32), intercept_precision)
        return GramModel(spec, idf, logistic)

    def stack(name: str) -> Stack | None:
        if name not in found:
            return None
        centre, scale, weights = found[name]
        return Stack(centre, scale, weights, float(found[f"{name}_intercept"]))

    words, first = grams("words", WORDS), stack("stack")
    if words is None or first is None:
        raise KeyError("words")
    roots, features, thresholds, left, right, values = (found[f"trees_{name}"] for name in _TREES)
    trees = Trees(roots, features, thresholds, left, right, values, float(found["trees_baseline"]))
    # The kernel walks without checks of bounds: a child must come after its parent.
    nodes = np.arange(len(trees.left))
    inner = trees.left > 0
    children = np.concatenate([trees.left[inner], trees.right[inner]])
    if (children <= np.tile(nodes[inner], 2)).any() or (children >= len(nodes)).any():
        raise ValueError("the trees are no trees")
    if (trees.features < 0).any() or (trees.features >= len(STYLE)).any() or (trees.roots >= len(nodes)).any():
        raise ValueError("the trees ask for measures that do not exist")
    models = Models(
        words, NgramPair(found["pair_singles"], found["pair_pairs"]), trees, grams("characters", CHARACTERS)
    )
    memory = Memory(*(found[f"memory_{name}"] for name in _MEMORY))
    columns, lm = stack("lm"), None
    if (columns is None) != (card.language_models is None):
        raise ValueError("the card and the weights do not agree on whether language models are read")
    if columns is not None:
        statistics, scores = found["memory_lm_statistics"], found["memory_lm_scores"]
        if not len(statistics) == len(scores) == len(memory.content):
            raise ValueError(f"statistics of {len(statistics)} texts instead of {len(memory.content)}")
        lm = LmColumns(columns, stack("lm_thorough"), statistics, scores)
    return Detector(card, models, first, stack("thorough"), memory, lm)


@lru_cache(maxsize=1)
def _shipped() -> Detector:
    return load_detector(_DEFAULT)


def default_detector(thorough: bool = False) -> Detector:
    """Return the detector that comes with Headwater; ``thorough`` adds the fourth model, at a third of the speed."""
    return _shipped() if thorough else _shipped().fast()
