"""A search from words to passages: encode, ask both legs, fuse, and fetch what is live and allowed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from time import perf_counter
from uuid import UUID

from rag.fusion import fuse
from rag.ports import ChangeLog, Embedder, PassageIndex
from rag.types import Found, Hit, Mode, Passage

CANDIDATES = 50
"""Chunks taken from each leg, or three times the limit where that is more: folding and deletions eat some."""
SPARE = 10
"""Passages fetched beyond the limit, for those that say what a better one has said; more are fetched if need be."""
TRIES = 2
"""A document that is replaced after the index was asked has lost its old passages and not shown its new ones: asked
again, the index knows them."""


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
) -> Found:
    """At most `limit` passages of these collections (and documents), best first, without exact duplicates.

    Timings in milliseconds: embed, search, fetch. An empty query, or nothing to search in, finds nothing.
    """
    if not query.strip() or not collections or limit < 1 or (documents is not None and not documents):
        return Found(())
    started = perf_counter()
    vector = None if mode is Mode.LEXICAL else embedder.embed_query(query)
    embedded = perf_counter()
    spent = {"search": 0.0, "fetch": 0.0}
    for _ in range(TRIES):
        begun = perf_counter()
        fused = fuse(
            index.search(
                text=query,
                vector=vector,
                collections=collections,
                documents=documents,
                limit=max(CANDIDATES, 3 * limit),
                mode=mode,
            )
        )
        searched = perf_counter()
        passages, complete = _best(fused, partial(log.passages, collections=collections, documents=documents), limit)
        spent["search"] += searched - begun
        spent["fetch"] += perf_counter() - searched
        if complete:
            break
    timings = {name: seconds * 1000 for name, seconds in {"embed": embedded - started, **spent}.items()}
    return Found(passages, timings)


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
            yield replace(passage, score=hit.score, dense=hit.dense, lexical=hit.lexical)


def folded(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Leaves out a passage whose text, white space aside, a better one has already said."""
    said: set[str] = set()
    for passage in passages:
        text = " ".join(passage.text.split())
        if text not in said:
            said.add(text)
            yield passage
