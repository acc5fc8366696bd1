"""Ingestion under kill -9: twenty workers while they read, and the broker started again empty in between."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from config.children import QUICK_SECONDS
from config.roles import ROLES
from tests.stack import PROJECT, Stack, until

pytestmark = pytest.mark.slow

DOCUMENTS, KILLS, AT_FIRST = 50, 20, 12
GOES_ON_SECONDS = 60.0
SUBJECTS = ("bees", "wasps", "ants", "moths", "beetles")
SENTENCE = "dance to tell the others where the flowers are, and the others follow them out into the field. " * 4


def text_of(number: int) -> str:
    """A text of a few to a few dozen passages, no two of them alike in the whole run."""
    count = 1 + 3 * (number % 4)
    return "\n\n".join(
        f"The {number * 100 + n} {subject} of hive {number} " + SENTENCE for n in range(count) for subject in SUBJECTS
    )


@dataclass
class Workers:
    """The supervisor's ingest worker and two of the test's own beside it, started by the same command: so there is
    always one to kill amid its work, while those killed before are on their way up again."""

    footnote: Stack
    own: list[subprocess.Popen[bytes]]

    def fill(self) -> None:
        """Starts an own one for each that was killed."""
        (role,) = (role for role in ROLES if role.name == "ingest")
        self.own = [worker for worker in self.own if worker.poll() is None]
        while len(self.own) < 2:
            with (self.footnote.data_dir / "ingest.log").open("ab") as log:
                self.own.append(
                    subprocess.Popen(
                        role.argv({"INGEST_THREADS": 2}),
                        cwd=PROJECT,
                        env=self.footnote.environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )

    def kill_one_at_work(self, pause: float) -> int:
        """kill -9 of a worker, a moment after it was seen with a document in hand; gives how many it had then."""
        pid = until(lambda: next(iter(self.in_hand().values()), 0), 60, lambda: self.footnote.log()[-3000:])
        time.sleep(pause)
        os.kill(pid, signal.SIGKILL)
        return len(held_by(self.footnote, pid))

    def in_hand(self) -> dict[str, int]:
        """Version -> process, of what those that live hold."""
        living = {worker.pid for worker in self.own if worker.poll() is None} | {self.footnote.pids().get("ingest")}
        return {version: pid for version, pid in held_by(self.footnote) if pid in living}

    def kill_all(self) -> list[str]:
        """kill -9 of all of them at once; gives the versions that they had in hand. All have ended then."""
        supervised = self.footnote.pids().get("ingest", 0)
        pids = [worker.pid for worker in self.own] + [pid for pid in [supervised] if pid]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        cut = [version for version, _ in held_by(self.footnote, *pids)]
        for worker in self.own:
            worker.wait()
        until(lambda: not supervised or self.footnote.pids().get("ingest") != supervised, 10, lambda: "it lives on")
        return cut

    def end(self) -> None:
        """No own one is left."""
        for worker in self.own:
            worker.kill()
            worker.wait()


@pytest.fixture
def footnote(tmp_path: Path) -> Iterator[Stack]:
    running = Stack(tmp_path / "var")
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def workers(footnote: Stack) -> Iterator[Workers]:
    found = Workers(footnote, [])
    try:
        yield found
    finally:
        found.end()


def rows(footnote: Stack, query: str, *values: object) -> list[tuple]:
    """From the stack's database, which SQLite lets another process read."""
    with sqlite3.connect(f"file:{footnote.data_dir / 'footnote.sqlite3'}?mode=ro", uri=True, timeout=30) as database:
        return database.execute(query, values).fetchall()


def held_by(footnote: Stack, *pids: int) -> list[tuple[str, int]]:
    """(version, process) of what these processes hold, dead or alive; without any, of all."""
    held = rows(
        footnote,
        "select v.id, w.pid from documents_version v join inference_worker w on w.id = v.lease "
        "where v.finished_at is null",
    )
    return [(version, pid) for version, pid in held if not pids or pid in pids]


def upload(client: httpx.Client, collection: str, number: int) -> None:
    """Sends it until it is taken: while the broker is down that may be refused."""
    body = {"title": f"Note {number}", "text": text_of(number)}
    url = f"/api/v1/collections/{collection}/documents"
    until(lambda: client.post(url, json=body).is_success, 30, lambda: f"document {number} is not taken")


def unfinished(footnote: Stack) -> int:
    return int(rows(footnote, "select count(*) from documents_version where finished_at is null")[0][0])


def content(footnote: Stack, collection: str) -> set[tuple]:
    """Title, ordinal, place, text and vector of each live passage: what an index is made of."""
    return set(
        rows(
            footnote,
            "select d.title, c.ordinal, c.page, c.start, c.end, c.text, hex(e.vector) from documents_chunk c "
            "join documents_document d on d.current_id = c.version_id "
            "join documents_embedding e on e.text_hash = c.text_hash "
            "where d.deleted_at is null and d.collection_id = ?",
            collection.replace("-", ""),
        )
    )


