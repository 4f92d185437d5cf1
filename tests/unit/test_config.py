"""Settings: every fault at once, where each value comes from, and a file that says what the defaults are."""

import os
import re
from pathlib import Path

import pytest

from headwater.config import Settings, commented_toml, load_settings
from headwater.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "headwater.toml"


def _faults(file: Path, text: str, environ: dict[str, str] | None = None, **overrides: object) -> tuple[str, ...]:
    file.write_text(text)
    with pytest.raises(ConfigError) as stop:
        load_settings(file, {key.replace("__", "."): value for key, value in overrides.items()}, environ or {})
    assert str(file) in str(stop.value)
    return stop.value.faults


def test_every_fault_is_named_at_once_with_its_line_and_a_suggestion(file: Path) -> None:
    faults = _faults(
        file,
        """seed = -1
        seeed = 2
        [loop]
        generations = 0   # at least one
        arms = ["human-only", "gatd"]
        [gate]
        delt = 0.1
        rule = "stric"
        [splt]
        train = 0.5
        """,
    )
    by_key = {fault.split(" ")[0].rstrip(":"): fault for fault in faults}
    assert set(by_key) == {"seed", "seeed", "loop.generations", "loop.arms.1", "gate.delt", "gate.rule", "splt"}
    lines = {"seed": 1, "seeed": 2, "loop.generations": 4, "loop.arms.1": 5, "gate.delt": 7, "gate.rule": 8, "splt": 9}
    for key, line in lines.items():
        assert f"(line {line})" in by_key[key]
    assert "Did you mean 'seed'?" in by_key["seeed"]
    assert "Did you mean 'delta'?" in by_key["gate.delt"]
    assert "Did you mean 'split'?" in by_key["splt"]
    assert "'strict', 'plain' or 'e-lond'" in by_key["gate.rule"]
    assert "given: 'stric'" in by_key["gate.rule"]
    assert "greater than or equal to 1 (given: 0)" in by_key["loop.generations"]


def test_an_unknown_key_far_from_every_known_one_gets_the_list_and_no_guess(file: Path) -> None:
    (fault,) = _faults(file, "[model]\nxyzzy = 1")
    assert "Known: kind, order, discount, min_count, max_vocabulary, " in fault
    assert "Did you mean" not in fault


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[model]\norder = 9", 2),
        ("model.order = 9", 1),
        ("\nmodel = {order = 9}", 2),
        ("[split]\ntrain = 0.15\n[ model ]\n  order=9", 4),
        ("[gate]\n# order = 1\n[model]\norder = 9", 4),
    ],
)
def test_the_line_is_found_however_the_key_is_written(file: Path, text: str, line: int) -> None:
    (fault,) = _faults(file, text)
    assert fault.startswith(f"model.order (line {line}): ")


def test_a_value_where_a_section_belongs_is_one_fault_even_when_it_is_overridden(file: Path) -> None:
    (fault,) = _faults(file, "loop = 3", loop__generations=4)
    assert fault.startswith("loop (line 1): ")


def test_a_fault_says_which_variable_or_that_the_command_line_set_it(file: Path) -> None:
    text = "[loop]\ngenerations = 2\n[gate]\ndelta = 0.01\nleast_words = -3"
    faults = _faults(file, text, {"HEADWATER_LOOP_GENERATIONS": "many"}, gate__delta=2.0)
    assert faults[0].startswith("gate.delta (command line): ")
    assert faults[1].startswith("gate.least_words (line 5): ")
    assert faults[2].startswith("loop.generations (environment HEADWATER_LOOP_GENERATIONS): ")


def test_flag_beats_environment_beats_file_beats_default(file: Path) -> None:
    file.write_text("[loop]\ngenerations = 2\ncandidates = 2\nexploration = 0.2\n")
    environ = {"HEADWATER_LOOP_GENERATIONS": "3", "HEADWATER_LOOP_CANDIDATES": "3"}
    loop = load_settings(file, {"loop.generations": 4, "loop.exploration": None}, environ).loop
    assert (loop.generations, loop.candidates, loop.exploration, loop.machine_share) == (4, 3, 0.2, 1 / 3)


def test_lists_follow_the_same_precedence_and_replace_each_other_whole(file: Path) -> None:
    file.write_text('[loop]\narms = ["human-only", "gated"]\n[human]\npaths = ["a", "b"]\n')
    assert load_settings(file, {}, {}).loop.arms == ("human-only", "gated")
    environ = {"HEADWATER_LOOP_ARMS": "human-only, ungated", "HEADWATER_HUMAN_PATHS": f"c{os.pathsep}d e"}
    settings = load_settings(file, {}, environ)
    assert settings.loop.arms == ("human-only", "ungated")
    assert settings.human.paths == tuple(str(Path(name).absolute()) for name in ("c", "d e"))
    settings = load_settings(file, {"human.paths": ("f",), "loop.arms": None}, environ)
    assert settings.human.paths == ("f",)
    assert settings.loop.arms == ("human-only", "ungated")


