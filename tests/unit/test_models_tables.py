"""Tables as documents: their form, the copula that writes rows, and the trees that judge them."""

import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import InputError, NotEnoughData
from headwater.models import BoostingLearner, CopulaLearner, TableForm
from headwater.models.payload import as_given
from headwater.models.table_form import VALUE, row_texts, value_columns

ROWS = 3000


def table_of(seed: int, rows: int = ROWS) -> pa.Table:
    """Return rows in which the class follows from a number and a category, and two numbers go together."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    z = 0.8 * x + 0.6 * rng.normal(size=rows)
    kind = rng.choice(["red", "green", "blue"], size=rows, p=[0.6, 0.39, 0.01])
    label = np.where(x + (kind == "red") + 0.3 * rng.normal(size=rows) > 0.5, "yes", "no")
    age = rng.integers(18, 90, rows)
    return pa.table(
        {
            "x": pa.array(x, mask=rng.random(rows) < 0.1),
            "z": z,
            "age": age,
            "kind": kind,
            "member": rng.random(rows) < 0.3,
            "label": label,
        }
    )


@pytest.fixture(scope="module")
def form() -> TableForm:
    return TableForm.of(table_of(0), "label")


@pytest.fixture(scope="module")
def values(form: TableForm) -> pa.Table:
    return form.conform(table_of(0))


def test_the_form_says_what_each_column_is(form: TableForm) -> None:
    columns = {column.name: column for column in form.columns}
    assert [name for name, column in columns.items() if column.numeric] == ["x", "z", "age"]
    assert columns["kind"].categories == ("blue", "green", "red")
    assert columns["member"].categories == ("false", "true")
    assert columns["x"].missing
    assert not columns["z"].missing
    assert columns["age"].whole
    assert (columns["age"].low, columns["age"].high) == (18, 89)


def test_rows_become_numbers_and_come_back(form: TableForm, values: pa.Table) -> None:
    assert form.values(form.codes(values)).equals(values.combine_chunks())


@pytest.mark.parametrize(
    ("target", "change", "said"),
    [
        ("lable", {}, r"no column 'lable' to predict.*Did you mean 'label'"),
        ("label", {"label": ["yes"] * ROWS}, "one value only"),
        ("label", {"label": [str(i) for i in range(ROWS)]}, "3,000 different values"),
        ("label", {"label": [None, *["yes", "no"] * ((ROWS - 2) // 2), "no"]}, "missing in some human rows"),
        ("label", {"x": [[1.0]] * ROWS}, "column 'x' holds list"),
        ("label", {"x": [float("nan")] * ROWS}, "column 'x' holds no value"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(target: str, change: dict, said: str) -> None:
    table = table_of(0)
    for name, column in change.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(column))
    with pytest.raises(InputError, match=said):
        TableForm.of(table, target)


def test_a_whole_number_target_of_few_values_is_a_class_and_of_many_a_quantity() -> None:
    assert TableForm.of(pa.table({"a": [1.0, 2.0] * 20, "b": [1, 2] * 20}), "b").target_column.categories == ("1", "2")
    assert TableForm.of(pa.table({"a": [1.0, 2.0] * 20, "b": list(range(40))}), "b").target_column.numeric


def test_other_tables_are_brought_into_the_form(form: TableForm) -> None:
    other = pa.table({"x": ["1.5", "none"], "kind": ["red", "purple"], "age": [30, 40], "label": ["yes", " no "]})
    found = form.conform(other)
    assert found[VALUE + "x"].to_pylist() == [1.5, None]
    assert found[VALUE + "z"].to_pylist() == [None, None]
    assert found[VALUE + "label"].to_pylist() == ["yes", "no"]
    codes = form.codes(found)
    assert np.isnan(codes[1, [column.name for column in form.columns].index("kind")])


def test_a_row_reads_as_json_with_whole_numbers_whole() -> None:
    rows = pa.table({VALUE + "age": [30.0], VALUE + "name": ["Ää"], VALUE + "x": pa.array([None], pa.float64())})
    assert row_texts(rows) == ['{"age": 30, "name": "Ää", "x": null}']


def test_the_copula_keeps_marginals_and_dependence(form: TableForm, values: pa.Table) -> None:
    rng = np.random.default_rng(1)
    made = CopulaLearner(form).fit(values, rng).sample(20_000, rng)
    ours, theirs = form.codes(values), form.codes(made)
    # With 3,000 human and 20,000 made rows the standard error of a share is below 0.01: five of them, so that a sound
    # copula fails in fewer than one of a million draws.
    for i, column in enumerate(form.columns):
        assert np.isnan(theirs[:, i]).mean() == pytest.approx(np.isnan(ours[:, i]).mean(), abs=0.05)
        if column.categories is not None:
            for code in range(len(column.categories)):
                assert (theirs[:, i] == code).mean() == pytest.approx((ours[:, i] == code).mean(), abs=0.05)
        else:
            assert np.nanmedian(theirs[:, i]) == pytest.approx(
                np.nanmedian(ours[:, i]), abs=0.05 * np.nanstd(ours[:, i]) * 2
            )
    here, there = (~np.isnan(codes[:, 0]) for codes in (ours, theirs))
    own = np.corrcoef(ours[here, 0], ours[here, 1])[0, 1]
    assert np.corrcoef(theirs[there, 0], theirs[there, 1])[0, 1] == pytest.approx(own, abs=0.08)
    assert set(made[VALUE + "age"].to_numpy()) <= set(values[VALUE + "age"].to_numpy()) | set(range(18, 90))


def test_the_copula_finds_rows_of_its_law_likelier_than_shuffled_ones(form: TableForm, values: pa.Table) -> None:
    rng = np.random.default_rng(2)
    model = CopulaLearner(form).fit(values, rng)
    held = form.conform(table_of(9))
    shuffled = pa.table(
        [held[name].take(pa.array(rng.permutation(ROWS))) for name in held.column_names], names=held.column_names
    )
    assert model.loss(held).mean < model.loss(shuffled).mean - 0.1
    assert np.isfinite(model.loss(held).nats).all()


def test_the_same_rows_and_seed_give_the_same_rows(form: TableForm, values: pa.Table) -> None:
    one, other = (
        CopulaLearner(form).fit(values, np.random.default_rng(3)).sample(50, np.random.default_rng(4)) for _ in range(2)
    )
    assert one.equals(other)


def test_the_trees_predict_the_class_and_more_rows_help(form: TableForm, values: pa.Table) -> None:
    held = form.conform(table_of(9))
    rng = np.random.default_rng(0)
    few, many = (BoostingLearner(form).fit(values.slice(0, n), rng).loss(held) for n in (100, ROWS))
    assert many.mean < few.mean
    assert many.mean < np.log(2) / 2  # half of what guessing costs
    assert many.tokens.tolist() == [1] * ROWS


def test_a_class_nobody_taught_costs_a_bounded_loss(form: TableForm, values: pa.Table) -> None:
    one_class = values.filter(pa.compute.equal(values[VALUE + "label"], "yes"))
    loss = BoostingLearner(form).fit(one_class, np.random.default_rng(0)).loss(values).nats
    assert loss.max() == pytest.approx(np.log(2 / 0.01))


def test_a_target_of_numbers_is_scored_in_nats_of_a_normal_law() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=4000)
    table = pa.table({"x": x, "y": 2 * x + 0.5 * rng.normal(size=4000)})
    form = TableForm.of(table, "y")
    rows = form.conform(table)
    loss = BoostingLearner(form).fit(rows.slice(0, 3000), rng).loss(rows.slice(3000))
    # The law's own entropy is 0.5 ln(2 pi e 0.25) = 0.726; trees come within a fifth of a nat.
    assert 0.70 < loss.mean < 0.95


def test_a_target_of_one_number_costs_a_bounded_loss() -> None:
    table = pa.table({"x": np.arange(100.0), "y": np.arange(100.0)})
    form = TableForm.of(table, "y")
    rows = form.conform(table)
    same = rows.set_column(1, VALUE + "y", pa.array([99.0] * 100))
    loss = BoostingLearner(form).fit(same, np.random.default_rng(0)).loss(rows).nats
    assert loss.max() == pytest.approx(np.log(99 / 0.01))


@pytest.mark.parametrize("learner", [CopulaLearner, BoostingLearner])
def test_too_few_rows_are_refused(learner: type, form: TableForm, values: pa.Table) -> None:
    with pytest.raises(NotEnoughData, match="at least"):
        learner(form).fit(values.slice(0, 5), np.random.default_rng(0))


def test_rows_go_out_under_the_users_names(values: pa.Table) -> None:
    table = values.append_column("id", pa.array(["a"] * ROWS)).append_column("recipe", pa.array(["r"] * ROWS))
    table = table.append_column("parents", pa.array([[]] * ROWS, pa.list_(pa.string())))
    table = table.append_column("generation", pa.array([1] * ROWS))
    assert value_columns(table).column_names == ["x", "z", "age", "kind", "member", "label"]
    assert as_given(table).column_names[-4:] == [f"headwater.{n}" for n in ("id", "recipe", "parents", "generation")]
