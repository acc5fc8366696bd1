"""Sources: places that documents of a collection come from and are kept in step with."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.documents import access, store
from apps.documents.errors import ForAdministrators, NotFound, Refused
from apps.documents.models import Collection, Document, Source, SourceKind, Version
from apps.documents.services import rows
from apps.documents.services.documents import take_away
from apps.documents.services.placing import stored_key
from apps.documents.services.turns import next_turn
from apps.documents.services.uploads import there_already
from engines import queues

if TYPE_CHECKING:
    from apps.users.models import User

WEB = (SourceKind.PAGE, SourceKind.SITE)
OPTIONS: dict[str, dict[str, type]] = {
    SourceKind.PAGE: {},
    SourceKind.SITE: {"depth": int, "limit": int, "sitemap": str},
    SourceKind.FOLDER: {},
    SourceKind.BUCKET: {"endpoint": str, "region": str},
}
MOST = {"depth": 10, "limit": 10_000}
LONGEST_ADDRESS = 600
NO_HOST = re.compile(r"""[\s<>"'{}|\\^`,;()]|^\.|\.\.""")
MOST_HOURS = 24 * 365


def add_source(
    *,
    by: "User",
    collection: Collection,
    kind: str,
    address: str,
    options: Mapping[str, Any] | None = None,
    every_hours: int = 0,
) -> Source:
    """A source, synced at once and then every so many hours (0: only when asked). An address that the collection
    has already gives the source that is there, with these options, synced again.

    Folders and buckets are read with the server's own rights, so only administrators add them; a folder must lie below
    one of SOURCE_FOLDERS. Raises NotFound, NotAllowed, Refused.
    """
    access.require_editor(by, collection)
    address = _checked(by, kind, address)
    return _kept(by, collection, kind, address, _options(kind, options or {}), _hours(every_hours))


def add_server_folder(*, by: "User", collection: Collection, folder: Path) -> Source:
    """The same for the administrator at the server's own shell, who may read what they name: SOURCE_FOLDERS is not
    asked. Raises NotFound, NotAllowed, Refused."""
    access.require_editor(by, collection)
    if not folder.is_dir():
        raise Refused("bad_address", f"There is no folder {folder} on this machine.", "Check the path.")
    return _kept(by, collection, SourceKind.FOLDER, str(folder), {}, 0)


def _kept(
    by: "User", collection: Collection, kind: str, address: str, options: dict[str, Any], every_hours: int
) -> Source:
    with transaction.atomic():
        rows.lock_collection(collection.pk)
        source, _ = Source.objects.update_or_create(
            collection=collection,
            kind=kind,
            address=address,
            defaults={"options": options, "every_hours": every_hours, "paused": False},
            create_defaults={"options": options, "every_hours": every_hours, "added_by": by},
        )
        _due_now(source)
    return source


def add_page(*, by: "User", collection: Collection, url: str, title: str = "") -> Document:
    """The document that a page or a file on the web is to become: queued at once, fetched by the worker. An
    address that the collection has already gives the document that is there, tried again if it had failed or been
    cancelled. Raises as `add_source`."""
    access.require_editor(by, collection)
    address = _checked(by, SourceKind.PAGE, url)
    with transaction.atomic():
        locked = rows.lock_collection(collection.pk)
        source, _ = Source.objects.get_or_create(
            collection=locked, kind=SourceKind.PAGE, address=address, defaults={"added_by": by}
        )
        there = source.documents.filter(deleted_at__isnull=True).select_related("latest").first()
        return (
            there_already(there, by, "The same address was given again.").document
            if there
            else _unfetched(source, by, title)
        )


def _unfetched(source: Source, by: "User", title: str) -> Document:
    now = timezone.now()
    name = urlsplit(source.address).path.rstrip("/").rpartition("/")[2] or urlsplit(source.address).netloc
    document = Document.objects.create(
        collection=source.collection,
        title=store.display_title(title)[:500] or source.address[:500],
        uploaded_by=by,
        source=source,
        key=stored_key(source.address),
    )
    document.latest = Version.objects.create(
        document=document,
        uploaded_by=by,
        file_name=name[:255],
        stored_as="",
        sha256="",
        size=0,
        media_type="",
        queued_at=now,
        not_before=now,
        turn=next_turn(by.pk, 0),
    )
    document.save(update_fields=["latest", "updated_at"])
    rows.record(document, "added", by=by, text=source.address, version=1)
    rows.enqueue()
    return document


def change_source(*, by: "User", source: Source, every_hours: int | None = None, paused: bool | None = None) -> Source:
    """How often it is synced by itself, 0 for never, and whether that rests; None leaves as it is. A sync that runs
    goes on to its end. Raises NotFound, NotAllowed, Refused."""
    access.require_editor(by, source.collection)
    if every_hours is not None:
        source.every_hours = _hours(every_hours)
    if paused is not None:
        source.paused = paused
    source.due_at = source.next_due(timezone.now())
    source.save(update_fields=["every_hours", "paused", "due_at"])
    return source


