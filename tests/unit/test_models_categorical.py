import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models import CategoricalLearner

RNG = np.random.default_rng(0)


def test_fit_is_the_observed_frequency() -> None:
    model = CategoricalLearner(4).fit(pa.table({"item": [0, 0, 1, 3]}), RNG)
    assert model.probabilities.tolist() == [0.5, 0.25, 0, 0.25]
    assert model.support == 3
    assert model.heterozygosity == pytest.approx(1 - (0.25 + 0.0625 + 0.0625))


def test_loss_is_minus_log_probability_and_infinite_for_a_lost_type() -> None:
    model = CategoricalLearner(3).fit(pa.table({"item": [0, 0, 0, 1]}), RNG)
    losses = model.loss(pa.table({"item": [0, 1, 2]}))
    assert losses.nats.tolist() == pytest.approx([-np.log(0.75), -np.log(0.25), np.inf])
    assert losses.tokens.tolist() == [1, 1, 1]


def test_samples_are_drawn_from_the_model_in_random_order() -> None:
    model = CategoricalLearner(3).fit(pa.table({"item": [0, 1, 1, 1]}), RNG)
    items = model.sample(20_000, np.random.default_rng(1))["item"].to_numpy()
    assert len(items) == 20_000
    # Standard deviation of the share 0.0031; of the share within one half 0.0043. Five of them: probability 6e-7 each.
    assert abs((items == 0).mean() - 0.25) < 0.0153
    assert abs((items[:10_000] == 0).mean() - 0.25) < 0.022
    assert not (items == 2).any()
    assert model.sample(0, RNG).num_rows == 0


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (pa.table({"x": [1]}), InputError, "no column 'item'"),
        (pa.table({"item": [0.5]}), InputError, "type double"),
        (pa.table({"item": pa.array([0, None])}), InputError, "1 nulls"),
        (pa.table({"item": [0, 3]}), InputError, "allowed are 0 to 2"),
        (pa.table({"item": [-1]}), InputError, "from -1 to -1"),
        (pa.table({"item": pa.array([], pa.int64())}), NotEnoughData, "0 rows"),
    ],
)
def test_unusable_tables_are_refused(table: pa.Table, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CategoricalLearner(3).fit(table, RNG)


def test_size_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="size = 0"):
        CategoricalLearner(0)
