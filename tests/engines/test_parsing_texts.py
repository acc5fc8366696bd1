"""Text formats: reStructuredText, source code, and plain text of any length and encoding."""

import string
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.parsing import Limits, Report, json_text, markdown, rst, source, text
from rag.errors import ParsingError
from rag.types import Kind, Page

LIMITS = Limits(memory_mb=600, cpu_seconds=20, wall_seconds=60)
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
Reader = Callable[[Path, Limits, Report], Iterator[Page]]


def read(folder: Path, data: bytes | str, reader: Reader, warnings: list[str] | None = None) -> list[Page]:
    """The pages of a text, read in this process."""
    path = folder / "text"
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
    return list(reader(path, LIMITS, Report(warning=(warnings if warnings is not None else []).append)))


def blocks(page: Page) -> list[tuple[str, str, tuple[str, ...]]]:
    """Kind, text and headings of each block."""
    return [(block.kind.value, page.text[block.start : block.end], block.heading) for block in page.blocks]


def texts(page: Page) -> list[str]:
    return [words for _, words, _ in blocks(page)]


# --------------------------------------------------------------------------------------- reStructuredText

RST = """
=====
Guide
=====

.. contents::

Setup
=====

A ``word``, a `link <http://x>`_, a note [1]_ and |name|.
Goes on.

#. first
#. second

   - inner

term : noun
    What it means.

:Author: Ann

.. warning:: Hot.

.. |name| replace:: the product

.. code-block:: python

   def f():
       return 1

.. comment: not for readers

.. list-table:: Prices
   :header-rows: 1

   * - Item
     - Price
   * - Pen
     - 2

.. [1] The note.
"""


def test_rst_is_read_without_its_marks(tmp_path: Path) -> None:
    (page,) = read(tmp_path, RST, rst.pages)
    setup = ("Guide", "Setup")
    assert blocks(page) == [
        ("heading", "Guide", ()),
        ("heading", "Setup", ("Guide",)),
        ("text", "A word, a link, a note [1] and the product. Goes on.", setup),
        ("list_item", "1. first", setup),
        ("list_item", "2. second", setup),
        ("list_item", "- inner", setup),
        ("text", "term : noun\nWhat it means.", setup),
        ("text", "Author: Ann", setup),
        ("text", "Warning: Hot.", setup),
        ("code", "def f():\n    return 1", setup),
        ("text", "Prices", setup),
        ("table_row", "Item | Price", setup),
        ("table_row", "Pen | 2", setup),
        ("text", "[1] The note.", setup),
    ]
    assert page.blocks[-2].header == "Item | Price"