def test_every_setting_has_its_variable(file: Path) -> None:
    environ = {"HEADWATER_SEED": "7", "HEADWATER_GATE_RULE": "plain", "HEADWATER_MODEL_DISCOUNT": "0.5"}
    settings = load_settings(None, {}, environ | {"HEADWATER_STREAM_RECIPE": "prompt", "HEADWATER_PROJECT": "x"})
    assert (settings.seed, settings.gate.rule, settings.model.discount) == (7, "plain", 0.5)
    assert settings.stream.recipe == "prompt"


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SEED", "11")
    assert load_settings(None).seed == 11


def test_defaults_without_a_file_or_with_a_missing_one(file: Path) -> None:
    assert load_settings(None, {}, {}) == load_settings(file, {}, {}) == Settings()


def test_the_commented_file_is_the_defaults_commented_or_not(file: Path) -> None:
    text = commented_toml()
    file.write_text(text)
    assert load_settings(file, {}, {}) == Settings()
    opened = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    file.write_text(opened)
    settings = load_settings(file, {}, {})
    assert settings == Settings()
    given = {name: set(getattr(settings, name).model_fields_set) for name in Settings.model_fields if name != "seed"}
    assert given == {name: set(type(getattr(settings, name)).model_fields) for name in given}


def test_every_setting_is_explained() -> None:
    sections = [field.annotation for name, field in Settings.model_fields.items() if name != "seed"]
    unexplained = [
        name for section in sections for name, field in section.model_fields.items() if not field.description
    ]
    assert unexplained == []


def test_not_toml_is_a_fault_with_the_line(file: Path) -> None:
    (fault,) = _faults(file, "seed = 1\nloop = = 3")
    assert "not valid TOML" in fault
    assert "line 2" in fault
    file.write_bytes(b"seed = 1 # \xff")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_settings(file, {}, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[split]\ntrain = 0.9\n", "split (line 1): the shares add up to"),
        ('[loop]\narms = ["gated"]', 'loop (line 1): arms must contain "human-only"'),
        ('[loop]\narms = ["human-only", "gated", "gated"]', "loop (line 1): arms must name each loop once"),
        ("[split]\ntrain = 0", "split.train (line 2): Input should be greater than 0"),
        ("[split]\ncertification = 0", "split.certification (line 2): Input should be greater than 0"),
        ("[split]\nfinal = 0", "split.final (line 2): Input should be greater than 0"),
        ("[gate]\ndelta = nan", "gate.delta (line 2): "),
        ("[model]\ndiscount = 1.0", "model.discount (line 2): "),
    ],
)
def test_rules_between_and_about_values(file: Path, text: str, message: str) -> None:
    (fault,) = _faults(file, text)
    assert fault.startswith(message)


def test_shares_may_add_up_to_exactly_one_or_leave_something_over(file: Path) -> None:
    shares = {"train": 0.1, "sources": 0.2, "steering": 0.3, "certification": 0.3, "final": 0.1}
    file.write_text("[split]\n" + "\n".join(f"{name} = {share}" for name, share in shares.items()))
    assert load_settings(file, {}, {}).split.model_dump() == shares
    assert load_settings(file, {"split.steering": 0.0}, {}).split.steering == 0.0


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().seed = 3


def test_one_fault_is_counted_in_the_singular() -> None:
    assert str(ConfigError(["a"], "x")) == "1 fault in x:\n  - a"
    assert str(ConfigError(["a", "b"])).startswith("2 faults in settings:\n")


def test_paths_of_the_file_start_in_its_folder_and_those_of_the_environment_where_the_command_is_run(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(
        """[human]
        paths = ["essays/*.jsonl"]
        [stream]
        paths = ["/elsewhere/stream.jsonl"]
        [audit]
        paths = ["../corpus.jsonl"]
        human = ["human"]
        detector = "own"
        trust_anchors = "anchors.pem"
        keys = ""
        """
    )
    elsewhere = file.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    settings = load_settings(
        Path("..") / file.name, {"audit.detector": None}, {"HEADWATER_AUDIT_MACHINE": f"a.jsonl{os.pathsep}b.jsonl"}
    )
    here = file.parent
    assert settings.human.paths == (f"{here}/essays/*.jsonl",)
    assert settings.stream.paths == ("/elsewhere/stream.jsonl",)
    assert settings.audit.paths == (f"{here.parent}/corpus.jsonl",)
    assert settings.audit.human == (f"{here}/human",)
    assert (settings.audit.detector, settings.audit.trust_anchors) == (f"{here}/own", f"{here}/anchors.pem")
    assert settings.audit.keys is None
    assert settings.audit.machine == (f"{elsewhere}/a.jsonl", f"{elsewhere}/b.jsonl")


def test_a_path_that_is_no_text_is_a_fault_like_any_other(file: Path) -> None:
    assert _faults(file, "[audit]\nhuman = [3]")[0].startswith("audit.human.0 (line 2): ")
    assert _faults(file, "[human]\npaths = 3")[0].startswith("human.paths (line 2): ")
