"""Puts the process it is called in behind walls: bounded memory and time, no files written, no network.

Called by the child before any parser is imported. Each wall is tried; `Walls` says which ones stand.
Linux has them all; elsewhere the bounds that POSIX knows remain.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
from dataclasses import dataclass

from engines.parsing.limits import Limits

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ERRNO with EPERM
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000
# socket, socketpair, execve, execveat, ptrace, process_vm_readv, process_vm_writev, io_uring_setup
_MACHINES = {
    "x86_64": (0xC000003E, (41, 53, 59, 322, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 199, 221, 281, 117, 270, 271, 425)),
}


@dataclass(frozen=True, slots=True)
class Walls:
    """Which ways of keeping the process from the network took hold."""

    namespace: bool
    seccomp: bool

    def __str__(self) -> str:
        if self.namespace and self.seccomp:
            return "a network namespace of its own and a seccomp filter that refuses sockets"
        if self.namespace:
            return "a network namespace of its own"
        return "a seccomp filter that refuses sockets" if self.seccomp else "not possible here"


def enter(limits: Limits) -> Walls:
    """Raises nothing: a wall that the system does not allow is left out and reported."""
    _die_with_parent()
    _bound(limits)
    return Walls(namespace=leave_network(), seccomp=refuse_system_calls())


def leave_network() -> bool:
    """Moves into an empty network namespace, which has no way out, not even to this machine."""
    libc = _libc()
    return libc is not None and libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0


def refuse_system_calls() -> bool:
    """No sockets (a namespace does not close sockets that are files), no other programs, no other processes' memory."""
    libc = _libc()
    machine = _MACHINES.get(os.uname().machine)
    if libc is None or machine is None:
        return False
    program = _filter(*machine)
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0) == 0)


def _filter(architecture: int, refused: tuple[int, ...]) -> bytes:
    """A classic BPF program over `struct seccomp_data`: number at 0, architecture at 4."""
    program = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, 0),
        (_JUMP_AT_LEAST, len(refused), 0, _X32),
        *((_JUMP_EQUAL, len(refused) - 1 - i, 0, number) for i, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    # A jump counts from the next instruction; every refusal goes to the last one, past "allow".
    size = len(program)
    fixed = []
    for place, (code, yes, no, value) in enumerate(program):
        jumps = code == _JUMP_AT_LEAST or (code == _JUMP_EQUAL and value != architecture)
        fixed.append(struct.pack("HBBI", code, size - 2 - place if jumps else yes, no, value))
    return b"".join(fixed)


def _bound(limits: Limits) -> None:
    memory = int(limits.memory_mb * 1024 * 1024)
    cpu = max(1, int(limits.cpu_seconds))
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        _set_limit(kind, soft, hard)


def _set_limit(kind: int, soft: int, hard: int) -> None:
    _, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    try:
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OSError):
        return  # macOS refuses RLIMIT_AS; the wall clock still bounds it


def _die_with_parent() -> None:
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
