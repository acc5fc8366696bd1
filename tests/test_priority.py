"""What gives way does so beyond its own session."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.priority import AUTOGROUP

SAY = "import os; from config.priority import give_way; give_way({}); print(os.nice(0)); print(open({!r}).read())"
SWITCH = Path("/proc/sys/kernel/sched_autogroup_enabled")
autogroups = pytest.mark.skipif(
    not (AUTOGROUP.exists() and SWITCH.read_text().strip() == "1"), reason="no autogroups on this kernel"
)


def said(niceness: int, *, own_session: bool) -> list[str]:
    """What a process that gives way says of its own niceness and of its session's."""
    place = str(AUTOGROUP) if AUTOGROUP.exists() else os.devnull
    words = [sys.executable, "-c", SAY.format(niceness, place)]
    root = Path(__file__).resolve().parent.parent
    run = subprocess.run(words, cwd=root, start_new_session=own_session, capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_the_process_is_lowered_from_where_it_is() -> None:
    assert int(said(7, own_session=False)[0]) == min(19, os.nice(0) + 7)


@autogroups
def test_a_session_of_its_own_is_lowered_with_it() -> None:
    assert said(7, own_session=True)[-2:] == ["nice", "7"]


@autogroups
def test_the_session_of_whoever_started_it_is_not() -> None:
    before = AUTOGROUP.read_text().split()  # empty for a session without a group, as one that is as old as the machine
    assert said(7, own_session=False)[1:] == before
