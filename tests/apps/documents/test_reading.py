"""Opening a document, and what its footnotes say when it changes or goes."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from apps.documents import selectors, services
from apps.documents.models import Chunk, Document
from apps.users.models import User
from tests.apps.documents.journeys import ingested
from tests.factories import a_collection, a_document, a_file, a_user

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "Bees dance to tell where flowers are."


@dataclass
class Footnote:
    n: int
    chunk: UUID
    document: UUID
    version: UUID
    page: int
    start: int
    end: int


def footnote_to(document: Document, words: str) -> Footnote:
    chunk = Chunk.objects.get(version=document.current_id)
    start = chunk.start + chunk.text.index(words)
    return Footnote(1, chunk.pk, document.pk, chunk.version_id, chunk.page, start, start + len(words))


def test_a_quote_is_read_from_the_page_it_names(owner: User) -> None:
    document = ingested(a_document(owner, a_collection(owner), TEXT))
    (row,) = selectors.citation_rows(owner, [footnote_to(document, "where flowers are")])
    assert row["quote"] == "where flowers are"
    assert row["title"] == "bees"
    assert row["available"]
    assert not row["newer_version"]
    page = selectors.page_text(owner, document, row["page"])
    assert page["text"][row["start"] : row["end"]] == row["quote"]
    assert page["pages"] == 1


def test_the_citation_of_an_earlier_version_still_opens(owner: User) -> None:
    document = ingested(a_document(owner, a_collection(owner), TEXT))
    footnote = footnote_to(document, "Bees dance")
    services.replace(by=owner, document=document, file=a_file("Wasps do not."))
    document = ingested(Document.objects.get(pk=document.pk))
    (row,) = selectors.citation_rows(owner, [footnote])
    assert (row["quote"], row["newer_version"], row["version_number"]) == ("Bees dance", True, 1)
    assert selectors.page_text(owner, document, 1)["text"] == "Wasps do not."
    assert selectors.page_text(owner, document, 1, footnote.version)["text"] == TEXT
    original = selectors.original(owner, document, footnote.version)
    assert original.file.read().decode() == TEXT
    original.file.close()


def test_a_deleted_document_leaves_its_date_and_no_words(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, TEXT))
    footnote = footnote_to(document, "Bees dance")
    services.delete(by=owner, document=document)
    (row,) = selectors.citation_rows(owner, [footnote])
    assert (row["quote"], row["available"], row["title"]) == ("", False, "bees")
    assert row["deleted_at"] == Document.objects.get().deleted_at.isoformat()
    services.delete_collection(by=owner, collection=mine)
    (row,) = selectors.citation_rows(owner, [footnote])
    assert (row["quote"], row["available"], row["title"], row["deleted_at"]) == ("", False, "", None)
    with pytest.raises(services.NotFound):
        selectors.document_of(owner, document.pk)


def test_who_was_taken_out_reads_no_quote_any_more(owner: User) -> None:
    reader = a_user()
    mine = a_collection(owner, viewer=reader)
    document = ingested(a_document(owner, mine, TEXT))
    footnote = footnote_to(document, "Bees dance")
    assert selectors.citation_rows(reader, [footnote])[0]["quote"] == "Bees dance"
    assert len(selectors.passages_of(reader, [footnote.chunk])) == 1
    services.remove_member(by=owner, collection=mine, user=reader)
    (row,) = selectors.citation_rows(reader, [footnote])
    assert (row["quote"], row["title"], row["available"]) == ("", "", False)
    assert selectors.passages_of(reader, [footnote.chunk]) == {}


def test_strangers_open_nothing(owner: User, stranger: User) -> None:
    document = ingested(a_document(owner, a_collection(owner), TEXT))
    for read in (selectors.original, selectors.chunks_of, selectors.version_of):
        with pytest.raises(services.NotFound):
            read(stranger, document)
    with pytest.raises(services.NotFound):
        selectors.page_text(stranger, document, 1)
    with pytest.raises(services.NotFound):
        selectors.page_image(stranger, document, None, 1)


def test_what_is_not_there_is_said(owner: User) -> None:
    mine = a_collection(owner)
    document, other = ingested(a_document(owner, mine, TEXT)), ingested(a_document(owner, mine, "Other."))
    for number in (0, 2):
        with pytest.raises(services.NotFound, match="page"):
            selectors.page_text(owner, document, number)
    with pytest.raises(services.NotFound):  # a version of another document
        selectors.page_text(owner, document, 1, other.current_id)
    with pytest.raises(services.NotFound, match="page image"):
        selectors.page_image(owner, document, None, 1)


def test_chunks_come_in_the_order_of_the_text(owner: User) -> None:
    document = ingested(a_document(owner, a_collection(owner), TEXT))
    (row,) = [selectors.chunk_json(chunk) for chunk in selectors.chunks_of(owner, document)]
    assert (row["text"], row["page"], row["start"], row["end"]) == (TEXT, 1, 0, len(TEXT))
