"""One supervised process: started in a group of its own, read line by line, ended with all it started."""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import IO

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
LONGEST_LINE = 64 * 1024

QUICK_SECONDS = 30.0
"""A process that ends sooner than this after its start counts as a quick death; loading may take half of it."""
QUICK_DEATHS = 5
"""So many quick deaths in a row of a process that never lived longer, and the supervisor gives up."""
LONGEST_PAUSE = 8.0


def die_with_parent(sig: int, parent: int) -> None:
    """Asks the kernel to send this process `sig` when its parent ends, however that ends (Linux only).

    Runs between fork and exec, so it only calls what is already loaded; the setting survives exec.
    """
    if LIBC is None:
        return
    LIBC.prctl(PR_SET_PDEATHSIG, sig)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os.kill(os.getpid(), sig)


class Child:
    """A process that is kept running. Times are `time.monotonic()` seconds."""

    def __init__(self, name: str, argv: Sequence[str], environment: Mapping[str, str], directory: str) -> None:
        self.name = name
        self.argv = list(argv)
        self.environment = dict(environment)
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None
        self.quick_deaths = 0
        self.has_run = False
        self.start_at = 0.0
        self._started = 0.0
        self._rest = b""

    def start(self) -> IO[bytes]:
        """Starts it; gives the pipe on which its output arrives, non-blocking."""
        self._started = time.monotonic()
        self._rest = b""
        self.process = subprocess.Popen(  # noqa: S603
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env=self.environment,
            # A group of its own: Ctrl-C in a terminal reaches the supervisor alone, which stops in order.
            start_new_session=True,
            # The supervisor has one thread, so nothing can hold a lock across this fork.
            preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        return self.process.stdout

    @property
    def running(self) -> bool:
        return self.process is not None

    def lines(self) -> tuple[list[str], bool]:
        """The whole lines that have arrived, and whether the pipe has ended."""
        assert self.process is not None
        assert self.process.stdout is not None
        try:
            data = os.read(self.process.stdout.fileno(), LONGEST_LINE)
        except BlockingIOError:
            return [], False
        *whole, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (not data or len(self._rest) > LONGEST_LINE):
            whole.append(self._rest)
            self._rest = b""
        return [line.decode(errors="replace").rstrip() for line in whole], not data

    def pending(self) -> bool:
        """Whether output waits to be read right now."""
        assert self.process is not None
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def unfinished_line(self) -> str:
        """What came after the last line's end; empty most of the time."""
        rest, self._rest = self._rest, b""
        return rest.decode(errors="replace").rstrip()

    def has_ended(self) -> bool:
        """Whether it has ended; it still has its id, until `reap`."""
        process = self.process
        return process is not None and bool(os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))

    def reap(self) -> int:
        """The exit status (negative: the signal) of a process that has ended.

        What it had started is killed while its own id is still taken, so no stranger can be hit.
        """
        assert self.process is not None
        self.kill()
        status = self.process.wait()
        self.process = None
        return status

    def plan_restart(self) -> float | None:
        """Seconds until it is started again, growing with each quick death; None: it dies too often and never
        ran well. What has run well is killed from outside, by the system for want of memory as a rule, and is
        started again however often that happens."""
        now = time.monotonic()
        is_quick = now - self._started < QUICK_SECONDS
        self.has_run = self.has_run or not is_quick
        self.quick_deaths = self.quick_deaths + 1 if is_quick else 0
        if self.quick_deaths >= QUICK_DEATHS and not self.has_run:
            return None
        pause = min(0.25 * 2**self.quick_deaths, LONGEST_PAUSE)
        self.start_at = now + pause
        return pause

    def terminate(self) -> None:
        """Asks it alone to end; workers tell their own children."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it and all it started, at once."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                # Nothing is left in the group (macOS says EPERM where only a zombie is).
                return
