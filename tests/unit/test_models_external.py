"""The user's own trainer as a command: real processes, small Python programs, everything that can go wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import ConfigError, InputError
from headwater.models.external import CommandLearner, CommandModel, command_faults
from headwater.models.learner import Losses, seeds_of
from headwater.schema import documents

TRAIN = """
import json, sys, pathlib
data, model, *more = sys.argv[1:]
rows = [json.loads(line) for line in open(data, encoding="utf-8")]
words = [word for row in rows for word in row["text"].split()]
pathlib.Path(model).write_text(json.dumps({"words": len(words), "first": rows[0]["id"], "more": more,
    "machine": sum(row["recipe"] is not None for row in rows)}))
print("trained on", len(rows))
log = pathlib.Path(__file__).with_name("calls.txt")
log.write_text((log.read_text() if log.exists() else "") + "train\\n")
"""
EVALUATE = """
import json, sys, pathlib
model, panel = json.load(open(sys.argv[1])), [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
print("loading the model")
for row in reversed(panel):
    tokens = len(row["text"].split()) + 1
    print(json.dumps({"id": row["id"], "nats": tokens * 100 / model["words"], "tokens": tokens}))
log = pathlib.Path(__file__).with_name("calls.txt")
log.write_text(log.read_text() + "evaluate " + " ".join(sorted(panel[0])) + "\\n")
"""
PANEL = ("one two", "three", "", "vier fünf 六 seven")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "programs with spaces"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "evaluate.py").write_text(EVALUATE)
    return folder


def _learner(programs: Path, evaluate: str | None = None, train: str | None = None, **more: object) -> CommandLearner:
    python = f"'{sys.executable}'"
    return CommandLearner(
        train or f"{python} '{programs}/train.py' {{data}} {{model}}",
        evaluate or f"{python} '{programs}/evaluate.py' {{model}} {{panel}}",
        programs / "kept",
        **more,  # type: ignore[arg-type]
    )


def _program(folder: Path, name: str, text: str, arguments: str) -> str:
    (folder / name).write_text(text)
    return f"'{sys.executable}' '{folder / name}' {arguments}"


def _table(texts: tuple[str, ...] = PANEL, recipe: str | None = None, prefix: str = "d") -> pa.Table:
    return documents(list(texts), id=[f"{prefix}{i}" for i in range(len(texts))], recipe=recipe)


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _fit(learner: CommandLearner, seed: int = 0) -> CommandModel:
    return learner.fit(_table(("a b c", "d e")), _rng(seed))


def _loss(programs: Path, evaluate: str, arguments: str = "{model} {panel}") -> Losses:
    learner = _learner(programs, _program(programs, "broken.py", evaluate, arguments))
    return _fit(learner).loss(_table())


def _calls(programs: Path) -> list[str]:
    return (programs / "calls.txt").read_text().splitlines()


def test_losses_come_back_in_the_order_of_the_panel(programs: Path) -> None:
    losses = _fit(_learner(programs)).loss(_table())
    assert losses.tokens.tolist() == [3, 2, 1, 5]
    assert losses.nats == pytest.approx([60, 40, 20, 100])


def test_a_finished_model_is_not_trained_again_and_scored_documents_not_again(programs: Path) -> None:
    first = _fit(_learner(programs), seed=1).loss(_table())
    # another generator, as another process would have it: the command takes no seed
    again = _fit(_learner(programs), seed=2).loss(_table())
    assert again.nats.tolist() == first.nats.tolist()
    assert _calls(programs) == ["train", "evaluate id text"]
    _learner(programs).fit(_table(("a b c", "d f")), _rng())
    _fit(_learner(programs)).loss(_table(("another",)))
    assert _calls(programs) == ["train", "evaluate id text", "train", "evaluate id text"]


def test_the_trainer_sees_which_documents_are_machine_made_and_no_panel(programs: Path) -> None:
    both = pa.concat_tables([_table(("a b", "c")), _table(("d e f",), "rewrites", "m")])
    model = _learner(programs).fit(both, _rng())
    assert json.loads(model.path.read_text())["machine"] == 1
    assert json.loads(model.path.read_text())["words"] == 6
    model.loss(_table())
    left = [path for path in (programs / "kept").rglob("*") if path.is_file()]
    assert {path.name for path in left if not path.name.startswith(("losses-", "evaluate-"))} == {
        "model", "done.json", "train.log", "lock",
    }  # fmt: skip
    # neither the data nor a text of the panel stays behind
    assert not [path for path in left if "fünf".encode() in path.read_bytes()]
    assert "trained on 3" in (model.path.parent / "train.log").read_text()


def test_seeds_are_asked_for_where_the_command_takes_one(programs: Path) -> None:
    plain = _learner(programs)
    assert seeds_of(plain) == 1
    seeded = _learner(programs, train=f"{plain.train} {{seed}}", wanted_seeds=3)
    assert seeds_of(seeded) == 3
    seeds = {json.loads(_fit(seeded, seed).path.read_text())["more"][0] for seed in (1, 2, 1)}
    assert len(seeds) == 2
    assert _calls(programs) == ["train", "train"]


def test_the_regime_reaches_the_trainer(programs: Path) -> None:
    train = f"{_learner(programs).train} --epochs={{epochs}} {{machine_share}} 'a {{not one}}' {{{{}}}}"
    learner = _learner(programs, train=train, regime={"epochs": "2", "machine_share": "0.33"})
    more = json.loads(_fit(learner).path.read_text())["more"]
    assert more == ["--epochs=2", "0.33", "a {not one}", "{{}}"]
    with pytest.raises(ConfigError, match=r"\{epochs\} has no value. Set trainer.epochs"):
        _learner(programs, train=train, regime={"machine_share": "0.3"})


def test_no_shell_reads_the_command(programs: Path) -> None:
    learner = _learner(programs, train=f"{_learner(programs).train} '; touch hacked' $HOME `id` *")
    assert json.loads(_fit(learner).path.read_text())["more"] == ["; touch hacked", "$HOME", "`id`", "*"]


@pytest.mark.parametrize("parquet", [True, False])
def test_losses_may_be_a_file(programs: Path, parquet: bool) -> None:
    write = "import pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.Table.from_pylist(rows), sys.argv[3])"
    if not parquet:
        write = "open(sys.argv[3], 'w').write(''.join(json.dumps(row) + '\\n' for row in rows))"
    text = f"""
import json, sys
rows = [{{"id": json.loads(line)["id"], "nats": 1.5, "tokens": 2}} for line in open(sys.argv[2], encoding="utf-8")]
{write}
print('{{"chatter": 1}}')
"""
    assert _loss(programs, text, "{model} {panel} {losses}").nats.tolist() == [1.5] * 4


def test_samples_of_lm_eval_are_losses(programs: Path) -> None:
    text = """
import json, sys
with open(sys.argv[3], "w") as out:
    for number, line in enumerate(open(sys.argv[2], encoding="utf-8")):
        row = {"doc_id": number, "doc": json.loads(line), "arguments": [["a", "b"]], "filter": "none",
               "metrics": ["word_perplexity"], "word_perplexity": [-2.5 * (number + 1), 5]}
        out.write(json.dumps(row) + "\\n")
"""
    losses = _loss(programs, text, "{model} {panel} {losses}")
    assert losses.nats.tolist() == [2.5, 5.0, 7.5, 10.0]
    assert losses.tokens.tolist() == [5] * 4


ANSWER = """
import json, sys
rows = [{"id": json.loads(line)["id"], "nats": 1.5, "tokens": 2} for line in open(sys.argv[2], encoding="utf-8")]
def say(rows):
    print("".join(json.dumps(row) + "\\n" for row in rows))
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("say(rows[1:3])", r"2 of 4 documents have no loss: d0, d3"),
        ("say(rows + rows[:1])", r"1 documents have more than one loss: d0"),
        ("rows[2]['id'] = 'x'; say(rows)", r"1 of 4 documents have no loss: d2"),
        ("say(rows + [{'id': 'x', 'nats': 1, 'tokens': 1}])", r"1 losses belong to no document of the panel: x"),
        ("rows[1]['nats'] = float('nan'); say(rows)", r"1 losses cannot be used.*d1 has nats = nan"),
        ("rows[1]['nats'] = float('inf'); say(rows)", r"d1 has nats = inf"),
        ("rows[1]['nats'] = -0.1; say(rows)", r"allowed are finite nats from 0 on.*d1 has nats = -0.1"),
        ("rows[1]['nats'] = '1.5'; say(rows)", r"d1 has nats = '1.5'"),
        ("rows[1]['nats'] = None; say(rows)", r"d1 has nats = None"),
        ("rows[1]['tokens'] = 0; say(rows)", r"d1 has tokens = 0"),
        ("rows[1]['tokens'] = 1.5; say(rows)", r"d1 has tokens = 1.5"),
        ("rows[1]['tokens'] = float('inf'); say(rows)", r"d1 has tokens = inf"),
        ("print('loss: 3.2'); print('done')", r"4 of 4 documents have no loss: .*Other lines it printed: loss: 3.2 \| done"),
        ("pass", r"4 of 4 documents have no loss"),
        ("print('{\"id\": \"d0\", \"nats\":')", r"line 1 is no JSON object"),
        ("del rows[0]['tokens']; say(rows)", r"line 1 lacks one of id, nats, tokens"),
        ("sys.stdout.buffer.write(bytes(range(256)) * 50)", r"4 of 4 documents have no loss"),
        ("sys.stdout.buffer.write(b'PAR1' + bytes(100))", r"damaged Parquet file"),
    ],
)  # fmt: skip
def test_answers_that_cannot_be_used_are_refused(programs: Path, change: str, message: str) -> None:
    with pytest.raises(InputError, match=f"(?s){message}"):
        _loss(programs, ANSWER + change)
    # nothing is kept that would be taken for an answer later
    assert not list((programs / "kept").rglob("losses-*"))


