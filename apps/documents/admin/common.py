"""What both admins share: who acts, refusals told as messages, and the words for what people see."""

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
from django.utils.text import capfirst

from apps.documents.errors import DocumentsError
from apps.documents.models import Document, State, Version
from engines import parsing

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


# The upload page (static/js/upload/states.js) says the same.
WORDS: dict[str, str] = {
    State.EXTRACTING: "reading",
    State.CHUNKING: "cutting into passages",
    State.EMBEDDING: "indexing",
    State.READY_WITH_WARNINGS: "ready, with warnings",
}
STEPS: dict[str, str] = {State.EXTRACTING: "page", State.EMBEDDING: "passage"}


def state_words(state: str) -> str:
    """A state in the words of people, as in a sentence."""
    return WORDS.get(state, state)


def progress_words(version: Version) -> str:
    """The state with how far it is while it lasts: "Reading page 3 of 200"."""
    done, total = version.progress_done, version.progress_total
    if version.state in STEPS and total:
        return f"{capfirst(state_words(version.state))} {STEPS[version.state]} {done:,} of {total:,}"
    return capfirst(state_words(version.state))


def type_words(media_type: str) -> str:
    """The name of a format, its media type where it is none of today's."""
    form = parsing.by_media_type(media_type)
    if form is None:
        return media_type
    kind = f" ({media_type.rpartition('/')[2].upper()})" if form.other_media_types else ""
    return f"{capfirst(form.name)}{kind}"


def latest_of(document: Document) -> Version:
    """The newest version; there is one from the moment a document is made."""
    assert document.latest is not None
    return document.latest
