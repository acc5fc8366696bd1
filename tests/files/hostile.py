"""A format whose documents say what the reader shall do to harm: run only inside the limited child process."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Page


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """The first word of the document names what is done; the rest is its argument."""
    what, _, argument = path.read_text().partition(" ")
    yield from globals()[what](argument)


def hog(_: str) -> Iterator[Page]:
    """Python's own memory without end."""
    held = []
    while True:
        held.append(bytearray(1 << 20))
    yield Page(1, "")


def native_hog(_: str) -> Iterator[Page]:
    """A C library that does not look at what malloc returns."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while True:
        ctypes.memset(libc.malloc(1 << 20) or 0, 1, 1 << 20)
        time.sleep(0.004)
    yield Page(1, "")


def loop(_: str) -> Iterator[Page]:
    while True:
        pass
    yield Page(1, "")


def sleep(_: str) -> Iterator[Page]:
    """Says its process id, then nothing any more."""
    yield Page(1, str(os.getpid()))
    time.sleep(120)


def crash(_: str) -> Iterator[Page]:
    yield Page(1, "so far so good")
    os.kill(os.getpid(), signal.SIGSEGV)


def abort(_: str) -> Iterator[Page]:
    """As C libraries end when they find themselves broken."""
    yield Page(1, "so far so good")
    os.abort()


def leave(_: str) -> Iterator[Page]:
    yield Page(1, "so far so good")
    os._exit(0)


def lie(_: str) -> Iterator[Page]:
    """Text that PostgreSQL refuses."""
    yield Page(1, "a\0b")


def endless(_: str) -> Iterator[Page]:
    yield from (Page(number, "page after page " * 1000) for number in range(1, 1_000_000_000))


def environment(_: str) -> Iterator[Page]:
    """All it can see of secrets: its own environment and its parent's."""
    seen = [f"{name}={value}" for name, value in os.environ.items()]
    try:
        seen.append(Path(f"/proc/{os.getppid()}/environ").read_text())
    except OSError as error:
        seen.append(f"parent: {error.strerror}")
    yield Page(1, "\n".join(seen).replace("\0", "\n"))


def network(port: str) -> Iterator[Page]:
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=2).close()
    except OSError as error:
        yield Page(1, f"refused: {error.strerror}")
    else:
        yield Page(1, "connected")


def program(_: str) -> Iterator[Page]:
    try:
        subprocess.run(["/bin/true"], check=True)
    except OSError as error:
        yield Page(1, f"refused: {error.strerror}")
    else:
        yield Page(1, "started")


def write(target: str) -> Iterator[Page]:
    try:
        Path(target).write_text("x" * 100_000)
    except OSError as error:
        yield Page(1, f"refused: {error.strerror}")
    else:
        yield Page(1, "written")


def printing(_: str) -> Iterator[Page]:
    """A library that prints to stdout, from Python and from C."""
    print("noise from Python")
    os.write(1, b"noise from C\n")
    yield Page(1, "quiet")


def room(megabytes: str) -> Iterator[Page]:
    """Uses this much memory, and is content."""
    held = bytearray(b"x" * (int(megabytes) << 20))
    yield Page(1, f"had {len(held)} bytes")


def parent(_: str) -> Iterator[Page]:
    """The process that it comes from."""
    yield Page(1, str(os.getppid()))


def sleeping_parent(_: str) -> Iterator[Page]:
    """Its process and the one that it comes from, then nothing any more."""
    yield Page(1, f"{os.getpid()} {os.getppid()}")
    time.sleep(120)


def descriptors(_: str) -> Iterator[Page]:
    """What it has open, the standard three aside."""
    own = f"/proc/{os.getpid()}/fd"
    names = [number for number in os.listdir(own) if int(number) > 2]
    seen = [os.readlink(f"{own}/{number}") for number in names if os.path.lexists(f"{own}/{number}")]
    yield Page(1, " ".join(["open:", *seen]))


def signals(_: str) -> Iterator[Page]:
    """Ends its parent, and whoever else there is; then looks whether it may still speak to itself."""
    nursery = os.getppid()
    ways = {
        "kill": lambda: os.kill(nursery, signal.SIGKILL),
        "killpg": lambda: os.killpg(nursery, signal.SIGKILL),
        "pidfd": lambda: signal.pidfd_send_signal(os.pidfd_open(nursery), signal.SIGKILL),
        "itself": lambda: os.kill(os.getpid(), 0),
    }
    for libc_way, number in (("tkill", 200), ("tgkill", 234)):
        if os.uname().machine == "x86_64":
            ways[libc_way] = lambda number=number: _system_call(number, nursery, nursery, signal.SIGKILL)
    yield Page(1, " ".join(f"{name}:{_outcome(way)}" for name, way in ways.items()))


def processes(_: str) -> Iterator[Page]:
    """A process of its own, and a thread."""
    thread = threading.Thread(target=time.sleep, args=(0,))
    yield Page(1, f"fork:{_outcome(os.fork)} thread:{_outcome(thread.start)}")


def memory_of(process: str) -> Iterator[Page]:
    """Another process's memory, as a file."""
    yield Page(1, f"memory:{_outcome(lambda: open(f'/proc/{process or os.getppid()}/mem', 'rb+').close())}")


def modules(_: str) -> Iterator[Page]:
    """What had been imported before the document was known."""
    yield Page(1, " ".join(sys.modules))


def trace(_: str) -> Iterator[Page]:
    """Leaves something in the interpreter, and tells what it finds there."""
    found = [name for name in ("left_behind", "LEFT") if name in sys.modules or name in os.environ]
    sys.modules["left_behind"] = sys
    os.environ["LEFT"] = "behind"
    yield Page(1, f"found {found}")


def _outcome(way: Callable[[], object]) -> str:
    try:
        way()
    except OSError:
        return "refused"
    return "done"


def _system_call(*arguments: int) -> None:
    if ctypes.CDLL(None, use_errno=True).syscall(*arguments) != 0:
        raise OSError(ctypes.get_errno(), "refused")
