"""The program that locks itself and a foreign program away; run as a script by ``sandbox``, never imported by it.

Three processes: *outside* waits and reports; *builder* makes new namespaces (user, mount, process, network, IPC, host
name) and a root of its own in memory, which holds the interpreter, read-only, and one small folder; *init* is process 1
of the new process namespace, gives up every privilege and starts the foreign program. When init ends, the kernel kills
whatever else runs there, so nothing outlives it. What cannot be set up ends the attempt: the foreign program is started
in the whole jail or not at all.

Standard library only. Linux on x86-64 and 64-bit ARM.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
from typing import Any, NoReturn

_NEW = {"mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
        "pid": 0x20000000, "net": 0x40000000}  # fmt: skip
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 1, 2, 4, 8, 32
_MS_BIND, _MS_REC, _MS_PRIVATE, _MS_NOATIME, _MS_NODIRATIME, _MS_RELATIME = 4096, 16384, 1 << 18, 1024, 2048, 1 << 21
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITIES_V3 = 0x20080522
_NOBODY = 65534

# Numbers of the system calls that are used or refused, by machine.
_CALLS: dict[str, dict[str, int]] = {
    "x86_64": {
        "socket": 41, "clone": 56, "ptrace": 101, "pivot_root": 155, "mount": 165, "umount2": 166, "swapon": 167,
        "reboot": 169, "init_module": 175, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
        "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
        "process_vm_writev": 311, "finit_module": 313, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsmount": 432, "clone3": 435, "mount_setattr": 442,
    },
    "aarch64": {
        "socket": 198, "clone": 220, "ptrace": 117, "pivot_root": 41, "mount": 40, "umount2": 39, "swapon": 224,
        "reboot": 142, "init_module": 105, "add_key": 217, "request_key": 218, "keyctl": 219, "unshare": 97,
        "perf_event_open": 241, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
        "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "userfaultfd": 282, "io_uring_setup": 425,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsmount": 432, "clone3": 435, "mount_setattr": 442,
    },
}  # fmt: skip
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    """Read what is to be run from standard input, run it, and write how it ended to the file descriptor named first."""
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    task = json.loads(sys.stdin.buffer.read())
    _die_with_parent()
    ready, go = os.pipe(), os.pipe()
    builder = os.fork()
    if builder == 0:
        try:
            _build(task, ready[1], go[0])
        except BaseException as error:  # the jail is not whole, so nothing is run in it
            _say(report, {"setup": f"{type(error).__name__}: {error}"})
        os._exit(0)
    os.close(ready[1])
    try:
        if os.read(ready[0], 1) == b"u":
            _map_ids(builder)
            os.write(go[1], b"g")
        _, status = os.waitpid(builder, 0)
    except OSError as error:
        _say(report, {"setup": f"{type(error).__name__}: {error}"})
        os.kill(builder, signal.SIGKILL)
        os._exit(0)
    _say(report, {"exit": os.waitstatus_to_exitcode(status)})
    os._exit(0)


def _build(task: dict[str, Any], ready: int, go: int) -> None:
    """Make the namespaces and the root, then wait for init."""
    _die_with_parent()
    flags = 0
    for flag in _NEW.values():
        flags |= flag
    _checked(_libc.unshare(flags), "new namespaces")
    os.write(ready, b"u")
    if os.read(go, 1) != b"g":
        os._exit(1)
    _root(task)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    _die_with_parent()  # a change of user forgets it
    init = os.fork()
    if init == 0:
        _init(task)
    _, status = os.waitpid(init, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _map_ids(builder: int) -> None:
    """Say who the users of the new namespace are outside.

    The foreign program's user is nobody: root's programs must not be root's even by name. Where root calls, the builder
    needs its own user until it has seen the interpreter, which may lie in root's home.
    """
    ids = f"0 {_NOBODY} 1\n1 0 1\n"
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", ids if os.getuid() == 0 else f"0 {os.getuid()} 1\n"),
        ("gid_map", ids if os.getuid() == 0 else f"0 {os.getgid()} 1\n"),
    ):
        with open(f"/proc/{builder}/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _root(task: dict[str, Any]) -> None:
    """Put a root into memory with what the interpreter needs, and make it this process's."""
    root = task["root"]
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    for path in task["links"]:
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(os.readlink(path), root + path)
    for path in task["readable"]:
        _show(path, root + path)
    os.mkdir(root + "/dev")
    for name in ("null", "zero", "urandom"):
        with open(f"{root}/dev/{name}", "w", encoding="ascii"):
            pass
        _mount(f"/dev/{name}", f"{root}/dev/{name}", None, _MS_BIND)
    box = root + "/box"
    os.mkdir(box)
    _mount("tmpfs", box, "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={task['disk']},nr_inodes=1024,mode=777")
    os.symlink("box", root + "/tmp")
    for name, text in task["files"].items():
        with open(os.path.join(box, name), "x", encoding="utf-8", newline="") as file:
            file.write(text)
    os.chdir(root)
    _checked(_libc.syscall(_CALLS[platform.machine()]["pivot_root"], b".", b"."), "a root of its own")
    _checked(_libc.umount2(b".", _MNT_DETACH), "leaving the old root")
    os.chdir("/")
    _mount(None, "/", None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    os.chdir("/box")


def _show(source: str, target: str) -> None:
    """Make a file or folder visible, read-only."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="ascii"):
            pass
    _mount(source, target, None, _MS_BIND)
    # What the place it comes from forbids cannot be allowed here, and must be said again.
    found = os.statvfs(source).f_flag
    kept = 0
    for flag, bit in ((_MS_NOEXEC, os.ST_NOEXEC), (_MS_NOATIME, os.ST_NOATIME),
                      (_MS_NODIRATIME, os.ST_NODIRATIME), (_MS_RELATIME, os.ST_RELATIME)):  # fmt: skip
        kept |= flag if found & bit else 0
    _mount(None, target, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | kept)


def _init(task: dict[str, Any]) -> NoReturn:
    """Be process 1: give up every privilege, start the foreign program, and end with it."""
    try:
        _die_with_parent()
        _checked(_libc.sethostname(b"box", 3), "a host name of its own")
        _give_up_privileges()
        _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "being no target of debuggers")
        program = os.fork()
        if program == 0:
            _program(task)
        while True:
            ended, status = os.wait()
            if ended == program:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
    except BaseException:
        os._exit(125)


def _program(task: dict[str, Any]) -> NoReturn:
    """Become the foreign program."""
    try:
        os.setsid()
        limits = task["limits"]
        for name, amount in (
            ("RLIMIT_CORE", 0),
            ("RLIMIT_CPU", limits["cpu_seconds"]),
            ("RLIMIT_AS", limits["memory"]),
            ("RLIMIT_FSIZE", task["disk"]),
            ("RLIMIT_NOFILE", limits["open_files"]),
            ("RLIMIT_NPROC", limits["processes"]),
            ("RLIMIT_MEMLOCK", 0),
            ("RLIMIT_MSGQUEUE", 0),
            ("RLIMIT_NICE", 0),
            ("RLIMIT_RTPRIO", 0),
            ("RLIMIT_SIGPENDING", 64),
        ):
            resource.setrlimit(getattr(resource, name, _LIMITS.get(name, -1)), (amount, amount))
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.closerange(3, 256)
        _refuse_calls()
        os.execve(task["command"][0], task["command"], task["environment"])
    except BaseException as error:
        os.write(2, f"the sandbox could not start the program: {error}".encode())
    os._exit(126)


_LIMITS = {"RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14}


def _give_up_privileges() -> None:
    """Drop every capability for good: none is left, none can be gained, none can be inherited."""
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if ctypes.get_errno() != errno.EINVAL:  # numbers above the last one are invalid
        _checked(-1, "giving up privileges")
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("=Ii", _CAPABILITIES_V3, 0)
    _checked(_libc.capset(header, bytes(24)), "giving up privileges")
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "gaining none again")


def _refuse_calls() -> None:
    """Have the kernel refuse system calls that no ordinary program needs and that jails are broken by (seccomp)."""
    machine = platform.machine()
    calls = dict(_CALLS[machine])
    clone, clone3 = calls.pop("clone"), calls.pop("clone3")
    load, jump_equal, jump_set, jump_above, give = 0x20, 0x15, 0x45, 0x35, 0x06
    allowed, killed = 0x7FFF0000, 0x80000000
    no, not_there = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
    new = 0
    for flag in _NEW.values():
        new |= flag
    code = [
        (load, 0, 0, 4),  # the architecture the call is made for
        (jump_equal, 1, 0, _AUDIT_ARCH[machine]),
        (give, 0, 0, killed),
        (load, 0, 0, 0),  # its number
        (jump_above, 0, 1, 0x40000000),  # the x32 numbers
        (give, 0, 0, killed),
        (jump_equal, 0, 1, clone3),
        (give, 0, 0, not_there),  # its flags cannot be looked at; the C library goes on with clone
        (jump_equal, 0, 3, clone),
        (load, 0, 0, 16),  # its flags, the first argument
        (jump_set, 0, 1, new),
        (give, 0, 0, no),
        (load, 0, 0, 0),
    ]
    for number in calls.values():
        code += [(jump_equal, 0, 1, number), (give, 0, 0, no)]
    code.append((give, 0, 0, allowed))
    packed = b"".join(struct.pack("=HBBI", *one) for one in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("@HP", len(code), ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(program, len(program))
    _checked(_libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(holder), 0, 0), "a filter of system calls")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, options)]
    call = _libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])
    _checked(call, f"mounting {target}")


def _die_with_parent() -> None:
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "dying with what started it")


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _say(report: int, found: dict[str, Any]) -> None:
    os.write(report, json.dumps(found).encode() + b"\n")


if __name__ == "__main__":
    main()
