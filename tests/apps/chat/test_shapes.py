"""An answer's JSON follows the documents: what is deleted or no longer theirs is not told."""

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.chat import answering, selectors
from apps.documents.models import Document, Membership
from tests.apps.chat.world import ScriptedModel, World, worker


@pytest.fixture
def answered(world: World) -> dict:
    """A whole answer as its owner saw it at first."""
    answer = world.ask()
    answering.write(
        answer.pk, worker(), search=world.search, models=[ScriptedModel(["It pays 140 euros a night [1]."])]
    )
    return selectors.answer_json(selectors.answer_of(world.anna, answer.pk), world.anna)


def again(world: World, answered: dict) -> dict:
    return selectors.answer_json(selectors.answer_of(world.anna, answered["id"]), world.anna)


def test_it_has_what_the_contract_names(answered: dict) -> None:
    expected = {"id", "status", "question", "standalone_question", "text", "refused", "citations", "sentences"}
    expected |= {"receipt", "notices", "error", "nearest"}
    assert expected <= answered.keys()
    citation = answered["citations"][0]
    assert {"n", "chunk", "document", "title", "version", "page", "quote", "start", "end"} <= citation.keys()
    assert {"text", "start", "end", "citations", "support"} <= answered["sentences"][0].keys()


@pytest.mark.parametrize(
    ("key", "folder"),
    [("Team/2024/plan.txt", "Team/2024"), ("plan.txt", ""), ("https://example.org/plan", "")],
)
def test_sources_tell_the_folder_of_their_document(world: World, answered: dict, key: str, folder: str) -> None:
    Document.objects.filter(pk=world.policy.pk).update(key=key)
    read = again(world, answered)
    assert {row["folder"] for row in read["citations"]} == {folder}
    assert {row["document"]["folder"] for row in read["nearest"]} == {folder}


def test_it_is_the_same_when_read_again(world: World, answered: dict) -> None:
    assert again(world, answered) == answered


def test_a_deleted_document_takes_its_quotes_along(world: World, answered: dict) -> None:
    Document.objects.filter(pk=world.policy.pk).update(deleted_at=timezone.now())
    shown = again(world, answered)
    assert shown["text"] == answered["text"]
    assert shown["citations"][0]["deleted_at"]
    assert shown["citations"][0]["quote"] == ""
    assert shown["nearest"] == []


def test_who_left_the_collection_reads_the_words_but_not_the_sources(world: World, answered: dict) -> None:
    Membership.objects.all().delete()
    shown = again(world, answered)
    assert shown["text"] == answered["text"]
    assert shown["citations"][0]["quote"] == ""
    assert shown["nearest"] == []


def test_an_answer_costs_few_queries(
    world: World, answered: dict, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(10):
        again(world, answered)
