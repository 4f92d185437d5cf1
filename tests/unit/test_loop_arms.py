"""The loop on a small language: its shared ground, one generation of each arm, the quickstart stream, the comparison."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.config import Settings
from headwater.decide import Rule, Transcript, detectable_effect
from headwater.gate import Checked, token_counts
from headwater.generate import REWRITES
from headwater.loop import Filtered, GenerationRecord, HumanOnly, Replace, TextWorld, World
from headwater.loop.arms import gated_round, next_training_set, regime_of, start_gated
from headwater.loop.comparison import compare, gain_of, judge_stream
from headwater.loop.power import arrival_per_day, panel_warnings, power_facts
from headwater.loop.quickstart import make_example, make_stream, source_thirds
from headwater.loop.saved import load, load_gated, save, save_gated
from headwater.schema import DOCUMENT, Verdict, documents
from headwater.store import Part, split_by_group
from headwater.text import END, Vocabulary, is_encoded

Language = Callable[..., list[str]]

SHARES = {"train": 0.2, "sources": 0.25, "steering": 0.15, "certification": 0.3, "final": 0.1}


def _world(texts: list[str], *, steering: bool = True, **settings: object) -> World:
    values = {"split": SHARES, "gate": {"least_tokens": 300}, "loop": {"generations": 4}, "model": {"order": 2}}
    resolved = Settings.model_validate({**values, **settings})
    human = documents(texts, origin="human", group=[f"g{i}" for i in range(len(texts))], source="small")
    shares = {part: SHARES[part.value] for part in Part if steering or part is not Part.STEERING}
    return TextWorld.on(split_by_group(human, shares, np.random.default_rng(0)), resolved)


@pytest.fixture(scope="module")
def texts(language: Language) -> list[str]:
    # Sentences of twelve words, so that the rewrites have something to move about.
    return [_sentences(text) for text in language(300)]


def _sentences(text: str) -> str:
    words = text.rstrip(".").split()
    return " ".join(f"{' '.join(words[i : i + 12]).capitalize()}." for i in range(0, len(words), 12))


@pytest.fixture(scope="module")
def world(texts: list[str]) -> World:
    return _world(texts)


@pytest.fixture(scope="module")
def stream(world: World) -> pa.Table:
    return make_stream(world)


@pytest.fixture(scope="module")
def checked(world: World, stream: pa.Table) -> Checked:
    return world.hard_checks().apply(stream)


# Shared ground.


def test_the_vocabulary_is_that_of_the_training_text_alone(world: World) -> None:
    train = world.train["text"].to_pylist()
    assert world.vocabulary.id == Vocabulary.from_texts(train, 2, 200_000).id
    assert world.budget == token_counts(world.train).sum()


def test_all_parts_are_encoded_alike(world: World) -> None:
    schemas = [world.split[part].schema for part in Part]
    assert all(schema.equals(schemas[0], check_metadata=True) for schema in schemas)
    machine = world.encode(documents(["Something new."], recipe="r"))
    assert machine.schema.equals(schemas[0], check_metadata=True)
    pa.concat_tables([world.train, machine])


def test_the_clip_bound_is_three_deviations_of_a_human_pair_on_the_steering_panel(world: World) -> None:
    panel, differences, per_unit = world.null_differences
    assert panel["id"].to_pylist() == world.split[Part.STEERING]["id"].to_pylist()
    assert differences == pytest.approx(per_unit[_positions(panel["unit"].to_pylist())])  # a unit is one document here
    assert world.clip() == pytest.approx(3 * per_unit.std(ddof=1))
    assert abs(per_unit.mean()) < per_unit.std(ddof=1)  # neither half is the better one
    assert world.design_effect() == pytest.approx(1.0, abs=0.05)


def _positions(units: list[str]) -> list[int]:
    return [sorted(units).index(unit) for unit in units]


def test_a_world_without_a_steering_panel_has_a_gate_all_the_same(texts: list[str]) -> None:
    world = _world(texts, steering=False)
    gate = world.gate(gates=1, machine_share=1.0)
    assert gate.steering is None
    panel, _, _ = world.null_differences
    assert set(panel["id"].to_pylist()) < set(world.train["id"].to_pylist())
    # Documents that one of the pair was trained on would differ tenfold, and nothing could ever be admitted.
    assert gate.certifier.clip == pytest.approx(_world(texts).clip(), rel=0.5)
    power_facts(world, gates=1)


def test_gates_share_the_error_budget(world: World) -> None:
    gate = world.gate(gates=4, machine_share=0.5)
    assert gate.certifier.delta == 0.05 / 4
    assert gate.machine_share == 0.5
    facts = power_facts(world, gates=4)
    assert (facts.delta, facts.gates) == (0.05, 4)
    assert facts.clip == gate.certifier.clip
    assert facts.units == gate.certifier.panel.n_units
    assert 0 < facts.detectable_first < facts.detectable_tenth
    assert panel_warnings(world, facts)[0].startswith(f"The certification panel has {facts.documents} documents.")


def test_a_small_panel_says_how_many_documents_it_lacks_and_how_long_they_take(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = power_facts(world, gates=1)
    assert facts.needed_first is not None
    assert facts.needed_tenth is not None
    assert facts.units < facts.needed_first < facts.needed_tenth
    # as many groups as that would do, one fewer would not
    threshold, multiple = Transcript(9, 3).threshold(Rule.STRICT, 0.05), world.settings.gate.clip_multiple
    assert detectable_effect(facts.needed_tenth, threshold, multiple) <= facts.target_sd
    assert detectable_effect(facts.needed_tenth - 1, threshold, multiple) > facts.target_sd
    everything = sum(table.num_rows for table in world.split.parts.values())
    more = math.ceil((facts.needed_tenth - facts.units) * everything / facts.units)
    said = panel_warnings(world, facts)[1]
    assert (
        f"takes {facts.needed_first:,} independent groups at the first decision and {facts.needed_tenth:,} at the"
        in said
    )
    assert f"about {more:,} more human documents" in said
    assert "a day" not in said
    grown = SimpleNamespace(batches=[_batch("2026-01-01", 900), _batch("2026-01-05", 30), _batch("2026-01-11", 70)])
    monkeypatch.setattr("headwater.loop.power.list_reserve", lambda store: grown)
    said = panel_warnings(world, facts, Path())[1]
    assert (
        f"at the 10 documents a day that the reserve has grown by, that takes about {math.ceil(more / 10):,} days"
        in said
    )
    monkeypatch.setattr("headwater.loop.power.list_reserve", lambda store: SimpleNamespace(batches=grown.batches[:1]))
    assert "no time can be given" in panel_warnings(world, facts, Path())[1]
    assert panel_warnings(world, replace(facts, documents=500, units=facts.needed_first)) == []


def _batch(created: str, documents: int) -> Any:
    return SimpleNamespace(created=f"{created}T10:00:00Z", documents=documents)


def test_the_reserves_rate_is_what_came_after_the_first_day() -> None:
    assert arrival_per_day([_batch("2026-01-11", 70), _batch("2026-01-01", 900), _batch("2026-01-05", 30)]) == 10
    assert arrival_per_day([_batch("2026-01-01", 900), _batch("2026-01-01", 5)]) is None
    assert arrival_per_day([]) is None


def test_generation_0_keeps_every_rare_word_and_holds_no_machine_text(world: World) -> None:
    model = world.learner.fit(world.train, np.random.default_rng(0))
    record = world.measure("human-only", 0, model, world.train)
    assert (record.rare_word_recall, record.machine_share) == (1.0, 0.0)
    assert record.support == len(world.vocabulary) - END - 1
    assert record.training_tokens == world.budget
    losses = model.loss(world.final.documents)
    assert record.loss_nats == pytest.approx(losses.per_token.mean())  # a unit is one document here
    mixed = pa.concat_tables([world.train, world.encode(documents(world.train["text"].to_pylist(), recipe="r"))])
    assert world.measure("x", 1, model, mixed).machine_share == pytest.approx(0.5)


def test_prompts_come_from_the_final_panel_and_are_the_same_for_every_model(world: World) -> None:
    final = world.split[Part.FINAL]["text"].to_pylist()
    assert len(world.prompts) == 3
    assert all(any(text.startswith(prompt) for text in final) for prompt in world.prompts)
    model = world.learner.fit(world.train, np.random.default_rng(0))
    first, again = (world.examples("arm", 2, model) for _ in range(2))
    assert first == again
    assert [sample.prompt for sample in first] == list(world.prompts)


# Arms without a gate.


def test_each_arm_has_its_regime(world: World) -> None:
    assert isinstance(regime_of("human-only", world), HumanOnly)
    assert isinstance(regime_of("ungated", world), Replace)
    filtered = regime_of("filtered", world)
    assert isinstance(filtered, Filtered)
    assert filtered.oversample == world.settings.loop.candidates
    assert regime_of("gated", world) is regime_of("gated-stream", world) is None


def test_a_generation_of_the_ungated_loop_is_what_its_model_wrote(world: World) -> None:
    model = world.learner.fit(world.train, np.random.default_rng(0))
    output = next_training_set(world, Replace(), "ungated", 1, model)
    assert set(output["recipe"].to_pylist()) == {"ungated-output-1"}
    assert world.budget <= token_counts(output).sum() + output.num_rows
    again = next_training_set(world, Replace(), "ungated", 1, model)
    other = next_training_set(world, Replace(), "ungated", 2, model)
    assert output.equals(again)
    assert not set(output["id"].to_pylist()) & set(other["id"].to_pylist())


def test_the_filtered_loop_keeps_the_most_probable_of_what_it_wrote(world: World) -> None:
    model = world.learner.fit(world.train, np.random.default_rng(0))
    regime = regime_of("filtered", world)
    assert regime is not None
    training = next_training_set(world, regime, "filtered", 1, model)
    everything = next_training_set(world, Replace(), "filtered", 1, model)
    assert world.budget <= token_counts(training).sum() < 1.1 * world.budget
    kept, all_ = (model.loss(table).mean for table in (training, everything))
    assert kept < all_ - 0.1


def test_human_only_writes_nothing(world: World) -> None:
    model = world.learner.fit(world.train, np.random.default_rng(0))
    assert next_training_set(world, HumanOnly(), "human-only", 1, model).equals(world.train)


# The quickstart stream.


def test_sources_are_dealt_out_whole_to_the_rewrites(world: World) -> None:
    thirds = source_thirds(world)
    ids = [key for third in thirds for key in third["id"].to_pylist()]
    assert sorted(ids) == sorted(world.split[Part.SOURCES]["id"].to_pylist())
    assert max(third.num_rows for third in thirds) - min(third.num_rows for third in thirds) <= 1


def test_the_stream_holds_every_kind_with_its_parents(world: World, stream: pa.Table) -> None:
    assert set(stream["recipe"].to_pylist()) == {
        *(recipe.name for recipe in REWRITES), "shuffled", "near-copies", "panel-leak", "panel-paraphrase", "own-output",
        "collapsed-output",
    }  # fmt: skip
    ids = stream["id"].to_pylist()
    assert len(set(ids)) == len(ids)
    parts = {part: set(world.split[part]["id"].to_pylist()) for part in Part}
    home = dict.fromkeys((*(recipe.name for recipe in REWRITES), "shuffled"), Part.SOURCES)
    home |= {"near-copies": Part.TRAIN, "panel-leak": Part.CERTIFICATION, "panel-paraphrase": Part.CERTIFICATION}
    for recipe, parents in zip(stream["recipe"].to_pylist(), stream["parents"].to_pylist(), strict=True):
        if recipe in home:
            assert len(parents) == 1
            assert parents[0] in parts[home[recipe]]
        else:
            assert parents == []
    assert stream.equals(make_stream(world))


def test_the_checks_bar_leaks_and_copies_and_nothing_honest(checked: Checked) -> None:
    assert {name: bar.reason.value for name, bar in checked.bars.items()} == {
        "near-copies": "training_copy",
        "panel-leak": "is_panel_document",
        "panel-paraphrase": "descends_from_panel",
    }


def test_the_example_leaves_out_the_sources_and_the_runs_own_model(world: World, stream: pa.Table) -> None:
    example, human = make_example(world, stream)
    assert example.schema.equals(DOCUMENT)
    assert human.schema.equals(DOCUMENT)
    assert not set(human["id"].to_pylist()) & set(world.split[Part.SOURCES]["id"].to_pylist())
    recipes = set(example["recipe"].to_pylist())
    assert not recipes & {"own-output", "collapsed-output"}
    assert recipes > {recipe.name for recipe in REWRITES}


def test_a_run_without_sources_has_a_stream_without_rewrites(texts: list[str]) -> None:
    world = _world(texts)
    empty = replace(
        world, split=replace(world.split, parts={**world.split.parts, Part.SOURCES: world.train.slice(0, 0)})
    )
    recipes = set(make_stream(empty)["recipe"].to_pylist())
    assert not recipes & {recipe.name for recipe in REWRITES}
    assert "own-output" in recipes


# The gated loop.


def _loop(world: World, stream: Checked | None, generations: int) -> list:
    gate = world.gate(gates=1, machine_share=world.settings.loop.machine_share)
    state, rounds = start_gated(gate), []
    for generation in range(1, generations + 1):
        model = world.learner.fit(gate.mix(state.gate.admitted), np.random.default_rng(0))
        done = gated_round(world, gate, world.hard_checks(), "gated-stream", generation, model, state, stream)
        rounds.append(done)
        state = done.state
    return rounds


@pytest.fixture(scope="module")
def rounds(world: World, checked: Checked) -> list:
    return _loop(world, checked, 4)


def test_the_machine_share_grows_with_the_gain_up_to_its_cap(world: World, checked: Checked, tmp_path: Path) -> None:
    gate = world.gate(gates=1, machine_share=1 / 3)
    state, shares = start_gated(gate, 0.1), [0.1]
    for generation in range(1, 5):
        model = world.learner.fit(state.in_force(gate).mix(state.gate.admitted), np.random.default_rng(0))
        before = state
        done = gated_round(world, gate, world.hard_checks(), "gated-stream", generation, model, state, checked)
        save_gated(tmp_path, done.state)
        state = load_gated(tmp_path)
        assert state.share == done.state.share
        shares.append(state.share or 0.0)
        tested = [
            status
            for name, status in state.gate.statuses.items()
            if done.budgets.get(name) or name == f"own-output-{generation}"
        ]
        gains = [
            status.evidence.gain
            for status in tested
            if status.evidence and status.open and (status.verdict is Verdict.ADMITTED or status.evidence.gain > 0)
        ]
        growth = math.exp(world.settings.loop.machine_share_rate * float(np.mean(gains))) if gains else 1.0
        assert state.share == pytest.approx(min((before.share or 0.0) * growth, 1 / 3))
        counts = token_counts(state.in_force(gate).mix(state.gate.admitted))
        assert 1 - world.budget / counts.sum() <= shares[-1] + 1e-9
    assert shares[-1] > shares[0]
    assert start_gated(gate, 0.9).in_force(gate).machine_share == 1 / 3
    assert start_gated(gate).in_force(gate) is gate


def test_a_document_of_the_stream_is_offered_once(rounds: list, checked: Checked) -> None:
    passed = set(checked.passed["id"].to_pylist())
    offered = [key for done in rounds for key in done.offered["id"].to_pylist() if key in passed]
    assert len(set(offered)) == len(offered)
    assert set(offered) <= passed


def test_budgets_are_kept_to_within_a_document(rounds: list, checked: Checked, world: World) -> None:
    counts = token_counts(checked.passed)
    total = counts.sum() // world.settings.loop.generations + 1
    for done in rounds:
        offered = done.offered.filter(
            pa.array([not name.startswith("own-output-") for name in done.offered["recipe"].to_pylist()])
        )
        assert sum(done.budgets.values()) <= total
        names = np.array(offered["recipe"].to_pylist())
        for name, share in done.budgets.items():
            taken = token_counts(offered)[names == name].sum()
            assert share <= taken < share + counts.max() or taken == 0 == share


def test_every_retrained_model_is_a_new_recipe(rounds: list) -> None:
    for generation, done in enumerate(rounds, 1):
        own = {name for name in done.state.gate.statuses if name.startswith("own-output-")}
        assert own == {f"own-output-{g}" for g in range(1, generation + 1)}


def test_rewrites_are_admitted_and_own_output_never_is(rounds: list) -> None:
    """Wherever the small panel decides at all, it decides rightly."""
    admitted = set(rounds[-1].state.gate.admitted["recipe"].to_pylist())
    assert admitted
    assert admitted <= {*(recipe.name for recipe in REWRITES)}


def test_what_is_stopped_or_rejected_gets_no_budget(rounds: list) -> None:
    for before, after in pairwise(rounds):
        closed = {name for name, status in before.state.gate.statuses.items() if not status.open}
        assert not closed & {name for name, share in after.budgets.items() if share}


def test_gains_average_the_steering_scores_of_what_was_tested(rounds: list) -> None:
    first = rounds[0].state
    tested = {name: status.evidence.gain_per_1k for name, status in first.gate.statuses.items() if status.evidence}
    assert first.gains == {name: gain for name, gain in tested.items() if not name.startswith("own-output-")}


def test_more_generations_than_the_stream_has_tokens_for(world: World, checked: Checked) -> None:
    """Recipes whose share is nothing this time have no standing yet, and are none the worse for it."""
    patient = replace(
        world,
        settings=world.settings.model_copy(
            update={"loop": world.settings.loop.model_copy(update={"generations": 10**6})}
        ),
    )
    (done,) = _loop(patient, checked, 1)
    assert sum(done.budgets.values()) <= 1
    assert 0 in done.budgets.values()


def test_a_loop_without_a_stream_offers_its_own_output_alone(world: World) -> None:
    (done,) = _loop(world, None, 1)
    assert set(done.offered["recipe"].to_pylist()) <= {"own-output-1"}
    assert dict(done.budgets) == {}


def test_the_state_survives_the_disk(world: World, rounds: list, tmp_path: Path) -> None:
    state = rounds[-1].state
    save_gated(tmp_path, state)
    back = load_gated(tmp_path)
    assert back.gate.statuses == state.gate.statuses
    assert back.gate.sealed == state.gate.sealed
    assert (back.gains, back.taken) == (dict(state.gains), dict(state.taken))
    for name in ("admitted", "quarantine"):
        assert getattr(back.gate, name).equals(getattr(state.gate, name))
        assert is_encoded(getattr(back.gate, name), world.vocabulary)  # or the texts would be read anew
    memory = (tmp_path / "state.json").read_bytes()
    save_gated(tmp_path, back)
    assert (tmp_path / "state.json").read_bytes() == memory


def test_numbers_that_are_not_finite_survive_the_disk(tmp_path: Path) -> None:
    record = GenerationRecord("arm", 0, math.inf, -math.inf, 1.0, 3, 0.5, 3, 1 / 3, 0.9)
    save(tmp_path / "x.json", [record], list[GenerationRecord])
    assert load(tmp_path / "x.json", list[GenerationRecord]) == [record]
    save(tmp_path / "x.json", replace(record, loss_nats=math.nan), GenerationRecord)
    assert math.isnan(load(tmp_path / "x.json", GenerationRecord).loss_nats)


# The comparison.


def test_everybody_chooses_from_what_passed_the_checks(world: World, checked: Checked) -> None:
    gate = world.gate(gates=1, machine_share=1.0, rule="plain")
    assert gate.certifier.rule is Rule.PLAIN
    judged = judge_stream(gate, checked)
    records = {record.arm: record for record in compare(world, checked, judged, world.split[Part.SOURCES])}
    assert list(records) == [
        "admit-all", "random", "lowest-perplexity", "dsir", "discriminator", "headwater", "ceiling",
    ]  # fmt: skip
    assert records["admit-all"].tokens == token_counts(checked.passed).sum()
    budget = records["headwater"].tokens
    assert budget == token_counts(judged.admitted).sum() > 0
    largest = token_counts(checked.passed).max()
    for arm in ("random", "lowest-perplexity", "dsir", "discriminator"):
        assert budget <= records[arm].tokens < budget + largest
    assert records["headwater"].own_share == records["ceiling"].own_share == 0.0
    assert 0 < records["random"].own_share < 1
    assert records["ceiling"].gain_nats > records["lowest-perplexity"].gain_nats
    assert records["headwater"].gain_nats > records["random"].gain_nats


def test_choosing_nothing_changes_nothing(world: World) -> None:
    record = gain_of(world, "nothing", world.train.slice(0, 0))
    assert (record.gain_nats, record.standard_error, record.tokens, record.own_share) == (0.0, 0.0, 0, 0.0)


@pytest.mark.parametrize("passing", [0, 1])
def test_a_stream_of_which_next_to_nothing_passes_is_compared_all_the_same(world: World, passing: int) -> None:
    leaks = world.split[Part.FINAL]["text"].to_pylist()[:12]
    honest = [_sentences(" ".join(reversed(world.train["text"][0].as_py().lower().split())))][:passing]
    stream = world.encode(documents([*leaks, *honest], recipe=["leak"] * 12 + ["honest"] * passing, origin="machine"))
    checked = world.hard_checks().apply(stream)
    assert checked.passed.num_rows == passing
    judged = judge_stream(world.gate(gates=1, machine_share=1.0), checked)
    assert judged.transcript == Transcript()
    records = compare(world, checked, judged, None)
    assert [record.arm for record in records][-1] == "headwater"
    assert records[-1].gain_nats == 0.0
