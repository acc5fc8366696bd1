"""All passages of a SQuAD split as documents of one collection: is the passage found, is the answer given?

    python -m benchmarks.squad --url http://127.0.0.1:8000 --key KEY [--answers 400] [--out squad.json]

Search is asked for every answerable question; answers for a sample of each kind, evenly spaced through the file. A gold
answer counts as contained when its lower-cased words stand in the answer's text.
"""

import argparse
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.client import DATA, Footnote, percentile, read_jsonl, report

Row = dict[str, Any]


def plain(text: str) -> str:
    """Lower-cased words, footnote marks and punctuation aside."""
    return " ".join(re.findall(r"\w+", re.sub(r"\[\d+\]", " ", text.lower())))


def spread(rows: list[Row], count: int) -> list[Row]:
    """`count` rows at even distances."""
    step = max(1, len(rows) // count) if count else len(rows) + 1
    return rows[::step][:count]


def load(footnote: Footnote, passages: list[Row]) -> tuple[str, dict[str, str], float]:
    """Uploads each passage as a text; gives the collection, passage id by document id, and seconds to ready."""
    collection = footnote.collection("SQuAD passages")
    started = time.monotonic()
    names: dict[str, str] = {}
    for passage in passages:
        body = {"title": passage["title"], "text": passage["text"]}
        document = footnote.call("POST", f"/collections/{collection}/documents", json=body)
        names[document["id"]] = passage["id"]
    finished = footnote.wait_for(collection)
    unready = [document for document in finished if not document["status"].startswith("ready")]
    if unready or len(finished) != len(passages):
        raise SystemExit(f"{len(finished)} documents, {len(unready)} of them not ready: {unready[:3]}")
    return collection, names, time.monotonic() - started


def measure_search(footnote: Footnote, collection: str, names: dict[str, str], questions: list[Row]) -> Row:
    """hit@1, recall@10 and milliseconds of /search, one request at a time."""
    first = found = 0
    times: list[float] = []
    for question in questions:
        body = {"query": question["question"], "collections": [collection], "limit": 10}
        started = time.perf_counter()
        results = footnote.call("POST", "/search", json=body)["results"]
        times.append((time.perf_counter() - started) * 1000)
        ranked = [names[result["document"]["id"]] for result in results]
        gold = set(question["gold_passages"])
        first += bool(ranked[:1] and ranked[0] in gold)
        found += bool(gold & set(ranked))
    return {
        "questions": len(questions),
        "hit@1": first / len(questions),
        "recall@10": found / len(questions),
        "search p50 ms": percentile(times, 0.5),
        "search p95 ms": percentile(times, 0.95),
    }


def measure_answers(footnote: Footnote, collection: str, questions: list[Row]) -> list[Row]:
    """The whole answer for each question, four at a time."""

    def ask(question: Row) -> Row:
        body = {"question": question["question"], "collections": [collection]}
        answer = footnote.call("POST", "/answers", json=body)
        said = plain(answer["text"])
        return {
            "refused": answer["refused"],
            "right": not answer["refused"] and any(plain(gold) in said for gold in question["answers"]),
            "engine": answer["receipt"].get("engine", ""),
        }

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, questions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--answers", type=int, default=400, help="questions of each kind to ask for an answer")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    footnote = Footnote(options.url, options.key)
    passages, questions = (read_jsonl(DATA / "squad" / f"{name}.jsonl") for name in ("passages", "questions"))
    collection, names, seconds = load(footnote, passages)
    rows: Row = {"documents": len(passages), "seconds to ready": seconds}
    answerable = [question for question in questions if question["answerable"]]
    rows |= measure_search(footnote, collection, names, answerable)
    asked = measure_answers(footnote, collection, spread(answerable, options.answers))
    unanswerable = [question for question in questions if not question["answerable"]]
    unasked = measure_answers(footnote, collection, spread(unanswerable, options.answers))
    rows |= {
        "engines": sorted({row["engine"] for row in asked}),
        "answers to answerable questions": len(asked),
        "  contain a gold answer": sum(row["right"] for row in asked) / max(1, len(asked)),
        "  refused": sum(row["refused"] for row in asked) / max(1, len(asked)),
        "answers to unanswerable questions": len(unasked),
        "  refused ": sum(row["refused"] for row in unasked) / max(1, len(unasked)),
    }
    report(rows, options.out)


if __name__ == "__main__":
    main()
