"""A store that is killed, crowded or full loses nothing that was acknowledged and never stores a key twice."""

import os
import random
import shutil
import subprocess
import sys
import time

import pytest

from headwater.store import document_table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and resource limits")

# HEADWATER_KILLS=100 for a longer look.
KILLS = int(os.environ.get("HEADWATER_KILLS", "20"))
ROUNDS = 30
BATCH = 20

PRELUDE = """
import sys
from pathlib import Path
import duckdb, lance
from headwater.errors import LockedError, StoreError
from headwater.schema import documents
from headwater.store import Table, document_table, write_bytes
def rows(name, count=20, size=3):
    ids = [f"{name}-{i}" for i in range(count)]
    return documents([one * size for one in ids], id=ids, origin="human")
print("ready", flush=True)
"""

# Acknowledges each append after it returned.
APPENDS = """
folder, name = sys.stdin.readline().split()
table = document_table(Path(folder), run=name)
for i in range(10_000):
    table.append(rows(f"{name}-{i}"))
    print(i, flush=True)
"""

# Each round both writers get the same keys at the same moment.
COMPETES = """
table = document_table(Path(sys.argv[1]), run=sys.argv[2])
for line in sys.stdin:
    try:
        table.append(rows(line.strip()))
        print("won", flush=True)
    except LockedError:
        print("locked", flush=True)
    except StoreError as error:
        assert "20 of 20 rows repeat a key" in str(error), error
        print("repeated", flush=True)
"""

# Files may grow to 1 MB from here on: what a full disk does to a write, without filling a disk.
FULL = """
import resource
table = document_table(Path(sys.argv[1]), run="full")
table.append(rows("before"))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
for write in (lambda: table.append(rows("too big", 2000, 500)), lambda: write_bytes(Path(sys.argv[1], "f"), bytes(2_000_000))):
    try:
        write()
    except StoreError as error:
        print(error, flush=True)
table.append(rows("after"))
"""

# A file system of 4 MB, filled, then read-only, in a mount namespace of its own; then the table is written again.
REAL = """
import os, subprocess
folder = Path(sys.argv[1])
def mount(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
mount("size=4m")
table = document_table(folder, run="full")
table.append(rows("before"))
def attempt(write):
    try:
        write()
        print("no error", flush=True)
    except StoreError as error:
        print(error, flush=True)
attempt(lambda: table.append(rows("too big", 20_000, 500)))
attempt(lambda: write_bytes(folder / "file", bytes(8_000_000)))
print(sorted(one.name for one in folder.iterdir()), table.check(), table.count(), flush=True)
table.append(rows("after"))
mount("remount,ro")
attempt(lambda: table.append(rows("read-only")))
attempt(lambda: write_bytes(folder / "file", b"x"))
print(table.check(), table.count(), flush=True)
"""


def child(code, *arguments, before=()):
    command = [*before, sys.executable, "-W", "ignore", "-c", PRELUDE + code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_no_acknowledged_append_is_lost_when_writers_are_killed(tmp_path):
    pause = random.Random(0)
    acknowledged: dict[str, set[str]] = {}
    waiting = child(APPENDS)
    for kill in range(KILLS):
        # The next child imports while this one works. Every fourth starts a new table: its first commit is hit too.
        writer, waiting = waiting, child(APPENDS)
        name, folder = f"k{kill}", str(tmp_path / f"store-{kill // 4}")
        assert writer.stdout.readline() == "ready\n"
        print(folder, name, file=writer.stdin, flush=True)
        time.sleep(pause.uniform(0.0, 0.2))
        writer.kill()
        heard = writer.communicate()[0].split("\n")[:-1]  # what follows the last line break was not fully said
        acknowledged.setdefault(folder, set()).update(f"{name}-{i}" for i in heard)
        # The lock of the dead is free, and the table takes rows at once.
        table = document_table(tmp_path / f"store-{kill // 4}")
        assert table.check() == []
    waiting.kill()
    waiting.communicate()

    assert sum(map(len, acknowledged.values())) > KILLS  # the kills came in the midst of work
    for folder, names in acknowledged.items():
        table = document_table(tmp_path / folder)
        stored = table.read(["id"])["id"].to_pylist()
        batches = {one.rpartition("-")[0] for one in stored}
        assert names <= batches
        assert len(set(stored)) == len(stored) == len(batches) * BATCH  # each append is there whole or not at all
        # At most the append under way at each kill is there without having been acknowledged.
        assert len(batches - names) <= 4


def test_two_writers_with_the_same_keys_store_each_once(tmp_path):
    writers = [child(COMPETES, tmp_path, name) for name in ("one", "two")]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    outcomes = []
    for number in range(ROUNDS):
        for writer in writers:
            print(f"round {number}".replace(" ", ""), file=writer.stdin, flush=True)
        outcomes.append(sorted(writer.stdout.readline().strip() for writer in writers))
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert all(pair in (["locked", "won"], ["repeated", "won"]) for pair in outcomes), outcomes
    table = document_table(tmp_path)
    assert table.count() == ROUNDS * BATCH
    assert table.check() == []


def test_a_write_that_does_not_fit_says_so_and_changes_nothing(tmp_path):
    said, _ = (writer := child(FULL, tmp_path)).communicate()
    assert writer.returncode == 0
    ready, table_error, file_error = said.splitlines()
    assert ready == "ready"
    assert table_error.startswith(
        f"Cannot write {tmp_path / 'documents.lance'}: the file would exceed the largest size"
    )
    assert file_error.startswith(f"Cannot write {tmp_path / 'f'}: the file would exceed the largest size")
    table = document_table(tmp_path)
    assert {one.split("-")[0] for one in table.read(["id"])["id"].to_pylist()} == {"before", "after"}
    assert table.check() == []
    assert not (tmp_path / "f").exists()


def _can_mount(folder):
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_full_and_a_read_only_disk_are_named(tmp_path):
    if not _can_mount(tmp_path):
        pytest.skip("this system lets nobody mount a small disk to fill")
    said, _ = (writer := child(REAL, tmp_path, before=["unshare", "-rm"])).communicate()
    assert writer.returncode == 0
    ready, table_full, file_full, after_full, table_locked, file_locked, after_locked = said.splitlines()
    assert ready == "ready"
    assert table_full.startswith(f"Cannot write {tmp_path}/documents.lance: the disk is full. Free some space")
    assert file_full.startswith(f"Cannot write {tmp_path}/file: the disk is full. Free some space")
    assert after_full == f"['documents.lance', 'locks'] [] {BATCH}"
    for error in (table_locked, file_locked):
        assert error.startswith(f"Cannot write {tmp_path}/")
        assert "the file system is read-only" in error
    assert after_locked == f"[] {2 * BATCH}"
