"""A curation that is killed, interrupted, runs out of disk or meets a part it cannot do: nothing is lost or done twice.

Every test ends with the same command given again, and with the very bytes of a curation that nothing happened to.
"""

import contextlib
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from headwater.curate import CurateResult, curate_files, curate_settings, rethreshold_folder
from headwater.curate.job import plan_curation
from headwater.engine import EmbeddedEngine
from headwater.errors import StoreError
from headwater.origin.exported import record_names
from headwater.store import writer_lock

SHARD_BYTES = 3_000
STOPS = "The house of the people that have to be with it. "
MAIN = "import sys; from headwater.cli.main import main; sys.argv = ['headwater', *sys.argv[1:]]; main()"

# A rule of the user's own that drops nothing, and where the file ``orders`` beside it says so, does harm.
RULE = """
import os, signal, time
from pathlib import Path

HERE = Path(__file__).parent

def judge(batch):
    orders = HERE / "orders"
    for order in orders.read_text().splitlines() if orders.exists() else []:
        what, _, which = order.partition(" ")
        if not any(which in text for text in batch["text"].to_pylist()):
            continue
        if what == "kill-once":
            if (HERE / "died").exists():
                continue
            (HERE / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "wait":
            (HERE / "waiting").touch()
            time.sleep(0.3)
        if what == "vanish":
            (HERE / "corpus" / "c.jsonl").unlink(missing_ok=True)
            with (HERE / "corpus" / "b.jsonl").open("a") as file:
                file.write("more")
    return [False] * batch.num_rows
"""

# Curates and dies at the first event of a kind.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from headwater.curate import curate_files, curate_settings
from headwater.curate import concluding
from headwater.engine import EmbeddedEngine

corpus, rules, out, event, workers = sys.argv[1:]

def happened(what):
    if what.startswith(event):
        os.kill(os.getpid(), signal.SIGKILL)

concluding.clear_work = lambda folder: happened("manifest written")
with EmbeddedEngine(int(workers)) as engine:
    curate_files([corpus], curate_settings(rules), Path(out), engine, lambda done, total, what: happened(what),
                 shard_bytes=SHARD_BYTES, page=lambda result: happened("report"))
""".replace("SHARD_BYTES", str(SHARD_BYTES))


@pytest.fixture
def place(tmp_path, prose) -> Path:
    """Return a folder with a corpus, a rule of the user's own, and the settings that name it."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    texts = [STOPS + prose(120, seed) for seed in range(36)]
    for name, own in (("a", texts[:12]), ("b", texts[12:24]), ("c", texts[24:])):
        rows = [{"text": text, "source": name} for text in own]
        # Copies of what other files have: of the longer two the earlier stays.
        rows.append({"text": texts[30].replace(texts[30].split()[30], "x", 1), "source": "near"})
        rows.append({"text": texts[3], "source": "copy"})
        if name == "c":  # a document of which sentences are cut that one before it has
            rows.append({"text": prose(120, 40) + " " + ". ".join(texts[30].split(". ")[3:9]) + ".", "source": "cut"})
        lines = [json.dumps(row) for row in rows]
        lines.insert(5, '{"text": ')
        (corpus / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "rule.py").write_text(RULE)
    # How it is run may differ from time to time, the settings may not.
    (tmp_path / "rules.toml").write_text(
        f'extends = "none"\n[custom.harmful]\npython = "{tmp_path / "rule.py"}:judge"\n[columns]\nsource = "source"\n'
        "[duplicates]\nsentences = true\n"
    )
    return tmp_path


def curate(place: Path, out: Path, workers: int = 1, **more: object) -> CurateResult:
    settings = curate_settings(str(place / "rules.toml"))
    with EmbeddedEngine(workers) as engine:
        return curate_files([place / "corpus"], settings, out, engine, shard_bytes=SHARD_BYTES, **more)


def files(out: Path) -> dict[str, bytes]:
    """Return everything in a folder, half written files included, but not the records of when it was made."""
    dated = {"curation.json", "report.html", ".work/locks/curation.lock", *record_names("kept")}
    found = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in dated}


def clean(place: Path, name: str = "clean") -> dict[str, bytes]:
    """Return the files of a curation that nothing happens to."""
    result = curate(place, place / name)
    assert (result.documents.read, result.documents.bad) == (46, 3)
    assert result.documents.adds_up
    assert len(list((place / name / "kept").iterdir())) > 8
    assert pq.read_table(place / name / "copied.parquet").num_rows == 1
    return files(place / name)


