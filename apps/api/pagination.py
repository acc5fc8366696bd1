"""Lists, newest first: `{"next", "previous", "results"}`."""

from typing import Any
from uuid import UUID

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    """Ids are UUIDv7, so newest first is by id, and no two rows share a place: a page neither repeats nor
    leaves out a row, whatever is added meanwhile."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    page_size_query_description = "How many to list at once, 1 to 200 (default 50)."
    cursor_query_description = "From `next` or `previous` of the page before."
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        """`?limit=`; anything but a number from 1 to `max_page_size` is refused, never silently changed."""
        text = request.query_params.get("limit")
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= self.max_page_size):
            raise ValidationError({"limit": [f"Give a number from 1 to {self.max_page_size}."]})
        return int(text)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """A cursor that this list did not give out is refused."""
        if self.cursor_query_param not in request.query_params:
            return None
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self.check_position(str(cursor.position))
        except (NotFound, ValueError):
            raise ValidationError(
                {"cursor": ["This cursor is not valid; take it from `next` or `previous`."]}
            ) from None
        return cursor

    def check_position(self, position: str) -> None:
        """Raises ValueError for what cannot be a place in this order."""
        UUID(position)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """As DRF says it, with the bounds of `limit`."""
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return parameters


class InReadingOrder(NewestFirst):
    """Chunks of a document from its first page on."""

    ordering = "ordinal"

    def check_position(self, position: str) -> None:
        """A place is the ordinal of a chunk."""
        if not 0 <= int(position) < 2**31:
            raise ValueError(position)


class NewestNumberFirst(NewestFirst):
    """Rows with numbers for ids, newest first."""

    def check_position(self, position: str) -> None:
        """A place is an id."""
        if not 0 <= int(position) < 2**63:
            raise ValueError(position)
