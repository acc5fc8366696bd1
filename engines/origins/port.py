"""What every origin gives: its entries, one after the other, and the bytes of each.

OriginError
├── OriginUnavailable   passing: nothing answers, or not in time; try again later
└── OriginRefused       a person must act: the address, the rights or the settings are wrong
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rag.errors import RagError


class OriginError(RagError):
    """An origin, or one entry of it, cannot be read."""


class OriginUnavailable(OriginError):
    """It cannot be read now; nothing may be taken as vanished, and another try may succeed."""


class OriginRefused(OriginError):
    """Trying again as it is would not help; `hint` says what a person can do.

    `code` is stable and machine-readable: `gone` (the entry is not there any more), `no_access`, `too_large`,
    `unsupported`, `bad_address` (no address that can be asked), `forbidden_address` (one that must not be asked),
    `bad_certificate`, `robots`, `redirects`, `no_sitemap`, `needs_extra`, `refused` (anything else).
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Entry:
    """One document where it comes from.

    `key` is its stable identity within the origin (URL, relative path, object key). `name` is a file name, for
    people and for telling its type; it is only ever text. `mark` is a cheap fingerprint that changes when the
    content may have, "" when it takes a request to know. `title` is "" when unknown.
    """

    key: str
    name: str
    mark: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What lies in the file now: `size` in bytes, `sha256` as 64 hexadecimal digits; the rest as in Entry, and
    better known than there. A `mark` of "" means that only fetching tells whether the content has changed."""

    name: str
    size: int
    sha256: str
    mark: str = ""
    title: str = ""


class Origin(Protocol):
    """Where documents come from besides uploads. One thread at a time may use one."""

    @property
    def complete(self) -> bool:
        """Whether the entries, once they ended, were all there are. While it is False (a limit was reached, a
        page or a folder could not be read) nothing that is missing among them may be taken as vanished."""

    def entries(self) -> Iterator[Entry]:
        """The entries in a stable order, each key once. Raises OriginError, also between two entries.

        A crawl holds the bytes of the entry it gave last, so fetching each before asking for the next is cheapest.
        """

    def fetch(self, entry: Entry, into: Path, known: str = "") -> Fetched | None:
        """Writes the entry's bytes to the file `into`; None, and no file, when they are what `known` marks.

        `known` is the mark that was last fetched; the entry is one of the latest listing, whose mark is believed,
        or has no mark. Raises OriginError and leaves no file behind: OriginRefused
        with the code `gone` when the entry is not there any more. OSError is for `into` alone: a full disk.
        """
