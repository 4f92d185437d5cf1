"""The generations loop of the laboratory, its bench, its regimes by name, its family tree and its settings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headwater.errors import ConfigError, Diverged, InputError
from headwater.lab import Arm, Bench, LabSettings, Step, experiment, names, recurse, settings_of
from headwater.lab.ancestry import family_tree, inbreeding_of
from headwater.lab.experiment import in_range, within, within_errors, within_share
from headwater.lab.humans import FromLaw, FromRows
from headwater.lab.regimes import NAMES, regime_named
from headwater.lineage import drift, inbreeding
from headwater.loop import Accumulate, Fresh, Golden, Replace, Reserve, Subsample
from headwater.models import CategoricalLearner, CategoricalSource, Counts, GaussianLearner, GaussianSource, Points
from headwater.report.bibliography import REFERENCES
from headwater.store import RunFolder

EVEN = np.full(6, 1 / 6)


def _steps(regime: Any, **changes: Any) -> list[Step[Counts]]:
    settings: dict[str, Any] = {"items": 20, "generations": 4, "replicates": 3, "seed": (7,), **changes}
    return list(recurse(CategoricalLearner(6, EVEN), CategoricalSource(EVEN), regime, **settings))


def _arm(name: str = "replace", **changes: Any) -> Arm:
    settings: dict[str, Any] = {"items": 20, "generations": 4, "replicates": 50, "diversity": "heterozygosity"}
    regime = changes.pop("regime", Replace())
    return Arm(name, CategoricalLearner(6, EVEN), CategoricalSource(EVEN), regime, **{**settings, **changes})


def test_a_loop_fits_once_more_than_it_retrains_and_repeats_itself() -> None:
    first, again = _steps(Replace()), _steps(Replace())
    assert [step.generation for step in first] == [0, 1, 2, 3, 4]
    for one, other in zip(first, again, strict=True):
        assert (one.training.counts == other.training.counts).all()
    assert (first[1].training.counts != _steps(Replace(), seed=(8,))[1].training.counts).any()


def test_training_sets_have_the_size_their_regime_says() -> None:
    sizes = {
        "replace": (Replace(), [20, 20, 20, 20, 20]),
        "accumulate": (Accumulate(), [20, 40, 60, 80, 100]),
        "subsample": (Subsample(), [20, 20, 20, 20, 20]),
        "fresh": (Fresh(0.1), [20, 20, 20, 20, 20]),
        "fresh beside": (Fresh(0.1, extra=True), [20, 22, 22, 22, 22]),
        "reserve": (Reserve(0.1), [20, 20, 20, 20, 20]),
    }
    for name, (regime, wanted) in sizes.items():
        assert [step.training.items for step in _steps(regime)] == wanted, name


def test_test_items_are_the_same_in_every_generation_and_trained_on_by_none() -> None:
    rows = np.arange(100.0)
    steps = list(
        recurse(GaussianLearner(), FromRows(rows), Replace(), items=60, generations=2, replicates=2, seed=(1,), test=40)
    )
    first = steps[0]
    assert first.test is not None
    for replicate in range(2):
        together = {*first.training.values[replicate], *first.test.values[replicate]}
        assert together == set(rows)  # handed out once each
    assert all(step.test is first.test for step in steps)


def test_rows_run_out_with_a_message() -> None:
    take = FromRows(np.arange(10.0)).supply(1, np.random.default_rng(0))
    take(8)
    with pytest.raises(InputError, match="3 more items are needed and 2 of 10 are left"):
        take(3)


def test_a_bench_gives_the_same_numbers_however_replicates_are_chunked_in_law() -> None:
    """Heterozygosity after 5 fits of 20 items: 0.8333 x 0.95^5 = 0.6448; four standard errors, chance 6e-5 each."""
    for together in (None, 7, 1):
        arm = Bench(3, lambda *_: None).run(_arm(replicates=400, together=together))
        series = arm.series["heterozygosity"]
        assert len(series.mean) == 5
        assert abs(series.mean[-1] - 5 / 6 * 0.95**5) < 4 * series.se[-1]
        assert series.low[-1] <= series.median[-1] <= series.high[-1]
        assert len(arm.finals["heterozygosity"]) == 400
        assert arm.computed_f == pytest.approx(drift.replace(20, np.arange(1, 6)))
        assert arm.observed_f[0] == 0  # generation 0 stands in for the human source


def test_mean_and_standard_error_are_those_of_all_replicates() -> None:
    values: list[np.ndarray] = []

    def measure(step: Step[Counts]) -> Mapping[str, np.ndarray]:
        found = step.model.statistics()["heterozygosity"]
        if step.generation == 2:
            values.append(found)
        return {"heterozygosity": found}

    series = Bench(0, lambda *_: None).run(_arm(replicates=1500, together=100, measure=measure)).series
    everything = np.concatenate(values)
    assert len(everything) == 1500
    assert series["heterozygosity"].mean[2] == pytest.approx(everything.mean(), rel=1e-12)
    assert series["heterozygosity"].se[2] == pytest.approx(everything.std(ddof=1) / np.sqrt(1500), rel=1e-9)


class _Fragile:
    """A learner that cannot be fitted after two generations."""

    def __init__(self) -> None:
        self.fits = 0

    def fit(self, samples: Counts, rng: np.random.Generator) -> Any:
        self.fits += 1
        if self.fits > 2:
            raise Diverged("the loss is no number")
        return CategoricalLearner(6, EVEN).fit(samples, rng)


def test_an_arm_that_breaks_keeps_what_was_reached_and_says_why() -> None:
    arm = Bench(0, lambda *_: None).run(
        Arm("replace", _Fragile(), CategoricalSource(EVEN), Replace(), items=20, generations=9, replicates=5)
    )
    assert arm.generations == 1
    assert arm.stopped == "the loss is no number"
    assert len(arm.series["heterozygosity"].mean) == 2
    broken = _Fragile()
    broken.fits = 2
    with pytest.raises(Diverged):
        Bench(0, lambda *_: None).run(
            Arm("replace", broken, CategoricalSource(EVEN), Replace(), items=20, generations=9, replicates=5)
        )


def test_finished_arms_and_kept_models_are_not_made_again(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, {})
    fitted: list[int] = []

    class Counting:
        def fit(self, samples: Counts, rng: np.random.Generator) -> Any:
            fitted.append(1)
            return CategoricalLearner(6, EVEN).fit(samples, rng)

    def save(path: Path, value: Any) -> None:
        array = value.counts if isinstance(value, Counts) else value.probabilities
        np.save(path / ("counts.npy" if isinstance(value, Counts) else "model.npy"), array)

    def load(path: Path) -> Any:
        if (path / "counts.npy").exists():
            return Counts(np.load(path / "counts.npy"))
        return type(CategoricalLearner(6, EVEN).fit(Counts(np.ones((1, 6), int)), np.random.default_rng()))(
            np.load(path / "model.npy"), EVEN
        )

    def go(bench: Bench) -> Any:
        arm = Arm("replace", Counting(), CategoricalSource(EVEN), Replace(), items=20, generations=3, replicates=2)
        return bench.run(arm, bench.keep("replace", save, load))

    first = go(Bench(0, lambda *_: None, folder, "key"))
    assert len(fitted) == 4
    assert go(Bench(0, lambda *_: None, folder, "key")) == first
    assert len(fitted) == 4
    (folder.path / "steps" / "replace-key" / "result.json").unlink()
    (folder.path / "steps" / "replace-key").rmdir()
    again = go(Bench(0, lambda *_: None, folder, "key"))  # the arm was not finished, its models were kept
    assert len(fitted) == 4
    assert again.series == first.series
    go(Bench(0, lambda *_: None, folder, "other"))
    assert len(fitted) == 8


@pytest.mark.parametrize("name", [name for name in NAMES if name != "golden"])
def test_every_regime_runs_on_points_and_on_counts(name: str) -> None:
    regime = regime_named(name, share=0.2)
    together = 1 if name == "gated" else None
    for learner, human in (
        (CategoricalLearner(6, EVEN), CategoricalSource(EVEN)),
        (GaussianLearner(), GaussianSource()),
    ):
        arm: Arm = Arm(name, learner, human, regime, items=40, generations=3, replicates=2, together=together)
        assert len(Bench(0, lambda *_: None).run(arm).series["variance"].mean) == 4


def test_golden_weighs_points() -> None:
    arm: Arm = Arm("golden", GaussianLearner(), GaussianSource(), Golden(), items=40, generations=3, replicates=5)
    assert len(Bench(0, lambda *_: None).run(arm).series["variance"].mean) == 4


def test_filtering_by_likelihood_loses_variance_and_a_gate_keeps_it() -> None:
    def last(name: str) -> float:
        arm: Arm = Arm(
            name,
            GaussianLearner(),
            GaussianSource(),
            regime_named(name),
            items=200,
            generations=6,
            replicates=4,
            together=1,
        )
        return Bench(0, lambda *_: None).run(arm).series["variance"].mean[-1]

    assert last("filtered") < 1e-4  # a quarter is kept each time; by chance alone 3% would be lost
    assert last("gated") > 0.8


def test_an_unknown_regime_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'replace'"):
        regime_named("replce")


# The family tree of an arm.


@pytest.mark.parametrize(
    ("regime", "law"),
    [
        (Replace(), lambda t: drift.replace(30, t)),
        (Accumulate(), lambda t: drift.accumulate(30, t)),
        (Subsample(), lambda t: drift.subsample(30, t)),
        (Fresh(0.1), lambda t: drift.fresh_exact(30, 3, t)),
    ],
    ids=["replace", "accumulate", "subsample", "fresh"],
)
def test_the_tree_of_a_regime_has_its_closed_form(regime: Any, law: Callable[[np.ndarray], np.ndarray]) -> None:
    f = inbreeding_of(regime, 30, 20, 0)
    assert f == pytest.approx(law(np.arange(1, 22)), abs=1e-12)


def test_long_trees_go_on_in_closed_form() -> None:
    assert len(inbreeding_of(Accumulate(), 30, 2000, 0)) == 2001
    assert inbreeding_of(Replace(), 30, 2000, 0)[:300] == pytest.approx(inbreeding_of(Replace(), 30, 299, 0), abs=1e-12)


def test_a_reserve_by_chance_settles_where_the_formula_says() -> None:
    assert inbreeding_of(Reserve(0.1, by_chance=True), 100, 250, 20)[-1] == pytest.approx(
        drift.reserve(100, 0.1, 20), abs=1e-9
    )


def test_a_tree_names_its_human_sources() -> None:
    graph = family_tree(Fresh(0.1).parts, 30, 3)
    humans = [node.id for node in graph.nodes if node.kind == "human"]
    assert len(humans) == 4  # the founders and one fresh set per generation
    assert 0 < inbreeding(graph).f["model-3"] < 1


# Checks and settings.


def test_checks_say_by_how_much_and_whether() -> None:
    assert within_errors("a", 1.0, 1.3, 0.1).z == pytest.approx(3.0)
    assert within_errors("a", 1.0, 1.3, 0.1).ok
    assert not within_errors("a", 1.0, 1.5, 0.1).ok
    assert not within_errors("a", 1.0, 1.5, 0.0).ok
    assert within_share("a", 100, 102, 0.02).ok
    assert not within_share("a", 100, 102.1, 0.02).ok
    assert within("a", 0.2, 0.204, 0.005).ok
    assert not within("a", 0.2, 0.206, 0.005).ok
    assert in_range("a", 5.0, 1, 10, reference=3).ok
    assert not in_range("a", float("nan"), 1, 10, reference=3).ok


@pytest.mark.parametrize("name", names())
def test_every_experiment_is_described_and_has_its_references(name: str) -> None:
    one = experiment(name)
    assert one.name == name
    assert len(one.summary) > 80
    known = {reference.key for reference in REFERENCES}
    assert one.references
    assert set(one.references) <= known, set(one.references) - known
    quick = settings_of(one, {}, quick=True)
    assert isinstance(quick, LabSettings)
    assert quick != settings_of(one, {})
    for field in one.settings.model_fields.values():
        assert field.description


def test_an_unknown_experiment_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'gaussian'"):
        experiment("gausian")


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        settings_of(experiment("dice"), {"sids": 3, "throws": "x", "seeds": 0, "regime": "replac"})
    assert len(error.value.faults) == 4
    text = str(error.value)
    assert "sids: unknown setting. Did you mean 'sides'?" in text
    assert "Did you mean 'replace'?" in text
    assert "(given: 'x')" in text


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("gmm", {"components": 11, "items": 10}),
        ("gaussian", {"items": 1}),
        ("tabular", {"share": 1.2}),
        ("dice", {"throws": 1}),
        ("tabular", {"items": 400, "test": 400}),
    ],
)
def test_impossible_sizes_are_refused(name: str, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(given))):
        settings_of(experiment(name), given)


def test_a_law_gives_new_items_each_time() -> None:
    take = FromLaw(lambda r, n, rng: Points(rng.standard_normal((r, n)))).supply(2, np.random.default_rng(0))
    assert (take(3).values != take(3).values).all()
