"""Stages 0 and 1: every reason code has a document that triggers exactly it and a near miss that does not."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from headwater.config import GateSettings
from headwater.gate import Checked, HardChecks, Sealed, SeenBefore, run_checks
from headwater.gate.blocks import BLOCK_WORDS, blocks_of
from headwater.gate.duplicates import duplicate_checks
from headwater.gate.form import endings_are_a_rule
from headwater.gate.overlap import PANEL_SHARE, TRAINING_SHARE
from headwater.schema import Reason, Stage, documents
from headwater.text import GramIndex, word_hashes

Prose = Callable[[int, int], str]


@pytest.fixture(scope="module")
def panel(prose: Prose) -> pa.Table:
    return documents([prose(400, 100 + i) for i in range(10)], id=[f"panel-{i}" for i in range(10)])


@pytest.fixture(scope="module")
def train(prose: Prose) -> pa.Table:
    return documents([prose(400, 200 + i) for i in range(10)], id=[f"train-{i}" for i in range(10)])


@pytest.fixture(scope="module")
def checks(panel: pa.Table, train: pa.Table) -> HardChecks:
    return HardChecks.against(train, [panel], GateSettings())


def _reasons(checked: Checked) -> list[str | None]:
    return [reason.value if reason else None for reason in checked.findings.reasons]


def _words(text: str, count: int, skip: int = 0) -> str:
    return " ".join(text.split()[skip : skip + count])


# Of each pair the first triggers exactly the reason, the second is the nearest that does not.
CASES: dict[Reason, Callable[[Prose, str, str], tuple[str, str]]] = {
    Reason.IS_PANEL_DOCUMENT: lambda prose, panel, train: (panel, f"{_words(panel, 15)} {prose(100, 1)}"),
    Reason.TOO_SHORT: lambda prose, panel, train: (f"{_words(prose(12, 1), 9)}.", f"{_words(prose(12, 1), 10)}."),
    Reason.NOT_TEXT: lambda prose, panel, train: (
        "a b c d e f g h i j " + "#" * 11 + ".",
        "a b c d e f g h i j " + "#" * 9 + ".",
    ),
    Reason.REPETITIVE: lambda prose, panel, train: (
        # 117 sequences of four words, of which 57 (49%) and 43 (37%) occurred before.
        f"{prose(60, 1)} {prose(60, 1)}",
        f"{prose(60, 1)} {_words(prose(60, 1), 46)} {prose(14, 2)}",
    ),
    Reason.TRUNCATED: lambda prose, panel, train: (prose(100, 1).rstrip("."), prose(100, 1)),
    Reason.PANEL_CONTAMINATION: lambda prose, panel, train: (
        # Of 93 sequences of eight words 33 (35%) and 27 (29%) are the panel's.
        f"{_words(panel, 40)} {prose(60, 1)}",
        f"{_words(panel, 34)} {prose(66, 1)}",
    ),
    Reason.TRAINING_COPY: lambda prose, panel, train: (
        # 51 of 93 (55%) and 43 of 93 (46%).
        f"{_words(train, 58)} {prose(42, 1)}",
        f"{_words(train, 50)} {prose(50, 1)}",
    ),
}


@pytest.mark.parametrize("reason", CASES, ids=lambda reason: reason.value)
def test_known_answer_and_near_miss(
    reason: Reason, checks: HardChecks, prose: Prose, panel: pa.Table, train: pa.Table, machine_table
) -> None:
    case, near_miss = CASES[reason](prose, panel["text"][0].as_py(), train["text"][0].as_py())
    failed = checks.apply(machine_table([case]))
    assert _reasons(failed) == [reason.value]
    assert failed.findings.measured[0] > failed.findings.thresholds[0]
    assert failed.passed.num_rows == 0
    passed = checks.apply(machine_table([near_miss]))
    assert _reasons(passed) == [None]
    assert np.isnan(passed.findings.measured[0])


def test_a_document_made_from_a_panel_document(checks: HardChecks, prose: Prose, machine_table) -> None:
    stream = machine_table([prose(50, 1), prose(50, 2)], ["one", "two"], parents=[["panel-3"], ["train-3"]])
    assert _reasons(checks.apply(stream)) == ["descends_from_panel", None]


def test_exact_and_near_copies_within_the_stream(checks: HardChecks, prose: Prose, machine_table) -> None:
    text = prose(200, 1)
    words = text.split()
    near, far = list(words), list(words)
    near[100] = near[20] = "changed"  # ten of 196 sequences of five words are new: similarity 0.90
    for i in range(0, 200, 25):
        far[i] = "changed"  # about 36 of 196: similarity 0.69
    stream = machine_table([text, text, " ".join(near), " ".join(far)], id=["a", "b", "c", "d"])
    checked = checks.apply(stream)
    assert _reasons(checked) == [None, "exact_duplicate", "near_duplicate", None]


def test_copies_with_the_same_id_lose_the_repeats_only(checks: HardChecks, prose: Prose, machine_table) -> None:
    stream = machine_table([prose(100, 1), prose(100, 2), prose(100, 1)])
    assert stream["id"][0] == stream["id"][2]
    assert _reasons(checks.apply(stream)) == [None, None, "exact_duplicate"]


def test_a_leak_cannot_hide_behind_a_clean_document_of_the_same_id(
    checks: HardChecks, prose: Prose, panel: pa.Table, machine_table
) -> None:
    leak = _words(panel["text"][0].as_py(), 100, 30) + " and so on."
    stream = machine_table([leak, prose(100, 2)], id=["x", "x"])
    assert _reasons(checks.apply(stream)) == ["panel_contamination", None]


def test_only_corpora_that_end_their_sentences_make_a_missing_stop_a_fault(
    train: pa.Table, panel: pa.Table, prose: Prose, machine_table
) -> None:
    titles = [text.rstrip(".") for text in train["text"].to_pylist()]
    assert endings_are_a_rule([*titles[:1], *train["text"].to_pylist() * 2])  # 20 of 21 end
    assert not endings_are_a_rule([*titles[:2], *train["text"].to_pylist() * 2])  # 20 of 22
    assert not endings_are_a_rule([])
    checks = HardChecks.against(documents(titles), [panel], GateSettings())
    assert _reasons(checks.apply(machine_table([prose(100, 1).rstrip(".")]))) == [None]


@pytest.mark.parametrize(
    "text",
    [
        "ภาษาไทยเป็นภาษาที่มีระดับเสียงของคำแน่นอนหรือวรรณยุกต์ครับ",
        "他们在山上走了很久才看见那座小木屋里面有一盏灯。",
        "यह एक सरल वाक्य है जिसमें बहुत से संयुक्ताक्षर और मात्राएँ आती हैं ताकि जाँच हो सके।",
        "Ceci n'est pas un texte court, il compte bien plus de dix mots accentués à l'été.",
    ],
    ids=["thai", "chinese", "hindi", "french"],
)
def test_other_scripts_are_text(checks: HardChecks, text: str, machine_table) -> None:
    assert _reasons(checks.apply(machine_table([f"{text.strip()} !"]))) == [None]


def test_an_empty_stream_and_texts_without_words(checks: HardChecks, machine_table) -> None:
    nothing = checks.apply(machine_table([]))
    assert (nothing.passed.num_rows, dict(nothing.bars)) == (0, {})
    assert _reasons(checks.apply(machine_table(["", "  \n"]))) == ["too_short", "too_short"]


def test_a_missing_text_costs_one_document(checks: HardChecks, prose: Prose, machine_table) -> None:
    good = [prose(50, i) for i in range(10)]
    stream = machine_table([*good, None], id=[f"m-{i}" for i in range(11)])
    assert _reasons(checks.apply(stream)) == [None] * 10 + ["too_short"]


# A user's own check.


@dataclass
class _Custom:
    """Fails texts longer than a limit; breaks or returns no number on texts that say so."""

    reason: Reason = Reason.NOT_TEXT
    stage: Stage = Stage.CHECKS
    threshold: float = 300.0

    def measure(self, documents: pa.Table) -> np.ndarray:
        texts = documents["text"].to_pylist()
        if any("boom" in text for text in texts):
            raise RuntimeError("boom")
        return np.array([np.nan if "unclear" in text else float(len(text)) for text in texts])


def test_a_crash_or_no_number_counts_as_not_passed_for_that_document_only(
    train: pa.Table, panel: pa.Table, prose: Prose, machine_table, caplog: pytest.LogCaptureFixture
) -> None:
    checks = HardChecks.against(train, [panel], GateSettings(), [_Custom()])
    texts = [prose(20, 1), f"boom {prose(20, 2)}", f"unclear {prose(20, 3)}", prose(100, 4), prose(20, 5)]
    with caplog.at_level(logging.ERROR):
        checked = checks.apply(machine_table(texts, [str(i) for i in range(5)]))
    assert _reasons(checked) == [None, "check_failed", "check_failed", "not_text", None]
    assert checked.findings.stages[1] is Stage.CHECKS
    assert np.isnan(checked.findings.measured[1])
    assert [record.exc_info is not None for record in caplog.records] == [True]  # the crash is logged, once


def test_a_check_that_returns_the_wrong_number_of_values_passes_nobody(prose: Prose, machine_table) -> None:
    @dataclass
    class Short(_Custom):
        def measure(self, documents: pa.Table) -> np.ndarray:
            return np.zeros(max(documents.num_rows - 1, 0))

    findings = run_checks(machine_table([prose(20, 1), prose(20, 2)]), [Short()])
    assert findings.reasons == [Reason.CHECK_FAILED] * 2


def test_the_first_failed_check_decides(prose: Prose, machine_table) -> None:
    strict, loose = _Custom(Reason.TOO_SHORT, threshold=10.0), _Custom(Reason.REPETITIVE, threshold=300.0)
    findings = run_checks(machine_table([prose(20, 1), prose(100, 1), "short"]), [loose, strict])
    assert findings.reasons == [Reason.TOO_SHORT, Reason.REPETITIVE, None]
    assert findings.thresholds[:2].tolist() == [10.0, 300.0]
    assert findings.passed.tolist() == [False, False, True]


# Provenance.


def _descends(parents: dict[str, list[str] | None], panel: pa.Table, **texts: str) -> set[str]:
    table = documents(
        [texts.get(key, f"text of {key}") for key in parents], id=list(parents), parents=list(parents.values())
    )
    found = Sealed.of([panel]).descend(table)
    return {key for key, descends in zip(parents, found, strict=True) if descends}


def test_descent_over_several_steps_in_any_order(panel: pa.Table) -> None:
    chain = {"d": ["c"], "b": ["a"], "other": ["human"], "c": ["unknown", "b"], "a": ["panel-1"], "e": ["d", "other"]}
    assert _descends(chain, panel) == {"a", "b", "c", "d", "e"}


def test_circles_end_and_count_only_where_a_panel_document_is_upstream(panel: pa.Table) -> None:
    assert _descends({"a": ["b"], "b": ["a"], "c": ["c"]}, panel) == set()
    assert _descends({"a": ["b"], "b": ["a", "panel-1"], "c": ["c", "a"], "d": ["human"]}, panel) == {"a", "b", "c"}


def test_a_panel_document_is_known_as_a_parent_under_any_id(panel: pa.Table) -> None:
    text = panel["text"][2].as_py()
    by_hash = documents([text])["id"][0].as_py()
    assert _descends({"copy": [], "child": ["copy"], "hashed": [by_hash]}, panel, copy=text) == {"child", "hashed"}


def test_what_is_made_from_the_group_of_a_panel_document_descends_from_it() -> None:
    sealed = Sealed.of([documents(["one", "two"], id=["p", "q"], group=["article 7", None])])
    stream = documents(
        ["a", "b", "c", "d"],
        id=list("abcd"),
        group=["article 7", "article 8", None, "x"],
        parents=[[], ["a"], [], ["c"]],
    )
    assert sealed.descend(stream).tolist() == [True, True, False, False]


def test_no_parents_is_no_descent(panel: pa.Table) -> None:
    assert _descends({"a": None, "b": []}, panel) == set()


def test_a_broken_text_does_not_hide_a_chain(checks: HardChecks, prose: Prose, machine_table) -> None:
    stream = machine_table(
        [prose(50, 1), prose(50, 2), None],
        ["x", "y", "z"],
        id=["a", "b", "c"],
        parents=[["panel-1"], ["a"], []],
    )
    assert _reasons(checks.apply(stream)) == ["descends_from_panel", "descends_from_panel", "too_short"]


# Blocks.


def test_blocks_cut_at_200_words_and_add_short_rests_to_the_block_before(prose: Prose) -> None:
    sizes = {5: [1], 206: [199], 306: [299], 307: [200, 100], 607: [200, 200, 200], 706: [200, 200, 299], 0: []}
    texts = [prose(count, count) if count else "" for count in sizes]
    blocks = blocks_of(word_hashes(texts))
    lengths = np.diff(blocks.starts)
    for i, expected in enumerate(sizes.values()):
        assert lengths[blocks.owner == i].tolist() == expected
    assert BLOCK_WORDS == 200


def test_a_copied_passage_inside_a_long_document_is_found_wherever_it_stands(
    checks: HardChecks, prose: Prose, panel: pa.Table, machine_table
) -> None:
    passage = _words(panel["text"][4].as_py(), 150, 30)
    documents_ = []
    for at in range(0, 2000, 73):
        words = prose(2000, 900 + at).split()
        documents_.append(" ".join([*words[:at], passage, *words[at:]]))
    checked = checks.apply(machine_table(documents_))
    # The document's mean share, at most 143 of 2143 sequences (7%), would not tell.
    assert _reasons(checked) == ["panel_contamination"] * len(documents_)


def test_shares_are_of_the_worst_block(prose: Prose, panel: pa.Table) -> None:
    index = GramIndex.from_texts(panel["text"].to_pylist())
    text = f"{prose(193, 1)} {_words(panel['text'][0].as_py(), 207)}"
    blocks = blocks_of(word_hashes([prose(50, 2), text, ""]))
    shares = blocks.shares(index)
    assert shares.tolist() == pytest.approx([0.0, 0.0, 193 / 193], abs=0.05)
    assert blocks.worst(shares, 3).tolist() == [0.0, shares.max(), 0.0]


# Whole recipes.


def _recipe(prose: Prose, bad: list[str], good: int, seed: int = 0) -> list[str]:
    return [*bad, *(prose(100, 5000 + 100 * seed + i) for i in range(good))]


@pytest.mark.parametrize(("good", "barred"), [(9, True), (10, False)])
def test_a_recipe_is_barred_from_a_tenth_of_leaked_blocks_on(
    checks: HardChecks, prose: Prose, panel: pa.Table, machine_table, good: int, *, barred: bool
) -> None:
    leaked = _words(panel["text"][0].as_py(), 100, 1) + "."
    checked = checks.apply(machine_table(_recipe(prose, [leaked], good)))
    assert ("recipe" in checked.bars) is barred
    if barred:
        bar = checked.bars["recipe"]
        assert (bar.stage, bar.reason, bar.measured, bar.threshold) == (
            Stage.CHECKS,
            Reason.PANEL_CONTAMINATION,
            0.1,
            0.1,
        )
    # The leaked document itself is rejected either way, and its recipe's others go with it when the recipe is barred.
    assert checked.passed.num_rows == (0 if barred else good)
    assert _reasons(checked)[1:] == [None] * good


@pytest.mark.parametrize(("good", "barred"), [(9, True), (10, False)])
def test_a_recipe_is_barred_from_a_tenth_of_copied_blocks_on(
    checks: HardChecks, prose: Prose, train: pa.Table, machine_table, good: int, *, barred: bool
) -> None:
    copied = _words(train["text"][0].as_py(), 100, 1) + "."
    checked = checks.apply(machine_table(_recipe(prose, [copied], good)))
    assert {name: bar.reason for name, bar in checked.bars.items()} == (
        {"recipe": Reason.TRAINING_COPY} if barred else {}
    )


def test_documents_made_from_panels_cost_only_themselves(checks: HardChecks, prose: Prose, machine_table) -> None:
    texts = _recipe(prose, [prose(100, 1), prose(100, 2)], 1)
    checked = checks.apply(machine_table(texts, parents=[["panel-0"], ["panel-1"], ["elsewhere"]]))
    assert dict(checked.bars) == {}
    assert checked.passed["text"].to_pylist() == texts[2:]


def test_where_some_do_not_say_what_they_were_made_from_the_recipe_is_barred(
    checks: HardChecks, prose: Prose, machine_table
) -> None:
    texts = _recipe(prose, [prose(100, 1)], 5)
    silent = checks.apply(machine_table(texts, parents=[["panel-0"], [], *[["elsewhere"]] * 4]))
    assert silent.bars["recipe"].reason is Reason.DESCENDS_FROM_PANEL
    assert silent.passed.num_rows == 0
    few = _recipe(prose, [prose(100, 1)], 10)  # one of eleven descends: below a tenth
    assert dict(checks.apply(machine_table(few, parents=[["panel-0"], *[[]] * 10])).bars) == {}


def test_a_recipe_of_which_nothing_passes_is_barred_for_the_commonest_reason(
    checks: HardChecks, prose: Prose, machine_table
) -> None:
    texts = ["too short.", "much too short.", prose(100, 1), prose(100, 2)]
    checked = checks.apply(machine_table(texts, ["a", "a", "a", "b"], parents=[["x"], ["x"], ["panel-0"], []]))
    bar = checked.bars["a"]
    assert (bar.stage, bar.reason, bar.measured) == (Stage.CHECKS, Reason.TOO_SHORT, 1.0)
    assert set(checked.bars) == {"a"}
    only = checks.apply(machine_table([prose(100, 1)], parents=[["panel-0"]]))
    assert (only.bars["recipe"].stage, only.bars["recipe"].reason) == (Stage.PROVENANCE, Reason.DESCENDS_FROM_PANEL)


def test_blocks_not_documents_are_counted(checks: HardChecks, prose: Prose, panel: pa.Table, machine_table) -> None:
    """One leaked block among eleven in three documents: a third of the documents, but 9% of the blocks."""
    leaked = _words(panel["text"][0].as_py(), 100, 1) + "."
    checked = checks.apply(machine_table([leaked, prose(1007, 1), prose(1007, 2)]))
    assert dict(checked.bars) == {}
    assert _reasons(checked) == ["panel_contamination", None, None]


def test_one_recipe_does_not_answer_for_another(
    checks: HardChecks, prose: Prose, panel: pa.Table, machine_table
) -> None:
    leaked = _words(panel["text"][0].as_py(), 100, 1) + "."
    texts = [leaked, *_recipe(prose, [], 6)]
    checked = checks.apply(machine_table(texts, ["bad", "bad", "bad", "good", "good", "good", "good"]))
    assert set(checked.bars) == {"bad"}
    assert set(checked.passed["recipe"].to_pylist()) == {"good"}
    assert checked.overlaps["bad"].panels == pytest.approx(1 / 3)
    assert checked.overlaps["good"].panels == checked.overlaps["good"].training == 0.0


def test_thresholds_are_the_measured_ones() -> None:
    assert (PANEL_SHARE, TRAINING_SHARE) == (0.30, 0.50)


def test_near_copies_are_not_counted_twice(prose: Prose, machine_table) -> None:
    text = prose(100, 1)
    exact, near = duplicate_checks(machine_table([text, text, f"{text} Postscript."], id=["a", "b", "c"]))
    assert exact.repeats.tolist() == [False, True, False]
    assert near.repeats.tolist() == [False, False, True]


def test_a_text_of_an_earlier_batch_is_an_exact_copy(
    train: pa.Table, panel: pa.Table, prose: Prose, machine_table
) -> None:
    checks = HardChecks.against(train, [panel], GateSettings(), [SeenBefore()])
    first = checks.apply(machine_table([prose(50, 1), prose(50, 2)]))
    second = checks.apply(machine_table([prose(50, 2), prose(50, 3)]))
    assert _reasons(first) == [None, None]
    assert _reasons(second) == ["exact_duplicate", None]
