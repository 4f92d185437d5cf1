"""Labelled images as rows: what they look like in a table, what writes them, and the classifier they are judged by.

A row is a document with two columns more: ``pixels``, a list of fixed length with the lines of the image one after the
other, float32 in [0, 1], and ``label``, text. Its ``text`` names label and content, so that the same image is known
under any id.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from headwater.errors import InputError, NotEnoughData
from headwater.models.learner import Learner, Losses, Model
from headwater.models.samples import Points
from headwater.schema import documents

PIXELS, LABEL = "pixels", "label"
_FLOOR = 0.01  # share of every prediction that is spread evenly: no image costs more than ln(classes / 0.01)
_PENALTIES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
_LEAST_OF_A_CLASS = 2  # of fewer images nothing can be fitted, and the class dies out


def image_documents(images: ArrayLike, labels: ArrayLike, **columns: Any) -> pa.Table:
    """Return images as documents with the columns ``pixels`` and ``label``.

    Args:
        images: shape (images, height, width); integers from 0 to 255, or floating point in [0, 1].
        labels: one per image, of any kind that can be written down.
        **columns: further columns of the document schema.

    Raises:
        InputError: the arrays do not belong together, or the values are out of range.
    """
    values = np.asarray(images)
    names = [str(label) for label in np.asarray(labels).tolist()]
    if values.ndim != 3 or not values.size:
        raise InputError(f"images are an array of shape (images, height, width), got {values.shape}.")
    if len(names) != len(values):
        raise InputError(f"there are {len(values):,} images and {len(names):,} labels; every image needs one.")
    if np.issubdtype(values.dtype, np.integer):
        values = values / 255
    scaled = values.astype(np.float32)
    wrong = np.flatnonzero(~((scaled >= 0) & (scaled <= 1)).all(axis=(1, 2)))
    if len(wrong):
        raise InputError(
            f"{len(wrong):,} images have values outside of [0, 1] or none, the first is number {wrong[0]}. Scale "
            "floating point to [0, 1], or give integers from 0 to 255."
        )
    flat = np.ascontiguousarray(scaled.reshape(len(scaled), -1))
    hashes = [hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in flat]
    table = documents([f"label {name}, image {key}" for name, key in zip(names, hashes, strict=True)], **columns)
    pixels = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])
    return table.append_column(PIXELS, pixels).append_column(LABEL, pa.array(names, pa.string()))


def pixels_of(table: pa.Table) -> NDArray[np.float32]:
    """Return the pixels of some rows, shape (rows, pixels); NaN where they are missing."""
    column = table[PIXELS].combine_chunks()
    size = column.type.list_size
    if column.null_count:
        rows = [[np.nan] * size if row is None else row for row in column.to_pylist()]
        return np.array(rows, np.float32).reshape(-1, size)
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(-1, size)


@dataclass(frozen=True, slots=True)
class ImageForm:
    """What images of a world look like."""

    height: int
    width: int
    labels: tuple[str, ...]
    """Every label of the human images, sorted."""

    @classmethod
    def of(cls, table: pa.Table, height: int) -> "ImageForm":
        """Return the form of human images.

        Raises:
            InputError: there are fewer than two labels, or the height does not divide the pixels.
        """
        labels = tuple(sorted(set(table[LABEL].to_pylist())))
        if len(labels) < 2:
            raise InputError(f"the images have {len(labels)} label; a classifier needs two at least.")
        width, rest = divmod(table[PIXELS].type.list_size, height)
        if rest:
            raise InputError(f"{table[PIXELS].type.list_size} pixels are no image of height {height}.")
        return cls(height, width, labels)

    def codes(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the place of each row's label; -1 for one that no human image has."""
        place = {label: i for i, label in enumerate(self.labels)}
        return np.array([place.get(label, -1) for label in table[LABEL].to_pylist()], np.int64)

    def points(self, table: pa.Table) -> Points:
        """Return the images of some rows as one replicate, shape (1, rows, height, width)."""
        return Points(pixels_of(table).reshape(1, -1, self.height, self.width))


