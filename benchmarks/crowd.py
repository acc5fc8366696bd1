"""Thousands of small files and one very long document together, and what searches feel of it.

    python -m benchmarks.crowd --url http://127.0.0.1:8000 --key KEY [--pid PID] [--files 5000] [--out crowd.json]

Searches run one after the other, for a while before and all through the ingestion: their p95 meanwhile against idle.
"""

import argparse
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.client import DATA, FINISHED, Footnote, percentile, read_jsonl, report
from benchmarks.processes import Peak

Row = dict[str, Any]
IDLE_SEARCHES = 200
PAUSE_SECONDS = 0.05
AT_ONCE = 4


def texts(count: int) -> list[str]:
    """Small files, no two alike: passages of the sets with a number in front."""
    passages = [row["text"] for name in ("squad", "ir_cacm") for row in read_jsonl(DATA / name / "passages.jsonl")]
    return [f"Note {number}. {passages[number % len(passages)]}" for number in range(count)]


class Searching:
    """Searches in a thread of its own until it is stopped; `milliseconds` of each."""

    def __init__(self, url: str, key: str, collection: str, questions: list[str]) -> None:
        self.milliseconds: list[float] = []
        self._footnote, self._collection, self._questions = Footnote(url, key), collection, questions
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def once(self, number: int) -> float:
        """One search."""
        body = {"query": self._questions[number % len(self._questions)], "collections": [self._collection]}
        started = time.perf_counter()
        self._footnote.call("POST", "/search", json=body)
        return (time.perf_counter() - started) * 1000

    def _run(self) -> None:
        while not self._done.is_set():
            self.milliseconds.append(self.once(len(self.milliseconds)))
            time.sleep(PAUSE_SECONDS)

    def __enter__(self) -> "Searching":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


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
    questions = [row["question"] for row in read_jsonl(DATA / "squad" / "questions.jsonl")[:500]]
    base = footnote.collection("Searched meanwhile")
    for number, text in enumerate(texts(200)):
        footnote.call("POST", f"/collections/{base}/documents", json={"title": f"Base {number}", "text": text})
    footnote.wait_for(base)
    searching = Searching(asked.url, asked.key, base, questions)
    idle = [searching.once(number) for number in range(IDLE_SEARCHES)][20:]
    collection = footnote.collection("Crowd")
    with searching, Peak(asked.pid) as peak:
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
            "searches meanwhile": len(searching.milliseconds),
            "search p50/p95 idle, ms": f"{percentile(idle, 0.5):.0f}/{percentile(idle, 0.95):.0f}",
            "search p50/p95 meanwhile, ms": (
                f"{percentile(searching.milliseconds, 0.5):.0f}/{percentile(searching.milliseconds, 0.95):.0f}"
            ),
            "p95 meanwhile / idle": percentile(searching.milliseconds, 0.95) / percentile(idle, 0.95),
        },
        asked.out,
    )


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
    """The states of all documents once each is finished; asked by state, so that the asking costs little."""
    while True:
        waiting = any(
            footnote.call("GET", f"/collections/{collection}/documents?status={state}&limit=1")["results"]
            for state in ("queued", "extracting", "chunking", "embedding")
        )
        if not waiting:
            break
        time.sleep(1)
    states: dict[str, int] = {}
    for document in footnote.documents(collection):
        states[document["status"]] = states.get(document["status"], 0) + 1
    if sum(states.values()) != count or not set(states) <= FINISHED:
        raise SystemExit(f"{states} of {count}")
    return states


if __name__ == "__main__":
    main()
