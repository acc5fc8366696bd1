"""What becomes of a document after its upload: tried again, cancelled, deleted."""

from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from apps.documents import access, store
from apps.documents.errors import Conflict
from apps.documents.models import UNFINISHED, Document, State
from apps.documents.services import rows

if TYPE_CHECKING:
    from apps.users.models import User


def retry(*, by: "User", document: Document) -> Document:
    """Queues the newest version again after it failed or was cancelled; one that is on its way is left alone.

    Raises NotFound, NotAllowed, and Conflict for a document that is ready.
    """
    access.require_document_editor(by, document)
    with transaction.atomic():
        _, locked = rows.lock_document(document)
        latest = locked.latest
        if latest is None or latest.state not in (*UNFINISHED, State.FAILED, State.CANCELLED):
            raise Conflict("not_failed", "This document is ready; there is nothing to try again.")
        if latest.state not in UNFINISHED:
            rows.requeue(latest)
            latest.refresh_from_db()
    return locked


def cancel(*, by: "User", document: Document) -> Document:
    """Stops the newest version if it is not finished, at once and for good; a finished one is left as it is.
    An earlier version that serves goes on serving. Raises NotFound, NotAllowed."""
    access.require_document_editor(by, document)
    with transaction.atomic():
        _, locked = rows.lock_document(document)
        if locked.latest is not None:
            rows.stop([locked.latest.pk])
            locked.latest.refresh_from_db()
    return locked


def delete(*, by: "User", document: Document) -> None:
    """Takes a document away: when this returns nothing of it can be found, and its file, text, page images
    and unshared vectors are gone. A row without text stays, so that old answers can say when it went.

    Raises NotFound (also for one that is deleted already), NotAllowed.
    """
    access.require_document_editor(by, document)
    with transaction.atomic():
        collection, locked = rows.lock_document(document)
        live = locked.current_id
        versions = list(locked.versions.values_list("pk", "stored_as"))
        ids = [pk for pk, _ in versions]
        rows.stop(ids)
        rows.drop_text(ids)
        locked.versions.update(stored_as="", lease=None)
        locked.current = None
        locked.deleted_at = timezone.now()
        locked.save(update_fields=["current", "deleted_at", "updated_at"])
        if live is not None:
            rows.log_change(collection, [("remove", locked.pk, live)])
        transaction.on_commit(partial(store.remove, [path for _, path in versions if path], ids))
