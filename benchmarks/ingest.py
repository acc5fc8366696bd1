"""How fast documents become ready, beside the bare encoder on the same passages in the same run.

    python -m benchmarks.ingest --url http://127.0.0.1:8000 --key KEY [--pid PID] [--rounds 3] [--out ingest.json]

speed    each round uploads texts nobody embedded before (each run has titles of its own) and waits until they are
         ready; then sentence-transformers encodes, at fp32 with batches of 64 and of 8, exactly the passages that
         Footnote made of them. Void when the bare encoder's own speed drifts by more than 15 % over the rounds.
quality  nDCG@10 of exact dense search with Footnote's encoder and with the bare one, on three sets.
pages    five annual reports (641 pages) at once: pages per second, and the most memory of all processes together
         (with --pid, that of `manage.py up`).
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.client import DATA, Footnote, median, read_jsonl, report
from benchmarks.processes import Peak
from benchmarks.retrieval_squad import ndcg
from engines import embedding

Row = dict[str, Any]
PROJECT = Path(__file__).resolve().parent.parent
CACHE_DIR = Path(os.environ.get("CACHE_DIR", PROJECT / ".cache"))
SETS = ("squad", "ir_cacm", "multihop_hotpotqa")
REPORTS = ("AMAZON_2017_10K", "BOEING_2022_10K", "PFIZER_2021_10K", "Pfizer_2023Q2_10Q", "JOHNSON_JOHNSON_2022_10K")
PAGES_PER_DOCUMENT = 100
MOST_DRIFT = 0.15
POLL_SECONDS = 0.5
"""Each look costs 20 ms of a core that reads; this costs 2 % of one and is late by a quarter of a second."""

BARE = """
import json, sys, time
from sentence_transformers import SentenceTransformer
from engines.embedding import bundled
model = SentenceTransformer(str(bundled.source()), device="cpu")
model.encode(["warm up"] * 64, batch_size=64, show_progress_bar=False)
for line in sys.stdin:
    texts, size = json.loads(line)
    started = time.perf_counter()
    vectors = model.encode(texts, batch_size=size, show_progress_bar=False, normalize_embeddings=True)
    print(json.dumps([time.perf_counter() - started, vectors.tolist() if size == 0 else None]), flush=True)
