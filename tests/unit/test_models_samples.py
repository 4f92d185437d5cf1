"""Data sets that regimes mix: items and counts."""

import numpy as np
import pytest

from headwater.models.samples import Counts, Points

REPLICATES = 20_000


def _rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_join_keeps_items_and_weights_in_order() -> None:
    first, second = Points(np.array([[1, 2]])), Points(np.array([[3]]))
    assert first.join(second).values.tolist() == [[1, 2, 3]]
    assert first.join(second).weights is None
    joined = first.weighted(0.5).join(second)
    assert joined.weights is not None
    assert joined.weights.tolist() == [0.25, 0.25, 1]
    assert Counts(np.array([[1, 2]])).join(Counts(np.array([[0, 3]]))).counts.tolist() == [[1, 5]]


def test_drawn_items_are_different_ones_of_the_same_replicate() -> None:
    values = np.arange(50)[None] + 1000 * np.arange(200)[:, None]
    drawn = Points(values).draw(12, _rng()).values
    assert drawn.shape == (200, 12)
    assert all(len(set(row)) == 12 for row in drawn.tolist())
    assert (drawn // 1000 == np.arange(200)[:, None]).all()


@pytest.mark.parametrize("items", [3, 30])
def test_every_item_is_drawn_equally_often(items: int) -> None:
    """Each of 40 items is drawn with probability items / 40: within 5 standard errors (40 comparisons, false alarm below
    3e-5, seed fixed)."""
    drawn = Points(np.tile(np.arange(40), (REPLICATES, 1))).draw(items, _rng()).values
    share = np.bincount(drawn.ravel(), minlength=40) / REPLICATES
    p = items / 40
    assert (np.abs(share - p) < 5 * np.sqrt(p * (1 - p) / REPLICATES)).all()


def test_pairs_of_items_are_drawn_equally_often() -> None:
    """2 of 5 items: each of the 10 pairs with probability 0.1, within 5 standard errors (false alarm below 1e-5)."""
    drawn = np.sort(Points(np.tile(np.arange(5), (REPLICATES, 1))).draw(2, _rng()).values, axis=1)
    share = np.bincount(drawn[:, 0] * 5 + drawn[:, 1], minlength=25) / REPLICATES
    pairs = [share[i * 5 + j] for i in range(5) for j in range(i + 1, 5)]
    assert np.abs(np.array(pairs) - 0.1).max() < 5 * np.sqrt(0.09 / REPLICATES)


def test_drawing_all_or_more_gives_all() -> None:
    points, counts = Points(np.arange(4)[None]), Counts(np.array([[1, 3]]))
    assert points.draw(9, _rng()) is points
    assert counts.draw(4, _rng()) is counts


def test_counts_are_drawn_without_replacement() -> None:
    """Means of a multivariate hypergeometric draw of 4 of (5, 3, 2): within 5 standard errors (false alarm 2e-6)."""
    drawn = Counts(np.tile([5, 3, 2], (REPLICATES, 1))).draw(4, _rng()).counts
    assert (drawn.sum(axis=1) == 4).all()
    assert (drawn <= [5, 3, 2]).all()
    share = np.array([0.5, 0.3, 0.2])
    spread = np.sqrt(4 * share * (1 - share) * (6 / 9) / REPLICATES)
    assert (np.abs(drawn.mean(axis=0) - 4 * share) < 5 * spread).all()


@pytest.mark.parametrize("kind", ["points", "counts"])
def test_blending_exchanges_the_stated_share(kind: str) -> None:
    """0.3 of 10 items are exchanged for those of the other set on average: within 5 standard errors (false alarm
    6e-7, seed fixed), and never from another replicate."""
    if kind == "points":
        values = Points(np.zeros((REPLICATES, 10))).blend(Points(np.ones((REPLICATES, 4))), 0.3, _rng()).values
        exchanged = values.sum(axis=1)
    else:
        ours, theirs = np.tile([10, 0], (REPLICATES, 1)), np.tile([0, 4], (REPLICATES, 1))
        counts = Counts(ours).blend(Counts(theirs), 0.3, _rng()).counts
        assert (counts.sum(axis=1) == 10).all()
        exchanged = counts[:, 1]
    assert abs(exchanged.mean() - 3) < 5 * np.sqrt(2.1 / REPLICATES)
    assert exchanged.var() == pytest.approx(2.1, rel=0.1)


def test_blended_points_stay_in_their_replicate() -> None:
    ours, theirs = np.tile(np.arange(3)[:, None], (1, 50)), np.tile(10 + np.arange(3)[:, None], (1, 5))
    mixed = Points(ours).blend(Points(theirs), 0.5, _rng()).values
    assert (mixed % 10 == np.arange(3)[:, None]).all()
    assert (mixed >= 10).any()


def test_counts_refuse_weights() -> None:
    with pytest.raises(NotImplementedError, match="carry no weights"):
        Counts(np.array([[1, 2]])).weighted(0.5)
