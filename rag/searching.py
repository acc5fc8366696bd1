"""A search from words to passages: encode, ask both legs, fuse, follow what the best refer to, fetch what is live."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from time import perf_counter
from uuid import UUID

from rag.fusion import fuse, share_of_dense
from rag.ports import ChangeLog, Embedder, PassageIndex, Reranker, Vectors
from rag.types import Found, Hit, Mode, Passage

CANDIDATES = 50
"""Chunks taken from each leg, or three times the limit where that is more: folding and deletions eat some."""
SPARE = 10
"""Passages fetched beyond the limit, for those that say what a better one has said; more are fetched if need be."""
TRIES = 2
"""A document that is replaced after the index was asked has lost its old passages and not shown its new ones: asked
again, the index knows them."""
REFERRING = 5
"""Of so many of the best passages the documents they name by title are looked into (a second hop)."""
REFERRED = 3
"""Chunks taken over from those documents, for each passage that refers to them."""
REFERRED_SHARE, REFERRED_STEP = 0.8, 0.03
"""What a referred chunk has of the score of the passage that refers to it; each further one has a step less."""

RERANKED = 20
"""So many of the best are given to a reranker."""
PHRASED = 200
"""Chunks with every word of the quoted phrases that are looked through for the phrases themselves."""
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|「([^「」]+)」")


def search(
    query: str,
    *,
    embedder: Embedder,
    index: PassageIndex,
    log: ChangeLog,
    collections: Sequence[UUID],
    documents: Sequence[UUID] | None = None,
    limit: int,
    mode: Mode = Mode.HYBRID,
    reranker: Reranker | None = None,
    rerank_seconds: float = 0.5,
) -> Found:
    """At most `limit` passages of these collections (and documents), best first, without exact duplicates.

    Timings in milliseconds: embed, search, fetch, and rerank where there is a reranker. An empty query, or nothing to
    search in, finds nothing.
    """
    if not query.strip() or not collections or limit < 1 or (documents is not None and not documents):
        return Found(())
    clock = _Clock()
    vector = None if mode is Mode.LEXICAL else embedder.embed_query(query)
    weight = share_of_dense(query, embedder.count_tokens([query])[0]) if mode is Mode.HYBRID else 1.0
    clock.charge("embed")
    asked = _Asked(query, vector, mode, index, log, collections, documents, clock)
    wanted = max(limit, RERANKED) if reranker else limit
    for _ in range(TRIES):
        passages, complete = asked.best(wanted, weight)
        if complete:
            break
    if mode is Mode.HYBRID:
        passages = asked.with_referred(passages, wanted)
    if reranker:
        passages = reranked(query, passages, reranker, rerank_seconds)
        clock.charge("rerank")
    if phrases := quoted(query):
        passages = asked.with_phrases(passages, phrases, wanted)
    return Found(passages[:limit], clock.milliseconds)


class _Clock:
    """What each stage took, in milliseconds."""

    def __init__(self) -> None:
        self.milliseconds = {"embed": 0.0, "search": 0.0, "fetch": 0.0}
        self._begun = perf_counter()

    def charge(self, stage: str) -> None:
        """The time since the last charge was this stage's."""
        now = perf_counter()
        self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + (now - self._begun) * 1000
        self._begun = now


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, what it may be answered from, and where to look."""

    query: str
    vector: Vectors | None
    mode: Mode
    index: PassageIndex
    log: ChangeLog
    collections: Sequence[UUID]
    documents: Sequence[UUID] | None
    clock: _Clock

    def best(self, limit: int, dense_weight: float) -> tuple[tuple[Passage, ...], bool]:
        """The best passages, and whether every hit that was looked at is still live."""
        hits = self.index.search(
            text=self.query,
            vector=self.vector,
            collections=self.collections,
            documents=self.documents,
            limit=max(CANDIDATES, 3 * limit),
            mode=self.mode,
        )
        fused = fuse(hits, dense_weight=dense_weight)
        self.clock.charge("search")
        found = _best(fused, self._fetch, limit)
        self.clock.charge("fetch")
        return found

    def with_referred(self, passages: tuple[Passage, ...], limit: int) -> tuple[Passage, ...]:
        """The passages, and below each of the first few the nearest of the documents that it names by title."""
        top = passages[:REFERRING]
        if self.vector is None or not top:
            return passages
        referred = self.index.referred(
            top,
            question=self.query,
            vector=self.vector,
            collections=self.collections,
            documents=self.documents,
            limit=REFERRED,
        )
        known = {passage.chunk: passage for passage in passages}
        better: dict[UUID, tuple[Hit, str]] = {}
        for passage, hits in zip(top, referred, strict=True):
            for place, hit in enumerate(hits):
                score = passage.score * (REFERRED_SHARE - REFERRED_STEP * place)
                beaten = better[hit.chunk][0] if hit.chunk in better else known.get(hit.chunk)
                if beaten is None or beaten.score < score:
                    better[hit.chunk] = replace(hit, score=score), passage.title
        self.clock.charge("search")
        live = {**self._fetch([chunk for chunk in better if chunk not in known]), **known} if better else known
        raised = [
            replace(live[chunk], score=hit.score, dense=hit.dense, referred_from=title)
            for chunk, (hit, title) in better.items()
            if chunk in live
        ]
        others = (passage for passage in passages if passage.chunk not in better)
        ordered = sorted(chain(others, raised), key=lambda passage: -passage.score)
        self.clock.charge("fetch")
        return tuple(islice(folded(ordered), limit))

    def with_phrases(self, passages: tuple[Passage, ...], phrases: Sequence[str], limit: int) -> tuple[Passage, ...]:
        """Passages that hold every quoted phrase as it is written come first, also those that were not found yet."""
        hits = self.index.holding(
            " ".join(phrases), collections=self.collections, documents=self.documents, limit=PHRASED
        )
        self.clock.charge("search")
        known = {passage.chunk for passage in passages}
        new = [hit for hit in hits if hit.chunk not in known]
        wanted = [_plain(phrase) for phrase in phrases]
        holding: list[Passage] = []
        others: list[Passage] = []
        for passage in chain(passages, _filled(new, self._fetch([hit.chunk for hit in new]))):
            holds = all(phrase in _plain(passage.text) for phrase in wanted)
            (holding if holds else others).append(replace(passage, score=(passage.score + holds) / 2))
        self.clock.charge("fetch")
        return tuple(islice(folded([*holding, *others]), limit))

    def _fetch(self, chunks: Sequence[UUID]) -> Mapping[UUID, Passage]:
        return self.log.passages(chunks, collections=self.collections, documents=self.documents)


def reranked(query: str, passages: tuple[Passage, ...], reranker: Reranker, seconds: float) -> tuple[Passage, ...]:
    """The first RERANKED passages in the reranker's order, as far as it comes in time; the others behind, as before."""
    texts = ["\n".join(filter(None, (p.title, p.heading, p.header, p.text))) for p in passages[:RERANKED]]
    scores = reranker.scores(query, texts, seconds=seconds)
    read = [
        replace(passage, reranked=score, score=(1 + score) / 2)
        for passage, score in zip(passages, scores, strict=False)
    ]
    rest = [replace(passage, score=passage.score / 2) for passage in passages[len(read) :]] if read else passages
    return (*sorted(read, key=lambda passage: -passage.score), *rest)