def notes(out: Path) -> dict[str, tuple[int, int]]:
    """Return which parts are through, with what tells whether one was written anew."""
    found = [path for phase in ("measured", "finished") for path in (out / ".work" / phase).glob("*.json")]
    found += [path for path in (out / ".work" / "measured").glob("*.parquet") if path.with_suffix(".json").exists()]
    return {str(path.relative_to(out)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def orders(place: Path, *lines: str) -> None:
    (place / "orders").write_text("\n".join(lines))


def test_a_curation_killed_again_and_again_gives_the_same_bytes(place):
    expected = clean(place)
    out = place / "out"
    deaths = ["measuring, 1 of", "measuring, 3 of", "measuring, 2 of", "looking for copies", "deciding, 1 of"]
    deaths += ["deciding, 3 of", "counting", "report"]
    was: dict[str, tuple[int, int]] = {}
    for event in deaths:
        arguments = [str(place / "corpus"), str(place / "rules.toml"), str(out), event, "1"]
        run = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], check=False, capture_output=True, text=True)
        assert run.returncode == -signal.SIGKILL, run.stderr
        now = notes(out)
        assert {name: now.get(name) for name in was} == was  # what was finished is not done again
        assert len(now) > len(was) or " of" not in event
        was = now
        assert not (out / "curation.json").exists()
    result = curate(place, out)
    assert (result.documents.read, result.documents.bad) == (46, 3)
    assert result.documents.adds_up
    assert files(out) == expected


def test_killed_between_the_record_and_the_last_cleaning_it_is_finished(place):
    expected = clean(place)
    out = place / "out"
    arguments = [str(place / "corpus"), str(place / "rules.toml"), str(out), "manifest written", "1"]
    run = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], check=False, capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    with pytest.raises(StoreError, match="holds a finished curation"):
        curate(place, out)
    assert files(out) == expected


def test_a_rethresholding_that_is_stopped_is_made_anew(place):
    clean(place)
    changes = {"custom:harmful": False}
    whole = rethreshold_folder(place / "clean", changes, place / "whole")

    def stop(done: int, total: int, what: str) -> None:
        if (what, done) == ("writing", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rethreshold_folder(place / "clean", changes, place / "again", stop)
    assert len(list((place / "again" / "kept").glob("part-*"))) == 3
    (place / "again" / "kept" / ".part-00003.parquet.0.tmp").touch()  # as a killed one leaves it
    again = rethreshold_folder(place / "clean", changes, place / "again")
    assert again.documents == whole.documents
    assert files(place / "again") == files(place / "whole")
    with pytest.raises(StoreError, match="holds a finished curation"):
        rethreshold_folder(place / "clean", changes, place / "again")


def test_killed_at_any_moment_with_workers(place):
    expected = clean(place)
    out = place / "out"
    arguments = [str(place / "corpus"), str(place / "rules.toml"), str(out), "never", "2"]
    for seconds in (0.05, 0.25, 0.6):
        child = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments], stderr=subprocess.DEVNULL, start_new_session=True
        )
        until(lambda child=child: child.poll() is not None or (out / ".work" / "job.json").exists())
        time.sleep(seconds)
        child.kill()  # its workers follow it
        child.wait()
    if not (out / "curation.json").exists():
        curate(place, out)
    assert files(out) == expected


def test_a_worker_killed_in_the_middle_of_a_part_costs_nothing(place):
    expected = clean(place)
    texts = [json.loads(line)["text"] for line in (place / "corpus" / "b.jsonl").read_text().splitlines()[7:9]]
    orders(place, *(f"kill-once {text[60:90]}" for text in texts))
    out = place / "out"
    result = curate(place, out, 2)
    assert (place / "died").exists()
    assert not result.failed
    assert result.documents.adds_up
    assert files(out) == expected