"""


class BareEncoder:
    """sentence-transformers at fp32 in a process of its own, loaded once and warm."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BARE], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self, texts: list[str], batch: int) -> float:
        """How long it takes to encode the texts."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([texts, batch]) + "\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline())[0])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def corpus() -> list[str]:
    """The passages of three sets, mixed by a rule: every third of each in turn, so that rounds are alike."""
    texts = [row["text"] for name in SETS for row in read_jsonl(DATA / name / "passages.jsonl")]
    long_enough = sorted({text for text in texts if len(text) > 200})
    return [text for start in range(7) for text in long_enough[start::7]]


def embedded(footnote: Footnote, document: Row) -> list[str]:
    """What the encoder saw of a document: title, heading and passage."""
    path: str | None = f"/documents/{document['id']}/chunks?limit=200"
    texts: list[str] = []
    while path:
        answer = footnote.call("GET", path)
        texts += [
            "\n".join(filter(None, (document["title"], row["heading"], row["text"]))) for row in answer["results"]
        ]
        path = answer["next"]
    return texts


def one_round(footnote: Footnote, bare: BareEncoder, texts: list[str], name: str) -> Row:
    """Footnote, then the bare encoder twice, on the same passages. `name` is in each title, which the encoder sees:
    a name used before would find the vectors there."""
    collection = footnote.collection(f"Speed {name}")
    parts = [texts[at : at + PAGES_PER_DOCUMENT] for at in range(0, len(texts), PAGES_PER_DOCUMENT)]
    started = time.monotonic()
    for index, part in enumerate(parts):
        body = {"title": f"Part {index} of {name}", "text": "\n\n".join(part)}
        footnote.call("POST", f"/collections/{collection}/documents", json=body)
    documents = wait_closely(footnote, collection)
    took = time.monotonic() - started
    passages = [text for document in documents for text in embedded(footnote, document)]
    by_64, by_8 = bare.seconds(passages, 64), bare.seconds(passages, 8)
    count = len(passages)
    return {"passages": count, "footnote": count / took, "bare_64": count / by_64, "bare_8": count / by_8}


def wait_closely(footnote: Footnote, collection: str) -> list[Row]:
    """The documents once all are ready, looked at often enough for a measurement of seconds."""
    while True:
        documents = list(footnote.documents(collection))
        if all(document["finished"] for document in documents):
            break
        time.sleep(POLL_SECONDS)
    if unready := [document for document in documents if not document["status"].startswith("ready")]:
        raise SystemExit(f"not ready: {unready[:3]}")
    return documents


def speed(footnote: Footnote, rounds: int, size: int) -> Row:
    """Medians over the rounds, and whether the bare encoder was steady enough for them to mean something."""
    texts = corpus()
    bare = BareEncoder()
    try:
        run = secrets.token_hex(2)
        one_round(footnote, bare, texts[:10], f"{run} warm-up")
        done = [one_round(footnote, bare, texts[n * size : (n + 1) * size], f"{run} {n}") for n in range(rounds)]
    finally:
        bare.close()
    for each in done:
        print({name: round(value, 1) for name, value in each.items()}, file=sys.stderr)
    steady = [each["bare_64"] for each in done]
    drift = (max(steady) - min(steady)) / median(steady)
    return {
        "passages per round": median(each["passages"] for each in done),
        "passages/s through Footnote": median(each["footnote"] for each in done),
        "passages/s bare, batch 64": median(steady),
        "passages/s bare, batch 8": median(each["bare_8"] for each in done),
        "ratio to batch 64": median(each["footnote"] / each["bare_64"] for each in done),
        "ratio to batch 8": median(each["footnote"] / each["bare_8"] for each in done),
        "drift of the bare encoder": drift,
        "void": drift > MOST_DRIFT,
    }


def quality() -> Row:
    """nDCG@10 of both encoders by exact search."""
    ours = embedding.load("auto", model="all-MiniLM-L6-v2", cache_dir=CACHE_DIR)
    theirs = embedding.load("sentence-transformers", model="all-MiniLM-L6-v2", cache_dir=CACHE_DIR)
    rows: Row = {}
    for name in SETS:
        passages, questions, gold = judged(name)
        scores = []
        for encoder in (ours, theirs):
            vectors = encoder.embed_passages([text for _, text in passages])
            asked = np.stack([encoder.embed_query(text) for _, text in questions])
            best = np.argsort(-(asked @ vectors.T), axis=1)[:, :10]
            gains = [
                ndcg([passages[at][0] for at in row], gold[key])
                for row, (key, _) in zip(best, questions, strict=True)
                if gold[key]
            ]
            scores.append(float(np.mean(gains)))
        rows |= {
            f"nDCG@10 {name}": scores[0],
            f"nDCG@10 {name}, bare": scores[1],
            f"lost on {name}": scores[1] - scores[0],
        }
    return rows


def judged(name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]], dict[str, set[str]]]:
    """Passages and questions as (id, text), and which passages answer which question."""
    folder = DATA / name
    passages = [
        (row["id"], f"{row.get('title', '')}\n{row['text']}".strip()) for row in read_jsonl(folder / "passages.jsonl")
    ]
    rows = [row for row in read_jsonl(folder / "questions.jsonl") if row.get("answerable", True)]
    gold = {row["id"]: set(row.get("gold_passages", ())) for row in rows}
    judgements = folder / "qrels.tsv"
    if judgements.exists():
        for line in judgements.read_text(encoding="utf-8").splitlines():
            question, passage, relevance = line.split("\t")
            if question in gold and relevance.isdigit() and int(relevance) > 0:
                gold[question].add(passage)
    return passages, [(row["id"], row["question"]) for row in rows], gold


def pages(footnote: Footnote, pid: int | None) -> Row:
    """Five reports at once."""
    collection = footnote.collection("Reports")
    with Peak(pid) as peak:
        started = time.monotonic()
        for name in REPORTS:
            with (DATA / "pdf_financebench" / "pdfs" / f"{name}.pdf").open("rb") as file:
                footnote.call("POST", f"/collections/{collection}/documents", files={"file": (f"{name}.pdf", file)})
        documents = wait_closely(footnote, collection)
        took = time.monotonic() - started
    count = sum(document["pages"] for document in documents)
    return {
        "reports": len(documents),
        "pages": count,
        "passages": sum(document["chunks"] for document in documents),
        "seconds": took,
        "pages/s": count / took,
        "most memory of all processes, MB": peak.megabytes,
    }


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("parts", nargs="*", default=["speed", "quality", "pages"], metavar="speed|quality|pages")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", default=os.environ.get("FOOTNOTE_KEY", ""))
    parser.add_argument("--pid", type=int, help="of `manage.py up`, to measure memory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passages", type=int, default=600, help="texts in a round")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    footnote = Footnote(asked.url, asked.key)
    rows: Row = {}
    if "pages" in asked.parts:
        rows |= pages(footnote, asked.pid)
    if "speed" in asked.parts:
        rows |= speed(footnote, asked.rounds, asked.passages)
    if "quality" in asked.parts:
        rows |= quality()
    report(rows, asked.out)


if __name__ == "__main__":
    main()