def quoted(query: str) -> list[str]:
    """What stands between quotation marks of any kind: to be found as it is written."""
    found = (next(filter(None, groups), "").strip() for groups in _QUOTED.findall(query))
    return [phrase for phrase in found if any(letter.isalnum() for letter in phrase)]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _best(
    hits: Sequence[Hit], fetch: Callable[[Sequence[UUID]], Mapping[UUID, Passage]], limit: int
) -> tuple[tuple[Passage, ...], bool]:
    """The best of the hits that are live and allowed, and whether all were that were looked at."""
    best: list[Passage] = []
    complete = True
    for begin in range(0, len(hits), limit + SPARE):
        some = hits[begin : begin + limit + SPARE]
        live = fetch([hit.chunk for hit in some])
        complete = complete and len(live) == len(some)
        best = list(islice(folded(chain(best, _filled(some, live))), limit))
        if len(best) == limit:
            break
    return tuple(best), complete


def _filled(hits: Iterable[Hit], live: Mapping[UUID, Passage]) -> Iterator[Passage]:
    """The hits that are live and allowed, as passages with their scores."""
    for hit in hits:
        if passage := live.get(hit.chunk):
            yield replace(passage, score=hit.score, dense=hit.dense, lexical=hit.lexical, named=hit.named)


def folded(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Leaves out a passage whose text, white space aside, a better one has already said."""
    said: set[str] = set()
    for passage in passages:
        text = " ".join(passage.text.split())
        if text not in said:
            said.add(text)
            yield passage