def test_a_part_that_always_fails_is_named_and_taken_up_again(place, cli, monkeypatch):
    expected = clean(place)
    monkeypatch.setitem(curate_files.__kwdefaults__, "shard_bytes", SHARD_BYTES)
    out = place / "out"
    parts = plan_curation([place / "corpus"], curate_settings("none"), SHARD_BYTES).shards
    # The document that stays of a cluster, all others of which are in other parts: without it another one stays.
    longest = json.loads((place / "corpus" / "c.jsonl").read_text().splitlines()[7])["text"]
    orders(place, f"kill {' '.join(longest.split()[29:32])}")
    command = ("curate", place / "corpus", "--rules", place / "rules.toml", "-o", out, "--workers", 2, "--json", "-q")
    code, said, err = cli(*command)
    assert code == 2, err
    found = json.loads(said)
    assert [one["file"] for one in found["failed"]] == [str(place / "corpus" / "c.jsonl")]
    (deadly,) = (shard for shard in parts if str(shard) == found["failed"][0]["part"])
    assert "killed by SIGKILL" in found["failed"][0]["error"]
    assert f"1 of {len(parts)} parts failed" in found["warnings"][-1]
    counts = found["documents"]
    assert 36 < counts["in"] < 46
    assert counts["in"] == counts["kept"] + counts["dropped"] + counts["bad"]
    assert {path.name for path in (out / "kept").iterdir()} == {
        f"part-{shard.number:05}.parquet" for shard in parts if shard != deadly
    }
    assert not (out / "curation.json").exists()
    was = notes(out)
    (place / "orders").unlink()
    measured = {path.name: path.stat().st_mtime_ns for path in (out / ".work" / "measured").glob("*.parquet")}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("headwater.curate.concluding.clear_work", lambda folder: None)
        code, said, err = cli(*command)
    assert code == 0, err
    assert json.loads(said)["documents"] == {"in": 46, "kept": 37, "dropped": 6, "bad": 3}
    now = {path.name: path.stat().st_mtime_ns for path in (out / ".work" / "measured").glob("*.parquet")}
    assert {name: time for name, time in now.items() if name in measured} == measured
    again = notes(out)
    anew = [name for name, state in was.items() if again[name] != state]
    assert 1 <= len(anew) <= 3  # of the parts that were finished those with copies of what was missing
    shutil.rmtree(out / ".work")
    assert files(out) == expected


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_says_how_to_go_on(place, workers, cli):
    orders(place, "wait ")
    out = place / "out"
    command = [str(place / "corpus"), "--rules", str(place / "rules.toml"), "-o", str(out), "--workers", str(workers)]
    child = subprocess.Popen(
        [sys.executable, "-c", MAIN, "curate", *command, "--restart"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: (place / "waiting").exists() or child.poll() is not None)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all of them
    said, err = child.communicate(timeout=60)
    assert (child.returncode, said) == (130, "")
    # To begin anew would throw away what there is.
    assert f"Interrupted. Finished parts are kept; go on with: {shlex.join(['headwater', 'curate', *command])}\n" in err
    assert "Traceback" not in err
    (place / "orders").unlink()
    assert cli("curate", *command, "-q")[0] == 0


def test_two_runs_into_one_folder(place, cli):
    out = place / "out"
    command = ("curate", place / "corpus", "--rules", "none", "--dedup", "off", "-o", out, "--workers", 1, "-q")
    with writer_lock(out / ".work" / "locks", "curation", run="headwater curate"):
        for more in ((), ("--restart",)):
            code, said, err = cli(*command, *more)
            assert (code, said) == (2, "")
            assert f"Cannot write to {out}: run headwater curate (process {os.getpid()}" in err
            assert "One process writes at a time. Wait until it has finished, or end it" in err
    assert cli(*command)[0] == 0


def test_files_that_vanish_or_change_while_they_are_read(place):
    orders(place, f"vanish {STOPS}")  # said of every document, so with the first batch
    result = curate(place, place / "out")
    assert result.documents.adds_up
    assert result.bad_by_kind["changed_file"] >= 2
    assert any("vanished or changed while it was read" in warning for warning in result.warnings)
    rejects = [json.loads(line) for line in (place / "out" / "rejects.jsonl").read_text().splitlines()]
    assert {Path(one["file"]).name for one in rejects if one["kind"] == "changed_file"} == {"b.jsonl", "c.jsonl"}
    kept = sum(pq.read_metadata(path).num_rows for path in (place / "out" / "kept").iterdir())
    assert kept == result.documents.kept > 0


@contextlib.contextmanager
def small_files(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as when a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_files_that_may_not_grow_stop_it_until_they_may(place):
    expected = clean(place)
    out = place / "out"
    size = min(path.stat().st_size for path in (place / "clean").rglob("*.parquet"))
    with small_files(size), pytest.raises(StoreError, match=r"[Cc]annot write .*then repeat the command"):
        curate(place, out)
    assert not list(out.rglob("*.tmp"))
    result = curate(place, out)
    assert result.documents.adds_up
    assert files(out) == expected


@pytest.fixture
def disk(place) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a small file system with options, or changes those of the mounted one."""
    path = place / "disk"
    path.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        how = ["mount", "-o", f"remount,{options}", str(path)]
        if not mounted:
            how = ["mount", "-t", "tmpfs", "-o", options, "none", str(path)]
        if sys.platform != "linux" or os.geteuid() or subprocess.run(how, check=False, capture_output=True).returncode:
            pytest.skip("mounting a small file system needs the rights of root")
        mounted = True
        return path

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", str(path)], check=False)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_stops_it_until_there_is_room(place, disk, workers):
    expected = clean(place)
    used = sum(len(data) for data in expected.values())
    out = disk(f"size={max(used // 2, 120_000)}") / "out"
    with pytest.raises(StoreError, match=r"disk is full.*repeat the command") as error:
        curate(place, out, workers)
    assert str(out) in str(error.value)
    before = notes(out)
    with pytest.raises(StoreError, match="disk is full"):  # and again, without harm
        curate(place, out, workers)
    disk("size=50m")
    result = curate(place, out, workers)
    assert result.documents.adds_up
    assert files(out) == expected
    assert before


def test_a_folder_that_cannot_be_written_to_is_named(place, disk, cli):
    out = disk("size=1m,mode=0755") / "out"
    disk("ro")
    code, said, err = cli("curate", place / "corpus", "--rules", "none", "--dedup", "off", "-o", out, "-q")
    assert (code, said) == (2, "")
    assert str(out) in err
    assert "the file system is read-only" in err
    assert "Traceback" not in err
