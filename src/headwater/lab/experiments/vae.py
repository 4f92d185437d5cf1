"""A convolutional auto-encoder that learns digits from the digits it drew itself."""

import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from headwater.errors import InputError
from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, in_range, within
from headwater.lab.figures import curves, inbreeding
from headwater.lab.humans import FromRows
from headwater.lab.recursion import Keep, Step
from headwater.lab.regimes import regime_named
from headwater.lab.result import ArmResult, Check, Figure, ImageFigure, ImageRow, Line, Snapshot
from headwater.lab.threads import one_thread
from headwater.measure import hallucinated_share, likeness
from headwater.models.learner import Losses
from headwater.models.samples import Points
from headwater.models.vae import Decoded, VaeLearner, VaeModel, latent_spread

_DIGITS = "scikit-learn's digits, pixels made black or white"
# Published settings, and what suits images of 8 x 8: fewer latents and images, so smaller and quicker steps.
_LARGE = {"epochs": 30, "latents": 20, "batch": 256, "learning_rate": 1e-3}
_SMALL = {"epochs": 14, "latents": 4, "batch": 64, "learning_rate": 5e-3}
_SMALL_SIDE = 16
_MEASURED_IMAGES = 500  # the published figure takes the latents of 100, which leaves more noise
_CLUSTERS = 20
_SHOWN = 12
# Five stored runs of the authors' notebook on all 60,000 training images of MNIST, and their mean.
_PUBLISHED = (0.688, 0.603, 0.534, 0.483, 0.443)
_PUBLISHED_MARGIN, _PUBLISHED_ITEMS, _PUBLISHED_SIDE = 0.03, 60_000, 28


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=1, ge=1, le=100, description="independent runs, one after the other")
    generations: int = Field(default=4, ge=1, le=100, description="how often a new auto-encoder is trained")
    data: str = Field(
        default="", description="images as .npz with x_train and x_test; empty: the digits of scikit-learn"
    )
    items: int = Field(default=0, ge=0, description="training images of generation 0; 0: all")
    samples: int = Field(
        default=0, ge=0, description="images a generation draws once; 0: anew for every batch, as published"
    )
    epochs: int = Field(default=0, ge=0, le=10_000, description="passes of each training; 0: 30, of small images 14")
    latents: int = Field(default=0, ge=0, le=1000, description="latent dimensions; 0: 20, of small images 4")
    batch: int = Field(default=0, ge=0, description="images per step; 0: 256, of small images 64")
    learning_rate: float = Field(default=0.0, ge=0, description="of Adam; 0: 0.001, of small images 0.005")
    share: float = Field(default=0.1, gt=0, le=1, description="human share of the regimes fresh and reserve")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where to compute")

    @model_validator(mode="after")
    def _finite(self) -> "Settings":
        if self.regime not in {"", "replace"} and not self.samples:
            raise ValueError(
                f"regime = {self.regime}: only replace can draw images anew for every batch; set samples to a number"
            )
        return self


def run(settings: Settings, bench: Bench) -> Findings:
    """Train auto-encoders on each other's images."""
    train, test, source = _images(settings.data)
    suited = _SMALL if train.shape[1] < _SMALL_SIDE else _LARGE
    settings = settings.model_copy(
        update={name: value for name, value in suited.items() if not getattr(settings, name)}
    )
    items = min(settings.items or len(train), len(train))
    with one_thread() if suited is _SMALL else nullcontext():
        arms = [
            bench.run(*_arm(name, settings, bench, train, Points(test[None, :_MEASURED_IMAGES]), items))
            for name in EXPERIMENT.chosen(settings)
        ]
    side = train.shape[1]
    published = []
    if side == _PUBLISHED_SIDE:
        x = tuple(float(g) for g in range(len(_PUBLISHED)))
        published = [Line("published, 60,000 images", "published", x, _PUBLISHED)]
    figures: list[Figure] = [
        curves(arms, "spread", "What the first encoder makes of each generation", "Standard deviation of latent means",
               published=published),
        *[_gallery(arm, side) for arm in arms],
        curves(arms, "risk", "Loss on human images", "Negative ELBO, nats per image"),
        curves(arms, "coverage", "Human images that have a generated one near", "Share (k-nearest-neighbour coverage)"),
        inbreeding(arms),
    ]  # fmt: skip
    drawn = f"{settings.samples:,} images a generation" if settings.samples else "images drawn anew for every batch"
    notes = [
        f"{arms[0].items:,} training images of {source}, {side} x {side}; {drawn}; {settings.epochs} epochs.",
        f"Diversity is counted on {_CLUSTERS} clusters of human images in the first encoder's latent space.",
    ]
    if not settings.samples:
        notes.append(
            "Images never run out, so the family tree computes F = 1/n throughout: what is lost is the fit's doing."
        )
    if side != _PUBLISHED_SIDE or items < _PUBLISHED_ITEMS:
        notes.append("The published run had 60,000 images of 28 x 28; fewer give the same shape, not the same numbers.")
    return Findings(arms, [check for arm in arms for check in _checks(arm, items, side)], figures, notes)


