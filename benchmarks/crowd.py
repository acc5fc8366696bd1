"""Thousands of small files and one very long document together, and what searches feel of it.

    python -m benchmarks.crowd --url http://127.0.0.1:8000 --key KEY [--pid PID] [--files 5000] [--out crowd.json]

Searches run one after the other in a process of their own, with the same pause for a while before and all through the
ingestion: their p95 meanwhile against idle.
"""

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from benchmarks.client import DATA, FINISHED, Footnote, percentile, read_jsonl, report
from benchmarks.processes import Peak

Row = dict[str, Any]
QUESTIONS = 500
IDLE_SECONDS = 40
WARMING_SEARCHES = 20
PAUSE_SECONDS = 0.05
ASK_EVERY_SECONDS = 5
AT_ONCE = 4


def texts(count: int) -> list[str]:
    """Small files, no two alike: passages of the sets with a number in front."""
    passages = [row["text"] for name in ("squad", "ir_cacm") for row in read_jsonl(DATA / name / "passages.jsonl")]
    return [f"Note {number}. {passages[number % len(passages)]}" for number in range(count)]


class Searching:
    """Searches one after the other in a process of its own, so that the uploads of this one do not slow them down;
    `milliseconds` of each, once it has stopped."""

    def __init__(self, url: str, key: str, collection: str) -> None:
        self.milliseconds: list[float] = []
        processes = multiprocessing.get_context("spawn")
        self._results, theirs = processes.Pipe(duplex=False)
        self._done = processes.Event()
        self._process = processes.Process(
            target=search_until, args=(self._done, theirs, url, key, collection), daemon=True
        )

    def __enter__(self) -> "Searching":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.milliseconds = self._results.recv()[WARMING_SEARCHES:]
        self._process.join()


def search_until(done: Event, results: Connection, url: str, key: str, collection: str) -> None:
    """Sends the milliseconds of every search at the end."""
    footnote, milliseconds = Footnote(url, key), []
    questions = [row["question"] for row in read_jsonl(DATA / "squad" / "questions.jsonl")[:QUESTIONS]]
    while not done.wait(PAUSE_SECONDS):
        body = {"query": questions[len(milliseconds) % QUESTIONS], "collections": [collection]}
        started = time.perf_counter()
        footnote.call("POST", "/search", json=body)
        milliseconds.append((time.perf_counter() - started) * 1000)
    results.send(milliseconds)


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", default=os.environ.get("FOOTNOTE_KEY", ""))
    parser.add_argument("--pid", type=int, help="of `manage.py up`, to measure memory")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    footnote = Footnote(asked.url, asked.key)
    base = footnote.collection("Searched meanwhile")
    for number, text in enumerate(texts(200)):
        footnote.call("POST", f"/collections/{base}/documents", json={"title": f"Base {number}", "text": text})
    footnote.wait_for(base)
    with Searching(asked.url, asked.key, base) as alone:
        time.sleep(IDLE_SECONDS)
    collection = footnote.collection("Crowd")
    with Searching(asked.url, asked.key, base) as beside, Peak(asked.pid) as peak:
        started = time.monotonic()
        uploaded = upload_all(footnote, collection, asked.files)
        sent = time.monotonic() - started
        states = wait(footnote, collection, uploaded)
        took = time.monotonic() - started
    report(
        {
            "documents": uploaded,
            "ready": sum(count for state, count in states.items() if state.startswith("ready")),
            "states": states,
            "seconds until all were sent": sent,
            "seconds until all were ready": took,
            "documents/s": uploaded / took,
            "most memory of all processes, MB": peak.megabytes,
            "searches idle/meanwhile": f"{len(alone.milliseconds)}/{len(beside.milliseconds)}",
            "search p50/p95 idle, ms": spread(alone.milliseconds),
            "search p50/p95 meanwhile, ms": spread(beside.milliseconds),
            "p95 meanwhile / idle": percentile(beside.milliseconds, 0.95) / percentile(alone.milliseconds, 0.95),
        },
        asked.out,
    )


def spread(milliseconds: list[float]) -> str:
    """Median and 95th percentile."""
    return f"{percentile(milliseconds, 0.5):.0f}/{percentile(milliseconds, 0.95):.0f}"


def upload_all(footnote: Footnote, collection: str, count: int) -> int:
    """The long document first, then the small ones, a few at a time; gives how many."""
    with (DATA / "files" / "u_handbook-872p.docx").open("rb") as file:
        footnote.call("POST", f"/collections/{collection}/documents", files={"file": ("handbook.docx", file)})

    def send(pair: tuple[int, str]) -> None:
        body = {"title": f"Note {pair[0]}", "text": pair[1]}
        footnote.call("POST", f"/collections/{collection}/documents", json=body)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(send, enumerate(texts(count))))
    return count + 1


def wait(footnote: Footnote, collection: str, count: int) -> dict[str, int]:
    """The states of all documents once each is finished; asked by state and seldom, for what is asked here is done
    by the web process that the searches are measured in."""
    while True:
        waiting = any(
            footnote.call("GET", f"/collections/{collection}/documents?status={state}&limit=1")["results"]
            for state in ("queued", "extracting", "chunking", "embedding")
        )
        if not waiting:
            break
        time.sleep(ASK_EVERY_SECONDS)
    states: dict[str, int] = {}
    for document in footnote.documents(collection):
        states[document["status"]] = states.get(document["status"], 0) + 1
    if sum(states.values()) != count or not set(states) <= FINISHED:
        raise SystemExit(f"{states} of {count}")
    return states


if __name__ == "__main__":
    main()
