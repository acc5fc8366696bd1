"""Addresses, pages and robots.txt as text: one spelling of each, and linear time for what means harm."""

import time

import pytest

from engines.origins import Client, OriginRefused, robots, sitemaps
from engines.origins.links import MOST_LINKS, canonical, read_page, same_site
from engines.origins.web import address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("http://example.com:80/a#b", "http://example.com/a"),
        ("https://example.com:443/?", "https://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("http://example.com./a/./b/../c", "http://example.com/a/c"),
        ("http://example.com/../../a/..", "http://example.com/"),
        ("http://example.com/a/%2e%2E/b", "http://example.com/b"),
        ("http://example.com//a//b", "http://example.com//a//b"),
        ("http://example.com/%7euser/ä ö", "http://example.com/~user/%C3%A4%20%C3%B6"),
        ("http://example.com/a%2fb", "http://example.com/a%2Fb"),
        ("http://example.com/?b=2&utm_source=x&a=1&fbclid=y", "http://example.com/?b=2&a=1"),
        ("http://example.com/?utm_medium=x", "http://example.com/"),
        ("http://example.com/a;jsessionid=0A1B?PHPSESSID=x&q=%C3%A4+b", "http://example.com/a?q=%C3%A4+b"),
        ("http://example.com/?q=a+b%2Bc&flag", "http://example.com/?q=a+b%2Bc&flag"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_an_address_has_one_canonical_form(url: str, expected: str) -> None:
    assert canonical(url) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize("url", ["", "mailto:a@b", "http://", "//a/b", "http://a:port/", "http://[::1/", "x" * 3000])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        canonical(url)


@pytest.mark.parametrize("url", ["https://not an address", "ftp://example.org/", "https://-/"])
def test_the_refusal_of_an_address_asks_for_nothing_that_it_has(url: str) -> None:
    with pytest.raises(OriginRefused) as caught:
        address(url, Client(max_bytes=1))
    assert "begins with" not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.hint == "Write it as https://example.org/page, without spaces."


def test_a_site_is_a_host_and_a_folder() -> None:
    assert same_site("https://a.example/docs/b", "http://a.example/docs/index.html")
    assert not same_site("http://a.example/doc", "http://a.example/docs/")
    assert not same_site("http://a.example:81/docs/", "http://a.example/docs/")
    assert not same_site("http://a.example.evil/docs/", "http://a.example/docs/")
    assert not same_site("http://x@a.example/docs/", "http://a.example/docs/")


def test_links_are_read_as_a_browser_would() -> None:
    page = read_page(
        """<!-- <a href="/comment"> --><TITLE>A &lt;b&gt;
        page</TITLE><script>s = '<a href="/script">'</script><style>a{}</style>
        <base href="/base/"><A class="x>y" data-href="/data" HREF = 'one?a=1&amp;b=2'>1</A><a href=two>2</a>
        <a
        href="th
ree">3</a><area href="#top"><iframe src="/frame"></iframe><abbr href="/abbr"><a>none</a><a href="">
        <a href="http://[bad">x</a><a href="//other.example/x">y</a>""",
        "http://a.example/start",
    )
    assert page.title == "A <b> page"
    assert [link.removeprefix("http://a.example") for link in page.links] == [
        "/base/one?a=1&b=2",
        "/base/two",
        "/base/three",
        "/base/",
        "/frame",
        "http://other.example/x",
    ]


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        '<a href="',
        "<a href='x",
        "<a x=\"'",
        "<!--",
        "<script>",
        "<title",
        "<a href",
        "<a =",
        "<a\"'",
        "<a href= ",
    ],
)
def test_a_page_that_means_harm_is_read_in_linear_time(piece: str) -> None:
    text = piece * (2_000_000 // len(piece))
    begin = time.monotonic()
    read_page(text, "http://a.example/")
    assert time.monotonic() - begin < 5


def test_a_base_as_long_as_the_page_is_not_joined_to_each_of_its_links() -> None:
    page = f"<base href='/{'b' * 2_500_000}/'>" + "".join(f"<a href={number}>" for number in range(20_000))
    begin = time.monotonic()
    links = read_page(page, "http://a.example/start").links
    assert (links[0], len(links)) == ("http://a.example/0", 20_000)
    assert time.monotonic() - begin < 20


def test_of_a_page_with_links_without_end_the_first_are_read() -> None:
    page = read_page("<a href=/x>" * (MOST_LINKS - 1) + "<a href=/y><a href=/z>", "http://a.example/")
    assert (page.links, page.whole) == (["http://a.example/x", "http://a.example/y"], False)
    assert read_page("<a href=/x>", "http://a.example/").whole


def test_a_reference_of_more_digits_than_python_reads_breaks_nothing() -> None:
    reference = f"&#{'1' * 5000};"
    page = read_page(f"<title>{reference}</title><a href='{reference}'><a href=/b>", "http://a.example/")
    assert (page.title[:5], page.links[-1]) == ("&#111", "http://a.example/b")


@pytest.mark.parametrize("piece", ["<!--", "<loc>", "<loc> ", "<loc><![CDATA["])
def test_a_sitemap_that_means_harm_is_read_in_linear_time(piece: str) -> None:
    found = sitemaps.read(b"<urlset>" + piece.encode() * 500_000)
    assert found is not None
    begin = time.monotonic()
    assert list(found.locations()) == []
    assert time.monotonic() - begin < 5


ROBOTS = """
# Everybody
User-agent: *
Disallow: /private   # comment
Allow: /private/open
Crawl-delay: 7
Sitemap: https://a.example/sitemap.xml

user-agent: other
User-Agent: footnote/2.0
disallow: /*?print=
Disallow: /*.pdf$
Disallow: /a*b*c
Disallow: /%7Ebob
Allow: /
Disallow:
Crawl-delay: 2

User-agent: Footnote
Disallow: /second
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("/private", True),  # that is for those not named
        ("/x?print=1", False),
        ("/x?noprint", True),
        ("/a.pdf", False),
        ("/a.pdf?x", True),
        ("/a.pdfx", True),
        ("/aXbYc", False),
        ("/acb", True),
        ("/~bob/x", False),
        ("/second/page", False),  # groups that name the same agent are one
        ("/robots.txt", True),
    ],
)
def test_the_longest_matching_rule_decides(path: str, allowed: bool) -> None:
    found = robots.parse(ROBOTS, "Footnote")
    assert found.allows(f"https://a.example{path}") == allowed
    assert found.delay == 2
    assert found.sitemaps == ["https://a.example/sitemap.xml"]


def test_whoever_is_not_named_keeps_to_the_rules_for_everybody() -> None:
    found = robots.parse(ROBOTS, "Somebody")
    assert not found.allows("https://a.example/private/x")
    assert found.allows("https://a.example/private/open/x")
    assert found.delay == 7
    assert not robots.parse("User-agent: *\nDisallow: /", "Footnote").allows("https://a.example/")
    assert robots.parse("User-agent: *\nDisallow: /\nUser-agent: Footnote\nDisallow:", "Footnote").allows("http://a/b")


def test_rules_that_mean_harm_are_matched_in_linear_time() -> None:
    text = "User-agent: *\n" + f"Disallow: /{'a*' * 900}b$\n" * 300
    found = robots.parse(text, "Footnote")
    begin = time.monotonic()
    assert found.allows("http://a.example/" + "a" * 1900)
    assert time.monotonic() - begin < 2
