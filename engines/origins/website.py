"""A site: the pages its sitemap names, or those that links lead to."""

import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from engines.origins import links, names, refusals, sitemaps, web
from engines.origins.client import Client
from engines.origins.politeness import Politeness
from engines.origins.port import Entry, Fetched, OriginError, OriginRefused, OriginUnavailable
from engines.parsing.decoding import decode

AUTO = "auto"
LARGEST_PAGE = 5 * 1024 * 1024
"""Bytes of a page in which links are looked for."""
MOST_SITEMAPS = 200
MOST_FAILURES = 5
"""Pages in a row that do not answer, after which the site counts as down."""


@dataclass(frozen=True, slots=True)
class _Visited:
    """A page that was asked for while crawling; its bytes lie at `path` until the next one is."""

    entry: Entry
    fetched: Fetched
    path: Path
    links: list[str]


class Website:
    """The pages on the host of `start` and below its folder, at most `limit`.

    With `sitemap` ("auto" finds it by robots.txt or at /sitemap.xml, else its address) those it names; without,
    those that at most `depth` links lead to, nearest first. robots.txt and its Crawl-delay are kept, one request
    is made at a time, and at most `per_second`. Another run of the same site is another's to prevent.
    """

    def __init__(
        self,
        start: str,
        client: Client,
        *,
        depth: int = 3,
        limit: int = 500,
        sitemap: str = "",
        per_second: float = 2.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._start, self._client = web.address(start, client), client
        self._depth, self._limit = depth, limit
        self._sitemap = sitemap if sitemap in ("", AUTO) else web.address(sitemap, client)
        self._politeness = Politeness(client, per_second=per_second, sleep=sleep)
        self._site = ""
        """Where the start leads to, once it was asked."""
        self._visited: _Visited | None = None
        self._whole = self._ended = False

    @property
    def complete(self) -> bool:
        return self._whole and self._ended

    def entries(self) -> Iterator[Entry]:
        self._whole, self._ended = True, False
        self._site, self._visited = "", None
        with tempfile.TemporaryDirectory(prefix="crawl-") as folder:
            try:
                yield from self._from_sitemaps() if self._sitemap else self._by_links(Path(folder) / "page")
            finally:
                self._visited = None
        self._ended = True

    def fetch(self, entry: Entry, into: Path, known: str = "") -> Fetched | None:
        visited = self._visited
        if visited is not None and visited.entry.key == entry.key:
            if known and known == visited.fetched.mark:
                return None
            shutil.copyfile(visited.path, into)
            return visited.fetched
        self._check(entry.key)
        self._politeness.wait(entry.key)
        return web.fetch(self._client, entry.key, into, known, self._following(self._site or entry.key))

    def _check(self, url: str) -> None:
        if not self._politeness.may(url):
            raise refusals.closed_by_robots(url)

    def _following(self, site: str) -> Callable[[str], bool]:
        """Whether a redirect stays on `site` ("": any) and within what robots.txt allows."""

        def follow(url: str) -> bool:
            inside = not site or links.same_site(url, site) or links.identity(url) == links.identity(site)
            return inside and self._politeness.may(url)

        return follow

    # ------------------------------------------------------------------------------- by links

    def _by_links(self, page: Path) -> Iterator[Entry]:
        queue = deque([(self._start, 0)])
        seen, given = {links.identity(self._start)}, set[str]()
        requests = failures = 0
        while queue:
            # Not every request gives an entry, so a site of nothing but dead ends must end too.
            if len(given) >= self._limit or requests >= 3 * self._limit + 50:
                self._whole = False
                return
            url, depth = queue.popleft()
            if not names.is_page_address(url):
                entry, found = Entry(url, names.file_name(url)), list[str]()
                self._site = self._site or url
            else:
                requests += 1
                visited, down = self._tried(url, page)
                failures = failures + 1 if down else 0
                if failures >= MOST_FAILURES:
                    raise OriginUnavailable(f"The site of {self._start} does not answer any more.")
                if visited is None:
                    continue
                entry, found = visited.entry, visited.links
            seen.add(links.identity(entry.key))
            if links.identity(entry.key) not in given:
                given.add(links.identity(entry.key))
                yield entry
            if depth < self._depth:
                self._enqueue(found, depth + 1, queue, seen)

    def _enqueue(self, found: list[str], depth: int, queue: deque[tuple[str, int]], seen: set[str]) -> None:
        for url in found:
            if links.identity(url) in seen or not links.same_site(url, self._site) or not names.may_be_taken(url):
                continue
            if not self._politeness.may(url):
                continue
            if len(queue) >= 10 * self._limit + 1000:
                self._whole = False
                return
            seen.add(links.identity(url))
            queue.append((url, depth))

    def _tried(self, url: str, page: Path) -> tuple[_Visited | None, bool]:
        """The page, and whether the site did not answer. What goes wrong with the first page is raised."""
        try:
            self._visited = None
            self._visited = self._visit(url, page)
        except OriginError as error:
            if not self._site:
                raise
            if isinstance(error, OriginUnavailable):
                self._whole = False
                return None, True
            if isinstance(error, OriginRefused) and error.code in ("no_access", "too_large", "refused"):
                self._whole = False  # it is there, and so may be what it links to
        return self._visited, False

    def _visit(self, url: str, page: Path) -> _Visited:
        self._check(url)
        self._politeness.wait(url)
        reached = url

        def follow(target: str) -> bool:
            nonlocal reached
            goes = self._following(self._site)(target)
            reached = links.canonical(target) if goes else reached
            return goes

        fetched = web.fetch(self._client, url, page, follow=follow)
        if fetched is None:
            raise refusals.status(304, url)
        self._site = self._site or reached
        with page.open("rb") as file:
            data = file.read(LARGEST_PAGE)
        self._whole = self._whole and fetched.size <= LARGEST_PAGE
        is_html = fetched.name.lower().endswith((".html", ".htm", ".xhtml"))
        read = links.read_page(decode(data, html=True), reached) if is_html else links.Page()
        self._whole = self._whole and read.whole
        entry = Entry(reached, fetched.name, fetched.mark, fetched.title)
        return _Visited(entry, fetched, page, read.links)

    # ------------------------------------------------------------------------------- by sitemap

    def _from_sitemaps(self) -> Iterator[Entry]:
        self._site = self._arrived()
        robots = self._politeness.robots(self._site)
        firsts = [self._sitemap] if self._sitemap != AUTO else robots.sitemaps or [urljoin(self._site, "/sitemap.xml")]
        given = set[str]()
        for url in self._locations(firsts):
            identity = links.identity(url)
            if identity in given or not links.same_site(url, self._site) or not names.may_be_taken(url):
                continue
            if not self._politeness.may(url):
                continue
            if len(given) >= self._limit:
                self._whole = False
                return
            given.add(identity)
            yield Entry(url, names.file_name(url))

    def _arrived(self) -> str:
        """Where the start leads to, so that example.org and its www.example.org are one site."""
        self._check(self._start)
        self._politeness.wait(self._start)
        with self._client.open(self._start, follow=self._following("")) as answer:
            if 300 <= answer.status < 400:
                raise refusals.leads_elsewhere(self._start)
            if answer.status == 429 or answer.status >= 500:
                raise refusals.status(answer.status, self._start)
            return links.canonical(answer.url)

    def _locations(self, firsts: list[str]) -> Iterator[str]:
        """What the sitemaps name, those that an index names included. Raises OriginRefused if there is none."""
        queue, seen, read = deque(firsts[:MOST_SITEMAPS]), set(firsts), 0
        self._whole = len(firsts) <= MOST_SITEMAPS
        while queue:
            sitemap = self._read(queue.popleft(), is_first=read == 0 and not queue)
            if sitemap is None:
                continue
            read += 1
            for location in sitemap.locations():
                try:
                    url = links.canonical(location)
                except ValueError:
                    continue
                if not sitemap.is_index:
                    yield url
                elif url not in seen and len(seen) >= MOST_SITEMAPS:
                    self._whole = False
                elif url not in seen:
                    seen.add(url)
                    queue.append(url)
        if not read:
            raise refusals.no_sitemap(self._start)

    def _read(self, url: str, *, is_first: bool) -> sitemaps.Sitemap | None:
        """The sitemap; None for one that is not there or broken, and then the listing is not whole."""
        try:
            self._politeness.wait(url)
            with self._client.open(url) as answer:
                if answer.status == 200 and (found := sitemaps.read(answer.read(sitemaps.LARGEST))) is not None:
                    return found
                if answer.status != 200 and is_first:
                    raise refusals.status(answer.status, url)
        except OriginError as error:
            if is_first and not (isinstance(error, OriginRefused) and error.code == "gone"):
                raise
        self._whole = False
        return None
