"""The file of a version that was asked for by its address, brought in before it is read."""

import tempfile
from functools import partial
from pathlib import Path

from django.conf import settings

from apps.documents import store
from apps.documents.errors import Refused
from apps.documents.ingestion.lease import Lease, LostLease, give_connection_back, patiently
from apps.documents.models import Document, Version
from engines import wiring
from engines.origins import Fetched, OriginRefused, OriginUnavailable
from rag.errors import ParsingError


def fetch(lease: Lease, version: Version) -> None:
    """Stores the file and tells the version of it. Raises LostLease, and ParsingError for what cannot be had:
    passing where another try may help."""
    source = version.document.source
    if source is None:
        raise ParsingError("gone", "The file of this document is not there any more.", "Upload it again.")
    give_connection_back()
    try:
        with (
            tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR, suffix=".incoming") as folder,
            wiring.origin(source.kind, source.address, source.options) as origin,
        ):
            path = Path(folder) / "fetched"
            fetched = origin.fetch(next(iter(origin.entries())), path)
            if fetched is None:
                raise ParsingError("gone", "The address gave nothing.", "Check it in a browser.")
            if lease.is_lost():
                raise LostLease
            _keep(lease, version, fetched, path)
    except OriginRefused as error:
        raise ParsingError(error.code, error.message, error.hint) from error
    except OriginUnavailable as error:
        raise ParsingError("unavailable", error.message, "Press Retry later.", permanent=False) from error
    except Refused as error:
        raise ParsingError(error.code, error.message, error.hint) from error


def _keep(lease: Lease, version: Version, fetched: Fetched, path: Path) -> None:
    with store.received(store.LocalFile(path, fetched.name)) as got:
        version.file_name, version.sha256 = got.file_name, got.sha256
        version.size, version.media_type = got.size, got.media_type
        version.stored_as = store.keep(got)
    try:
        patiently(partial(_tell, lease, version, fetched))
    except BaseException:
        store.remove([version.stored_as], [])
        raise


def _tell(lease: Lease, version: Version, fetched: Fetched) -> None:
    columns = ("file_name", "sha256", "size", "media_type", "stored_as")
    with lease.fenced(**{name: getattr(version, name) for name in columns}):
        document = version.document
        Document.objects.filter(pk=document.pk).update(mark=fetched.mark[:500])
        if fetched.title and document.source is not None and document.title == document.source.address[:500]:
            document.title = store.display_title(fetched.title)[:500] or document.title
            document.save(update_fields=["title"])
