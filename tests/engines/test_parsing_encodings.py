"""Which encodings a document may name."""

import encodings as python
import pkgutil
import time
from email import message_from_bytes

import pytest

from engines.origins import charsets, names
from engines.parsing import eml
from engines.parsing.decoding import decode
from engines.parsing.eml import _decoded
from engines.parsing.encodings import known
from engines.parsing.epub import _markup
from engines.parsing.rtf_bytes import page_encoding

SOON = 2.0
"""Seconds of processor time for 400 kB; punycode takes hours."""
EVERY = sorted(module.name for module in pkgutil.iter_modules(python.__path__))
NEVER = (
    "punycode", "idna", "undefined", "unicode_escape", "raw_unicode_escape", "utf_7", "rot_13", "hex_codec",
    "base64_codec", "zlib_codec", "bz2_codec", "uu_codec", "quopri_codec", "charmap",
)  # fmt: skip


@pytest.mark.parametrize("name", NEVER)
def test_what_is_no_safe_encoding_of_text_may_not_be_named(name: str) -> None:
    assert name in EVERY
    assert known(name) == ""
    assert charsets.stated(f"text/html; charset={name}") == ""
    page = f"<meta charset={name}><title>Caf\\ud800</title>".encode() + b"\xff"
    for text in (decode(page, html=True), _decoded(page, name, html=True)):
        text.encode()  # no lone surrogates
        assert "Caf" in text


@pytest.mark.parametrize("name", NEVER)
def test_no_way_to_name_it_is_forgotten(name: str) -> None:
    said = "a\\ud800-%C3%A4"
    assert charsets.stated(f"text/html; charset*={name}''utf-8") == "utf-8"
    assert names.file_name("http://a.example/", "", f"attachment; filename*={name}''{said}").startswith("ud800")
    mail = message_from_bytes(
        f"Content-Type: text/plain; charset*={name}''x\nContent-Disposition: a; filename*={name}''{said}\n\n{said}"
        .encode()
    )  # fmt: skip
    assert eml._file_name(mail) == "a\\ud800-Ã¤"
    assert eml._text(mail) == said
    inner = message_from_bytes(f"Content-Type: message/x; charset={name}\n\n{said}\udcff".encode("utf-8", "replace"))
    assert eml._inner_mail(inner, "")[1]
    book = f'<?xml version="1.0" encoding="{name}"?><p>{said}</p>'
    assert _markup(book.encode()) == book


def test_a_name_in_an_encoding_of_text_is_read() -> None:
    assert names.file_name("http://a.example/", "", "a; filename*=koi8-r''%C1.txt") == "\N{CYRILLIC SMALL LETTER A}.txt"
    mail = message_from_bytes(b"Content-Type: text/plain; name*0*=iso-8859-1''%E9; name*1*=t%E9.txt\n\n")
    assert eml._file_name(mail) == "été.txt"


def test_a_number_of_more_digits_than_python_reads_states_nothing() -> None:
    number = "1" * 5000
    assert charsets.stated(f"text/html; charset*{number}=utf-8") == ""
    assert names.file_name("http://a.example/b.txt", "", f"a; filename*{number}=c.txt") == "b.txt"


def test_a_code_page_of_rtf_is_one_that_may_be_named() -> None:
    assert [page_encoding(number, "cp1252") for number in (1251, 10000, 65000, -5)] == [
        "cp1251",
        "mac-roman",
        "cp1252",
        "cp1252",
    ]


WRITTEN_IN = (
    "utf8", " UTF-8 ", "latin1", "windows-1252", "Shift_JIS", "koi8-r", "gb2312", "big5", "euc-kr", "iso-2022-jp",
    "macintosh", "cp437", "utf-16le", "tis-620", "us-ascii",
)  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN_IN)
def test_what_people_write_in_may(name: str) -> None:
    assert "plan".encode(known(name)).decode(known(name)) == "plan"


@pytest.mark.parametrize("name", ["", "nonsense", "../etc", "a\0b", "ä" * 200, "utf" + "-" * 90 + "8"])
def test_what_is_no_name_names_nothing(name: str) -> None:
    assert known(name) == ""


def test_every_codec_that_may_be_named_decodes_in_time_that_grows_with_the_length_alone() -> None:
    data = b"a" * 200_000 + b"-" + b"a" * 200_000
    for name in EVERY:
        if codec := known(name):
            begun = time.process_time()
            data.decode(codec, "replace")
            assert time.process_time() - begun < SOON, name
