"""The one way in which an uploaded file leaves Footnote: as a download that no browser runs or shows."""

from django.core.files import File
from django.http import FileResponse

SANDBOX = "sandbox; default-src 'none'"


def as_download(file: File, *, file_name: str, media_type: str) -> FileResponse:
    """An attachment under the name it was uploaded with; closes the file when it was sent."""
    response = FileResponse(file, as_attachment=True, filename=file_name, content_type=media_type)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response
