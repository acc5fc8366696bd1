"""Which requests send files, and how many of them are worked on at once in the process they have for themselves."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import IO, Any
from weakref import WeakValueDictionary

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

UPLOADS = frozenset(
    {
        "api-collection-documents",
        "api-document-file",
        "admin:documents_collection_file",
        "admin:documents_document_replace",
    }
)
"""Names of the views that take files, by POST or PUT."""


@lru_cache(maxsize=256)  # asked three times on the way of each request, on the event loop
def is_upload(method: str, path: str) -> bool:
    """Whether a request to this path of the site sends files."""
    if method not in ("POST", "PUT"):
        return False
    try:
        return resolve(path).view_name in UPLOADS
    except Resolver404:
        return False


class InTurn(ASGIHandler):
    """Django, working on UPLOADS_AT_ONCE uploads at a time, one place of which no single credential takes: what waits
    has its body on disk or in memory, and neither a thread nor a connection to the database."""

    def __init__(self) -> None:
        super().__init__()
        self._places = asyncio.Semaphore(settings.UPLOADS_AT_ONCE)
        self._by_credential: WeakValueDictionary[bytes, asyncio.Semaphore] = WeakValueDictionary()

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response, once there is a place."""
        if not is_upload(request.method or "", request.path_info):
            return await super().get_response_async(request)
        mine = self._places_of(request)
        async with mine, self._places:
            return await super().get_response_async(request)

    def create_request(self, scope: Mapping[str, Any], body_file: IO[bytes]) -> Any:
        """With its length, which who sends a body in pieces does not say; without one DRF reads nothing."""
        if all(name != b"content-length" for name, _ in scope["headers"]):
            size = body_file.seek(0, 2)
            body_file.seek(0)
            scope = {**scope, "headers": [*scope["headers"], (b"content-length", str(size).encode())]}
        return super().create_request(scope, body_file)

    def _places_of(self, request: HttpRequest) -> asyncio.Semaphore:
        """Whoever sends hundreds of files in each of several requests leaves room for others."""
        said = request.headers.get("Authorization") or request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        key = sha256(said.encode(errors="replace")).digest()
        places = self._by_credential.get(key)
        if places is None:
            places = self._by_credential[key] = asyncio.Semaphore(max(1, settings.UPLOADS_AT_ONCE - 1))
        return places
