"""What puts back what was lost: held by a dead worker, forgotten by the broker, left in the store by nobody."""

import logging
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import redis
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from apps.documents.ingestion.outcomes import fail_if_tried_out, record_of
from apps.documents.ingestion.syncing import send_due
from apps.documents.models import UNFINISHED, State, Version
from apps.documents.services import rows
from apps.inference import heartbeat
from engines import queues
from engines.wiring import quick_redis_client

QUEUE = "ingest"
MOST_AT_ONCE = 500
SWEEP_EVERY_SECONDS = 600
ORPHAN_AFTER = timedelta(hours=1)

logger = logging.getLogger(__name__)


def reconcile() -> None:
    """Cheap and idempotent; run every few seconds, by any number of processes at once."""
    put_back_lost()
    send_forgotten()
    send_due()
    if _sweep_is_due():
        sweep()


def put_back_lost() -> int:
    """Versions whose holder no longer lives wait again, or fail when they were tried often enough."""
    living = heartbeat.living()
    lost = Version.objects.filter(state__in=UNFINISHED, lease__isnull=False).exclude(lease__in=living)
    for pk, holder, attempts in list(lost.values_list("pk", "lease", "attempts")):
        if attempts >= settings.INGEST_ATTEMPTS:
            fail_if_tried_out(pk)
            continue
        if _freed(pk, holder):
            logger.warning("version %s was held by a worker that ended; it goes on", pk)
    return len(lost)


def _freed(version: UUID, holder: UUID | None) -> bool:
    """Conditional on the holder that was seen: another process may have taken or put it back meanwhile."""
    with transaction.atomic():
        held = Version.objects.filter(pk=version, lease=holder, state__in=UNFINISHED)
        freed = bool(held.update(state=State.QUEUED, lease=None, not_before=timezone.now()))
        if freed:
            record_of(version, "retried", "Its worker ended.")
    return freed


def send_forgotten() -> int:
    """Sends as many messages as the broker lacks: a message says that a version waits, not which, so a broker
    that holds as many as there are due has forgotten none, and the queue cannot fill up with copies. One too
    many is harmless: its task finds nothing to take.
    """
    due = Version.objects.due(timezone.now()).count()
    if not due:
        return 0
    try:
        lacking = due - queues.depth(QUEUE)
    except queues.QueueUnavailable:
        return 0
    sent = 0
    while sent < min(lacking, MOST_AT_ONCE) and rows.send_ingest():
        sent += 1
    return sent


def _sweep_is_due() -> bool:
    try:
        return bool(quick_redis_client().set("documents:swept", "1", nx=True, ex=SWEEP_EVERY_SECONDS))
    except redis.RedisError:
        return False


def sweep() -> list[str]:
    """Removes files older than an hour that no version names, page images of versions without a file, and
    uploads that were never finished. Gives what it removed from the store."""
    removed = []
    for path in _old_files():
        if not Version.objects.filter(stored_as=path).exists():
            logger.warning("removing %s: no document names it", path)
            default_storage.delete(path)
            removed.append(path)
    _sweep_page_images()
    before = time.time() - ORPHAN_AFTER.total_seconds()
    for file in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir():
        if file.is_file() and file.stat().st_mtime < before:
            file.unlink(missing_ok=True)
    return removed


def _old_files() -> Iterator[str]:
    before = timezone.now() - ORPHAN_AFTER
    try:
        folders, _ = default_storage.listdir("")
    except FileNotFoundError:
        return
    for folder in folders:
        for name in default_storage.listdir(folder)[1]:
            path = f"{folder}/{name}"
            if default_storage.get_modified_time(path) < before:
                yield path


def _sweep_page_images() -> None:
    root = Path(settings.DATA_DIR) / "pages"
    if not root.is_dir():
        return
    for folder in root.iterdir():
        if not _has_file(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _has_file(version: str) -> bool:
    try:
        return Version.objects.filter(pk=UUID(version)).exclude(stored_as="").exists()
    except ValueError:
        return False
