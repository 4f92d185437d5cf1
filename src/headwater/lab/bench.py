"""The workbench an experiment is carried out on: it runs arms, remembers them, and tells how far they are."""

import math
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headwater.errors import Diverged
from headwater.lab.ancestry import inbreeding_of
from headwater.lab.recursion import Human, Keep, Selecting, Step, recurse
from headwater.lab.result import ArmResult, Series, Snapshot
from headwater.loop.regimes import Regime, remembers
from headwater.models.chain import Text
from headwater.models.learner import Learner, Tell
from headwater.models.samples import Points

_NUMBERS_AT_ONCE = 400_000
"""Numbers a data set of all replicates of one chunk may hold; it then stays in the processor's cache."""
_REMEMBERED = 1_000
"""Replicates that quantiles are taken of."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One regime of an experiment."""

    name: str
    learner: Learner[Any]
    """What is retrained; its models offer ``statistics``, unless ``measure`` says otherwise."""
    human: Human[Any]
    regime: Regime | Selecting
    items: int
    """Human items of generation 0, and size of every later training set."""
    generations: int
    replicates: int
    oracle: Mapping[str, Callable[[int], Any]] = field(default_factory=dict)
    """Expected mean of a measure after that many fits (generation + 1)."""
    diversity: str = ""
    """Measure whose lost share is the observed inbreeding coefficient."""
    human_diversity: float | None = None
    """Its value for the human source; None: that of generation 0 stands in."""
    reserve: int = 0
    """Items of a human reserve beside the training set."""
    test: int = 0
    """Human items set apart for measures."""
    width: int = 1
    """Numbers per item, for how many replicates are carried at once."""
    together: int | None = None
    """Replicates carried at once; by default as many as fit the cache. 1 where their sets differ in size."""
    measure: Callable[[Step[Any]], Mapping[str, NDArray[np.float64]]] = lambda step: step.model.statistics()
    """Measures of a generation by name, each of shape (replicates,)."""
    snapshot: Callable[[Step[Any]], Snapshot] | None = None
    snapshots: tuple[int, ...] = ()
    """Generations to take a snapshot of, of the first replicates."""
    least_risk: float = 0.0
    """Lowest possible value of ``risk``; 0 where risk is an excess."""
    uninformed_risk: float | None = None
    """``risk`` of a model that has learnt nothing; needed where the lowest possible one is not known."""
    computed_f: Sequence[float] | None = None
    """Inbreeding coefficient of each generation's model; None: from the tree the regime implies. Empty where
    no family tree says anything."""


class Steps(Protocol):
    """Keeps the output of finished steps; a run's folder does."""

    def step(self, name: str, key: str, produce: Callable[[Path], None]) -> Path:
        """Return the folder of a step's output, produced now unless it is complete already."""
        ...


