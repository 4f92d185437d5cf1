"""The world of labelled images: a model per label that draws, and a classifier that says whether the drawings help."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.config import Settings
from headwater.gate import RowChecks, ScoringPanel
from headwater.generate import own_output
from headwater.loop.learners import WORK
from headwater.loop.row_world import RowWorld
from headwater.loop.world import GenerationRecord, SampleText
from headwater.models.labelled_images import (
    LABEL,
    PIXELS,
    ImageClassifierLearner,
    ImageForm,
    LabelledImageLearner,
    LabelledImageModel,
    pixels_of,
)
from headwater.models.learner import Learner
from headwater.models.pixel_gaussian import PixelGaussianLearner
from headwater.models.samples import Points
from headwater.schema import DOCUMENT, Reason, Stage
from headwater.store import Part, Split

_NEIGHBOURS = 5  # as Naeem et al. 2020 (arXiv:2002.09797) recommend for coverage
_SHADES = " .:-=+*#%@"
_SHOWN = 16  # columns of an image printed as text


@dataclass(frozen=True)
class ImageWorld(RowWorld):
    """The shared ground of all arms that draw images."""

    settings: Settings
    form: ImageForm
    split: Split
    """Human images by part, with the columns ``unit``, ``pixels`` and ``label``."""
    each: Learner[Points] = field(default_factory=PixelGaussianLearner)
    """Fits what draws the images of one label."""
    removed: pa.Table | None = None
    work: Path = Path(".headwater") / WORK
    tell: Callable[[str], None] | None = field(default=None, compare=False, repr=False)
    learner: LabelledImageLearner = field(init=False, compare=False)
    proxy: ImageClassifierLearner = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "learner", LabelledImageLearner(self.form, self.each))
        rng = np.random.default_rng([self.settings.seed, 17])
        object.__setattr__(self, "proxy", ImageClassifierLearner.tuned(self.form, self.train, rng))

    @classmethod
    def on(
        cls,
        split: Split,
        settings: Settings,
        height: int,
        each: Learner[Points] | None = None,
        removed: pa.Table | None = None,
        *,
        work: Path | None = None,
    ) -> "ImageWorld":
        """Return the world of a split of human images.

        Args:
            split: human images by part, with the columns ``unit``, ``pixels`` and ``label``.
            settings: resolved settings.
            height: pixels from top to bottom of an image.
            each: fits what draws the images of one label; a Gaussian of few directions by default.
            removed: copies of human images.
            work: where commands keep what they make.
        """
        parts = {part: _in_order(table) for part, table in split.parts.items()}
        return cls(
            settings,
            ImageForm.of(parts[Part.TRAIN], height),
            replace(split, parts=parts),
            each or PixelGaussianLearner(),
            removed,
            cls.work if work is None else work,
        )

    def encode(self, table: pa.Table) -> pa.Table:
        """Return images with the column ``unit``: their group."""
        if "unit" not in table.column_names:
            table = table.append_column("unit", table["group"])
        return _in_order(table)

    def own_output(
        self, model: LabelledImageModel, size: int, rng: np.random.Generator, *, name: str, generation: int
    ) -> pa.Table:
        """Return ``size`` images that a model draws."""
        return self.encode(own_output(model, size, rng, name=name, generation=generation))

    def slices(self, panel: ScoringPanel) -> Mapping[str, NDArray[np.bool_]]:
        """Return the images of each label."""
        labels = np.asarray(panel.documents[LABEL].to_pylist(), object)
        return panel.large_enough({f"label {name}": labels == name for name in self.form.labels})

    def hard_checks(self) -> RowChecks:
        """Return the hard checks against the human training images and all panels: copies, values, labels."""
        panels, copies = self.held_out()
        return RowChecks.against(
            self.train, panels, visible, [InvalidImage(self.form)], copies=copies, seed=self.settings.seed
        )

    def measure(self, arm: str, generation: int, model: Any, training_set: pa.Table) -> GenerationRecord:  # noqa: ARG002
        """Return the measures of a training set: what a classifier learns from it, and which human images it covers.

        In the record ``rare_word_recall`` is the coverage of the final panel (Naeem et al. 2020): the share of its
        images that have one of the training set nearer than their fifth nearest other human image. ``support`` counts
        the labels left, ``bits_per_byte`` has no meaning for images and is no number.
        """
        codes = self.form.codes(training_set)
        counts = np.bincount(codes[codes >= 0], minlength=len(self.form.labels))
        return self.record(
            arm,
            generation,
            training_set,
            recall=self.coverage(training_set),
            support=int(np.count_nonzero(counts)),
            counts=[counts],
        )

    def coverage(self, images: pa.Table) -> float:
        """Return the share of the final panel's images that some images cover, in [0, 1]; higher is better."""
        panel, radii = self._radii
        if not images.num_rows:
            return 0.0
        return float((_distances(panel, pixels_of(images), 1) < radii).mean())

    @cached_property
    def _radii(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Pixels of the final panel, and the distance of each image to its fifth nearest other one."""
        panel = pixels_of(self.final.documents)
        return panel, _distances(panel, panel, _NEIGHBOURS + 1)

    def examples(self, arm: str, generation: int, model: LabelledImageModel) -> Sequence[SampleText]:
        """Return three images that a model draws, as text; the same draws for every model."""
        table = model.sample(3, np.random.default_rng([self.settings.seed, 13]))
        pictures = pixels_of(table).reshape(-1, self.form.height, self.form.width)
        labels = table[LABEL].to_pylist()
        return [
            SampleText(arm, generation, f"label {label}", _as_text(picture))
            for label, picture in zip(labels, pictures, strict=True)
        ]


def visible(table: pa.Table) -> NDArray[np.float32]:
    """Return images as points: their pixels, 0 where a value is missing."""
    return np.nan_to_num(pixels_of(table), nan=0.0)


@dataclass(frozen=True, slots=True)
class InvalidImage:
    """Fails images with a pixel that is missing or outside of [0, 1], and those with a label no human image has."""

    form: ImageForm
    reason: Reason = Reason.INVALID_VALUE
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return how many pixels of each image are invalid, plus one for an unknown label."""
        values = pixels_of(documents)
        bad = ~((values >= 0) & (values <= 1))
        return bad.sum(axis=1) + (self.form.codes(documents) < 0).astype(np.float64)


def _in_order(table: pa.Table) -> pa.Table:
    """Return the columns of images in one order, whoever made them, so that tables can be put together."""
    return table.select([*DOCUMENT.names, "unit", PIXELS, LABEL])


def _distances(points: NDArray[np.float32], others: NDArray[np.float32], number: int) -> NDArray[np.float64]:
    """Return the distance of each point to its ``number``-th nearest other; to the furthest where there are fewer."""
    number = min(number, len(others))
    norms = np.square(others).sum(axis=1)
    found = np.empty(len(points))
    for start in range(0, len(points), 1024):
        part = points[start : start + 1024]
        squared = np.square(part).sum(axis=1)[:, None] + norms - 2 * part @ others.T
        found[start : start + len(part)] = np.partition(squared, number - 1, axis=1)[:, number - 1]
    return np.sqrt(np.maximum(found, 0.0))


def _as_text(picture: NDArray[np.float32]) -> str:
    step = max(1, -(-picture.shape[1] // _SHOWN))
    shades = np.clip((picture[::step, ::step] * len(_SHADES)).astype(int), 0, len(_SHADES) - 1)
    return "\n".join("".join(_SHADES[shade] for shade in row) for row in shades)
