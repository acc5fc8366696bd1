"""How a child process ended, and what that says about the document."""

import signal
from dataclasses import dataclass

from engines.parsing import refusals
from engines.parsing.limits import Limits
from rag.errors import ParsingError

_OUT_OF_MEMORY = (b"MemoryError", b"bad_alloc", b"out of memory", b"Cannot allocate memory")
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class End:
    """The end of a child process. What it had from the process that it was forked from does not count as its own."""

    status: int
    """Its exit code, or the number of the signal that ended it, negative."""
    resident_kb: int = 0
    """The most memory of its own that it held, in kB; 0 where unknown."""
    address_kb: int = 0
    """The most address space of its own that it was seen with, in kB; 0 where unknown."""
    peak_kb: int = 0
    """The most memory that it held, what it shared with the process it was forked from included; 0 where unknown."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The child process was ended for a reason that is none of the document's."""

    why: str


def problem(end: End | Lost, last_words: bytes, limits: Limits) -> ParsingError | None:
    """What an end says, with what the child wrote to stderr; None after a clean exit."""
    if isinstance(end, Lost):
        return refusals.crashed(end.why, permanent=False)
    if end.status == 0:
        return None
    if end.status == -signal.SIGXCPU:
        return refusals.too_slow(limits)
    limit_kb = limits.memory_mb * 1024
    out_of_memory = any(words in last_words for words in _OUT_OF_MEMORY)
    if out_of_memory or end.resident_kb > 0.7 * limit_kb or end.address_kb > 0.8 * limit_kb:
        return refusals.too_much_memory(limits)
    if -end.status in _FROM_OUTSIDE:  # not by us: the system ran out of memory, or is going down
        return refusals.crashed("it was killed from outside", permanent=False)
    return refusals.crashed(f"signal {-end.status}" if end.status < 0 else f"exit code {end.status}")
