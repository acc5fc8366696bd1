"""Text to terms: what a person writes and what stands in a document meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.index.analysis import query_terms, terms
from engines.index.languages import language_of, languages_of

MEET = [
    ("plural and verb", "when was the pump serviced", "Servicing of pumps is due in March.", "pump"),
    ("accents", "uber die Ubergrosse", "Die Übergröße ist für den Transport nicht zu groß.", "Ubergrosse"),
    ("German", "Wo stehen die Häuser der Stadt?", "Das Haus ist für die Stadt nicht zu alt.", "Häuser"),
    ("Spanish", "¿Cuáles son los riesgos del proyecto?", "El riesgo es uno de los más graves.", "riesgos"),
    ("Russian", "Где находится больница?", "В городе две больницы.", "больница"),
    ("Arabic with and without points", "كِتَاب", "الكتاب على الطاولة", "كِتَاب"),
    ("Chinese without spaces", "首都", "中国的首都是北京。", "首都"),
    (
        "a keyword of no sure language",
        "Reisekosten",
        "Die Reisekosten sind mit der Abrechnung einzureichen.",
        "Reisekosten",
    ),
    ("letters and digits", "FY2018", "Results of 2018", "FY2018"),
    ("written as one", "CVS Health", "CVSHEALTH_2018_10K", "CVS Health"),
    ("bound by a sign", "10-K", "AMAZON_2017_10K", "10-K"),
    ("and the other way", "10K", "the annual report on Form 10-K", "10K"),
    ("thousands", "55893", "Revenue was $55,893 million", "55893"),
    ("a part number", "AB4711", "Order AB-4711 by telephone", "AB4711"),
    ("parts of a name in code", "get user name", "def getUserName(self):", "user name"),
    ("a version", "9.1.2", "Since version 9.1.2 it works.", "9.1.2"),
    ("full-width letters", "ＡＢＣ", "abc", "ＡＢＣ"),
]


@pytest.mark.parametrize(("query", "text", "word"), [row[1:] for row in MEET], ids=[row[0] for row in MEET])
def test_a_question_meets_its_document(query: str, text: str, word: str) -> None:
    in_text = set(terms(text))
    asked = {term for alternatives in query_terms(word) for term in alternatives}
    assert asked & in_text, (asked, in_text)
    assert any(set(alternatives) & in_text for alternatives in query_terms(query))


def test_different_words_do_not_meet() -> None:
    assert not set(terms("The pump was serviced.")) & set(terms("Der Ventilator läuft."))
    assert not set(terms("version 9.1.2")) & {term for each in query_terms("9.1.3") for term in each}


def test_the_little_words_tell_the_language() -> None:
    assert language_of(["wo", "ist", "der", "Bahnhof", "und", "wie", "komme", "ich", "zu", "der", "Stadt"]) == "german"
    assert language_of(["¿", "qué", "es", "una", "de", "las", "más", "grandes"]) == "spanish"
    assert language_of(["the", "El", "Paso", "office"]) == "english"
    assert language_of(["4711", "AB"]) == "english"
    assert languages_of(["what", "is", "the", "capital", "of", "France"]) == ["english"]
    assert "german" in languages_of(["Reisekosten"])


def test_no_word_no_terms() -> None:
    for text in ("", "   ", "?!…", "---", "😀", "\ud800", "\0"):
        assert terms(text) == []
        assert query_terms(text) == []


def test_a_word_too_long_to_be_one_is_left_out() -> None:
    assert terms("x" * 1000 + " pump") == ["pump"]
    assert query_terms("x" * 1000 + " pump") == [("pump",)]


@given(st.text(max_size=300))
def test_any_text_finds_itself(text: str) -> None:
    found = set(terms(text))
    for alternatives in query_terms(text):
        assert all(term and not term.isspace() for term in alternatives)
    if found:
        assert any(set(alternatives) & found for alternatives in query_terms(text))
