"""What a search costs, and how that grows, from ten thousand passages to a million.

    python -m benchmarks.search --work FOLDER [--rows 10000 100000 1000000] [--out search.json]

For each size a database of its own is written below FOLDER (once; real passages first, mixtures where they end) and
asked in one process as the search worker asks it: `retrieval.find`, with revisions, permissions by row and passages.

dense/raw     milliseconds of `find` in dense mode beside those of encoding the same question and searching the same
              FAISS index for as many rows, in turn, question by question; the ratio is that of the medians
recall@10     of `find` in dense mode against all float16 vectors
open          seconds of a fresh process from its first line of Footnote to its first answer, and its memory
add           milliseconds until one more document is found, from the commit that makes it ready
concurrent    32 threads that search at once
on top        what queue and HTTP add: a request to a running Footnote less what its answer says it spent inside
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from benchmarks.client import percentile
from benchmarks.processes import megabytes

if TYPE_CHECKING:
    from apps.documents.models import Collection
    from engines.index.local import LocalIndex

Row = dict[str, Any]
PROJECT = Path(__file__).resolve().parent.parent
ROWS = (10_000, 100_000, 1_000_000)
QUESTIONS, EXACT, ADDED, AT_ONCE = 200, 50, 15, 32
LIMIT, DEPTH = 10, 50
OPEN = """
import time
started = time.perf_counter()
import os, sys, json, django
django.setup()
from benchmarks.search import request
from apps.documents import retrieval
found = retrieval.find(request(sys.argv[1], sys.argv[2], "hybrid"))
seconds = time.perf_counter() - started
from benchmarks.processes import megabytes
print(json.dumps([seconds, megabytes({os.getpid()}), len(found.passages)]))
"""


def request(collection: str, question: str, mode: str) -> Any:
    """A search as it comes out of the queue."""
    from apps.documents.selectors import SearchRequest  # noqa: PLC0415 - Django is set up by then

    return SearchRequest(question, (collection,), None, LIMIT, mode, time.time() + 60)


def spent(work: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def at(rows: int, cache: Path) -> Row:
    """Everything that is measured in a process like the search worker's."""
    import django  # noqa: PLC0415 - the child's environment names its database

    django.setup()
    from apps.documents import retrieval  # noqa: PLC0415
    from benchmarks import corpus, search_filling  # noqa: PLC0415
    from engines import wiring  # noqa: PLC0415

    encoder = wiring.embedder()
    collection = search_filling.filled(encoder, rows, cache=cache)
    index = wiring.passage_index(retrieval.log())
    built = spent(lambda: index.compact(collection.pk, force=True)) / 1000
    questions = corpus.questions(QUESTIONS)
    find = retrieval.find
    name = str(collection.pk)
    for question in questions[:20]:
        find(request(name, question, "hybrid"))
    result: Row = {"chunks": rows, "seconds to compact": built}
    result |= _speed(index, collection, questions, find)
    result["recall@10"] = _recall(index, collection, questions[:EXACT], find)
    result |= _at_once(name, questions, find)
    result |= _adding(collection, find)
    snapshot = sum(path.stat().st_size for path in Path(os.environ["DATA_DIR"], "index").rglob("*") if path.is_file())
    result |= {"snapshot MB": snapshot / 1e6, "memory MB": megabytes({os.getpid()})}
    return result


def _speed(index: "LocalIndex", collection: "Collection", questions: list[str], find: Callable[[Any], Any]) -> Row:
    from engines import wiring  # noqa: PLC0415

    encoder = wiring.embedder()
    block = index._states([collection.pk])[0].dense.base.block  # type: ignore[union-attr]
    assert block.index is not None
    name = str(collection.pk)
    times: dict[str, list[float]] = {"raw": [], "dense": [], "lexical": [], "hybrid": []}
    for question in questions:
        times["raw"].append(spent(lambda: block.index.search(encoder.embed_query(question)[None], DEPTH)))  # noqa: B023
        for mode in ("dense", "lexical", "hybrid"):
            times[mode].append(spent(lambda: find(request(name, question, mode))))  # noqa: B023
    rows: Row = {}
    for mode, some in times.items():
        rows |= {f"{mode} p50 ms": percentile(some, 0.5), f"{mode} p95 ms": percentile(some, 0.95)}
    return rows | {"dense/raw": rows["dense p50 ms"] / rows["raw p50 ms"]}


