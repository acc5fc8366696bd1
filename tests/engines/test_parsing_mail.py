"""Mails and books: what a person sees who opens them, attachments as files, and no way to break the reader."""

import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.parsing import Limits, Report, eml, epub, msg
from rag.errors import ParsingError
from rag.types import Kind, Page
from tests.files import mails
from tests.files.mails import HEAD, mail

LIMITS = Limits(memory_mb=600, cpu_seconds=20, wall_seconds=30)


@dataclass
class Read:
    """What a reader said of a document."""

    pages: list[Page] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        (page,) = self.pages
        return page.text


def read(module: ModuleType, data: bytes, limits: Limits = LIMITS) -> Read:
    """In this process, where a fault of the reader shows; the child is tested elsewhere."""
    found = Read()
    report = Report(
        warning=found.warnings.append, file=lambda name, pieces: found.files.append((name, b"".join(pieces)))
    )
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        found.pages += module.pages(Path(file.name), limits, report)
    return found


def refused(module: ModuleType, data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(ParsingError) as caught:
        read(module, data, limits)
    return caught.value.code


# --------------------------------------------------------------------------------------------------- EML


def test_a_mail_reads_as_it_is_seen() -> None:
    found = read(eml, mail("Plans", plain="Dear Bob,\n\nthe plan\nis good.\n", html="<p>no</p>").as_bytes())
    assert found.text == (
        "Plans\n\nFrom: Ann <ann@example.org>\nTo: Bob <bob@example.org>\nDate: Mon, 06 May 2024 10:00:00 +0200\n\n"
        "Dear Bob,\n\nthe plan\nis good."
    )
    assert [block.heading for block in found.pages[0].blocks] == [(), *[("Plans",)] * 3]


def test_html_is_read_where_there_is_no_plain_text() -> None:
    data = mail("Plans", plain=" ", html="<style>x{}</style><h1>Big</h1><p>The plan.</p>").as_bytes()
    found = read(eml, data)
    assert found.text.endswith("Big\n\nThe plan.")
    assert found.pages[0].blocks[-1].heading == ("Plans", "Big")


def test_attachments_are_files_and_listed() -> None:
    made = mail("Plans", plain="See within.", attach=[("plan.pdf", b"%PDF-"), ("plan.pdf", b"x" * 50_000)])
    made.add_attachment("notes, plain", filename="notes.txt")
    made.add_attachment(b"png", "image", "png", filename="photo.png")
    made.add_attachment(b"png", "image", "png", disposition="inline", cid="<logo>")
    made.add_attachment(b"sig", "application", "pkcs7-signature", filename="smime.p7s")
    made.add_attachment(mail("Inner mail", plain="Deep."))
    found = read(eml, made.as_bytes())
    names = ["plan.pdf", "plan (2).pdf", "notes.txt", "photo.png", "Inner mail.eml"]
    assert [name for name, _ in found.files] == names
    assert found.files[1][1] == b"x" * 50_000
    assert read(eml, found.files[-1][1]).text.endswith("Deep.")
    assert found.text.endswith("See within.\n\n" + "\n".join(f"- {name}" for name in names))


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=\n =?utf-8?b?IGF1cyBXaWVu?=", b"x", "Grüße aus Wien"),
        ("Subject: Grüße".encode(), b"x", "Grüße"),
        ("Subject: Grüße aus Köln".encode("cp1252"), b"x", "Grüße aus Köln"),
        (b"Subject: =?nonsense?q?a?= =?utf-8?b?!?=", b"x", "a"),
        (b"Content-Type: text/plain; charset=us-ascii", "Grüße".encode(), "Grüße"),
        (b"Content-Type: text/plain; charset=utf-8", "Schöne Grüße aus Köln".encode("cp1252"), "Schöne Grüße"),
        (b"Content-Type: text/plain; charset=nobody", b"plain", "plain"),
        (b"Content-Type: text/plain; charset=iso-2022-jp", "日本語".encode("iso-2022-jp"), "日本語"),
        (b"Content-Type: text/plain\nContent-Transfer-Encoding: base64", b"cGxhaW4*", "plai"),
        (b"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable", b"a=\nb=3D", "ab="),
        (b"Content-Type: text/plain; format=flowed", b"one \ntwo\n\n-- \nAnn", "one two"),
        (b"Content-Type: multipart/mixed", b"no boundary", "no boundary"),
        (b"Content-Type: multipart/mixed; boundary=b", b"--b\n\nnever closed", "never closed"),
        (b"Content-Type: multipart/mixed; boundary=other", b"--b\n\nelsewhere", ""),
    ],
)
def test_what_is_encoded_wrongly_is_read_nevertheless(head: bytes, body: bytes, expected: str) -> None:
    assert expected in read(eml, HEAD + head + b"\n\n" + body).text


