"""What must hold for every gate, every stream and every budget."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.config import GateSettings
from headwater.decide import Rule
from headwater.gate import (
    Certifier,
    Gate,
    GateState,
    HardChecks,
    ScoringPanel,
    cards,
    token_counts,
    verdict_rows,
    within_share,
)
from headwater.gate.blocks import blocks_of
from headwater.loop.feedback import budgets
from headwater.models import NgramLearner
from headwater.schema import Reason, Verdict, documents
from headwater.store import Part, split_by_group
from headwater.text import Vocabulary, encode_table, word_hashes

Language = Callable[..., list[str]]


class World:
    """A gate over a small language, and recipes to draw streams from."""

    def __init__(self, write: Language) -> None:
        train = write(40, seed=1)
        self.vocabulary = Vocabulary.from_texts(train, 1)
        self.human = self.encode(documents(train, origin="human", group=[f"t{i}" for i in range(40)]))
        panels = [
            self.encode(documents(write(70, seed=seed), id=[f"p{seed}-{i}" for i in range(70)])) for seed in (2, 3)
        ]
        self.checks = HardChecks.against(self.human, panels, GateSettings())
        self.steering, self.certification = map(ScoringPanel, panels)
        leaked = panels[1]["text"].to_pylist()
        rng = np.random.default_rng(0)
        self.texts = {
            "fresh": write(120, seed=4),
            "other": write(120, language=1, seed=4),
            "shuffled": [" ".join([*rng.permutation(text[:-1].split())]) + "." for text in write(120, seed=5)],
            "leak": leaked,
            "short": ["too short.", "#### #### ####", "again again again again again again again again again again."],
        }

    def encode(self, table: pa.Table) -> pa.Table:
        units = [group or key for group, key in zip(table["group"].to_pylist(), table["id"].to_pylist(), strict=True)]
        return encode_table(table.append_column("unit", pa.array(units)), self.vocabulary)

    def gate(self, *, steering: bool, least_tokens: int, max_tests: int) -> Gate:
        return Gate(
            learner=NgramLearner(self.vocabulary, order=2),
            human=self.human,
            steering=self.steering if steering else None,
            certifier=Certifier(self.certification, 0.4, Rule.STRICT, 0.05),
            settings=GateSettings(least_tokens=least_tokens, max_tests=max_tests),
            machine_share=1.0,
            slices=lambda panel: panel.slices(np.zeros(len(self.vocabulary), bool)),
        )

    def batch(self, rows: list[tuple[str, str, int]], number: int) -> pa.Table:
        """Return documents named by recipe, kind of text and which of them."""
        texts = [self.texts[kind][which % len(self.texts[kind])] for _, kind, which in rows]
        parents = [["p3-0"] if kind == "leak" and which % 2 else [] for _, kind, which in rows]
        table = documents(
            texts, id=[f"{number}-{i}" for i in range(len(rows))], recipe=[name for name, _, _ in rows], origin="machine",
            parents=parents,
        )  # fmt: skip
        return self.encode(table)


@pytest.fixture(scope="session")
def world(language: Language) -> World:
    return World(language)


# Runs of documents of one kind, so that recipes get to where something can be decided about them.
runs = st.tuples(
    st.sampled_from(["r1", "r2", "r3"]),
    st.sampled_from(["fresh", "fresh", "fresh", "other", "shuffled", "leak", "short"]),
    st.integers(0, 119),
    st.sampled_from([1, 3, 30, 60]),
)
rows = st.lists(runs, max_size=4).map(
    lambda found: [(name, kind, first + i) for name, kind, first, count in found for i in range(count)]
)
streams = st.lists(rows, min_size=1, max_size=4)
fewer = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@fewer
@given(streams, st.booleans(), st.sampled_from([60, 300, 900]), st.integers(1, 3))
def test_a_gate_never_both_admits_and_rejects(
    world: World, stream: list, steering: bool, least_tokens: int, max_tests: int
) -> None:
    """And every document has exactly one verdict per batch; admitted + rejected + quarantined is the whole input."""
    gate = world.gate(steering=steering, least_tokens=least_tokens, max_tests=max_tests)
    state = gate.start()
    offered: set[str] = set()
    last: dict[str, str] = {}
    for number, rows_ in enumerate(stream, 1):
        checked = world.checks.apply(world.batch(rows_, number))
        before, state = state, gate.judge(state, checked.passed, checked.bars, generation=number)
        verdicts = verdict_rows(checked, before, state, run="r", arm="a", generation=number).to_pylist()
        ids = Counter(row["id"] for row in verdicts)
        assert not ids or max(ids.values()) == 1
        mine = set(checked.documents["id"].to_pylist())
        assert mine <= set(ids)
        assert {row["verdict"] for row in verdicts} <= {verdict.value for verdict in Verdict}
        offered |= mine
        last |= {row["id"]: row["verdict"] for row in verdicts if not row["id"].startswith("recipe:")}
        _check_state(state)
        cards(checked, state)
    assert set(last) == offered
    admitted = set(state.admitted["id"].to_pylist())
    assert admitted == {key for key, verdict in last.items() if verdict == "admitted"}
    waiting = {key for key, verdict in last.items() if verdict == "quarantined"}
    assert set(state.quarantine["id"].to_pylist()) <= waiting


def _check_state(state: GateState) -> None:
    admitted, waiting = (Counter(table["recipe"].to_pylist()) for table in (state.admitted, state.quarantine))
    for name, status in state.statuses.items():
        assert (name in admitted) <= (status.verdict is Verdict.ADMITTED)
        assert (name in waiting) <= (status.verdict is Verdict.QUARANTINED and not status.stopped)
    assert set(admitted) | set(waiting) <= set(state.statuses)
    assert state.transcript.decisions == len(state.sealed)
    assert state.transcript.admissions == sum(sealed.decision.admitted for sealed in state.sealed)
    assert [sealed.decision.k for sealed in state.sealed] == list(range(1, len(state.sealed) + 1))
    tests = max(state.steering_tests, len(state.sealed))
    assert state.trainings <= 2 * tests
    for table in (state.admitted, state.quarantine):
        assert len(set(table["id"].to_pylist())) == table.num_rows


@fewer
@given(rows)
def test_hard_checks_give_each_document_a_reason_or_let_it_pass(world: World, rows_: list) -> None:
    checked = world.checks.apply(world.batch(rows_, 1))
    found = checked.findings
    assert len(found.reasons) == len(found.stages) == checked.documents.num_rows
    for reason, stage, value, threshold in zip(
        found.reasons, found.stages, found.measured, found.thresholds, strict=True
    ):
        assert (reason is None) == (stage is None) == bool(np.isnan(threshold))
        if reason is not None:
            assert value > threshold or reason is Reason.CHECK_FAILED
    passed = set(checked.passed["id"].to_pylist())
    for key, recipe, ok in zip(
        checked.documents["id"].to_pylist(), checked.documents["recipe"].to_pylist(), found.passed, strict=True
    ):
        assert (key in passed) == (ok and recipe not in checked.bars)
    leaks = {
        key
        for key, (_, kind, _) in zip(checked.documents["id"].to_pylist(), rows_, strict=True)
        if kind in {"leak", "short"}
    }
    assert not passed & leaks


@fewer
@given(rows, st.randoms(use_true_random=False))
def test_what_one_document_is_does_not_depend_on_the_others(world: World, rows_: list, random) -> None:
    """But for copies, of which the first is kept, and for recipes barred as a whole."""
    texts = {(kind, which % len(world.texts[kind])): (name, kind, which) for name, kind, which in rows_}
    distinct = [row for (kind, _), row in texts.items() if kind != "short"][::7]
    alone = {row: world.checks.apply(world.batch([row], 1)).findings.reasons[0] for row in distinct}
    random.shuffle(distinct)
    together = world.checks.apply(world.batch(distinct, 1)).findings.reasons
    assert together == [alone[row] for row in distinct]


# Budgets.


@given(
    st.integers(0, 10**6),
    st.dictionaries(st.sampled_from("abcdefgh"), st.none() | st.floats(-10, 10), max_size=8),
    st.lists(st.integers(0, 10**5), min_size=8, max_size=8),
    st.floats(0, 1),
)
def test_budgets_sum_to_the_total_and_never_exceed_the_supply(
    total: int, gains: dict[str, float | None], amounts: list[int], exploration: float
) -> None:
    supply = dict(zip(gains, amounts, strict=False))
    found = budgets(total, gains, supply, exploration)
    assert all(0 <= amount <= supply[name] for name, amount in found.items())
    assert sum(found.values()) == min(total, sum(supply.values()))


@fewer
@given(st.lists(st.integers(1, 30), max_size=20), st.floats(0, 1))
def test_the_machine_share_is_never_exceeded_and_no_human_document_left_out(
    world: World, lengths: list[int], share: float
) -> None:
    texts = [" ".join(world.vocabulary.words[2 : 2 + length]) for length in lengths]
    admitted = world.encode(documents(texts, id=[f"m{i}" for i in range(len(texts))], recipe="r"))
    kept = within_share(world.human, admitted, share)
    machine, human = int(token_counts(kept).sum()), int(token_counts(world.human).sum())
    assert machine <= share * (machine + human) + 1e-6 or share == 1
    order = admitted["id"].to_pylist()
    assert kept["id"].to_pylist() == [key for key in order if key in set(kept["id"].to_pylist())]
    smaller = within_share(world.human, admitted, share / 2)
    assert set(smaller["id"].to_pylist()) <= set(kept["id"].to_pylist())


# Blocks.


@given(st.lists(st.integers(0, 1500), max_size=8), st.integers(10, 300))
def test_blocks_lose_no_words(lengths: list[int], size: int) -> None:
    texts = [" ".join(f"w{i}" for i in range(length)) for length in lengths]
    blocks = blocks_of(word_hashes(texts), size)
    sequences = [0 if length == 0 else max(length - 7, 1) for length in lengths]
    sizes = np.diff(blocks.starts)
    assert blocks.starts[0] == 0 if len(blocks.starts) else True
    assert blocks.starts[-1] == len(blocks.grams) == sum(sequences)
    assert (np.bincount(blocks.owner, weights=sizes, minlength=len(lengths)) == sequences).all()
    assert (np.diff(blocks.owner) >= 0).all()
    several = np.bincount(blocks.owner, minlength=len(lengths))[blocks.owner] > 1 if len(blocks.owner) else sizes > 0
    assert (sizes < 1.5 * size).all()
    assert (sizes[several] >= 0.5 * size - 1).all()


# The split.


@fewer
@given(st.lists(st.integers(0, 150), min_size=130, max_size=260), st.integers(0, 5))
def test_the_split_is_a_partition_by_group(groups: list[int], seed: int) -> None:
    names = [f"g{group}" for group in groups] + [f"h{i}" for i in range(100)]
    table = documents([f"text number {i}" for i in range(len(names))], group=names)
    shares = {Part.TRAIN: 0.3, Part.CERTIFICATION: 0.5, Part.FINAL: 0.2}
    split = split_by_group(table, shares, np.random.default_rng(seed))
    ids = [key for part in Part for key in split[part]["id"].to_pylist()]
    assert sorted(ids) == sorted(table["id"].to_pylist())
    homes: dict[str, set[Part]] = {}
    for part in Part:
        for group in split[part]["group"].to_pylist():
            homes.setdefault(group, set()).add(part)
    assert all(len(parts) == 1 for parts in homes.values())
    total = len(homes)
    for row in split.rows:
        assert abs(row.groups - total * shares.get(row.part, 0)) < 1.5
