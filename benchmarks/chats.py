"""Chats at once through Footnote and straight at its engine: do all stream to their end, how soon do they begin?

    python -m benchmarks.chats --url http://127.0.0.1:8000 --key KEY --collection ID \\
        --engine http://127.0.0.1:8100/v1 --model tiny [--chats 32] [--rounds 3]

The two are interleaved round by round. The engine is asked with about as many prompt tokens, and tokens to write,
as Footnote's own receipts name; what it counted is printed beside.
"""

import argparse
import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from benchmarks.client import Footnote, median, percentile, report

Row = dict[str, Any]
NUMBER = itertools.count(1000)
TOPICS = ("an upload", "a citation", "the index", "a worker", "an answer", "the database", "a snapshot", "a key")


def through_footnote(footnote: Footnote, collection: str, question: str) -> Row:
    """One streamed answer: milliseconds to the first token, tokens, and the final status."""
    started = time.perf_counter()
    row: Row = {"first": None, "status": "cut", "receipt": {}}
    for name, data in footnote.events(question, collection):
        if name == "token" and row["first"] is None:
            row["first"] = (time.perf_counter() - started) * 1000
        if name in ("done", "error"):
            answer = data if name == "done" else data.get("answer", {})
            row |= {"status": answer.get("status", name), "receipt": answer.get("receipt", {})}
    return row | {"seconds": time.perf_counter() - started}


def straight(http: httpx.Client, model: str, prompt: str, tokens: int) -> Row:
    """One completion asked of the engine itself."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    started = time.perf_counter()
    row: Row = {"first": None, "status": "cut", "usage": {}}
    with http.stream("POST", "chat/completions", json=body) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line == "data: [DONE]":
                row["status"] = "done"
            elif line.startswith("data: "):
                chunk = json.loads(line[6:])
                row["usage"] = chunk.get("usage") or row["usage"]
                if row["first"] is None and chunk.get("choices") and "content" in chunk["choices"][0]["delta"]:
                    row["first"] = (time.perf_counter() - started) * 1000
    return row | {"seconds": time.perf_counter() - started}


def straight_round(pool: ThreadPoolExecutor, http: httpx.Client, model: str, like: list[Row]) -> list[Row]:
    """As many chats straight at the engine as `like` has, each as long as their median."""
    prompt = int(median(row["receipt"].get("prompt_tokens", 0) for row in like)) or 500
    tokens = int(median(row["receipt"].get("completion_tokens", 0) for row in like)) or 64
    # No prompt begins like another, also not in the next round: the engine would have it in its prefix cache.
    prompts = [f"{next(NUMBER)} " + "word " * prompt for _ in like]
    return list(pool.map(lambda text: straight(http, model, text, tokens), prompts))


def summary(ours: list[Row], theirs: list[Row]) -> Row:
    """What the table says of both."""
    first, bare = ([row["first"] for row in rows if row["first"] is not None] for rows in (ours, theirs))
    receipts = [row["receipt"] for row in ours]
    stages = [receipt.get("milliseconds", {}) for receipt in receipts]
    return {
        "through Footnote: ended": f"{sum(row['status'] == 'done' for row in ours)} of {len(ours)}",
        "engines": sorted({receipt.get("engine", "") for receipt in receipts}),
        "straight: ended": f"{sum(row['status'] == 'done' for row in theirs)} of {len(theirs)}",
        "prompt tokens, Footnote": median(receipt.get("prompt_tokens", 0) for receipt in receipts),
        "prompt tokens, straight": median(row["usage"].get("prompt_tokens", 0) for row in theirs),
        "first token ms, Footnote p50": median(first),
        "first token ms, Footnote p95": percentile(first, 0.95),
        "first token ms, straight p50": median(bare),
        "first token ms, straight p95": percentile(bare, 0.95),
        "queue + embed + search ms p50": median(
            sum(stage.get(key, 0) for key in ("queue", "embed", "search")) for stage in stages
        ),
        "seconds whole, Footnote p50": median(row["seconds"] for row in ours),
        "seconds whole, straight p50": median(row["seconds"] for row in theirs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--engine", default="http://127.0.0.1:8100/v1")
    parser.add_argument("--model", required=True)
    parser.add_argument("--chats", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    footnote = Footnote(options.url, options.key)
    http = httpx.Client(base_url=options.engine.rstrip("/") + "/", timeout=300)
    ours: list[Row] = []
    theirs: list[Row] = []

    def ask(_: int) -> Row:
        n = next(NUMBER)
        question = f"What happens to {TOPICS[n % len(TOPICS)]} when process {n} of Footnote ends?"
        return through_footnote(footnote, options.collection, question)

    with ThreadPoolExecutor(options.chats) as pool:
        for _ in range(options.rounds):
            batch = list(pool.map(ask, range(options.chats)))
            ours += batch
            theirs += straight_round(pool, http, options.model, batch)
    report({"chats at once": options.chats, "rounds": options.rounds} | summary(ours, theirs), options.out)


if __name__ == "__main__":
    main()
