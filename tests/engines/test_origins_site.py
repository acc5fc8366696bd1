"""A whole site, by its links or its sitemap, from a real server on this machine."""

import gzip
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engines.origins import Client, Entry, OriginRefused, OriginUnavailable, Website, links
from engines.origins.politeness import Politeness
from tests.engines.origin_servers import Reply, Request, Site, client, html, redirect, site

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture
def server() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture
def asking(server: Site) -> Iterator[Client]:
    with client(server) as made:
        yield made


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def crawl(server: Site, asking: Client, naps: list[float]) -> Callable[..., Website]:
    """A Website over the server that notes its pauses in place of keeping them."""

    def made(start: str = "/", **options: object) -> Website:
        return Website(server.url(start), asking, **{"sleep": naps.append, **options})  # type: ignore[arg-type]

    return made


def paths(server: Site, website: Website) -> list[str]:
    return [entry.key.removeprefix(f"http://{server.host}") for entry in website.entries()]


def linked(*targets: str, title: str = "") -> Reply:
    return html(f"<title>{title}</title>" + "".join(f'<a href="{target}">x</a>' for target in targets))


# ------------------------------------------------------------------------------- by links


def test_links_are_followed_to_a_depth_each_page_once(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/"] = linked(
        "/b", "/a#x", "/a#y", "/a?utm_source=x", "mailto:a@b", "javascript:0", "/", "http://o.example/"
    )
    server.pages["/a"] = linked("/deep", "/")
    server.pages["/b"] = linked("../../a/", "/paper.pdf", "/film.mp4")
    server.pages["/a/"] = html("not /a")
    server.pages["/deep"] = linked("/deeper")
    website = crawl(depth=2)
    assert not website.complete
    assert paths(server, website) == ["/", "/b", "/a", "/a/", "/paper.pdf", "/deep"]
    assert website.complete
    assert sorted(server.paths) == ["/", "/a", "/a/", "/b", "/deep"]
    assert paths(server, crawl(depth=0)) == ["/"]