def _files(settings: Settings) -> list[Path]:
    """Return the file of images the settings name.

    Raises:
        InputError: there is none.
    """
    if not settings.data:
        return []
    path = Path(settings.data)
    if not path.is_file():
        raise InputError(f"There is no file {path}. Give a numpy .npz file with the arrays x_train and x_test.")
    return [path]


def _images(path: str) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Return training images, test images and what they are.

    Raises:
        InputError: the file cannot be read, or holds no square grey images.
    """
    if not path:
        from sklearn.datasets import load_digits

        images = (load_digits().images >= 8).astype(np.float32)  # grey ones blur to nothing within two generations
        order = np.random.default_rng(0).permutation(len(images))
        return images[order[500:]], images[order[:500]], _DIGITS
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            train, test = (arrays[name] for name in ("x_train", "x_test"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} holds no images. Give a numpy .npz file with the arrays x_train and x_test."
        ) from error
    for name, values in (("x_train", train), ("x_test", test)):
        if values.ndim != 3 or values.shape[1] != values.shape[2] or not len(values):
            raise InputError(
                f"{name} of {path} has shape {values.shape}. Give square grey images: (images, side, side)."
            )
    if train.dtype == test.dtype == np.uint8:  # what a model draws is between 0 and 1, and they may be mixed
        train, test = (values.astype(np.float32) / 255 for values in (train, test))
    return train, test, Path(path).name


@dataclass(frozen=True, slots=True, eq=False)
class _Loop:
    """An auto-encoder whose output is an endless source, or images drawn once."""

    vae: VaeModel
    endless: bool

    def sample(self, n: int, rng: np.random.Generator) -> Points | Decoded:
        """Return what the next generation is trained on."""
        return self.vae.decoded(n) if self.endless else self.vae.sample(n, rng)

    def loss(self, samples: Points) -> Losses:
        """Return the negative ELBO of each image."""
        return self.vae.loss(samples)

    def statistics(self) -> Mapping[str, NDArray[np.float64]]:
        """Return the loss of the last epoch."""
        return self.vae.statistics()


@dataclass(frozen=True, slots=True)
class _LoopLearner:
    learner: VaeLearner
    endless: bool

    def fit(self, samples: Points | Decoded, rng: np.random.Generator) -> _Loop:
        """Return a newly trained auto-encoder."""
        return _Loop(self.learner.fit(samples, rng), self.endless)


@dataclass(slots=True)
class _Yardstick:
    """What later generations are compared with: the first encoder, human images and their clusters in its eyes."""

    test: Points
    original: VaeModel | None = None
    human: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    centres: list[NDArray[np.float64]] = field(default_factory=list)

    def measure(self, step: Step[Any]) -> Mapping[str, NDArray[np.float64]]:
        """Return the measures of a generation."""
        from sklearn.cluster import KMeans

        vae: VaeModel = step.model.vae  # type: ignore[attr-defined]
        images = vae.sample(_MEASURED_IMAGES, np.random.default_rng([17, step.generation]))
        test = Points(np.broadcast_to(self.test.values, (vae.replicates, *self.test.values.shape[1:])))
        if step.generation == 0:
            self.original = vae
            self.human = vae.encode_means(test).astype(np.float64)
            self.centres = [
                np.asarray(KMeans(_CLUSTERS, n_init=1, random_state=0).fit(rows).cluster_centers_)
                for rows in self.human
            ]
        assert self.original is not None
        latents = self.original.encode_means(images)
        near = likeness(latents.astype(np.float64), self.human)
        spread = latent_spread(self.original, images)
        human = latent_spread(self.original, test)
        return {
            **vae.statistics(),
            "spread": spread,
            "variance": np.square(spread / human),
            "risk": vae.loss(test).nats.mean(axis=1),
            "coverage": near.coverage,
            "precision": near.precision,
            "hallucinated": hallucinated_share(latents.astype(np.float64), self.human),
            "heterozygosity": np.array([_diversity(*pair) for pair in zip(latents, self.centres, strict=True)]),
        }


def _diversity(latents: NDArray[np.float32], centres: NDArray[np.float64]) -> float:
    distances = np.square(latents[:, None] - centres).sum(axis=2)
    shares = np.bincount(distances.argmin(axis=1), minlength=_CLUSTERS) / len(latents)
    return float(1 - np.square(shares).sum())


def _arm(
    name: str, settings: Settings, bench: Bench, train: NDArray[Any], test: Points, items: int
) -> tuple[Arm, Keep]:
    endless = not settings.samples
    learner = VaeLearner(
        train.shape[1], settings.latents, settings.epochs, settings.batch, settings.learning_rate,
        device=settings.device, progress=lambda done, total, what: bench.tell(done, total, f"{name}: {what}"),
    )  # fmt: skip
    yardstick = _Yardstick(test)
    arm: Arm = Arm(
        name,
        _LoopLearner(learner, endless),
        FromRows(train),
        regime_named(name, share=settings.share),
        items=items if endless else min(settings.samples, items),
        generations=settings.generations,
        replicates=settings.seeds,
        diversity="heterozygosity",
        uninformed_risk=_pixelwise(train, test.values[0]),
        together=1,
        measure=yardstick.measure,
        snapshot=_snapshot,
        snapshots=tuple(range(settings.generations + 1)),
        computed_f=[1 / items] * (settings.generations + 1) if endless else None,
    )
    return arm, bench.keep(name, _save, partial(_load, settings.device))


def _pixelwise(train: NDArray[Any], test: NDArray[Any]) -> float:
    """Return the loss of a model that only knows how bright each pixel is on average, in nats per image."""
    mean = np.clip(train.mean(axis=0), 1e-3, 1 - 1e-3)
    return float(-(test * np.log(mean) + (1 - test) * np.log1p(-mean)).sum(axis=(1, 2)).mean())


def _snapshot(step: Step[Any]) -> Snapshot:
    vae: VaeModel = step.model.vae  # type: ignore[attr-defined]
    pixels = vae.sample(_SHOWN, np.random.default_rng(29)).values[0]  # the same latents in every generation
    grey = np.rint(pixels.reshape(_SHOWN, -1) * 255)
    return Snapshot(step.generation, tuple(tuple(float(value) for value in row) for row in grey))


def _save(folder: Path, value: Any) -> None:
    if isinstance(value, Points):
        np.save(folder / "images.npy", value.values, allow_pickle=False)
        return
    model = value.vae if isinstance(value, _Loop) else value.model
    model.save(folder / ("model.npz" if isinstance(value, _Loop) else f"decoder-{value.items}.npz"))
    if isinstance(value, _Loop) and not value.endless:
        (folder / "finite").touch()


def _load(device: str, folder: Path) -> Any:
    if (folder / "images.npy").exists():
        return Points(np.load(folder / "images.npy", allow_pickle=False))
    if (folder / "model.npz").exists():
        return _Loop(VaeModel.load(folder / "model.npz", device), not (folder / "finite").exists())
    path = next(folder.glob("decoder-*.npz"))
    return Decoded(VaeModel.load(path, device), int(path.stem.removeprefix("decoder-")))


def _gallery(arm: ArmResult, side: int) -> ImageFigure:
    rows = tuple(
        ImageRow(
            f"generation {one.generation}",
            tuple(
                tuple(tuple(int(value) for value in row[at : at + side]) for at in range(0, side * side, side))
                for row in one.values
            ),
        )
        for one in arm.snapshots
    )
    return ImageFigure(
        f"What each generation draws, {arm.name}", rows, "The same latents in every generation, first seed."
    )


def _checks(arm: ArmResult, items: int, side: int) -> list[Check]:
    spread = arm.series["spread"].mean
    if arm.name != "replace":
        return []
    rises = sum(later >= earlier for earlier, later in pairwise(spread))
    checks = [in_range("replace: generations whose latent spread did not fall", rises, 0, 0, reference=0)]
    if (side, items) == (_PUBLISHED_SIDE, _PUBLISHED_ITEMS):
        checks += [
            within(f"replace: latent spread of generation {g}", wanted, spread[g], _PUBLISHED_MARGIN)
            for g, wanted in enumerate(_PUBLISHED[: len(spread)])
        ]
    return checks


EXPERIMENT = Experiment(
    name="vae",
    title="An auto-encoder learns digits from its own digits",
    summary="A convolutional variational auto-encoder is trained on handwritten digits; the next one is trained on "
    "what the first draws, and so on. Images are drawn anew for every batch, so data never run out: what is lost, "
    "generation by generation, is lost by the fit alone. Digits blur and become alike.",
    settings=Settings,
    files=_files,
    run=run,
    regimes=("replace",),
    more_regimes=("human-only", "accumulate", "subsample", "fresh", "reserve", "filtered", "gated"),
    quick={"generations": 3},
    references=("shumailov2024", "naeem2020"),
    needs="train",
)
