"""Ingestion under kill -9: the worker at twenty random moments, and the broker started again empty in between."""

import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.children import QUICK_SECONDS
from tests.stack import Stack, until

pytestmark = pytest.mark.slow

DOCUMENTS, KILLS = 50, 20
SUBJECTS = ("bees", "wasps", "ants", "moths", "beetles")
SENTENCE = "dance to tell the others where the flowers are, and the others follow them out into the field. " * 4


def text_of(number: int) -> str:
    """A text of one to a few dozen passages, no two of them alike in the whole run."""
    count = 1 + 6 * (number % 7)
    return "\n\n".join(
        f"The {number * 100 + n} {subject} of hive {number} " + SENTENCE for n in range(count) for subject in SUBJECTS
    )


@pytest.fixture
def footnote(tmp_path: Path) -> Iterator[Stack]:
    running = Stack(tmp_path / "var")
    try:
        yield running.start()
    finally:
        running.stop()


def rows(footnote: Stack, query: str, *values: object) -> list[tuple]:
    """From the stack's database, which SQLite lets another process read."""
    with sqlite3.connect(f"file:{footnote.data_dir / 'footnote.sqlite3'}?mode=ro", uri=True, timeout=30) as database:
        return database.execute(query, values).fetchall()


def upload(client: httpx.Client, collection: str, number: int) -> None:
    body = {"title": f"Note {number}", "text": text_of(number)}
    client.post(f"/api/v1/collections/{collection}/documents", json=body).raise_for_status()


def unfinished(footnote: Stack) -> int:
    query = "select count(*) from documents_version where state in ('queued', 'extracting', 'chunking', 'embedding')"
    return int(rows(footnote, query)[0][0])


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


def kill_ingest(footnote: Stack) -> None:
    pid = until(lambda: footnote.pids().get("ingest"), 30, lambda: footnote.log()[-2000:])
    os.kill(pid, signal.SIGKILL)


def empty_the_broker(footnote: Stack) -> None:
    """kill -9 of valkey with its files gone: what was queued is forgotten."""
    pid = footnote.pids()["valkey"]
    for file in (footnote.data_dir / "valkey").rglob("*"):
        if file.is_dir() and "append" in file.name:
            shutil.rmtree(file, ignore_errors=True)
        elif file.suffix in (".rdb", ".aof"):
            file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGKILL)


def test_twenty_kills_and_an_empty_broker_lose_nothing(footnote: Stack) -> None:
    chance = random.Random(20)
    started = time.monotonic()
    with footnote.client() as client:
        killed = client.post("/api/v1/collections", json={"name": "Killed"}).json()["id"]
        clean = client.post("/api/v1/collections", json={"name": "Clean"}).json()["id"]
        time.sleep(max(0.0, QUICK_SECONDS + 2 - (time.monotonic() - started)))  # it has run well by then
        for number in range(DOCUMENTS):
            upload(client, killed, number)
        first_rows: dict[str, int] = {}
        for number in range(KILLS):
            time.sleep(chance.uniform(0.05, 1.5))
            kill_ingest(footnote)
            if number == KILLS // 2:
                empty_the_broker(footnote)
            for pk, text_hash in rows(footnote, "select id, text_hash from documents_embedding"):
                assert first_rows.setdefault(text_hash, pk) == pk, "a text was embedded and stored again"
        last_kill = time.monotonic()
        until(lambda: not unfinished(footnote), 300, lambda: footnote.log()[-4000:])
        print(f"all finished {time.monotonic() - last_kill:.1f} s after the last kill")

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