def test_a_file_of_losses_has_to_be_there_and_whole(programs: Path) -> None:
    with pytest.raises(InputError, match=r"wrote no file \{losses\}"):
        _loss(programs, ANSWER + "say(rows)", "{model} {panel} {losses}")
    with pytest.raises(InputError, match=r"line 1 is no JSON object: 'loss: 3'"):
        _loss(programs, "import sys; open(sys.argv[3], 'w').write('loss: 3')", "{model} {panel} {losses}")
    text = "import sys, pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.table({'id': ['a']}), sys.argv[3])"
    with pytest.raises(InputError, match="without the column 'nats'"):
        _loss(programs, text, "{model} {panel} {losses}")


def test_a_command_that_fails_says_how_and_its_last_lines(programs: Path) -> None:
    train = _program(programs, "broken.py", "import sys; print('out of memory'); sys.exit(3)", "{data} {model}")
    with pytest.raises(InputError, match=r"(?s)train command ended with exit code 3: .*broken.py.*out of memory"):
        _fit(_learner(programs, train=train))
    killed = _program(programs, "killed.py", "import os; os.kill(os.getpid(), 9)", "{data} {model}")
    with pytest.raises(InputError, match="was ended by signal SIGKILL"):
        _fit(_learner(programs, train=killed))
    with pytest.raises(InputError, match=r"Cannot start the train command '/no/such'.*No such file"):
        _fit(_learner(programs, train="/no/such {data} {model}"))
    nothing = _program(programs, "nothing.py", "", "{data} {model}")
    with pytest.raises(InputError, match="left nothing at"):
        _fit(_learner(programs, train=nothing))
    with pytest.raises(InputError, match=r"(?s)evaluate command ended with exit code 1.*ZeroDivisionError"):
        _loss(programs, "1 / 0")


