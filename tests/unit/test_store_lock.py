"""One writer per table; whoever is refused learns who holds the lock."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from headwater.errors import LockedError
from headwater.store import lock_holder, writer_lock

HOLD = """
import sys, time
from pathlib import Path
from headwater.store.lock import writer_lock
with writer_lock(Path(sys.argv[1]), "documents", run="20261122-174500-3f9a1c"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_and_told_who_holds_the_lock(tmp_path):
    with writer_lock(tmp_path, "documents", run="run-7"):
        with pytest.raises(LockedError) as refused, writer_lock(tmp_path, "documents"):
            pass
        with writer_lock(tmp_path, "verdicts"):  # another table is free
            pass
    message = str(refused.value)
    assert f"run run-7 (process {os.getpid()} on {socket.gethostname()}, since 20" in message
    assert message.startswith("Cannot write to documents:")


def test_the_lock_is_free_after_the_body_and_after_an_error_in_it(tmp_path):
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path, "t"):
        raise ZeroDivisionError
    with writer_lock(tmp_path, "t"):
        assert lock_holder(tmp_path, "t").process == os.getpid()
    assert lock_holder(tmp_path, "t") is None
    assert lock_holder(tmp_path, "never taken") is None
    assert (tmp_path / "t.lock").read_bytes() == b""


def test_a_waiting_writer_gets_the_lock_when_it_is_released(tmp_path):
    taken = threading.Event()

    def hold():
        with writer_lock(tmp_path, "t"):
            taken.set()
            time.sleep(0.3)

    other = threading.Thread(target=hold)
    other.start()
    taken.wait()
    with writer_lock(tmp_path, "t", wait_seconds=30):
        assert lock_holder(tmp_path, "t") is not None
    other.join()


def test_looking_at_the_lock_does_not_turn_a_writer_away(tmp_path):
    with writer_lock(tmp_path, "t"):
        pass
    stop = threading.Event()

    def look():
        while not stop.is_set():
            lock_holder(tmp_path, "t")

    onlooker = threading.Thread(target=look)
    onlooker.start()
    try:
        for _ in range(200):
            with writer_lock(tmp_path, "t", wait_seconds=5):
                pass
    finally:
        stop.set()
        onlooker.join()


def test_a_killed_holder_blocks_nobody(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    with child:
        assert child.stdout.readline() == b"held\n"
        assert lock_holder(tmp_path, "documents").process == child.pid
        with pytest.raises(LockedError, match=rf"run 20261122-174500-3f9a1c \(process {child.pid} on"):  # noqa: SIM117
            with writer_lock(tmp_path, "documents"):
                pass
        child.send_signal(signal.SIGKILL)
        child.wait()
    with writer_lock(tmp_path, "documents"):
        assert lock_holder(tmp_path, "documents").process == os.getpid()


def test_a_started_program_does_not_keep_the_lock(tmp_path):
    with writer_lock(tmp_path, "t"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    with child:
        try:
            with writer_lock(tmp_path, "t"):
                assert child.poll() is None
        finally:
            child.kill()
