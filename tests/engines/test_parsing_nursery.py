"""The nursery: one process forks the child for each document; whichever of the three processes dies, none is left."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from engines.parsing import FORMATS, Cancelled, Format, extract, interpreter, nursery
from rag.types import Page
from tests.engines.parsing_children import HOSTILE, LIMITS, ROOT, Hostile, is_gone, reading, refused
from tests.files.samples import SAMPLES

pytestmark = pytest.mark.skipif(not nursery.IS_POSSIBLE, reason="a nursery needs Linux")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    """Reads a document that tells its reader what harm to do."""
    monkeypatch.setattr("engines.parsing.formats.FORMATS", (*FORMATS, HOSTILE))
    return reading(tmp_path)


def nursery_of(hostile: Hostile) -> int:
    return int(next(hostile("parent")).text)


def run(code: str, folder: Path, *, wait: bool = True) -> "subprocess.Popen[str]":
    """A process that has `hostile`; every warning is an error there."""
    start = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from engines.parsing import formats, nursery
from rag.types import Page
from tests.engines.parsing_children import HOSTILE, reading
formats.FORMATS += (HOSTILE,)
hostile = reading(Path({str(folder)!r}))
"""
    command = [sys.executable, "-W", "error", "-c", start + code]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if wait:
        process.wait(60)
    return process


@contextlib.contextmanager
def running(code: str, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", list[int]]]:
    """A process that prints a line of process ids and goes on, and those; killed when the block ends."""
    process = run(code, folder, wait=False)
    assert process.stdout is not None
    with process:
        yield process, [int(word) for word in process.stdout.readline().split()]
        process.kill()


# ------------------------------------------------------------------------------------------- one for all


def test_every_child_comes_from_one_process_with_one_thread(hostile: Hostile) -> None:
    mother = nursery_of(hostile)
    assert nursery_of(hostile) == mother
    assert mother != os.getpid()
    assert len(os.listdir(f"/proc/{mother}/task")) == 1


def test_its_children_have_the_parsers_from_the_start(hostile: Hostile) -> None:
    modules = next(hostile("modules")).text.split()
    assert {form.module for form in FORMATS if not form.needs} < set(modules)
    assert not {"django", "torch", "numpy", "celery", "httpx"} & set(modules)


def test_it_has_none_of_our_secrets(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_SECRET", "canary-71c3")
    nursery._keeper.end()  # the next one starts now
    text = next(hostile("environment")).text
    assert "OMP_NUM_THREADS=1" in text
    assert "canary-71c3" not in text


def test_a_document_costs_milliseconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "document"
    path.write_bytes(SAMPLES["TXT"].data)

    def fastest() -> float:
        seconds = []
        for _ in range(4):
            start = time.monotonic()
            list(extract(path, "text/plain", limits=LIMITS))
            seconds.append(time.monotonic() - start)
        return min(seconds)

    forked = fastest()
    monkeypatch.setattr(nursery, "IS_POSSIBLE", False)
    assert forked < fastest() / 3


def test_documents_are_read_at_the_same_time(tmp_path: Path) -> None:
    forms = [form for form in FORMATS if form.name in ("PDF", "DOCX", "HTML", "TXT", "CSV")]
    for form in forms:
        (tmp_path / form.name).write_bytes(SAMPLES[form.name].data)

    def read(form: Format) -> list[Page]:
        return list(extract(tmp_path / form.name, form.media_type, limits=LIMITS))

    alone = [read(form) for form in forms]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read, forms * 8))
    assert together == alone * 8


def test_a_silent_document_keeps_no_other_waiting(hostile: Hostile) -> None:
    silent = [hostile("sleep") for _ in range(3)]
    assert len({next(pages).text for pages in silent}) == 3
    assert [page.text for page in hostile("printing")] == ["quiet"]


def test_nothing_that_a_document_does_lives_on(hostile: Hostile) -> None:
    assert [next(hostile("trace")).text for _ in range(2)] == ["found []", "found []"]


def test_no_descriptor_and_no_process_is_left(hostile: Hostile) -> None:
    mother = nursery_of(hostile)

    def left() -> tuple[int, int, str]:
        time.sleep(0.1)  # it tells an end, then closes what it had for that
        children = Path(f"/proc/{mother}/task/{mother}/children").read_text()
        is_root = os.access(f"/proc/{mother}/fd", os.R_OK)  # it is closed to anybody else
        return len(os.listdir("/proc/self/fd")), is_root and len(os.listdir(f"/proc/{mother}/fd")), children

    before = left()
    for what in ("printing", "crash", "leave", "parent", "abort"):
        with contextlib.suppress(Exception):
            list(hostile(what))
        next(hostile("sleep"))
        with pytest.raises(Cancelled):
            list(hostile("sleep", cancelled=lambda: True))
    assert left() == before


# ------------------------------------------------------------------------------------------------ deaths


def test_a_dead_nursery_fails_its_documents_for_now_and_is_replaced(hostile: Hostile) -> None:
    pages = hostile("sleeping_parent")
    process, mother = map(int, next(pages).text.split())
    os.kill(mother, signal.SIGKILL)
    error = refused(pages)
    assert error.code == "crashed"
    assert not error.permanent
    assert is_gone(process)
    assert nursery_of(hostile) != mother