def empty_the_broker(footnote: Stack) -> None:
    """kill -9 of valkey with its files gone: what was queued is forgotten."""
    pid = footnote.pids()["valkey"]
    for file in (footnote.data_dir / "valkey").rglob("*"):
        if file.is_dir() and "append" in file.name:
            shutil.rmtree(file, ignore_errors=True)
        elif file.suffix in (".rdb", ".aof"):
            file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGKILL)


def assert_it_goes_on(footnote: Stack, workers: Workers) -> None:
    """Every worker is killed at once and only the supervisor starts one again: within a minute it has a document in
    hand, and what they had in hand is taken up again, or given up by those that were cut off three times."""
    killed = time.monotonic()
    cut = workers.kill_all()
    assert cut
    until(workers.in_hand, GOES_ON_SECONDS, lambda: footnote.log()[-4000:])
    first = time.monotonic() - killed

    def all_go_on() -> bool:
        waiting = {pk for (pk,) in rows(footnote, "select id from documents_version where finished_at is null")}
        return not waiting & set(cut) - set(workers.in_hand())

    until(all_go_on, GOES_ON_SECONDS - first, lambda: footnote.log()[-4000:])
    whole = time.monotonic() - killed
    print(f"after the last kill a document moved in {first:.1f} s, the {len(cut)} cut off ones within {whole:.1f} s")
    assert whole <= GOES_ON_SECONDS


def test_twenty_kills_and_an_empty_broker_lose_nothing(footnote: Stack, workers: Workers) -> None:
    chance, started = random.Random(20), time.monotonic()
    workers.fill()
    with footnote.client() as client:
        killed = client.post("/api/v1/collections", json={"name": "Killed"}).json()["id"]
        clean = client.post("/api/v1/collections", json={"name": "Clean"}).json()["id"]
        # The supervisor gives up on what dies right after its start unless it has run well before.
        time.sleep(max(0.0, QUICK_SECONDS + 2 - (time.monotonic() - started)))
        waiting = list(range(DOCUMENTS))
        first_rows: dict[str, int] = {}
        cut = 0
        for number in range(KILLS - 1):
            # Two more for each kill, so that there is always work to be killed at, and some left for the last one.
            for _ in range(AT_FIRST if number == 0 else 2):
                upload(client, killed, waiting.pop(0))
            cut += bool(workers.kill_one_at_work(chance.uniform(0, 0.5)))
            workers.fill()
            if number == KILLS // 2:
                empty_the_broker(footnote)
            for pk, text_hash in rows(footnote, "select id, text_hash from documents_embedding"):
                assert first_rows.setdefault(text_hash, pk) == pk, "a text was embedded and stored again"
        assert cut > KILLS // 2  # most were killed with a document in hand
        for number in waiting:
            upload(client, killed, number)
        until(workers.in_hand, 60, lambda: footnote.log()[-4000:])
        assert_it_goes_on(footnote, workers)
        print(f"{cut} of {KILLS - 1} kills cut a document off; all uploaded, {unfinished(footnote)} unfinished")
        until(lambda: not unfinished(footnote), 300, lambda: footnote.log()[-4000:])

        states = rows(footnote, "select state, count(*), max(attempts) from documents_version group by state")
        failed = rows(footnote, "select error_code, error_message from documents_version where state = 'failed'")
        print(states)
        assert {state for state, *_ in states} <= {"ready", "failed"}
        assert all(code == "attempts" for code, _ in failed), failed  # killed three times while it was in hand
        for document in client.get(f"/api/v1/collections/{killed}/documents?status=failed").json()["results"]:
            client.post(f"/api/v1/documents/{document['id']}/retry").raise_for_status()
        until(lambda: not unfinished(footnote), 120, lambda: footnote.log()[-4000:])

        embedded = dict(rows(footnote, "select text_hash, id from documents_embedding"))
        for number in range(DOCUMENTS):
            upload(client, clean, number)
        until(lambda: not unfinished(footnote), 120, lambda: footnote.log()[-4000:])
        assert dict(rows(footnote, "select text_hash, id from documents_embedding")) == embedded
        assert content(footnote, killed) == content(footnote, clean)
        assert len(rows(footnote, "select id from documents_version where state = 'ready'")) == 2 * DOCUMENTS
        assert not rows(
            footnote,
            "select c.id from documents_chunk c left join documents_version v on v.id = c.version_id "
            "where v.id is null or v.state not in ('ready', 'ready_with_warnings')",
        )
        for collection in (killed, clean):
            check_index(client, collection)


def check_index(client: httpx.Client, collection: str) -> None:
    """A passage of each document is found by its own words."""
    for number in range(DOCUMENTS):
        body = {"query": f"{number * 100} beetles", "collections": [collection], "mode": "lexical", "limit": 3}
        found = client.post("/api/v1/search", json=body).json()["results"]
        assert found, number
        assert found[0]["document"]["title"] == f"Note {number}"
