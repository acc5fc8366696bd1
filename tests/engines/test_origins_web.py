"""One page or file by its address, from a real server on this machine."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engines.origins import Client, Entry, OriginRefused, OriginUnavailable, WebPage, Website
from tests.engines.origin_servers import Reply, Request, Site, client, html, site

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture
def server() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture
def asking(server: Site) -> Iterator[Client]:
    with client(server) as made:
        yield made


def conditional(body: str, **headers: str) -> Callable[[Request], Reply]:
    """A page that answers 304 to whoever knows it."""

    def page(request: Request) -> Reply:
        known = (
            headers["ETag"] == request.headers.get("if-none-match")
            if "ETag" in headers
            else (headers["Last-Modified"] == request.headers.get("if-modified-since"))
        )
        return Reply(status=304, headers=headers) if known else html(body, **headers)

    return page


def test_a_page_is_fetched_with_its_title_and_hash(server: Site, asking: Client, tmp_path: Path) -> None:
    server.pages["/guide/?a=1"] = html("<title> How  to &amp; why\n</title>")
    page = WebPage(server.url("/guide/?a=1&utm_source=mail#top"), asking)
    (entry,) = page.entries()
    assert (entry.key, page.complete) == (server.url("/guide/?a=1"), True)
    fetched = page.fetch(entry, tmp_path / "into")
    assert fetched is not None
    body = (tmp_path / "into").read_bytes()
    assert (fetched.name, fetched.title, fetched.size) == ("guide.html", "How to & why", len(body))
    assert fetched.sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    ("charset", "encoding", "words"),
    [
        ("windows-1250", "cp1250", "ő"),
        ("ISO-8859-1", "cp1252", "“x”"),
        ('"koi8-r"', "koi8-r", "Да"),
        ("Shift_JIS", "cp932", "①"),
    ],
)
def test_an_encoding_that_only_the_server_states_is_kept_as_utf_8(
    server: Site, asking: Client, tmp_path: Path, charset: str, encoding: str, words: str
) -> None:
    page = f"<title>{words}</title><p>{words}"
    server.pages["/"] = Reply(page.encode(encoding), headers={"Content-Type": f"text/html; charset={charset}"})
    fetched = WebPage(server.url(), asking).fetch(Entry(server.url(), "x"), tmp_path / "into")
    assert fetched is not None
    body = (tmp_path / "into").read_bytes()
    assert (body, fetched.title, fetched.size) == (page.encode(), words, len(body))
    assert fetched.sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("charset", ["utf-8", "euc-jp", "rot13", "nonsense", ""])
@pytest.mark.parametrize("body", ["Größe".encode(), "Größe".encode("cp1252"), b"%PDF-1.4 \x00\xe4"])
def test_bytes_stay_where_they_contradict_the_server(
    server: Site, asking: Client, tmp_path: Path, charset: str, body: bytes
) -> None:
    server.pages["/a.txt"] = Reply(body, headers={"Content-Type": f"text/plain; charset={charset}"})
    assert WebPage(server.url("/a.txt"), asking).fetch(Entry(server.url("/a.txt"), "a.txt"), tmp_path / "into")
    assert (tmp_path / "into").read_bytes() == body


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_an_unchanged_page_is_not_fetched_again(server: Site, asking: Client, tmp_path: Path, header: str) -> None:
    value = {"ETag": 'W/"5"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}[header]
    server.pages["/"] = conditional("one", **{header: value})
    page = WebPage(server.url(), asking)
    first = page.fetch(Entry(server.url(), "x"), tmp_path / "1")
    assert first is not None
    assert first.mark
    assert page.fetch(Entry(server.url(), "x"), tmp_path / "2", first.mark) is None
    assert not (tmp_path / "2").exists()
    server.pages["/"] = conditional("two", **{header: value.replace("5", "6")})
    again = page.fetch(Entry(server.url(), "x"), tmp_path / "3", first.mark)
    assert again is not None
    assert again.mark != first.mark


def test_a_server_that_ignores_conditions_is_told_by_its_etag(server: Site, asking: Client, tmp_path: Path) -> None:
    server.pages["/"] = html("one", ETag='"5"')
    assert WebPage(server.url(), asking).fetch(Entry(server.url(), "x"), tmp_path / "1", 'etag:"5"') is None


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/a/report.pdf", {"Content-Type": "application/pdf"}, "report.pdf"),
        ("/download?id=7", {"Content-Type": "application/pdf"}, "download.pdf"),
        ("/d", {"Content-Disposition": 'attachment; filename="../../etc/Annual report.docx"'}, "Annual report.docx"),
        ("/d", {"Content-Disposition": "attachment; filename*=UTF-8''%e2%82%ac%20rates.csv"}, "€ rates.csv"),
        ("/index.php", {"Content-Type": "text/html"}, "index.html"),
        ("/v1.2", {"Content-Type": "text/html;charset=x"}, "v1.2.html"),
        ("/", {"Content-Type": "text/html"}, "127.0.0.1.html"),
        ("/README.md", TEXT, "README.md"),
        ("/LICENSE", TEXT, "LICENSE.txt"),
        ("/a%2Fb%00%0ac.txt", TEXT, "b c.txt"),
    ],
)
def test_a_name_tells_the_type(
    server: Site, asking: Client, tmp_path: Path, path: str, headers: dict[str, str], name: str
) -> None:
    server.pages[path] = Reply("x", headers=headers)
    fetched = WebPage(server.url(path), asking).fetch(Entry(server.url(path), "x"), tmp_path / "into")
    assert fetched is not None
    assert fetched.name == name


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=404), "gone"),
        (Reply(status=410), "gone"),
        (Reply(status=401), "no_access"),
        (Reply(status=403), "no_access"),
        (Reply(status=451), "refused"),
        (Reply(status=206), "refused"),
        (Reply("x", headers={"Content-Type": "video/mp4"}), "unsupported"),
        (Reply(b"x" * 2_000_000, headers=TEXT), "too_large"),
        (Reply(status=302), "redirects"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_leaves_no_file(
    server: Site, asking: Client, tmp_path: Path, reply: Reply, code: str
) -> None:
    server.pages["/"] = reply
    with pytest.raises(OriginRefused) as caught:
        WebPage(server.url(), asking).fetch(Entry(server.url(), "x"), tmp_path / "into")
    assert caught.value.code == code
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_unavailable(server: Site, asking: Client, tmp_path: Path, status: int) -> None:
    server.pages["/"] = Reply(status=status)
    with pytest.raises(OriginUnavailable):
        WebPage(server.url(), asking).fetch(Entry(server.url(), "x"), tmp_path / "into")


def test_a_body_that_breaks_off_leaves_no_file(server: Site, asking: Client, tmp_path: Path) -> None:
    server.pages["/"] = Reply(b"half", headers={**TEXT, "Content-Length": "8", "Connection": "close"})
    with pytest.raises(OriginUnavailable):
        WebPage(server.url(), asking).fetch(Entry(server.url(), "x"), tmp_path / "into")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://a.example/", "http://u:p@a.example/", "http://a.example:22/", "http://"]
)
def test_an_address_that_cannot_be_right_is_refused_at_once(asking: Client, url: str) -> None:
    for kind in (WebPage, Website):
        with pytest.raises(OriginRefused):
            kind(url, asking)
