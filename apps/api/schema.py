"""What the generated schema says beyond what each view says about itself."""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from apps.api.serializers.common import ErrorShape

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key within 24 hours gives what the first request made, and makes nothing new.",
)
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID", OpenApiTypes.INT, OpenApiParameter.HEADER, description="The last event you have had."
)
EVENTS = OpenApiResponse(OpenApiTypes.STR, description="Server-sent events, with `stream`.")
LISTS = ("collections", "conversations", "documents", "chunks")
BODY_METHODS = ("POST", "PUT", "PATCH")
Endpoint = tuple[str, str, str, Callable]
PATH_PARAMETERS = {
    "n": OpenApiParameter("n", OpenApiTypes.INT, OpenApiParameter.PATH, description="Page number, from 1."),
    "who": OpenApiParameter(
        "who", OpenApiTypes.STR, OpenApiParameter.PATH, description="An account's id or e-mail address, or a group."
    ),
    "id": OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH),
}


@cache
def page_of(shape: type[serializers.Serializer]) -> serializers.Serializer:
    """A page of a list of these."""
    link = serializers.URLField(allow_null=True)
    fields = {"next": link, "previous": serializers.URLField(allow_null=True), "results": shape(many=True)}
    page: serializers.Serializer = inline_serializer(f"{shape.__name__.removesuffix('Shape')}Page", fields)
    return page


def without_optional_slash(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Routes match with and without a trailing slash; the schema shows them without."""
    return [(path.rstrip("/"), regex, method, callback) for path, regex, method, callback in endpoints]


class ApiSchema(AutoSchema):
    """Adds what holds for every call: the types of ids in paths, and the errors."""

    def get_override_parameters(self) -> list[Any]:
        return [parameter for name, parameter in PATH_PARAMETERS.items() if f"{{{name}}}" in self.path]

    def get_operation_id(self) -> str:
        """`documents_pages_retrieve` rather than `api_v1_documents_pages_retrieve`."""
        name = super().get_operation_id().removeprefix("api_").removeprefix("v1_").replace("_.png", "")
        return f"{name.removesuffix('_retrieve')}_list" if self._gives_a_list() else name

    def _gives_a_list(self) -> bool:
        return self.method == "GET" and self.path.rpartition("/")[2] in LISTS

    def get_tags(self) -> list[str]:
        """The first word after the version: collections, documents, search, answers, conversations."""
        parts = self.path.strip("/").split("/")
        return [parts[2]] if len(parts) > 2 else [parts[-1]]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        """What the view documents, and the refusals any call can meet. (`extend_schema` replaces the public
        hook for responses, so they are added here.)"""
        bodies: dict[str, Any] = super()._get_response_bodies(direction=direction)
        refusals = {401: "The key is missing or wrong.", 429: "Too many at once; see Retry-After."}
        if self.method in BODY_METHODS:
            refusals |= {400: "The message says what to change.", 415: "Another Content-Type is taken."}
        if "{" in self.path:
            refusals[404] = "There is none with this id, or it is not yours to see."
        refusals[503] = "A part of Footnote is away; see Retry-After."
        for code, text in sorted(refusals.items()):
            refusal = OpenApiResponse(ErrorShape, description=text)
            bodies.setdefault(str(code), self._get_response_for_code(refusal, str(code), direction=direction))
        return bodies