@pytest.mark.parametrize(
    "unit", ["*", "``", "|a", "`_", "|a ", "*a ", "a_ ", "``a ", "*a\n\n", "a_\n\n", "[1]_ ", ":a:`"]
)
def test_marks_that_no_author_writes_are_read_as_plain_text(unit: str, tmp_path: Path) -> None:
    start = time.monotonic()
    pages = read(tmp_path, unit * (200_000 // len(unit)) + "\n\nlast words", rst.pages)
    assert time.monotonic() - start < 15
    assert pages[-1].text.endswith("last words")
    is_line = unit in ("*", "``")  # a line of them alone parts sections
    assert is_line or sum(len(page.text) for page in pages) > 190_000


def test_rst_of_sphinx_is_read_too(tmp_path: Path) -> None:
    data = (
        ".. py:function:: area(width)\n   :noindex:\n\n   Gives the :term:`area <a>`.\n\n   - in metres\n\n"
        ".. versionadded:: 3.2\n\n.. toctree::\n\n   intro\n\n.. seealso::\n   The :class:`~shapes.Square`.\n"
    )
    (page,) = read(tmp_path, data, rst.pages)
    assert texts(page) == ["area(width)", "Gives the area.", "- in metres", "versionadded 3.2", "The shapes.Square."]


def test_rst_reads_no_other_file_and_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    data = (
        f"Before\n\n.. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n\n"
        f".. csv-table::\n   :file: {secret}\n\n.. literalinclude:: {secret}\n\n"
        ".. raw:: html\n\n   <script>x</script>\n\nAfter `unclosed\n"
    )
    text_of_page = read(tmp_path, data, rst.pages)[0].text
    assert "the secret" not in text_of_page
    assert "script" not in text_of_page
    assert text_of_page.startswith("Before")
    assert "After" in text_of_page
    assert capfd.readouterr() == ("", "")


def test_rst_that_docutils_does_not_get_through_is_read_as_text(tmp_path: Path) -> None:
    warnings: list[str] = []
    (page,) = read(tmp_path, "\n\n".join(" " * depth + "deeper" for depth in range(500)), rst.pages, warnings)
    assert page.text.count("deeper") == 500
    assert len(warnings) == 1


# -------------------------------------------------------------------------------------------- source code


def test_code_is_cut_where_definitions_begin(tmp_path: Path) -> None:
    data = "import os\n\n\n@cached\ndef one():\n    a = 1\n\n    return a\n\n\nclass Two:\n    pass\n"
    (page,) = read(tmp_path, data, source.pages)
    assert blocks(page) == [
        ("code", "import os", ()),
        ("code", "@cached\ndef one():\n    a = 1\n\n    return a", ()),
        ("code", "class Two:\n    pass", ()),
    ]


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ("class Store(Base):", "Store"),
        ("export default async function load(x) {", "load"),
        ("public static final class Store {", "Store"),
        ("pub(crate) fn read(path: &str) {", "read"),
        ("func (s *Server) Serve() {", "Serve"),
        ("impl Store {", "Store"),
        ("CREATE OR REPLACE VIEW sales AS", "sales"),
    ],
)
def test_the_rest_of_a_long_definition_has_its_name_above(first: str, name: str, tmp_path: Path) -> None:
    body = "\n\n".join(f"    line({number});  // {'x' * 60}" for number in range(60))
    (page,) = read(tmp_path, f"{first}\n{body}\n}}\n\nnext_one = 1\n", source.pages)
    assert page.blocks[0].heading == ()
    assert {block.heading for block in page.blocks[1:-1]} == {(name,)}
    assert page.blocks[-1].heading == ()
    assert page.text[page.blocks[-1].start :] == "next_one = 1"


def test_no_line_of_code_is_lost_or_cut(tmp_path: Path) -> None:
    data = Path(__file__).read_text()
    (page,) = read(tmp_path, data, source.pages)
    lines = [line for block in page.blocks for line in page.text[block.start : block.end].split("\n")]
    assert [line for line in lines if line.strip()] == [line.rstrip() for line in data.split("\n") if line.strip()]


# --------------------------------------------------------------------------------------------- plain text


def test_only_a_very_long_text_is_several_pages(tmp_path: Path) -> None:
    paragraph = "Words of a sentence. " * 50
    assert len(read(tmp_path, f"{paragraph}\n\n" * 150, text.pages)) == 1
    totals: list[int] = []
    path = tmp_path / "long"
    path.write_text(f"{paragraph}\n\n" * 1000)
    pages = list(text.pages(path, LIMITS, Report(total=totals.append)))
    assert totals == [len(pages)] == [6]
    assert [page.number for page in pages] == [1, 2, 3, 4, 5, 6]
    assert all(len(page.text) <= text.PART_CHARACTERS for page in pages)
    assert {words for page in pages for words in texts(page)} == {paragraph.strip()}


def test_a_log_without_empty_lines_is_cut_at_its_lines(tmp_path: Path) -> None:
    line = "12:00 INFO all is well"
    pages = read(tmp_path, f"{line}\n" * 20_000, text.pages)
    assert len(pages) > 1
    found = [each for page in pages for words in texts(page) for each in words.split("\n")]
    assert found == [line] * 20_000


def test_a_long_markdown_keeps_its_headings_over_the_cut(tmp_path: Path) -> None:
    pages = read(tmp_path, "# Report\n\n" + "Words of a sentence.\n\n" * 12_000, markdown.pages)
    assert len(pages) > 1
    assert pages[-1].blocks[-1].heading == ("Report",)


