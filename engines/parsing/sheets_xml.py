"""Large XML parts read element by element, so that a sheet takes no more memory than one of its rows."""

import zipfile
from collections.abc import Iterator
from typing import Any

from lxml import etree


def events(archive: zipfile.ZipFile, part: str, tag: str | None = None) -> Iterator[tuple[str, Any]]:
    """The starts and ends of the elements of a part ("{*}row": only those of this name), entities left as they are.

    Raises KeyError, zipfile's and lxml's errors where it is missing or damaged, MemoryError.
    """
    with archive.open(_spelled(archive, part)) as file:
        try:
            yield from etree.iterparse(
                file,
                events=("start", "end"),
                tag=tag,
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                remove_comments=True,
                remove_pis=True,
            )
        except etree.XMLSyntaxError as error:
            if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
                raise MemoryError from None
            raise


def elements(archive: zipfile.ZipFile, part: str, tag: str) -> Iterator[Any]:
    """The elements of one name, each let go after it was looked at. Raises as `events`."""
    for event, element in events(archive, part, tag):
        if event == "end":
            yield element
            let_go(element)


def let_go(element: Any) -> None:
    """Frees an element that was read, and what stands before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _spelled(archive: zipfile.ZipFile, part: str) -> str:
    """The archive's own spelling: some programs write other capitals than they refer to."""
    names = archive.NameToInfo
    return part if part in names else next((name for name in names if name.lower() == part.lower()), part)
