"""The laboratory as a user meets it: the JSON contract, the files it leaves, stops and resumes, and bad input."""

import json
import math
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from headwater.errors import Diverged
from headwater.lab import Arm, Bench, Experiment, LabResult, LabSettings, names
from headwater.lab.experiment import Findings, within
from headwater.loop.regimes import Replace
from headwater.loop.saved import load
from headwater.models.categorical import CategoricalLearner, CategoricalModel, CategoricalSource
from headwater.models.samples import Counts

TINY = ("--seeds", "20", "--generations", "4", "--set", "throws=30")
CHECK = {"name": str, "expected": float, "observed": float, "se": float, "z": float, "tolerance": str, "ok": bool}

Cli = Callable[..., tuple[int, str, str]]


def folder_of(project: Path, run: str) -> Path:
    return project / ".headwater" / "runs" / run


def steps_of(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("steps/[!.]*")}


# --- what there is -----------------------------------------------------------------------------------------------


def test_list_names_every_experiment_and_what_it_needs(cli: Cli) -> None:
    code, out, _ = cli("lab", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(names())
    needing = {line.split()[0] for line in out.splitlines() if "headwater[train]" in line}
    assert needing == {"opt", "vae"}


def test_list_as_json_describes_every_setting(cli: Cli) -> None:
    code, out, _ = cli("lab", "list", "--json")
    answer = json.loads(out)
    assert (code, answer["schema"]) == (0, 1)
    assert [one["name"] for one in answer["experiments"]] == list(names())
    for one in answer["experiments"]:
        assert one["title"]
        assert len(one["summary"]) > 80
        assert one["regimes"]
        assert not set(one["regimes"]) & set(one["more_regimes"])
        assert set(one["settings"]) >= {"seed", "seeds", "generations", "regime"}
        assert all(setting["description"] for setting in one["settings"].values())


# --- a run ------------------------------------------------------------------------------------------------------


def test_json_has_the_promised_shape_and_stands_alone_on_stdout(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("lab", "run", "dice", *TINY, "-C", tmp_path, "--run-id", "d", "--json")
    assert code == 0
    assert out.count("\n") == 1
    answer = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (answer["schema"], answer["experiment"], answer["run"]) == (1, "dice", "d")
    assert answer["settings"] == {
        "seed": 0, "seeds": 20, "generations": 4, "regime": "", "sides": 6, "throws": 30, "share": 0.1,
    }  # fmt: skip
    assert isinstance(answer["seconds"], float)
    assert [{name: type(check[name]) for name in CHECK} for check in answer["checks"]] == [CHECK, CHECK]
    definitions = answer["definitions"]
    assert len(definitions) == 8 * 4
    assert {one["verdict"] for one in definitions} <= {"shown", "not shown", "undecided", "not measured"}
    assert {type(one["value"]) for one in definitions} <= {float, type(None)}
    assert all(one["value"] is None for one in definitions if one["verdict"] == "not measured")
    assert [arm["regime"] for arm in answer["arms"]] == ["replace", "accumulate", "fresh", "reserve"]
    assert Path(answer["report"]).samefile(folder_of(tmp_path, "d") / "report.html")
    assert f"headwater runs resume d --project {tmp_path}" in err


def test_the_report_is_one_file_that_fetches_nothing(cli: Cli, tmp_path: Path) -> None:
    small = ("--seeds", 2, "--generations", 3, "--set", "items=40")
    cli("lab", "run", "gmm", *small, "-C", tmp_path, "--run-id", "g", "-q")
    page = (folder_of(tmp_path, "g") / "report.html").read_text("utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "Curse of Recursion" in page
    assert len(page.encode()) <= 200_000
    assert not re.search(r"<script|<iframe|<object|@import|\son\w+=", page)
    fetched = re.findall(r"<link[^>]*href=\"([^\"]*)|(?:src|srcset|xlink:href)=\"([^\"]*)|url\(([^)]*)", page)
    assert all(re.match("data:|#", "".join(one).strip("\"' ")) for one in fetched)


def test_the_summary_for_people_names_checks_definitions_and_the_report(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("lab", "run", "verifier", "--seeds", 30, "--generations", 3, "-C", tmp_path, "-q")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Selection by a perfect, an imperfect and a biased verifier"
    assert any("perfect: squared error of the mean, round 3" in line and "expected" in line for line in lines)
    assert "biased, spread learned" in next(line for line in lines if line.startswith("   "))
    unmeasured = next(line for line in lines if line.startswith("  not measured: "))
    assert "a change of scaling law" in unmeasured
    assert sum("a change of scaling law" in line for line in lines) == 1
    assert max(map(len, lines[: lines.index(unmeasured)])) <= 120
    assert Path(lines[-1].removeprefix("Report: ")).is_file()


def test_many_regimes_are_told_in_tables_that_fit_a_terminal(cli: Cli, tmp_path: Path) -> None:
    cli("lab", "run", "errors", "--quick", "--seeds", 2, "--generations", 1, "-C", tmp_path, "-q", "--json")
    code, out, _ = cli("runs", "show", "-C", tmp_path)
    assert code == 0
    table = out[out.index("Definitions of collapse:") : out.index("not measured:")].splitlines()
    assert max(map(len, table)) <= 120
    named = [cell for line in table if line.startswith(" " * 20) for cell in re.split(r"\s{2,}", line.strip())]
    answer = json.loads(cli("runs", "show", "-C", tmp_path, "--json")[1])
    assert named == [arm["regime"] for arm in answer["arms"]]


def test_what_is_given_overrules_the_quick_form_which_overrules_the_defaults(cli: Cli, tmp_path: Path) -> None:
    def planned(*arguments: object) -> dict[str, Any]:
        code, out, _ = cli("lab", "run", "gmm", *arguments, "-C", tmp_path, "--dry-run", "--json")
        assert code == 0
        return dict(json.loads(out)["settings"])

    default, quick = planned(), planned("--quick")
    assert quick["generations"] < default["generations"]
    assert quick["components"] == default["components"]
    given = planned(
        "--quick", "--set", "components=3", "--set", "seeds=7", "--seeds", 6, "--regime", "fresh", "--seed", 5
    )
    assert given == {**quick, "components": 3, "seeds": 6, "regime": "fresh", "seed": 5}
    assert list(tmp_path.iterdir()) == []


def test_dry_run_explains_every_setting(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("lab", "run", "dice", *TINY, "--dry-run", "-C", tmp_path)
    assert code == 0
    said = [re.fullmatch(r"(\w+) = (.*?)  # (.+)", line) for line in out.splitlines()]
    assert {found[1]: json.loads(found[2]) for found in said if found} == {
        "seed": 0, "seeds": 20, "generations": 4, "regime": "", "sides": 6, "throws": 30, "share": 0.1,
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_data_path_means_the_same_from_another_folder(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").write_text("words")
    monkeypatch.chdir(tmp_path)
    for given, kept in (
        ("mine.txt", str(tmp_path / "mine.txt")),
        ("*.txt", str(tmp_path / "*.txt")),
        ("x.txt", "x.txt"),
    ):
        for arguments in (("--data", given), ("--set", f"data={given}")):
            _, out, _ = cli("lab", "run", "bigram", *arguments, "--dry-run", "--json")
            assert json.loads(out)["settings"]["data"] == kept


def timeless(arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return arms without the seconds they took, which no seed decides."""
    assert all(arm["seconds"] >= 0 for arm in arms)
    return [{key: value for key, value in arm.items() if key != "seconds"} for arm in arms]


def test_one_regime_alone_gives_the_same_numbers_as_among_others(cli: Cli, tmp_path: Path) -> None:
    every = json.loads(cli("lab", "run", "dice", *TINY, "-C", tmp_path, "-q", "--json")[1])
    alone = json.loads(cli("lab", "run", "dice", *TINY, "--regime", "reserve", "-C", tmp_path, "-q", "--json")[1])
    assert alone["settings"]["regime"] == "reserve"
    assert timeless(alone["arms"]) == timeless([arm for arm in every["arms"] if arm["regime"] == "reserve"])


def test_the_seed_decides_everything(cli: Cli, tmp_path: Path) -> None:
    def arms(*arguments: object) -> Any:
        return timeless(
            json.loads(cli("lab", "run", "dice", *TINY, *arguments, "-C", tmp_path, "-q", "--json")[1])["arms"]
        )

    first, again, other = arms("--seed", 1), arms("--seed", 1), arms("--seed", 2)
    assert first == again
    assert first != other


# --- runs list, show, resume --------------------------------------------------------------------------------------


def test_runs_list_show_and_resume_know_experiments(cli: Cli, tmp_path: Path) -> None:
    first = json.loads(cli("lab", "run", "dice", *TINY, "-C", tmp_path, "--run-id", "one", "--json")[1])
    cli("lab", "run", "dice", *TINY, "-C", tmp_path, "--run-id", "two", "--json")
    listed = json.loads(cli("runs", "list", "-C", tmp_path, "--json")[1])["runs"]
    assert [(one["run"], one["state"]) for one in listed] == [("one", "finished"), ("two", "finished")]
    assert cli("runs", "list", "-C", tmp_path)[1].split()[0] == "one"
    assert json.loads(cli("runs", "show", "one", "-C", tmp_path, "--json")[1]) == first
    shown = cli("runs", "show", "one", "-C", tmp_path)[1]
    assert "Definitions of collapse:" in shown
    assert str(folder_of(tmp_path, "one") / "report.html") in shown
    before = (folder_of(tmp_path, "one") / "result.json").read_bytes()
    code, out, err = cli("runs", "resume", "one", "-C", tmp_path, "--json")
    assert (code, json.loads(out), err) == (0, first, "")
    assert (folder_of(tmp_path, "one") / "result.json").read_bytes() == before


def test_a_run_id_is_given_once(cli: Cli, tmp_path: Path) -> None:
    assert cli("lab", "run", "dice", *TINY, "-C", tmp_path, "--run-id", "one", "-q")[0] == 0
    code, out, err = cli("lab", "run", "dice", *TINY, "-C", tmp_path, "--run-id", "one", "-q")
    assert (code, out) == (2, "")
    assert "'one' exists" in err


# --- killed and interrupted ---------------------------------------------------------------------------------------

LONG = ("verifier", "--seeds", "200", "--run-id", "the-run", "--json")


def process(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "headwater.cli.main", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def numbers(result: LabResult) -> Any:
    """Return everything an experiment found out, without the times that it took."""
    arms = [(arm.name, arm.generations, arm.series, arm.expected, arm.finals, arm.computed_f) for arm in result.arms]
    return arms, result.checks, result.verdicts, result.figures, result.notes


def test_killed_between_two_arms_and_resumed_gives_the_same(cli: Cli, tmp_path: Path) -> None:
    run = folder_of(tmp_path / "killed", "the-run")
    child = process("lab", "run", *LONG, "--project", tmp_path / "killed")
    wait_for(lambda: bool(steps_of(run)))
    child.send_signal(signal.SIGKILL)
    child.communicate()
    done = {name: (run / "steps" / name / "result.json").stat().st_mtime_ns for name in steps_of(run)}
    assert not (run / "manifest.json").exists(), "the kill came too late"
    code, out, err = cli("runs", "resume", "the-run", "--project", tmp_path / "killed", "--json")
    assert code == 0, err
    assert {name: (run / "steps" / name / "result.json").stat().st_mtime_ns for name in done} == done
    assert cli("lab", "run", *LONG, "--project", tmp_path / "untouched")[0] == 0
    kept, wanted = (
        load(folder_of(tmp_path / name, "the-run") / "result.json", LabResult) for name in ("killed", "untouched")
    )
    assert numbers(kept) == numbers(wanted)
    assert json.loads(out)["checks"][0]["observed"] == wanted.checks[0].observed
    assert (run / "report.html").is_file()


def test_ctrl_c_ends_with_130_and_the_command_to_go_on(cli: Cli, tmp_path: Path) -> None:
    child = process("lab", "run", "dice", "--seeds", 20, "--generations", 100_000, "--run-id", "r", "-C", tmp_path)
    events = folder_of(tmp_path, "r") / "events.jsonl"
    wait_for(lambda: events.exists() and "started" in events.read_text())
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, ""), err
    assert f"Go on with: headwater runs resume r --project {tmp_path}" in err
    assert "Traceback" not in err
    assert json.loads(events.read_text().splitlines()[-1])["event"] == "interrupted"
    assert "interrupted" in cli("runs", "list", "-C", tmp_path)[1]
    code, _, err = cli("runs", "show", "r", "-C", tmp_path)
    assert code == 2
    assert "Resume it first" in err


# --- checks, divergence and what cannot be carried out, with an experiment of the test's own ------------------------


class Own(LabSettings):
    """Settings of the test's experiment."""

    seeds: int = Field(default=5, description="replicates")
    generations: int = Field(default=4, description="retrainings")
    expected: float = Field(default=2.0, description="what two has to be")


class LosesItself:
    """Diverges at the fit it is told to, as a network does whose loss is NaN."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.fits = 0
        self.sound = CategoricalLearner(2, np.array([0.5, 0.5]))

    def fit(self, samples: Counts, rng: np.random.Generator) -> CategoricalModel:
        self.fits += 1
        if self.at is not None and self.fits > self.at:
            raise Diverged(f"The loss is NaN in fit {self.fits}. Lower the learning rate.")
        return self.sound.fit(samples, rng)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make experiments of the test known to the command line, and no others."""

    def offer(**experiments: Any) -> None:
        for name, run in experiments.items():
            module = ModuleType(name)
            needs = "train" if name == "needy" else ""
            module.EXPERIMENT = Experiment(name, name.title(), "A test.", Own, run, needs=needs)  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, f"headwater.lab.experiments.{name}", module)
        for where in ("headwater.lab", "headwater.lab.experiment"):
            monkeypatch.setattr(sys.modules[where], "names", lambda: tuple(experiments))

    return offer


def checked(settings: Own, bench: Bench) -> Findings:
    return Findings([_arm(bench, settings)], [within("two", settings.expected, 2.0, 0.1)])


def _arm(bench: Bench, settings: Own, at: int | None = None) -> Any:
    fair = np.array([0.5, 0.5])
    human: CategoricalSource = CategoricalSource(fair)
    sizes: Mapping[str, int] = {"items": 10, "generations": settings.generations, "replicates": settings.seeds}
    return bench.run(Arm("replace", LosesItself(at), human, Replace(), **sizes))


def test_only_check_turns_a_failed_check_into_exit_code_1(
    cli: Cli, offered: Callable[..., None], tmp_path: Path
) -> None:
    offered(stub=checked)
    wrong = ("lab", "run", "stub", "--set", "expected=3", "-C", tmp_path, "-q", "--run-id")
    assert cli("lab", "run", "stub", "--check", "-C", tmp_path, "-q")[0] == 0
    code, out, _ = cli(*wrong, "told")
    assert code == 0
    assert re.search(r"FAILED +two +2 +expected 3", out)
    code, out, _ = cli(*wrong, "checked", "--check", "--json")
    assert (code, json.loads(out)["checks"][0]["ok"]) == (1, False)
    assert cli("runs", "resume", "told", "-C", tmp_path, "--check")[0] == 1
    assert cli("runs", "resume", "told", "-C", tmp_path)[0] == 0


def test_a_model_that_diverges_ends_its_arm_with_what_was_reached(
    cli: Cli, offered: Callable[..., None], tmp_path: Path
) -> None:
    offered(stub=lambda settings, bench: Findings([_arm(bench, settings, at=3)]))
    code, out, _ = cli("lab", "run", "stub", "-C", tmp_path, "-q", "--json")
    assert code == 0
    (arm,) = json.loads(out)["arms"]
    assert arm["generations"] == 2  # three fits: generations 0, 1 and 2
    assert "The loss is NaN in fit 4" in arm["stopped"]
    shown = cli("runs", "show", "-C", tmp_path)[1]
    assert "Note: replace ended after generation 2: The loss is NaN" in shown


def test_a_run_whose_first_model_diverges_fails_and_can_be_resumed(
    cli: Cli, offered: Callable[..., None], tmp_path: Path
) -> None:
    offered(stub=lambda settings, bench: Findings([_arm(bench, settings, at=0)]))
    code, out, err = cli("lab", "run", "stub", "-C", tmp_path, "--run-id", "s")
    assert (code, out) == (2, "")
    assert "error: The loss is NaN in fit 1. Lower the learning rate." in err
    assert "headwater runs resume s" in err
    assert "failed" in cli("runs", "list", "-C", tmp_path)[1]
    offered(stub=checked)  # the cause is removed
    assert cli("runs", "resume", "s", "-C", tmp_path)[0] == 0
    assert "finished" in cli("runs", "list", "-C", tmp_path)[1]


def test_numbers_that_are_not_finite_are_null_in_json(cli: Cli, offered: Callable[..., None], tmp_path: Path) -> None:
    offered(stub=lambda settings, bench: Findings([_arm(bench, settings)], [within("huge", math.inf, math.nan, 1)]))
    code, out, _ = cli("lab", "run", "stub", "-C", tmp_path, "-q", "--json")
    (check,) = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))["checks"]
    assert (code, check["expected"], check["observed"], check["ok"]) == (0, None, None, False)
    assert cli("runs", "show", "-C", tmp_path)[0] == 0


# --- all ----------------------------------------------------------------------------------------------------------


def torch_raises(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make importing torch fail, in processes that are started too: those look for modules where this one does."""
    folder.mkdir()
    (folder / "torch.py").write_text(f"import headwater.errors\nraise {what}")
    monkeypatch.syspath_prepend(folder)


def test_all_goes_on_where_one_needs_what_is_not_installed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_raises("ImportError", tmp_path / "path", monkeypatch)
    monkeypatch.setattr("headwater.lab.names", lambda: ("regression", "vae"))
    code, out, _ = cli("lab", "all", "--quick", "--jobs", 1, "-C", tmp_path, "-q", "--json")
    answer = json.loads(out)
    assert code == 0  # it is said, and no fault
    (one,) = answer["experiments"]
    assert (one["experiment"], len(one["checks"])) == ("regression", 8)
    assert Path(one["report"]).is_file()
    (left,) = answer["left_out"]
    assert left["experiment"] == "vae"
    assert "headwater[train]" in left["reason"]
    assert one["run"] in cli("runs", "list", "-C", tmp_path)[1]


def test_all_exits_with_2_where_one_could_not_be_carried_out(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_raises("headwater.errors.InputError('The weights are gone.')", tmp_path / "path", monkeypatch)
    monkeypatch.setattr("headwater.lab.names", lambda: ("vae",))
    code, out, _ = cli("lab", "all", "--quick", "--jobs", 1, "-C", tmp_path, "-q")
    assert code == 2
    assert re.fullmatch(r"vae +left out: The weights are gone\.\n", out)


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dcie"], ["'dcie'", "Did you mean 'dice'?", "verifier"]),
        (["dice", "--regime", "replce"], ["'replce'", "Did you mean 'replace'?", "accumulate"]),
        (["verifier", "--regime", "perfcet"], ["Did you mean 'perfect'?", "biased, spread learned"]),
        (["dice", "--set", "throwz=3"], ["throwz", "Did you mean 'throws'?", "sides"]),
        (["dice", "--set", "throws"], ["--set throws", "key=value"]),
        (["dice", "--set", "=3"], ["--set =3", "key=value"]),
        (["dice", "--set", "throws=1"], ["throws", "greater than or equal to 2", "'1'"]),
        (["dice", "--set", "throws=many"], ["throws", "valid integer", "'many'"]),
        (["gmm", "--set", "items=1"], ["items", "greater than or equal to 2"]),
        (["gmm", "--set", "items=3", "--set", "components=5"], ["components = 5", "items = 3"]),
        (["dice", "--set", "share=1.5"], ["share", "less than or equal to 1", "1.5"]),
        (["dice", "--set", "share=nan"], ["share", "nan"]),
        (["dice", "--seeds", "0"], ["seeds", "greater than or equal to 1"]),
        (["dice", "--generations", "0"], ["generations", "greater than or equal to 1"]),
        (["dice", "--seed", "-1"], ["seed", "greater than or equal to 0"]),
        (["dice", "--model", "opt"], ["model", "unknown setting", "Known: seed"]),
        (["dice", "--run-id", "../out"], ["'../out' cannot name a run"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_message_and_no_run(cli: Cli, tmp_path: Path, arguments: list[str], said: list[str]) -> None:
    code, out, err = cli("lab", "run", *arguments, "-C", tmp_path / "project")
    assert (code, out) == (2, "")
    assert [part for part in said if part not in err] == []
    assert "Traceback" not in err
    assert not (tmp_path / "project").exists()


def test_every_fault_is_told_at_once(cli: Cli, tmp_path: Path) -> None:
    wrong = ["--set", "throws=1", "--set", "sidse=3", "--set", "share=2", "--regime", "x"]
    _, _, err = cli("lab", "run", "dice", *wrong, "-C", tmp_path)
    assert "4 faults in the settings of dice" in err
    assert all(f"  - {key}: " in err for key in ("throws", "sidse", "share", "regime"))


def test_an_experiment_whose_extra_is_missing_says_what_to_install(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("opt", "vae"):
        code, out, err = cli("lab", "run", name, "-C", tmp_path, "-q")
        assert (code, out) == (2, "")
        assert f"The experiment {name} needs an optional dependency" in err
        assert "pip install 'headwater[train]'" in err


def test_a_gpu_that_is_not_there_is_one_message(cli: Cli, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the train extra is not installed")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    code, out, err = cli("lab", "run", "vae", "--quick", "--set", "device=cuda", "-C", tmp_path, "-q")
    assert (code, out) == (2, "")
    assert "cuda" in err
    assert "cpu" in err
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /proc")
def test_a_folder_that_cannot_be_written_is_one_message(cli: Cli) -> None:
    code, out, err = cli("lab", "run", "dice", *TINY, "-C", "/proc/headwater", "-q")
    assert (code, out) == (2, "")
    assert "/proc/headwater" in err
    assert "Traceback" not in err


def test_a_result_of_another_version_is_told_and_not_a_traceback(cli: Cli, tmp_path: Path) -> None:
    code, _, _ = cli("lab", "run", "dice", "--seeds", 5, "--generations", 3, "-C", tmp_path, "-q", "--run-id", "old")
    assert code == 0
    path = tmp_path / ".headwater" / "runs" / "old" / "result.json"
    path.write_text(path.read_text("utf-8").replace('"title"', '"heading"'), "utf-8")
    code, _, err = cli("runs", "show", "old", "-C", tmp_path)
    assert code == 2
    assert "cannot be read by this version" in err
    assert "report.html" in err