@pytest.mark.parametrize(
    ("language", "words", "encodings"),
    [
        ("German", "Die Straße führt über größere Hügel zum Fluss. ", ("cp1252", "utf-8", "utf-16", "utf-32")),
        ("French", "Tous les êtres humains naissent libres et égaux où l’été brûle déjà les forêts. ", ("cp1252",)),
        ("Danish", "Alle mennesker er født frie og lige i værdighed og rettigheder. ", ("cp1252",)),
        (
            "several of the West",
            "El niño comió. L'été à Nîmes, un câlin. O João disse: não. Köttbullar åt hon. ",
            ("cp1252",),
        ),
        (
            "Polish",
            "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw, są też obdarzeni. ",
            ("cp1250", "iso8859_2"),
        ),
        ("Hungarian", "Minden emberi lény szabadon születik, erdős völgyű őrzője. ", ("cp1250",)),
        ("Turkish", "Bütün insanlar özgür doğarlar; şeref ve hak bakımından eşittirler. ", ("cp1254",)),
        ("Lithuanian", "Visi žmonės gimsta laisvi ir lygūs savo orumu, jų teisės čia. ", ("cp1257",)),
        ("Russian", "Быстрая коричневая лиса прыгает через ленивую собаку. ", ("cp1251", "koi8-r", "utf-16-le")),
        (
            "Japanese",
            "これは日本語の文章です。東京は日本の首都であります。",
            ("cp932", "euc_jp", "iso2022_jp", "utf-16-be"),
        ),
        ("Chinese", "这是一个中文的句子，北京是中国的首都，人口很多。", ("gb18030", "utf-8-sig")),
        ("Greek", "Η γρήγορη καφέ αλεπού πηδάει πάνω από το σκυλί. ", ("cp1253",)),
    ],
)
def test_the_encoding_of_a_text_is_found(language: str, words: str, encodings: tuple[str, ...], tmp_path: Path) -> None:
    for encoding in encodings:
        (page,) = read(tmp_path, (words * 20).encode(encoding), text.pages)
        assert page.text == (words * 20).strip(), (language, encoding)


# ------------------------------------------------------------------------------------------------ fuzzing


def outcome(folder: Path, data: bytes | str, reader: Reader) -> str:
    """How reading ended; any error but a refusal fails the test."""
    try:
        for page in read(folder, data, reader):
            for block in page.blocks:
                assert page.text[block.start : block.end] == page.text[block.start : block.end].strip("\n") != ""
    except ParsingError as error:
        return error.code
    return "read"


MARKED = st.text(alphabet=string.ascii_lowercase + "\n\n   `*_|:.=-+#[]<>\\/\"'", max_size=200)
DIRECTIVES = st.lists(
    st.sampled_from(
        [".. table::\n", ".. note::", "   ", "\n\n", "+--+--+\n", "|a |b |\n", "== ==\n", "Title\n=====\n", "- ", "1. ",
         ".. |x| replace:: y", ":role:`x`", "`x`_", "__ y", ".. _x: y_", "::\n\n", ".. [1] z", "[1]_", ".. math:: x",
         ".. figure:: a.png", ".. unicode:: 0x110000", ".. date::", ".. role:: r(raw)", ".. class:: x", "a", "\t"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@FUZZ
@given(data=MARKED | DIRECTIVES)
def test_rst_of_any_marks_is_read(data: str, tmp_path: Path) -> None:
    assert outcome(tmp_path, data, rst.pages) == "read"


@FUZZ
@given(data=MARKED | st.text(max_size=200), reader=st.sampled_from([source.pages, text.pages, markdown.pages]))
def test_texts_of_any_marks_are_read(data: str, reader: Reader, tmp_path: Path) -> None:
    assert outcome(tmp_path, data, reader) == "read"


@FUZZ
@given(
    data=st.binary(max_size=400),
    reader=st.sampled_from([json_text.pages, rst.pages, source.pages, text.pages, markdown.pages]),
)
def test_bytes_of_any_kind_are_read(data: bytes, reader: Reader, tmp_path: Path) -> None:
    assert outcome(tmp_path, data, reader) == "read"


def test_every_word_of_a_real_rst_is_kept(data: Path) -> None:
    path = data / "files" / "e_pep-0008.rst"
    (page,) = rst.pages(path, LIMITS, Report())
    assert len(page.text) > 40_000
    assert "PEP 257 (Docstring Conventions)" in page.text
    assert "``" not in page.text
    assert sum(block.kind is Kind.HEADING for block in page.blocks) > 40
