"""Hard checks for rows: copies by distance, leaks by descent, values that no human row could have."""

import numpy as np
import pyarrow as pa
import pytest

from headwater.gate.row_checks import NearRow, RowChecks, nearest
from headwater.generate import machine_rows
from headwater.schema import Origin, Reason, documents


def vectors(table: pa.Table) -> np.ndarray:
    return np.stack([table["value.a"].to_numpy(), table["value.b"].to_numpy()], axis=1).astype(np.float32)


def rows_of(points: np.ndarray, prefix: str) -> pa.Table:
    texts = [f"{a:.9g} {b:.9g}" for a, b in points]
    keys = [f"{prefix}{i}" for i in range(len(points))]
    table = documents(texts, id=keys, group=keys, origin=Origin.HUMAN.value)
    return table.append_column("value.a", pa.array(points[:, 0])).append_column("value.b", pa.array(points[:, 1]))


def made(points: np.ndarray, recipe: str, parents: list[list[str]] | None = None) -> pa.Table:
    values = pa.table({"value.a": points[:, 0], "value.b": points[:, 1]})
    return machine_rows(values, [f"{a:.9g} {b:.9g}" for a, b in points], recipe=recipe, parents=parents)


@pytest.fixture(scope="module")
def humans() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(800, 2)), rng.normal(size=(600, 2))


@pytest.fixture(scope="module")
def checks(humans: tuple[np.ndarray, np.ndarray]) -> RowChecks:
    train, panel = humans
    return RowChecks.against(rows_of(train, "t"), [rows_of(panel, "p")], vectors)


def test_nearest_is_the_brute_force_distance() -> None:
    rng = np.random.default_rng(1)
    rows, points = rng.normal(size=(1500, 5)).astype(np.float32), rng.normal(size=(300, 5)).astype(np.float32)
    expected = np.sqrt(((rows[:, None] - points[None]) ** 2).sum(axis=2)).min(axis=1)
    assert nearest(rows, points) == pytest.approx(expected, abs=1e-5)
    assert nearest(points, points, apart=True).min() > 0
    assert np.isinf(nearest(rows, points[:0])).all()


def test_one_in_a_hundred_fresh_rows_is_taken_for_a_copy(checks: RowChecks) -> None:
    fresh = made(np.random.default_rng(2).normal(size=(3000, 2)), "fresh")
    checked = checks.apply(fresh)
    assert not checked.bars
    # 1% for each of two sets by construction; the bound is estimated from 800 and 600 rows, and 3,000 are drawn:
    # a standard error of 0.6 points, so a sound check fails here in fewer than one of 10,000 draws.
    assert 0.0 < 1 - checked.findings.passed.mean() < 0.045


def test_copies_bar_their_recipe_even_with_a_little_noise(
    checks: RowChecks, humans: tuple[np.ndarray, np.ndarray]
) -> None:
    train, panel = humans
    noise = np.random.default_rng(3).normal(scale=1e-5, size=(200, 2))
    stream = pa.concat_tables([made(train[:200] + noise, "copies"), made(panel[:200] + noise, "leak")])
    bars = checks.apply(stream).bars
    assert bars["copies"].reason is Reason.TRAINING_COPY
    assert bars["leak"].reason is Reason.PANEL_CONTAMINATION
    assert not checks.apply(stream).passed.num_rows


def test_what_descends_from_a_panel_is_barred_whatever_it_looks_like(checks: RowChecks) -> None:
    far = np.random.default_rng(4).normal(size=(40, 2)) + 20
    stream = made(far, "reworded", [[f"p{i}"] for i in range(40)])
    checked = checks.apply(stream)
    assert set(checked.findings.reasons) == {Reason.DESCENDS_FROM_PANEL}
    assert checked.bars["reworded"].reason is Reason.DESCENDS_FROM_PANEL


def test_a_row_repeated_within_a_recipe_counts_once(checks: RowChecks) -> None:
    checked = checks.apply(made(np.full((5, 2), 9.0), "same"))
    assert checked.findings.reasons == [None, *[Reason.EXACT_DUPLICATE] * 4]


def test_where_human_rows_repeat_each_other_nearness_proves_nothing() -> None:
    same = rows_of(np.zeros((300, 2)), "t")
    check = NearRow.of(same, rows_of(np.zeros((300, 2)), "p"), vectors, Reason.TRAINING_COPY, np.random.default_rng(0))
    assert check.near == 0
    assert (check.measure(same) <= check.threshold).all()
