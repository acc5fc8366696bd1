"""Quoting: the sentence that bears the question, verbatim, and readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.extractive import looks_like_code, quotes
from rag.types import Passage
from tests.fakes import passage

HISTORY = passage(
    "The tower stands in Paris. It was built by Gustave Eiffel.\nWork on the tower began in January 1887 and ended in "
    "March\n1889. About 300 workers joined 18,038 pieces of iron.",
    title="Eiffel Tower",
)
OTHER = passage("Towers are tall buildings. Many towers were built of stone.", title="Towers")


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("When did work on the tower begin?", "Work on the tower began in January 1887 and ended in March 1889."),
        ("Who built the Eiffel tower?", "It was built by Gustave Eiffel."),
        ("How many workers joined the pieces?", "About 300 workers joined 18,038 pieces of iron."),
    ],
)
def test_the_sentence_that_answers_comes_first(question: str, quote: str) -> None:
    assert quotes(question, [HISTORY, OTHER])[0].text == quote


def test_a_quote_is_verbatim_in_its_passage_but_for_line_ends() -> None:
    for quote in quotes("When did work on the tower begin?", [HISTORY, OTHER]):
        assert " ".join(quote.passage.text[quote.start : quote.end].split()) == quote.text


def test_a_table_row_is_read_with_its_header() -> None:
    table = passage("2018 | 9.3 | 33\n2019 | 9.5 | \n2020 | 12.5 | 47", header="Year | Revenue | Staff")
    best = quotes("What was the revenue in 2019?", [table])[0]
    assert best.text == "Year: 2019; Revenue: 9.5."
    assert table.text[best.start : best.end] == "2019 | 9.5 |"


SETTINGS = (
    "Settings\nsetting | default | what it does\n--- | --- | ---\nPORT | 8000 | the port that web listens on\n"
    "HSTS_SECONDS | | how long browsers insist on HTTPS\nMore text follows."
)


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("What does PORT do?", "setting: PORT; default: 8000; what it does: the port that web listens on."),
        ("What does HSTS_SECONDS do?", "setting: HSTS_SECONDS; what it does: how long browsers insist on HTTPS."),
    ],
)
def test_a_row_reads_the_same_where_the_header_is_in_its_passage(question: str, row: str) -> None:
    inside = passage(SETTINGS)
    names, _, rows = SETTINGS.partition("\n")[2].partition("\n--- | --- | ---\n")
    above = passage(rows.rpartition("\n")[0], header=names)
    for source in (inside, above):
        best = quotes(question, [source])[0]
        assert best.text == row
        assert source.text[best.start : best.end].startswith(question.split()[2])


def test_headers_and_rules_of_tables_are_not_quoted() -> None:
    said = [quote.text for quote in quotes("What is the setting's default and what does it do?", [passage(SETTINGS)])]
    assert said
    assert not any(text.startswith(("setting |", "---", "setting: setting", "Settings")) for text in said)


def test_a_first_line_of_figures_names_no_columns() -> None:
    best = quotes("What was it in 2019?", [passage("2018 | 9.3\n2019 | 9.5\n2020 | 12.5")])[0]
    assert best.text == "2019 | 9.5"


FAQ = (
    "What license is Prometheus released under?\nIt is Apache 2.0 throughout.\n"
    "What is the plural of Prometheus?\nAfter extensive research it was found to be Prometheis."
)
ELSEWHERE = passage("The license of the manual. Prometheus was released in 2012 under another roof.")


@pytest.mark.parametrize(
    "source",
    [
        passage(FAQ),
        passage("## " + FAQ),
        passage(FAQ.partition("\n")[2], heading="FAQ > What license is Prometheus released under?"),
    ],
)
def test_a_question_is_answered_by_what_follows_it_not_by_itself(source: Passage) -> None:
    said = [quote.text for quote in quotes("What license is Prometheus released under?", [source, ELSEWHERE])]
    assert said[0] == "It is Apache 2.0 throughout."
    assert not any(text.endswith("?") for text in said)


@pytest.mark.parametrize("heading", ["", "Handbook > Opening hours"])
def test_a_heading_is_not_quoted(heading: str) -> None:
    source = passage("Opening hours\nThe desk is open from nine to five.", heading=heading)
    assert [q.text for q in quotes("What are the opening hours?", [source])] == ["The desk is open from nine to five."]


def test_questions_alone_answer_nothing() -> None:
    assert quotes("Who are we?", [passage("Who are we? Where do we come from?")]) == []


def test_the_same_sentence_is_not_quoted_twice() -> None:
    again = passage(HISTORY.text, title="A copy")
    told = [quote.text for quote in quotes("When did work on the tower begin?", [HISTORY, again, OTHER])]
    assert len(told) == len(set(told))


def test_there_are_at_most_three() -> None:
    many = [passage(f"The tower number {n} of the town has {n} floors and {n} doors.") for n in range(9)]
    assert 1 <= len(quotes("How many floors has the tower of the town?", many)) <= 3


def test_of_equal_sentences_the_better_passage_wins() -> None:
    first, second = passage("The office opens at nine."), passage("The office opens at ten.")
    assert quotes("When does the office open?", [first, second])[0].passage is first


@pytest.mark.parametrize("text", ["", "   \n ", "!!! ???"])
def test_nothing_to_quote_is_no_error(text: str) -> None:
    assert quotes("When?", []) == []
    assert len(quotes("When?", [passage(text)])) <= 1


def test_a_language_without_spaces_is_quoted_too() -> None:
    source = passage("北京是中国的首都。上海是最大的城市。")
    assert quotes("中国的首都是哪里？", [source])[0].text == "北京是中国的首都。"


@given(question=st.text(max_size=80), text=st.text(max_size=300))
def test_any_text_gives_spans_inside_the_passage(question: str, text: str) -> None:
    for quote in quotes(question, [passage(text), HISTORY]):
        assert 0 <= quote.start < quote.end <= len(quote.passage.text)


def test_a_sentence_is_quoted_rather_than_a_command_with_the_same_words() -> None:
    command = 'api $URL/answers --json \'{"question": "Where are the files kept?", "collections": ["\'$ID\'"]}\''
    drawing = "files ──▶ kept ──on commit──┐ where ▼ files"
    sentence = "All files are kept in the folder of the data."
    passages = [passage(command), passage(drawing), passage(sentence)]
    assert quotes("Where are the files kept?", passages)[0].text == sentence
    assert not looks_like_code('It cost "only" $4.2 billion [1][2], see note (a).')
