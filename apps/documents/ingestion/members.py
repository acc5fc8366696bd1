"""The files within a document, on their way to be documents of their own."""

from typing import TYPE_CHECKING

from django.conf import settings

from apps.documents.errors import DocumentsError
from apps.documents.models import Document, Version
from apps.documents.services import placing

if TYPE_CHECKING:
    from engines.parsing import Within

NAMED = 3
"""How many of the files that were left out a warning names."""


class Members:
    """Files each member under its document and, at the end, takes away those that are no longer in it.

    Safe to repeat: a member that is there with the same bytes is left as it is.
    """

    def __init__(self, version: Version) -> None:
        self.warnings: list[str] = []
        self._parent: Document = version.document
        self._seen: set[str] = set()
        self._left_out: list[str] = []
        self._depth: int | None = None

    def take(self, member: "Within") -> None:
        """A file, lying at its path for the time of the call."""
        key = self._free_key(member.name)
        self._seen.add(key)
        if self._depth is None:
            self._depth = placing.depth(self._parent)
        if self._depth >= settings.MAX_ARCHIVE_DEPTH:
            self._left_out.append(f"{member.name} (nested deeper than MAX_ARCHIVE_DEPTH)")
            return
        place = placing.Place(parent=self._parent, key=key)
        try:
            if not placing.was_deleted(place):
                placing.place(place, path=member.path, name=member.name)
        except DocumentsError as error:
            self._left_out.append(f"{member.name} ({error.message.rstrip('.')})")

    def finish(self, *, whole: bool) -> None:
        """After the last member; `whole` says that there are no more than were seen."""
        if whole:
            placing.remove_missing(self._parent, self._seen)
        if self._left_out:
            count = len(self._left_out)
            named = "; ".join(self._left_out[:NAMED]) + ("; ..." if count > NAMED else "")
            self.warnings.append(f"{count} of the files within {'was' if count == 1 else 'were'} left out: {named}.")

    def _free_key(self, name: str) -> str:
        key, number = name, 1
        while key in self._seen:
            number += 1
            key = f"{name} ({number})"
        return key
