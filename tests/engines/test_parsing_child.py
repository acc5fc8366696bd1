"""A hostile document: whatever it makes its reader do, only its own child process ends, in time, and knows nothing.

Each test runs both ways that a child comes into being: forked by the nursery, and with a Python of its own.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engines.parsing import FORMATS, Cancelled, nursery, sandbox
from tests.engines.parsing_children import HOSTILE, LIMITS, ROOT, Hostile, is_gone, reading, refused


@pytest.fixture(
    autouse=True,
    params=[
        pytest.param("forked", marks=pytest.mark.skipif(not nursery.IS_POSSIBLE, reason="a nursery needs Linux")),
        # What only other systems use is asked by `make test-slow` here.
        pytest.param("spawned", marks=[pytest.mark.slow] if nursery.IS_POSSIBLE else []),
    ],
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How children come into being; in processes that a test starts, too."""
    if request.param == "spawned":
        monkeypatch.setattr(nursery, "IS_POSSIBLE", False)
    sandbox.cache_clear()
    return str(request.param)


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    """Reads a document that tells its reader what harm to do."""
    monkeypatch.setattr("engines.parsing.formats.FORMATS", (*FORMATS, HOSTILE))
    return reading(tmp_path)


# ------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("what", ["hog", "native_hog"])
def test_a_memory_hog_ends_at_its_limit(hostile: Hostile, what: str) -> None:
    error = refused(hostile(what))
    assert error.code == "too_much_memory"
    assert "400 MB" in error.message
    assert "PARSE_MEMORY_MB" in error.hint


def test_what_the_interpreter_has_does_not_count_against_the_document(hostile: Hostile) -> None:
    (page,) = hostile("room 60", replace(LIMITS, memory_mb=130))  # twice: the copy that makes it goes
    assert page.text == f"had {60 << 20} bytes"
    assert refused(hostile("room 60", replace(LIMITS, memory_mb=100))).code == "too_much_memory"


def test_a_crash_is_not_taken_for_memory_that_the_parent_had(hostile: Hostile) -> None:
    held = bytearray(b"x") * (450 << 20)  # more than the child may have; its peak starts at its parent's
    assert len(held) > LIMITS.memory_mb * (1 << 20)
    assert refused(hostile("crash")).code == "crashed"
    assert refused(hostile("native_hog")).code == "too_much_memory"


def test_an_endless_loop_ends_at_the_cpu_limit(hostile: Hostile) -> None:
    start = time.monotonic()
    error = refused(hostile("loop", replace(LIMITS, cpu_seconds=1)))
    assert error.code == "too_slow"
    assert "PARSE_CPU_SECONDS" in error.hint
    assert time.monotonic() - start < 15


def test_a_reader_that_hangs_ends_at_the_wall_limit_and_is_gone(hostile: Hostile) -> None:
    pages = hostile("sleep", replace(LIMITS, wall_seconds=3))
    process = int(next(pages).text)
    assert refused(pages).code == "too_slow"
    assert is_gone(process)


def test_time_that_the_caller_takes_between_pages_does_not_count(hostile: Hostile) -> None:
    pages = hostile("printing", replace(LIMITS, wall_seconds=3))
    assert next(pages).text == "quiet"
    time.sleep(3.2)
    assert list(pages) == []


def test_pages_without_end_stop_at_the_text_limit(hostile: Hostile) -> None:
    assert refused(hostile("endless", replace(LIMITS, characters=1_000_000))).code == "too_large"


@pytest.mark.parametrize("what", ["crash", "abort", "leave"])
def test_a_crash_is_told_after_the_pages_before_it(hostile: Hostile, what: str) -> None:
    pages = hostile(what)
    assert next(pages).text == "so far so good"
    assert refused(pages).code == "crashed"


def test_text_that_no_database_takes_is_not_passed_on(hostile: Hostile) -> None:
    assert refused(hostile("lie")).code == "crashed"


def test_what_a_library_prints_is_not_taken_for_pages(hostile: Hostile) -> None:
    assert [page.text for page in hostile("printing")] == ["quiet"]


# -------------------------------------------------------------------------------------------- cancelling


def test_cancelling_ends_a_silent_child_within_a_second(hostile: Hostile) -> None:
    wanted = threading.Event()
    pages = hostile("sleep", cancelled=wanted.is_set)
    process = int(next(pages).text)
    wanted.set()
    start = time.monotonic()
    with pytest.raises(Cancelled) as caught:
        next(pages)
    assert caught.value.code == "cancelled"
    assert time.monotonic() - start < 1
    assert is_gone(process)


