"""One page or file by its address."""

from collections.abc import Iterator
from pathlib import Path

from engines.origins import charsets, links, names, refusals
from engines.origins.client import Client, Follow
from engines.origins.port import Entry, Fetched
from engines.origins.saving import save
from engines.parsing.decoding import decode

HEAD = 512 * 1024
"""Bytes of a page in which its title is looked for."""


def address(url: str, client: Client) -> str:
    """The address in its canonical form. Raises OriginRefused for one that cannot be right, asking nobody."""
    client.check(url)
    try:
        return links.canonical(url)
    except ValueError:
        raise refusals.bad_address() from None


class WebPage:
    """The page or file at `url`; its robots.txt is not asked, since a person named this very page."""

    complete = True

    def __init__(self, url: str, client: Client) -> None:
        self._url, self._client = address(url, client), client

    def entries(self) -> Iterator[Entry]:
        yield Entry(self._url, names.file_name(self._url))

    def fetch(self, entry: Entry, into: Path, known: str = "") -> Fetched | None:
        return fetch(self._client, entry.key, into, known)


def fetch(client: Client, url: str, into: Path, known: str = "", follow: Follow | None = None) -> Fetched | None:
    """See Origin.fetch; `known` makes the request conditional."""
    conditions = names.conditions(known)
    with client.open(url, headers=conditions, follow=follow) as answer:
        if answer.status == 304 and conditions:
            return None
        if 300 <= answer.status < 400:
            raise refusals.leads_elsewhere(url)
        if answer.status not in (200, 203):
            raise refusals.status(answer.status, url)
        mark = names.mark_of(answer.headers)
        if mark and mark == known:  # a server that does not know conditions
            return None
        name = names.file_name(answer.url, answer.content_type, answer.headers.get("content-disposition", ""))
        if not names.is_taken(answer.content_type, name):
            raise refusals.unsupported(url, f"of the type {answer.content_type[:100] or 'unknown'}")
        size, digest = save(answer.pieces(), into, url, client.max_bytes)
        if answer.content_type.startswith("text/") or answer.content_type in names.HTML:
            text = charsets.utf8(into, charsets.stated(answer.headers.get("content-type", "")))
            if text is not None:
                size, digest = save([text], into, url, 2 * client.max_bytes)
        title = title_of(into) if answer.content_type in names.HTML else ""
    return Fetched(name, size, digest, mark, title)


def title_of(path: Path) -> str:
    """The title of an HTML file, "" if it has none."""
    with path.open("rb") as file:
        return links.read_page(decode(file.read(HEAD), html=True), "http://unknown/").title
