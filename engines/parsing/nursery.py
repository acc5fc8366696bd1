"""The way to the nursery: a process of this one's own that has imported the parsers and forks a child for each
document, which costs milliseconds where starting Python and importing them costs some hundred.

Started at the first document, and again when it has died. A request goes to it over an inherited socket, with the
child's two pipes and its leash: another socket, over which the child's end is told, and which kills it when closed.
"""

import atexit
import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
from typing import Any

from engines.parsing import interpreter
from engines.parsing.ending import End, Lost

IS_POSSIBLE = sys.platform == "linux"
_START_SECONDS = 60
_SEND_SECONDS = 10
_KILL_SECONDS = 10
_WORD = 4096
_DIED = Lost("the process that its reader came from died")


class Unavailable(Exception):
    """No nursery here: the child has to be started anew."""


def start(request: dict[str, Any]) -> "Forked":
    """A child for this request; thread-safe. Raises Unavailable."""
    return _keeper.start(json.dumps(request).encode())


class Forked:
    """A child of the nursery's, seen from the process that asked for it. `kill` before `close`."""

    def __init__(self, stdout: int, stderr: int, leash: socket.socket, nursery: "_Nursery") -> None:
        self.stdout, self.stderr = stdout, stderr
        self._leash = leash
        self._nursery = nursery
        self._asker = os.getpid()
        self._end: End | Lost | None = None

    def ended(self, seconds: float) -> End | Lost | None:
        """Its end, if it comes within this time."""
        if self._end is None and _is_readable(self._leash, seconds):
            self._end = self._told()
        return self._end

    def kill(self) -> None:
        """Ends it and all that it started, and returns once it is gone; nothing if it has ended."""
        if self._end is not None or self._asker != os.getpid():  # a fork of the asker has a copy of the leash
            return
        with contextlib.suppress(OSError):
            self._leash.shutdown(socket.SHUT_WR)
        if self.ended(_KILL_SECONDS) is None:
            self._nursery.end()

    def close(self) -> None:
        """Gives back its pipes and its leash."""
        os.close(self.stdout)
        os.close(self.stderr)
        self._leash.close()

    def _told(self) -> End | Lost:
        try:
            word = json.loads(self._leash.recv(_WORD))
        except (OSError, ValueError):
            return _DIED
        return Lost(word["lost"]) if "lost" in word else End(**word)


class _Nursery:
    """One nursery process. Raises Unavailable when it says that it is none, or says nothing."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                interpreter.command("nursery_process", json.dumps([theirs.fileno(), os.getpid()])),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=interpreter.environment(),
                cwd="/",
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._socket.settimeout(_START_SECONDS)
        try:
            word = self._socket.recv(_WORD)
        except OSError:
            word = b""
        if word != b"ready":
            self.end()
            raise Unavailable(word.decode())
        self._socket.settimeout(_SEND_SECONDS)

    def fork(self, request: bytes) -> Forked:
        """A child for this request. Raises OSError when the nursery has died."""
        with contextlib.ExitStack() as ours:
            with contextlib.ExitStack() as theirs:
                (stdout, out), (stderr, err) = _pipe(ours, theirs), _pipe(ours, theirs)
                leash, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                ours.enter_context(leash)
                theirs.enter_context(other)
                socket.send_fds(self._socket, [request], [out, err, other.fileno()])
            ours.pop_all()
        return Forked(stdout, stderr, leash, self)

    def end(self) -> None:
        """Kills it, and with it every child that it has."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """In a fork of its owner: it is none of ours."""
        self._socket.close()
        self._process.returncode = 0  # else Popen would warn of a process that it did not wait for


class _Keeper:
    """The nursery of this process, if it has one by now."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._nursery: _Nursery | None = None
        self._is_unfit = False

    def start(self, request: bytes) -> Forked:
        """Raises Unavailable."""
        for _ in range(2):
            nursery = self._living()
            try:
                return nursery.fork(request)
            except OSError:
                self._bury(nursery)
        raise Unavailable("the nursery dies")

    def end(self) -> None:
        """At the end of this process, so that no child is left unwaited for."""
        if self._nursery is not None:
            self._nursery.end()

    def forget(self) -> None:
        """In a fork of this process, which has other threads and shall have a nursery of its own."""
        if self._nursery is not None:
            self._nursery.forget()
        self._reset()  # another thread may have held the lock

    def _living(self) -> _Nursery:
        with self._lock:
            if self._is_unfit or not IS_POSSIBLE:
                raise Unavailable
            if self._nursery is None:
                try:
                    self._nursery = _Nursery()
                except Unavailable as reason:
                    self._is_unfit = bool(str(reason))  # it looked and said so; without a word it only died
                    raise
            return self._nursery

    def _bury(self, nursery: _Nursery) -> None:
        with self._lock:
            if self._nursery is nursery:
                self._nursery = None
                nursery.end()


def _pipe(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[int, int]:
    reading, writing = os.pipe()
    ours.callback(os.close, reading)
    theirs.callback(os.close, writing)
    return reading, writing


def _is_readable(leash: socket.socket, seconds: float) -> bool:
    """As select would tell, which takes no file number above 1023."""
    poll = select.poll()
    poll.register(leash, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


_keeper = _Keeper()
atexit.register(_keeper.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keeper.forget)
