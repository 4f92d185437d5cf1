"""Windows of series: how recordings are cut, what writes and judges windows, and what a window must be."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.config import Settings
from headwater.errors import InputError, NotEnoughData
from headwater.gate.window_checks import FrozenChannel, ImpossibleMotion, InvalidWindow, Limits
from headwater.loop.series_inputs import read_series, series_form_of
from headwater.models.window_classifier import WindowClassifierLearner
from headwater.models.window_forecast import WindowForecastLearner
from headwater.models.window_mixture import WindowMixtureLearner
from headwater.models.windows import WINDOW, Cut, Recording, WindowForm, window_values


def waves(rng: np.random.Generator, count: int, labels: bool = False) -> pa.Table:
    """Return windows of a wave and its slope, one unit each; the label is the sign of the wave's end."""
    phase, speed = rng.uniform(0, 2 * np.pi, (count, 1)), rng.uniform(0.2, 0.4, (count, 1))
    angle = phase + speed * np.arange(12)
    steps = np.stack([np.sin(angle), np.cos(angle)], axis=2) + 0.01 * rng.normal(size=(count, 12, 2))
    names = np.where(steps[:, -1, 0] > 0, "up", "down").tolist() if labels else [None] * count
    return window_values(steps, names).append_column("unit", pa.array([f"u{i}" for i in range(count)]))


def form_of(table: pa.Table) -> WindowForm:
    return WindowForm.of(table, ("wave", "slope"), 12)


def test_windows_of_one_segment_are_one_unit_and_no_step_is_in_two() -> None:
    recording = Recording("a@0", np.arange(100.0)[:, None], tuple(str(i) for i in range(100)))
    steps, labels, segments = Cut(length=10, stride=5, segment=20, gap=4).windows([recording])
    assert segments == [name for name in ("a@0#0", "a@0#1", "a@0#2", "a@0#3") for _ in range(3)]
    used = [set(steps[np.array(segments) == name].ravel()) for name in dict.fromkeys(segments)]
    assert all(max(one) + 4 < min(other) for one, other in pairwise(used))
    assert labels == [str(int(window[-1, 0])) for window in steps]
    whole = Cut(length=10, stride=5, segment=None).windows([recording, Recording("a@200", np.zeros((10, 1)))])
    assert set(whole[2]) == {"a"}


def test_what_the_mixture_writes_is_distributed_as_what_it_learnt() -> None:
    rng = np.random.default_rng(0)
    human = waves(rng, 800)
    form = form_of(human)
    model = WindowMixtureLearner(form).fit(human, rng)
    drawn = form.steps(model.sample(4000, rng))
    real = form.steps(human)
    assert np.abs(drawn.mean(axis=0) - real.mean(axis=0)).max() < 0.1  # six standard errors
    assert np.abs(drawn.std(axis=0) / real.std(axis=0) - 1).max() < 0.15
    assert drawn.min() >= real.min()
    assert drawn.max() <= real.max()
    fresh, noise = waves(rng, 200), window_values(rng.normal(size=(200, 12, 2)), [None] * 200)
    assert model.loss(fresh).mean < model.loss(noise).mean


def test_a_label_that_died_out_stays_dead_and_has_no_probability() -> None:
    rng = np.random.default_rng(0)
    human = waves(rng, 100, labels=True)
    form = form_of(human)
    up = human.filter(pa.compute.equal(human["value.label"], "up"))
    model = WindowMixtureLearner(form).fit(up, rng)
    assert set(model.sample(50, rng)["value.label"].to_pylist()) == {"up"}
    assert np.isinf(model.loss(human).nats).sum() == human.num_rows - up.num_rows
    with pytest.raises(NotEnoughData, match="10 windows of a label"):
        WindowMixtureLearner(form).fit(up.slice(0, 5), rng)


def test_right_windows_help_the_forecast_and_mirrored_ones_harm_it() -> None:
    rng = np.random.default_rng(1)
    human, panel = waves(rng, 60), waves(rng, 400)
    form = form_of(human)
    learner = WindowForecastLearner.tuned(form, human)
    alone = learner.fit(human, rng).loss(panel).per_token
    more = waves(rng, 60)
    right = (
        learner.fit(pa.concat_tables([human, more.set_column(2, "unit", pa.array([f"m{i}" for i in range(60)]))]), rng)
        .loss(panel)
        .per_token
    )
    steps = form.steps(more) * [1.0, -1.0]
    wrong = window_values(steps, [None] * 60).append_column("unit", pa.array([f"w{i}" for i in range(60)]))
    mirrored = learner.fit(pa.concat_tables([human, wrong]), rng).loss(panel).per_token
    assert (alone - right).mean() > 0.02
    assert (alone - mirrored).mean() < -0.2
    with pytest.raises(NotEnoughData, match="20 windows of 5 segments"):
        learner.fit(human.slice(0, 10), rng)


