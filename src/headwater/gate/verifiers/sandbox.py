"""A place where generated programs can do no harm: no files but their own, no network, no privileges, no long life.

Built of what Linux offers (user, mount, process and network namespaces, resource limits, a filter of system calls); see
:mod:`headwater.gate.verifiers.jail`. Where the system offers no such isolation nothing is run: there is no lesser mode.
"""

import contextlib
import json
import os
import platform
import selectors
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from headwater.errors import HeadwaterError

_JAIL = Path(__file__).with_name("jail.py")
_OWN_PROCESSES = 3  # builder, init and the program itself count against the limit
_GRACE_SECONDS = 5.0  # setting up the jail takes a tenth of a second on an idle machine


class SandboxUnavailableError(HeadwaterError):
    """The system offers no isolation, so foreign programs are not run."""


class Ending(StrEnum):
    """How a program ended."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    OUTPUT = "too much output"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use."""

    seconds: float = 10.0
    """Wall-clock time."""
    cpu_seconds: int = 10
    """Processor time of one process."""
    memory_mb: int = 512
    """Address space of one process; all together, that times the number of processes."""
    disk_mb: int = 16
    """Files of its folder together, which are in memory."""
    processes: int = 8
    """Processes and threads at once."""
    open_files: int = 64
    output_bytes: int = 64 << 10
    """What it writes to standard output and standard error together; more ends it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program."""

    ending: Ending
    code: int
    """Exit code; 128 and the number of a signal that ended it."""
    output: str
    """The beginning of what it wrote to standard output and standard error."""
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.ending is Ending.EXITED and self.code == 0


