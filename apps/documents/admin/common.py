"""What both admins share: who acts, and refusals told as messages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.documents.errors import DocumentsError

if TYPE_CHECKING:
    from apps.users.models import User


def actor(request: HttpRequest) -> "User":
    """Who is signed in; the admin lets nobody else in."""
    return cast("User", request.user)


@contextmanager
def told(request: HttpRequest) -> Iterator[None]:
    """A refusal by a service becomes a message on the page, and the rest goes on."""
    try:
        yield
    except DocumentsError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())


class DeletesAreShort(ModelAdmin):
    """The page that asks before a deletion names what was chosen; walking every page and chunk that hangs on
    it, as Django does, would take minutes and say nothing."""

    def get_deleted_objects(
        self, objs: QuerySet[Any] | Sequence[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        listed = [str(each) for each in objs]
        return listed, {str(self.opts.verbose_name_plural): len(listed)}, set(), []


def as_uuid(value: object) -> UUID | None:
    """An id as it comes from a browser; None for what cannot be one."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


def counted(number: int, thing: str) -> str:
    """ "1 page", "1,200 pages"; nothing at all for none."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}" if number else ""


def moment_words(moment: datetime) -> str:
    """A moment as it is written all over the admin, in the time zone of the settings."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


def size_words(size: int) -> str:
    """Bytes as people read them, in powers of ten."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
