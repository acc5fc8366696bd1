"""The search process: encoder, index and log behind one function, built once."""

from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.documents import store
from apps.documents.changelog import DatabaseChangeLog
from apps.documents.models import Collection, Version
from apps.documents.selectors import SearchRequest, found_to_json
from engines import parsing, wiring
from rag import searching
from rag.errors import ParsingError
from rag.types import Found, Mode

PAGE_WIDTH = 1400
"""Pixels; a page of A4 is readable at twice the width of a source panel."""


@cache
def log() -> DatabaseChangeLog:
    """The log this process's index follows."""
    return DatabaseChangeLog()


def find(request: SearchRequest) -> Found:
    """Runs a search whose collections are allowed already."""
    collections = [UUID(each) for each in request.collections]
    documents = None if request.documents is None else [UUID(each) for each in request.documents]
    if request.narrowing:
        documents = request.narrowing.documents(collections, documents)
    return searching.search(
        request.query,
        embedder=wiring.embedder(),
        index=wiring.passage_index(log()),
        log=log(),
        collections=collections,
        documents=documents,
        limit=request.limit,
        mode=Mode(request.mode),
        reranker=wiring.reranker(),
        rerank_seconds=settings.RERANK_SECONDS,
    )


def find_json(request: SearchRequest) -> dict[str, Any]:
    """The same, for the way back."""
    return found_to_json(find(request))


def warm_up() -> None:
    """Loads the encoder and opens the indexes, so that the first question does not wait for them."""
    vector = wiring.embedder().embed_query("warm up")
    wiring.reranker()
    collections = list(Collection.objects.values_list("pk", flat=True))
    wiring.passage_index(log()).search(text="warm up", vector=vector, collections=collections, limit=1)


def compact(collection: UUID) -> bool:
    """Writes the collection's next snapshot if one is due, or removes the caches of one that is gone."""
    return wiring.passage_index(log()).compact(collection)


def render_page(version_id: UUID, number: int) -> Path:
    """Draws a page into its place, whole or not at all; gives the path. Raises ParsingError."""
    version = Version.objects.filter(pk=version_id).exclude(stored_as="").first()
    if version is None:
        raise ParsingError("gone", "The document was deleted.")
    image = store.pages_folder(version_id) / f"{number}.png"
    if image.is_file():
        return image
    with store.local_copy(version.stored_as) as path:
        png = parsing.render_page(path, number, width=PAGE_WIDTH, limits=wiring.limits(), media_type=version.media_type)
    store.keep_page_image(image, png)
    if not Version.objects.filter(pk=version_id).exclude(stored_as="").exists():  # deleted while it was drawn
        store.remove([], [version_id])
        raise ParsingError("gone", "The document was deleted.")
    return image
