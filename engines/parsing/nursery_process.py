"""The nursery: a process that has imported the parsers, touches no document, and forks a child for each request.

Started by engines.parsing.nursery. A fork enters its own session and its walls before it opens the document, holds no
descriptor of the nursery's, and ends without a trace: nothing that a document made it import or change is there for
the next one. The price of forking: all children of one nursery have its address-space layout and its hash seed, so
a document that learns them from one child knows them in the next.
"""

import contextlib
import gc
import importlib
import json
import os
import re
import resource
import select
import signal
import socket
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from engines.parsing import child, walls
from engines.parsing.formats import FORMATS

_LOOK_MILLISECONDS = 250
_REQUEST_BYTES = 1 << 17
_PEAK = re.compile(r"^VmPeak:\s+(\d+) kB", re.M)
_PAGE_KB = resource.getpagesize() // 1024


def main(requests: int, owner: int) -> None:
    """Serves the socket of this number until it closes or the process with the id `owner` ends."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a service that stops lets its documents finish
        signal.signal(each, signal.SIG_IGN)
    walls.hide_memory()
    channel = socket.socket(fileno=requests)
    try:
        watch = os.pidfd_open(owner)
    except OSError as error:
        channel.send(f"no pidfd: {error}".encode())
        return
    if os.getppid() != owner:
        return
    gc.disable()
    load()
    if (threads := len(os.listdir("/proc/self/task"))) != 1:
        channel.send(f"{threads} threads".encode())
        return
    gc.collect()
    gc.freeze()  # a collection in a fork would write to, and so copy, every page of these objects
    channel.send(b"ready")
    _Nursery(channel, watch).serve()


def load() -> None:
    """Imports every format's module, but for those that need an extra: these are large, and start threads.

    One that cannot be imported is told to stderr, and keeps no other format's documents from being read.
    """
    for form in FORMATS:
        if not form.needs:
            try:
                importlib.import_module(form.module)
            except Exception:
                traceback.print_exc()


@dataclass(slots=True)
class _Forked:
    process: int
    pidfd: int
    leash: socket.socket
    inherited_address_kb: int
    inherited_resident_kb: int
    address_kb: int = 0

    def kill(self) -> None:
        """With its session. Before it is waited for, its process id is nobody else's."""
        with contextlib.suppress(ProcessLookupError):  # it may not have come to found its session
            os.killpg(self.process, signal.SIGKILL)
        os.kill(self.process, signal.SIGKILL)

    def look(self) -> None:
        """Remembers the address space it has had so far; nothing once it has ended."""
        with contextlib.suppress(OSError):
            if found := _PEAK.search(Path(f"/proc/{self.process}/status").read_text()):
                self.address_kb = int(found.group(1)) - self.inherited_address_kb

    def bury(self) -> None:
        """Takes its exit status and tells it to whoever holds the leash."""
        _, status, usage = os.wait4(self.process, 0)
        # A fork's peak starts at what it was forked from.
        resident_kb = max(0, usage.ru_maxrss - self.inherited_resident_kb)
        end = {
            "status": os.waitstatus_to_exitcode(status),
            "resident_kb": resident_kb,
            "address_kb": self.address_kb,
            "peak_kb": usage.ru_maxrss,
        }
        _tell(self.leash, end)
        os.close(self.pidfd)


class _Nursery:
    """Waits for requests, for children that end, and for leashes that are let go; its only thread does all."""

    def __init__(self, channel: socket.socket, owner: int) -> None:
        self._channel = channel
        self._owner = owner
        self._process = os.getpid()
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._poll.register(owner, select.POLLIN)
        self._by_pidfd: dict[int, _Forked] = {}
        self._by_leash: dict[int, _Forked] = {}

    def serve(self) -> None:
        """Returns with every child gone."""
        while self._serve_once():
            pass
        for forked in self._by_pidfd.values():
            forked.kill()

    def _serve_once(self) -> bool:
        ready = {number for number, _ in self._poll.poll(_LOOK_MILLISECONDS if self._by_pidfd else None)}
        for forked in self._by_pidfd.values():
            forked.look()
        for number in ready & self._by_leash.keys():
            self._poll.unregister(number)
            self._by_leash.pop(number).kill()
        for number in ready & self._by_pidfd.keys():
            self._bury(self._by_pidfd.pop(number))
        if self._owner in ready:
            return False
        # New ones come last: their descriptors may have the numbers of those just closed.
        return self._channel.fileno() not in ready or self._take()

    def _bury(self, forked: _Forked) -> None:
        self._poll.unregister(forked.pidfd)
        if self._by_leash.pop(forked.leash.fileno(), None) is not None:
            self._poll.unregister(forked.leash)
        forked.kill()
        forked.bury()

    def _take(self) -> bool:
        """Forks a child for the next request; false when there is nobody any more who would ask."""
        try:
            request, numbers, _, _ = socket.recv_fds(self._channel, _REQUEST_BYTES, 3)
        except ConnectionError:
            return False
        if not request:
            return False
        try:
            if len(numbers) == 3:
                self._fork(request, numbers[0], numbers[1], socket.socket(fileno=os.dup(numbers[2])))
        finally:
            for number in numbers:
                os.close(number)
        return True

    def _fork(self, request: bytes, stdout: int, stderr: int, leash: socket.socket) -> None:
        address, resident, *_ = Path("/proc/self/statm").read_text().split()
        try:
            process = os.fork()
        except OSError as error:
            _tell(leash, {"lost": f"no process for its reader: {error.strerror}"})
            return
        if process == 0:
            _be_child(request, stdout, stderr, self._process)
        forked = _Forked(process, os.pidfd_open(process), leash, int(address) * _PAGE_KB, int(resident) * _PAGE_KB)
        self._by_pidfd[forked.pidfd] = self._by_leash[leash.fileno()] = forked
        self._poll.register(forked.pidfd, select.POLLIN)
        self._poll.register(leash, select.POLLIN)


def _be_child(request: bytes, stdout: int, stderr: int, nursery: int) -> NoReturn:
    """Never returns: what the nursery would do next is not the child's to do."""
    status = 1
    try:
        os.setpgid(0, 0)  # no new session, which Linux may give as much of the processors as a whole other process
        walls.die_with_parent()
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        _close_the_rest()
        gc.enable()
        if os.getppid() == nursery:  # it did not die before this process could learn of it
            child.main(json.loads(request))
            status = 0
    except MemoryError:
        os.write(2, b"MemoryError\n")  # there may be no memory left to say more
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _close_the_rest() -> None:
    """Every descriptor but the standard three, so that the nursery and other children are out of reach."""
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2:
            with contextlib.suppress(OSError):  # the one that the list was read through
                os.close(number)


def _tell(leash: socket.socket, end: dict[str, int] | dict[str, str]) -> None:
    with leash, contextlib.suppress(OSError):  # whoever asked may be gone
        leash.send(json.dumps(end).encode())
