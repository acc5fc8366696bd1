"""Documents that stand for something elsewhere: a member of an archive, an attachment, an entry of a source.

They have a place, and the place has at most one present document. Nobody asks for them one by one, so there is
no `by` here: whoever uploaded the parent or added the source was asked then, and the documents are theirs.
"""

from collections.abc import Callable
from collections.abc import Collection as Many
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from django.db import transaction
from django.db.models import QuerySet

from apps.documents import store
from apps.documents.errors import NotFound
from apps.documents.models import Collection, Document, Source, State, Version
from apps.documents.services import rows
from apps.documents.services.documents import take_away
from apps.documents.services.uploads import new_document, new_version

Outcome = Literal["new", "changed", "unchanged"]
LONGEST_KEY = 600
"""Characters: an index of PostgreSQL takes 2,704 bytes, four for each."""
PASSING = ("attempts", "crashed", "unavailable")
"""Codes of failures that another try may mend: the worker's or the source's, not the file's."""


def _always() -> None:
    """Nobody can take the right to write away."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document belongs: within a parent, or in a source; `key` is its name there."""

    key: str
    parent: Document | None = None
    source: Source | None = None
    mark: str = ""
    title: str = ""

    @property
    def owner(self) -> Document | Source:
        """The parent or the source: whichever it is."""
        owner = self.parent or self.source
        assert owner is not None
        return owner


def place(where: Place, *, path: Path, name: str, confirm: Callable[[], None] = _always) -> Outcome:
    """Files the bytes at `path` under their place: a new document, or the next version of the one that is there.

    The same bytes leave it as it is, whatever became of them, except that a failure that may pass is tried again.
    `confirm` is called with the collection locked and raises where the caller has lost the right to write.
    Raises Refused for what is not taken, NotFound where the parent or the source went meanwhile,
    ServiceUnavailable.
    """
    with store.received(store.LocalFile(path, name)) as got:
        stored_as = ""
        try:
            with transaction.atomic():
                collection, known = _locked(where)
                confirm()
                if known is not None and known.latest is not None and known.latest.sha256 == got.sha256:
                    _try_again(known, known.latest)
                    _remember(known, where)
                    return "unchanged"
                stored_as = store.keep(got)
                document = known or _new(where, got, collection)
                new_version(document, got, stored_as, uploader_id=document.uploaded_by_id)
                _remember(document, where)
        except BaseException:
            if stored_as:
                store.remove([stored_as], [])
            raise
    return "changed" if known else "new"


def there(where: Place) -> Document | None:
    """The present document at the place, with its newest version."""
    found: Document | None = _documents(where.owner).filter(key=stored_key(where.key)).select_related("latest").first()
    return found


def was_deleted(where: Place) -> bool:
    """Whether a person deleted the document of this place: it is not brought back."""
    every = Document.objects.filter(key=stored_key(where.key))
    mine = every.filter(parent=where.parent) if where.parent else every.filter(source=where.source)
    return mine.filter(deleted_at__isnull=False).exists() and there(where) is None


def remove_missing(owner: Document | Source, seen: Many[str], confirm: Callable[[], None] = _always) -> int:
    """Deletes the documents of a parent or a source that are no longer in it; gives how many. `confirm` as in
    `place`."""
    kept = {stored_key(key) for key in seen}
    missing = [document for document in _documents(owner).only("key", "collection") if document.key not in kept]
    count = 0
    for document in missing:
        with suppress(NotFound), transaction.atomic():  # else somebody deleted it a moment ago
            rows.lock_document(document)
            confirm()
            count += take_away(document)
            # Not deleted by hand: should it come back, it is new.
            Document.objects.filter(pk=document.pk).update(source=None, key="")
    return count


def stored_key(key: str) -> str:
    """A key as it is stored: whole, or its beginning and the hash of all of it."""
    if len(key) <= LONGEST_KEY:
        return key
    digest = sha256(key.encode("utf-8", "replace")).hexdigest()
    return f"{key[: LONGEST_KEY - len(digest) - 1]}~{digest}"


@dataclass(slots=True)
class Family:
    """The document at the top of nested ones, with all that lies within it."""

    depth: int
    """How many documents the one lies within that was asked about."""
    count: int
    """Of the documents within, at any depth."""
    size: int
    """Of their files together, in bytes."""


def family(document: Document) -> Family:
    """Whose limits a document's members share: a few small archives in one another can hold very much."""
    depth = 0
    while document.parent is not None:
        document, depth = document.parent, depth + 1
    found, level = Family(depth, 0, 0), [document.pk]
    while level:
        rows_within = Document.objects.present().filter(parent__in=level).values_list("pk", "latest__size")
        level = []
        for pk, size in rows_within:
            level.append(pk)
            found.count += 1
            found.size += size or 0
    return found


def _documents(owner: Document | Source) -> QuerySet[Document]:
    present = Document.objects.present()
    return present.filter(parent=owner) if isinstance(owner, Document) else present.filter(source=owner)


def _locked(where: Place) -> tuple[Collection, Document | None]:
    """The collection that the parent or source is in now, locked, and the document at the place. Raises NotFound
    where the parent or source is gone."""
    owner = where.owner
    if isinstance(owner, Document):
        collection, _ = rows.lock_document(owner)
    else:
        collection = rows.lock_collection(owner.collection_id)
        if not Source.objects.filter(pk=owner.pk).exists():
            raise NotFound("source")
    return collection, there(where)


def may_pass(version: Version) -> bool:
    """Whether it failed for a reason that another try may mend."""
    return version.state == State.FAILED and version.error_code in PASSING


def _try_again(document: Document, version: Version) -> None:
    if may_pass(version):
        rows.requeue(version)
        rows.record(document, "retried", version=version.number, text="It was come upon again.")


def _new(where: Place, got: store.Received, collection: Collection) -> Document:
    owner = where.owner
    uploader = owner.uploaded_by if isinstance(owner, Document) else owner.added_by
    document = new_document(collection, uploader, where.title, got)
    document.parent, document.source, document.key = where.parent, where.source, stored_key(where.key)
    document.save(update_fields=["parent", "source", "key"])
    return document


def _remember(document: Document, where: Place) -> None:
    if document.mark != where.mark:
        Document.objects.filter(pk=document.pk).update(mark=where.mark[:500])
