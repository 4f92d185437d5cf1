"""Carries out an experiment: its arms, the verdict of each definition of collapse, and everything the report needs."""

from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater.errors import MissingExtraError
from headwater.lab.bench import Bench, Steps
from headwater.lab.experiment import Experiment, Findings, LabSettings
from headwater.lab.result import ArmResult, ArmVerdicts, LabResult
from headwater.loop.inputs import content_digest
from headwater.loop.versions import used_versions
from headwater.measure import Evidence, Scaling, Trend, definitions, phases
from headwater.models.learner import Tell
from headwater.schema import digest

_EXTRA_PACKAGES = {"train": ("torch", "transformers", "tokenizers")}
"""Packages of an extra that compute results."""


def run_experiment(
    one: Experiment[Any],
    settings: LabSettings,
    *,
    tell: Tell = lambda done, total, what: None,
    steps: Steps | None = None,
    run: str = "",
) -> LabResult:
    """Return the result of an experiment; ``created`` and ``seconds`` are left empty.

    Args:
        one: the experiment.
        settings: its settings.
        tell: told how far it is.
        steps: where finished arms are kept, such as a run's folder; None keeps nothing.
        run: id of the run.

    Raises:
        MissingExtraError: the experiment needs an extra that is not installed.
        InputError: a file the settings name is not there.
        Diverged: not even the first generation could be carried out.
    """
    _check_extra(one)
    versions = used_versions() | _installed(_EXTRA_PACKAGES.get(one.needs, ()))
    key = digest([one.name, settings.model_dump(mode="json"), content_digest(one.files(settings)), versions])
    findings: Findings = one.run(settings, Bench(settings.seed, tell, steps, key))
    checks = [check for check in findings.checks if check.se != 0 or check.observed == check.expected]
    human = next((arm for arm in findings.arms if arm.name == "human-only"), None)
    verdicts = []
    for arm in findings.arms:
        evidence = _evidence(arm, human if human is not arm else None, findings.scaling.get(arm.name))
        verdicts.append(ArmVerdicts(arm.name, definitions(evidence), phases(evidence.tail, evidence.variance)))
    return LabResult(
        run,
        "",
        0.0,
        one.name,
        one.title,
        one.summary,
        settings.model_dump(mode="json"),
        tuple(findings.arms),
        tuple(checks),
        tuple(verdicts),
        tuple(findings.figures),
        (*_stops(findings.arms), *_left_out(len(findings.checks) - len(checks)), *findings.notes),
        one.references,
        versions,
    )


def _stops(arms: Sequence[ArmResult]) -> list[str]:
    return [f"{arm.name} ended after generation {arm.generations}: {arm.stopped}" for arm in arms if arm.stopped]


def _left_out(checks: int) -> list[str]:
    noun = "check needs" if checks == 1 else "checks need"
    return [f"{checks} {noun} a standard error, which one seed does not give."] if checks else []


def _evidence(arm: ArmResult, human: ArmResult | None, scaling: Scaling | None) -> Evidence:
    # The mean variance hides a collapse that a few rare paths escape (it stays 1 for ever with the unbiased estimator),
    # so the geometric mean is judged wherever it is known.
    logs = arm.series.get("log_variance")
    if logs is None:
        variance = _trend(arm, "variance")
    else:
        typical = np.exp(np.array(logs.mean))
        variance = Trend(typical, typical * _errors(arm, "log_variance"))
    return Evidence(
        risk=_trend(arm, "risk"),
        variance=variance,
        modes=_trend(arm, "modes"),
        tail=_trend(arm, "tail"),
        hallucinated=_trend(arm, "hallucinated"),
        reference_risk=None if human is None else _trend(human, "risk"),
        scaling=scaling,
        least_risk=arm.least_risk,
        uninformed_risk=arm.uninformed_risk,
    )


def _trend(arm: ArmResult, name: str) -> Trend | None:
    series = arm.series.get(name)
    return None if series is None else Trend(np.array(series.mean), _errors(arm, name))


def _errors(arm: ArmResult, name: str) -> NDArray[np.float64]:
    """Return the standard errors of a measure; unknown where there is one replicate."""
    errors = np.array(arm.series[name].se)
    return errors if arm.replicates > 1 else np.full(len(errors), np.nan)


def _installed(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        with suppress(PackageNotFoundError):  # an experiment need not use all of its extra
            found[name] = version(name)
    return found


def _check_extra(one: Experiment[Any]) -> None:
    if one.needs == "train":
        try:
            import torch  # noqa: F401
        except ImportError:
            raise MissingExtraError(f"The experiment {one.name}", "train") from None