def test_a_nursery_that_died_unseen_costs_no_document(hostile: Hostile) -> None:
    mother = nursery_of(hostile)
    os.kill(mother, signal.SIGKILL)
    assert is_gone(mother)
    assert nursery_of(hostile) != mother


def test_a_child_killed_from_outside_may_be_tried_again(hostile: Hostile) -> None:
    pages = hostile("sleep")
    os.kill(int(next(pages).text), signal.SIGKILL)
    error = refused(pages)
    assert (error.code, error.permanent) == ("crashed", False)
    assert "outside" in error.message


def test_a_service_that_stops_lets_the_document_finish(hostile: Hostile) -> None:
    pages = hostile("sleeping_parent", replace(LIMITS, wall_seconds=1))
    for process in map(int, next(pages).text.split()):
        os.kill(process, signal.SIGTERM)
    assert refused(pages).code == "too_slow"


def test_a_nursery_that_does_not_answer_is_ended(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery, "_KILL_SECONDS", 0.3)
    pages = hostile("sleeping_parent")
    process, mother = map(int, next(pages).text.split())
    os.kill(mother, signal.SIGSTOP)
    pages.close()  # type: ignore[attr-defined]
    assert is_gone(mother)
    assert is_gone(process)
    assert nursery_of(hostile) != mother


def test_a_killed_owner_takes_nursery_and_child_along(tmp_path: Path) -> None:
    code = "for page in hostile('sleeping_parent'): print(page.text, flush=True)"
    with running(code, tmp_path) as (owner, (process, mother)):
        owner.kill()
        assert is_gone(process)
        assert is_gone(mother)


def test_so_it_is_while_a_fork_of_the_owner_lives(tmp_path: Path) -> None:
    """It has copies of every socket, so none of them closes when the owner dies; a C library's fork, unlike
    Python's, tells nobody."""
    code = """
import ctypes, time
pages = hostile("sleeping_parent")
ids = next(pages).text
if (fork := ctypes.PyDLL(None).fork()) == 0:
    time.sleep(60)
    os._exit(0)
print(ids, fork, flush=True)
time.sleep(60)
"""
    with running(code, tmp_path) as (owner, (process, mother, fork)):
        owner.kill()
        assert is_gone(process)
        assert is_gone(mother)
        assert not is_gone(fork, seconds=0.1)
        os.kill(fork, signal.SIGKILL)


def test_an_owner_that_ends_in_order_leaves_no_nursery_and_no_warning(tmp_path: Path) -> None:
    owner = run("print(next(hostile('parent')).text)", tmp_path)
    out, err = owner.communicate()
    assert (owner.returncode, err) == (0, "")
    assert is_gone(int(out), seconds=0.5)


def test_a_thread_that_ends_does_not_take_the_nursery_along(hostile: Hostile) -> None:
    nursery._keeper.end()
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(nursery_of(hostile)))
    thread.start()
    thread.join()
    assert nursery_of(hostile) == found[0]


# ----------------------------------------------------------------------------------- forks of the owner


def test_a_fork_has_a_nursery_of_its_own_and_harms_none(tmp_path: Path) -> None:
    code = """
pages = hostile("sleeping_parent")
ids = next(pages).text.split()
if (fork := os.fork()) == 0:
    pages.close()
    print(next(hostile("parent")).text, flush=True)
    sys.exit()
_, status = os.waitpid(fork, 0)
print(status, *ids, Path(f"/proc/{ids[0]}").exists(), next(hostile("parent")).text)
"""
    out, err = run(code, tmp_path).communicate()
    of_fork, status, _, mother, is_alive, still = out.split()
    assert (status, is_alive, err) == ("0", "True", "")
    assert still == mother != of_fork


def test_a_fork_while_another_thread_starts_a_nursery(tmp_path: Path) -> None:
    code = """
import threading, time
thread = threading.Thread(target=lambda: list(hostile("printing")))
thread.start()
time.sleep(0.05)
if (fork := os.fork()) == 0:
    print(next(hostile("printing")).text, flush=True)
    os._exit(0)
thread.join()
print(os.waitpid(fork, 0)[1])
"""
    out, _ = run(code, tmp_path).communicate()
    assert out.split() == ["quiet", "0"]


# ------------------------------------------------------------------------------------- where there is none


@pytest.mark.parametrize("answer", ["", "3 threads"])
def test_without_a_nursery_documents_are_read_all_the_same(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """One that dies, and one that says it cannot be forked."""
    real = interpreter.command

    def command(module: str, arguments: str) -> list[str]:
        if module != "nursery_process":
            return real(module, arguments)
        speak = f"import socket; socket.socket(fileno={json.loads(arguments)[0]}).send({answer.encode()!r})"
        return [sys.executable, "-c", speak if answer else ""]

    keeper = nursery._Keeper()
    monkeypatch.setattr(nursery, "_keeper", keeper)
    monkeypatch.setattr(interpreter, "command", command)
    assert nursery_of(hostile) == os.getpid()
    assert keeper._is_unfit == bool(answer)