def test_mails_in_utf16_and_with_a_mark() -> None:
    data = HEAD + b"Subject: Plans\n\nThe plan."
    for encoding in ("utf-16", "utf-16-le", "utf-8-sig"):
        assert read(eml, data.decode().encode(encoding)).text.endswith("The plan.")


def test_a_subject_alone_is_text_and_nothing_at_all_is_none() -> None:
    assert read(eml, HEAD + b"Subject: Call me\n\n").text.startswith("Call me\n\nFrom: Ann")
    assert read(eml, HEAD + b"\n \n").text == ""
    assert read(eml, b"   \n\n  \n").text == ""


def test_a_sealed_mail_is_encrypted() -> None:
    assert (
        refused(eml, HEAD + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB") == "encrypted"
    )


def test_the_limits_hold_for_attachments() -> None:
    made = mail("Plans", attach=[(f"{n}.bin", b"x" * 1000) for n in range(6)]).as_bytes()
    assert refused(eml, made, replace(LIMITS, archive_members=5)) == "too_large"
    assert refused(eml, made, replace(LIMITS, archive_mb=0.005)) == "too_large"
    assert refused(eml, made, replace(LIMITS, memory_mb=0.001)) == "too_much_memory"
    assert len(read(eml, made, replace(LIMITS, archive_members=6)).files) == 6


def _nested(depth: int) -> bytes:
    parts = [f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n".encode() for n in range(depth)]
    return HEAD + b"".join(parts) + b"\ndeep"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"X: y\n" * 200_000 + b"\nx",
        HEAD + b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nx",
        HEAD + b"Subject: a\n" + b" folded\n" * 200_000 + b"\nx",
        HEAD + b"To: " + b"(" * 100_000 + b"\n\nx",
        _nested(20), _nested(3000),
        HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 20_000,
        HEAD + b"Content-Type: text/plain; " + b"a*0=b;" * 20_000 + b"\n\nx",
        HEAD + b"Content-Type: message/rfc822\n\n" * 1500,
    ],
    ids=["headers", "words", "folds", "comments", "nested", "deep", "parts", "parameters", "mails"],
)  # fmt: skip
def test_hostile_mails_end_in_time(data: bytes) -> None:
    start = time.monotonic()
    try:
        read(eml, data)
    except ParsingError as error:
        assert error.code in {"broken", "too_large"}  # noqa: PT017
    assert time.monotonic() - start < 15


# --------------------------------------------------------------------------------------------------- MSG


def test_an_outlook_message_reads_as_it_is_seen() -> None:
    inner = mails.message(
        "Inner", plain="Deep.", head=24, inner={"__attach_version1.0_#00000000": mails.attachment("in.txt", b"y")}
    )
    logo = mails.attachment("logo.png", b"png", values=mails.texts({0x3712: "logo@x", 0x370E: "image/png"}))
    tree = mails.message(
        "Plans",
        plain="Dear Bob,\n\nthe plan is good.",
        html=b"<p>no</p>",
        inner={
            "__attach_version1.0_#00000000": mails.attachment("plan.pdf", b"x" * 9000),
            "__attach_version1.0_#00000001": mails.inner_message(inner),
            "__attach_version1.0_#00000002": logo,
        },
    )
    found = read(msg, mails.ole(tree))
    assert found.text == (
        'Plans\n\nFrom: "Ann" <ann@example.org>\nTo: Bob <bob@example.org>\n\nDear Bob,\n\nthe plan is good.\n\n'
        "- plan.pdf\n- Inner.eml"
    )
    assert found.files[0] == ("plan.pdf", b"x" * 9000)
    within = read(eml, found.files[1][1])
    assert within.text.startswith('Inner\n\nFrom: "Ann" <ann@example.org>')
    assert "Deep." in within.text
    assert within.files == [("in.txt", b"y")]


def test_outlook_html_in_another_encoding_than_it_says() -> None:
    found = read(msg, mails.ole(mails.message("Plans", html="<p>Schöne Grüße aus Köln</p>".encode("cp1252"))))
    assert "Schöne Grüße aus Köln" in found.text


@pytest.mark.parametrize("code_page", [0, 1234, 29001])
def test_outlook_html_in_a_code_page_that_nobody_knows(code_page: int) -> None:
    html = "<p>Schöne Grüße aus Köln</p>".encode("cp1252")
    found = read(msg, mails.ole(mails.message("Plans", html=html, code_page=code_page)))
    assert "aus Köln" in found.text
    assert found.text.startswith("Plans")