def test_a_page_with_more_links_than_are_looked_at_leaves_the_site_unfinished(
    server: Site, crawl: Callable[..., Website], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_LINKS", 2)
    server.pages["/"] = linked("/a", "/b", "/c")
    server.pages["/a"] = server.pages["/b"] = linked("/")
    website = crawl()
    assert paths(server, website) == ["/", "/a", "/b"]
    assert not website.complete


def test_only_what_lies_below_the_start_is_taken(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/docs/start.html"] = linked("a", "../b", "/docs/../c", "/docs/%2e%2e/d", "/docsx", "/docs/sub/e")
    server.pages["/docs/a"] = server.pages["/docs/sub/e"] = html("")
    assert paths(server, crawl("/docs/start.html")) == ["/docs/start.html", "/docs/a", "/docs/sub/e"]
    assert server.paths == ["/docs/start.html", "/docs/a", "/docs/sub/e"]


def test_a_calendar_without_end_stops_at_the_limit(server: Site, crawl: Callable[..., Website]) -> None:
    def month(request: Request) -> Reply:
        number = int(request.path.rpartition("/")[2])
        return linked(f"/month/{number + 1}", f"/month/{number * 2}")

    server.pages["/"] = linked("/month/1")
    server.anything = month
    website = crawl(depth=1000, limit=30)
    assert len(paths(server, website)) == 30
    assert not website.complete
    assert len(server.paths) == 30


def test_dead_ends_count_too(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/"] = linked(*(f"/{number}" for number in range(500)))
    website = crawl(limit=10)
    assert paths(server, website) == ["/"]
    assert not website.complete
    assert len(server.paths) == 80


def test_a_page_that_is_gone_leaves_the_listing_whole_one_that_fails_does_not(
    server: Site, crawl: Callable[..., Website]
) -> None:
    server.pages["/"] = linked("/gone", "/a")
    server.pages["/a"] = html("")
    website = crawl()
    assert paths(server, website) == ["/", "/a"]
    assert website.complete
    for status in (403, 500, 429):
        server.pages["/gone"] = Reply(status=status)
        website = crawl()
        assert paths(server, website) == ["/", "/a"]
        assert not website.complete


def test_a_site_that_goes_down_is_unavailable(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/"] = linked(*(f"/{number}" for number in range(9)))
    server.pages.update({f"/{number}": Reply(status=503) for number in range(9)})
    entries = crawl().entries()
    assert next(entries).name == "127.0.0.1.html"
    with pytest.raises(OriginUnavailable):
        next(entries)


def test_a_start_that_fails_is_said(server: Site, crawl: Callable[..., Website]) -> None:
    with pytest.raises(OriginRefused, match="not there"):
        list(crawl().entries())
    server.pages["/"] = Reply(status=500)
    with pytest.raises(OriginUnavailable):
        list(crawl().entries())


def test_redirects_within_the_site_are_one_page_and_others_are_left(
    server: Site, crawl: Callable[..., Website]
) -> None:
    server.pages["/"] = redirect("/home/")
    server.pages["/home/"] = linked("/home/old", "/home/new", "/home/out", "/home/inner")
    server.pages["/home/old"] = redirect("/home/new")
    server.pages["/home/new"] = html("")
    server.pages["/home/out"] = redirect("/elsewhere")
    server.pages["/home/inner"] = redirect("http://10.0.0.1/")
    website = crawl()
    assert paths(server, website) == ["/home/", "/home/new"]
    assert "/elsewhere" not in server.paths
    assert website.complete


def test_the_page_just_given_is_not_asked_for_twice(
    server: Site, crawl: Callable[..., Website], tmp_path: Path
) -> None:
    server.pages["/"] = linked("/a", title="Home")
    server.pages["/a"] = html("a", ETag='"a"')
    website = crawl()
    fetched = [website.fetch(entry, tmp_path / entry.name) for entry in website.entries()]
    assert [each.title if each else None for each in fetched] == ["Home", ""]
    assert server.paths == ["/", "/a"]
    # Afterwards, and for whoever knows it already:
    assert website.fetch(Entry(server.url("/a"), "a"), tmp_path / "later") is not None
    assert server.paths == ["/", "/a", "/a"]
    website = crawl()
    known = [website.fetch(entry, tmp_path / "known", 'etag:"a"') for entry in website.entries()]
    assert [each is None for each in known] == [False, True]


def test_what_the_types_of_others_are_is_left_out(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/"] = linked("/film", "/text", "/sound.mp3", "/style.css")
    server.pages["/film"] = Reply("x", headers={"Content-Type": "video/mp4"})
    server.pages["/text"] = Reply("x", headers=TEXT)
    assert paths(server, crawl()) == ["/", "/text"]
    assert server.paths == ["/", "/film", "/text"]


# ------------------------------------------------------------------------------- manners


def test_robots_are_kept(server: Site, crawl: Callable[..., Website], tmp_path: Path) -> None:
    server.pages["/robots.txt"] = Reply("User-agent: *\nDisallow: /private\nDisallow: /*.pdf$\nAllow: /private/open")
    server.pages["/"] = linked("/private/a", "/private/open", "/a.pdf", "/b", "/way")
    server.pages["/b"] = server.pages["/private/open"] = html("")
    server.pages["/way"] = redirect("/private/b")
    website = crawl()
    assert paths(server, website) == ["/", "/private/open", "/b"]
    assert not {"/private/a", "/private/b", "/a.pdf"} & set(server.paths)
    with pytest.raises(OriginRefused) as caught:
        website.fetch(Entry(server.url("/private/a"), "a"), tmp_path / "into")
    assert caught.value.code == "robots"
    assert "/private/a" not in server.paths


@pytest.mark.parametrize("status", [500, 503, 429])
def test_robots_that_cannot_be_read_close_the_site_for_now(
    server: Site, crawl: Callable[..., Website], status: int
) -> None:
    server.pages["/robots.txt"] = Reply(status=status)
    server.pages["/"] = html("")
    for sitemap in ("", "auto"):
        with pytest.raises(OriginUnavailable, match=r"robots\.txt"):
            list(crawl(sitemap=sitemap).entries())
    assert server.paths == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_no_robots_allow_everything(server: Site, crawl: Callable[..., Website], status: int) -> None:
    server.pages["/robots.txt"] = Reply("Disallow: /", status)
    server.pages["/"] = html("")
    assert paths(server, crawl()) == ["/"]


def test_endless_robots_are_read_to_a_limit(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/robots.txt"] = Reply("User-agent: *\nDisallow: /no\n" + "# x\n" * 200_000)
    server.pages["/"] = linked("/no", "/yes")
    server.pages["/yes"] = html("")
    assert paths(server, crawl()) == ["/", "/yes"]


def test_pauses_are_kept(server: Site, asking: Client) -> None:
    server.pages.update({"/": linked("/1", "/2", "/3"), "/1": html(""), "/2": html(""), "/3": html("")})
    assert len(list(Website(server.url(), asking, per_second=20).entries())) == 4
    times = [request.at for request in server.requests]
    assert len(times) == 5
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert min(pauses) > 0.025  # of .05, for no two requests take equally long on their way
    assert sum(pauses) > 0.15


def test_a_crawl_delay_is_kept_up_to_a_bound(server: Site, asking: Client) -> None:
    now, naps = [0.0], []

    def sleep(seconds: float) -> None:
        naps.append(round(seconds, 3))
        now[0] += seconds

    for asked, kept in (("3", 3), ("86400", 10), ("0.1", 0.5), ("never", 0.5)):
        naps.clear()
        server.pages["/robots.txt"] = Reply(f"User-agent: Footnote\nCrawl-delay: {asked}")
        politeness = Politeness(asking, per_second=2, sleep=sleep, clock=lambda: now[0])
        for _ in range(3):
            politeness.wait(server.url("/a"))
        assert naps == [0.5, kept, kept]


# ------------------------------------------------------------------------------- by sitemap


def sitemap(server: Site, *found: str, index: bool = False) -> Reply:
    root, each = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    body = "".join(f"<{each}><loc> {server.url(path)} </loc><lastmod>2020-01-01</lastmod></{each}>" for path in found)
    namespace = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    return Reply(f'<?xml version="1.0"?>\n<{root} {namespace}>{body}</{root}>', headers={"Content-Type": "text/xml"})


def test_a_sitemap_names_the_pages(server: Site, crawl: Callable[..., Website], tmp_path: Path) -> None:
    server.pages["/"] = server.pages["/a?x=1&y=2"] = html("<title>A</title>")
    server.pages["/sitemap.xml"] = sitemap(server, "/a?x=1&amp;y=2", "/b.pdf", "/c.mp4", "/a?x=1&amp;y=2#z")
    website = crawl(sitemap="auto")
    entries = list(website.entries())
    assert [entry.key for entry in entries] == [server.url("/a?x=1&y=2"), server.url("/b.pdf")]
    assert website.complete
    fetched = website.fetch(entries[0], tmp_path / "into")
    assert fetched is not None
    assert (fetched.name, fetched.title) == ("a.html", "A")
    with pytest.raises(OriginRefused) as caught:
        website.fetch(entries[1], tmp_path / "into")
    assert caught.value.code == "gone"


def test_indexes_compressed_sitemaps_and_plain_lists_are_read(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/"] = html("")
    server.pages["/robots.txt"] = Reply(f"User-agent: *\nDisallow: /no\nSitemap: {server.url('/index.xml')}")
    server.pages["/index.xml"] = sitemap(server, "/one.xml.gz", "/two.txt", "/index.xml", index=True)
    packed = sitemap(server, "/a", "/no", "/b").body
    server.pages["/one.xml.gz"] = Reply(gzip.compress(str(packed).encode()))
    server.pages["/two.txt"] = Reply(f"{server.url('/c')}\nnonsense\nhttp://other.example/\n{server.url('/a')}\n")
    website = crawl(sitemap="auto")
    assert paths(server, website) == ["/a", "/b", "/c"]
    assert website.complete
    assert paths(server, crawl(sitemap=server.url("/two.txt"))) == ["/c", "/a"]


def test_a_sitemap_that_fails_leaves_the_listing_in_doubt(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/"] = html("")
    server.pages["/sitemap.xml"] = sitemap(server, "/one.xml", "/two.xml", "/bomb.gz", index=True)
    server.pages["/one.xml"] = sitemap(server, "/a")
    for failing in (Reply(status=500), Reply("<html>sorry</html>"), Reply(gzip.compress(b"\0" * 60_000_000))):
        server.pages["/two.xml"] = failing
        website = crawl(sitemap="auto")
        assert paths(server, website) == ["/a"]
        assert not website.complete


def test_a_limit_cuts_a_sitemap(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/"] = html("")
    server.pages["/sitemap.xml"] = sitemap(server, *(f"/{number}" for number in range(50)))
    website = crawl(sitemap="auto", limit=20)
    assert len(paths(server, website)) == 20
    assert not website.complete
    website = crawl(sitemap="auto", limit=50)
    assert len(paths(server, website)) == 50
    assert website.complete


def test_no_sitemap_is_refused_and_one_that_does_not_answer_is_passing(
    server: Site, crawl: Callable[..., Website]
) -> None:
    server.pages["/"] = html("")
    with pytest.raises(OriginRefused) as caught:
        list(crawl(sitemap="auto").entries())
    assert caught.value.code == "no_sitemap"
    server.pages["/sitemap.xml"] = Reply(status=502)
    with pytest.raises(OriginUnavailable):
        list(crawl(sitemap="auto").entries())


def test_a_sitemap_of_entities_is_not_expanded(server: Site, crawl: Callable[..., Website]) -> None:
    server.pages["/"] = html("")
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    server.pages["/sitemap.xml"] = Reply(
        f'<!DOCTYPE x [<!ENTITY a0 "x">{bomb}<!ENTITY e SYSTEM "file:///etc/passwd">]><urlset>'
        f"<url><loc>{server.url('/&a11;&e;')}</loc></url></urlset>"
    )
    begin = time.monotonic()
    assert len(paths(server, crawl(sitemap="auto"))) <= 1
    assert time.monotonic() - begin < 1
