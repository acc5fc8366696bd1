"""Office files that are ZIP archives of XML parts (Open XML, OpenDocument): opened within bounds.

No entity is expanded and nothing is fetched; pictures and other binary parts are never unpacked. Elements lie
at most 256 deep: libxml2 refuses more.
"""

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from typing import Any

from lxml import etree

from engines.parsing import refusals
from engines.parsing.limits import Limits

_OLE = b"\xd0\xcf\x11\xe0"
# A tree of lxml takes about eight times the XML it was read from.
_TREE_FACTOR = 8
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, LZMAError, etree.LxmlError, struct.error, EOFError, OSError, NotImplementedError,
    RecursionError, RuntimeError, KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError,
)  # fmt: skip
"""What zipfile, zlib and lxml raise on damaged files."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A link from one part of an Open XML package to another."""

    kind: str
    """The last word of its type: "footnotes", "slide", ..."""
    target: str
    """The name of the other part; "" for a link out of the package."""


class Package:
    """The parts of an open archive."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive, self._limits = archive, limits
        self._parts = {part.filename: part for part in archive.infolist()}
        if any(part.flag_bits & 1 for part in self._parts.values()):
            raise refusals.encrypted()

    def __contains__(self, part: str) -> bool:
        return part in self._parts

    def names(self) -> list[str]:
        """The names of all parts, in the order of the archive."""
        return list(self._parts)

    def xml(self, part: str) -> Any:
        """The root element of an XML part, in the transitional namespaces of Open XML where it is strict.

        Raises KeyError where there is no such part, lxml's and zipfile's errors (UNREADABLE) where it is damaged,
        and ParsingError("too_large") where it does not fit into memory.
        """
        info = self._parts[part]
        # By the size that the archive states: zipfile reads no more of a part than that.
        if info.file_size * _TREE_FACTOR > self._limits.memory_mb * 1024 * 1024:
            raise refusals.unpacks_too_large(info.file_size / 1024 / 1024, self._limits)
        return parsed(_STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", self._archive.read(info)))

    def relations(self, part: str = "") -> dict[str, Relation]:
        """Where a part of an Open XML package ("": the package itself) links to, by the link's id, in order."""
        folder, name = posixpath.split(part)
        links = posixpath.join(folder, "_rels", f"{name}.rels")
        if links not in self._parts:
            return {}
        found = {}
        for link in self.xml(links).iter(_RELATIONS):
            within = link.get("TargetMode") != "External"
            target = posixpath.normpath(posixpath.join("/", folder, link.get("Target", ""))).lstrip("/")
            found[link.get("Id", "")] = Relation(link.get("Type", "").rsplit("/", 1)[-1], target if within else "")
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """The names of the parts that a part links to by links of a kind; those that are missing left out."""
        return [each.target for each in self.relations(part).values() if each.kind == kind and each.target in self]


@contextmanager
def opened(path: Path, limits: Limits, name: str) -> Iterator[Package]:
    """The package at `path`, read as the format `name`; what goes wrong while it is open ends as a ParsingError.

    Raises ParsingError: `broken` (named for the format), `encrypted` or `too_large`.
    """
    with path.open("rb") as file:
        if file.read(4) == _OLE:
            raise refusals.encrypted()
    try:
        with zipfile.ZipFile(path) as archive:
            yield Package(archive, limits)
    except UNREADABLE:
        raise refusals.broken(name) from None


def parsed(data: bytes) -> Any:
    """The root element of this XML: without comments and processing instructions, entities left as they are."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from None
        raise
