"""How well the right passages are found, over every question set: each leg, reciprocal rank fusion, and ours.

    python -m benchmarks.retrieval [SET ...] [--half tune|report|all] [--cache FOLDER] [--out retrieval.json]

Each set is a collection of its own; `mixed` asks the questions of all English sets in all their collections at once.
hit@1, recall@10 and nDCG@10 are ir-measures' over passages (pdf_financebench: over pages of the filings), the first ten
different ones of what a search gives. `rrf` fuses the same legs by reciprocal rank (k = 60). Questions are split in two
halves by a hash of their id: settings are chosen on `tune` and reported on `report`. conversation_mtrag_un is asked as
its questions stand, and once more in the stand-alone form that the conversation gives them (`+history`).

Nothing here asks a language model or a reranker. With --cache vectors are kept between runs.
"""

import argparse
import hashlib
import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import ir_measures
import numpy as np
from ir_measures import R, Success, nDCG

from benchmarks.client import percentile
from benchmarks.question_sets import NAMES, Question, QuestionSet, load
from engines import embedding
from engines.index.local import LocalIndex
from rag.chunking import chunk_pages
from rag.followup import standalone
from rag.ports import Embedder, Vectors
from rag.searching import search
from rag.types import Mode
from tests.fakes_search import MemoryChangeLog

CACHE_DIR = Path(os.environ.get("CACHE_DIR", Path(__file__).resolve().parent.parent / ".cache"))
MEASURES = {"hit@1": Success @ 1, "recall@10": R @ 10, "nDCG@10": nDCG @ 10, "any@10": Success @ 10}
WAYS = ("dense", "bm25", "rrf", "ours")
DEPTH = 10
ASKED_FOR = 16
"""Passages asked for, so that ten different ones remain mostly, where some were cut in several chunks."""
RRF = 60
ALONE = "+history"
"""After the name of a set whose questions were given the stand-alone form that their conversations make of them."""

Ranked = list[str]


class Bench:
    """All the sets in one index, one collection each."""

    def __init__(self, encoder: Embedder, cache: Path | None, folder: Path) -> None:
        self.encoder, self.cache = encoder, cache
        self.log = MemoryChangeLog(encoder)
        self.names: dict[UUID, str] = {}
        self.collections: dict[str, UUID] = {}
        self.index = LocalIndex(self.log, folder, model=encoder.model, dimension=encoder.dimension, memory_mb=8000)

    def add(self, questions: QuestionSet) -> int:
        """Cuts, embeds and indexes a set's documents as ingestion does; gives the number of chunks."""
        collection = self.collections[questions.name] = self.log.create()
        documents = []
        for document in questions.documents:
            chunks = chunk_pages(
                document.pages(),
                title=document.title,
                count_tokens=self.encoder.count_tokens,
                max_tokens=self.encoder.max_tokens,
            )
            documents.append((document, list(chunks)))
        texts = [chunk.for_embedding(document.title) for document, cut in documents for chunk in cut]
        vectors = self._embedded(texts)
        at = 0
        for document, cut in documents:
            if not cut:
                continue
            rows = self.log.add_chunks(collection, cut, vectors[at : at + len(cut)], title=document.title)
            at += len(cut)
            for row, chunk in zip(rows, cut, strict=True):
                self.names[row.chunk] = document.name(chunk.page)
        return len(texts)

    def _embedded(self, texts: list[str]) -> Vectors:
        digest = hashlib.sha256("\0".join([self.encoder.model, *texts]).encode()).hexdigest()[:32]
        kept = self.cache and self.cache / f"{digest}.npy"
        if kept and kept.is_file():
            vectors: Vectors = np.load(kept)
            return vectors
        vectors = self.encoder.embed_passages(texts)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept, vectors)
        return vectors

    def ranked(self, text: str, way: str, collections: Sequence[UUID]) -> Ranked:
        """The first ten different passages that a way of searching gives."""
        if way == "rrf":
            return self._fused_by_rank(text, collections)
        mode = {"dense": Mode.DENSE, "bm25": Mode.LEXICAL, "ours": Mode.HYBRID}[way]
        return self._different(self._found(text, mode, collections))

    def _found(self, text: str, mode: Mode, collections: Sequence[UUID]) -> list[UUID]:
        found = search(
            text,
            embedder=self.encoder,
            index=self.index,
            log=self.log,
            collections=collections,
            limit=ASKED_FOR,
            mode=mode,
        )
        return [passage.chunk for passage in found.passages]

    def _fused_by_rank(self, text: str, collections: Sequence[UUID]) -> Ranked:
        scores: dict[UUID, float] = {}
        for mode in (Mode.DENSE, Mode.LEXICAL):
            for place, chunk in enumerate(self._found(text, mode, collections), start=1):
                scores[chunk] = scores.get(chunk, 0.0) + 1 / (RRF + place)
        return self._different(sorted(scores, key=lambda chunk: -scores[chunk]))

    def _different(self, chunks: Sequence[UUID]) -> Ranked:
        return list(dict.fromkeys(self.names[chunk] for chunk in chunks))[:DEPTH]


