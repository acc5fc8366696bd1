"""What people do with conversations: each works, and another person is refused."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import UUID

import pytest
from django.conf import settings as the_settings
from uuid_utils.compat import uuid7

from apps.chat import eventlog, selectors, services
from apps.chat.errors import NotFound, Refused, ServiceUnavailable
from apps.chat.models import Answer, Conversation, Feedback
from apps.documents.models import Collection, Document, Membership
from apps.inference.models import Endpoint
from engines import queues
from engines.wiring import quick_redis_client
from tests.apps.chat.world import QUESTION, World


def nothing_was_kept() -> bool:
    return not Answer.objects.exists() and not Conversation.objects.exists() and queues.depth("answers") == 0


# ------------------------------------------------------------------------------------------- asking


@pytest.mark.services
def test_a_question_opens_a_conversation_and_lies_in_the_queue(world: World) -> None:
    answer = world.ask()
    assert answer.status == "queued"
    assert answer.conversation.owner == world.anna
    assert answer.conversation.title == QUESTION
    assert answer.conversation.collections == [str(world.handbook.pk)]
    [message] = quick_redis_client().lrange("answers", 0, -1)
    assert json.loads(message)["headers"]["task"] == "chat.answer"
    assert str(answer.pk) in json.loads(message)["headers"]["argsrepr"]


def test_a_further_question_stays_in_its_conversation_and_leaves_the_title(world: World) -> None:
    first = world.ask()
    second = world.ask("And for a train?", conversation=first.conversation_id)
    assert second.conversation_id == first.conversation_id
    assert Conversation.objects.get().title == QUESTION


def test_a_long_first_question_is_cut_between_words_for_the_title(world: World) -> None:
    title = world.ask("Which rules\nhold  for " + "travelling colleagues " * 20).conversation.title
    assert len(title) <= 80
    assert title.startswith("Which rules hold for travelling")
    assert title.endswith("…")


def test_another_persons_conversation_is_not_there(world: World) -> None:
    answer = world.ask()
    Membership.objects.create(collection=world.handbook, user=world.ben, role="viewer")
    with pytest.raises(NotFound):
        services.ask(by=world.ben, question="?", collections=[world.handbook.pk], conversation=answer.conversation_id)
    assert Answer.objects.count() == 1


@pytest.mark.parametrize("unknown", [uuid7(), "no-id-at-all", ""])
def test_an_unknown_collection_is_not_found_and_nothing_is_kept(world: World, unknown: UUID | str) -> None:
    with pytest.raises(NotFound) as refusal:
        services.ask(by=world.anna, question=QUESTION, collections=[world.handbook.pk, unknown])  # type: ignore[list-item]
    assert str(unknown) in refusal.value.message
    assert nothing_was_kept()


def test_a_foreign_collection_looks_just_like_an_unknown_one(world: World) -> None:
    foreign = Collection.objects.create(name="Secret", slug="secret")
    messages = []
    for pk in (foreign.pk, uuid7()):
        with pytest.raises(NotFound) as refusal:
            services.ask(by=world.anna, question=QUESTION, collections=[pk])
        messages.append(refusal.value.message.replace(str(pk), "ID"))
    assert messages[0] == messages[1]
    assert "Secret" not in messages[0]


def test_documents_narrow_a_question_and_must_lie_in_the_collections(world: World) -> None:
    assert world.ask(documents=[world.policy.pk]).documents == [str(world.policy.pk)]
    elsewhere = Collection.objects.create(name="Other", slug="other")
    Membership.objects.create(collection=elsewhere, user=world.anna, role="viewer")
    other = Document.objects.create(collection=elsewhere, title="Other")
    with pytest.raises(NotFound):
        world.ask(documents=[other.pk])


@pytest.mark.parametrize("empty", ["", "   \n\t ", "\0"])
def test_an_empty_question_is_refused(world: World, empty: str) -> None:
    with pytest.raises(Refused) as refusal:
        world.ask(empty)
    assert refusal.value.code == "empty_question"
    assert nothing_was_kept()


def test_a_question_of_a_hundred_thousand_characters_is_told_the_limit_and_its_setting(world: World) -> None:
    with pytest.raises(Refused) as refusal:
        world.ask("x" * 100_000)
    assert "100,000" in refusal.value.message
    assert f"{the_settings.MAX_QUESTION_CHARS:,}" in refusal.value.message
    assert "MAX_QUESTION_CHARS" in refusal.value.hint
    assert nothing_was_kept()


def test_a_question_just_at_the_limit_is_taken(world: World) -> None:
    assert len(world.ask("ü" * the_settings.MAX_QUESTION_CHARS).question) == the_settings.MAX_QUESTION_CHARS


@pytest.mark.services
def test_what_no_database_takes_is_left_out_of_a_question(world: World) -> None:
    assert world.ask("What\0 is \ud800 paid?").question == "What is ? paid?"


@pytest.mark.parametrize(("field", "value", "code"), [("policy", "magic", "policy"), ("model", "gpt-unknown", "model")])
def test_unknown_words_are_refused_with_the_known_ones(world: World, field: str, value: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        world.ask(**{field: value})
    assert refusal.value.code == code
    assert value in refusal.value.message
    assert nothing_was_kept()


def test_an_endpoint_can_be_asked_for_by_name_or_model(world: World) -> None:
    Endpoint.objects.create(name="gpu-1", base_url="http://127.0.0.1:1/v1", model="tiny")
    assert world.ask(model="tiny").model == "tiny"
    assert world.ask(model="gpu-1").model == "gpu-1"


def test_no_collection_is_refused(world: World) -> None:
    with pytest.raises(Refused) as refusal:
        services.ask(by=world.anna, question=QUESTION, collections=[])
    assert refusal.value.code == "no_collection"


@pytest.mark.services
def test_a_queue_that_is_away_refuses_within_two_seconds_and_keeps_nothing(
    world: World, without_redis: Callable[[], AbstractContextManager[None]]
) -> None:
    began = time.monotonic()
    with without_redis(), pytest.raises(ServiceUnavailable) as refusal:
        world.ask()
    assert time.monotonic() - began < 2
    assert refusal.value.retry_after > 0
    assert nothing_was_kept()
    assert world.ask().status == "queued"


def test_a_queue_that_is_away_leaves_the_conversation_as_it_was(
    world: World, without_redis: Callable[[], AbstractContextManager[None]]
) -> None:
    first = world.ask()
    with without_redis(), pytest.raises(ServiceUnavailable):
        world.ask(conversation=first.conversation_id)
    assert list(Answer.objects.all()) == [first]


# --------------------------------------------------------------------------------- asking again, stop


def test_asking_again_is_a_variant_of_the_first_answer(world: World) -> None:
    first = world.ask(policy="best")
    second = services.ask_again(by=world.anna, answer=first.pk)
    third = services.ask_again(by=world.anna, answer=second)
    assert {second.again_of_id, third.again_of_id} == {first.pk}
    assert (third.question, third.policy, third.collections) == (first.question, "best", first.collections)
    with pytest.raises(NotFound):
        services.ask_again(by=world.ben, answer=first)


def test_asking_again_where_one_is_no_longer_a_member_is_not_found(world: World) -> None:
    first = world.ask()
    Membership.objects.all().delete()
    with pytest.raises(NotFound):
        services.ask_again(by=world.anna, answer=first)


@pytest.mark.services
def test_stopping_sets_the_flag_once_and_twice(world: World) -> None:
    answer = world.ask()
    for _ in range(2):
        assert services.stop(by=world.anna, answer=answer).stop_requested
    assert quick_redis_client().exists(eventlog.stop_key(answer.pk))


def test_stopping_what_has_ended_changes_nothing(world: World) -> None:
    answer = world.ask()
    Answer.objects.filter(pk=answer.pk).update(status="done")
    assert not services.stop(by=world.anna, answer=answer.pk).stop_requested
    assert not quick_redis_client().exists(eventlog.stop_key(answer.pk))


def test_stopping_goes_by_the_database_when_redis_is_away(
    world: World, without_redis: Callable[[], AbstractContextManager[None]]
) -> None:
    answer = world.ask()
    with without_redis():
        assert services.stop(by=world.anna, answer=answer).stop_requested


def test_another_persons_answer_cannot_be_stopped_or_judged(world: World) -> None:
    answer = world.ask()
    with pytest.raises(NotFound):
        services.stop(by=world.ben, answer=answer)
    with pytest.raises(NotFound):
        services.give_feedback(by=world.ben, answer=answer, value=1)
    assert not Answer.objects.get().stop_requested
    assert not Feedback.objects.exists()


# ------------------------------------------------------------------------------------------ feedback


@pytest.mark.services
def test_feedback_is_kept_and_replaced(world: World) -> None:
    answer = world.ask()
    services.give_feedback(by=world.anna, answer=answer, value=-1, reasons=["outdated"], comment="Old\0 price")
    services.give_feedback(by=world.anna, answer=answer, value=1)
    services.give_feedback(by=world.anna, answer=answer, value=-1, reasons=["outdated"], comment="Old\0 price")
    shown = selectors.answer_json(selectors.answer_of(world.anna, answer.pk), world.anna)
    assert shown["feedback"] == {"value": -1, "reasons": ["outdated"], "comment": "Old price"}


@pytest.mark.parametrize(
    "bad", [{"value": 0}, {"value": 1, "comment": "x" * 4001}, {"value": 1, "reasons": ["x"] * 21}]
)
def test_feedback_that_makes_no_sense_is_refused(world: World, bad: dict) -> None:
    answer = world.ask()
    with pytest.raises(Refused):
        services.give_feedback(by=world.anna, answer=answer, **bad)
    assert not Feedback.objects.exists()


# ------------------------------------------------------------------------------------- conversations


@pytest.mark.services
def test_conversations_are_made_renamed_pinned_found_and_deleted(world: World) -> None:
    empty = services.create_conversation(by=world.anna, collections=[world.handbook.pk])
    asked = world.ask().conversation
    services.rename(by=world.anna, conversation=empty, title="  Later \n today ")
    services.pin(by=world.anna, conversation=empty.pk)
    assert [c.title for c in selectors.conversations_of(world.anna)] == ["Later today", QUESTION]
    assert list(selectors.conversations_of(world.anna, "HOTEL")) == [asked]
    assert list(selectors.conversations_of(world.anna, "no such words")) == []
    services.pin(by=world.anna, conversation=empty, pinned=False)
    services.delete_conversation(by=world.anna, conversation=empty)
    assert list(selectors.conversations_of(world.anna)) == [asked]
    shown = selectors.whole_conversation_json(asked, world.anna)
    assert [row["question"] for row in shown["answers"]] == [QUESTION]


def test_a_deleted_conversation_stops_its_writer(world: World) -> None:
    answer = world.ask()
    services.delete_conversation(by=world.anna, conversation=answer.conversation)
    assert quick_redis_client().exists(eventlog.stop_key(answer.pk))


@pytest.mark.parametrize("title", ["", "  ", "x" * 201])
def test_a_title_that_is_none_is_refused(world: World, title: str) -> None:
    conversation = services.create_conversation(by=world.anna)
    with pytest.raises(Refused):
        services.rename(by=world.anna, conversation=conversation, title=title)


def test_another_persons_conversation_cannot_be_seen_or_changed(world: World) -> None:
    theirs = world.ask().conversation
    assert list(selectors.conversations_of(world.ben)) == []
    for attempt in (
        lambda: selectors.conversation_of(world.ben, theirs.pk),
        lambda: services.rename(by=world.ben, conversation=theirs, title="Mine"),
        lambda: services.pin(by=world.ben, conversation=theirs),
        lambda: services.delete_conversation(by=world.ben, conversation=theirs),
    ):
        with pytest.raises(NotFound):
            attempt()
    theirs.refresh_from_db()
    assert (theirs.title, theirs.pinned) == (QUESTION, False)


def test_a_conversation_cannot_be_made_with_a_foreign_collection(world: World) -> None:
    with pytest.raises(NotFound):
        services.create_conversation(by=world.ben, collections=[world.handbook.pk])
    assert not Conversation.objects.exists()