@dataclass(frozen=True)
class Sandbox:
    """Runs Python programs locked away.

    Raises on use:
        SandboxUnavailableError: the system offers no isolation.
    """

    limits: Limits = field(default_factory=Limits)
    packages: bool = False
    """Whether programs may import the packages installed beside Headwater (read-only)."""

    def run(self, files: Mapping[str, str], start: str) -> Outcome:
        """Run one of some files with this Python interpreter, in a folder that holds nothing else.

        Args:
            files: content by plain file name.
            start: the file that is run.

        Raises:
            SandboxUnavailableError: the system offers no isolation.
            ValueError: a file name is no plain name.
        """
        if (fault := unavailable()) is not None:
            raise SandboxUnavailableError(fault)
        return self._run(files, start)

    def _run(self, files: Mapping[str, str], start: str) -> Outcome:
        for name in (*files, start):
            if name != Path(name).name or name in {"", ".", ".."} or "\0" in name:
                raise ValueError(f"{name!r} is no plain file name")
        with tempfile.TemporaryDirectory(prefix="headwater-sandbox-") as root:
            return _carried_out(self._task(files, start, root), self.limits)

    def _task(self, files: Mapping[str, str], start: str, root: str) -> dict[str, Any]:
        readable, links = _needed(packages=self.packages)
        environment = {"PATH": "/usr/bin", "HOME": "/box", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        if self.packages:
            environment["PYTHONPATH"] = sysconfig.get_paths()["purelib"]
            environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return {
            "root": root,
            "readable": readable,
            "links": links,
            "files": dict(files),
            "command": [_interpreter(), "-s", f"/box/{start}"],
            "environment": environment,
            "disk": self.limits.disk_mb << 20,
            "limits": {
                "cpu_seconds": self.limits.cpu_seconds,
                "memory": self.limits.memory_mb << 20,
                "open_files": self.limits.open_files,
                "processes": self.limits.processes + _OWN_PROCESSES,
            },
        }


@cache
def unavailable() -> str | None:
    """Return why programs cannot be locked away here, in a sentence; None where they can. Tried once, for real."""
    if sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"}:
        return (
            f"programs are only run where they can be locked away: on Linux (x86-64 or 64-bit ARM), and this is "
            f"{platform.system()} on {platform.machine()}. Run this check there, in a virtual machine for example."
        )
    try:
        # What a program prints once it is alone: no other process, no file of the host.
        found = Sandbox()._run({"probe.py": _PROBE}, "probe.py")  # noqa: SLF001  (its own module)
    except (SandboxUnavailableError, OSError) as error:
        return (
            "programs are only run where they can be locked away, and this system does not allow it: "
            f"{error}. It takes unprivileged user namespaces: sysctl user.max_user_namespaces above 0, "
            "kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0 where they exist; "
            "in a container, --security-opt seccomp=unconfined or a profile that allows unshare."
        )
    if found.output.strip() != "alone":
        return (
            f"programs are only run where they are locked away, and a trial found that they are not: {found.output!r}."
        )
    return None


_PROBE = """
import os, socket
seen = [name for name in ("/etc/passwd", "/proc/self", "/sys/kernel", "/var/lib", "/dev/mem") if os.path.exists(name)]
try:
    socket.socket()
except PermissionError:
    print("alone" if not seen and os.listdir("/box") == ["probe.py"] else seen)
"""


def _carried_out(task: dict[str, Any], limits: Limits) -> Outcome:
    """Run the jail and return how the program in it ended."""
    begun = time.monotonic()
    told, telling = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603  (this interpreter, on our own file)
            [sys.executable, "-I", "-S", str(_JAIL), str(telling)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[telling],
            env={},
            start_new_session=True,
        )
    finally:
        os.close(telling)
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as asking:
            asking.write(json.dumps(task).encode())
        ending, output = _output(process, begun + limits.seconds + _GRACE_SECONDS, begun, limits)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what is inside dies with it
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        with os.fdopen(told, "rb") as file:
            reports = [json.loads(line) for line in file.read(1 << 16).splitlines()]
    fault = next((one["setup"] for one in reports if "setup" in one), None)
    if fault is not None:
        raise SandboxUnavailableError(fault)
    code = next((int(one["exit"]) for one in reports if "exit" in one), 128 + signal.SIGKILL)
    return Outcome(ending, code, output.decode("utf-8", "replace"), time.monotonic() - begun)


def _output(process: "subprocess.Popen[bytes]", deadline: float, begun: float, limits: Limits) -> tuple[Ending, bytes]:
    """Read what a program writes until it ends, is out of time, or writes too much."""
    assert process.stdout is not None
    found = bytearray()
    deadline = min(deadline, begun + limits.seconds)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return Ending.TIMEOUT, bytes(found)
            if not selector.select(min(left, 0.2)):
                if process.poll() is not None:
                    return Ending.EXITED, bytes(found)
                continue
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                break
            found += piece
            if len(found) > limits.output_bytes:
                return Ending.OUTPUT, bytes(found[: limits.output_bytes])
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Ending.TIMEOUT, bytes(found)
    return Ending.EXITED, bytes(found)


def _interpreter() -> str:
    """Return the interpreter itself: that of an environment is a link to it."""
    return os.path.realpath(sys.executable)


@cache
def _needed(*, packages: bool) -> tuple[Sequence[str], Sequence[str]]:
    """Return the files and folders the interpreter needs, and the links of the root that lead to them."""
    base = os.path.realpath(sys.base_prefix)
    wanted = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", _interpreter()]
    # An interpreter of the system's has its library in /usr/lib; all of /usr is nobody's business.
    wanted += [base] if base not in {"/", "/usr"} else [f"/usr/local/lib/python3.{sys.version_info.minor}"]
    if packages:
        wanted.append(sysconfig.get_paths()["purelib"])
    links = [path for path in wanted if Path(path).is_symlink()]
    real = sorted({path for path in wanted if Path(path).exists() and not Path(path).is_symlink()})
    # What lies in something that is shown already is shown with it.
    readable = [path for path in real if not any(path.startswith(other + "/") for other in real if other != path)]
    return readable, links