def sync_source(*, by: "User", source: Source) -> Source:
    """Syncs it as soon as a worker is free. Raises NotFound, NotAllowed."""
    access.require_editor(by, source.collection)
    with transaction.atomic():
        _due_now(source)
    return source


def remove_source(*, by: "User", source: Source, documents: str = "keep") -> None:
    """Takes a source away; its documents stay as they are (`keep`) or go with it (`delete`). A sync that runs
    ends. Raises NotFound, NotAllowed, Refused."""
    access.require_editor(by, source.collection)
    if documents not in ("keep", "delete"):
        raise Refused("bad_documents", f"documents is {documents!r}; choose keep or delete.")
    with transaction.atomic():
        rows.lock_collection(source.collection_id)
        if not Source.objects.filter(pk=source.pk).exists():
            raise NotFound("source")
        if documents == "delete":
            for document in Document.objects.present().filter(source=source):
                take_away(document, by=by)
        Source.objects.filter(pk=source.pk).delete()


def _due_now(source: Source) -> None:
    source.due_at = timezone.now()
    source.save(update_fields=["due_at"])
    transaction.on_commit(partial(send_sync, source.pk))


def send_sync(pk: Any) -> bool:
    """Whether the broker took it; not taken is no error, the reconciler sends it."""
    try:
        queues.send("documents.sync", str(pk))
    except queues.QueueUnavailable:
        return False
    return True


# ------------------------------------------------------------------------------------------- what is given


def _checked(by: "User", kind: str, address: str) -> str:
    """The address as it is kept. What it leads to is checked each time it is read (engines.origins)."""
    address = address.strip()
    if kind not in SourceKind.values:
        raise Refused("bad_kind", f"The kind is {kind!r}; choose one of: {', '.join(SourceKind.values)}.")
    if not address or len(address) > LONGEST_ADDRESS or not address.isprintable():
        raise Refused("bad_address", f"A source needs an address of 1 to {LONGEST_ADDRESS} characters.")
    if kind in WEB:
        return _web_address(address)
    if not access.is_manager(by):
        raise ForAdministrators()
    return str(_folder(address)) if kind == SourceKind.FOLDER else address.strip("/")


def _web_address(address: str, *, what: str = "The address", code: str = "bad_address") -> str:
    """An address of the web. One with a password in it is not even kept: everybody who sees the source would."""
    try:
        parts = urlsplit(address)
        is_of_the_web = parts.scheme.lower() in ("http", "https")
        names_a_host = is_of_the_web and NO_HOST.search(parts.hostname or " ") is None and parts.port != 0
    except ValueError:  # brackets that hold no IPv6 address, a port that is no number
        names_a_host = False
    if not names_a_host:
        raise Refused(code, f"{what} must begin with https:// or http:// and name a host.")
    if "@" in parts.netloc:
        raise Refused(code, f"{what} holds a user name or a password, which are not sent; take them out of it.")
    return address


def _folder(address: str) -> Path:
    folder = Path(address).expanduser().resolve()
    roots = [Path(root).expanduser().resolve() for root in settings.SOURCE_FOLDERS]
    if not any(folder.is_relative_to(root) for root in roots):
        allowed = ", ".join(settings.SOURCE_FOLDERS) or "none is set"
        raise Refused(
            "bad_address",
            f"Only folders below SOURCE_FOLDERS are read ({allowed}).",
            "Ask an administrator to name the folder there, or to run manage.py ingest on the server.",
        )
    if not folder.is_dir():
        raise Refused("bad_address", f"There is no folder {folder} on the server.", "Check the path.")
    return folder


def _options(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    known = OPTIONS[kind]
    if unknown := sorted(set(given) - set(known)):
        raise Refused("bad_options", f"A source of kind {kind} has no option {unknown[0]!r}.")
    options = {}
    for name, value in given.items():
        if not isinstance(value, known[name]) or isinstance(value, bool):
            raise Refused("bad_options", f"The option {name} needs {_words(known[name])}.")
        if isinstance(value, int) and not 0 <= value <= MOST[name]:
            raise Refused("bad_options", f"The option {name} goes from 0 to {MOST[name]:,}.")
        if name in ("endpoint", "sitemap") and value not in ("", "auto"):
            value = _web_address(str(value), what=f"The option {name}", code="bad_options")
        options[name] = value
    return options


def _words(kind: type) -> str:
    return "a whole number" if kind is int else "a text"


def _hours(hours: int) -> int:
    if not 0 <= hours <= MOST_HOURS:
        raise Refused("bad_hours", f"A source is synced every 1 to {MOST_HOURS:,} hours, or 0 for never.")
    return hours