def test_the_forecasts_density_is_that_of_the_noise() -> None:
    rng = np.random.default_rng(2)
    line = np.cumsum(np.ones((2000, 12, 1)), axis=1) + rng.normal(size=(2000, 1, 1))
    table = window_values(line + 0.1 * rng.normal(size=line.shape), [None] * 2000)
    table = table.append_column("unit", pa.array([f"u{i}" for i in range(2000)]))
    form = WindowForm.of(table, ("x",), 12)
    loss = WindowForecastLearner(form, 1e-6).fit(table, rng).loss(table).mean
    # Eight noisy values tell the offset up to a variance of 0.01 / 8; the density is per standardised value.
    best = 0.5 * np.log(2 * np.pi * np.e * 0.01 * (1 + 1 / 8) / form.scale[0] ** 2)
    assert loss == pytest.approx(best, abs=0.03)


def test_the_classifier_names_labels_and_shuffled_ones_harm_it() -> None:
    rng = np.random.default_rng(3)
    human, panel = waves(rng, 200, labels=True), waves(rng, 400, labels=True)
    form = form_of(human)
    learner = WindowClassifierLearner.tuned(form, human)
    alone = learner.fit(human, rng).loss(panel).mean
    assert alone < 0.2 < np.log(2)
    shuffled = human.set_column(1, "value.label", human["value.label"].take(pa.array(rng.permutation(200))))
    assert learner.fit(pa.concat_tables([human, shuffled]), rng).loss(panel).mean > alone + 0.1
    unknown = window_values(form.steps(panel), ["sideways"] * 400)
    assert learner.fit(human, rng).loss(unknown).per_token == pytest.approx(np.full(400, -np.log(0.01 / 2)))


def test_each_check_finds_its_fault_and_passes_human_windows() -> None:
    rng = np.random.default_rng(4)
    human = waves(rng, 500, labels=True)
    form = form_of(human)
    limits = Limits.of(form, human)
    checks = [kind(form, limits) for kind in (InvalidWindow, ImpossibleMotion, FrozenChannel)]
    steps = form.steps(human)[:1].repeat(6, axis=0)
    steps[1, 3, 0] = np.nan
    steps[2, 3, 0] = 5.0
    steps[3, 6:, 0] = -steps[3, 6:, 0] + np.sign(-steps[3, 5, 0])  # a jump within the range
    steps[3] = np.clip(steps[3], -1, 1)
    steps[4, :, 1] = 0.3
    labels = ["up"] * 5 + ["sideways"]
    table = window_values(steps, labels)
    failed = np.array([~(check.measure(table) <= check.threshold) for check in checks])
    assert failed[0].tolist() == [False, True, True, False, False, True]
    assert failed[1, 3]
    assert not failed[1, [0, 4, 5]].any()
    assert failed[2].tolist() == [False, False, False, False, True, False]
    for check in checks:
        assert (check.measure(human) <= check.threshold).all()
    short = pa.table({WINDOW: pa.array([[1.0] * 5, None], pa.list_(pa.float32())), "value.label": ["up", "up"]})
    assert (checks[0].measure(short) > 0).all()
    own = limits.within(step=np.array([1e-3, np.nan]))
    assert own.step[1] == limits.step[1]
    assert (ImpossibleMotion(form, own).measure(human) > 1).all()


def _settings(path: Path, **human: object) -> Settings:
    return Settings.model_validate({"human": {"modality": "series", "paths": [str(path)], "window": 4, **human}})


def test_a_signal_is_averaged_over_a_step_and_a_hole_ends_a_recording(tmp_path: Path) -> None:
    fast = np.arange(0, 20, 0.01)
    fast = fast[(fast < 8) | (fast > 12)]
    slow = np.arange(0, 20, 0.1)
    np.savez(
        tmp_path / "a.npz", fast__t=fast, fast__value=np.sin(2 * np.pi * 10 * fast) + fast,
        slow__t=slow, slow__value=np.c_[slow, -slow],
    )  # fmt: skip
    settings = _settings(tmp_path / "a.npz", rate=10, stride=4, segment=4, gap=0)
    found = read_series(settings)
    form = series_form_of(found.table, settings)
    assert form.channels == ("fast", "slow[0]", "slow[1]")
    steps = form.steps(found.table)
    # The wave of ten turns per second is gone from means over a tenth of a second.
    assert np.abs(steps[:, :, 0] - steps[:, :, 1]).max() < 0.05  # it was 2 high
    assert np.allclose(steps[:, :, 1], -steps[:, :, 2])
    assert not ((steps > 8.2) & (steps < 11.8)).any()
    assert {unit.split("#")[0] for unit in found.table["group"].to_pylist()} == {"a@0", "a@120"}


def test_a_table_without_times_is_cut_where_values_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"{i},{i % 3}.5,{'go' if i < 12 else 'stop'}" for i in range(24)]
    lines[12] = "12,,stop"
    path.write_text("\n".join(["a,b,what", *lines]))
    settings = _settings(path, target="what", stride=4, segment=4, gap=0)
    found = read_series(settings)
    form = series_form_of(found.table, settings)
    assert found.reading.by_kind == {"step_with_a_missing_value": 1}
    assert form.labels == ("go", "stop")
    assert form.steps(found.table)[:, 0, 0].tolist() == [0, 4, 8, 13, 17]
    with pytest.raises(InputError, match="no column 'c'"):
        read_series(_settings(path, channels=["c"]))


def test_channels_that_never_change_are_named() -> None:
    table = window_values(np.ones((5, 12, 2)) * [1.0, 2.0], [None] * 5)
    with pytest.raises(InputError, match="wave, slope"):
        form_of(table)
