"""HTML as a reader sees it: the main part, tables that can be read row by row, and nothing that is not shown."""

import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.parsing import Limits, Report, extract, html, sniff
from rag.errors import ParsingError
from rag.types import Block, Page

LIMITS = Limits(memory_mb=600, cpu_seconds=20, wall_seconds=30)
SENTENCES = "".join(f"<p>The {n}th sentence of the page says something of its own.</p>" for n in range(20))


def read(markup: str) -> Page:
    """In this process: the child is tested elsewhere."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(markup.encode("utf-8", "replace"))
        file.flush()
        (page,) = html.pages(Path(file.name), LIMITS, Report())
    return page


def body(inner: str) -> str:
    return f"<!doctype html><html><body>{inner}</body></html>"


def blocks(inner: str) -> list[tuple[str, str]]:
    page = read(body(inner))
    return [(block.kind.value, said(page, block)) for block in page.blocks]


def said(page: Page, block: Block) -> str:
    return page.text[block.start : block.end]


def text(inner: str) -> str:
    return read(body(inner)).text


# --------------------------------------------------------------------------------------------- main part


@pytest.mark.parametrize("main", ["<main>{}</main>", "<div role=main>{}</div>", "<article>{}</article>"])
def test_beside_the_main_part_nothing_is_read(main: str) -> None:
    page = read(
        body(
            "<header><a href=/>Site</a></header><nav>Menu</nav>"
            + main.format(f"<header><h1>Title</h1></header>{SENTENCES}")
            + "<aside><p>Other news</p></aside><footer>Imprint</footer>"
        )
    )
    assert page.text.startswith("Title\n\nThe 0th sentence")
    assert page.text.endswith("The 19th sentence of the page says something of its own.")


def test_a_main_part_that_holds_little_of_the_page_is_not_believed() -> None:
    assert "The 7th sentence" in text(f"<main><p>Welcome</p></main><div>{SENTENCES}</div>")
    assert "The 7th sentence" in text(f"<article><p>A teaser</p></article>{SENTENCES}")
    assert text(f"<article>One{SENTENCES}</article><article>Two{SENTENCES}</article>").count("The 7th") == 2


def test_without_a_main_part_only_furniture_goes() -> None:
    found = text(
        f"<header><a href=/>Site</a></header><header><h1>Title</h1></header>{SENTENCES}"
        "<div class=main-menu><a href=/a>First</a> <a href=/b>Second</a></div>"
        "<aside><a href=/a>Related</a></aside><aside><p>A note that belongs here.</p></aside><footer>Imprint</footer>"
    )
    assert found.startswith("Title\n\nThe 0th")
    assert found.endswith("A note that belongs here.")
    assert not any(word in found for word in ("Site", "First", "Related", "Imprint"))


def test_a_page_that_is_all_furniture_is_read_nevertheless() -> None:
    found = text("<header><p>We moved.</p></header><footer><p>The new address is 5, Mill Road, Oxford.</p></footer>")
    assert "Mill Road" in found


@pytest.mark.parametrize(
    "markup",
    [
        "<div id=cookie-banner>We use cookies. <button>Accept</button></div>",
        "<div class='x onetrust-pc'>We use cookies.</div>",
        "<section class=gdpr-notice>We use cookies.</section>",
        "<div role=dialog>We use cookies.</div>",
    ],
)
def test_cookie_banners_are_left_out(markup: str) -> None:
    assert "cookies" not in text(markup + SENTENCES)
    assert "cookies" in text("<div class=cookie-recipe><p>Bake the cookies for ten minutes.</p></div>")


def test_a_form_around_the_page_is_no_form() -> None:
    assert "The 7th sentence" in text(f"<form>{SENTENCES}<input value=no></form>")
    assert text(f"{SENTENCES}<form><label>Search</label><input></form>").endswith("its own.")


# ------------------------------------------------------------------------------------------------- sight


@pytest.mark.parametrize(
    "markup",
    [
        "<script>secret()</script>", "<style>secret{}</style>", "<noscript>secret</noscript>", "<p hidden>secret</p>",
        "<p style='DISPLAY : none'>secret</p>", "<p aria-hidden=true>secret</p>", "<template>secret</template>",
        "<p style='visibility:hidden'>secret</p>", "<!-- secret -->", "<select><option>secret</select>",
        "<svg><title>secret</title></svg>", "<span class=sr-only>secret</span>", "<p style='mso-hide:all'>secret</p>",
        "<table><tr style='display:none'><td>secret<td>secret</tr><tr><td>a<td>b</table>",
        "<table><tr><td>a<td>b<span hidden>secret</span></table>", "<dialog>secret</dialog>",
        "<iframe>secret</iframe>", "<script type='text/html'><p>secret</p></script>", "<nav>secret</nav>",
    ],
)  # fmt: skip
def test_what_is_not_shown_is_not_read(markup: str) -> None:
    found = text(f"<p>before</p>{markup}<p>after</p>")
    assert "secret" not in found
    assert found.startswith("before")
    assert found.endswith("after")


def test_citation_marks_do_not_stand_in_the_text() -> None:
    found = text(
        "<p>Ducks<sup class=reference><a href='#cite-1'>[12]</a></sup> swim.<sup>[citation needed]</sup> They "
        "fly.<sup><a href='#fn'>3</a></sup><a href='#fn4'><sup>4</sup></a> It is 10<sup>5</sup> m<sup>2</sup> on the "
        "1<sup>st</sup> page [7] of H<sub>2</sub>O.</p>"
    )
    assert found == "Ducks swim. They fly. It is 10⁵ m² on the 1st page [7] of H2O."


def test_headings_lose_their_handles() -> None:
    found = blocks("<h2>Feeding<a class=x href='#f'>¶</a></h2><h3>Young<span class=mw-editsection>[edit]</span></h3>")
    assert found == [("heading", "Feeding"), ("heading", "Young")]


def test_formulas_are_text() -> None:
    assert text("<p>Thus <math alttext='E=mc^2'><mi>E</mi></math> holds.</p>") == "Thus E=mc^2 holds."
    assert text("<p>Thus <math><mi>a</mi><mo>=</mo><mi>b</mi></math>.</p>") == "Thus a=b ."


# ------------------------------------------------------------------------------------------- title, lists


@pytest.mark.parametrize(
    ("title", "heading", "first"),
    [
        ("Duck - Encyclopedia", "Duck", "Duck"),
        ("Report", "The report", "The report"),
        ("Report 2024", "Welcome", "Report 2024"),
        ("Port", "Report", "Port"),
        ("", "Report", "Report"),
        ("Duck", "", "Duck"),
    ],
)
def test_the_title_is_the_first_heading_unless_one_says_the_same(title: str, heading: str, first: str) -> None:
    page = read(f"<!doctype html><title>{title}</title><body><h1>{heading}</h1><p>Words.</p></body>")
    assert said(page, page.blocks[0]) == first
    assert page.blocks[-1].heading[0] == first


def test_lists_keep_their_numbers_and_terms_their_definitions() -> None:
    found = blocks(
        "<ol start=3><li>three<li><p>four</p><p>more</p><ul><li>deep</ul><li value=9>nine</ol>"
        "<dl><dt>Duck<dt>Drake<dd>A bird.<dd>Another.<dt>Alone</dl><p>Done</p>"
    )
    assert found == [
        ("list_item", "3. three"), ("list_item", "4. four"), ("list_item", "more"), ("list_item", "- deep"),
        ("list_item", "9. nine"), ("list_item", "Duck, Drake: A bird."), ("text", "Another."), ("list_item", "Alone"),
        ("text", "Done"),
    ]  # fmt: skip


def test_code_keeps_its_lines() -> None:
    found = blocks(
        "<pre><span class=lineno>1</span>def f():<br>    return 1</pre><pre><div>a</div><div>  b</div></pre>"
    )
    assert found == [("code", "def f():\n    return 1"), ("code", "a\n  b")]


def test_two_line_breaks_part_paragraphs_and_captions_are_read() -> None:
    assert blocks("One<br>two<br> <br>three<figure><img alt=no><figcaption>A duck.</figcaption></figure>") == [
        ("text", "One two"), ("text", "three"), ("text", "A duck."),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ tables


def rows(inner: str) -> list[tuple[str, str]]:
    page = read(body(f"<table>{inner}</table>"))
    return [(said(page, block), block.header) for block in page.blocks]


def test_a_header_of_two_rows_is_said_column_by_column() -> None:
    found = rows(
        "<caption>Sales by year</caption><thead><tr><th rowspan=2>Year<th colspan=2>Sales</tr><tr><th>Net<th>Gross"
        "</tr></thead><tr><td>2023<td>5<td>6</tr>"
    )
    assert found == [
        ("Sales by year", ""),
        ("Year | Sales", ""),
        ("Year | Net | Gross", ""),
        ("2023 | 5 | 6", "Year | Sales Net | Sales Gross"),
    ]


def test_a_cell_that_spans_rows_is_said_in_each() -> None:
    found = rows("<tr><th>Year<th>Half<th>Sales</tr><tr><td rowspan=2>2023<td>first<td>5</tr><tr><td>second<td>6</tr>")
    assert [text for text, _ in found] == ["Year | Half | Sales", "2023 | first | 5", "2023 | second | 6"]


def test_row_heads_are_no_header_and_numbers_neither() -> None:
    assert {header for _, header in rows("<tr><th>Kingdom<td>Animalia</tr><tr><th>Class<td>Aves</tr>")} == {""}
    assert {header for _, header in rows("<tr><td>Cash<td>5</tr><tr><td>Debt<td>6</tr>")} == {""}
    assert rows("<tr><td>Item<td>2023</tr><tr><td>Debt<td>6</tr>")[1] == ("Debt | 6", "Item | 2023")


def test_the_signs_of_a_filing_stand_with_their_numbers() -> None:
    found = rows(
        "<tr><td></td><td></td><td colspan=2>2022</td><td></td><td colspan=2>2021</td></tr>"
        "<tr><td>Revenue</td><td></td><td>$</td><td>1,234</td><td></td><td>$</td><td>(1,100</td><td>)</td></tr>"
        "<tr><td>Costs</td><td></td><td colspan=2>900</td><td></td><td colspan=2></td></tr>"
    )
    assert [text for text, _ in found] == ["| 2022 | 2021", "Revenue | $1,234 | $(1,100)", "Costs | 900"]


def test_a_table_that_lays_out_is_text_in_order() -> None:
    found = blocks(
        "<table><tr><td><h2>Left</h2><p>One.</p></td><td><p>Two.</p></td></tr></table>"
        "<table role=presentation><tr><td>a<td>b</table>"
    )
    assert [kind for kind, _ in found] == ["heading", "text", "text", "text", "text"]
    assert [text for _, text in found] == ["Left", "One.", "Two.", "a", "b"]


# ------------------------------------------------------------------------------------ hostile and damaged


@pytest.mark.parametrize(
    "markup",
    [
        "<table><tr><td>" * 5_000, "<ul><li>" * 5_000 + "x", "<div class=menu>" * 5_000 + "x",
        "<sup>" * 5_000 + "x", "<section class=nav>" * 5_000, "<math>" * 5_000 + "x", "<dl><dt>" * 5_000 + "x",
        "<table><tr>" + "<td rowspan=65534 colspan=1000>x" * 600 + "<tr><td>y" * 2_000 + "</table>",
        "<pre>" * 5_000 + "x", "<h1>" * 5_000 + "x", "<a>" * 1_000 + "x",
        "<blockquote>" * 5_000 + "<footer>" * 5_000,
    ],
    ids=lambda markup: markup[:12],
)  # fmt: skip
def test_nesting_and_spans_take_bounded_time(markup: str) -> None:
    start = time.monotonic()
    read(body(markup))
    assert time.monotonic() - start < 10


TAGS = st.sampled_from(
    re.findall(
        r"\S+",
        "p div table tr td th ul ol li dl dt dd pre br h1 h2 sup sub a span math img main article aside header footer "
        "nav form thead caption blockquote script style title select",
    )
)
PIECES = st.one_of(
    st.builds("<{}>".format, TAGS),
    st.builds("</{}>".format, TAGS),
    st.builds(
        "<{} rowspan={} colspan={} class=menu id=x value={} start={}>".format, TAGS, *[st.integers(-9, 9**9)] * 4
    ),
    st.text(max_size=12),
    st.sampled_from(["<br><br>", "<![CDATA[", "<!--", "-->", "&#0;", "&#xD800;", "\0", "[1]", "$", "12"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces=st.lists(PIECES, max_size=60))
def test_any_markup_ends_in_a_page_whose_blocks_are_its_text(pieces: list[str]) -> None:
    page = read("".join(pieces))
    for block in page.blocks:
        assert page.text[block.start : block.end].strip()
    assert "\0" not in page.text
    page.text.encode()


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(body(SENTENCES))
    with pytest.raises(ParsingError) as caught:
        list(html.pages(path, replace(LIMITS, characters=500), Report()))
    assert caught.value.code == "too_large"


# -------------------------------------------------------------------------------------------- real pages


@pytest.mark.data
def test_an_encyclopedia_article_reads_aloud(data: Path) -> None:
    path = data / "files" / "d_wiki_duck.html"
    (page,) = extract(path, sniff(path, path.name), limits=Limits())
    assert said(page, page.blocks[0]) == "Duck"
    assert "A male is called a drake and the female is called a duck, or in ornithology a hen." in page.text
    for clutter in ("[edit]", "[1]", "[12]", "Edit links", "Jump to", "Main menu", "Hidden categor", "Privacy policy"):
        assert clutter not in page.text


@pytest.mark.data
def test_scripts_of_a_real_page_are_not_read(data: Path) -> None:
    path = data / "files" / "u_example-with-scripts.html"
    (page,) = extract(path, sniff(path, path.name), limits=Limits())
    assert said(page, page.blocks[0]) == "Russian Offensive Campaign Assessment, December 13"
    for code in ("function", "var ", "{", "jQuery"):
        assert code not in page.text


def test_elements_without_end_are_refused_before_they_take_minutes(tmp_path: Path) -> None:
    path = tmp_path / "deep.html"
    path.write_text("<div>" * 300_000)
    with pytest.raises(ParsingError, match="within one another") as refused:
        list(html.pages(path, Limits(), Report()))
    assert refused.value.code == "broken"


def test_what_ends_by_itself_is_not_nested(tmp_path: Path) -> None:
    path = tmp_path / "long.html"
    path.write_text("<ul>" + "<li>Item<br>" * 40_000 + "</ul>")
    assert sum(page.text.count("Item") for page in html.pages(path, Limits(), Report())) == 40_000
