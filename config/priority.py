"""How far the processes that people wait for go before the others."""

import contextlib
import os
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def give_way(niceness: int) -> None:
    """Lowers this process and those it starts by 0 to 19.

    Linux may share the processors between *sessions* first (`man 7 sched`, autogroups): there a process's own niceness
    counts only against the others of its session, so a session that is this process's own is lowered too.
    """
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # no Linux, no autogroups, or a kernel that does not let us
            AUTOGROUP.write_text(str(niceness))