HANGS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
open(__file__ + ".pid", "w").write(str(child.pid))
time.sleep(600)
"""


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _wait(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_command_that_hangs_is_stopped_with_everything_it_started(programs: Path) -> None:
    train = _program(programs, "hangs.py", HANGS, "{data} {model}")
    start = time.monotonic()
    with pytest.raises(InputError, match="did not end within 3 seconds and was stopped"):
        _fit(_learner(programs, train=train, timeout_seconds=3))
    assert time.monotonic() - start < 20
    pid = int((programs / "hangs.py.pid").read_text())
    assert _wait(lambda: not _is_alive(pid))  # a grandchild that ignores the polite signal


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_ctrl_c_leaves_no_training_behind(programs: Path) -> None:
    train = _program(programs, "hangs.py", HANGS, "{data} {model}")
    pids = programs / "hangs.py.pid"

    def interrupt() -> None:
        _wait(lambda: pids.exists() and pids.read_text() != "")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            _fit(_learner(programs, train=train))
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert _wait(lambda: not _is_alive(int(pids.read_text())))


def test_after_a_kill_the_command_finds_what_it_left(programs: Path) -> None:
    resuming = """
import pathlib, sys
checkpoint = pathlib.Path(sys.argv[2])
if not checkpoint.exists():
    checkpoint.mkdir()
    (checkpoint / "half").touch()
    sys.exit(9)
