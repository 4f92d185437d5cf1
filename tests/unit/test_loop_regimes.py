"""Regimes: how much of what goes into the next training set, for texts and for rows of numbers alike."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from headwater.gate import token_counts
from headwater.loop import Accumulate, Filtered, Fresh, History, HumanOnly, Regime, Replace, Reserve, Subsample
from headwater.loop.regimes import draw

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
    outputs = tuple(make(f"g{g}-", 205 * oversample, seed=g) for g in range(1, generations + 1))
    return History(human, make("f", fresh, seed=99), outputs, size)


def _ids(table: pa.Table) -> list[str]:
    return table["id"].to_pylist()


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _size(history: History, table: pa.Table, prefix: str = "") -> int:
    sizes = history.size(table)
    return int(sum(size for key, size in zip(_ids(table), sizes, strict=True) if key.startswith(prefix)))


def test_human_only_is_the_human_set_and_generates_nothing(kind) -> None:
    history = _history(kind, 2)
    assert HumanOnly().next_training_set(history, _rng()).equals(history.human)
    assert HumanOnly().oversample == 0


def test_replace_is_the_newest_output_and_nothing_else(kind) -> None:
    history = _history(kind, 3)
    assert Replace().next_training_set(history, _rng()).equals(history.generated[-1])


def test_accumulate_is_everything_so_far(kind) -> None:
    history = _history(kind, 3)
    assert _ids(Accumulate().next_training_set(history, _rng())) == [
        *_ids(history.human),
        *(key for output in history.generated for key in _ids(output)),
    ]


def test_subsample_is_as_much_as_the_human_set_drawn_from_everything_without_replacement(kind) -> None:
    history = _history(kind, 3)
    chosen = Subsample().next_training_set(history, _rng())
    everything = Accumulate().next_training_set(history, _rng())
    assert len(set(_ids(chosen))) == chosen.num_rows
    assert set(_ids(chosen)) <= set(_ids(everything))
    largest = history.size(everything).max()
    assert history.budget <= _size(history, chosen) < history.budget + largest
    # A quarter is human on average: of 200 documents 50, sd 5.3. Three seeds within six standard deviations.
    for seed in range(3):
        share = np.mean([key[0] == "h" for key in _ids(Subsample().next_training_set(history, _rng(seed)))])
        assert 0.09 < share < 0.41


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("regime", [Fresh, Reserve])
def test_the_share_of_human_items_is_what_was_asked_for(kind, regime: type, share: float) -> None:
    history = _history(kind, 1, fresh=400)
    chosen = regime(share).next_training_set(history, _rng())
    largest = int(history.size(pa.concat_tables([history.fresh, *history.generated])).max())
    prefix = "f" if regime is Fresh else "h"
    wanted = round(share * history.budget)
    assert wanted <= _size(history, chosen, prefix) < wanted + largest
    rest = history.budget - wanted
    assert rest <= _size(history, chosen, "g") < rest + largest
    assert _size(history, chosen, prefix) + _size(history, chosen, "g") == _size(history, chosen)
    assert len(set(_ids(chosen))) == chosen.num_rows


def test_fresh_never_uses_a_human_document_twice(kind) -> None:
    full = _history(kind, 8, fresh=200)
    used: list[str] = []
    for generation in range(1, 9):
        history = History(full.human, full.fresh, full.generated[:generation], full.size)
        chosen = Fresh(0.1).next_training_set(history, _rng())
        human = [key for key in _ids(chosen) if key[0] == "f"]
        assert _size(history, chosen, "f") >= round(0.1 * history.budget)
        assert {key.split("-")[0] for key in _ids(chosen) if key[0] == "g"} == {f"g{generation}"}
        used += human
    assert len(set(used)) == len(used)
    assert used == _ids(full.fresh)[: len(used)]


def test_fresh_takes_rows_of_numbers_to_the_row() -> None:
    full = _history(KINDS["numbers"], 5, fresh=100)
    for generation in range(1, 6):
        history = History(full.human, full.fresh, full.generated[:generation], full.size)
        chosen = Fresh(0.1).next_training_set(history, _rng())
        assert _ids(chosen)[:20] == [f"f{i}" for i in range(20 * (generation - 1), 20 * generation)]
        assert chosen.num_rows == 200


def test_fresh_says_when_the_human_text_is_used_up() -> None:
    history = _history(KINDS["numbers"], 5, fresh=99)
    four = History(history.human, history.fresh, history.generated[:4], history.size)
    assert Fresh(0.1).next_training_set(four, _rng()).num_rows == 200
    with pytest.raises(ValueError, match="generation 5 needs 20 and finds 19 of 99 unused"):
        Fresh(0.1).next_training_set(history, _rng())
    with pytest.raises(ValueError, match="finds 0 of 0 unused"):
        Fresh(0.1).next_training_set(_history(KINDS["numbers"], 1), _rng())


def test_reserve_draws_from_the_same_human_documents_again(kind) -> None:
    history = _history(kind, 1)
    draws = [
        {key for key in _ids(Reserve(0.3).next_training_set(history, _rng(seed))) if key[0] == "h"} for seed in range(3)
    ]
    assert draws[0] & draws[1] & draws[2]  # 0.3^3 of 200, that is 5, are in all three on average
    assert draws[0] != draws[1]


def test_filtered_hands_the_newest_output_and_the_size_wanted_to_its_signal(kind) -> None:
    history = _history(kind, 2, oversample=4)
    asked: list[tuple[pa.Table, int]] = []

    def keep_first(candidates: pa.Table, wanted: int, rng: np.random.Generator) -> pa.Table:
        asked.append((candidates, wanted))
        return candidates.slice(0, 5)

    regime = Filtered(keep_first)
    assert regime.oversample == 4
    assert _ids(regime.next_training_set(history, _rng())) == _ids(history.generated[-1])[:5]
    assert asked[0][0].equals(history.generated[-1])
    assert asked[0][1] == history.budget == _size(history, history.human)


@pytest.mark.parametrize("regime", [Subsample(), Fresh(0.3), Reserve(0.3)], ids=lambda regime: type(regime).__name__)
def test_the_same_generator_state_gives_the_same_set(kind, regime: Regime) -> None:
    history = _history(kind, 2, fresh=400)
    first, again, other = (regime.next_training_set(history, _rng(seed)) for seed in (0, 0, 1))
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
