"""A benchmark as a panel: is the model trained with a batch better than the one without, sample by sample?

Two logs of the same benchmark are paired sample by sample, and the differences go through the decision of the gate. A
decision on a benchmark is written down in the project, because the next one on the same samples needs more evidence;
the same two logs again are the same decision, not a new one.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headwater.decide import Rule, Transcript, clip_bound, decide, group_means, units_for_effect
from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.schema import Verdict, digest
from headwater.sources.evaluation_logs import EvaluationLog, read_evaluation_log
from headwater.store import append_line, read_lines, writer_lock

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How two logs are compared."""

    metric: str | None = None
    """Name of the metric; None: the only one of the logs."""
    group: str | None = None
    """What names the unit of independence; None: every sample is independent."""
    variant: str | None = None
    """Filter of lm-evaluation-harness; None: the only one."""
    lower_is_better: bool = False
    """Whether the metric is a loss. Perplexities are known to be."""
    clip: float | None = None
    """Clip bound of the differences; None: from the null pair, or the range of the metric."""
    rule: Rule = Rule.STRICT
    delta: float = 0.05
    """Chance of ever calling something useless better on this benchmark."""
    clip_multiple: float = 3.0
    """Standard deviations of the null pair that make the clip bound."""


@dataclass(frozen=True, slots=True)
class LogDecision:
    """What two logs say."""

    benchmark: str
    """Names the samples: a digest of their ids."""
    metric: str
    harness: str
    verdict: str
    """admitted or quarantined."""
    decision: int
    """Running number of the decision on this benchmark."""
    admissions_before: int
    rule: str
    delta: float
    threshold: float
    log_e: float
    mean: float
    """Mean gain over groups, in the unit of the metric; positive: with is better."""
    effect_sd: float
    units: int
    """Independent groups."""
    samples: int
    clip: float
    without_mean: float
    """Mean score without."""
    with_mean: float
    """Mean score with."""
    failed_without: int
    """Samples without a score, which count as 0."""
    failed_with: int
    needed_units: int | None
    """Groups that the observed effect would need to be admitted with probability 0.8; None: no number would do, or it
    was admitted."""
    repeated: bool
    """Whether these logs were decided on before: the old decision, no new one."""

    @property
    def admitted(self) -> bool:
        """Whether the model with the batch is shown to be better."""
        return self.verdict == Verdict.ADMITTED.value


def decide_logs(
    without: Path,
    with_: Path,
    store: Path,
    settings: LogSettings | None = None,
    *,
    null: tuple[Path, Path] | None = None,
) -> LogDecision:
    """Return whether the model of the second log is better than that of the first, and write the decision down.

    Args:
        without: log of the model trained without the batch.
        with_: log of the model trained with it, same benchmark.
        store: the folder ``.headwater`` of the project.
        settings: metric, groups and error budget.
        null: logs of two models trained on human data alone, for the clip bound.

    Raises:
        InputError: a log cannot be used, or the logs are not of the same samples.
        ConfigError: there is nothing to set the clip bound by.
        NotEnoughData: fewer than two groups.
    """
    chosen = settings or LogSettings()
    logs = [read_evaluation_log(path, metric=chosen.metric, group=chosen.group, variant=chosen.variant)
            for path in (without, with_)]  # fmt: skip
    first, second = logs
    if (first.harness, first.metric) != (second.harness, second.metric):
        raise InputError(
            f"{first.path} has {first.metric} of {first.harness}, {second.path} has {second.metric} of "
            f"{second.harness}. Compare two logs of the same benchmark and metric."
        )
    keys = _paired(first, second)
    lower = chosen.lower_is_better or first.losses
    scores = [_scores(log, keys, lower=lower) for log in logs]
    gains = (scores[1] - scores[0]) * (-1 if lower else 1)
    groups = np.array([first.groups.get(key, key) for key in keys], np.str_)
    per_group, names = group_means(gains, np.ones(len(keys)), groups)
    if len(names) < 2:
        raise NotEnoughData(
            f"{len(names)} group of samples is too few to compare; 2 are needed, and hundreds to see much."
        )
    bound = _clip(chosen, scores, null, keys)
    benchmark = digest(sorted(keys))
    pair = digest([benchmark, first.metric, *([float(x) for x in one] for one in scores), chosen.group])
    path = store / "benchmarks" / f"{benchmark}.jsonl"
    with writer_lock(
        store / "locks", f"benchmark-{benchmark}", wait_seconds=30, shown="the decisions on this benchmark"
    ):
        entries = [entry for entry in read_lines(path) if "pair" in entry]
        kept = next((entry for entry in entries if entry["pair"] == pair), None)
        if kept is not None:
            fields = {name: value for name, value in kept.items() if name in LogDecision.__dataclass_fields__}
            return LogDecision(**{**fields, "repeated": True})  # type: ignore[arg-type]
        transcript = Transcript(len(entries), sum(entry["verdict"] == Verdict.ADMITTED.value for entry in entries))
        decided = decide(per_group, clip=bound, transcript=transcript, rule=chosen.rule, delta=chosen.delta)
        result = LogDecision(
            benchmark=benchmark,
            metric=first.metric,
            harness=first.harness,
            verdict=decided.verdict.value,
            decision=decided.k,
            admissions_before=decided.admissions_before,
            rule=chosen.rule.value,
            delta=chosen.delta,
            threshold=decided.threshold,
            log_e=decided.log_e,
            mean=decided.mean,
            effect_sd=decided.effect_sd,
            units=decided.units,
            samples=len(keys),
            clip=bound,
            without_mean=float(scores[0].mean()),
            with_mean=float(scores[1].mean()),
            failed_without=_failed(first, keys),
            failed_with=_failed(second, keys),
            needed_units=None if decided.admitted else _needed(per_group, bound, decided.threshold),
            repeated=False,
        )
        append_line(path, {"pair": pair, **asdict(result)})
    return result


