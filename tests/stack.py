"""A whole Footnote, started by `manage.py up` as a person would, for tests that talk to it from outside.

One serves a whole test session (`stack`); tests that harm it share another (`own`).
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

PROJECT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90.0
T = TypeVar("T")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what: Callable[[], T], seconds: float, message: Callable[[], str]) -> T:
    """The first true value of `what`; fails with what `message` says then when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        if value := what():
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {message()}")
        time.sleep(0.05)


class Stack:
    """`manage.py up` on a folder of its own. `environment` adds to or overrides what it is started with."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log_path = data_dir.with_name(data_dir.name + ".log")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LLM_", "PYTEST_", "COV_"))}
        self.environment = {
            **inherited,
            "DATA_DIR": str(data_dir),
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "SAMPLE": "0",
            # Beside a suite that takes every core, what gives way hardly runs.
            "INGEST_NICENESS": "0",
            "UPLOADS_NICENESS": "0",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_after = 0.0
        self._api_key = ""
        self._administrator: httpx.Client | None = None

    # ------------------------------------------------------------------------------------ coming and going

    def start(self) -> "Stack":
        """Starts it and waits until it says that it is ready."""
        seen = len(self.log())
        begun = time.monotonic()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(
            lambda: "Footnote is ready at" in self.log()[seen:] or self.process.poll() is not None,
            READY_SECONDS,
            lambda: f"ready; its log:\n{self.log()[-4000:]}",
        )
        if self.process.poll() is not None:
            pytest.fail(f"`manage.py up` ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        self.ready_after = time.monotonic() - begun
        return self

    def interrupt(self, seconds: float = 40.0) -> int:
        """Ctrl-C; gives the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(seconds)

    def stop(self) -> None:
        """Ends it whatever state it is in; afterwards nothing of it runs."""
        if self._administrator is not None:
            self._administrator.close()
            self._administrator = None
        if self.process is not None and self.process.poll() is None:
            try:
                self.interrupt()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.everything():
            os.kill(pid, signal.SIGKILL)

    def restart(self) -> None:
        """Stops it in order and starts it on the same folder, at the same port."""
        self.stop()
        self.start()

    # ----------------------------------------------------------------------------------------- its processes

    def everything(self) -> set[int]:
        """Every living process that was started with this DATA_DIR, the supervisor among them."""
        mark = f"DATA_DIR={self.data_dir}".encode()
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                living = " Z " not in (folder / "stat").read_text().rpartition(")")[2][:3]
                # valkey writes its title over its environment, but it works in its folder.
                inside = (folder / "cwd").readlink().is_relative_to(self.data_dir)
                if living and (inside or mark in (folder / "environ").read_bytes().split(b"\0")):
                    found.add(int(folder.name))
            except OSError:
                continue  # it ended while it was looked at
        return found

    def pids(self) -> dict[str, int]:
        """The process of each role: the supervisor's own children."""
        assert self.process is not None
        served = {"web": "asgi:application", "uploads": "asgi:uploads"}
        marks = {**served, "beat": "config beat", "valkey": "valkey", **{q: f"-Q {q}" for q in WORKERS}}
        children: dict[str, int] = {}
        for pid in self.everything():
            try:
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if parent == self.process.pid:
                children |= {role: pid for role, mark in marks.items() if re.search(rf"{mark}\b", words)}
        return children

    def kill(self, role: str) -> int:
        """kill -9 of a role's process; gives its pid."""
        pid = self.pids()[role]
        os.kill(pid, signal.SIGKILL)
        return pid

    def resident_mb(self, role: str) -> float:
        """Resident memory of a role's process, in MB."""
        status = Path(f"/proc/{self.pids()[role]}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]

    # ------------------------------------------------------------------------------------------ talking to it

    def log(self) -> str:
        """Everything it has written so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def admin(self) -> tuple[str, str]:
        """E-mail address and password of the administrator, as printed at the first start."""
        match = re.search(r"Administrator: (\S+)\s+password: (\S+)", self.log())
        assert match, self.log()[:2000]
        return match[1], match[2]

    def manage(self, *words: str, seconds: float = 60.0) -> "subprocess.CompletedProcess[str]":
        """Another management command on the same settings."""
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=seconds
        )

    @property
    def api_key(self) -> str:
        """A key of the administrator's."""
        if not self._api_key:
            done = self.manage("create_api_key", self.admin[0], "--name", "tests")
            assert done.returncode == 0, done.stderr
            self._api_key = done.stdout.strip()
        return self._api_key

    def client(self, key: str | None = None) -> httpx.Client:
        """A client of the API with a key, the administrator's by default."""
        headers = {"Authorization": f"Bearer {self.api_key if key is None else key}"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=60)

    @contextmanager
    def answering_by(self, base_url: str, model: str, context_window: int) -> Iterator[None]:
        """Meanwhile its answers are written by this endpoint, which its administrator adds in the admin."""
        # A name of its own: an endpoint that failed is passed over for seconds, by its name.
        name = f"endpoint-{urlsplit(base_url).port}"
        fields = {"name": name, "base_url": base_url, "model": model, "context_window": context_window}
        prices = {"prompt_price": 0, "cached_price": 0, "completion_price": 0}
        added = self._in_the_admin("inference/endpoint/add/", **fields, **prices, rank=0, enabled="on", _continue="1")
        try:
            yield
        finally:
            place = added.removeprefix("/admin/").removesuffix("change/")
            self._in_the_admin(f"{place}delete/", post="yes")

    def _in_the_admin(self, path: str, **fields: str | int) -> str:
        """Sends a form of the admin; gives the path that it leads to."""
        if self._administrator is None:
            self._administrator = httpx.Client(base_url=self.base_url, timeout=30)
            self._administrator.get("/account/login/").raise_for_status()
            self._send("/account/login/", login=self.admin[0], password=self.admin[1])
        return self._send(f"/admin/{path}", **fields)

    def _send(self, path: str, **fields: str | int) -> str:
        client = self._administrator
        assert client is not None
        response = client.post(path, data={**fields, "csrfmiddlewaretoken": client.cookies["csrftoken"]})
        assert response.status_code == 302, response.text
        return response.headers["Location"]


WORKERS = ("search", "answers", "ingest")


@contextmanager
def services_of_its_own(name: str) -> Iterator[dict[str, str]]:
    """DATABASE_URL and REDIS_URL for a stack where the tests run against PostgreSQL and Redis: a database that
    is made and dropped, and the Redis database after the suite's own, so that no task crosses over."""
    variables: dict[str, str] = {}
    if redis_url := os.environ.get("REDIS_URL", ""):
        parts = urlsplit(redis_url)
        number = int(parts.path.strip("/") or 0)
        variables["REDIS_URL"] = urlunsplit(parts._replace(path=f"/{number + 1}"))
    database_url = os.environ.get("DATABASE_URL", "")
    if not database_url.startswith("postgres"):
        yield variables
        return
    psycopg = pytest.importorskip("psycopg")
    server = urlunsplit(urlsplit(database_url)._replace(path="/postgres"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield {**variables, "DATABASE_URL": urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))}
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The session's Footnote, with the sample collection; tests must leave it running."""
    folder = tmp_path_factory.mktemp("stack")
    with services_of_its_own(f"footnote_stack_{os.getpid()}") as services:
        footnote = Stack(folder / "var", SAMPLE="1", **services)
        try:
            yield footnote.start()
        finally:
            footnote.stop()


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Footnote that tests may harm; `running` starts it again."""
    with services_of_its_own(f"footnote_own_{os.getpid()}") as services:
        footnote = Stack(tmp_path_factory.mktemp("own") / "var", **services)
        footnote.environment.pop("REDIS_URL", None)  # killing an embedded one harms nobody else
        yield footnote
        footnote.stop()


@pytest.fixture
def running(own: Stack) -> Stack:
    """It runs, whatever the test before did."""
    return own if own.process is not None and own.process.poll() is None else own.start()