def test_a_torn_or_looping_outlook_message_is_broken() -> None:
    data = mails.ole(mails.message("Plans", plain="The plan. " * 2000))
    for cut in (600, len(data) // 2, len(data) - 3000):
        assert refused(msg, data[:cut]) == "broken"
    looping = bytearray(data)
    directory = 512 * (1 + int.from_bytes(data[48:52], "little"))
    looping[directory + 128 + 76 : directory + 128 + 80] = b"\0\0\0\0"  # the first entry is its own root's parent
    looping[directory + 128 + 66] = 1
    assert refused(msg, bytes(looping)) == "broken"


# -------------------------------------------------------------------------------------------------- EPUB


def test_a_book_is_a_page_a_chapter_under_its_title() -> None:
    found = read(
        epub,
        mails.epub(
            {
                "toc.xhtml": "<h1>Contents</h1><ol><li><a href='a'>One</a></li><li><a href='b'>Two</a></li></ol>",
                "cover.xhtml": "<img src='x.png'/>",
                "a.xhtml": "<h1>One</h1><script/><p>First.<sup><a href='notes.xhtml#n1'>1</a></sup></p><div/>",
                "b b.xhtml": "<p>Second&nbsp;&#8212; ok.</p>",
            },
            title="The Book",
        ),
    )
    assert [page.number for page in found.pages] == [1, 2]
    assert [page.text for page in found.pages] == ["The Book\n\nOne\n\nFirst.", "Second — ok."]
    assert found.pages[0].blocks[0].kind is Kind.HEADING
    assert found.pages[0].blocks[-1].heading == ("The Book", "One")


def test_a_chapter_that_is_missing_or_damaged_is_told() -> None:
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml"/><item id="b" '
        'href="../../etc/passwd"/></manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    found = read(epub, mails.epub({"a.xhtml": "<p>Here.</p>"}, opf=opf))
    assert [page.text for page in found.pages] == ["Here."]
    assert found.warnings == ["1 of 2 chapters are damaged or missing and were left out."]
    assert refused(epub, mails.epub({}, opf=opf)) == "broken"


def test_a_book_under_drm_is_encrypted_and_scrambled_fonts_are_not() -> None:
    def book(algorithm: str, part: str) -> bytes:
        encryption = (
            '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
            'xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData>'
            f'<e:EncryptionMethod Algorithm="{algorithm}"/><e:CipherData><e:CipherReference URI="{part}"/>'
            "</e:CipherData></e:EncryptedData></encryption>"
        )
        return mails.epub({"a.xhtml": "<p>Here.</p>"}, parts={"META-INF/encryption.xml": encryption})

    assert refused(epub, book("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OPS/a.xhtml")) == "encrypted"
    assert read(epub, book("http://www.idpf.org/2008/embedding", "OPS/font.otf")).pages
    assert read(epub, book("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OPS/font.otf")).pages


def test_a_book_that_is_a_bomb_is_refused() -> None:
    data = mails.epub({"a.xhtml": "<p>" + "x" * 40_000_000 + "</p>"})
    assert len(data) < 100_000
    assert refused(epub, data) == "too_large"
    many = {f"{n}.xhtml": "<p>x</p>" for n in range(30)}
    assert refused(epub, mails.epub(many), replace(LIMITS, pages=29)) == "too_large"
    laughs = (
        '<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
        "<package><metadata><title>&b;&x;</title></metadata><manifest/><spine/></package>"
    )
    assert refused(epub, mails.epub({}, opf=laughs)) == "broken"


# ----------------------------------------------------------------------------------------------- fuzzing

BASES: dict[str, tuple[ModuleType, Callable[[], bytes]]] = {
    "eml": (eml, lambda: mail("Plans", plain="Text.", html="<p>x</p>", attach=[("a.bin", b"data" * 30)]).as_bytes()),
    "msg": (msg, mails.sample_msg),
    "epub": (epub, mails.sample_epub),
}


@pytest.mark.parametrize("base", BASES)
@settings(deadline=None)
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 12), cut=st.one_of(st.none(), st.floats(0, 1)))
def test_hurt_documents_end_in_pages_or_a_typed_error(base: str, seed: int, changes: int, cut: float | None) -> None:
    module, make = BASES[base]
    data, chance = bytearray(make()), random.Random(seed)
    for _ in range(changes):
        at = chance.randrange(len(data))
        if chance.random() < 0.5:
            data[at] = chance.randrange(256)
        else:
            other = chance.randrange(len(data))
            data[at : at + 8] = data[other : other + chance.randrange(16)]
    if cut is not None:
        del data[int(cut * len(data)) :]
    try:
        for page in read(module, bytes(data)).pages:
            page.text.encode()
    except ParsingError as error:
        assert error.message.endswith(".")  # noqa: PT017
