"""/api/v1/documents/{id}/...: a document opened: its chunks, its file, its pages."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.pagination import InReadingOrder
from apps.api.schema import page_of
from apps.api.serializers import documents as shapes
from apps.documents import selectors
from apps.documents.downloads import FileInPieces

PAGE_KEPT_SECONDS = 3600


class ChunksView(ApiView):
    @extend_schema(parameters=[shapes.VersionQuery], responses=page_of(shapes.ChunkShape))
    def get(self, request: Request, id: str) -> Response:
        """The passages of a document in the order of its text."""
        version = self.query(shapes.VersionQuery).get("version")
        rows = selectors.chunks_of(self.person, selectors.document_of(self.person, id), version)
        return self.page(rows, lambda found: [selectors.chunk_json(row) for row in found], InReadingOrder)


class OriginalView(ApiView):
    @extend_schema(
        parameters=[shapes.PageImageQuery], responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, id: str) -> FileInPieces:
        """The file as it was uploaded. It is always a download: a browser must not run what somebody
        uploaded under this site's name."""
        version = self.query(shapes.PageImageQuery).get("version")
        original = selectors.original(self.person, selectors.document_of(self.person, id), version)
        response = FileInPieces(
            original.file, as_attachment=True, filename=original.file_name, content_type="application/octet-stream"
        )
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response


class PageImageView(ApiView):
    @extend_schema(parameters=[shapes.PageImageQuery], responses={(200, "image/png"): OpenApiTypes.BINARY})
    def get(self, request: Request, id: str, n: str) -> FileInPieces:
        """The image of a page; `?version=` for an earlier version."""
        version = self.query(shapes.PageImageQuery).get("version")
        document = selectors.document_of(self.person, id)
        if not (n.isascii() and n.isdigit() and len(n) < 8):
            raise exceptions.NotFound("Pages are counted from 1.")
        path = selectors.page_image(self.person, document, version, int(n))
        response = FileInPieces(path.open("rb"), content_type="image/png")
        # A page of a version never changes, but who may see it does.
        response["Cache-Control"] = f"private, max-age={PAGE_KEPT_SECONDS}" if version else "private, no-cache"
        response["X-Content-Type-Options"] = "nosniff"
        return response
