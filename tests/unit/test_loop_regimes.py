"""Regimes: how much of what goes into the next training set, for texts and for rows of numbers alike."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import InputError
from headwater.gate import token_counts
from headwater.loop import Accumulate, Filtered, Fresh, Golden, History, HumanOnly, Regime, Replace, Reserve, Subsample
from headwater.loop.documents import Documents, draw, unused
from headwater.loop.regimes import next_training_set, remembers
from headwater.models.samples import Counts, Points

Size = Callable[[pa.Table], np.ndarray]


def _texts(prefix: str, count: int, seed: int = 0) -> pa.Table:
    """Documents of 1 to 9 tokens."""
    lengths = np.random.default_rng(seed).integers(1, 10, count)
    return pa.table({"id": [f"{prefix}{i}" for i in range(count)], "tokens": [[1] * int(n) for n in lengths]})


def _numbers(prefix: str, count: int, seed: int = 0) -> pa.Table:
    """Rows of three numbers, each of size 1."""
    values = np.random.default_rng(seed).normal(size=count * 3)
    return pa.table(
        {"id": [f"{prefix}{i}" for i in range(count)], "value": pa.FixedSizeListArray.from_arrays(values, 3)}
    )


def _ones(table: pa.Table) -> np.ndarray:
    return np.ones(table.num_rows, np.int64)


KINDS: dict[str, tuple[Callable[..., pa.Table], Size]] = {"texts": (_texts, token_counts), "numbers": (_numbers, _ones)}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> tuple[Callable[..., pa.Table], Size]:
    return KINDS[request.param]


def _history(
    kind: tuple[Callable[..., pa.Table], Size], generations: int, *, fresh: int = 0, oversample: int = 1
) -> History:
    """A history whose outputs are a little larger than the human set, as those of a sampler are."""
    make, size = kind
    human = make("h", 200)
    outputs = [make(f"g{g}-", 205 * oversample, seed=g) for g in range(1, generations + 1)]
    unseen = make("f", fresh, seed=99)
    return History(
        Documents(human, size),
        Documents(human, size),
        lambda items: Documents(unused(unseen, size, items, generations), size),
        Documents(outputs[-1], size),
        Documents(pa.concat_tables([human, *outputs]), size),
    )


def _next(regime: Regime, history: History, seed: int = 0) -> pa.Table:
    return next_training_set(regime, history, _rng(seed)).table


def _ids(table: pa.Table) -> list[str]:
    return table["id"].to_pylist()


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _size(history: History, table: pa.Table, prefix: str = "") -> int:
    sizes = history.human.size(table)
    return int(sum(size for key, size in zip(_ids(table), sizes, strict=True) if key.startswith(prefix)))


def test_human_only_is_the_human_set_and_generates_nothing(kind) -> None:
    history = _history(kind, 2)
    assert _next(HumanOnly(), history).equals(history.human.table)
    assert HumanOnly().oversample == 0


def test_replace_is_the_newest_output_and_nothing_else(kind) -> None:
    history = _history(kind, 3)
    assert _next(Replace(), history).equals(history.newest.table)


def test_accumulate_is_everything_so_far(kind) -> None:
    history = _history(kind, 3)
    assert _ids(_next(Accumulate(), history)) == _ids(history.everything.table)
    assert remembers(Accumulate())
    assert remembers(Subsample())
    assert not remembers(Replace())


def test_subsample_is_as_much_as_the_human_set_drawn_from_everything_without_replacement(kind) -> None:
    history = _history(kind, 3)
    chosen = _next(Subsample(), history)
    everything = history.everything
    assert len(set(_ids(chosen))) == chosen.num_rows
    assert set(_ids(chosen)) <= set(_ids(everything.table))
    assert history.budget <= _size(history, chosen) < history.budget + everything.size(everything.table).max()
    # A quarter is human on average: of 200 documents 50, sd 5.3. Three seeds within six standard deviations.
    for seed in range(3):
        share = np.mean([key[0] == "h" for key in _ids(_next(Subsample(), history, seed))])
        assert 0.09 < share < 0.41


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("regime", [Fresh, Reserve])
def test_the_share_of_human_items_is_what_was_asked_for(kind, regime: type, share: float) -> None:
    history = _history(kind, 1, fresh=400)
    chosen = _next(regime(share), history)
    largest = int(history.human.size(chosen).max())
    prefix = "f" if regime is Fresh else "h"
    wanted = round(share * history.budget)
    assert wanted <= _size(history, chosen, prefix) < wanted + largest
    rest = history.budget - wanted
    assert rest <= _size(history, chosen, "g") < rest + largest
    assert _size(history, chosen, prefix) + _size(history, chosen, "g") == _size(history, chosen)
    assert len(set(_ids(chosen))) == chosen.num_rows


def test_fresh_never_uses_a_human_document_twice(kind) -> None:
    used: list[str] = []
    for generation in range(1, 9):
        history = _history(kind, generation, fresh=200)
        chosen = _next(Fresh(0.1), history)
        assert _size(history, chosen, "f") >= round(0.1 * history.budget)
        assert {key.split("-")[0] for key in _ids(chosen) if key[0] == "g"} == {f"g{generation}"}
        used += [key for key in _ids(chosen) if key[0] == "f"]
    assert len(set(used)) == len(used)
    assert used == [f"f{i}" for i in range(len(used))]


def test_fresh_takes_rows_of_numbers_to_the_row() -> None:
    for generation in range(1, 6):
        chosen = _next(Fresh(0.1), _history(KINDS["numbers"], generation, fresh=100))
        assert _ids(chosen)[:20] == [f"f{i}" for i in range(20 * (generation - 1), 20 * generation)]
        assert chosen.num_rows == 200


def test_fresh_says_when_the_human_text_is_used_up() -> None:
    assert _next(Fresh(0.1), _history(KINDS["numbers"], 4, fresh=99)).num_rows == 200
    with pytest.raises(InputError, match="generation 5 needs 20 and finds 19 of 99 unused"):
        _next(Fresh(0.1), _history(KINDS["numbers"], 5, fresh=99))
    with pytest.raises(InputError, match="finds 0 of 0 unused"):
        _next(Fresh(0.1), _history(KINDS["numbers"], 1))


def test_reserve_draws_from_the_same_human_documents_again(kind) -> None:
    history = _history(kind, 1)
    draws = [{key for key in _ids(_next(Reserve(0.3), history, seed)) if key[0] == "h"} for seed in range(3)]
    assert draws[0] & draws[1] & draws[2]  # 0.3^3 of 200, that is 5, are in all three on average
    assert draws[0] != draws[1]


def test_a_reserve_by_chance_takes_the_place_of_newest_items_one_by_one(kind) -> None:
    # 200 rows or a few more, each exchanged with probability 0.3: 60 to 62, sd 6.6; within six standard deviations.
    history = _history(kind, 1)
    for seed in range(3):
        ids = _ids(_next(Reserve(0.3, by_chance=True), history, seed))
        assert 200 <= len(ids) <= 205
        assert 20 < sum(key[0] == "h" for key in ids) < 101


def test_filtered_hands_the_newest_output_and_the_size_wanted_to_its_signal(kind) -> None:
    history = _history(kind, 2, oversample=4)
    asked: list[tuple[Documents, int]] = []

    def keep_first(candidates: Documents, wanted: int, rng: np.random.Generator) -> Documents:
        asked.append((candidates, wanted))
        return Documents(candidates.table.slice(0, 5), candidates.size)

    regime = Filtered(keep_first)
    assert regime.oversample == 4
    assert _ids(_next(regime, history)) == _ids(history.newest.table)[:5]
    assert asked[0][0].table.equals(history.newest.table)
    assert asked[0][1] == history.budget == _size(history, history.human.table)


def test_filtered_on_another_regime_filters_the_newest_output_only(kind) -> None:
    history = _history(kind, 2, oversample=4)

    def keep_first(candidates: Documents, wanted: int, rng: np.random.Generator) -> Documents:
        return Documents(candidates.table.slice(0, 5), candidates.size)

    ids = _ids(_next(Filtered(keep_first, base=Reserve(0.5)), history))
    assert {key for key in ids if key[0] == "g"} <= set(_ids(history.newest.table)[:5])
    assert sum(key[0] == "h" for key in ids) > 50


@pytest.mark.parametrize(
    "regime",
    [Subsample(), Fresh(0.3), Reserve(0.3), Reserve(0.3, by_chance=True)],
    ids=["Subsample", "Fresh", "Reserve", "Reserve-by-chance"],
)
def test_the_same_generator_state_gives_the_same_set(kind, regime: Regime) -> None:
    history = _history(kind, 2, fresh=400)
    first, again, other = (_next(regime, history, seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)


def test_drawing_stops_at_the_document_that_reaches_the_size(kind) -> None:
    make, size = kind
    table = make("d", 50)
    total = int(size(table).sum())
    for wanted in (1, total // 2, total):
        chosen = draw(table, wanted, size, _rng())
        sizes = size(chosen)
        assert sizes.sum() >= wanted > sizes[:-1].sum()
    assert draw(table, total + 1, size, _rng()).num_rows == 50  # all there is
    assert draw(table, 0, size, _rng()).num_rows == draw(table, -3, size, _rng()).num_rows == 0
    assert draw(table.slice(0, 0), 10, size, _rng()).num_rows == 0


# Many replicates at once: the same regimes on points and on counts.


def _batch(make: Callable[[np.ndarray], Points | Counts]) -> History:
    """Three replicates of 10 human items (types 0 to 4), 10 newest (5 to 9) and fresh ones (type 10)."""
    human, newest, fresh = (np.tile(np.arange(low, low + 5).repeat(2), (3, 1)) for low in (0, 5, 10))
    return History(
        make(human), make(human), lambda items: make(fresh[:, :items]), make(newest), make(np.hstack([human, newest]))
    )


def _points(values: np.ndarray) -> Points:
    return Points(values)


def _counts(values: np.ndarray) -> Counts:
    return Counts(np.stack([np.bincount(row, minlength=15) for row in values]))


def _types(samples: Points | Counts) -> np.ndarray:
    return samples.counts if isinstance(samples, Counts) else _counts(samples.values).counts


@pytest.mark.parametrize("make", [_points, _counts])
def test_batches_take_the_parts_a_regime_names(make) -> None:
    history = _batch(make)
    everything = _types(next_training_set(Accumulate(), history, _rng()))
    assert (everything[:, :10] == 2).all()
    drawn = _types(next_training_set(Subsample(), history, _rng()))
    assert (drawn.sum(axis=1) == 10).all()
    assert (drawn <= everything).all()
    assert len({tuple(row) for row in drawn}) == 3  # each replicate draws for itself
    fresh = _types(next_training_set(Fresh(0.2), history, _rng()))
    assert (fresh[:, 10] == 2).all()
    assert (fresh[:, 5:10].sum(axis=1) == 8).all()
    blended = _types(next_training_set(Reserve(0.5, by_chance=True), history, _rng()))
    assert (blended.sum(axis=1) == 10).all()
    assert blended[:, :5].any()
    assert (blended[:, 10:] == 0).all()


def test_golden_weighs_the_parts_and_counts_its_weight_by_the_ratio() -> None:
    # He et al. 2025: (sqrt(5) - 1) / 2 for one human item per machine item; 1/2 for half, sqrt(3) - 1 for two.
    assert Golden(1.0).human_weight == pytest.approx(0.6180339887)
    assert Golden(0.5).human_weight == pytest.approx(0.5)
    assert Golden(2.0).human_weight == pytest.approx(3**0.5 - 1)
    training = next_training_set(Golden(1.0), _batch(_points), _rng())
    assert training.weights is not None
    assert training.weights[:10].sum() == pytest.approx(0.6180339887)
    assert training.weights.sum() == pytest.approx(1.0)
