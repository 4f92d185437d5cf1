"""Help is complete, and costs no more than it must."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from headwater.cli.main import app

HEAVY = ("torch", "sklearn", "duckdb", "altair", "lance", "numba")

_SCRIPT = f"""
import sys
from headwater.cli.main import main
sys.argv = ["headwater", *sys.argv[1:]]
try:
    main()
finally:
    print("loaded:", *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))
SHOWN = [path for path, command in COMMANDS.items() if not command.hidden]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments], check=False, capture_output=True, text=True, env=environ
    )


def test_every_verb_is_known() -> None:
    assert {" ".join(path) for path in SHOWN} >= {
        "",
        "run",
        "gate",
        "init",
        "runs",
        "runs list",
        "runs show",
        "runs resume",
    }


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: " ".join(path) or "headwater")
def test_help_loads_nothing_heavy_and_names_every_option(path: tuple[str, ...]) -> None:
    found = _run(*path, "--help")
    assert found.returncode == 0
    assert found.stderr.splitlines()[-1] == "loaded:"
    for parameter in COMMANDS[path].params:
        if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False):
            assert max(parameter.opts, key=len) in found.stdout
    for name, inner in getattr(COMMANDS[path], "commands", {}).items():
        assert (name in found.stdout) is not inner.hidden


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "headwater")
def test_every_option_and_argument_has_help_text(path: tuple[str, ...]) -> None:
    silent = [
        parameter.name
        for parameter in COMMANDS[path].params
        if not (getattr(parameter, "help", None) or "").strip() and parameter.name != "help"
    ]
    assert silent == []


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "headwater")
def test_every_command_says_what_it_does_in_a_sentence(path: tuple[str, ...]) -> None:
    help_text = (COMMANDS[path].help or "").strip()
    assert help_text
    assert help_text.endswith(".")


@pytest.mark.parametrize("verb", ["run", "gate"])
def test_main_verbs_show_a_real_example(verb: str) -> None:
    assert f"headwater {verb} " in (COMMANDS[(verb,)].epilog or "")


def test_an_example_is_made_of_options_that_exist() -> None:
    for path, command in COMMANDS.items():
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        used = {word for word in (command.epilog or "").split() if word.startswith("-")}
        assert used <= known, path


def test_no_option_means_two_things() -> None:
    for path, command in COMMANDS.items():
        names = [name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)]
        assert len(set(names)) == len(names), path


def test_the_version_and_nothing_else_is_printed() -> None:
    found = _run("--version")
    assert (found.returncode, found.stdout.strip().count("\n")) == (0, 0)
    assert found.stdout.strip()[0].isdigit()
    assert found.stderr.strip() == "loaded:"


def test_a_mistyped_verb_gets_a_suggestion_and_exit_code_2() -> None:
    found = _run("gaet")
    assert found.returncode == 2
    assert "gate" in found.stderr


def test_a_mistyped_option_gets_a_suggestion_and_exit_code_2() -> None:
    found = _run("run", "--generatoins", "3")
    assert found.returncode == 2
    assert "--generations" in found.stderr
    assert "Traceback" not in found.stderr


def test_nothing_asked_shows_the_help() -> None:
    found = _run()
    assert "Usage" in found.stdout + found.stderr
