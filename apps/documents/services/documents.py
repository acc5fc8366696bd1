"""What becomes of a document after its upload: tried again, cancelled, renamed, moved, tagged, rolled back, deleted."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.documents import access, store
from apps.documents.errors import Conflict, NotFound, Refused
from apps.documents.models import SERVING, UNFINISHED, Collection, Document, State, Tag, Version
from apps.documents.services import rows

if TYPE_CHECKING:
    from apps.users.models import User

LONGEST_TITLE = 500
MOST_TAGS = 20
LONGEST_TAG = 50


def retry(*, by: "User", document: Document) -> Document:
    """Queues the newest version again after it failed or was cancelled; one that is on its way is left alone.

    Raises NotFound, NotAllowed, and Conflict for a document that is ready.
    """
    access.require_document_editor(by, document)
    with transaction.atomic():
        _, locked = rows.lock_document(document, by=by)
        latest = locked.latest
        if latest is None or latest.state not in (*UNFINISHED, State.FAILED, State.CANCELLED):
            raise Conflict("not_failed", "This document is ready; there is nothing to try again.")
        if latest.state not in UNFINISHED:
            rows.requeue(latest)
            rows.record(locked, "retried", by=by, version=latest.number)
            latest.refresh_from_db()
    return locked


def cancel(*, by: "User", document: Document) -> Document:
    """Stops the newest version if it is not finished, at once and for good; a finished one is left as it is.
    An earlier version that serves goes on serving. Raises NotFound, NotAllowed."""
    access.require_document_editor(by, document)
    with transaction.atomic():
        _, locked = rows.lock_document(document, by=by)
        if locked.latest is not None:
            if rows.stop([locked.latest.pk]):
                rows.record(locked, "cancelled", by=by, version=locked.latest.number)
            locked.latest.refresh_from_db()
    return locked


def rename(*, by: "User", document: Document, title: str) -> Document:
    """Gives it another title, for people and for search. Nothing is embedded again: vectors keep the title they
    were made with until the next version. Raises NotFound, NotAllowed, Refused."""
    access.require_document_editor(by, document)
    shown = store.display_title(title)
    if not shown or len(shown) > LONGEST_TITLE:
        raise Refused("bad_title", f"A document needs a title of 1 to {LONGEST_TITLE} characters.")
    with transaction.atomic():
        collection, locked = rows.lock_document(document, by=by)
        if shown != locked.title:
            former, locked.title = locked.title, shown
            locked.save(update_fields=["title", "updated_at"])
            rows.log_again(collection, locked)
            rows.record(locked, "renamed", by=by, text=f"was “{former}”")
    return locked


def move(*, by: "User", document: Document, to: Collection) -> Document:
    """Takes it, and what lies within it, to another collection: not found in the old one from the moment this
    returns; vectors and tags go with it. Its source stays behind, with its name there. Raises NotFound,
    NotAllowed, Conflict."""
    if document.parent_id is not None:
        raise Conflict("within", "It lies within another document; move that one.")
    with transaction.atomic():
        document.refresh_from_db(fields=["collection"])
        access.require_document_editor(by, document)
        access.require_editor(by, to)
        # Locked in one order, so that two moves against each other wait instead of locking each other out.
        for pk in sorted({document.collection_id, to.pk}):
            rows.lock_collection(pk)
        _, locked = rows.lock_document(document, by=by)
        if locked.collection_id != to.pk:
            _require_fetched(locked)
            _take_to(locked, rows.lock_collection(to.pk), by)
            if locked.source_id is not None:
                Document.objects.filter(pk=locked.pk).update(source=None, key="", mark="")
            locked.refresh_from_db()
    return locked


def _require_fetched(document: Document) -> None:
    """A page that was never fetched is nothing without its source, which stays behind."""
    if document.latest is not None and not document.latest.stored_as:
        message = "It has not been fetched yet; move it once it is ready, or add its address to the other collection."
        raise Conflict("not_fetched", message)


def _take_to(document: Document, to: Collection, by: "User") -> None:
    home = rows.lock_collection(document.collection_id)
    if document.current_id:
        rows.log_change(home, [("remove", document.pk, document.current_id)])
    document.collection = to
    document.save(update_fields=["collection", "updated_at"])
    names = document.tags.values_list("name", flat=True)
    document.tags.set([Tag.objects.get_or_create(collection=to, name=name)[0] for name in names])
    _drop_unused_tags(home)
    if document.current_id:
        rows.log_change(rows.lock_collection(to.pk), [("add", document.pk, document.current_id)])
    rows.record(document, "moved", by=by, text=f"from “{home.name}” to “{to.name}”")
    for child in document.children.present():
        _take_to(child, to, by)


def tag(*, by: "User", document: Document, names: Iterable[str]) -> Document:
    """These tags and no others; a tag is made when it is first used and goes with its last document.
    Raises NotFound, NotAllowed, Refused."""
    wanted = _tag_names(names)
    return _tag(by, document, lambda _: wanted)


def change_tags(*, by: "User", document: Document, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Document:
    """Adds and removes these tags and leaves the others as they are, also those that somebody adds at the same
    moment. Raises as `tag`."""
    added, removed = _tag_names(add), _tag_names(remove)
    return _tag(by, document, lambda there: (there | added) - removed)


def _tag_names(given: Iterable[str]) -> set[str]:
    return {" ".join(name.replace("\0", "").split()).lower() for name in given} - {""}


def _tag(by: "User", document: Document, choose: Callable[[set[str]], set[str]]) -> Document:
    """`choose` is given the tags that are there, with the document locked, and gives those that shall be."""
    access.require_document_editor(by, document)
    with transaction.atomic():
        collection, locked = rows.lock_document(document, by=by)
        there = set(locked.tags.values_list("name", flat=True))
        wanted = choose(there)
        if len(wanted) > MOST_TAGS or any(len(name) > LONGEST_TAG for name in wanted):
            raise Refused("bad_tags", f"Give at most {MOST_TAGS} tags of up to {LONGEST_TAG} characters each.")
        if wanted != there:
            locked.tags.set([Tag.objects.get_or_create(collection=collection, name=name)[0] for name in wanted])
            _drop_unused_tags(collection)
            rows.record(locked, "tagged", by=by, text=", ".join(sorted(wanted)) or "no tags")
    return locked


def _drop_unused_tags(collection: Collection) -> None:
    collection.tags.filter(documents__isnull=True).delete()


def activate(*, by: "User", document: Document, version: Version | UUID) -> Document:
    """Makes a version that was read before serve again, at once; nothing is read or embedded anew. A newer one
    that is on its way is cancelled. Raises NotFound, NotAllowed, Conflict."""
    access.require_document_editor(by, document)
    with transaction.atomic():
        collection, locked = rows.lock_document(document, by=by)
        chosen = locked.versions.filter(pk=getattr(version, "pk", version)).first()
        if chosen is None:
            raise NotFound("version")
        if chosen.state not in SERVING or not chosen.chunks.exists():
            raise Conflict("not_ready", "Only a version that was read can serve; try it again first.")
        if locked.latest_id and locked.latest_id != chosen.pk:
            rows.stop([locked.latest_id])
        if locked.current_id != chosen.pk:
            gone = [("remove", locked.pk, locked.current_id)] if locked.current_id else []
            locked.current = chosen
            locked.save(update_fields=["current", "updated_at"])
            rows.log_change(collection, [*gone, ("add", locked.pk, chosen.pk)])
            rows.record(locked, "activated", by=by, version=chosen.number)
    return locked


def delete(*, by: "User", document: Document) -> None:
    """Takes a document away, and what lies within it: when this returns nothing of it can be found, and its
    file, text, page images, history and unshared vectors are gone. A row without text stays, so that old answers
    can say when it went, and one event, so that pages that show it hear of it.

    Raises NotFound (also for one that is deleted already), NotAllowed.
    """
    access.require_document_editor(by, document)
    take_away(document, by=by)


def take_away(document: Document, *, by: "User | None" = None) -> int:
    """What `delete` does, for those who were asked already; gives how many documents went, itself included.
    `by` is None for Footnote itself. Raises NotFound."""
    with transaction.atomic():
        collection, locked = rows.lock_document(document, by=by)
        count = sum(take_away(child, by=by) for child in locked.children.present())
        live = locked.current_id
        versions = list(locked.versions.values_list("pk", "stored_as"))
        ids = [pk for pk, _ in versions]
        rows.stop(ids)
        rows.drop_text(ids)
        locked.versions.update(stored_as="", lease=None)
        if locked.tags.exists():
            locked.tags.clear()
            _drop_unused_tags(collection)
        locked.events.all().delete()
        rows.record(locked, "deleted", by=by)
        locked.current = None
        locked.deleted_at = timezone.now()
        locked.save(update_fields=["current", "deleted_at", "updated_at"])
        if live is not None:
            collection.refresh_from_db(fields=["revision"])
            rows.log_change(collection, [("remove", locked.pk, live)])
        transaction.on_commit(partial(store.remove, [path for _, path in versions if path], ids))
    return count + 1