def _recall(index: "LocalIndex", collection: "Collection", questions: list[str], find: Callable[[Any], Any]) -> float:
    from engines import wiring  # noqa: PLC0415
    from engines.index.vectors import as_uuids  # noqa: PLC0415

    encoder = wiring.embedder()
    block = index._states([collection.pk])[0].dense.base.block  # type: ignore[union-attr]
    asked = np.stack([encoder.embed_query(question) for question in questions])
    best, rows = np.full((len(questions), LIMIT), -2.0, np.float32), np.zeros((len(questions), LIMIT), np.int64)
    for start in range(0, len(block), 50_000):
        some = asked @ np.asarray(block.vectors[start : start + 50_000], np.float32).T
        numbers = np.broadcast_to(np.arange(start, start + some.shape[1]), some.shape)
        scores, names = np.concatenate([best, some], axis=1), np.concatenate([rows, numbers], axis=1)
        order = np.argsort(-scores, axis=1)[:, :LIMIT]
        best, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(names, order, 1)
    shares = []
    for question, expected in zip(questions, rows, strict=True):
        found = {passage.chunk for passage in find(request(str(collection.pk), question, "dense")).passages}
        shares.append(len(found & set(as_uuids(block.chunks[expected]))) / LIMIT)
    return float(np.mean(shares))


def _at_once(name: str, questions: list[str], find: Callable[[Any], Any]) -> Row:
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        times = list(threads.map(lambda question: spent(lambda: find(request(name, question, "hybrid"))), questions))
    took = time.perf_counter() - started
    return {
        f"{AT_ONCE} at once p50 ms": percentile(times, 0.5),
        f"{AT_ONCE} at once p95 ms": percentile(times, 0.95),
        f"{AT_ONCE} at once, searches/s": len(questions) / took,
    }


def _adding(collection: "Collection", find: Callable[[Any], Any]) -> Row:
    from benchmarks import search_filling  # noqa: PLC0415
    from benchmarks.corpus import Text  # noqa: PLC0415
    from engines import wiring  # noqa: PLC0415

    encoder = wiring.embedder()
    collection.refresh_from_db()
    times = []
    for number in range(ADDED):
        word = f"newcomer{time.time_ns()}n{number}"
        passages = [f"{word} is passage {n} of a document that has just come." for n in range(5)]
        text = Text(word, passages, encoder.embed_passages(passages))
        search_filling.add(collection, [text], model=encoder.model)
        times.append(spent(lambda: _found(find, str(collection.pk), word)))  # noqa: B023
    return {"add p50 ms": percentile(times, 0.5), "add p95 ms": percentile(times, 0.95)}


def _found(find: Callable[[Any], Any], name: str, word: str) -> None:
    assert any(word in passage.text for passage in find(request(name, word, "lexical")).passages)


# ------------------------------------------------------------------------------------------ from outside


def measured(rows: int, work: Path) -> Row:
    """One size: everything inside, then a cold start, then what comes on top."""
    environment = {**os.environ, "DATA_DIR": str(work / str(rows)), "SAMPLE": "0"}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    words = ["-m", "benchmarks.search", "--work", str(work), "--at", str(rows)]
    result: Row = json.loads(_last_line([sys.executable, *words], environment))
    collection = result.pop("collection")
    opened = _last_line([sys.executable, "-c", OPEN, collection, "Who was the first?"], environment)
    result["open s"], result["open MB"], _ = json.loads(opened)
    with _running(environment) as (url, key):
        result |= _on_top(url, key, collection)
    return result


def _last_line(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(words, env=environment, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


@contextmanager
def _running(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    port = "8790"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        env={**environment, "PORT": port},
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.5)
        words = [sys.executable, "manage.py", "create_api_key", "bench@example.org", "--name", "bench"]
        yield url, _last_line(words, environment)
    finally:
        process.terminate()
        process.wait()


def _on_top(url: str, key: str, collection: str) -> Row:
    from benchmarks import corpus  # noqa: PLC0415

    outside, inside = [], []
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120) as client:
        for question in corpus.questions(QUESTIONS):
            started = time.perf_counter()
            answer = client.post("/api/v1/search", json={"query": question, "collections": [collection]})
            took = (time.perf_counter() - started) * 1000
            timings = answer.raise_for_status().json()["timings"]
            outside.append(took)
            inside.append(took - sum(timings.values()))
    some = slice(20, None)
    return {
        "HTTP p50 ms": percentile(outside[some], 0.5),
        "HTTP p95 ms": percentile(outside[some], 0.95),
        "on top p50 ms": percentile(inside[some], 0.5),
    }


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--work", type=Path, required=True, help="a folder for the databases; 3 KB a passage")
    parser.add_argument("--at", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.at:
        result = at(options.at, options.work)
        from benchmarks.search_filling import NAME, Collection  # noqa: PLC0415

        print(json.dumps({**result, "collection": str(Collection.objects.get(name=NAME).pk)}))
        return
    results = []
    for rows in options.rows:
        results.append(measured(rows, options.work.resolve()))
        print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    width = max(len(name) for name in results[0])
    for name in results[0]:
        print(f"{name:{width}}" + "".join(f"{result[name]:14,.3f}" for result in results))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
