"""``headwater generate`` as a user meets it: programs, files, endpoints with faults, budgets, kills, records."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from headwater.generate import RequestLedger, ask_through, recipe_of
from headwater.store import store_folder

pytest.importorskip("openai")
SERVER = Path(__file__).parents[1] / "openai_server.py"


class Running:
    """A server in its own process."""

    def __init__(self, folder, settings, port=0):
        self.log = folder / "billed.jsonl"
        self.log.touch()
        (folder / "server.json").write_text(json.dumps(settings))
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), str(port), str(folder / "server.json"), str(self.log)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = int(self.process.stdout.readline())

    @property
    def billed(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stats(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as answer:
            return json.load(answer)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path):
    running = []

    def start(**settings):
        running.append(Running(tmp_path, settings))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def place(tmp_path, prose):
    """A project with parents and a function that writes a recipe."""
    rows = [{"id": f"d{i}", "text": prose(60, i), "group": f"g{i // 2}", "generation": i % 2} for i in range(40)]
    (tmp_path / "parents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def recipe(generator, **sections):
        sections = {"answer": {"languages": "any"}, **sections}
        lines = [
            f'name = "{sections.pop("name", "r")}"',
            "[generator]",
            *(f"{k} = {json.dumps(v)}" for k, v in generator.items()),
        ]
        for section, values in sections.items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        (tmp_path / "r.toml").write_text("\n".join(lines) + "\n")

    recipe.folder = tmp_path
    return recipe


@pytest.fixture
def make(place, cli):
    def run(*more, out="out.jsonl"):
        folder = place.folder
        code, said, err = cli("generate", "--recipe", folder / "r.toml", "--parents", folder / "parents.jsonl", "--out",
                              folder / out, "-C", folder, "-q", "--rejects", folder / "rejects.jsonl", *more)  # fmt: skip
        return code, said, err

    def as_json(*more, out="out.jsonl"):
        code, said, err = run("--json", *more, out=out)
        assert code == 0, err
        found = json.loads(said)
        assert found["requests"] == (
            found["documents"] + sum(found["refused"].values()) + found["failed"] + found["not_asked"]
        )
        return found

    run.json = as_json
    return run


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def endpoint(running, **more):
    return {
        "kind": "endpoint",
        "model": "m",
        "base_url": f"http://127.0.0.1:{running.port}/v1",
        "deployment": "d",
        **more,
    }


FAST = {"first_wait_seconds": 0.01, "concurrency": 8}


def test_a_program_makes_documents_with_full_provenance_and_is_not_started_again(place, make):
    folder = place.folder
    program = folder / "write.py"
    program.write_text(
        "import json, sys\nfrom pathlib import Path\nPath('started').open('a').write('x')\n"
        "for line in sys.stdin:\n    row = json.loads(line)\n"
        "    print(json.dumps({'id': row['id'], 'text': f\"Written of {row['parents'][0]} with seed {row['seed']}.\"}))\n"
    )
    os.chdir(folder)
    place({"kind": "command", "command": [sys.executable, str(program)], "name": "writer"})
    found = make.json()
    assert (found["documents"], found["answered"]) == (40, 40)
    rows = rows_of(folder / "out.jsonl")
    assert [row["parents"] for row in rows] == [[f"d{i}"] for i in range(40)]
    assert [row["generation"] for row in rows[:4]] == [1, 2, 1, 2]
    assert {(row["origin"], row["generator"], row["evidence"]) for row in rows} == {
        ("machine", "writer", "own generation ledger")
    }
    assert rows[3]["group"] == "g1"
    assert rows[0]["recipe"].startswith("r@")
    for name in (".prov.json", ".croissant.json", ".provenance.json"):
        assert (folder / f"out.jsonl{name}").is_file()
    again = make.json(out="again.jsonl")
    assert (again["answered"], again["known"]) == (0, 40)
    assert (folder / "started").read_text() == "x"
    assert (folder / "again.jsonl").read_bytes() == (folder / "out.jsonl").read_bytes()


def test_texts_from_files_are_joined_by_parent_or_by_order(place, make):
    folder = place.folder
    made = [{"text": f"Made of d{i}.", "parents": f"d{i}"} for i in range(39, 4, -1)]
    (folder / "made.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    place({"kind": "files", "paths": ["made.jsonl"], "name": "them"})
    found = make.json()
    assert (found["documents"], found["refused"]) == (35, {"no_text": 5})
    assert [row["text"] for row in rows_of(folder / "out.jsonl")] == [f"Made of d{i}." for i in range(5, 40)]
    place({"kind": "files", "paths": ["made.jsonl"], "name": "them", "parent": ""})
    make.json()
    first = rows_of(folder / "out.jsonl")[0]
    assert (first["text"], first["parents"], first["generator"]) == ("Made of d39.", ["d0"], "them")


def test_an_endpoint_with_every_passing_fault_loses_and_repeats_nothing(place, make, server):
    running = server(
        faults=[["429", 3], ["500", 2], ["503", 2], ["reset", 3], ["malformed", 2], ["cut", 2]], retry_after=0.05
    )
    place(endpoint(running), limits=FAST)
    found = make.json()
    assert (found["documents"], found["failed"]) == (40, 0)
    billed = Counter(one["key"] for one in running.billed)
    assert sum(billed.values()) == 40 + 2 + 2  # what was malformed or cut was billed, and had to be asked again
    assert found["spent"]["unknown"]["completion_tokens"] == (3 + 2 + 2) * 1024
    rows = rows_of(place.folder / "out.jsonl")
    assert {row["meta"]["request"] for row in rows} == set(billed)
    assert len({one["seed"] for one in running.billed}) == 40
    assert {row["generator"] for row in rows} == {"served-model"}


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_streams_that_break_off_are_asked_again(place, make, server, api):
    running = server(faults=[["cut", 4]])
    place(endpoint(running, stream=True, api=api), limits=FAST)
    found = make.json()
    assert found["documents"] == 40
    assert len(running.billed) == 44
    assert found["spent"]["completion_tokens"] == sum(
        one["completion_tokens"] for one in {one["key"]: one for one in running.billed}.values()
    )


@pytest.mark.parametrize(
    ("always", "stream", "refused"),
    [
        ("cut", True, "cut_stream"),
        ("malformed", False, "malformed"),
        ("empty", False, "empty"),
        ("length", False, "truncated"),
        ("length", True, "truncated"),
        ("filter", False, "content_filter"),
    ],
)
def test_bad_answers_are_counted_by_kind_and_kept_aside(place, make, server, always, stream, refused):
    running = server(always=always)
    place(endpoint(running, stream=stream), limits={**FAST, "attempts": 2})
    found = make.json()
    assert found["refused"] == {refused: 40}
    assert (place.folder / "out.jsonl").read_text() == ""
    kept = rows_of(place.folder / "out.jsonl.rejected.jsonl")
    assert {row["reason"] for row in kept} == {refused}
    assert [row["parents"] for row in kept] == [[f"d{i}"] for i in range(40)]


def test_a_slow_endpoint_is_given_up_after_the_timeout_and_asked_again_later(place, make, server):
    running = server(faults=[["slow", 3]], slow=2)
    place(endpoint(running), limits={**FAST, "timeout_seconds": 0.4, "attempts": 1})
    found = make.json("--limit", 10)
    assert (found["documents"], found["failed"]) == (7, 3)
    assert list(found["failures"]) == ["no answer within 0.4 seconds"]
    assert make.json("--limit", 10)["documents"] == 10


def test_what_the_endpoint_asks_to_wait_is_waited(place, make, server):
    running = server(faults=[["429", 1]], retry_after=1.2)
    place(endpoint(running), limits=FAST)
    start = time.monotonic()
    make.json("--limit", 8)
    assert time.monotonic() - start > 1.2


def test_a_hopeless_endpoint_ends_the_command_at_once(place, make, server):
    running = server(always="401")
    place(endpoint(running), limits=FAST)
    code, _, err = make()
    assert code == 2
    assert "it does not accept the key" in err
    assert running.stats()["requests"] <= 8


def test_an_endpoint_where_everything_fails_ends_the_command(place, make, server):
    running = server(always="400")
    place(endpoint(running), limits=FAST)
    code, _, err = make()
    assert code == 2
    assert "the last 10 requests" in err
    assert "HTTP 400: fault 400" in err


def test_the_budget_is_never_passed_and_a_higher_one_goes_on(place, make, server):
    running = server(latency=0.01)
    prices = {"price_in": 1000, "price_out": 10_000, "money": 12}
    place(endpoint(running), limits=FAST, budget=prices, decoding={"max_tokens": 100})
    found = make.json()
    spent = sum(one["prompt_tokens"] * 1e-3 + one["completion_tokens"] * 1e-2 for one in running.billed)
    assert found["stopped"] == "budget"
    assert found["not_asked"] == 40 - found["documents"] > 0
    assert spent <= 12
    assert spent > 12 - 8 * 2  # only what one round of reservations keeps free is left
    assert found["spent"]["money"] == pytest.approx(spent)
    first = len(running.billed)
    place(endpoint(running), limits=FAST, budget={**prices, "money": 1000}, decoding={"max_tokens": 100})
    assert make.json()["documents"] == 40
    assert len(running.billed) == 40 > first


def test_answers_without_token_counts_count_as_the_most_they_can_be(place, make, server):
    running = server(usage=False)
    place(endpoint(running), limits=FAST, decoding={"max_tokens": 100})
    found = make.json("--limit", 5)
    assert (found["spent"]["uncounted"], found["spent"]["completion_tokens"]) == (5, 500)


def test_requests_per_minute_are_kept(place, make, server):
    running = server()
    place(endpoint(running), limits={**FAST, "requests_per_minute": 600})
    start = time.monotonic()
    make.json("--limit", 40)
    assert running.stats()["seconds"] < time.monotonic() - start
    assert len(running.billed) == 40  # fewer than the tenth of a minute's allowance that may go at once


def test_a_renamed_recipe_is_the_same_recipe_and_a_changed_one_is_not(place, make, server):
    running = server()
    place(endpoint(running), limits=FAST)
    first = make.json("--limit", 3)
    place(endpoint(running), limits=FAST, name="better name")
    renamed = make.json("--limit", 3)
    assert renamed["recipe"]["labels"] == first["recipe"]["labels"]
    assert renamed["answered"] == 0
    assert "better name is the recipe that was first used as r" in renamed["notes"][0]
    place(endpoint(running), limits=FAST, decoding={"temperature": 0.1})
    changed = make.json("--limit", 3)
    assert changed["answered"] == 3
    assert changed["recipe"]["labels"] != first["recipe"]["labels"]
    assert "has changed since it was last used" in changed["notes"][0]


def test_a_plan_asks_nothing_and_shows_prompts_and_cost(place, make, server, cli):
    running = server()
    place(endpoint(running), budget={"price_in": 1, "price_out": 2})
    code, said, err = make("--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(said)
    assert (plan["requests"], plan["known"], len(plan["prompts"])) == (40, 0, 3)
    assert 0 < plan["likely"]["money"] < plan["most"]["money"]
    assert running.stats()["requests"] == 0
    assert "Rewrite the following" in make("--dry-run")[1]


def test_what_was_generated_is_recognised_as_our_own(place, make, server, tmp_path, cli):
    place(endpoint(server()), limits=FAST)
    make.json(out="made.jsonl")
    texts = [{"id": row["id"], "text": row["text"]} for row in rows_of(tmp_path / "made.jsonl")]
    (tmp_path / "found.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    code, _, err = cli("audit", tmp_path / "found.jsonl", "--id", "id", "-C", tmp_path, "-q", "--run-id", "a")
    assert code == 0, err
    evidence = pq.read_table(store_folder(tmp_path) / "runs" / "a" / "evidence.parquet").to_pylist()
    known = {row["id"] for row in evidence if row["kind"] == "generation_ledger" and row["origin"] == "machine"}
    assert known == {row["id"] for row in texts}


def test_a_killed_run_goes_on_without_paying_twice(place, make, server):
    """Killed at ten moments with SIGKILL: nothing answered is asked again, and what was under way has the same key."""
    running = server(latency=0.05)
    place(endpoint(running), limits={**FAST, "concurrency": 4})
    folder = place.folder
    command = [sys.executable, "-c", "from headwater.cli.main import main; main()", "generate", "--recipe",
               str(folder / "r.toml"), "--parents", str(folder / "parents.jsonl"), "--out", str(folder / "out.jsonl"),
               "-C", str(folder), "--rejects", str(folder / "rejects.jsonl"), "-q"]  # fmt: skip
    kept = set()
    for more in range(1, 11):
        before = len(running.billed)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(running.billed) < before + 3 * more % 11 + 1:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        new = [one["key"] for one in running.billed[before:]]
        assert not kept & set(new)  # what the ledger held when this run began was not asked again
        with RequestLedger(store_folder(folder)) as ledger:
            keys = list(dict.fromkeys(one["key"] for one in running.billed))
            kept = {key for key, there in zip(keys, ledger.known(keys), strict=True) if there}
    assert kept
    done = make.json()
    billed = Counter(one["key"] for one in running.billed)
    assert (done["documents"], len(billed)) == (40, 40)
    again = sum(billed.values()) - 40
    assert again <= 10 * 2 * 4  # at each kill: what was under way, and what had come and was not yet on the disk
    assert done["spent"]["unknown"]["completion_tokens"] >= again * 1024
    out = (folder / "out.jsonl").read_bytes()
    assert make.json(out="again.jsonl")["answered"] == 0
    assert (folder / "again.jsonl").read_bytes() == out


def test_ctrl_c_keeps_what_is_under_way(place, make, server):
    running = server(latency=0.2)
    place(endpoint(running), limits={**FAST, "concurrency": 4})
    folder = place.folder
    process = subprocess.Popen(
        [sys.executable, "-c", "from headwater.cli.main import main; main()", "generate", "--recipe",
         str(folder / "r.toml"), "--parents", str(folder / "parents.jsonl"), "--out", str(folder / "out.jsonl"),
         "-C", str(folder), "--rejects", str(folder / "rejects.jsonl")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while len(running.billed) < 4:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in said
    asked = running.stats()["requests"]
    assert asked < 40
    done = make.json()
    assert done["documents"] == 40
    assert len(running.billed) == 40  # what was under way was awaited and kept
    assert done["spent"]["unknown"]["completion_tokens"] == 0


def test_missing_options_and_files_are_all_named(cli, tmp_path):
    code, _, err = cli("generate")
    assert code == 2
    assert "--recipe is missing" in err
    assert "--out is missing" in err
    code, _, err = cli("generate", "--recipe", tmp_path / "no.toml", "--parents", "x", "--out", tmp_path / "o.jsonl")
    assert code == 2
    assert "headwater generate --example rephrase" in err
    code, said, _ = cli("generate", "--example", "fill")
    assert code == 0
    assert 'family = "fill"' in said


def test_verifiers_that_nobody_carries_out_are_no_decoration(place, make):
    place({"kind": "command", "command": ["true"]})
    with (place.folder / "r.toml").open("a") as file:
        file.write('[[verify]]\nkind = "no such verifier"\n')
    code, _, err = make()
    assert code == 2
    assert "verif" in err


def test_questions_are_asked_once_and_answered_in_order(place, server):
    running = server(texts={"two": "four", "five": "ten"})
    recipe = recipe_of({"name": "judge", "generator": endpoint(running), "limits": FAST})
    for _ in range(2):
        with RequestLedger(store_folder(place.folder)) as ledger:
            assert ask_through(recipe, ledger)(["twice two", "twice five", "", "twice two"]) == [
                "four",
                "ten",
                "",
                "four",
            ]
    assert len(running.billed) == 2


def test_verifiers_of_the_recipe_keep_documents_apart_with_the_reason(place, make):
    folder = place.folder
    program = folder / "write.py"
    program.write_text(
        "import json, sys\n"
        "for n, line in enumerate(sys.stdin):\n    row = json.loads(line)\n"
        "    print(json.dumps({'id': row['id'], 'text': f'So we find that 2 + {n % 4} = 4 holds, as everybody knows.'}))\n"
    )
    (folder / "own.py").write_text("def any(document):\n    return len(document['text']) > 3\n")
    place({"kind": "command", "command": [sys.executable, str(program)], "name": "writer"})
    with (folder / "r.toml").open("a") as file:
        file.write('[[verify]]\nkind = "arithmetic"\n[[verify]]\nkind = "function"\nfunction = "own.py:any"\n')
    found = make.json()
    assert (found["documents"], found["refused"]) == (10, {"verifier": 30})
    assert found["verifiers"] == {"wrong_arithmetic": 30}
    assert all("2 + 2 = 4" in row["text"] for row in rows_of(folder / "out.jsonl"))
    apart = rows_of(folder / "out.jsonl.rejected.jsonl")
    assert len(apart) == 30
    assert all("wrong_arithmetic" in json.dumps(row) for row in apart)


def test_a_judge_asks_the_recipes_own_endpoint_and_can_only_reject(place, make, server):
    running = server(texts={"VERDICT": "VERDICT: FAIL"})
    place(endpoint(running), limits=FAST)
    with (place.folder / "r.toml").open("a") as file:
        file.write('[[verify]]\nkind = "judge"\nquestion = "Is it true?"\n')
    found = make.json("--limit", "5")
    assert found["documents"] == 0
    assert found["verifiers"] == {"judged_bad": found["refused"]["verifier"]}
