"""Retrieval without a server: 732 SQuAD passages as documents of one collection, encoder and index in this process.

    python -m benchmarks.retrieval_squad [--fast] [--out retrieval.json]

hit@1, recall@10 and nDCG@10 of the dense leg, the lexical leg and their fusion over the answerable questions, each
with milliseconds of a whole search; then the encoder's passages/s beside sentence-transformers at fp32 with batches
of 64 (left out by --fast), how long a fresh process needs to load encoder and index, and its memory.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.client import DATA, percentile, read_jsonl
from engines import embedding
from engines.index.local import LocalIndex
from rag.ports import Embedder
from rag.searching import search
from rag.types import Mode
from tests.fakes_search import MemoryChangeLog

Row = dict[str, Any]
PROJECT = Path(__file__).resolve().parent.parent
CACHE_DIR = Path(os.environ.get("CACHE_DIR", PROJECT / ".cache"))

LOAD = """
import json, os, sys, time
started = time.perf_counter()
from pathlib import Path
from engines import embedding
from engines.index.local import LocalIndex
from tests.fakes_search import MemoryChangeLog
encoder = embedding.load("auto", model="all-MiniLM-L6-v2", cache_dir=Path(sys.argv[1]))
index = LocalIndex(MemoryChangeLog(), Path(sys.argv[2]), model=encoder.model, dimension=encoder.dimension)
encoder.embed_query("ready")
seconds = time.perf_counter() - started
pages = int(Path("/proc/self/statm").read_text().split()[1])
print(json.dumps({"seconds": seconds, "megabytes": pages * os.sysconf("SC_PAGE_SIZE") / 1e6}))
"""

BASELINE = """
import json, sys, time
from sentence_transformers import SentenceTransformer
from engines.embedding import bundled
texts = json.load(sys.stdin)
model = SentenceTransformer(str(bundled.source()), device="cpu")
model.encode(texts[:64], batch_size=64, show_progress_bar=False)
started = time.perf_counter()
model.encode(texts, batch_size=64, show_progress_bar=False)
print(json.dumps(len(texts) / (time.perf_counter() - started)))
"""


def ndcg(ranked: Sequence[str], gold: set[str], depth: int = 10) -> float:
    """Normalised discounted cumulative gain with binary relevance (Järvelin and Kekäläinen 2002)."""
    gained = sum(1 / math.log2(place + 2) for place, name in enumerate(ranked[:depth]) if name in gold)
    return gained / sum(1 / math.log2(place + 2) for place in range(min(depth, len(gold))))


def measure(
    mode: Mode, questions: Sequence[Row], names: dict[UUID, str], log: MemoryChangeLog, index: LocalIndex
) -> Row:
    """Quality and milliseconds of one mode over all questions."""
    hits, recalls, gains, times = 0, 0.0, 0.0, []
    for question in questions:
        started = time.perf_counter()
        found = search(
            question["question"],
            embedder=log.embedder,
            index=index,
            log=log,
            collections=list(log.collections),
            limit=10,
            mode=mode,
        )
        times.append((time.perf_counter() - started) * 1000 - found.timings["fetch"])
        ranked = [names[passage.version] for passage in found.passages]
        gold = set(question["gold_passages"])
        hits += bool(ranked[:1] and ranked[0] in gold)
        recalls += len(gold & set(ranked)) / len(gold)
        gains += ndcg(ranked, gold)
    count = len(questions)
    return {
        "hit@1": hits / count,
        "recall@10": recalls / count,
        "nDCG@10": gains / count,
        "p50 ms": percentile(times, 0.5),
        "p95 ms": percentile(times, 0.95),
    }


def filled(encoder: Embedder, passages: Sequence[Row]) -> tuple[MemoryChangeLog, dict[UUID, str], float]:
    """A log with each passage as a document, passage id by version, and the encoder's passages/s."""
    texts = [f"{passage['title']}\n{passage['text']}" for passage in passages]
    encoder.embed_passages(texts[:64])
    started = time.perf_counter()
    vectors = encoder.embed_passages(texts)
    speed = len(texts) / (time.perf_counter() - started)
    log = MemoryChangeLog(encoder)
    collection = log.create()
    names = {}
    for number, passage in enumerate(passages):
        row = vectors[number : number + 1]
        version = log.add_vectors(collection, [passage["text"]], row, title=passage["title"])
        names[version] = passage["id"]
    return log, names, speed


def in_a_fresh_process(program: str, *arguments: str, given: str = "") -> Any:
    """What a program prints as JSON."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, cwd=PROJECT)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="leave out sentence-transformers")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    passages, questions = (read_jsonl(DATA / "squad" / f"{name}.jsonl") for name in ("passages", "questions"))
    answerable = [question for question in questions if question["answerable"]]
    embedding.prepare(CACHE_DIR)
    encoder = embedding.load("auto", model="all-MiniLM-L6-v2", cache_dir=CACHE_DIR)
    log, names, speed = filled(encoder, passages)
    with tempfile.TemporaryDirectory() as folder:
        index = LocalIndex(log, Path(folder), model=encoder.model, dimension=encoder.dimension)
        result: Row = {"passages": len(passages), "questions": len(answerable), "encoder": encoder.model}
        result |= {str(mode): measure(mode, answerable, names, log, index) for mode in Mode}
        result["load"] = in_a_fresh_process(LOAD, str(CACHE_DIR), folder)
    result["encoder passages/s"] = speed
    if not options.fast:
        texts = json.dumps([f"{passage['title']}\n{passage['text']}" for passage in passages])
        result["sentence-transformers fp32 passages/s"] = in_a_fresh_process(BASELINE, given=texts)
    show(result)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1))


def show(result: Row) -> None:
    """The result as a table."""
    columns = list(result[str(Mode.HYBRID)])
    print(f"{'':10}" + "".join(f"{column:>11}" for column in columns))
    for mode in Mode:
        print(f"{mode:10}" + "".join(f"{result[str(mode)][column]:11.3f}" for column in columns))
    for name, value in result.items():
        if not isinstance(value, dict):
            print(f"{name}: {value:.1f}" if isinstance(value, float) else f"{name}: {value}")
    load = result["load"]
    print(f"a fresh process: {load['seconds']:.2f} s to its first vector, {load['megabytes']:.0f} MB resident")


if __name__ == "__main__":
    main()