@dataclass(frozen=True, slots=True)
class LabelledImageModel:
    """One model of images per label."""

    form: ImageForm
    shares: NDArray[np.float64]
    """Share of each label among the images it was fitted to; 0 for one that died out."""
    models: tuple[Model[Points] | None, ...]

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """Return ``n`` labelled images in random order."""
        counts = rng.multinomial(n, self.shares)
        images, labels = [], []
        for label, model, count in zip(self.form.labels, self.models, counts, strict=True):
            if count and model is not None:
                images.append(np.asarray(model.sample(int(count), rng).values[0], np.float32))
                labels += [label] * int(count)
        order = rng.permutation(n)
        drawn = np.clip(np.concatenate(images), 0.0, 1.0) if n else np.zeros((0, self.form.height, self.form.width))
        return image_documents(drawn[order], np.array(labels)[order])

    def sample_tokens(self, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        """Return ``n_tokens`` labelled images: an image is one token."""
        return self.sample(n_tokens, rng)

    def loss(self, samples: pa.Table) -> Losses:
        """Return minus the log density of each image and its label in nats; infinite for a label that died out."""
        codes = self.form.codes(samples)
        nats = np.full(samples.num_rows, np.inf)
        points = self.form.points(samples)
        for code, model in enumerate(self.models):
            rows = np.flatnonzero(codes == code)
            if model is not None and len(rows):
                nats[rows] = model.loss(Points(points.values[:, rows])).nats[0] - np.log(self.shares[code])
        return Losses(nats, np.ones(samples.num_rows, np.int64))


@dataclass(frozen=True, slots=True)
class LabelledImageLearner:
    """Fits a learner of images to each label."""

    form: ImageForm
    each: Learner[Points]
    """Any learner of images in [0, 1], such as ``PixelGaussianLearner`` and ``VaeLearner``."""

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> LabelledImageModel:
        """Return the models of the labels that have two images at least.

        Raises:
            NotEnoughData: no label has.
        """
        codes, points = self.form.codes(samples), self.form.points(samples)
        counts = np.bincount(codes[codes >= 0], minlength=len(self.form.labels))
        alive = counts >= _LEAST_OF_A_CLASS
        if not alive.any():
            raise NotEnoughData(f"no label has {_LEAST_OF_A_CLASS} images to fit a model to.")
        models = tuple(
            self.each.fit(Points(points.values[:, codes == code]), rng) if alive[code] else None
            for code in range(len(self.form.labels))
        )
        return LabelledImageModel(self.form, np.where(alive, counts, 0) / counts[alive].sum(), models)


@dataclass(frozen=True, slots=True)
class ImageClassifierModel:
    """A fitted classifier."""

    form: ImageForm
    classes: NDArray[np.int64]
    weights: NDArray[np.float64]
    """Shape (classes, pixels)."""
    bias: NDArray[np.float64]

    def probabilities(self, samples: pa.Table) -> NDArray[np.float64]:
        """Return the probability of each label of the form, shape (rows, labels)."""
        logits = pixels_of(samples) @ self.weights.T + self.bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        found = np.full((samples.num_rows, len(self.form.labels)), _FLOOR / len(self.form.labels))
        found[:, self.classes] += (1 - _FLOOR) * odds / odds.sum(axis=1, keepdims=True)
        return found

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """A classifier draws no images.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a classifier names images; it draws none")

    def loss(self, samples: pa.Table) -> Losses:
        """Return minus the log probability of each image's label in nats, at most ln(labels / 0.01); one token each."""
        codes = self.form.codes(samples)
        chosen = self.probabilities(samples)[np.arange(len(codes)), np.maximum(codes, 0)]
        return Losses(np.where(codes >= 0, -np.log(chosen), np.inf), np.ones(len(codes), np.int64))


@dataclass(frozen=True, slots=True)
class ImageClassifierLearner:
    """Fits a multinomial logistic regression on pixels: deterministic, so that a pair differs by its data alone."""

    form: ImageForm
    penalty: float = 1e-3
    """Ridge penalty beside the mean log-loss of pixels in [0, 1]. Not beside the sum: more rows of whatever kind would
    then weaken it, and a classifier that is held too tightly would gain from any of them."""

    @classmethod
    def tuned(cls, form: ImageForm, samples: pa.Table, rng: np.random.Generator) -> "ImageClassifierLearner":
        """Return the learner with the penalty of least loss in three-fold cross-validation on some images.

        A gain is to come from what images tell and not from how they regularise, so that the penalty must be right for
        the human images alone. Best of 0.0003 to 0.01: the least for 720 digits, 0.003 for 2,400 images of MNIST.
        """
        fold = rng.permutation(samples.num_rows) % 3
        inside = [samples.filter(pa.array(fold != one)) for one in range(3)]
        outside = [samples.filter(pa.array(fold == one)) for one in range(3)]
        learners = [cls(form, penalty) for penalty in _PENALTIES]
        means = [
            sum(learner.fit(part, rng).loss(held).mean for part, held in zip(inside, outside, strict=True))
            for learner in learners
        ]
        return learners[int(np.argmin(means))]

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> ImageClassifierModel:  # noqa: ARG002  (not random)
        """Return the classifier of some rows; rows without a known label are left out.

        Raises:
            NotEnoughData: there is no labelled image.
        """
        codes = self.form.codes(samples)
        there = codes >= 0
        classes = np.unique(codes[there])
        if not len(classes):
            raise NotEnoughData("a classifier needs labelled images, got none.")
        pixels = samples[PIXELS].type.list_size
        if len(classes) == 1:
            return ImageClassifierModel(self.form, classes, np.zeros((1, pixels)), np.zeros(1))
        weights, bias = _regression(pixels_of(samples)[there], np.searchsorted(classes, codes[there]), self.penalty)
        return ImageClassifierModel(self.form, classes, weights, bias)


def _regression(
    images: NDArray[np.float32], classes: NDArray[np.int64], penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.optimize import minimize

    values = images.astype(np.float64)
    count, pixels = values.shape
    kinds = int(classes.max()) + 1
    is_class = np.zeros((count, kinds))
    is_class[np.arange(count), classes] = 1.0

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = flat[: kinds * pixels].reshape(kinds, pixels), flat[kinds * pixels :]
        logits = values @ weights.T + bias
        logits -= logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        error = np.exp(logits - log_sum) - is_class
        loss = float((log_sum[:, 0] - (logits * is_class).sum(axis=1)).sum())
        ridge = 0.5 * penalty * float(np.square(weights).sum())
        slope = np.concatenate([(error.T @ values / count + penalty * weights).ravel(), error.mean(axis=0)])
        return loss / count + ridge, slope

    found = minimize(objective, np.zeros(kinds * (pixels + 1)), jac=True, method="L-BFGS-B", options={"maxiter": 150})
    return found.x[: kinds * pixels].reshape(kinds, pixels), found.x[kinds * pixels :]