def half_of(question: Question) -> str:
    """Which half a question belongs to; the same for ever."""
    return "report" if zlib.crc32(question.id.encode()) % 2 else "tune"


def measured(questions: Sequence[Question], rank: Callable[[str], Ranked]) -> dict[str, float]:
    """The measures over all questions, and milliseconds of a search."""
    qrels, run, times = [], [], []
    for number, question in enumerate(questions):
        name = str(number)
        started = time.perf_counter()
        ranked = rank(question.text)
        times.append((time.perf_counter() - started) * 1000)
        qrels += [ir_measures.Qrel(name, gold, grade) for gold, grade in question.gold.items()]
        run += [ir_measures.ScoredDoc(name, found, -place) for place, found in enumerate(ranked)]
        if not ranked:
            run.append(ir_measures.ScoredDoc(name, "", 0.0))
    values = ir_measures.calc_aggregate(list(MEASURES.values()), qrels, run)
    return {name: float(values[measure]) for name, measure in MEASURES.items()} | {
        "p50 ms": percentile(times, 0.5),
        "p95 ms": percentile(times, 0.95),
    }


def cases(sets: Sequence[QuestionSet], half: str) -> Iterator[tuple[str, list[str], list[Question]]]:
    """(name, sets it is asked in, questions)."""
    for each in sets:
        chosen = [q for q in each.questions if half in ("all", half_of(q))]
        yield each.name, [each.name], chosen
        if any(question.history for question in chosen):
            alone = [Question(q.id, standalone(q.text, q.history), q.gold) for q in chosen]
            yield f"{each.name}{ALONE}", [each.name], alone
    english = [each for each in sets if each.english]
    if len(english) > 1:
        chosen = [q for each in english for q in each.questions if half in ("all", half_of(q))]
        yield "mixed", [each.name for each in english], chosen


def summary(rows: dict[str, dict[str, Any]]) -> dict[str, float]:
    """nDCG@10 over all sets: ours less the mean of each set's better leg, and the most lost on one. Of a set that is
    also asked in stand-alone form only that form counts."""
    rows = {name: row for name, row in rows.items() if f"{name}{ALONE}" not in rows}
    better = {name: max(row["dense"]["nDCG@10"], row["bm25"]["nDCG@10"]) for name, row in rows.items()}
    ours = {name: row["ours"]["nDCG@10"] for name, row in rows.items()}
    return {
        "mean nDCG@10, the better leg": sum(better.values()) / len(better),
        "mean nDCG@10, ours": sum(ours.values()) / len(ours),
        "gained over the better leg's mean": sum(ours[name] - better[name] for name in rows) / len(rows),
        "most lost on a set": min(ours[name] - better[name] for name in rows),
    }


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(NAMES), metavar="SET", help=", ".join(NAMES))
    parser.add_argument("--half", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--cache", type=Path, help="a folder to keep vectors in")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    encoder = embedding.load("auto", model="all-MiniLM-L6-v2", cache_dir=CACHE_DIR)
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(encoder, options.cache, Path(folder))
        sets = [load(name) for name in options.sets]
        for each in sets:
            started = time.perf_counter()
            chunks = bench.add(each)
            bench.index.compact(bench.collections[each.name])
            print(
                f"{each.name}: {len(each.documents)} documents, {chunks} chunks, {time.perf_counter() - started:.0f} s"
            )
        print(f"{'':34}" + "".join(f"{name:>10}" for name in [*MEASURES, "p50 ms", "p95 ms"]))
        for name, where, questions in cases(sets, options.half):
            collections = [bench.collections[each] for each in where]
            rows[name] = {}
            for way in options.ways:
                row = measured(questions, partial(bench.ranked, way=way, collections=collections))
                rows[name][way] = {"questions": len(questions), **row}
                print(f"{name:24} {way:5} {len(questions):4}" + "".join(f"{value:10.3f}" for value in row.values()))
    if {"dense", "bm25", "ours"} <= set(options.ways):
        for name, value in summary(rows).items():
            print(f"{name}: {value:+.3f}")
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
