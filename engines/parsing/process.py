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
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from engines.parsing import refusals
from engines.parsing.limits import Limits
from rag.errors import ParsingError

_ROOT = str(Path(__file__).resolve().parents[2])
_START = (
    "import sys, json; sys.path.insert(0, sys.argv[1]); from engines.parsing.child import main; "
    "main(json.loads(sys.argv[2]))"
)
_LOOK_SECONDS = 0.25
_READ = 1 << 18
_PEAK = re.compile(r"^VmPeak:\s+(\d+) kB", re.M)
_OUT_OF_MEMORY = (b"MemoryError", b"bad_alloc", b"out of memory", b"Cannot allocate memory")


def stream(request: dict[str, Any], *, limits: Limits, cancelled: Callable[[], bool]) -> Iterator[bytes]:
    """What the child writes, in pieces as they come.

    Raises ParsingError (`too_slow`, `too_much_memory`, `crashed`) or Cancelled, with the child and all that it
    started gone. Time spent by whoever reads the pieces does not count against the wall limit.
    """
    with _Child({**request, "limits": asdict(limits)}) as child:
        deadline = time.monotonic() + limits.wall_seconds
        while child.is_talking:
            if cancelled():
                raise refusals.Cancelled
            if time.monotonic() > deadline:
                raise refusals.too_slow(limits)
            for piece in child.listen(_LOOK_SECONDS):
                before = time.monotonic()
                yield piece
                deadline += time.monotonic() - before
        child.wait(deadline)
        if (problem := child.problem(limits)) is not None:
            raise problem


class _Child:
    """A child process in a session of its own; leaving the context kills whatever is left of it."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code; the path is data
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, _ROOT, json.dumps(request)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )
        self._last_words = b""
        self._status: int | None = None
        # A child inherits the peak of the process it came from, so only what lies above that is its own.
        self._inherited_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._seen_kb = self._resident_kb = 0
        self._selector = selectors.DefaultSelector()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            self._selector.register(pipe, selectors.EVENT_READ)

    def __enter__(self) -> "_Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._selector.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    @property
    def is_talking(self) -> bool:
        """Whether any of its pipes is open."""
        return bool(self._selector.get_map())

    def listen(self, seconds: float) -> Iterator[bytes]:
        """What it wrote within this time; returns early when there is something."""
        self._look_at_memory()
        for key, _ in self._selector.select(seconds):
            data = os.read(key.fd, _READ)
            if not data:
                self._selector.unregister(key.fileobj)
            elif key.fileobj is self._process.stderr:
                self._last_words = (self._last_words + data)[-4000:]
            else:
                yield data

    def wait(self, deadline: float) -> None:
        """Waits for its end, until the deadline (time.monotonic) at most; what has not ended then is killed."""
        while os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if time.monotonic() > deadline:
                break
            time.sleep(0.005)
        self._end()

    def _end(self) -> None:
        """Kills its whole session, then takes its exit status; a second call does nothing."""
        if self._status is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        try:
            _, status, usage = os.wait4(self._process.pid, 0)
        except ChildProcessError:  # someone else's wait took it
            self._status = 0
            return
        self._status = self._process.returncode = os.waitstatus_to_exitcode(status)
        if sys.platform == "linux" and usage.ru_maxrss > self._inherited_kb:
            self._resident_kb = usage.ru_maxrss

    def _look_at_memory(self) -> None:
        """Remembers the address space it has had so far; Linux only, and nothing once it has ended."""
        with contextlib.suppress(OSError):
            found = _PEAK.search(Path(f"/proc/{self._process.pid}/status").read_text())
            self._seen_kb = int(found.group(1)) if found else self._seen_kb

    def problem(self, limits: Limits) -> ParsingError | None:
        """What its end says, once it has ended; None after a clean exit."""
        status = self._status or 0
        if status == 0:
            return None
        if status == -signal.SIGXCPU:
            return refusals.too_slow(limits)
        limit_kb = limits.memory_mb * 1024
        out_of_memory = any(words in self._last_words for words in _OUT_OF_MEMORY)
        if out_of_memory or self._resident_kb > 0.7 * limit_kb or self._seen_kb > 0.8 * limit_kb:
            return refusals.too_much_memory(limits)
        if status == -signal.SIGKILL:  # not by us: the system ran out of memory, or is going down
            return refusals.crashed("it was killed from outside", permanent=False)
        how = f"signal {-status}" if status < 0 else f"exit code {status}"
        return refusals.crashed(how)


def _environment() -> dict[str, str]:
    """No secret of the parent's: only what an interpreter may need to find its libraries."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **kept}
