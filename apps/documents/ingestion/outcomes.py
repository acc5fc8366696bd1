"""How a try ends: published, refused for good, or put back for later."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.documents.ingestion.lease import Lease, LostLease
from apps.documents.models import UNFINISHED, Chunk, Document, Embedding, Page, State, Version
from apps.documents.services import rows
from apps.inference import heartbeat
from rag.errors import ParsingError

BACK_OFF_SECONDS = 10
"""Before the second try; doubled for each one after."""
MAKE_WAY_SECONDS = 20
"""Until a long scan looks again for a place (`scans`); looking costs what the pages before its first scan cost."""

logger = logging.getLogger(__name__)


def publish(lease: Lease, version: Version, model: str, pages: int, chunks: int, warnings: Sequence[str]) -> bool:
    """Makes the version, which is the lease's, the one that serves, in one short transaction. False where a vector it
    reused was deleted with the last other document that had the text: embed again. Raises LostLease."""
    now = timezone.now()
    with transaction.atomic():
        collection, document = _locked(version.document_id)
        lease.write(
            state=State.READY_WITH_WARNINGS if warnings else State.READY,
            lease=None,
            finished_at=now,
            page_count=pages,
            chunk_count=chunks,
            warnings=list(warnings),
            error_code="",
            error_message="",
            error_hint="",
            progress_done=chunks,
            progress_total=chunks,
        )
        if not _has_all_vectors(lease.version, model):
            transaction.set_rollback(True)
            return False
        former = document.current_id
        document.current_id = lease.version
        document.save(update_fields=["current", "updated_at"])
        gone = [("remove", document.pk, former)] if former else []
        rows.log_change(collection, [*gone, ("add", document.pk, lease.version)])
        rows.record(document, "ready", version=version.number, text="; ".join(warnings))
    return True


def _locked(document_id: UUID) -> tuple[rows.Collection, Document]:
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        raise LostLease
    try:
        return rows.lock_document(document)
    except rows.NotFound:
        raise LostLease from None


def _has_all_vectors(version: UUID, model: str) -> bool:
    """Locks the vectors too: a delete that is about to take one commits first, or finds it shared."""
    texts = Chunk.objects.filter(version=version)
    kept = Embedding.objects.select_for_update().filter(model=model, text_hash__in=texts.values("text_hash"))
    there = set(kept.order_by("pk").values_list("text_hash", flat=True))
    return there.issuperset(texts.values_list("text_hash", flat=True))


def refuse(lease: Lease, error: ParsingError) -> None:
    """Fails for good with the parser's words, or tries again where the parser says that may help."""
    attempts = Version.objects.values_list("attempts", flat=True).filter(pk=lease.version).first() or 0
    if not error.permanent and attempts < settings.INGEST_ATTEMPTS:
        put_back(lease, error.message)
        return
    _fail(lease, error.code, error.message, error.hint)


def try_again(lease: Lease, error: Exception) -> None:
    """Something broke that should not: later again, until the tries are used up."""
    attempts = Version.objects.values_list("attempts", flat=True).filter(pk=lease.version).first() or 0
    if attempts < settings.INGEST_ATTEMPTS:
        put_back(lease, f"It broke ({type(error).__name__}).")
        return
    message, hint = _tried_out(type(error).__name__)
    _fail(lease, "attempts", message, hint)


def put_back(lease: Lease, why: str) -> None:
    """Queued again after a pause that grows with every try; the reconciler sends it. Vectors stay."""
    try:
        attempts = Version.objects.values_list("attempts", flat=True).get(pk=lease.version)
        pause = BACK_OFF_SECONDS * 2 ** max(0, attempts - 1)
        later = timezone.now() + timedelta(seconds=pause)
        with lease.fenced(state=State.QUEUED, lease=None, not_before=later):
            record_of(lease.version, "retried", f"{why} It is tried again in {pause} seconds.")
    except (LostLease, Version.DoesNotExist):
        logger.info("version %s was taken away", lease.version)


def clear(lease: Lease) -> None:
    """What a former try staged goes; its vectors stay, they are found again by their text. Raises LostLease."""
    with lease.fenced(page_count=0, chunk_count=0):
        Chunk.objects.filter(version=lease.version).delete()
        Page.objects.filter(version=lease.version).delete()


def make_way(lease: Lease) -> None:
    """Queued again for a while, as if it had not been tried; it keeps its turn."""
    later = timezone.now() + timedelta(seconds=MAKE_WAY_SECONDS)
    try:
        clear(lease)
        lease.write(state=State.QUEUED, lease=None, not_before=later, attempts=F("attempts") - 1)
    except LostLease:
        logger.info("version %s was taken away", lease.version)


def _fail(lease: Lease, code: str, message: str, hint: str) -> None:
    try:
        with lease.fenced(**_failed(code, message, hint)):
            rows.drop_text([lease.version])
            record_of(lease.version, "failed", message)
        logger.info("version %s failed (%s): %s", lease.version, code, message)
    except LostLease:
        logger.info("version %s was taken away", lease.version)


def fail_if_tried_out(version: UUID) -> bool:
    """A version whose workers died as often as is allowed is failed: a poison document must not go round for
    ever. False where it may be tried again or is in living hands."""
    free = Q(lease__isnull=True) | ~Q(lease__in=heartbeat.living())
    message, hint = _tried_out("its worker ended")
    with transaction.atomic():
        stuck = Version.objects.filter(
            free, pk=version, state__in=UNFINISHED, attempts__gte=settings.INGEST_ATTEMPTS
        ).update(**_failed("attempts", message, hint))
        if stuck:
            rows.drop_text([version])
            record_of(version, "failed", message)
    return bool(stuck)


def _failed(code: str, message: str, hint: str) -> dict[str, Any]:
    """The columns of a version that failed for good; what it had staged is dropped with them."""
    why = {"error_code": code, "error_message": message, "error_hint": hint}
    return {"state": State.FAILED, "lease": None, "finished_at": timezone.now(), **why, **rows.WITHOUT_TEXT}


def record_of(version: UUID, kind: str, text: str) -> None:
    """A line of its document's history, of what Footnote did by itself."""
    about = Version.objects.select_related("document").get(pk=version)
    rows.record(about.document, kind, version=about.number, text=text)


def _tried_out(last: str) -> tuple[str, str]:
    message = f"Reading this document failed {settings.INGEST_ATTEMPTS} times (last: {last})."
    return message, "Press Retry; if it fails again, the log of the ingest worker says why."
