"""The workers' door: each task fetches nothing but ids, calls one function, and answers if it was asked."""

import logging
import time
from typing import Any
from uuid import UUID

from celery import shared_task

from apps.documents import ingestion, retrieval
from apps.documents.selectors import SearchRequest
from apps.inference import heartbeat
from engines import replies, wiring
from rag.errors import RagError

logger = logging.getLogger(__name__)


@shared_task(name="documents.ingest")
def ingest() -> None:
    """Queue `ingest`: takes the version whose turn it is. A message says that one waits, not which; recovery is
    the reconciler's, so nothing is retried here.

    A try that could not even let go of its lease (the database was away for minutes) ends this thread's
    heartbeat, so that the lease is seen as lost; the next task begins another.
    """
    try:
        ingestion.ingest_next(heartbeat.of_this_thread(role="ingest"))
    except Exception:
        heartbeat.stop_of_this_thread()
        raise


@shared_task(name="documents.sync")
def sync(source_id: str) -> None:
    """Queue `sources`: brings a source and its documents in step. Idempotent."""
    try:
        ingestion.sync(UUID(source_id), heartbeat.of_this_thread(role="sources"))
    except Exception:
        heartbeat.stop_of_this_thread()
        raise


@shared_task(name="documents.reconcile")
def reconcile() -> None:
    """Every few seconds, by beat."""
    ingestion.reconcile()


@shared_task(name="documents.search")
def search(request: dict[str, Any], reply_to: str) -> None:
    """Queue `search`. Skipped when nobody waits for it any more."""
    wanted = SearchRequest.from_json(request)
    if time.time() > wanted.deadline:
        logger.info("skipped a search that nobody waits for any more")
        return
    _answer(reply_to, lambda: retrieval.find_json(wanted))


@shared_task(name="documents.render_page")
def render_page(version_id: str, number: int, reply_to: str) -> None:
    """Draws a page of a document and answers when its image is in place."""
    _answer(reply_to, lambda: str(retrieval.render_page(UUID(version_id), number).name))


@shared_task(name="documents.compact")
def compact(collection_id: str) -> None:
    """Queue `search`: writes the next snapshot of a collection's index."""
    retrieval.compact(UUID(collection_id))


def _answer(key: str, work: Any) -> None:
    redis = wiring.quick_redis_client()
    try:
        payload = work()
    except RagError as error:
        replies.reply_error(redis, key, getattr(error, "code", "unavailable"), error.message)
    except Exception:
        logger.exception("a request broke")
        replies.reply_error(redis, key, "internal", "This broke inside Footnote; it was written to the log.")
    else:
        replies.reply(redis, key, payload)
