"""Does the evidence score tell what can be answered from what cannot?

    python -m benchmarks.refusal [--cache FOLDER] [--out refusal.json]

Each question is searched in its own set, and what is found is weighed (`rag.evidence`). Printed are the area under the
ROC curve, answerable against unanswerable, and what the threshold refuses of both: of SQuAD 2.0, whose unanswerable
questions were written to look answerable; of MTRAG-UN in the stand-alone form of its conversations (partly answerable
and underspecified ones left out); and of questions asked in the other set, which nothing there can answer.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.client import DATA, read_jsonl
from benchmarks.question_sets import load, turns
from benchmarks.retrieval import CACHE_DIR, Bench
from engines import embedding
from rag.evidence import THRESHOLD, weigh
from rag.followup import standalone
from rag.searching import search

SQUAD, MTRAG = "squad", "conversation_mtrag_un"
PASSAGES = 8
Asked = list[tuple[str, bool]]
"""Questions, and whether their set answers them."""


def squad() -> Asked:
    """All of them."""
    return [(row["question"], bool(row["answerable"])) for row in read_jsonl(DATA / SQUAD / "questions.jsonl")]


def mtrag() -> Asked:
    """Those that are clearly answerable or clearly not."""
    rows = read_jsonl(DATA / MTRAG / "questions.jsonl")
    kinds = {"ANSWERABLE": True, "UNANSWERABLE": False}
    return [
        (standalone(row["question"], turns(row["history"])), kinds[row["answerability"]])
        for row in rows
        if row["answerability"] in kinds
    ]


def area(scores: Sequence[float], answerable: Sequence[bool]) -> float:
    """Under the ROC curve: how often an answerable question scores higher than an unanswerable one; ties count half."""
    yes = [score for score, is_so in zip(scores, answerable, strict=True) if is_so]
    no = [score for score, is_so in zip(scores, answerable, strict=True) if not is_so]
    won = sum((a > b) + (a == b) / 2 for a in yes for b in no)
    return won / (len(yes) * len(no))


def judged(bench: Bench, where: str, asked: Asked) -> dict[str, float]:
    """The measures of one set of questions over one collection."""
    scores = []
    for question, _ in asked:
        found = search(
            question,
            embedder=bench.encoder,
            index=bench.index,
            log=bench.log,
            collections=[bench.collections[where]],
            limit=PASSAGES,
        )
        scores.append(weigh(question, found.passages).score)
    answerable = [is_so for _, is_so in asked]

    def refused(of: bool) -> float:
        some = [score < THRESHOLD for score, is_so in zip(scores, answerable, strict=True) if is_so is of]
        return sum(some) / len(some)

    return {
        "questions": len(asked),
        "area under the curve": area(scores, answerable),
        "answerable refused": refused(of=True),
        "unanswerable refused": refused(of=False),
    }


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, help="a folder to keep vectors in")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    encoder = embedding.load("auto", model="all-MiniLM-L6-v2", cache_dir=CACHE_DIR)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(encoder, options.cache, Path(folder))
        for name in (SQUAD, MTRAG):
            bench.add(load(name))
        of_squad, of_mtrag = squad(), mtrag()
        foreign = [(question, False) for question, is_so in of_mtrag if is_so]
        rows = {
            SQUAD: judged(bench, SQUAD, of_squad),
            MTRAG: judged(bench, MTRAG, of_mtrag),
            f"{SQUAD} against questions of {MTRAG}": judged(bench, SQUAD, [q for q in of_squad if q[1]] + foreign),
        }
    for name, row in rows.items():
        print(f"{name}\n" + "".join(f"  {key:24}{value:10.3f}\n" for key, value in row.items()))
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