def test_closing_the_iterator_ends_the_child(hostile: Hostile) -> None:
    pages = hostile("sleep")
    process = int(next(pages).text)
    pages.close()  # type: ignore[attr-defined]
    assert is_gone(process)


@pytest.mark.skipif(sys.platform != "linux", reason="a child learns of its parent's end on Linux only")
def test_a_killed_parent_takes_its_child_along(tmp_path: Path, way: str) -> None:
    document = tmp_path / "document"
    document.write_text("sleep")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from engines.parsing import Limits, formats, extract, nursery\n"
        f"nursery.IS_POSSIBLE = {way == 'forked'}\n"
        "formats.FORMATS += (formats.Format('H', (), 'text/x-hostile', 'tests.files.hostile'),)\n"
        "for page in extract(Path(sys.argv[2]), 'text/x-hostile', limits=Limits()): print(page.text, flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(ROOT), str(document)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    process = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert is_gone(process)


# ---------------------------------------------------------------------------------- secrets, network, disk


def test_the_child_sees_no_secret(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_SECRET", "canary-71c3")
    (page,) = hostile("environment")
    assert "PATH=" in page.text
    assert "canary-71c3" not in page.text
    assert "CANARY" not in page.text
    assert "DATA_DIR" not in page.text


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A server on this machine, and who has called."""
    callers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, address = server.accept()
                    connection.close()
                    callers.append(str(address))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], callers
        done.set()
        thread.join()


def try_from_within(setup: str, port: int) -> str:
    code = f"""
import socket, sys
sys.path.insert(0, {str(ROOT)!r})
from engines.parsing import walls
print({setup})
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=2).close()
    print("connected")
except OSError as error:
    print("refused", error.errno)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_no_way_to_the_network(hostile: Hostile, listener: tuple[int, list[str]]) -> None:
    if "not possible here" in sandbox():
        pytest.skip("this system has neither user namespaces nor seccomp")
    port, callers = listener
    (page,) = hostile(f"network {port}")
    assert page.text.startswith("refused")
    assert callers == []


@pytest.mark.parametrize("wall", ["leave_network", "refuse_system_calls"])
def test_each_wall_holds_by_itself(wall: str, listener: tuple[int, list[str]]) -> None:
    port, callers = listener
    if try_from_within(f"walls.{wall}()", port).startswith("False"):
        pytest.skip(f"this system does not allow {wall}")
    assert "refused" in try_from_within(f"walls.{wall}()", port)
    assert callers == []
    assert "connected" in try_from_within("'no wall'", port)  # the test would notice
    assert len(callers) == 1


def test_the_sandbox_is_told_in_a_sentence() -> None:
    assert sandbox().startswith("Documents are read in a limited child process")
    assert sandbox().endswith(".")


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_no_other_program_is_started(hostile: Hostile) -> None:
    (page,) = hostile("program")
    assert page.text.startswith("refused")


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_no_other_process_is_signalled_or_started(hostile: Hostile) -> None:
    (page,) = hostile("signals")
    outcomes = dict(pair.split(":") for pair in page.text.split())
    assert outcomes.pop("itself") == "done"
    assert set(outcomes.values()) == {"refused"}
    assert next(hostile("processes")).text == "fork:refused thread:done"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_no_other_process_is_read_or_changed(hostile: Hostile) -> None:
    assert next(hostile("memory_of")).text == "memory:refused"
    sleeping = hostile("sleep")
    assert next(hostile(f"memory_of {next(sleeping).text}")).text == "memory:refused"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_it_holds_nothing_open_but_its_pipe(hostile: Hostile) -> None:
    sleeping = hostile("sleep")
    assert next(sleeping).text
    (page,) = hostile("descriptors")
    assert [each.partition(":")[0] for each in page.text.split()[1:]] == ["pipe"]


def test_nothing_is_written(hostile: Hostile, tmp_path: Path) -> None:
    target = tmp_path / "written"
    (page,) = hostile(f"write {target}")
    assert page.text.startswith("refused")
    assert not target.exists() or target.stat().st_size == 0


def test_the_child_imports_neither_django_nor_torch() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import engines.parsing.child\n"
        + "\n".join(f"import {form.module}" for form in FORMATS)
        + "\nprint([name for name in ('django', 'torch', 'numpy', 'celery', 'httpx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
