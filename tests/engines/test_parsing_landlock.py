"""Landlock alone, where no namespace and no filter stands beside it: what it keeps a parser's process from."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.parsing import landlock
from tests.engines.parsing_children import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
HARM = """
import os, socket, sys
sys.path.insert(0, {root!r})
from engines.parsing import walls
print("wall", walls.leave_files_alone() if {stands} else "none")
def tried(name, harm):
    try:
        harm()
    except OSError:
        print(name, "refused")
    else:
        print(name, "done")
tried("memory", lambda: open("/proc/{victim}/mem", "rb").close())
tried("secrets", lambda: open("/proc/{victim}/environ", "rb").read())
tried("signal", lambda: os.kill({victim}, 0))
tried("change", lambda: open({kept!r}, "r+").close())
tried("empty", lambda: os.truncate({kept!r}, 0))
tried("move", lambda: os.rename({kept!r}, {kept!r} + ".moved"))
tried("make", lambda: open({kept!r} + ".new", "w").close())
tried("read", lambda: open(walls.__file__).close())
tried("import", lambda: __import__("colorsys"))
tried("itself", lambda: open("/proc/self/environ").close())
"""
# Root may read what belongs to a process's memory map, its environment too, by the right to measure performance.
ALWAYS = {"memory", "change", "move", "make", *([] if os.geteuid() == 0 else ["secrets"])}


@pytest.fixture
def victim() -> Iterator[int]:
    """Another process of this user, as a worker or a database is one."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def outcomes(victim: int, kept: Path, *, stands: bool) -> dict[str, str]:
    kept.write_text("kept")
    code = HARM.format(root=str(ROOT), victim=victim, kept=str(kept), stands=stands)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


def test_files_and_other_processes_are_out_of_reach(victim: int, tmp_path: Path) -> None:
    found = outcomes(victim, tmp_path / "a", stands=True)
    if found.pop("wall") == "False":
        pytest.skip("this kernel has no Landlock")
    assert {name for name, outcome in found.items() if outcome == "refused"} >= ALWAYS
    assert {found[name] for name in ("read", "import", "itself")} == {"done"}
    assert [path.read_text() for path in tmp_path.iterdir()] in (["kept"], [""])  # "": a kernel before 6.2


def test_without_the_wall_all_of_it_can_be_done(victim: int, tmp_path: Path) -> None:
    found = outcomes(victim, tmp_path / "a", stands=False)
    assert found.pop("wall") == "none"
    assert set(found.values()) == {"done"}


@pytest.mark.parametrize(("version", "length"), [(1, 8), (3, 8), (4, 16), (5, 16), (6, 24), (7, 24)])
def test_no_more_is_asked_than_a_kernel_knows(version: int, length: int) -> None:
    known = {1: 13, 2: 14, 3: 15}.get(version, 16)  # rights on files, by version
    asked = landlock._attributes(version)
    assert len(asked) == length
    assert int.from_bytes(asked[:8], "little") < 1 << known
