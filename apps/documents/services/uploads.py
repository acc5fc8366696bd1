"""A file comes in: as a document of its own, or as the next version of one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.documents import access, store
from apps.documents.errors import Refused
from apps.documents.models import SERVING, UNFINISHED, Collection, Document, State, Version
from apps.documents.services import rows
from apps.documents.services.turns import next_turn

if TYPE_CHECKING:
    from apps.users.models import User

LONGEST_TITLE = 500
DUPLICATES = ("skip", "replace", "keep")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The document that holds the file now; `created` says that it is a new one, `replaced` that the file became
    its next version. Neither: the same bytes were there before."""

    document: Document
    created: bool
    replaced: bool = False


def upload(
    *,
    by: "User",
    collection: Collection,
    file: store.Upload,
    title: str = "",
    path: str = "",
    duplicates: Literal["skip", "replace", "keep"] = "skip",
) -> Uploaded:
    """Stores a file and queues it. The same bytes in the same collection: `skip` and `replace` give the document
    that is there (and try it again if it had failed or been cancelled), `keep` makes a second document. Other
    bytes under the name and folder path of a document that was uploaded: `replace` makes them its next version,
    the others make a second document. Two such calls at once make one document, or one version. `path` is where
    the file lay in a folder that was uploaded, for people to tell files of one name apart (`Team/2024/plan.pdf`).

    Raises NotFound, NotAllowed, Refused, ServiceUnavailable; then nothing is left behind.
    """
    access.require_editor(by, collection)
    if duplicates not in DUPLICATES:
        raise Refused("bad_duplicates", f"duplicates is {duplicates!r}; choose one of: {', '.join(DUPLICATES)}.")
    with store.received(file) as got:
        stored_as = store.keep(got)
        used = False
        try:
            with transaction.atomic():
                locked = rows.lock_collection(collection.pk)
                named = _newest_named(locked, path, got) if duplicates == "replace" else None
                twin = None if duplicates == "keep" else _twin(locked, got.sha256, named)
                if twin is not None:
                    uploaded = there_already(twin, by, "The same file was uploaded again.", sha256=got.sha256)
                else:
                    document = named or new_document(locked, by, title, got, path=path)
                    new_version(document, got, stored_as, uploader_id=by.pk, by=by)
                    uploaded = Uploaded(document, created=named is None, replaced=named is not None)
            used = _holds(uploaded.document, stored_as)
        finally:
            if not used:
                store.remove([stored_as], [])
    return uploaded


def replace(*, by: "User", document: Document, file: store.Upload) -> Document:
    """The file becomes the document's next version. The one before serves until the new one is ready, and
    stays readable for the citations that name it. The same bytes leave it as it is, or try it again where they had
    failed. Raises as `upload` does."""
    access.require_document_editor(by, document)
    with store.received(file) as got:
        stored_as = store.keep(got)
        used = False
        try:
            with transaction.atomic():
                _, locked = rows.lock_document(document, by=by)
                if _stands(locked, got.sha256):
                    there_already(locked, by, "The same file was uploaded again.", sha256=got.sha256)
                else:
                    new_version(locked, got, stored_as, uploader_id=by.pk, by=by)
            used = _holds(locked, stored_as)
        finally:
            if not used:
                store.remove([stored_as], [])
    return locked


def _holds(document: Document, stored_as: str) -> bool:
    """Whether the stored file is its newest version's."""
    return document.latest is not None and document.latest.stored_as == stored_as


def _newest_named(collection: Collection, path: str, got: store.Received) -> Document | None:
    """The document that a file of this name and folder path is the next version of; of several, the newest."""
    named = Document.objects.uploaded_as(collection.pk, key=store.display_path(path), file_name=got.file_name)
    found: Document | None = named.select_related("latest", "current").order_by("-created_at").first()
    return found


def _twin(collection: Collection, sha256: str, named: Document | None) -> Document | None:
    """The document that holds these bytes already; where one of the name is `named`, only that one may be it."""
    if named is not None:
        return named if _stands(named, sha256) else None
    same = Document.objects.present().filter(collection=collection, latest__sha256=sha256)
    return same.select_related("latest").order_by("created_at").first()


def _stands(document: Document, sha256: str) -> bool:
    """Whether these bytes are what serves, or what is on its way to serve. The newest version does neither once
    an earlier one was made to serve again; the one that serves is about to go while a newer one is on its way."""
    latest, current = document.latest, document.current
    if latest is not None and latest.sha256 == sha256:
        return latest.state not in SERVING or latest == current
    settled = latest is None or latest.state not in UNFINISHED
    return settled and current is not None and current.sha256 == sha256


def there_already(twin: Document, by: "User", why: str, *, sha256: str = "") -> Uploaded:
    """Who gives a failed document again wants it tried again, unless the `sha256` of what they give is another
    version's; the collection is locked."""
    assert twin.latest is not None
    given = sha256 in ("", twin.latest.sha256)
    if given and twin.latest.state in (State.FAILED, State.CANCELLED):
        rows.requeue(twin.latest)
        rows.record(twin, "retried", by=by, text=why, version=twin.latest.number)
        twin.latest.refresh_from_db()
    return Uploaded(twin, created=False)


def new_document(
    collection: Collection, uploader: "User | None", title: str, got: store.Received, *, path: str = ""
) -> Document:
    """The row of a document whose first version comes next; the collection is locked."""
    shown = store.display_title(title) or got.file_name.rpartition(".")[0] or got.file_name
    key = store.display_path(path)
    return Document.objects.create(collection=collection, title=shown[:LONGEST_TITLE], uploaded_by=uploader, key=key)


def new_version(
    document: Document, got: store.Received, stored_as: str, *, uploader_id: UUID | None, by: "User | None" = None
) -> None:
    """Queues a stored file as the document's next version; the collection is locked. `uploader_id` is whose
    turn it takes, `by` who did it, None for Footnote itself."""
    if document.latest_id:
        rows.stop([document.latest_id])
    now = timezone.now()
    newest = document.latest.number if document.latest else 0
    document.latest = Version.objects.create(
        document=document,
        number=newest + 1,
        uploaded_by_id=uploader_id,
        file_name=got.file_name,
        stored_as=stored_as,
        sha256=got.sha256,
        size=got.size,
        media_type=got.media_type,
        queued_at=now,
        not_before=now,
        turn=next_turn(uploader_id, got.size),
    )
    document.save(update_fields=["latest", "updated_at"])
    rows.record(document, "replaced" if newest else "added", by=by, text=got.file_name, version=newest + 1)
    rows.enqueue()
