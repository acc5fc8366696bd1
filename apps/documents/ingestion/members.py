"""The files within a document, on their way to be documents of their own."""

from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings

from apps.documents.errors import NotFound, Refused, ServiceUnavailable
from apps.documents.ingestion.lease import Lease, LostLease, give_connection_back, patiently
from apps.documents.models import Document, Version
from apps.documents.services import placing
from rag.errors import ParsingError

if TYPE_CHECKING:
    from engines.parsing import Within

NAMED = 3
"""How many of the files that were left out a warning names."""


class Members:
    """Files each member under its document and, at the end, takes away those that are no longer in it.

    Safe to repeat, after a retry as after a new version of the whole: a member with the same bytes keeps its
    document and vectors as they are, one with other bytes becomes its document's next version. A member that a
    person deleted stays deleted, and one that they cancelled stays cancelled, for as long as something of its name
    is in there; to have it back, upload it by itself. Nothing goes before the whole was read to its end.
    """

    def __init__(self, lease: Lease, version: Version) -> None:
        self.warnings: list[str] = []
        self._lease = lease
        self._parent: Document = version.document
        self._seen: set[str] = set()
        self._left_out: list[str] = []
        self._family: placing.Family | None = None

    def take(self, member: "Within") -> None:
        """A file, lying at its path for the time of the call. One that is refused is told of in a warning; raises
        LostLease, and a passing ParsingError where no file can be stored now."""
        key = self._free_key(member.name)
        self._seen.add(key)
        try:
            patiently(partial(self._place, key, member))
        except Refused as error:
            self._left_out.append(f"{member.name} ({error.message.rstrip('.')})")
        except ServiceUnavailable as error:
            raise ParsingError("unavailable", error.message, error.hint, permanent=False) from error
        except NotFound:
            raise LostLease from None
        give_connection_back()

    def _place(self, key: str, member: "Within") -> None:
        if self._family is None:
            self._family = placing.family(self._parent)
        if self._family.depth >= settings.MAX_ARCHIVE_DEPTH:
            raise Refused("too_deep", f"nested deeper than the {settings.MAX_ARCHIVE_DEPTH} of MAX_ARCHIVE_DEPTH")
        place = placing.Place(parent=self._parent, key=key)
        if placing.was_deleted(place):
            return
        if placing.there(place) is None:
            self._make_room(self._family, member.size)
        placing.place(place, path=member.path, name=member.name, confirm=self._lease.confirm)

    def _make_room(self, family: placing.Family, size: int) -> None:
        """For one more document; an archive keeps the same limits for itself alone."""
        if family.count >= settings.MAX_ARCHIVE_MEMBERS:
            raise Refused("too_many", f"more than the {settings.MAX_ARCHIVE_MEMBERS:,} files of MAX_ARCHIVE_MEMBERS")
        if family.size + size > settings.MAX_ARCHIVE_MB * 1_000_000:
            raise Refused("too_large_together", f"more than the {settings.MAX_ARCHIVE_MB:g} MB of MAX_ARCHIVE_MB")
        family.count += 1
        family.size += size

    def finish(self) -> None:
        """After the last member: there are no more than were seen. Raises LostLease."""
        try:
            patiently(partial(placing.remove_missing, self._parent, self._seen, self._lease.confirm))
        except NotFound:
            raise LostLease from None
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
