"""Passages: verbatim spans that lose nothing, fit the encoder and keep what belongs together."""

import re
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.chunking import LONGEST_CHARACTERS, TARGET_TOKENS, chunk_page, chunk_pages
from rag.types import Block, Chunk, Kind, Line, Page

MAX = 256


def words(texts: Sequence[str]) -> list[int]:
    """A tokenizer: words and signs."""
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def quarters(texts: Sequence[str]) -> list[int]:
    """A tokenizer of subwords, whose whole is not the sum of its parts."""
    return [-(-len(text) // 4) for text in texts]


def letters(texts: Sequence[str]) -> list[int]:
    """A tokenizer of single characters."""
    return [len(text) for text in texts]


def page_of(*blocks: tuple[str, Kind] | tuple[str, Kind, tuple[str, ...], str], number: int = 1) -> Page:
    """A page with these blocks, an empty line between them."""
    text, made = "", []
    for words_, kind, *more in blocks:
        start = len(text)
        text += words_
        heading, header = more if more else ((), "")
        made.append(Block(start, len(text), kind, heading, header))
        text += "\n\n"
    return Page(number, text, tuple(made))


def chunk(page: Page, title: str = "", max_tokens: int = MAX) -> list[Chunk]:
    return chunk_page(page, title=title, count_tokens=words, max_tokens=max_tokens)


def sentence(count: int, word: str = "word") -> str:
    """A sentence of so many words."""
    return " ".join([word] * count).capitalize() + "."


# -------------------------------------------------------------------------------- what a reader expects


def test_short_blocks_share_a_passage_and_it_is_verbatim() -> None:
    page = page_of(("One fish.", Kind.TEXT), ("Two fish.", Kind.TEXT))
    (only,) = chunk(page)
    assert only.text == "One fish.\n\nTwo fish."
    assert page.text[only.start : only.end] == only.text


def test_a_passage_ends_at_a_block_border_when_the_next_block_does_not_fit() -> None:
    page = page_of((sentence(120), Kind.TEXT), (sentence(120), Kind.TEXT))
    first, second = chunk(page)
    assert (first.text, second.text) == (sentence(120), sentence(120))


def test_a_long_block_is_cut_where_sentences_end() -> None:
    page = page_of((" ".join([sentence(50)] * 10), Kind.TEXT))
    chunks = chunk(page)
    assert len(chunks) > 2
    assert all(each.text.endswith(".") and each.text.startswith("Word") for each in chunks)


def test_a_heading_starts_a_passage_and_stays_with_its_text() -> None:
    page = page_of(
        (sentence(30), Kind.TEXT),
        ("Prices", Kind.HEADING, (), ""),
        ("They rose.", Kind.TEXT, ("Prices",), ""),
    )
    before, after = chunk(page)
    assert before.text == sentence(30)
    assert after.text == "Prices\n\nThey rose."
    assert (after.heading, after.kind) == ("", Kind.TEXT)


def test_a_heading_stays_even_with_a_full_passage_below_it() -> None:
    page = page_of(("Prices", Kind.HEADING), (" ".join([sentence(19)] * 12), Kind.TEXT, ("Prices",), ""))
    first, *_ = chunk(page)
    assert first.text.startswith("Prices\n\nWord")


def test_a_heading_at_the_foot_of_a_page_joins_what_stands_above_it() -> None:
    page = page_of(("Before.", Kind.TEXT), ("Next chapter", Kind.HEADING))
    (only,) = chunk(page)
    assert only.text.endswith("Next chapter")


def test_the_heading_path_goes_in_front_for_the_encoder_only() -> None:
    page = page_of(("They rose.", Kind.TEXT, ("Report", "Prices"), ""))
    (only,) = chunk(page)
    assert (only.text, only.heading) == ("They rose.", "Report > Prices")
    assert only.for_embedding("2023") == "2023\nReport\nPrices\nThey rose."


def test_every_passage_of_a_table_carries_its_header_and_whole_rows() -> None:
    header = "Region | Sales"
    rows = [f"Region {i} | {i},000" for i in range(100)]
    page = page_of((header, Kind.TABLE_ROW), *((row, Kind.TABLE_ROW, (), header) for row in rows))
    first, *rest = chunk(page)
    assert first.text.startswith(header)
    assert first.header == ""  # it is in the text already
    assert rest
    assert {each.header for each in rest} == {header}
    assert all(line in rows for each in rest for line in each.text.split("\n\n"))


def test_a_running_head_and_a_page_number_are_no_passages_of_their_own() -> None:
    page = page_of(
        ("Annual report", Kind.TEXT),
        ("Prices", Kind.HEADING),
        (sentence(100), Kind.TEXT, ("Prices",), ""),
        ("49", Kind.TEXT),
    )
    (only,) = chunk(page)
    assert only.text == page.text.strip()


def test_two_tables_do_not_share_a_passage() -> None:
    page = page_of(
        ("A | B", Kind.TABLE_ROW), (sentence(30), Kind.TABLE_ROW, (), "A | B"),
        ("C | D", Kind.TABLE_ROW), (sentence(30), Kind.TABLE_ROW, (), "C | D"),
    )  # fmt: skip
    assert [each.text.split("\n")[0] for each in chunk(page)] == ["A | B", "C | D"]


def test_code_is_cut_between_lines() -> None:
    lines = [f"x{i} = compute(a, b, c)" for i in range(100)]
    chunks = chunk(page_of(("\n".join(lines), Kind.CODE)))
    assert len(chunks) > 2
    assert [line for each in chunks for line in each.text.split("\n")] == lines


def test_a_row_too_long_for_any_passage_is_cut_at_its_cells() -> None:
    row = " | ".join(f"cell number {i}" for i in range(200))
    chunks = chunk(page_of((row, Kind.TABLE_ROW)))
    assert all(each.text.startswith("cell number") for each in chunks)


def test_lines_within_the_span_come_along_and_a_cut_line_is_cut() -> None:
    text = sentence(150) + " " + sentence(150)
    middle = len(sentence(150)) + 1
    lines = (Line(0, len(text), (0.0, 0.1, 1.0, 0.2)),)
    first, second = chunk(Page(1, text, (Block(0, len(text)),), lines))
    (line,) = second.lines
    assert (line.start, line.end) == (middle, len(text))
    assert line.box == pytest.approx((0.5, 0.1, 1.0, 0.2), abs=0.01)
    assert first.lines[0].end == first.end


def test_text_outside_every_block_is_not_lost() -> None:
    chunks = chunk(Page(3, "Loose. Bound. Loose too.", (Block(7, 13),)))
    assert " ".join(each.text for each in chunks) == "Loose. Bound. Loose too."
    assert {each.page for each in chunks} == {3}


def test_white_space_alone_is_no_passage() -> None:
    assert chunk(Page(1, " \n\n ", (Block(0, 4),))) == []
    assert chunk(Page(1, "")) == []


def test_an_endless_heading_and_header_leave_room_for_the_text() -> None:
    path = tuple(f"chapter {i} of many" for i in range(100))
    page = page_of((sentence(100), Kind.TABLE_ROW, path, "column " * 500))
    for each in chunk(page, title="A title of six words indeed"):
        assert words([each.for_embedding("A title of six words indeed")])[0] <= MAX - 2
        assert each.heading.endswith("chapter 99 of many")
        assert each.header.startswith("column column")


def test_an_endless_title_still_gives_passages() -> None:
    chunks = chunk(page_of((" ".join([sentence(50)] * 4), Kind.TEXT)), title="title " * 400)
    assert 4 <= len(chunks) <= 8


# ------------------------------------------------------------------------------------- many pages, size


def test_pages_are_counted_in_batches_not_one_by_one() -> None:
    calls = []

    def counting(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return words(texts)

    pages = [page_of((sentence(30), Kind.TEXT), number=number) for number in range(1, 201)]
    chunks = list(chunk_pages(pages, title="T", count_tokens=counting, max_tokens=MAX))
    assert [each.page for each in chunks] == list(range(1, 201))
    assert len(calls) <= 5


@pytest.mark.parametrize("text", ["a" + "\u0301" * 50_000, "x" * 50_000, ("y" * 3000 + " ") * 20])
def test_a_word_without_end_is_one_token_and_still_cut(text: str) -> None:
    # A tokenizer makes one "unknown" of a word that is too long for it.
    chunks = chunk(page_of((text, Kind.TEXT)))
    assert max(len(each.text) for each in chunks) <= LONGEST_CHARACTERS
    assert sum(len(each.text.strip()) for each in chunks) == len(text.replace(" ", ""))


def test_two_million_characters_on_one_page_take_seconds() -> None:
    paragraph = " ".join([sentence(17)] * 12)
    count = 2_000_000 // len(paragraph)
    text = "\n\n".join([paragraph] * count)
    step = len(paragraph) + 2
    blocks = tuple(Block(i * step, i * step + len(paragraph)) for i in range(count))
    lines = tuple(Line(i, i + 80, (0.0, 0.0, 1.0, 1.0)) for i in range(0, len(text) - 80, 80))
    for page in (Page(1, text, blocks, lines), Page(1, text), Page(1, "x" * 2_000_000)):
        start = time.process_time()
        chunks = chunk_page(page, title="T", count_tokens=quarters, max_tokens=MAX)
        assert time.process_time() - start < 20
        assert sum(len("".join(each.text.split())) for each in chunks) == len("".join(page.text.split()))


# -------------------------------------------------------------------------------------------- properties

SIGNS = st.sampled_from([*"abcXYZ09.!? ,|\n", "。", "word ", "Ünï", "\t", "🙂", "\u00a0"])
BLOCK = st.tuples(
    st.lists(SIGNS, max_size=200).map("".join),
    st.sampled_from(Kind),
    st.lists(st.sampled_from(["Part", "A long heading of several words", "x" * 90]), max_size=3).map(tuple),
    st.sampled_from(["", "A | B", "column | " * 40]),
)


@settings(deadline=None)
@given(
    blocks=st.lists(BLOCK, max_size=12),
    count=st.sampled_from([words, quarters, letters]),
    title=st.sampled_from(["", "Annual report"]),
    max_tokens=st.sampled_from([40, 64, 256]),
)
def test_spans_are_true_nothing_is_lost_and_the_budget_holds(blocks, count, title, max_tokens) -> None:  # type: ignore[no-untyped-def]
    page = page_of(*blocks)
    chunks = chunk_page(page, title=title, count_tokens=count, max_tokens=max_tokens)
    at = 0
    for each in chunks:
        assert page.text[each.start : each.end] == each.text
        assert each.text == each.text.strip() != ""
        assert not page.text[at : each.start].strip()
        at = each.end
        assert count([each.for_embedding(title)])[0] + 2 <= max_tokens or each.end - each.start == 1
        assert count([each.text])[0] <= max(TARGET_TOKENS + 24, 1) or each.end - each.start == 1
    assert not page.text[at:].strip()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Sales | 12 | n/a", "Sales  12  n/a"),
        ("Item 1. Business ........ 4", "Item 1. Business  4"),
        ("Name: ________ Date: . . . . . .", "Name:  Date: "),
        ("a|b || c... d -- e", "a|b || c... d -- e"),
    ],
)
def test_the_encoder_does_not_see_rules(text: str, seen: str) -> None:
    assert Chunk(1, 0, len(text), text).for_embedding() == seen
