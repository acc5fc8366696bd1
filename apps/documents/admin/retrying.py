"""Whether another try may help a document that failed: a damaged file stays damaged however often it is read."""

from typing import Any

from django.db.models import F

from apps.documents.models import State, Version
from engines import parsing

SCANS = "application/pdf"
"""What may hold pictures of text where it has no text; image files are `unsupported` without the extra."""
PERMANENT = frozenset({"broken", "empty", "encrypted"})
"""Reasons (rag.errors.ParsingError.code) that lie in the file itself; no setting and no extra changes them."""


def may_help(version: Version) -> bool:
    """Whether it failed or was cancelled, and may become ready when it is tried again."""
    if version.state == State.CANCELLED:
        return True
    if version.state != State.FAILED:
        return False
    if not version.stored_as:
        return True  # nothing has arrived yet; the address may give something else by now
    if version.error_code == "unsupported":
        form = parsing.by_media_type(version.media_type)
        return form is not None and form.is_taken  # what it needs was installed since
    if version.error_code == "no_text":
        return version.media_type == SCANS  # the extra for OCR may have been installed since
    return version.error_code not in PERMANENT


def with_permanence(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `selectors.progress_rows`; the error of each that cannot be helped says `permanent`. One query, and
    none where nothing failed."""
    errors = {row["id"]: row["error"] for row in rows if row["status"] == State.FAILED and "error" in row}
    if errors:
        fields = ("document_id", "state", "stored_as", "media_type", "error_code")
        failed = Version.objects.filter(document__in=errors, document__latest=F("pk")).only(*fields)
        for version in failed:
            if not may_help(version):
                errors[str(version.document_id)]["permanent"] = True
    return rows
