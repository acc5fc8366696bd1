"""The steps of an ingestion: the document is read, cut and embedded as its pages come, then published.

Whatever a former try staged is replaced, and every vector it embedded is found again by the hash of its
text, so a try that was killed anywhere leaves the same result as a clean run.
"""

import logging
from functools import partial
from uuid import UUID

from apps.documents.ingestion import outcomes
from apps.documents.ingestion.embedding import embed
from apps.documents.ingestion.fetching import fetch
from apps.documents.ingestion.lease import Lease, LostLease, patiently
from apps.documents.ingestion.progress import Progress
from apps.documents.ingestion.scans import MakeWay
from apps.documents.ingestion.staging import Staging
from apps.documents.models import Version
from engines import parsing, wiring
from rag.errors import ParsingError
from rag.ports import Embedder

logger = logging.getLogger(__name__)


def ingest(version_id: UUID, worker_id: UUID, *, embedder: Embedder | None = None) -> None:
    """Takes a version from its file to `ready`, `ready_with_warnings` or `failed`, or puts it back for later.

    Ends at once where another worker has it or there is nothing to do, so it may be called any number of
    times. `worker_id` is the caller's heartbeat; `embedder` is the wiring's unless given.
    """
    lease = patiently(partial(Lease.take, version_id, worker_id))
    if lease is None:
        patiently(partial(outcomes.fail_if_tried_out, version_id))
        return
    _try(lease, embedder or wiring.embedder())


def ingest_next(worker_id: UUID, *, embedder: Embedder | None = None) -> bool:
    """The same for the version whose turn it is; False where none is due."""
    lease = patiently(partial(Lease.take_next, worker_id))
    if lease is not None:
        _try(lease, embedder or wiring.embedder())
    return lease is not None


def _try(lease: Lease, embedder: Embedder) -> None:
    try:
        _work(lease, embedder)
    except LostLease:
        logger.info("version %s was taken away; this try ends", lease.version)
    except MakeWay:
        patiently(partial(outcomes.make_way, lease))
    except parsing.Cancelled:
        logger.info("version %s was cancelled while it was read", lease.version)
    except ParsingError as error:
        patiently(partial(outcomes.refuse, lease, error))
    except Exception as error:
        logger.exception("version %s: try failed", lease.version)
        patiently(partial(outcomes.try_again, lease, error))


def _work(lease: Lease, embedder: Embedder) -> None:
    version = patiently(lambda: Version.objects.select_related("document__source").get(pk=lease.version))
    progress = Progress(lease)
    if version.attempts > 1:
        patiently(partial(outcomes.clear, lease))
    if not version.stored_as:
        fetch(lease, version)
    staged = Staging(lease, version, embedder, progress)
    staged.read()
    if staged.chunks == 0:
        raise ParsingError(
            "no_text",
            f"No text was found in “{version.file_name}”.",
            "If it is a scan, upload a copy with a text layer (made by OCR).",
        )
    for _ in range(3):
        embed(lease, embedder, progress, title=version.document.title, total=staged.chunks)
        published = partial(
            outcomes.publish, lease, version, embedder.model, staged.pages, staged.chunks, staged.warnings
        )
        if patiently(published):
            return
    raise RuntimeError("its vectors vanished three times while it was published")
