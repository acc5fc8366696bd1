"""Puts the process it is called in behind walls: bounded memory and time, no files written, no network, alone.

Called by the child before any parser is imported. Each wall is tried; `Walls` says which ones stand.
Linux has them all; elsewhere the bounds that POSIX knows remain.
"""

import ctypes
import errno
import math
import os
import resource
import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engines.parsing import landlock
from engines.parsing.limits import Limits

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ERRNO, which takes the error's number
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # places in `struct seccomp_data`
_X32 = 0x40000000
_CLONE_THREAD = 0x10000


@dataclass(frozen=True, slots=True)
class _Machine:
    """The numbers of system calls on one architecture, by what is refused of them."""

    architecture: int
    always: tuple[int, ...]
    """socket, socketpair, execve, execveat, ptrace, process_vm_readv, process_vm_writev, io_uring_setup,
    pidfd_send_signal; and fork and vfork where there are such."""
    to_others: tuple[int, ...]
    """kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo: signals to any process but itself, as abort sends."""
    clone: int
    clone3: int
    prlimit: int


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E, (41, 53, 59, 322, 101, 310, 311, 425, 424, 57, 58), (62, 200, 234, 129, 297), 56, 435, 302
    ),
    "aarch64": _Machine(
        0xC00000B7, (198, 199, 221, 281, 117, 270, 271, 425, 424), (129, 130, 131, 138, 240), 220, 435, 261
    ),
}


@dataclass(frozen=True, slots=True)
class Walls:
    """Which walls stand: two that keep the process from the network, and one around files and other processes."""

    namespace: bool
    seccomp: bool
    landlock: bool

    def __str__(self) -> str:
        """How it is kept from the network, and what else it is kept from."""
        if self.namespace and self.seccomp:
            network = "a network namespace of its own and a seccomp filter that refuses sockets"
        elif self.namespace:
            network = "a network namespace of its own"
        else:
            network = "a seccomp filter that refuses sockets" if self.seccomp else "not possible here"
        return f"{network}; Landlock keeps it from changing files and other processes" if self.landlock else network


def enter(limits: Limits) -> Walls:
    """Raises nothing: a wall that the system does not allow is left out and reported."""
    die_with_parent()
    hide_memory()
    _bound(limits)
    walls = Walls(namespace=leave_network(), landlock=leave_files_alone(), seccomp=refuse_system_calls())
    if not walls.seccomp:  # the filter tells processes from threads, which OCR has; this limit does not
        _set_limit(resource.RLIMIT_NPROC, 0, 0)
    return walls


def die_with_parent() -> None:
    """Kills this process when the thread that started it ends; Linux only. A fork does not inherit this."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def hide_memory() -> None:
    """No other process of this user reads or writes this one's memory through /proc; Linux only. Forks inherit this."""
    _prctl(_PR_SET_DUMPABLE, 0)


def leave_network() -> bool:
    """Moves into an empty network namespace, which has no way out, not even to this machine."""
    libc = _libc()
    return libc is not None and libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0


def leave_files_alone() -> bool:
    """No file is changed, and no other process's memory read: where there is no namespace, only this stops that."""
    libc = _libc()
    return libc is not None and landlock.enter(libc)


def refuse_system_calls() -> bool:
    """No sockets (a namespace does not close sockets that are files), no other programs, no processes of its own
    besides threads, nothing done to other processes."""
    libc = _libc()
    machine = _MACHINES.get(os.uname().machine)
    if libc is None or machine is None:
        return False
    program = _filter(machine, os.getpid())
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0) == 0)


def _filter(machine: _Machine, own_process: int) -> bytes:
    """A classic BPF program over `struct seccomp_data`. A test's two numbers say how many instructions are
    skipped when it holds and when it does not."""
    refuse = (_RETURN, 0, 0, _REFUSE | errno.EPERM)

    def unless(number: int, test: int, value: int) -> list[tuple[int, int, int, int]]:
        """Refused unless its first argument passes the test; process ids and flags are 32 bits of it."""
        load = (_LOAD, 0, 0, _FIRST_ARGUMENT)
        return [(_EQUAL, 0, 4, number), load, (test, 0, 1, value), (_RETURN, 0, 0, _ALLOW), refuse]

    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine.architecture),
        refuse,
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        refuse,
    ]
    for number in machine.always:
        program += [(_EQUAL, 0, 1, number), refuse]
    for number in machine.to_others:
        program += unless(number, _EQUAL, own_process)
    program += unless(machine.prlimit, _EQUAL, 0)
    program += unless(machine.clone, _ANY_BIT, _CLONE_THREAD)
    # Its flags lie in memory, where a filter does not look; C libraries know that it may be missing, and use clone.
    program += [(_EQUAL, 0, 1, machine.clone3), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *each) for each in program)


def _address_space() -> int:
    """What this process has of it by now, in bytes: its interpreter and libraries, and none of the document."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _bound(limits: Limits) -> None:
    memory = _address_space() + int(limits.memory_mb * 1024 * 1024)
    cpu = max(1, int(limits.cpu_seconds))
    most_cpu = cpu + 1 + math.ceil(limits.ocr_pages * limits.ocr_page_seconds)  # see allowance()
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, cpu, most_cpu),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _set_limit(kind, soft, hard)


@contextmanager
def allowance(seconds: float) -> Iterator[None]:
    """Within, this much processor time may be used (then comes SIGXCPU), whatever was used before; after it, as much
    as was left before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    before = time.process_time()
    _set_limit(resource.RLIMIT_CPU, min(math.ceil(before + seconds), hard) if hard >= 0 else soft, hard)
    try:
        yield
    finally:
        used = math.ceil(time.process_time() - before)
        _set_limit(resource.RLIMIT_CPU, min(soft + used, hard) if hard >= 0 else soft, hard)


def _set_limit(kind: int, soft: int, hard: int) -> None:
    _, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    try:
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OSError):
        return  # macOS refuses RLIMIT_AS; the wall clock still bounds it


def _prctl(option: int, value: int) -> None:
    libc = _libc()
    if libc is not None:
        libc.prctl(option, value, 0, 0, 0)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
