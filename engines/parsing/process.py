"""Starts the child process, reads what it says as it says it, and ends it when it must end."""

import contextlib
import json
import os
import re
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from engines.parsing import interpreter, nursery, refusals
from engines.parsing.clock import Clock
from engines.parsing.ending import End, Lost, problem
from engines.parsing.limits import Limits

_LOOK_SECONDS = 0.25
_READ = 1 << 18
_LAST_WORDS = 4000
_PEAK = re.compile(r"^VmPeak:\s+(\d+) kB", re.M)


def _unheard(_: float) -> None:
    """Nobody asks how much memory it took."""


class Child(Protocol):
    """A child process that was given its request, in a session of its own."""

    stdout: int
    stderr: int
    """The descriptors that its words come from."""

    def ended(self, seconds: float) -> End | Lost | None:
        """Its end, if it comes within this time."""

    def kill(self) -> None:
        """Ends it and all that it started, and returns once it is gone; nothing if it has ended."""

    def close(self) -> None:
        """Gives its descriptors back."""


def stream(
    request: dict[str, Any],
    *,
    limits: Limits,
    cancelled: Callable[[], bool],
    clock: Clock | None = None,
    memory: Callable[[float], None] = _unheard,
) -> Generator[bytes, None, None]:
    """What the child writes, in pieces as they come; `memory` is told the most that it held, in MB, once it is gone.

    Raises ParsingError (`too_slow`, `too_much_memory`, `crashed`) or Cancelled, with the child and all that it
    started gone. Time spent by whoever reads the pieces does not count against the wall limit.
    """
    with contextlib.closing(_Ears(_start({**request, "limits": asdict(limits)}), memory)) as ears:
        clock = clock or Clock(limits)
        while (end := ears.end()) is None:
            if cancelled():
                raise refusals.Cancelled
            clock.check()
            for piece in ears.listen(_LOOK_SECONDS):
                before = time.monotonic()
                yield piece
                clock.leave_out(time.monotonic() - before)
        if (error := problem(end, ears.last_words, limits)) is not None:
            raise error


def _start(request: dict[str, Any]) -> Child:
    try:
        return nursery.start(request)
    except nursery.Unavailable:
        return _Spawned(request)


class _Ears:
    """Hears a child to its end; closing kills whatever is left of it."""

    def __init__(self, child: Child, memory: Callable[[float], None]) -> None:
        self.last_words = b""
        self._child, self._memory = child, memory
        self._selector = selectors.PollSelector()
        self._selector.register(child.stdout, selectors.EVENT_READ)
        self._selector.register(child.stderr, selectors.EVENT_READ)

    def listen(self, seconds: float) -> Iterator[bytes]:
        """What it wrote within this time; returns early when there is something, or when it ends."""
        if not self._selector.get_map():
            self._child.ended(seconds)
            return
        for key, _ in self._selector.select(seconds):
            data = os.read(key.fd, _READ)
            if not data:
                self._selector.unregister(key.fd)
            elif key.fd == self._child.stderr:
                self.last_words = (self.last_words + data)[-_LAST_WORDS:]
            else:
                yield data

    def end(self) -> End | Lost | None:
        """Its end, once it has ended and all its words were heard."""
        end = self._child.ended(0)
        return None if self._selector.get_map() else end

    def close(self) -> None:
        self._child.kill()
        if isinstance(end := self._child.ended(0), End):
            self._memory(end.peak_kb / 1024)
        self._selector.close()
        self._child.close()


class _Spawned:
    """A child that starts with a Python of its own: where there is no nursery, and slower by some hundred ms."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code; the path is data
            interpreter.command("child", json.dumps([request])),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=interpreter.environment(),
            cwd="/",
            process_group=0,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._pipes = self._process.stdout, self._process.stderr
        self.stdout, self.stderr = (pipe.fileno() for pipe in self._pipes)
        self._asker = os.getpid()
        self._end: End | None = None
        # A child inherits the peak of the process it came from, so only what lies above that is its own.
        self._inherited_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._address_kb = 0

    def ended(self, seconds: float) -> End | None:
        """Its end, if it comes within this time."""
        until = time.monotonic() + seconds
        while self._end is None:
            self._look()
            if self._is_over():
                self.kill()
            elif time.monotonic() >= until:
                break
            else:
                time.sleep(0.005)
        return self._end

    def kill(self) -> None:
        """Kills its whole session, then takes its exit status; a second call does nothing."""
        if self._end is not None or self._asker != os.getpid():
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        try:
            _, status, usage = os.wait4(self._process.pid, 0)
        except ChildProcessError:  # someone else's wait took it
            self._end = End(0)
            return
        self._process.returncode = os.waitstatus_to_exitcode(status)
        is_own = sys.platform == "linux" and usage.ru_maxrss > self._inherited_kb
        peak_kb = usage.ru_maxrss if is_own else 0
        self._end = End(self._process.returncode, peak_kb, self._address_kb, peak_kb)

    def close(self) -> None:
        """Gives its descriptors back."""
        for pipe in self._pipes:
            pipe.close()

    def _is_over(self) -> bool:
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        except ChildProcessError:
            return True

    def _look(self) -> None:
        """Remembers the address space it has had so far; Linux only, and nothing once it has ended."""
        with contextlib.suppress(OSError):
            if found := _PEAK.search(Path(f"/proc/{self._process.pid}/status").read_text()):
                self._address_kb = int(found.group(1))
