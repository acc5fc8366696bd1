"""The supervisor by itself, over small shell scripts: lines, order, back-off, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack import PROJECT, until

PROGRAM = """
import sys
from config import children
from config.children import Child
from config.supervisor import Post, Supervisor

children.QUICK_DEATHS = 3
posts = []
for order, spec in enumerate(sys.argv[1:]):
    name, script = spec.split("=", 1)
    posts.append(Post(Child(name, ["sh", "-c", script], {"PATH": "/usr/bin:/bin"}, "/"), order, 1.0, 32))
supervisor = Supervisor(posts, probe=None, ready=str)
sys.exit(supervisor.run(prepare=lambda: None))
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a supervisor over `name=script` posts, stopped in the order given; its output goes to tmp_path/log."""
    started: list[subprocess.Popen[str]] = []

    def run(*posts: str) -> "subprocess.Popen[str]":
        with (tmp_path / "log").open("w") as log:
            command = [sys.executable, "-c", PROGRAM, *posts]
            process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log, text=True, start_new_session=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


WAIT = "trap 'echo bye; exit 0' TERM; echo here; while :; do sleep 0.05; done"


def test_lines_carry_the_name_and_stopping_keeps_the_order(start: Start, tmp_path: Path) -> None:
    process = start(f"first={WAIT}", f"second={WAIT}")
    log = tmp_path / "log"
    until(lambda: read(log).count("here") == 2, 20, lambda: read(log))
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    lines = read(log).splitlines()
    assert "first   | here" in lines
    assert lines.index("first   | bye") < lines.index("second  | bye")
    assert lines[-1] == "footnote| stopped"


def test_one_that_dies_is_started_again_and_said(start: Start, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    process = start(f"once=if [ -e {mark} ]; then echo again; sleep 60; else touch {mark}; exit 7; fi")
    until(lambda: "again" in read(tmp_path / "log"), 20, lambda: read(tmp_path / "log"))
    assert "once ended (exit status 7); starting it again in 0.5 s" in read(tmp_path / "log")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_one_that_cannot_start_ends_everything_with_a_sentence(start: Start, tmp_path: Path) -> None:
    process = start(f"good={WAIT}", "bad=echo no model here; exit 3")
    assert process.wait(30) == 1
    said = read(tmp_path / "log")
    assert said.count("bad     | no model here") == 3
    assert "bad ended 3 times right after its start (exit status 3); its last lines above say why" in said
    assert "good    | bye" in said


def test_one_that_will_not_stop_is_killed_with_all_it_started(start: Start, tmp_path: Path) -> None:
    process = start(f"deaf=trap '' TERM; sleep 300 & echo $! > {tmp_path}/child; while :; do sleep 0.05; done")
    until(lambda: read(tmp_path / "child").strip(), 20, lambda: read(tmp_path / "log"))
    child = int(read(tmp_path / "child"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert "deaf did not end in 1 s and is killed" in read(tmp_path / "log")
    assert gone(child)


def test_a_second_ctrl_c_stops_at_once(start: Start, tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo here; while :; do sleep 0.05; done"
    process = start(f"deaf={deaf}")
    until(lambda: "here" in read(tmp_path / "log"), 20, lambda: read(tmp_path / "log"))
    process.send_signal(signal.SIGINT)
    until(lambda: "stopping" in read(tmp_path / "log"), 20, lambda: read(tmp_path / "log"))
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert "did not end" not in read(tmp_path / "log")


def test_what_a_dead_one_had_started_is_not_left_behind(start: Start, tmp_path: Path) -> None:
    start(f"parent=sleep 300 & echo $! >> {tmp_path}/child; sleep 0.2; kill -9 $$")
    until(lambda: read(tmp_path / "child").strip(), 20, lambda: read(tmp_path / "log"))
    child = int(read(tmp_path / "child").split()[0])
    until(lambda: gone(child), 10, lambda: f"{child} lives on")
    assert gone(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_supervisor_takes_its_processes_along(start: Start, tmp_path: Path) -> None:
    process = start(f"orphan=echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done")
    until(lambda: read(tmp_path / "pid").strip(), 20, lambda: read(tmp_path / "log"))
    orphan = int(read(tmp_path / "pid"))
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: gone(orphan), 5, lambda: f"{orphan} lives on")
    assert gone(orphan)


def test_a_flood_of_lines_is_relayed_whole(start: Start, tmp_path: Path) -> None:
    process = start("flood=i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo line $i; done; printf unfinished; sleep 60")
    until(lambda: "line 5000" in read(tmp_path / "log"), 20, lambda: read(tmp_path / "log")[-500:])
    assert read(tmp_path / "log").count("flood   | line ") == 5000
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert time.monotonic() - begun < 10
    assert "flood   | unfinished" in read(tmp_path / "log")