def _paired(first: EvaluationLog, second: EvaluationLog) -> list[str]:
    """Return the samples of both logs, which have to be the same ones."""
    for one, other in ((first, second), (second, first)):
        missing = [key for key in one.scores if key not in other.scores]
        if missing:
            more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise InputError(
                f"{len(missing)} of {len(one.scores)} samples of {one.path} are not in {other.path}: "
                f"{', '.join(missing[:_SHOWN])}{more}. Both models have to answer the same samples; a sample that "
                "failed belongs in the log, too."
            )
    return sorted(first.scores)


def _scores(log: EvaluationLog, keys: list[str], *, lower: bool) -> NDArray[np.float64]:
    """Return the scores; a sample without one counts as 0, which is only known to be the worst for a share."""
    scores = np.array([log.scores[key] for key in keys])
    failed = np.isnan(scores)
    there = scores[~failed]
    if failed.any() and (lower or (len(there) and (there.min() < 0 or there.max() > 1))):
        which = ", ".join(key for key, bad in zip(keys, failed, strict=True) if bad)[:200]
        raise InputError(
            f"{int(failed.sum())} samples of {log.path} have no score of {log.metric}: {which}. Only for a metric from "
            "0 to 1 is it known what the worst score is. Evaluate these samples again."
        )
    return np.where(failed, 0.0, scores)


def _failed(log: EvaluationLog, keys: list[str]) -> int:
    return sum(math.isnan(log.scores[key]) for key in keys)


def _clip(
    settings: LogSettings,
    scores: list[NDArray[np.float64]],
    null: tuple[Path, Path] | None,
    keys: list[str],
) -> float:
    """Return the clip bound: as given, from a null pair, or 1 where the metric lies between 0 and 1."""
    if settings.clip is not None:
        if not 0 < settings.clip < math.inf:
            raise ConfigError([f"clip = {settings.clip}: allowed are numbers above 0"], "the comparison of logs")
        return settings.clip
    if null is not None:
        logs = [
            read_evaluation_log(path, metric=settings.metric, group=settings.group, variant=settings.variant)
            for path in null
        ]
        known = [key for key in _paired(*logs) if not any(math.isnan(log.scores[key]) for log in logs)]
        groups = np.array([logs[0].groups.get(key, key) for key in known], np.str_)
        differences = np.array([logs[0].scores[key] - logs[1].scores[key] for key in known])
        return clip_bound(group_means(differences, np.ones(len(known)), groups)[0], settings.clip_multiple)
    if all(one.min() >= 0 and one.max() <= 1 for one in scores) and keys:
        return 1.0  # nothing is clipped, so the guarantee is about the mean itself
    raise ConfigError(
        [
            "the scores are not all between 0 and 1, so there is no natural bound of their differences: give the "
            "logs of two models trained on human data alone with --null A --null B, or a bound fixed "
            "beforehand with --clip"
        ],
        "the comparison of logs",
    )


def _needed(gains: NDArray[np.float64], bound: float, threshold: float) -> int | None:
    deviation = float(gains.std(ddof=1))
    if deviation == 0 or gains.mean() <= 0:
        return None
    return units_for_effect(float(gains.mean()) / deviation, threshold, bound / deviation)


def decision_lines(found: LogDecision, without: str, with_: str) -> list[str]:
    """Return a decision in a few lines for a person."""
    failed = found.failed_without + found.failed_with
    lines = [
        f"{found.verdict.upper()} {with_} over {without}: {found.metric} {found.with_mean:.4g} against "
        f"{found.without_mean:.4g}, gain {found.mean:+.4g} ({found.effect_sd:+.2f} sd) over {found.units} independent "
        f"groups of {found.samples} samples",
        f"log evidence {found.log_e:.2f}, needed {found.threshold:.2f} (decision {found.decision} on this benchmark, "
        f"{found.rule}, delta {found.delta:g})",
    ]
    if found.repeated:
        lines.append("The same two logs were decided on before; this is that decision and no new one.")
    if failed:
        lines.append(
            f"{found.failed_without} and {found.failed_with} samples have no score and count as 0: a check that cannot "
            "be carried out is not passed."
        )
    if found.needed_units is not None and not found.admitted:
        lines.append(
            f"An effect of this size would take about {found.needed_units:,} groups to be shown with probability 0.8."
        )
    return lines


def log_decision_json(found: LogDecision) -> Mapping[str, object]:
    """Return a decision as the JSON contract for scripts has it; what is no finite number is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(found).items()
    }
