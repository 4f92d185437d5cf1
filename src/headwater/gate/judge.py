"""The gate: which recipes may be trained on, batch after batch, with an error guarantee.

A recipe is tested as a whole: the proxy is trained without and with its documents, mixed as the student mixes them,
and both are compared on sealed human documents. The steering panel says what to test and what to stop; the
certification panel says yes or not yet. What is neither admitted nor rejected waits in quarantine and is pooled with
the recipe's next batch into one new decision.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.config import GateSettings
from headwater.decide import Transcript
from headwater.gate.certification import Certifier, SealedDecision
from headwater.gate.grouping import rows_by_recipe
from headwater.gate.hard_checks import Bar
from headwater.gate.mixture import training_mix
from headwater.gate.pairing import Pair, PairedLosses
from headwater.gate.panel import ScoringPanel
from headwater.gate.selection import token_counts
from headwater.gate.steering import SteeringEvidence, weigh
from headwater.models.learner import Learner
from headwater.schema import Reason, Stage, Verdict


@dataclass(frozen=True, slots=True)
class RecipeStatus:
    """Where a recipe stands."""

    recipe: str
    verdict: Verdict
    stage: Stage
    reason: Reason
    measured: float | None = None
    """The number that decided: a share, a gain in nats per token, or tokens."""
    threshold: float | None = None
    """What it was compared with."""
    generation: int = 0
    """Generation of the last change."""
    tests: int = 0
    """How often its utility was measured."""
    stopped: bool = False
    """Not tested any more: its upper bound of gain is below zero, or it used up its tests."""
    tokens: int = 0
    """Tokens that passed the hard checks so far."""
    documents: int = 0
    """Documents that passed the hard checks so far."""
    evidence: SteeringEvidence | None = None
    """What the steering panel said at the last test."""

    @property
    def open(self) -> bool:
        """Whether new batches are still of interest."""
        return self.verdict is Verdict.ADMITTED or (self.verdict is Verdict.QUARANTINED and not self.stopped)


@dataclass(frozen=True)
class GateState:
    """Everything the gate remembers between batches."""

    statuses: Mapping[str, RecipeStatus]
    admitted: pa.Table
    """Documents admitted so far."""
    quarantine: pa.Table
    """Documents that wait for more evidence."""
    transcript: Transcript = field(default_factory=Transcript)
    """What has left the certification panel."""
    sealed: tuple[SealedDecision, ...] = ()
    """Decisions of the certification panel; part of the ledger, not for feedback."""
    steering_tests: int = 0
    """Tests on the steering panel so far."""
    trainings: int = 0
    """Proxies trained so far."""

    @property
    def gains_per_1k(self) -> dict[str, float]:
        """Marginal gain of each tested recipe on the steering panel, nats per token for a thousand tokens."""
        return {name: s.evidence.gain_per_1k for name, s in self.statuses.items() if s.evidence is not None}


@dataclass(frozen=True)
class Gate:
    """A gate over one human base and one set of panels."""

    learner: Learner[pa.Table]
    human: pa.Table
    """Human training documents with the column ``tokens``."""
    steering: ScoringPanel | None
    """None where there are too few documents: all recipes go to certification then, and none is proven harmful."""
    certifier: Certifier
    settings: GateSettings
    machine_share: float
    """Largest machine-made share of the mix, which proxies and student share."""
    slices: Callable[[ScoringPanel], Mapping[str, NDArray[np.bool_]]]
    """Returns the documents of a panel that must not be hurt, by slice."""
    seed: int = 0

    @cached_property
    def _slices(self) -> Mapping[str, NDArray[np.bool_]]:
        """Documents of each slice of the steering panel, found once for all tests."""
        return self.slices(self.steering) if self.steering is not None else {}

    def start(self) -> GateState:
        """Return the state before the first batch."""
        nothing = self.human.slice(0, 0)
        return GateState({}, nothing, nothing)

    def mix(self, admitted: pa.Table) -> pa.Table:
        """Return the training set of the student for some admitted documents."""
        return training_mix(self.human, admitted, self.machine_share)

    def judge(
        self,
        state: GateState,
        batch: pa.Table,
        bars: Mapping[str, Bar],
        *,
        generation: int,
        order: Sequence[str] = (),
    ) -> GateState:
        """Return the state after a batch.

        Args:
            state: the state before it.
            batch: encoded documents that passed the hard checks, of any number of recipes.
            bars: recipes barred by the hard checks.
            generation: generation the batch belongs to.
            order: recipes to test first; the others follow by name. Must not depend on the certification panel.
        """
        statuses = dict(state.statuses)
        for name, bar in bars.items():
            statuses.setdefault(
                name,
                RecipeStatus(name, Verdict.REJECTED, bar.stage, bar.reason, bar.measured, bar.threshold, generation),
            )
        state = replace(state, statuses=statuses)
        rows = rows_by_recipe(batch)
        pair = Pair(self.learner, self.mix, self.steering, self.certifier.panel, (self.seed, generation))
        for name in dict.fromkeys([*(n for n in order if n in rows), *rows]):
            state = self._judge_recipe(state, name, batch.take(pa.array(rows[name])), generation, pair)
        return state

    def demote(
        self, state: GateState, recipes: Sequence[str], *, gain: float, bound: float, generation: int
    ) -> GateState:
        """Return the state after recipes were put back into quarantine because the student got worse with them.

        They are not tested again: the proxy that admitted them is trained in a way that does not carry over. This can
        only make admission rarer, so the error guarantee stands.

        Args:
            state: the state before.
            recipes: recipes that are admitted.
            gain: the student's gain on the final panel, nats per token.
            bound: upper bound of that gain.
            generation: generation it was found in.
        """
        for name in recipes:
            status = replace(
                state.statuses[name],
                verdict=Verdict.QUARANTINED,
                stage=Stage.UTILITY,
                reason=Reason.DEMOTED,
                measured=gain,
                threshold=bound,
                generation=generation,
                stopped=True,
            )
            state = replace(_with(state, status), admitted=_without(state.admitted, name))
        return state

    def _judge_recipe(self, state: GateState, name: str, new: pa.Table, generation: int, pair: Pair) -> GateState:
        before = state.statuses.get(name)
        status = before or RecipeStatus(name, Verdict.QUARANTINED, Stage.UTILITY, Reason.TOO_SMALL)
        status = replace(
            status,
            generation=generation,
            tokens=status.tokens + int(token_counts(new).sum()),
            documents=status.documents + new.num_rows,
        )
        if status.verdict is Verdict.REJECTED or status.stopped:
            return _with(state, status)
        pool = pa.concat_tables([_of(state.quarantine, name), new])
        tokens = int(token_counts(pool).sum())
        if status.verdict is not Verdict.ADMITTED and tokens < self.settings.least_tokens:
            status = replace(
                status, reason=Reason.TOO_SMALL, measured=float(tokens), threshold=float(self.settings.least_tokens)
            )
            return _quarantined(state, status, new)
        if status.verdict is Verdict.ADMITTED:
            return self._watch(state, status, pool, pair)
        return self._test(state, status, new, pool, pair)

    def _watch(self, state: GateState, status: RecipeStatus, pool: pa.Table, pair: Pair) -> GateState:
        """Admit a further batch of an admitted recipe unless it is now proven harmful, or to a slice."""
        if self.steering is None:
            return replace(_with(state, status), admitted=pa.concat_tables([state.admitted, pool]))
        state, evidence, _ = self._measure(state, pool, pair)
        status = replace(status, evidence=evidence)
        hurt = evidence.hurt_slice
        if not evidence.harmful and hurt is None:
            return replace(_with(state, status), admitted=pa.concat_tables([state.admitted, pool]))
        status = replace(status, verdict=Verdict.REJECTED, reason=Reason.REVOKED, measured=evidence.gain, threshold=0.0)
        if not evidence.harmful and hurt is not None:
            status = replace(status, stage=Stage.SLICES, measured=hurt.log_e_harm, threshold=hurt.threshold)
        return replace(_with(state, status), admitted=_without(state.admitted, status.recipe))

    def _test(self, state: GateState, status: RecipeStatus, new: pa.Table, pool: pa.Table, pair: Pair) -> GateState:
        status = replace(status, tests=status.tests + 1, stage=Stage.UTILITY, reason=Reason.UNDECIDED)
        last = status.tests >= self.settings.max_tests
        if self.steering is not None:
            state, evidence, losses = self._measure(state, pool, pair)
            status = replace(status, evidence=evidence, measured=evidence.gain, threshold=0.0)
            if evidence.harmful:
                status = replace(status, verdict=Verdict.REJECTED, reason=Reason.PROVEN_HARMFUL)
                return replace(_with(state, status), quarantine=_without(state.quarantine, status.recipe))
            hurt = evidence.hurt_slice
            if hurt is not None:
                status = replace(
                    status,
                    stage=Stage.SLICES,
                    reason=Reason.SLICE_HARMED,
                    measured=hurt.log_e_harm,
                    threshold=hurt.threshold,
                    stopped=last,
                )
                return _quarantined(state, status, new)
            if evidence.gain <= 0:
                # Not shown to the certification panel: a decision there costs power for every later one.
                if evidence.upper <= 0:
                    status = replace(status, stopped=True, reason=Reason.NO_GAIN, measured=evidence.upper)
                else:
                    status = replace(status, stopped=last)
                return _quarantined(state, status, new)
        else:
            losses = pair.losses(state.admitted, pool)
            state = replace(state, trainings=state.trainings + pair.taken())
        if self.certifier.exhausted(state.transcript, self.settings.clip_multiple, self.settings.largest_effect):
            # Nothing is asked, so nothing leaves the panel; the recipe waits for a new one.
            return _quarantined(state, replace(status, reason=Reason.PANEL_EXHAUSTED), new)
        decision = self.certifier.decide(state.transcript, losses.certification[0], losses.certification[1])
        state = replace(
            state,
            transcript=state.transcript.next(decision.admitted),
            sealed=(*state.sealed, SealedDecision(status.recipe, decision)),
        )
        if decision.admitted:
            status = replace(status, verdict=Verdict.ADMITTED, reason=Reason.USEFUL)
            return replace(
                _with(state, status),
                admitted=pa.concat_tables([state.admitted, pool]),
                quarantine=_without(state.quarantine, status.recipe),
            )
        return _quarantined(state, replace(status, stopped=last), new)

    def _measure(
        self, state: GateState, pool: pa.Table, pair: Pair
    ) -> tuple[GateState, SteeringEvidence, PairedLosses]:
        assert self.steering is not None
        losses = pair.losses(state.admitted, pool)
        assert losses.steering is not None
        tests = state.steering_tests + 1
        evidence = weigh(
            self.steering,
            *losses.steering,
            clip=self.certifier.clip,
            test=tests,
            delta=self.settings.delta,
            tokens=int(token_counts(pool).sum()),
            slices=self._slices,
        )
        return replace(state, steering_tests=tests, trainings=state.trainings + pair.taken()), evidence, losses


def _of(table: pa.Table, recipe: str) -> pa.Table:
    return table.filter(pa.array([name == recipe for name in table["recipe"].to_pylist()], pa.bool_()))


def _without(table: pa.Table, recipe: str) -> pa.Table:
    return table.filter(pa.array([name != recipe for name in table["recipe"].to_pylist()], pa.bool_()))


def _with(state: GateState, status: RecipeStatus) -> GateState:
    return replace(state, statuses={**state.statuses, status.recipe: status})


def _quarantined(state: GateState, status: RecipeStatus, new: pa.Table) -> GateState:
    state = _with(state, status)
    if status.stopped:
        return replace(state, quarantine=_without(state.quarantine, status.recipe))
    return replace(state, quarantine=pa.concat_tables([state.quarantine, new]))
