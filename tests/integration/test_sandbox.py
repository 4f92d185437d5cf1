"""Generated programs try to get out, and do not: what each attempt meets, on the real kernel."""

import os
import subprocess
import time
from pathlib import Path

import pytest

import headwater
from headwater.gate.verifiers.sandbox import Ending, Limits, Outcome, Sandbox, unavailable

FAULT = unavailable()
pytestmark = pytest.mark.skipif(FAULT is not None, reason=str(FAULT))


def run(program: str, **limits: float) -> Outcome:
    return Sandbox(Limits(**limits)).run({"program.py": program}, "program.py")


def test_an_ordinary_program_runs_with_its_files_and_says_how_it_ended() -> None:
    files = {"main.py": "import other, sys\nprint(other.x)\nsys.exit(3)", "other.py": "x = 41 + 1"}
    done = Sandbox().run(files, "main.py")
    assert (done.ending, done.code, done.output) == (Ending.EXITED, 3, "42\n")
    assert not done.succeeded
    assert run("pass").succeeded


def test_the_standard_library_works() -> None:
    names = "json, re, math, random, threading, unittest, decimal, asyncio, sqlite3, ssl, hashlib, tempfile, subprocess"
    assert run(f"import {names}\nprint('ok')").output == "ok\n"


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/etc/shadow", "/proc/self/environ", "/proc/1/root", "/sys/kernel", "/var/log", "/dev/mem", "/run"],
)
def test_files_of_the_system_are_not_there(path: str) -> None:
    assert run(f"import os\nprint(os.path.exists({path!r}))").output == "False\n"


def test_files_of_the_host_cannot_be_read_or_listed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    program = f"""
import os
for path in ({str(secret)!r}, {str(tmp_path)!r}, {headwater.__file__!r}, {str(Path(__file__))!r}):
    print(os.path.exists(path), end=" ")
found = [os.path.join(folder, name) for folder, _, names in os.walk("/") for name in names if name == "secret"]
print(found)
"""
    assert run(program).output == "False False False False []\n"


def test_nothing_outside_of_its_folder_can_be_written() -> None:
    program = """
import os, sys
for path in ("/x", "/usr/lib/x", "/lib/x", "/dev/x", sys.prefix + "/x", sys.executable, os.__file__):
    try:
        open(path, "a").close()
        print("wrote", path)
    except OSError as error:
        print(error.errno)
open("/tmp/mine", "w").write("mine")
print(sorted(os.listdir("/box")))
"""
    lines = run(program).output.splitlines()
    assert set(lines[:-1]) <= {"30", "13", "1"}  # read-only, no permission
    assert lines[-1] == "['mine', 'program.py']"


def test_the_environment_of_the_caller_does_not_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "the secret")
    output = run("import os\nprint(sorted(os.environ), os.environ.get('API_KEY'))").output
    assert "the secret" not in output
    assert "API_KEY" not in output


def test_open_files_of_the_caller_do_not_get_in(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("the secret")
    with (tmp_path / "open").open() as file:
        os.set_inheritable(file.fileno(), True)
        program = "import os\nfor n in range(3, 200):\n    try: print(n, os.read(n, 100))\n    except OSError: pass"
        assert run(program).output == ""


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET"])
def test_no_socket_can_be_opened(family: str) -> None:
    done = run(f"import socket\nsocket.socket(socket.{family}, socket.SOCK_DGRAM)")
    assert "PermissionError" in done.output
    assert done.code == 1


def test_a_fork_bomb_ends_with_its_limit() -> None:
    begun = time.monotonic()
    done = run("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", seconds=2)
    assert done.ending is Ending.TIMEOUT
    assert time.monotonic() - begun < 20
    assert not _left_behind()


def test_too_many_threads_are_refused() -> None:
    program = """
import threading, time
try:
    for n in range(100):
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
except RuntimeError:
    print("refused after", n)
"""
    output = run(program).output
    assert output.startswith("refused after")
    assert int(output.split()[-1]) < 10


def test_nothing_outlives_the_program() -> None:
    program = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1); os.close(2)
        time.sleep(60)
    os._exit(0)
