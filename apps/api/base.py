"""What every view of the API shares: access, the form, the one call, the response."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework import exceptions, serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.pagination import NewestFirst
from apps.api.parsers import BoundedJSONParser
from apps.api.schema import ApiSchema

if TYPE_CHECKING:
    from apps.users.models import User


class AlwaysJSON(BaseContentNegotiation):
    """A caller who asks with `Accept: text/event-stream` (or anything else) gets JSON where there is JSON,
    and events where there are events; nobody is turned away with 406."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The parser for the content type that was sent; None makes DRF answer 415."""
        sent = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """The first renderer, whatever Accept says."""
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """A route of the API. The form is checked by a Serializer, the rest is one call to a service."""

    content_negotiation_class = AlwaysJSON
    parser_classes: Sequence[type[BaseParser]] = (BoundedJSONParser,)
    http_method_names = ("get", "post", "put", "patch", "delete", "head")
    schema = ApiSchema()

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        """405, naming what can be done here."""
        raise exceptions.MethodNotAllowed(
            str(request.method),
            f"{request.method} is not possible at this address; possible: {', '.join(self.allowed_methods)}.",
        )

    @property
    def person(self) -> "User":
        """Whose key or session it is; the permission classes let nobody else in."""
        user: User = self.request.user  # type: ignore[assignment]
        return user

    def form(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """The body, checked. Raises ValidationError."""
        return _checked(serializer, self.request.data)

    def query(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """The query string, checked. Raises ValidationError."""
        return _checked(serializer, self.request.query_params.dict())

    def page(
        self,
        rows: QuerySet[Any],
        to_json: Callable[[list[Any]], list[dict[str, Any]]],
        paginator: type[NewestFirst] = NewestFirst,
    ) -> Response:
        """One page of a list; `to_json` turns its rows into JSON, all at once."""
        pages = paginator()
        found = pages.paginate_queryset(rows, self.request, view=self) or []
        return pages.get_paginated_response(to_json(found))


def _checked(serializer: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    form = serializer(data=data)
    form.is_valid(raise_exception=True)
    values: dict[str, Any] = form.validated_data
    return values


def as_id(text: str, what: str) -> UUID:
    """An id out of a path; what is no UUID names nothing, so it is 404 like any other unknown id."""
    try:
        return UUID(text)
    except ValueError:
        raise exceptions.NotFound(f"There is no {what} with this id.") from None


def let_go_of_the_database() -> None:
    """Gives the connection back before a long wait, so that waiting requests cannot use up the pool. (Not
    inside a transaction, which only tests hold around a view.)"""
    if not connection.in_atomic_block:
        connection.close()