class Bench:
    """Runs arms for an experiment.

    Args:
        seed: the experiment's seed.
        tell: told how far it is.
        steps: where finished arms are kept; None keeps nothing.
        key: names everything an arm depends on.
    """

    def __init__(self, seed: int, tell: Tell, steps: Steps | None = None, key: str = "") -> None:
        self.seed = seed
        self._tell = tell
        self._steps = steps
        self._key = key

    def tell(self, done: int, total: int, what: str) -> None:
        """Say how far the experiment is."""
        self._tell(done, total, what)

    def run(self, arm: Arm, keep: Keep | None = None) -> ArmResult:
        """Return an arm carried through its generations; a finished one is not repeated.

        Args:
            arm: the arm.
            keep: remembers models and outputs of learners that take long.
        """
        result: ArmResult = self.once(arm.name, lambda: self._carry_out(arm, keep), ArmResult)
        return result

    def once(self, name: str, make: Callable[[], Any], kind: Any) -> Any:
        """Return a value that is made once per run: what was made before an interruption is read again.

        Args:
            name: names the value within the experiment.
            make: makes it.
            kind: its type, a dataclass or a list of them.
        """
        from headwater.loop.saved import load, save

        return self.kept(
            name,
            make,
            lambda folder, value: save(folder / "result.json", value, kind),
            lambda folder: load(folder / "result.json", kind),
        )

    def kept(
        self, name: str, make: Callable[[], Any], write: Callable[[Path, Any], None], read: Callable[[Path], Any]
    ) -> Any:
        """Return a value that is made once per run and kept in a form of its own.

        Args:
            name: names the value within the experiment.
            make: makes it.
            write: writes it into a folder.
            read: reads what ``write`` wrote.
        """
        if self._steps is None:
            return make()
        made: list[Any] = []

        def produce(folder: Path) -> None:
            made.append(make())
            write(folder, made[0])

        path = self._steps.step(_file_name(name), self._key, produce)
        return made[0] if made else read(path)

    def keep(self, arm: str, save: Callable[[Path, Any], None], load: Callable[[Path], Any]) -> Keep:
        """Return a memory for the models of an arm; outputs are kept beside them.

        Args:
            arm: name of the arm.
            save: writes a model, or an output, into a folder.
            load: reads what ``save`` wrote.
        """
        return _KeptSteps(self, arm, save, load)

    def _carry_out(self, arm: Arm, keep: Keep | None) -> ArmResult:
        started = time.perf_counter()
        chunk = arm.together or _chunk(arm)
        tally = _Tally()
        snapshots: list[Snapshot] = []
        stopped = ""
        reached = arm.generations
        total = arm.generations + 1
        parts = -(-arm.replicates // chunk)
        for part in range(parts):
            replicates = min(chunk, arm.replicates - part * chunk)
            seed = (self.seed, zlib.crc32(arm.name.encode()), part)
            try:
                for step in recurse(
                    arm.learner,
                    arm.human,
                    arm.regime,
                    items=arm.items,
                    generations=min(arm.generations, reached),
                    replicates=replicates,
                    seed=seed,
                    reserve=arm.reserve,
                    test=arm.test,
                    keep=replace(keep, part=part) if isinstance(keep, _KeptSteps) else keep,
                ):
                    tally.add(step.generation, arm.measure(step))
                    if part == 0 and arm.snapshot is not None and step.generation in arm.snapshots:
                        snapshots.append(arm.snapshot(step))
                    self.tell(part * total + step.generation + 1, parts * total, arm.name)
            except Diverged as end:
                stopped = str(end)
                reached = min(reached, tally.generations_of_part() - 1)
                if reached < 0:
                    raise
            tally.close_part()
        series, finals = tally.result(reached)
        return ArmResult(
            arm.name,
            arm.items,
            arm.replicates,
            reached,
            series,
            {
                measure: tuple(float(law(generation + 1)) for generation in range(reached + 1))
                for measure, law in arm.oracle.items()
            },
            _computed_f(arm, reached),
            arm.diversity,
            arm.human_diversity,
            finals,
            tuple(snapshots),
            arm.least_risk,
            arm.uninformed_risk,
            time.perf_counter() - started,
            stopped,
        )


def _chunk(arm: Arm) -> int:
    """Return how many replicates are carried at once, so that what they hold stays bounded."""
    numbers = arm.items * arm.width
    if not isinstance(arm.regime, Selecting) and remembers(arm.regime):
        sample = arm.human.supply(1, np.random.default_rng(0))(arm.items)
        if isinstance(sample, Points | Text):  # counts and moments of everything so far do not grow
            numbers *= arm.generations + 1
    return max(1, min(arm.replicates, _NUMBERS_AT_ONCE // max(numbers, 1)))


def _computed_f(arm: Arm, reached: int) -> tuple[float, ...]:
    if arm.computed_f is not None:
        return tuple(arm.computed_f[: reached + 1])
    return inbreeding_of(arm.regime, arm.items, reached, arm.reserve)


class _Tally:
    """Adds up measures over the chunks of replicates: memory does not grow with the number of replicates."""

    def __init__(self) -> None:
        self._sums: dict[str, list[_Sum]] = {}
        """Per measure, generation by generation."""
        self._kept: dict[str, list[list[NDArray[np.float64]]]] = {}
        self._part = 0

    def add(self, generation: int, measures: Mapping[str, NDArray[np.float64]]) -> None:
        self._part = generation + 1
        for name, values in measures.items():
            sums, kept = self._sums.setdefault(name, []), self._kept.setdefault(name, [])
            if len(sums) <= generation:
                first = float(values[0])
                sums.append(_Sum(first if math.isfinite(first) else 0.0))
                kept.append([])
            one = sums[generation]
            left = _REMEMBERED - one.number
            if left > 0:
                kept[generation].append(np.array(values[:left], dtype=np.float64))
            moved = values - one.shift  # squares of small numbers lose no digits
            one.number += len(values)
            one.total += float(moved.sum())
            one.squares += float(np.dot(moved, moved))

    def generations_of_part(self) -> int:
        return self._part

    def close_part(self) -> None:
        self._part = 0

    def result(self, last: int) -> tuple[dict[str, Series], dict[str, tuple[float, ...]]]:
        series, finals = {}, {}
        for name, sums in self._sums.items():
            kept = np.stack([np.concatenate(parts) for parts in self._kept[name][: last + 1]])
            finals[name] = tuple(kept[-1].tolist())
            low, middle, high = _quantiles(np.sort(kept, axis=1), (0.05, 0.5, 0.95))
            means, errors = zip(*(one.mean_and_error() for one in sums[: last + 1]), strict=True)
            series[name] = Series(means, errors, tuple(middle.tolist()), tuple(low.tolist()), tuple(high.tolist()))
        return series, finals


@dataclass(slots=True)
class _Sum:
    """Number, sum and sum of squares of values less ``shift``."""

    shift: float
    number: int = 0
    total: float = 0.0
    squares: float = 0.0

    def mean_and_error(self) -> tuple[float, float]:
        """Return the mean and its standard error; 0 for one value, NaN where a value is infinite."""
        spread = max(self.squares - self.total * self.total / self.number, 0.0) if self.number > 1 else 0.0
        return self.shift + self.total / self.number, math.sqrt(spread / max(self.number - 1, 1) / self.number)


def _quantiles(ordered: NDArray[np.float64], levels: tuple[float, ...]) -> list[NDArray[np.float64]]:
    """Return quantiles of each sorted row, linear between neighbours; several times faster than numpy's."""
    found = []
    for level in levels:
        at = level * (ordered.shape[1] - 1)
        below, above = ordered[:, math.floor(at)], ordered[:, math.ceil(at)]
        with np.errstate(invalid="ignore"):  # two infinite neighbours
            between = below + (above - below) * (at - math.floor(at))
        found.append(np.where(below == above, below, between))
    return found


@dataclass(frozen=True, slots=True)
class _KeptSteps:
    bench: Bench
    arm: str
    write: Callable[[Path, Any], None]
    read: Callable[[Path], Any]
    part: int = 0
    """Which of the arm's chunks of replicates."""

    @property
    def _name(self) -> str:
        return f"{self.arm}-part-{self.part}" if self.part else self.arm

    def model(self, generation: int, fit: Callable[[], Any]) -> Any:
        return self.bench.kept(f"{self._name}-model-{generation}", fit, self.write, self.read)

    def output(self, generation: int, sample: Callable[[], Any]) -> Any:
        return self.bench.kept(f"{self._name}-output-{generation}", sample, self.write, self.read)


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name)
