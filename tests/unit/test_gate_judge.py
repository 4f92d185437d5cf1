"""The gate on a small language, with a real n-gram model: what is admitted, what waits, what is withdrawn.

All draws are fixed by seeds. The gate may admit a useless recipe with probability 0.05 over all decisions of a state;
the useless recipes here have log e-values below 0, so another seed would have to be extraordinary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.config import GateSettings
from headwater.decide import Rule, Transcript, clip_bound
from headwater.gate import (
    Bar,
    Certifier,
    Checked,
    Gate,
    GateState,
    RecipeOverlap,
    ScoringPanel,
    cards,
    verdict_rows,
    within_share,
)
from headwater.gate.checks import Findings
from headwater.gate.selection import token_counts
from headwater.gate.steering import SliceEvidence, SteeringEvidence
from headwater.measure import rare_types
from headwater.models import NgramLearner
from headwater.schema import VERDICT, Reason, Stage, Verdict, documents
from headwater.text import END, Vocabulary, encode_table, token_arrays

Language = Callable[..., list[str]]


class Small:
    """A human base, panels and recipes in the small languages."""

    def __init__(self, write: Language, *, mixed: bool = False) -> None:
        self.write = write
        train = [*write(60, seed=1), *(write(60, language=1, seed=1) if mixed else [])]
        self.vocabulary = Vocabulary.from_texts(train, 1)
        self.learner = NgramLearner(self.vocabulary, order=3)
        self.train = self.table(train, "human")
        self.steering = self.panel(2, 90, mixed=mixed)
        self.certification = self.panel(3, 150, mixed=mixed)

    def table(self, texts: Sequence[str], name: str, *, recipe: str | None = None, source: object = None) -> pa.Table:
        ids = [f"{name}-{i}" for i in range(len(texts))]
        origin = "human" if recipe is None else "machine"
        table = documents(texts, id=ids, group=ids, origin=origin, recipe=recipe, source=source)
        return encode_table(table.append_column("unit", table["group"]), self.vocabulary)

    def panel(self, seed: int, count: int, *, mixed: bool) -> ScoringPanel:
        texts, sources = self.write(count, seed=seed), ["zero"] * count
        if mixed:
            texts, sources = [*texts, *self.write(45, language=1, seed=seed)], [*sources, *["one"] * 45]
        return ScoringPanel(self.table(texts, f"panel-{seed}", source=sources))

    def fresh(self, recipe: str = "fresh", count: int = 60, seed: int = 9) -> pa.Table:
        """Useful: more of the human language."""
        return self.table(self.write(count, seed=seed), f"{recipe}-{seed}", recipe=recipe)

    def shuffled(self, recipe: str = "shuffled", count: int = 60, seed: int = 9) -> pa.Table:
        """Harmful: its words in random order."""
        rng = np.random.default_rng(seed)
        texts = [" ".join(rng.permutation(text.split())) for text in self.write(count, seed=seed)]
        return self.table(texts, f"{recipe}-{seed}", recipe=recipe)

    def own(self, recipe: str = "own", tokens: int = 3600, seed: int = 9) -> pa.Table:
        """Useless: what the model of the human base writes."""
        model = self.learner.fit(self.train, np.random.default_rng(0))
        texts = model.sample_tokens(tokens, np.random.default_rng(seed))["text"].to_pylist()
        return self.table(texts, f"{recipe}-{seed}", recipe=recipe)

    def gate(
        self, *, steering: bool = True, machine_share: float = 1.0, rule: Rule = Rule.STRICT, **settings: Any
    ) -> Gate:
        rng = np.random.default_rng(0)
        order = rng.permutation(self.train.num_rows)
        halves = [
            self.learner.fit(self.train.take(pa.array(rows)), rng).loss(self.steering.documents)
            for rows in np.array_split(order, 2)
        ]
        rare = np.zeros(len(self.vocabulary), bool)
        rare[rare_types(token_arrays(self.train, self.vocabulary)[0], len(rare), first=END + 1)] = True
        return Gate(
            learner=self.learner,
            human=self.train,
            steering=self.steering if steering else None,
            certifier=Certifier(self.certification, clip_bound(self.steering.gains(*halves)), rule, 0.05),
            settings=GateSettings(**{"least_tokens": 300, **settings}),
            machine_share=machine_share,
            slices=lambda panel: panel.slices(rare),
        )


@pytest.fixture(scope="module")
def small(language: Language) -> Small:
    return Small(language)


@pytest.fixture(scope="module")
def mixed(language: Language) -> Small:
    return Small(language, mixed=True)


def _judge(
    gate: Gate, *batches: pa.Table, state: GateState | None = None, generation: int = 1, **more: Any
) -> GateState:
    table = pa.concat_tables(batches) if batches else gate.human.slice(0, 0)
    return gate.judge(state or gate.start(), table, more.pop("bars", {}), generation=generation, **more)


def _standing(state: GateState) -> dict[str, tuple[str, str]]:
    return {name: (status.verdict.value, status.reason.value) for name, status in state.statuses.items()}


# Who gets in.


def test_useful_in_useless_and_harmful_out(small: Small) -> None:
    gate = small.gate()
    state = _judge(gate, small.fresh(), small.own(), small.shuffled())
    assert _standing(state) == {
        "fresh": ("admitted", "useful"),
        "own": ("quarantined", "no_gain"),
        "shuffled": ("rejected", "proven_harmful"),
    }
    assert set(state.admitted["recipe"].to_pylist()) == {"fresh"}
    assert state.admitted.num_rows == 60
    assert state.quarantine.num_rows == 0


def test_useless_recipes_are_never_admitted(small: Small) -> None:
    """Ten recipes of own output, three batches each, pooled; each counts against one transcript."""
    gate = small.gate(max_tests=5)
    state = gate.start()
    for batch in range(3):
        recipes = [small.own(f"own-{i}", 700, seed=100 * i + batch) for i in range(10)]
        state = _judge(gate, *recipes, state=state, generation=batch + 1)
    assert state.admitted.num_rows == 0
    assert state.transcript.admissions == 0
    assert {status.verdict for status in state.statuses.values()} <= {Verdict.QUARANTINED, Verdict.REJECTED}


def test_the_evidence_is_the_gain_of_training_with_the_batch(small: Small) -> None:
    gate, batch = small.gate(), small.fresh()
    evidence = _judge(gate, batch).statuses["fresh"].evidence
    assert evidence is not None
    without = small.learner.fit(small.train, np.random.default_rng(0)).loss(small.steering.documents)
    with_ = small.learner.fit(pa.concat_tables([small.train, batch]), np.random.default_rng(0)).loss(
        small.steering.documents
    )
    gains = without.per_token - with_.per_token  # every unit is one document
    assert evidence.gain == pytest.approx(gains.mean())
    assert evidence.standard_error == pytest.approx(gains.std(ddof=1) / np.sqrt(90))
    assert evidence.upper == pytest.approx(evidence.gain + 2 * evidence.standard_error)
    assert evidence.gain_per_1k == pytest.approx(1000 * evidence.gain / token_counts(batch).sum())


def test_the_same_batch_gives_the_same_state(small: Small) -> None:
    first, second = (_judge(small.gate(), small.fresh(), small.own()) for _ in range(2))
    assert first.statuses == second.statuses
    assert first.sealed == second.sealed
    assert first.admitted.equals(second.admitted)


def test_a_recipe_with_too_few_tokens_is_not_tested(small: Small) -> None:
    gate = small.gate(least_tokens=600)
    state = _judge(gate, small.fresh(count=9))
    status = state.statuses["fresh"]
    assert (status.reason, status.tests, status.threshold) == (Reason.TOO_SMALL, 0, 600.0)
    assert status.measured == token_counts(small.fresh(count=9)).sum() < 600
    assert (state.trainings, state.transcript) == (0, Transcript())
    assert state.quarantine.num_rows == 9


# Quarantine.


def test_undecided_batches_are_pooled_into_one_new_decision(small: Small) -> None:
    gate = small.gate(least_tokens=100)
    state = _judge(gate, small.fresh(count=2))
    assert _standing(state) == {"fresh": ("quarantined", "undecided")}
    assert state.quarantine.num_rows == 2
    first = state.sealed[0].decision
    assert not first.admitted
    state = _judge(gate, small.fresh(count=40, seed=10), state=state, generation=2)
    assert _standing(state) == {"fresh": ("admitted", "useful")}
    assert state.admitted.num_rows == 42
    assert state.quarantine.num_rows == 0
    assert state.sealed[1].decision.k == 2
    assert state.sealed[1].decision.log_e > first.log_e
    status = state.statuses["fresh"]
    assert (status.tests, status.documents, status.generation) == (2, 42, 2)
    assert status.evidence is not None
    assert status.evidence.tokens == status.tokens == token_counts(state.admitted).sum()


def test_batches_too_small_to_test_wait_until_together_they_are_enough(small: Small) -> None:
    gate = small.gate(least_tokens=1000)
    state = _judge(gate, small.fresh(count=10))
    assert state.statuses["fresh"].tests == 0
    state = _judge(gate, small.fresh(count=50, seed=10), state=state)
    assert (state.statuses["fresh"].tests, state.admitted.num_rows) == (1, 60)


def test_a_recipe_is_stopped_after_its_last_test(small: Small) -> None:
    gate = small.gate(max_tests=2, least_tokens=60)
    state = _judge(gate, small.fresh(count=2))
    assert state.statuses["fresh"].open
    state = _judge(gate, small.fresh(count=1, seed=10), state=state)
    status = state.statuses["fresh"]
    assert (status.tests, status.stopped, status.open, status.reason) == (2, True, False, Reason.UNDECIDED)
    assert state.quarantine.num_rows == 0
    decisions = len(state.sealed)
    state = _judge(gate, small.fresh(seed=11), state=state)  # what would now be enough comes too late
    assert state.admitted.num_rows == 0
    assert len(state.sealed) == decisions
    assert state.statuses["fresh"].documents == 63


def test_a_recipe_whose_upper_bound_is_below_zero_is_stopped_at_once(small: Small) -> None:
    gate = small.gate()
    state = _judge(gate, small.own(tokens=700))
    status = state.statuses["own"]
    assert (status.stopped, status.reason, status.threshold) == (True, Reason.NO_GAIN, 0.0)
    assert status.evidence is not None
    assert status.measured == status.evidence.upper < 0
    assert not state.sealed  # what the steering panel turns away costs the certification panel nothing
    assert _judge(gate, small.own(seed=10), state=state).statuses["own"].tests == 1


def test_a_rejected_recipe_is_not_judged_again(small: Small) -> None:
    gate = small.gate()
    state = _judge(gate, small.shuffled())
    after = _judge(gate, small.shuffled(seed=10), state=state, generation=2)
    assert after.trainings == state.trainings
    assert _standing(after) == {"shuffled": ("rejected", "proven_harmful")}
    assert after.admitted.num_rows == after.quarantine.num_rows == 0


def test_a_barred_recipe_is_rejected_without_a_test(small: Small) -> None:
    bar = Bar(Stage.CHECKS, Reason.PANEL_CONTAMINATION, 0.4)
    state = _judge(small.gate(), small.fresh(), bars={"leak": bar})
    status = state.statuses["leak"]
    assert (status.verdict, status.stage, status.reason) == (
        Verdict.REJECTED,
        Stage.CHECKS,
        Reason.PANEL_CONTAMINATION,
    )
    assert (status.measured, status.threshold, status.tests) == (0.4, 0.1, 0)


# After admission.


def test_later_batches_inherit_the_admission_without_a_decision(small: Small) -> None:
    gate = small.gate()
    state = _judge(gate, small.fresh())
    after = _judge(gate, small.fresh(count=3, seed=10), state=state, generation=2)
    assert _standing(after) == {"fresh": ("admitted", "useful")}
    assert after.admitted.num_rows == 63  # although three documents are fewer tokens than a first test needs
    assert after.transcript == state.transcript
    assert after.sealed == state.sealed
    assert after.steering_tests == state.steering_tests + 1
    assert after.statuses["fresh"].tests == 1


def test_proven_harm_revokes(small: Small) -> None:
    gate = small.gate()
    state = _judge(gate, small.fresh(), small.fresh("steady", seed=12))
    turned = small.shuffled("fresh", count=150, seed=10)
    after = _judge(gate, turned, state=state, generation=2)
    assert _standing(after) == {"fresh": ("rejected", "revoked"), "steady": ("admitted", "useful")}
    assert set(after.admitted["recipe"].to_pylist()) == {"steady"}
    assert after.transcript == state.transcript  # harm is the steering panel's to find
    assert not after.statuses["fresh"].open
    again = _judge(gate, small.fresh(seed=13), state=after, generation=3)
    assert set(again.admitted["recipe"].to_pylist()) == {"steady"}


# Slices.


def test_a_recipe_that_helps_on_average_but_hurts_a_slice_waits(mixed: Small) -> None:
    gate = mixed.gate(max_tests=2)
    helpful = mixed.fresh(count=900)
    state = _judge(gate, helpful)
    status = state.statuses["fresh"]
    assert status.evidence is not None
    assert status.evidence.gain > 0
    assert {part.name: part.gain > 0 for part in status.evidence.slices if part.name.startswith("source")} == {
        "source one": False,
        "source zero": True,
    }
    assert (status.verdict, status.stage, status.reason) == (
        Verdict.QUARANTINED,
        Stage.SLICES,
        Reason.SLICE_HARMED,
    )
    hurt = status.evidence.hurt_slice
    assert hurt is not None
    assert (hurt.name, status.measured, status.threshold) == ("source one", hurt.log_e_harm, hurt.threshold)
    assert not state.sealed
    assert state.quarantine.num_rows == 900
    after = _judge(gate, mixed.fresh(count=20, seed=10), state=state)
    assert after.statuses["fresh"].stopped  # the veto counts as a test
    blind = replace(gate, steering=ScoringPanel(_without_sources(mixed.steering.documents)))
    assert _standing(_judge(blind, helpful))["fresh"] == ("admitted", "useful")


def test_a_later_batch_that_hurts_a_slice_revokes(mixed: Small) -> None:
    gate = mixed.gate()
    both = mixed.table([*mixed.write(30, seed=9), *mixed.write(30, language=1, seed=9)], "both", recipe="recipe")
    state = _judge(gate, both)
    assert _standing(state) == {"recipe": ("admitted", "useful")}
    after = _judge(gate, mixed.fresh("recipe", count=900, seed=10), state=state, generation=2)
    status = after.statuses["recipe"]
    assert (status.verdict, status.stage, status.reason) == (Verdict.REJECTED, Stage.SLICES, Reason.REVOKED)
    assert status.evidence is not None
    assert status.evidence.gain > 0
    assert after.admitted.num_rows == 0


def _without_sources(table: pa.Table) -> pa.Table:
    return table.set_column(table.column_names.index("source"), "source", pa.nulls(table.num_rows, pa.string()))


def test_slices_with_too_few_units_say_nothing(mixed: Small) -> None:
    rare = np.ones(len(mixed.vocabulary), bool)
    assert set(mixed.steering.slices(rare)) == {"source zero", "source one", "many rare words"}
    assert set(mixed.steering.slices(rare, least_units=46)) == {"source zero", "many rare words"}
    one_unit = mixed.steering.documents
    one_unit = one_unit.set_column(one_unit.column_names.index("unit"), "unit", pa.array(["u"] * one_unit.num_rows))
    assert ScoringPanel(one_unit).slices(rare) == {}
    assert "many rare words" not in mixed.steering.slices(~rare)  # none at all is not many


def test_the_slice_of_rare_words_is_the_quarter_that_has_most(mixed: Small) -> None:
    rare = np.arange(len(mixed.vocabulary)) % 2 == 0
    mask = mixed.steering.slices(rare)["many rare words"]
    shares = np.array([rare[tokens].mean() for tokens in mixed.steering.documents["tokens"].to_pylist()])
    assert shares[mask].min() > shares[~mask].max()
    assert mask.mean() == pytest.approx(0.25, abs=0.05)


def test_a_proven_harm_counts_before_a_larger_one_that_is_not_proven() -> None:
    noisy = SliceEvidence("few documents", 20, -0.5, 1.0, 5.0)
    proven = SliceEvidence("many documents", 200, -0.1, 9.0, 5.0)
    fine = SliceEvidence("helped", 200, 0.2, -3.0, 5.0)
    lucky = SliceEvidence("clipped", 200, 0.01, 6.0, 5.0)  # harm after clipping alone is no harm
    evidence = SteeringEvidence(0.1, 0.01, 0.5, 400, 9.0, -1.0, 4.0, 1000, (noisy, fine, proven, lucky))
    assert evidence.worst_slice == evidence.hurt_slice == proven
    assert replace(evidence, slices=(noisy, fine, lucky)).hurt_slice is None
    assert replace(evidence, slices=(noisy, fine)).worst_slice == noisy
    assert replace(evidence, slices=()).worst_slice is None


# Without a steering panel.


def test_without_a_steering_panel_everything_goes_to_certification_and_nothing_is_rejected(small: Small) -> None:
    gate = small.gate(steering=False, max_tests=2)
    state = _judge(gate, small.fresh(), small.own(), small.shuffled())
    assert _standing(state) == {
        "fresh": ("admitted", "useful"),
        "own": ("quarantined", "undecided"),
        "shuffled": ("quarantined", "undecided"),
    }
    assert len(state.sealed) == state.transcript.decisions == 3
    assert state.steering_tests == 0
    assert all(status.evidence is None for status in state.statuses.values())
    assert state.gains_per_1k == {}
    after = _judge(gate, small.shuffled("fresh", seed=10), small.own(seed=10), state=state, generation=2)
    assert _standing(after)["fresh"] == ("admitted", "useful")  # nothing here can see the harm
    assert after.admitted.num_rows == 120
    assert (after.statuses["own"].stopped, after.statuses["shuffled"].stopped) == (True, False)


# What is counted.


def test_the_transcript_counts_decisions_and_admissions(small: Small) -> None:
    gate = small.gate()
    state = _judge(gate, small.fresh("a"), small.fresh("b", count=6, seed=10), small.own("c"), small.shuffled("d"))
    decisions = [sealed.decision for sealed in state.sealed]
    assert [sealed.recipe for sealed in state.sealed] == ["a", "b"]  # c and d never reach the certification panel
    assert [decision.k for decision in decisions] == [1, 2]
    assert [decision.admissions_before for decision in decisions] == [0, 1]
    assert state.transcript == Transcript(2, sum(decision.admitted for decision in decisions)) == Transcript(2, 1)
    assert [decision.threshold for decision in decisions] == [
        Transcript(0, 0).threshold(Rule.STRICT, 0.05),
        Transcript(1, 1).threshold(Rule.STRICT, 0.05),
    ]
    state = _judge(gate, small.fresh("e", seed=14), state=state, generation=2)
    assert state.sealed[-1].decision.k == 3


@pytest.mark.parametrize("steering", [True, False])
def test_at_most_two_trainings_per_test(small: Small, *, steering: bool) -> None:
    gate = small.gate(steering=steering)
    state = gate.start()
    tests = 0
    for generation in range(1, 4):
        names = [f"{kind}-{i}" for kind in ("good", "own") for i in range(2)]
        batches = [
            small.fresh(name, 20, 50 * generation + i) if name.startswith("good") else small.own(name, 1200, generation)
            for i, name in enumerate(names)
        ]
        state = _judge(gate, *batches, state=state, generation=generation)
        tests = state.steering_tests if steering else len(state.sealed)
    assert 0 < tests < state.trainings <= 2 * tests


def test_one_pair_without_admissions_shares_the_model_without(small: Small) -> None:
    state = _judge(small.gate(), *(small.own(f"own-{i}", seed=i) for i in range(4)))
    assert (state.steering_tests, state.trainings) == (4, 5)


def test_recipes_are_tested_in_the_order_asked_for_then_by_name(small: Small) -> None:
    gate = small.gate()
    batches = [small.fresh(name, 20, seed) for seed, name in enumerate("dacb", 20)]
    by_name = _judge(gate, *batches)
    assert [sealed.recipe for sealed in by_name.sealed] == ["a", "b", "c", "d"]
    asked = _judge(gate, *batches, order=["c", "absent", "b", "c"])
    assert [sealed.recipe for sealed in asked.sealed] == ["c", "b", "a", "d"]
    # A recipe is measured beside what was admitted before it: second to the same text, it brings less.
    twins = [small.fresh(name, 60, 9) for name in ("first", "second")]
    one, other = (_judge(gate, *twins, order=order) for order in (["first", "second"], ["second", "first"]))
    gain = lambda state, name: state.statuses[name].evidence.gain  # noqa: E731
    assert gain(one, "first") == pytest.approx(gain(other, "second"))
    assert gain(one, "first") > 2 * gain(one, "second")


def test_gains_are_per_thousand_tokens(small: Small) -> None:
    state = _judge(small.gate(), small.fresh(), small.fresh("tiny", 1))
    status = state.statuses["fresh"]
    assert status.evidence is not None
    assert state.gains_per_1k == {"fresh": 1000 * status.evidence.gain / status.tokens}


# The mix.


def test_proxy_and_student_mix_alike(small: Small) -> None:
    gate = small.gate(machine_share=0.25)
    mix = gate.mix(small.fresh(count=200))
    counts = token_counts(mix)
    machine = np.array([recipe is not None for recipe in mix["recipe"].to_pylist()])
    assert counts[machine].sum() / counts.sum() == pytest.approx(0.25, abs=0.01)
    assert counts[machine].sum() / counts.sum() <= 0.25
    assert mix["id"].to_pylist()[:60] == small.train["id"].to_pylist()


def test_the_cap_takes_a_fair_sample_whatever_the_ids(small: Small) -> None:
    admitted = pa.concat_tables([small.fresh("a", 100), small.fresh("z", 100, 10)])
    kept = within_share(small.train, admitted, 0.5)["recipe"].to_pylist()
    # 60 of 200 documents fit; how many are of the first recipe is hypergeometric, mean 30, sd 3.2.
    assert len(kept) == 60
    assert 15 < kept.count("a") < 45
    more = within_share(small.train, pa.concat_tables([admitted, small.fresh("y", 20, 11)]), 0.5)
    assert len(set(more["id"].to_pylist()) & set(within_share(small.train, admitted, 0.5)["id"].to_pylist())) >= 45


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.5, 60), (1.0, 100)])
def test_the_cap_at_its_ends(small: Small, share: float, expected: int) -> None:
    assert within_share(small.train, small.fresh(count=100), share).num_rows == expected
    assert within_share(small.train, small.fresh(count=0), share).num_rows == 0


# Verdicts and cards.


def _checked(
    batch: pa.Table, failed: Mapping[int, Reason] | None = None, bars: Mapping[str, Bar] | None = None
) -> Checked:
    count, failed = batch.num_rows, failed or {}
    findings = Findings(
        [failed.get(i) for i in range(count)],
        [Stage.CHECKS if i in failed else None for i in range(count)],
        np.array([1.0 if i in failed else np.nan for i in range(count)]),
        np.array([0.5 if i in failed else np.nan for i in range(count)]),
    )
    overlaps = {name: RecipeOverlap(0.0, 0.0) for name in set(batch["recipe"].to_pylist())}
    return Checked(batch, findings, bars or {}, overlaps)


def _rows(gate: Gate, checked: Checked, before: GateState, generation: int = 1) -> tuple[GateState, dict[str, dict]]:
    after = gate.judge(before, checked.passed, checked.bars, generation=generation)
    table = verdict_rows(checked, before, after, run="run", arm="arm", generation=generation)
    assert table.schema.equals(VERDICT)
    ids = table["id"].to_pylist()
    assert ids == sorted(set(ids))
    return after, {row["id"]: row for row in table.to_pylist()}


def test_every_document_and_recipe_gets_a_verdict(small: Small) -> None:
    gate = small.gate()
    bar = Bar(Stage.PROVENANCE, Reason.DESCENDS_FROM_PANEL, 0.6)
    batch = pa.concat_tables([small.fresh(), small.own(), small.shuffled(), small.fresh("leak", 5)])
    checked = _checked(batch, {0: Reason.TOO_SHORT}, {"leak": bar})
    state, rows = _rows(gate, checked, gate.start())
    assert rows["fresh-9-0"] | {"version": None} == {
        "id": "fresh-9-0", "recipe": "fresh", "verdict": "rejected", "stage": "checks", "reason": "too_short",
        "measured": 1.0, "threshold": 0.5, "log_e": None, "decision": None, "arm": "arm", "generation": 1,
        "version": None, "run": "run", "note": None, "by": None,
    }  # fmt: skip
    found: dict[str, set] = {}
    for key, row in rows.items():
        if key != "fresh-9-0" and not key.startswith("recipe:"):
            found.setdefault(row["recipe"], set()).add((row["verdict"], row["stage"], row["reason"]))
    assert found == {
        "fresh": {("admitted", "utility", "inherited")},
        "own": {("quarantined", "utility", "inherited")},
        "shuffled": {("rejected", "utility", "inherited")},
        "leak": {("rejected", "provenance", "inherited")},
    }
    decision = state.sealed[0].decision
    recipe = rows["recipe:fresh"]
    assert (recipe["log_e"], recipe["threshold"], recipe["decision"]) == (decision.log_e, decision.threshold, 1)
    assert rows["recipe:leak"]["reason"] == "descends_from_panel"
    assert (rows["recipe:shuffled"]["log_e"], rows["recipe:shuffled"]["decision"]) == (None, None)


def test_documents_that_waited_get_a_verdict_when_their_recipe_is_admitted_and_when_it_is_revoked(small: Small) -> None:
    gate = small.gate(least_tokens=100)
    state, rows = _rows(gate, _checked(small.fresh(count=2)), gate.start())
    assert {row["verdict"] for row in rows.values()} == {"quarantined"}
    state, rows = _rows(gate, _checked(small.fresh(count=40, seed=10)), state, 2)
    assert len(rows) == 43
    assert {row["verdict"] for row in rows.values()} == {"admitted"}
    state, rows = _rows(gate, _checked(small.shuffled("fresh", 150, 11)), state, 3)
    assert len(rows) == 42 + 150 + 1
    assert {row["verdict"] for row in rows.values()} == {"rejected"}
    assert {row["reason"] for key, row in rows.items() if key.startswith(("fresh-9-", "fresh-10-"))} == {"revoked"}
    assert rows["recipe:fresh"]["reason"] == "revoked"


def test_a_recipe_whose_standing_is_the_same_gets_no_new_row(small: Small) -> None:
    gate = small.gate()
    bar = {"leak": Bar(Stage.CHECKS, Reason.TRAINING_COPY, 0.6)}
    state, rows = _rows(gate, _checked(small.fresh("leak", 5), bars=bar), gate.start())
    assert "recipe:leak" in rows
    _, rows = _rows(gate, _checked(small.fresh("leak", 5, 10), bars=bar), state, 2)
    assert "recipe:leak" not in rows


def test_cards_say_what_decided(small: Small) -> None:
    gate = small.gate()
    batch = pa.concat_tables([small.fresh(), small.own(), small.fresh("bad", 4), small.fresh("tiny", 2, 10)])
    bad = {
        i: Reason.TRUNCATED if i % 2 else Reason.NOT_TEXT
        for i, name in enumerate(batch["recipe"].to_pylist())
        if name == "bad"
    }
    bad[0] = Reason.TOO_SHORT
    checked = _checked(batch, bad, {"bad": Bar(Stage.CHECKS, Reason.TRUNCATED, 1.0)})
    state = gate.judge(gate.start(), checked.passed, checked.bars, generation=1)
    found = {card.recipe: card for card in cards(checked, state)}
    assert list(found) == ["bad", "fresh", "own", "tiny"]
    fresh = found["fresh"]
    decision = state.sealed[0].decision
    assert (fresh.log_e, fresh.needed, fresh.decision) == (decision.log_e, decision.threshold, 1)
    assert (fresh.documents, fresh.passed, fresh.failed) == (60, 59, {"too_short": 1})
    assert fresh.tokens == token_counts(small.fresh()).sum() - token_counts(small.fresh())[0]
    assert "on the 90 independent groups of the steering panel" in fresh.sentence
    assert f"lowers the loss by {fresh.gain:.3f} nats per word" in fresh.sentence
    assert "raises the loss" in found["own"].sentence
    assert (found["bad"].verdict, found["bad"].stage, found["bad"].passed) == (Verdict.REJECTED, Stage.CHECKS, 0)
    assert sum(found["bad"].failed.values()) == 4
    assert found["tiny"].would_change.startswith(f"{300 - found['tiny'].tokens:,} more tokens")


def test_sealed_numbers_stay_sealed(small: Small) -> None:
    gate = small.gate()
    checked = _checked(small.fresh())
    state = gate.judge(gate.start(), checked.passed, {}, generation=1)
    (shown,), (hidden,) = cards(checked, state), cards(checked, state, reveal=False)
    assert shown.log_e is not None
    assert (hidden.log_e, hidden.needed) == (None, None)
    assert hidden.verdict is Verdict.ADMITTED
    secret = state.sealed[0].decision
    for number in (secret.log_e, secret.log_e_harm, secret.mean, secret.effect_sd):
        assert f"{number:.3f}" not in f"{hidden}"


def test_no_card_names_a_number_of_the_certification_panel_in_words(small: Small) -> None:
    """What would change the verdict is told from steering evidence alone, revealed or not."""
    gate = small.gate(least_tokens=100)
    checked = _checked(small.fresh(count=2))
    state = gate.judge(gate.start(), checked.passed, {}, generation=1)
    (shown,), (hidden,) = cards(checked, state), cards(checked, state, reveal=False)
    assert shown.reason is Reason.UNDECIDED
    assert (shown.sentence, shown.would_change) == (hidden.sentence, hidden.would_change)


def test_a_panel_that_could_see_no_effect_any_more_certifies_nothing_and_says_so(small: Small) -> None:
    gate = small.gate()
    worn = replace(gate.start(), transcript=Transcript(100_000, 5_000))
    assert not gate.certifier.exhausted(gate.start().transcript, 3.0, 2.0)
    assert gate.certifier.exhausted(worn.transcript, 3.0, 2.0)
    state = gate.judge(worn, small.fresh(), {}, generation=1)
    status = state.statuses["fresh"]
    assert (status.verdict, status.reason) == (Verdict.QUARANTINED, Reason.PANEL_EXHAUSTED)
    assert state.transcript == worn.transcript  # nothing left the panel
    assert not state.sealed
    assert state.quarantine.num_rows == 60
    # The same recipe on a new panel is what it was.
    again = gate.judge(replace(state, transcript=Transcript()), small.fresh(seed=10), {}, generation=2)
    assert again.statuses["fresh"].verdict is Verdict.ADMITTED
