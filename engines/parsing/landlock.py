"""Landlock (Linux 5.13 and later): a process gives up for good what it does not need, without any rights to do so.

What it holds, beyond the other walls: no file is made, changed or removed (a limit on file sizes does not stop that),
and other processes of the same user are out of reach through /proc and ptrace, which a process inside may only use on
what is inside with it. Reading files is not restricted: parsers import as they go.
"""

import ctypes
import os
import struct

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same numbers on every architecture
_VERSION = 1
_PR_SET_NO_NEW_PRIVS = 38
_WRITE_FILE = 1 << 1
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_TCP = 0b11  # to bind, to connect
_SCOPES = 0b11  # abstract Unix sockets and signals of what is outside


def enter(libc: ctypes.CDLL) -> bool:
    """Whether it holds from here on, for this thread and all that it starts; false where the kernel has none."""
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return False
    attributes = _attributes(version)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _attributes(version: int) -> bytes:
    """`struct landlock_ruleset_attr`, no longer than this version knows it: what is named there and has no rule is
    refused. Moving files between folders needs no name in version 1, which refuses it always."""
    files = _WRITE_FILE | _REMOVE_AND_MAKE
    files |= (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("QQQ", files, _TCP, _SCOPES)
    return attributes[: 24 if version >= 6 else 16 if version >= 4 else 8]
