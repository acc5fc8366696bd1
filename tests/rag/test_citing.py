"""Footnotes: resolved while streaming, borne by their passages, quoted verbatim."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citing import Resolver, citations, quote_span, sentences, shielded, without_marks
from rag.types import Passage
from rag.words import content_words
from tests.fakes import passage

PARIS = passage("Paris is the capital city of France and its largest town.")
BERLIN = passage("Berlin hosts the German parliament since the year 1999.")
ROME = passage("Rome is old.")
PASSAGES = [PARIS, BERLIN, ROME]


def resolved(text: str, size: int = 1000) -> Resolver:
    resolver = Resolver(PASSAGES)
    out = "".join(resolver.feed(text[i : i + size]) for i in range(0, len(text), size)) + resolver.flush()
    assert out == resolver.text
    return resolver


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Old [3].", "Old [1]."),
        ("Old [3]. New [1]. Older [3].", "Old [1]. New [2]. Older [1]."),
        ("Both [1, 2].", "Both [1][2]."),
        ("Both [2][1].", "Both [1][2]."),
        ("All [1-3].", "All [1][2][3]."),
        ("Japanese 【2】.", "Japanese [1]."),
        ("With a dagger 【2†source】.", "With a dagger [1]."),
        ("Named [Passage 2].", "Named [1]."),
        ("As in Markdown [^2].", "As in Markdown [1]."),
        ("Twice [2][2].", "Twice [1]."),
        ("After the stop. [2]", "After the stop. [1]"),
        ("\n\n  Leading space [1]", "Leading space [1]"),
    ],
)
def test_marks_are_renumbered_by_first_appearance(written: str, read: str) -> None:
    assert resolved(written).text == read


@pytest.mark.parametrize("written", ["Unknown [9].", "Unknown[0].", "Unknown [7, 8]."])
def test_unknown_numbers_are_dropped_and_counted(written: str) -> None:
    resolver = resolved(written)
    assert resolver.text == "Unknown."
    assert resolver.dropped == written.count(",") + 1
    assert resolver.cited == []


@pytest.mark.parametrize(
    "text",
    ["See [see] there.", "A [link](https://example.org).", "In [2019] it was.", "Open [", "A list [a, b].", "[TODO] x"],
)
def test_what_only_looks_like_a_mark_is_left_alone(text: str) -> None:
    assert resolved(text).text == text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Use a[1] here", "Use a[ 1] here"),
        ("Use `rows[2]` here", "Use `rows[ 2]` here"),
        ("my_list[3] is", "my_list[ 3] is"),
        ("```\nx = y[1]\n```", "```\nx = y[ 1]\n```"),
    ],
)
def test_a_subscript_in_code_cannot_be_read_as_a_footnote(written: str, read: str) -> None:
    resolver = resolved(written)
    assert resolver.text == read
    assert resolver.cited == []


@pytest.mark.parametrize(
    "numbers", ["35", "8, 34", "3-5", "3–5", " 8 , 34 ", "1,2,3", "8 and 9", "^4", "Passage 2", "8;9"]
)
def test_a_documents_bracket_is_shielded_invisibly(numbers: str) -> None:
    text = f"Ducks dive.[{numbers}] They swim [[{numbers}]] well. [{numbers}]"
    safe = shielded(text)
    assert safe.replace("\u2060", "") == text
    assert safe.count("[\u2060") == 3
    assert not re.search(r"\[\s*\^?\d", safe)
    assert content_words(safe) == content_words(text)
    assert shielded(safe) == safe
    assert without_marks(safe) == safe
    told = sentences(safe, PASSAGES, PASSAGES)
    assert all(s.citations == () and safe[s.start : s.end] == s.text for s in told)
    assert resolved(safe).cited == []


@pytest.mark.parametrize("text", ["In [2019].", "[sic]", "[a, b]", "x[i]", "[]", "[1.2]", "[1 of them]"])
def test_other_brackets_of_documents_stay(text: str) -> None:
    assert shielded(text) == text


def test_a_lists_subscript_in_code_gets_a_space() -> None:
    assert resolved("Use `rows[1, 2]` here").text == "Use `rows[ 1, 2]` here"


FRAGMENTS = ["Paris is the capital of France", "word", "a", "1", "2", "9", " ", ", ", ". ", "\n", "。", *"[]【】`()-^"]
PIECES = st.lists(st.sampled_from(FRAGMENTS), max_size=30)


@given(pieces=PIECES, size=st.integers(1, 7))
def test_how_the_stream_is_cut_makes_no_difference(pieces: list[str], size: int) -> None:
    text = "".join(pieces)
    assert resolved(text, size).text == resolved(text).text


@given(pieces=PIECES)
def test_every_mark_in_the_text_is_a_footnote_that_exists(pieces: list[str]) -> None:
    resolver = resolved("".join(pieces))
    marks = {int(n) for n in re.findall(r"\[(\d{1,3})\]", resolver.text)}
    assert marks == set(range(1, len(resolver.cited) + 1))
    told = sentences(resolver.text, resolver.cited, PASSAGES)
    assert all(resolver.text[s.start : s.end] == s.text for s in told)
    assert {n for s in told for n in s.citations} == marks


def test_nothing_is_held_longer_than_a_mark_may_last() -> None:
    resolver = Resolver(PASSAGES)
    assert resolver.feed("Paris") == "Paris"
    assert resolver.feed(" is [") == " is"
    assert resolver.feed("1") == ""
    assert resolver.feed("]") == " [1]"
    assert resolver.feed(" [" + "x " * 40) != ""


def test_a_sentence_without_a_mark_earns_one_by_its_words() -> None:
    text = "The capital city of France is Paris. The German parliament sits in Berlin since 1999. Cheese is moon."
    assert resolved(text).text == (
        "The capital city of France is Paris.[1] The German parliament sits in Berlin since 1999.[2] Cheese is moon."
    )


def test_headings_code_and_lead_ins_earn_no_mark() -> None:
    text = "# Paris capital city France largest town\nParis capital city France largest:\n"
    assert resolved(text).text == text.rstrip("\n")


def test_support_is_the_share_of_content_words_that_the_cited_passages_have() -> None:
    text = (
        "Paris is the capital of France [1]. Berlin is the capital of France [2]. Nothing here is known about llamas."
    )
    told = sentences(text, [PARIS, BERLIN], PASSAGES)
    assert [s.citations for s in told] == [(1,), (2,), ()]
    assert told[0].support == 1.0
    assert told[1].support == pytest.approx(1 / 3, abs=0.001)
    assert told[2].support == 0.0


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Dr. Smith of Apple Inc. paid 3.5 million U.S. dollars. It ended.", 2),
        ("He said “no.” Then he left! Why? Nobody knows…", 4),
        ("Intro:\n1. First point.\n2. Second point.", 3),
        ("北京是首都。[1]上海很大！你好？", 3),
        ("See e.g. page 4. J. Smith wrote it.", 2),
        ("The mark follows. [1] The next one.[2][3] The last", 3),
    ],
)
def test_sentences_end_where_a_reader_says_so(text: str, parts: int) -> None:
    assert len(sentences(text, PASSAGES, PASSAGES)) == parts


PAGE = (
    "Annual report of the company\nAmcor makes packaging. Its revenue in 2019 was $9.5 billion,\nup from $9.3 billion "
    "in 2018. The chairman thanks everyone.\nIt employs 50,000 people. They work in forty countries."
)


def test_a_quote_is_a_verbatim_slice_of_the_page_with_page_offsets() -> None:
    start = 17
    page = "x" * start + PAGE
    source = passage(PAGE, start=start)
    text = "Revenue was $9.5 billion in 2019 [1]."
    (footnote,) = citations([source], sentences(text, [source], [source]))
    assert page[footnote.start : footnote.end] == footnote.quote
    assert footnote.quote.startswith("Its revenue in 2019")
    assert footnote.quote.endswith("in 2018.")
    assert (footnote.n, footnote.chunk, footnote.page) == (1, source.chunk, source.page)


def test_a_quote_grows_to_the_neighbour_that_adds_to_it() -> None:
    source = passage(PAGE)
    start, end = quote_span(source, ["It employs 50,000 people who work in forty countries."])
    assert PAGE[start:end] == "It employs 50,000 people. They work in forty countries."


def test_the_quote_of_a_table_row_is_the_row() -> None:
    source = passage("2018 | 9.3 | 33\n2019 | 9.5 | 50\n2020 | 12.5 | 47", header="Year | Revenue | Staff")
    start, end = quote_span(source, ["Revenue was 9.5 in 2019"])
    assert source.text[start:end] == "2019 | 9.5 | 50"


def test_a_passage_that_bears_nothing_is_still_quoted_verbatim() -> None:
    start, end = quote_span(ROME, ["Llamas."])
    assert ROME.text[start:end] == "Rome is old."


@given(text=st.text(max_size=200), start=st.integers(0, 50))
def test_any_text_gives_a_span_inside_the_passage(text: str, start: int) -> None:
    source: Passage = passage(text, start=start)
    a, b = quote_span(source, [text[:40]])
    assert source.start <= a <= b <= source.end
