"""What a file is: its content decides, its name tells text from text, and what is not taken is refused."""

from pathlib import Path
from zipfile import ZIP_STORED

import pytest

from engines.parsing import FORMATS, extract, sniff
from rag.errors import ParsingError
from tests.engines.test_parsing import LIMITS, refusal, written
from tests.files import making
from tests.files.containers import zip_of
from tests.files.samples import SAMPLES


@pytest.mark.parametrize(
    ("data", "name", "found"),
    [
        (making.SAMPLE_PDF, "report.txt", "PDF"),
        (b"\n\n" + making.SAMPLE_PDF, "report", "PDF"),
        (SAMPLES["DOCX"].data, "report.zip", "DOCX"),
        (b"<!DOCTYPE HTML><p>Hello</p>", "page.txt", "HTML"),
        (b"<!-- c --><html lang=en><p>Hello</p>", "page", "HTML"),
        (b"a,b\n1,2\n", "table.TSV", "CSV"),
        (b"a,b\n1,2\n", "table.txt", "TXT"),
        (b"# Title", "notes.MD", "Markdown"),
        (b"Read me", "README", "TXT"),
        ("Grüße".encode("utf-16"), "a.txt", "TXT"),
        ("Plain words".encode("utf-16-le"), "a.txt", "TXT"),
    ],
)
def test_content_decides_and_the_name_tells_text_from_text(data: bytes, name: str, found: str, tmp_path: Path) -> None:
    media_type = sniff(written(tmp_path, data), name)
    assert media_type == next(each.media_type for each in FORMATS if each.name == found)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"MZ\x90\0\x03", "setup.exe"),
        (b"\x7fELF\x02\x01\x01", "photo.txt"),
        (b"words enough to be a text\0" * 40, "record.txt"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"), "old.doc"),
        (zip_of({"mimetype": b"application/vnd.sun.xml.writer"}, method=ZIP_STORED), "old.sxw"),
    ],
)
def test_what_is_not_taken_is_refused_with_what_is(data: bytes, name: str, tmp_path: Path) -> None:
    error = refusal(written(tmp_path, data), name)
    assert error.code == "unsupported"
    assert "PDF, DOCX, " in error.message
    assert ("LibreOffice" in error.hint) == name.endswith(".sxw")


def test_a_text_with_a_stray_control_character_is_a_text(tmp_path: Path) -> None:
    path = written(tmp_path, b"The size of\x19 the network grows. " + b"Its cost grows, too. " * 9 + b"The end.\x1a")
    assert sniff(path, "abstract.txt") == "text/plain"
    (page,) = extract(path, "text/plain", limits=LIMITS)
    assert page.text.startswith("The size of")


def test_an_office_file_in_its_password_container_is_encrypted(tmp_path: Path) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    assert refusal(written(tmp_path, data), "plan.docx").code == "encrypted"


def test_an_encrypted_pdf_says_so(tmp_path: Path) -> None:
    error = refusal(written(tmp_path, making.encrypted_pdf()), "secret.pdf")
    assert error.code == "encrypted"
    assert "password" in error.message


def test_a_media_type_nobody_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParsingError) as caught:
        list(extract(written(tmp_path, b"x"), "application/x-nobody", limits=LIMITS))
    assert caught.value.code == "unsupported"
