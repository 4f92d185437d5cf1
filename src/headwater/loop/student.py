"""The user's own model on the final mix, and what its verdict does to the proxy's.

The proxy admits; the student is what counts. Once per generation it is trained on the mix and on the human text alone,
and both are measured on the final panel. Where the mix makes it worse by more than two standard errors, proxy and
student disagree: the recipes in the mix go back into quarantine. That can only make admission rarer, so it costs no
guarantee; but the final panel has decided something then, and no longer measures without bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate import Gate, GateState
from headwater.loop.world import World
from headwater.models.learner import Learner, Losses, averaged, fitted
from headwater.schema import Verdict

_ERRORS = 2.0  # standard errors on each side of the interval


@dataclass(frozen=True, slots=True)
class StudentRecord:
    """What a generation's mix did to the student, beside what it did to the proxy, both on the final panel."""

    arm: str
    generation: int
    recipes: tuple[str, ...]
    """Recipes in the mix."""
    human_loss: float
    """Nats per token of the student of the human text alone, averaged over groups."""
    loss: float
    """Nats per token of the student of the mix."""
    gain: float
    """``human_loss`` - ``loss``; positive = the mix helps."""
    standard_error: float
    """Standard error of the gain over groups."""
    proxy_gain: float
    """The same gain measured with the proxy, in nats per token of the proxy."""
    proxy_error: float
    demoted: tuple[str, ...] = ()
    """Recipes that were put back into quarantine because of it."""

    @property
    def upper(self) -> float:
        """Upper bound of the student's gain."""
        return self.gain + _ERRORS * self.standard_error

    @property
    def worse(self) -> bool:
        """Whether the student is worse with the mix than without, beyond its interval."""
        return self.upper < 0

    @property
    def disagrees(self) -> bool:
        """Whether the student is worse with a mix that the proxy finds useful."""
        return self.worse and self.proxy_gain > 0


def measure_student(
    world: World, student: Learner[pa.Table], gate: Gate, state: GateState, arm: str, generation: int
) -> StudentRecord:
    """Return what the mix of the gate's admitted documents does to the student.

    Args:
        world: shared ground.
        student: the user's trainer; what it has trained before is not trained again.
        gate: makes the mix.
        state: what is admitted.
        arm: part of the run.
        generation: generation of the mix.
    """
    mix = gate.mix(state.admitted)
    without, with_ = (_losses(student, part, world) for part in (world.train, mix))
    gains = world.final.gains(without, with_)
    proxy = world.final.gains(world.human_losses, world.final_losses(mix))
    return StudentRecord(
        arm=arm,
        generation=generation,
        recipes=tuple(sorted({str(name) for name in state.admitted["recipe"].to_pylist()})),
        human_loss=world.final.mean_loss(without),
        loss=world.final.mean_loss(with_),
        gain=float(gains.mean()),
        standard_error=_error(gains),
        proxy_gain=float(proxy.mean()),
        proxy_error=_error(proxy),
    )


def heed_student(
    world: World, student: Learner[pa.Table] | None, gate: Gate, state: GateState, arm: str, generation: int
) -> tuple[GateState, StudentRecord | None]:
    """Return the gate's state after the student was asked, and what it said; None where there is nothing to ask.

    Args:
        world: shared ground.
        student: the user's trainer, if any.
        gate: the gate of the arm.
        state: its state after judging the generation's batches.
        arm: part of the run.
        generation: generation.
    """
    if student is None or not state.admitted.num_rows:
        return state, None
    record = measure_student(world, student, gate, state, arm, generation)
    if not record.worse:
        return state, record
    admitted = [name for name in record.recipes if state.statuses[name].verdict is Verdict.ADMITTED]
    state = gate.demote(state, admitted, gain=record.gain, bound=record.upper, generation=generation)
    return state, replace(record, demoted=tuple(admitted))


def student_warnings(records: Sequence[StudentRecord]) -> list[str]:
    """Return what a reader must know about students that disagree with the proxy."""
    said = [
        f"Proxy and final panel disagree in generation {one.generation} ({one.arm}): the student is worse by "
        f"{-one.gain:.3f} nats per token (±{_ERRORS * one.standard_error:.3f}) with what the proxy admitted (its "
        f"gain there: {one.proxy_gain:+.3f}). Put back into quarantine: {', '.join(one.demoted)}."
        for one in records
        if one.demoted
    ]
    if said:
        said.append(
            "The final panel has decided something by this, so that the losses on it are no longer unbiased. Replace "
            "it with new human documents before the next claim is reported on it."
        )
    return said


def _losses(student: Learner[pa.Table], documents: pa.Table, world: World) -> Losses:
    models = fitted(student, documents, [world.settings.seed, 29])
    return averaged([model.loss(world.final.documents) for model in models])


def _error(gains: NDArray[np.float64]) -> float:
    return float(gains.std(ddof=1) / np.sqrt(len(gains)))
