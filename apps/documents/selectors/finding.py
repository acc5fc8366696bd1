"""Search from the people's side: who may search what, then a question to the search process and its answer."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from apps.documents import access
from apps.documents.errors import NotFound, Refused
from apps.documents.models import Collection, Document
from apps.documents.selectors.listing import as_uuid
from apps.documents.selectors.narrowing import EVERYTHING, Narrowing
from engines import queues, replies
from engines.wiring import quick_redis_client
from rag.errors import SearchUnavailable
from rag.types import Found, Mode, Passage

if TYPE_CHECKING:
    from apps.users.models import User

MODES = tuple(mode.value for mode in Mode)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search on its way through the queue; the collections in it are allowed already."""

    query: str
    collections: tuple[str, ...]
    documents: tuple[str, ...] | None
    limit: int
    mode: str
    deadline: float
    """Seconds since the epoch after which nobody waits for it any more."""
    narrowing: Narrowing = EVERYTHING

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "SearchRequest":
        """The inverse of `to_json`, after a queue made lists of its tuples."""
        documents = row["documents"]
        return cls(
            query=row["query"],
            collections=tuple(row["collections"]),
            documents=None if documents is None else tuple(documents),
            limit=row["limit"],
            mode=row["mode"],
            deadline=row["deadline"],
            narrowing=Narrowing.from_json(row["narrowing"]),
        )


def search(
    *,
    user: "User",
    query: str,
    collections: Sequence[UUID | str] | None = None,
    documents: Sequence[UUID | str] | None = None,
    limit: int = 10,
    mode: Mode | str = Mode.HYBRID,
    narrowing: Narrowing | None = None,
) -> Found:
    """The best passages of what the person may read; `collections=None` means all of theirs.

    Raises Refused (query, limit, mode), NotFound for an id that is unknown or foreign, SearchUnavailable when
    no search process answers within SEARCH_TIMEOUT_SECONDS or Redis is away (then within 2 s).
    """
    request = _request(query, limit, mode, narrowing)
    allowed = _allowed_collections(user, collections)
    narrowed = None if documents is None else _allowed_documents(user, documents, allowed)
    return _found(replace(request, collections=allowed, documents=narrowed))


def search_in(
    *,
    user: "User",
    collection: Collection,
    query: str,
    limit: int = 10,
    mode: Mode | str = Mode.HYBRID,
    narrowing: Narrowing | None = None,
) -> Found:
    """The best passages of one collection for who manages it in the admin, a member of it or not.

    Raises NotFound to everybody else, and what `search` raises.
    """
    request = _request(query, limit, mode, narrowing)
    if not access.is_manager(user):
        raise NotFound("collection")
    return _found(replace(request, collections=(str(collection.pk),)))


def _request(query: str, limit: int, mode: Mode | str, narrowing: Narrowing | None) -> SearchRequest:
    """What is asked, without what it may be answered from. Raises Refused."""
    text = _clean_query(query)
    if not 1 <= limit <= settings.SEARCH_LIMIT_MAX:
        raise Refused("bad_limit", f"limit is {limit}; give a number from 1 to {settings.SEARCH_LIMIT_MAX}.")
    if mode not in MODES:
        raise Refused("bad_mode", f"mode is {str(mode)!r}; choose one of: {', '.join(MODES)}.")
    return SearchRequest(text, (), None, limit, Mode(mode).value, 0.0, narrowing or EVERYTHING)


def _found(asked: SearchRequest) -> Found:
    """Asks the search process; the collections and documents in the request are allowed already."""
    if not asked.collections or asked.documents == ():
        return Found((), nothing_there=not asked.collections)
    timeout = settings.SEARCH_TIMEOUT_SECONDS
    request = replace(asked, deadline=time.time() + timeout)
    _give_connection_back()
    try:
        payload = replies.ask(quick_redis_client(), partial(_send, request, timeout), timeout=timeout)
    except replies.ReplyError as error:
        raise SearchUnavailable(error.message) from error
    found = found_from_json(payload)
    return found if found.passages else replace(found, nothing_there=not _anything_in(request.collections))


def _send(request: SearchRequest, timeout: float, key: str) -> None:
    queues.send("documents.search", request.to_json(), key, expires=timeout)


def _clean_query(query: str) -> str:
    text = query.replace("\0", " ").strip()
    if not text:
        raise Refused("empty_query", "The question is empty; write what you are looking for.")
    if len(text) > settings.MAX_QUESTION_CHARS:
        raise Refused(
            "query_too_long",
            f"The question has {len(text):,} characters; at most {settings.MAX_QUESTION_CHARS:,} are taken.",
        )
    return text


def _allowed_collections(user: "User", wanted: Sequence[UUID | str] | None) -> tuple[str, ...]:
    visible = Collection.objects.visible_to(user)
    if wanted is None:
        return tuple(str(pk) for pk in visible.values_list("pk", flat=True))
    ids = {as_uuid(each, "collection") for each in wanted}
    if visible.filter(pk__in=ids).count() != len(ids):
        raise NotFound("collection")
    return tuple(str(pk) for pk in ids)


def _allowed_documents(user: "User", wanted: Sequence[UUID | str], collections: Sequence[str]) -> tuple[str, ...]:
    ids = {as_uuid(each, "document") for each in wanted}
    visible = Document.objects.visible_to(user).filter(pk__in=ids, collection__in=[UUID(each) for each in collections])
    if visible.count() != len(ids):
        raise NotFound("document")
    return tuple(str(pk) for pk in ids)


def _anything_in(collections: Sequence[str]) -> bool:
    """Whether any document of theirs can be found at all."""
    ids = [UUID(each) for each in collections]
    return Document.objects.present().filter(collection__in=ids, current__isnull=False).exists()


def _give_connection_back() -> None:
    """Hundreds of threads may wait for search at once; the pool has twenty connections."""
    if not connection.in_atomic_block:
        connection.close()


def found_to_json(found: Found) -> dict[str, Any]:
    """For the way back through Redis."""
    return {"passages": [passage.to_json() for passage in found.passages], "timings": dict(found.timings)}


def found_from_json(row: Mapping[str, Any]) -> Found:
    """The inverse of `found_to_json`."""
    return Found(tuple(Passage.from_json(each) for each in row["passages"]), row["timings"])
