"""/api/v1/search"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.serializers import search as shapes
from apps.documents import selectors
from rag.types import Passage

NARROWING = ("tags", "types", "since", "until")


class SearchView(ApiView):
    @extend_schema(request=shapes.SearchForm, responses=shapes.FoundShape)
    def post(self, request: Request) -> Response:
        """The best passages of the collections (of all of yours, without `collections`), best first."""
        asked = self.form(shapes.SearchForm)
        narrowed = selectors.narrowed_to(**{name: asked.pop(name) for name in NARROWING if name in asked})
        found = selectors.search(user=self.person, narrowing=narrowed, **asked)
        results = [passage_json(passage) for passage in found.passages]
        return Response({"results": results, "timings": dict(found.timings)})


def passage_json(passage: Passage) -> dict[str, Any]:
    """A passage with its scores and the boxes of its lines."""
    return {
        "chunk": passage.chunk,
        "collection": passage.collection,
        "document": {
            "id": passage.document,
            "title": passage.title,
            "folder": passage.folder,
            "version": passage.version,
        },
        "page": passage.page,
        "heading": passage.heading,
        "text": passage.text,
        "score": passage.score,
        "scores": {
            "dense": passage.dense,
            "lexical": passage.lexical,
            "named": passage.named,
            "reranked": passage.reranked,
        },
        "referred_from": passage.referred_from,
        "start": passage.start,
        "end": passage.end,
        "boxes": [line.box for line in passage.lines],
    }
