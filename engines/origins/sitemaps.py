"""Sitemaps (sitemaps.org): XML, an index of them, or one address a line, compressed or not.

Read by regular expressions: no entity is expanded and no external one fetched, and a broken one gives what it has.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from engines.origins.decompressing import GZIP_MAGIC, Broken, gunzipped

LARGEST = 50 * 1024 * 1024
"""Bytes of one sitemap, unpacked (the protocol's own limit)."""
_LOCATION = re.compile(r"<loc>\s*+(?:<!\[CDATA\[)?([^<\]]{1,4000})", re.I)


@dataclass(frozen=True, slots=True)
class Sitemap:
    """`is_index`: its addresses are those of further sitemaps."""

    text: str
    is_index: bool

    def locations(self) -> Iterator[str]:
        """The addresses in their order."""
        if "<" not in self.text:
            yield from (line.strip() for line in self.text.splitlines() if line.strip())
            return
        for found in _LOCATION.finditer(_without_comments(self.text)):
            yield html.unescape(found[1]).strip()


def read(data: bytes) -> Sitemap | None:
    """None for what is no sitemap: another kind of page, a broken or too large one."""
    if data.startswith(GZIP_MAGIC):
        try:
            data = gunzipped(data, LARGEST)
        except Broken:
            return None
    text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "replace")
    head = text[:2000].lower()
    if "<" not in text:
        return Sitemap(text, is_index=False) if text.lstrip().startswith(("http://", "https://")) else None
    if "<sitemapindex" in head or "<urlset" in head:
        return Sitemap(text, is_index="<sitemapindex" in head)
    return None


def _without_comments(text: str) -> str:
    kept, position = [], 0
    while (begin := text.find("<!--", position)) >= 0:
        kept.append(text[position:begin])
        end = text.find("-->", begin + 4)
        position = end + 3 if end >= 0 else len(text)
    return "".join([*kept, text[position:]])
