"""Mirror texts: which documents are chosen, what is asked, and what becomes of the answers."""

import sys

import numpy as np
import pytest

from headwater.errors import InputError, NotEnoughData
from headwater.generate import reword
from headwater.generate.command import Command
from headwater.generate.mirror import choose_originals, mirror_by_command, mirror_by_recipe, prompts_for
from headwater.schema import documents

LONG = "The old mill by the river was sold again. " * 6


def _human(count, groups):
    return documents([f"Story {i}. {LONG}" for i in range(count)], group=[f"g{i % groups}" for i in range(count)])


def _program(tmp_path, body):
    path = tmp_path / "writer.py"
    path.write_text(f"import json, sys\nrows = [json.loads(line) for line in sys.stdin]\n{body}\n")
    return Command((sys.executable, str(path)))


def test_originals_come_from_every_group_before_any_group_twice():
    chosen = choose_originals(_human(40, 8), 10, np.random.default_rng(1))
    groups = chosen["group"].to_pylist()
    assert len(set(groups[:8])) == 8
    assert chosen.num_rows == 10


def test_short_documents_are_no_originals():
    with pytest.raises(NotEnoughData, match="none of the 2 human documents has 20 words"):
        choose_originals(documents(["too short", "as well"], group=["a", "b"]), 5, np.random.default_rng(1))


def test_a_prompt_names_the_title_or_else_the_first_sentence_and_the_length():
    table = _human(2, 2)
    first, second = prompts_for(table, ["On {words} and mills", None], "{words}: {subject}")
    words = len(table["text"][0].as_py().split())
    assert first["prompt"] == f"{words}: On {{words}} and mills"
    assert second["prompt"] == f"{words}: Story 1."


def test_answers_may_come_in_any_order_and_missing_ones_are_counted(tmp_path):
    table = _human(4, 2)
    program = _program(
        tmp_path,
        "for row in reversed(rows[1:]): print(json.dumps({'id': row['id'], 'text': 'About ' + row['prompt'][-8:]}))\n"
        "print('no json'); print(json.dumps({'id': 'stranger', 'text': 'x'})); print(json.dumps([1]))",
    )
    found = mirror_by_command(table, [None] * 4, program, "writer")
    assert (found.asked, found.unanswered, found.strange) == (4, 1, 3)
    assert found.documents["parents"].to_pylist() == [[key] for key in table["id"].to_pylist()[1:]]
    assert found.documents["group"].to_pylist() == table["group"].to_pylist()[1:]
    assert set(found.documents["origin"].to_pylist()) == {"machine"}


def test_empty_answers_are_counted_apart_and_what_the_program_complains_of_is_kept(tmp_path):
    table = _human(4, 2)
    program = _program(
        tmp_path,
        "for row, text in zip(rows, [' ', None, 'A text.', 3]): print(json.dumps({'id': row['id'], 'text': text}))\n"
        "print(json.dumps({'id': rows[0]['id']}))\n"
        "print('rate limit', file=sys.stderr)",
    )
    found = mirror_by_command(table, [None] * 4, program, "writer")
    assert (found.asked, found.unanswered, found.empty, found.strange) == (4, 3, 2, 2)
    assert found.complaints == "rate limit"


def test_a_program_that_writes_before_it_reads_blocks_nothing(tmp_path):
    path = tmp_path / "eager.py"
    path.write_text("import sys\nprint('x' * 3_000_000)\nsys.stdin.read()\n")
    found = mirror_by_command(_human(3, 3), [None] * 3, Command((sys.executable, str(path))), "eager")
    assert found.unanswered == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('out of memory')", "exit code 1: out of memory"),
        ("import time; time.sleep(30)", "did not end within"),
    ],
)
def test_a_program_that_fails_is_named_with_what_it_said(tmp_path, body, message):
    program = Command(_program(tmp_path, body).arguments, timeout_seconds=3)
    with pytest.raises(InputError, match=message):
        mirror_by_command(_human(2, 2), [None] * 2, program, "writer")


def test_a_program_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="cannot start 'no-such-writer'"):
        mirror_by_command(_human(2, 2), [None] * 2, Command(("no-such-writer",)), "writer")


def test_a_recipe_can_mirror_too():
    table = _human(3, 3)
    found = mirror_by_recipe(table, reword, np.random.default_rng(0))
    assert found.documents["group"].to_pylist() == table["group"].to_pylist()
    assert found.unanswered == 0
