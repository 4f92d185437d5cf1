"""How much of the human distribution a model still reaches, and how much it makes up.

These are diagnoses. Each has a blind spot (a model that copies its training data passes all of them; in high dimensions
a few points lie near everything), so none may decide alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError, NotEnoughData

Array = NDArray[np.float64]


def sample_coverage(counts: NDArray[np.integer]) -> Array:
    """Return the share of its own source that a sample has seen: Good-Turing, 1 - singletons / n.

    One minus it estimates the chance that the next item is of a type not seen so far (Good 1953, "The population
    frequencies of species and the estimation of population parameters"). For a reference set it bounds what any
    comparison with it can notice.

    Args:
        counts: how often each type occurs, shape (..., types).

    Returns:
        Shape (...), in [0, 1]; 0 for an empty sample.
    """
    n = counts.sum(axis=-1)
    return np.asarray(np.where(n > 0, 1.0 - (counts == 1).sum(axis=-1) / np.maximum(n, 1), 0.0))


def tail_survival(mass: NDArray[Any], human: NDArray[Any], most: float) -> Array:
    """Return the share of the rare human types that a model can still produce.

    Args:
        mass: probability or count of each type in the model, shape (..., types).
        human: probability or count of each type in the human source, shape (types,).
        most: a type is rare where its human mass is positive and at most this, in the unit of ``human``. Expected
            counts of 1 to 3 per training set mark what replacement loses within a few generations (Suresh et al. 2025,
            arXiv:2412.17646).

    Returns:
        Shape (...), in [0, 1]; 1 where no type is rare.
    """
    rare = (human > 0) & (human <= most)
    if not rare.any():
        return np.ones(mass.shape[:-1])
    return np.asarray((mass[..., rare] > 0).mean(axis=-1))


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How a model's points lie among the human ones. Each has shape (replicates,) and range [0, 1], 1 is best."""

    coverage: Array
    """Share of the human points that have a generated point in their neighbourhood; 1 - 2^-k is expected of a perfect
    model with as many points. Falls with modes and tails that were lost."""
    precision: Array
    """Share of the generated points that lie in the neighbourhood of a human point. Falls with hallucination; one
    human outlier makes a wide neighbourhood that forgives much."""
    clipped_density: Array
    """Mean over generated points of the number of neighbourhoods they lie in, at most k, as a share of what human
    points reach. Robust to human outliers, and proportional to the share of good points."""
    clipped_coverage: Array
    """Share of good points, among as many generated ones, that would fill the neighbourhoods of the human points as far
    as the generated points do. Unlike ``coverage`` it falls in proportion to the share of bad points."""


def likeness(model: Array, human: Array, k: int = 5) -> Likeness:
    """Return coverage, precision, clipped density and clipped coverage of generated points among human ones.

    The neighbourhood of a human point is the closed ball up to its k-th nearest human neighbour. Coverage: Naeem et al.
    2020 (arXiv:2002.09797); precision: Kynkäänniemi et al. 2019 (arXiv:1904.06991); clipped density and coverage: Salvy
    et al. 2025 (arXiv:2507.01761), radii of the density clipped at their median, coverage put on the scale of what a
    share of good points reaches on average. Distances are Euclidean: scale the columns first.

    In high dimensions a few points lie near everything (hubs), so all four can be high for a model that has collapsed:
    they are diagnoses, never a gate.

    Args:
        model: generated points, shape (replicates, items, d) or (items, d).
        human: human points, shape (replicates, items, d), or (items, d) for the same ones in all replicates.
        k: neighbours that make a neighbourhood; 5 is the value of the papers.

    Raises:
        NotEnoughData: there are not more than k human points, or no generated ones.
        InputError: the shapes do not fit together, or a coordinate is missing or infinite.
        ValueError: k is below 1.
    """
    if k < 1:
        raise ValueError(f"a neighbourhood has at least 1 neighbour, got k = {k}")
    rows = [_likeness(points, reference, k) for points, reference in _pairs(model, human, k)]
    return Likeness(*np.asarray(rows, dtype=np.float64).T)


def hallucinated_share(model: Array, human: Array, quantile: float = 0.99) -> Array:
    """Return the share of generated points that lie farther from all human points than human points do.

    A point counts where its distance to the nearest human point exceeds the given quantile of the distances between
    human points and their nearest human neighbour. A model that is right scores about 1 - ``quantile``.

    Args:
        model: generated points, shape (replicates, items, d) or (items, d).
        human: human points, shape (replicates, items, d), or (items, d) for the same ones in all replicates.
        quantile: in (0, 1).

    Returns:
        Shape (replicates,), in [0, 1]; lower is better.

    Raises:
        NotEnoughData: there are fewer than two human points, or no generated ones.
        InputError: the shapes do not fit together, or a coordinate is missing or infinite.
        ValueError: the quantile is not in (0, 1).
    """
    if not 0.0 < quantile < 1.0:
        raise ValueError(f"the quantile must lie strictly between 0 and 1, got {quantile}")
    shares = []
    for points, reference in _pairs(model, human, 1):
        tree = _tree(reference)
        usual = np.quantile(tree.query(reference, k=2)[0][:, 1], quantile)
        shares.append(np.mean(tree.query(points)[0] > usual))
    return np.asarray(shares, dtype=np.float64)


def _likeness(model: Array, human: Array, k: int) -> tuple[float, float, float, float]:
    own = _tree(human).query(human, k=k + 1)[0]  # the point itself comes first
    radii = own[:, -1]
    generated = _tree(model)
    coverage = np.mean(generated.query(human)[0] <= radii)
    precision = np.mean(_inside(generated, human, radii) > 0)
    clipped = np.minimum(radii, np.median(radii))
    reached = np.minimum(_inside(_tree(human), human, clipped) - 1, k).mean()  # without the point itself
    density = np.minimum(_inside(generated, human, clipped), k).mean()
    clipped_density = float(min(density / reached, 1.0)) if reached else 0.0
    held = [_count(generated, human[part], radii[part]) for part in _parts(len(human))]
    filled = float(np.minimum(np.concatenate(held), k).mean()) / k
    return float(coverage), float(precision), clipped_density, good_share(filled, len(model), len(human), k)


def good_share(filled: float, generated: int, human: int, k: int) -> float:
    """Return which share of good points among the generated ones fills neighbourhoods this far on average.

    A ball around a human point up to its k-th of N - 1 human neighbours holds a share of the distribution that is
    Beta(k, N - k); so s M good points among the generated put BetaBinomial(s M, k, N - k) points into it, of which
    at most k count (Salvy et al. 2025, section 4). Bad points are taken to lie in no ball.

    Args:
        filled: mean over human points of min(points in the ball, k) / k.
        generated: number M of generated points.
        human: number N of human points, more than k.
        k: neighbours that make a ball.

    Returns:
        In [0, 1].
    """
    from scipy.special import betaln, gammaln

    good = np.unique(np.linspace(0, generated, 65).round().astype(np.int64))
    below = np.arange(k)
    n, j = good[:, None].astype(np.float64), below[None, :].astype(np.float64)
    possible = np.maximum(n - j, 0)
    chosen = gammaln(n + 1) - gammaln(j + 1) - gammaln(possible + 1)
    logs = chosen + betaln(j + k, possible + human - k) - betaln(k, human - k)
    masses = np.where(j <= n, np.exp(logs), 0.0)
    expected = (masses * below).sum(axis=1) + k * (1 - masses.sum(axis=1))
    return float(np.interp(filled * k, expected, good / generated))


def _parts(items: int) -> Iterator[slice]:
    return (slice(start, start + _BALLS) for start in range(0, items, _BALLS))


def _count(tree: Any, centres: Array, radii: Array) -> NDArray[np.int64]:
    """Return how many points of the tree lie in each ball."""
    return np.asarray(tree.query_ball_point(centres, radii, return_length=True), dtype=np.int64)


def _inside(tree: Any, centres: Array, radii: Array) -> NDArray[np.int64]:
    """Return how many of the balls each point of the tree lies in."""
    inside = np.zeros(tree.n, dtype=np.int64)
    for part in _parts(len(centres)):
        found = tree.query_ball_point(centres[part], radii[part], return_sorted=False)
        inside += np.bincount(np.concatenate([np.asarray(ball, dtype=np.int64) for ball in found]), minlength=tree.n)
    return inside


_BALLS = 256  # at once: a collapsed model has all its points in every ball, which would fill the memory


def _pairs(model: Array, human: Array, k: int) -> Iterator[tuple[Array, Array]]:
    """Yield generated and human points of each replicate."""
    models = model[None] if model.ndim == 2 else model
    humans = human[None] if human.ndim == 2 else human
    fitting = models.ndim == humans.ndim == 3 and models.shape[2] == humans.shape[2]
    if not fitting or len(humans) not in {1, len(models)}:
        raise InputError(
            f"Generated points have shape {model.shape} and human ones {human.shape}. Both must be (items, d) or "
            "(replicates, items, d) with the same d and the same replicates."
        )
    if humans.shape[1] <= k or models.shape[1] == 0:
        raise NotEnoughData(
            f"{humans.shape[1]} human and {models.shape[1]} generated points are too few: give more than {k} human "
            "points and at least one generated one."
        )
    if not (np.isfinite(models).all() and np.isfinite(humans).all()):
        raise InputError("A coordinate of the points is missing or infinite. Remove these points and count them.")
    for replicate, points in enumerate(models):
        yield points, humans[replicate if len(humans) > 1 else 0]


def _tree(points: Array) -> Any:
    from scipy.spatial import cKDTree

    return cKDTree(points)
