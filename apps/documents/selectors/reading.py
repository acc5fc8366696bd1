"""A document opened: its pages as text and image, its chunks, its file."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from apps.documents import store
from apps.documents.errors import NotFound, ServiceUnavailable
from apps.documents.models import Chunk, Document, Page, Version
from apps.documents.selectors.listing import as_uuid
from engines import queues, replies
from engines.wiring import quick_redis_client
from rag.errors import SearchUnavailable

if TYPE_CHECKING:
    from apps.users.models import User

RENDER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Original:
    """The file as it was uploaded, open for reading; whoever takes it closes it."""

    file: File
    file_name: str
    media_type: str
    size: int


def version_of(user: "User", document: Document, version: UUID | str | None = None) -> Version:
    """A version of a document the person may read: the one named, else the one that serves, else the newest.
    Raises NotFound."""
    visible = Version.objects.filter(document__in=Document.objects.visible_to(user).filter(pk=document.pk))
    if version is None:
        version = document.current_id or document.latest_id or ""
    found = visible.select_related("document").filter(pk=as_uuid(version, "version")).first()
    if found is None:
        raise NotFound("document")
    return found


def page_text(user: "User", document: Document, number: int, version: UUID | str | None = None) -> dict[str, Any]:
    """{page, pages, text, width, height, version}: a page as it was extracted. Raises NotFound."""
    chosen = version_of(user, document, version)
    page = Page.objects.filter(version=chosen, number=number).first()
    if page is None:
        raise NotFound("page")
    return {
        "page": page.number,
        "pages": chosen.page_count,
        "text": page.text,
        "width": page.width,
        "height": page.height,
        "version": str(chosen.pk),
    }


def page_image(user: "User", document: Document, version: UUID | str | None, number: int) -> Path:
    """The PNG of a page, rendered at its first request and kept. Raises NotFound (also for a format without
    page images) and ServiceUnavailable when no worker renders it in time."""
    return image_of(version_of(user, document, version), number)


def image_of(version: Version, number: int) -> Path:
    """What `page_image` gives, for a caller who has asked for permission already."""
    if not version.has_page_images or not 1 <= number <= version.page_count:
        raise NotFound("page image")
    image = store.pages_folder(version.pk) / f"{number}.png"
    if not image.is_file():
        try:
            replies.ask(quick_redis_client(), partial(_send_render, version.pk, number), timeout=RENDER_SECONDS)
        except replies.ReplyError as error:
            raise ServiceUnavailable("not_rendered", error.message, "The text of the page can be read.") from error
        except SearchUnavailable:
            raise ServiceUnavailable(
                "not_rendered", "The page cannot be drawn now; try again in a few seconds."
            ) from None
    return image


def _send_render(version: UUID, number: int, key: str) -> None:
    queues.send("documents.render_page", str(version), number, key, expires=RENDER_SECONDS)


def original(user: "User", document: Document, version: UUID | str | None = None) -> Original:
    """The uploaded file. Raises NotFound."""
    return file_of(version_of(user, document, version))


def file_of(version: Version) -> Original:
    """What `original` gives, for a caller who has asked for permission already."""
    try:
        file = default_storage.open(version.stored_as, "rb")
    except (OSError, ValueError):
        raise NotFound("file") from None
    return Original(file, version.file_name, version.media_type, version.size)


def chunks_of(user: "User", document: Document, version: UUID | str | None = None) -> QuerySet[Chunk]:
    """The passages of a document in the order of its text. Raises NotFound."""
    return Chunk.objects.filter(version=version_of(user, document, version)).order_by("ordinal")


def chunk_json(chunk: Chunk) -> dict[str, Any]:
    """A passage in the contract's shape."""
    return {
        "id": str(chunk.pk),
        "text": chunk.text,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "heading": chunk.heading,
        "header": chunk.header,
        "kind": chunk.kind,
    }