"""
    assert run(program).succeeded
    assert not _left_behind()


@pytest.mark.parametrize(
    "program",
    ["while True: pass", "import time\ntime.sleep(100)", "import os\nos.close(1); os.close(2)\nwhile True: pass"],
)
def test_a_program_that_does_not_end_is_ended(program: str) -> None:
    done = run(program, seconds=1.5)
    assert done.ending is Ending.TIMEOUT
    assert done.seconds < 20
    assert not _left_behind()


def test_signals_it_ignores_do_not_keep_it_alive() -> None:
    program = "import signal, time\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except OSError: pass\ntime.sleep(60)"
    assert run(program, seconds=1.5).ending is Ending.TIMEOUT
    assert not _left_behind()


def test_memory_is_bounded() -> None:
    assert "MemoryError" in run("x = bytearray(1 << 30)", memory_mb=256).output


def test_the_folder_is_bounded_in_bytes_and_in_files() -> None:
    assert "No space left" in run("open('/box/x', 'wb').write(bytes(5 << 20))", disk_mb=2).output.replace(
        "File too large", "No space left"
    )
    assert "No space left" in run("for n in range(10_000): open(f'/box/{n}', 'w').close()").output


def test_output_is_bounded() -> None:
    done = run("while True: print('x' * 1000)", output_bytes=10_000)
    assert done.ending is Ending.OUTPUT
    assert len(done.output) == 10_000


@pytest.mark.parametrize(
    "call",
    [
        "libc.unshare(0x10000000)",
        "libc.mount(b'tmpfs', b'/box', b'tmpfs', 0, None)",
        "libc.mount(None, b'/', None, 32 | 4096, None)",  # the root, writable again
        "libc.umount2(b'/box', 2)",
        "libc.ptrace(16, 1, 0, 0)",
        "libc.setns(0, 0)",
        "libc.chroot(b'/box')",
        "libc.setuid(1)",
        "libc.sethostname(b'x', 1)",
        "libc.syscall(425, 8, 0)",  # io_uring_setup
        "libc.syscall(250, 0, 0)",  # keyctl
        "libc.clone(0, 0, 0x10000000, 0)",
        "libc.mknod(b'/box/d', 0o60666, 0x0800)",  # a disk
    ],
)
def test_the_doors_out_are_shut(call: str) -> None:
    if call.startswith("libc.syscall(250") and os.uname().machine != "x86_64":
        pytest.skip("the number of keyctl on x86-64")
    done = run(f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint({call})")
    assert done.output == "-1\n"


def test_it_can_kill_nobody_but_its_own() -> None:
    program = f"""
import os, signal
for pid in (1, {os.getpid()}, {os.getppid()}):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError as error:
        print(type(error).__name__)
print("still here")
"""
    done = run(program)
    assert done.output.endswith("still here\n")
    assert done.succeeded


@pytest.mark.parametrize("name", ["../x.py", "/x.py", "", "a/b.py", "..", "x\0.py"])
def test_only_plain_file_names_are_taken(name: str) -> None:
    with pytest.raises(ValueError, match="no plain file name"):
        Sandbox().run({name: ""}, name)


def test_it_works_for_an_ordinary_user_too(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("the other tests ran as an ordinary user already")
    jail = Path(headwater.__file__).parent / "gate" / "verifiers"
    for name in ("jail.py", "sandbox.py"):
        (tmp_path / name).write_bytes((jail / name).read_bytes())
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip("the system has no interpreter that every user may start")
    script = f"""
import os, sys, types
os.setgid(65534); os.setuid(65534)
os.environ["HOME"] = "/nonexistent"
errors = types.ModuleType("headwater.errors")
errors.HeadwaterError = Exception
sys.modules["headwater"], sys.modules["headwater.errors"] = types.ModuleType("headwater"), errors
sys.path.insert(0, {str(tmp_path)!r})
import sandbox
print(sandbox.unavailable())
"""
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False, cwd="/")
    if "No module named" in done.stderr or "SyntaxError" in done.stderr or "ImportError" in done.stderr:
        pytest.skip("the system's interpreter is older than 3.11")
    said = done.stdout.strip()
    # Either it works, or it is refused with what to do; never a program run without its jail.
    assert said == "None" or said.startswith("programs are only run where they can be locked away"), done.stderr


def test_where_there_is_no_isolation_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from headwater.gate.verifiers import sandbox

    monkeypatch.setattr(sandbox, "unavailable", lambda: "programs are only run where they can be locked away")
    with pytest.raises(sandbox.SandboxUnavailableError, match="locked away"):
        Sandbox().run({"a.py": "print(1)"}, "a.py")
    from headwater.gate.verifiers import code

    monkeypatch.setattr(code, "unavailable", lambda: "programs are only run where they can be locked away")
    with pytest.raises(sandbox.SandboxUnavailableError):
        code.UnitTests("assert True")


def _left_behind() -> bool:
    """Return whether a process of a jail is alive after a moment."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]
        if not any(b"jail.py" in line or b"/box/program.py" in line for line in lines):
            return False
        time.sleep(0.05)
    return True


def _readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True