(checkpoint / "whole").touch()
"""
    learner = _learner(programs, train=_program(programs, "resuming.py", resuming, "{data} {model}"))
    with pytest.raises(InputError, match="exit code 9"):
        _fit(learner)
    assert {path.name for path in _fit(learner).path.iterdir()} == {"half", "whole"}


def test_an_edited_program_is_another_program(programs: Path) -> None:
    learner = _learner(programs)
    _fit(learner).loss(_table())
    (programs / "evaluate.py").write_text(EVALUATE.replace("* 100", "* 200"))
    assert _fit(learner).loss(_table()).nats == pytest.approx([120, 80, 40, 200])
    assert _calls(programs) == ["train", "evaluate id text", "evaluate id text"]  # the model stands
    (programs / "train.py").write_text(TRAIN + "# edited")
    _fit(learner)
    assert _calls(programs)[-1] == "train"


ORPHANED = """
import json, sys, time
print("begun", flush=True)
open(__file__ + ".begun", "w").close()
time.sleep(4)
open(sys.argv[2], "w").close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders are locked elsewhere")
def test_a_command_that_outlives_a_killed_headwater_keeps_its_folder(programs: Path) -> None:
    train = _program(programs, "orphan.py", ORPHANED, "{data} {model}")
    code = f"""
import sys
from pathlib import Path
import numpy as np
from headwater.models.external import CommandLearner
from headwater.schema import documents
learner = CommandLearner({train!r}, "true {{model}} {{panel}}", Path({str(programs / "kept")!r}))
learner.fit(documents(["a b c", "d e"], id=["d0", "d1"]), np.random.default_rng(0))
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    assert _wait((programs / "orphan.py.begun").exists)
    process.kill()
    process.wait()
    learner = _learner(programs, train=train, evaluate="true {model} {panel}")
    with pytest.raises(InputError, match="is in use: another process trains"):
        _fit(learner)

    def free() -> bool:
        try:
            _fit(learner)
        except InputError:
            return False
        return True

    assert _wait(free)


def test_commands_run_in_the_folder_asked_for(programs: Path) -> None:
    train = "python3 train.py {data} {model}"
    learner = CommandLearner(
        train.replace("python3", f"'{sys.executable}'"), "true {model} {panel}", programs / "kept", directory=programs
    )
    assert _fit(learner).path.is_file()


@pytest.mark.parametrize(
    ("train", "evaluate", "faults"),
    [
        ("run {data} {model}", "score {model} {panel}", []),
        ("", "score {model} {panel}", ["train is empty"]),
        ("run {data}", "score {panel}", [r"\{model\} is missing", r"\{model\} is missing"]),
        ("run {data} {modle} {model}", "score {model} {panel}", [r"called \{modle\}.*Did you mean 'model'"]),
        ("run {data} {model} {panel}", "score {model} {panel}", [r"called \{panel\}"]),
        ("run '{data} {model}", "score {model} {panel}", ["No closing quotation"]),
    ],
)
def test_commands_are_checked_before_anything_runs(train: str, evaluate: str, faults: list[str]) -> None:
    found = command_faults(train, evaluate)
    assert len(found) == len(faults)
    for said, expected in zip(found, faults, strict=True):
        assert re.search(expected, said)
    if faults:
        with pytest.raises(ConfigError):
            CommandLearner(train, evaluate, Path())


def test_a_command_writes_no_documents_and_no_documents_need_no_command(programs: Path) -> None:
    model = _fit(_learner(programs))
    with pytest.raises(InputError, match="cannot write documents"):
        model.sample(3, _rng())
    assert model.loss(_table(())).nats.shape == (0,)
    assert _calls(programs) == ["train"]


def test_ids_given_twice_are_told_apart(programs: Path) -> None:
    table = documents(["a", "b c", "d e f"], id=["x", "x", "y"])
    assert _fit(_learner(programs)).loss(table).tokens.tolist() == [2, 3, 4]


def test_the_learner_is_a_value() -> None:
    one = CommandLearner("run {data} {model}", "score {model} {panel}", Path("a"))
    assert one == CommandLearner("run {data} {model}", "score {model} {panel}", Path("a"))
