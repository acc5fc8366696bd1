"""An answer is written: end to end in this process, with the real database and the real Redis."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import Settings
from uuid_utils.compat import uuid7

from apps.chat import answering, eventlog, selectors, services
from apps.chat.models import Answer
from apps.inference import breaker
from apps.inference.models import Usage
from apps.inference.selectors import FROM_SETTINGS
from apps.users.services import disable_account
from rag.answering import RESTING
from rag.errors import EngineUnavailable, SearchUnavailable
from rag.types import Found
from tests.apps.chat.world import QUESTION, ScriptedModel, World, worker

pytestmark = pytest.mark.services

ANSWER = [
    "The company ",
    "pays up to 140 ",
    "euros a night [1]. ",
    "Receipts are handed in ",
    "within thirty days [2].",
]


def written(world: World, answer: Answer, model: ScriptedModel) -> Answer:
    assert answering.write(answer.pk, worker(), search=world.search, models=[model])
    return selectors.answer_of(world.anna, answer.pk)


def test_a_question_becomes_an_answer_with_footnotes_and_a_receipt(world: World) -> None:
    answer = written(world, world.ask(), ScriptedModel(ANSWER))
    shown = selectors.answer_json(answer, world.anna)
    assert shown["status"] == "done"
    assert shown["text"].startswith("The company pays up to 140 euros a night")
    assert [row["n"] for row in shown["citations"]] == [1, 2]
    assert all(row["quote"] in world.chunks[0].text + world.chunks[1].text for row in shown["citations"])
    assert shown["citations"][0]["title"] == "Travel policy"
    assert shown["sentences"][0]["citations"] == [1]
    assert [row["chunk"] for row in shown["nearest"]] == [str(chunk.pk) for chunk in world.chunks]
    assert shown["error"] is None
    assert not shown["refused"]
    assert shown["receipt"]["engine"] == "scripted"
    assert shown["receipt"]["completion_tokens"] == len(ANSWER)
    assert {"queue", "search", "first_token", "generate", "total"} <= shown["receipt"]["milliseconds"].keys()


def test_what_it_took_is_recorded_once(world: World) -> None:
    answer = written(world, world.ask(), ScriptedModel(ANSWER))
    used = Usage.objects.get(answer=answer.pk)
    assert (used.user, used.engine, used.model) == (world.anna.pk, "scripted", "tiny")
    assert (used.prompt_tokens, used.cached_tokens, float(used.cost)) == (120, 20, 2.5)


def test_marks_say_where_each_token_event_ended(world: World) -> None:
    answer = written(world, world.ask(), ScriptedModel(ANSWER))
    ends = [end for _, end in answer.marks]
    assert ends == sorted(ends)
    assert ends[-1] == len(answer.text)
    assert answer.final_seq > max(seq for seq, _ in answer.marks)


def test_a_task_delivered_twice_writes_once(world: World) -> None:
    answer = world.ask()
    model = ScriptedModel(ANSWER)
    first = written(world, answer, model)
    assert not answering.write(answer.pk, worker(), search=world.search, models=[model])
    assert len(model.prompts) == 1
    assert selectors.answer_of(world.anna, answer.pk).text == first.text


def test_a_task_delivered_while_another_writes_ends_at_once(world: World) -> None:
    answer = world.ask()
    second: list[bool] = []

    def deliver_again(piece: int) -> None:
        if piece == 1:
            second.append(answering.write(answer.pk, worker(), search=world.search, models=[]))

    assert written(world, answer, ScriptedModel(ANSWER, before=deliver_again)).status == "done"
    assert second == [False]


def test_an_answer_that_is_gone_is_nothing_to_do(world: World) -> None:
    assert not answering.write(uuid7(), worker(), search=world.search, models=[])


def test_no_database_connection_is_held_while_it_streams(world: World) -> None:
    answer = world.ask()
    held: list[bool] = []
    model = ScriptedModel(ANSWER, before=lambda _n: held.append(connection.connection is not None))
    holder = worker()
    # A thread as in the worker process: this one's connection belongs to the test.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(answering.write, answer.pk, holder, search=world.search, models=[model]).result()
    assert held == [False] * len(ANSWER)
    assert selectors.answer_of(world.anna, answer.pk).status == "done"


def test_without_an_engine_sentences_are_quoted(world: World) -> None:
    answer = world.ask()
    assert answering.write(answer.pk, worker(), search=world.search, models=[])
    answer = selectors.answer_of(world.anna, answer.pk)
    assert answer.status == "done"
    assert "140 euros" in answer.text
    assert answer.notices[0]["code"] == "extractive"
    assert answer.citations.count() >= 1


def test_an_endpoint_that_failed_a_moment_ago_is_not_called_missing(world: World, settings: Settings) -> None:
    settings.LLM_BASE_URL, settings.LLM_MODEL = "http://127.0.0.1:9/v1", "tiny"
    breaker.trip(FROM_SETTINGS, "it cannot be reached")
    try:
        answer = world.ask()
        assert answering.write(answer.pk, worker(), search=world.search)
    finally:
        breaker.mend(FROM_SETTINGS)
    (notice,) = selectors.answer_of(world.anna, answer.pk).notices
    assert notice["message"] == RESTING


def test_nothing_found_is_refused(world: World) -> None:
    answer = world.ask("Who won the football match yesterday?")
    assert answering.write(answer.pk, worker(), search=lambda _q: Found(()), models=[ScriptedModel(ANSWER)])
    answer = selectors.answer_of(world.anna, answer.pk)
    assert (answer.status, answer.refused, answer.nearest) == ("done", True, [])
    assert answer.text


def test_an_engine_that_breaks_off_leaves_the_part_and_the_reason(world: World) -> None:
    answer = written(world, world.ask(), ScriptedModel(ANSWER[:3], error=EngineUnavailable("the connection broke")))
    assert answer.status == "interrupted"
    assert answer.text.startswith("The company pays up to 140 euros a night")
    assert answer.error_code == "engine_unavailable"
    assert "the connection broke" in answer.error_message
    assert [citation.n for citation in answer.citations.all()] == [1]


def test_a_search_that_does_not_answer_fails_with_a_sentence(world: World) -> None:
    def nobody(_query: str) -> Found:
        raise SearchUnavailable("The search does not answer; try again in a moment.")

    answer = world.ask()
    answering.write(answer.pk, worker(), search=nobody, models=[])
    answer = selectors.answer_of(world.anna, answer.pk)
    assert (answer.status, answer.error_code) == ("failed", "search_unavailable")
    assert answer.error_message == "The search does not answer; try again in a moment."


def test_an_error_nobody_thought_of_still_ends_the_answer(world: World) -> None:
    answer = written(world, world.ask(), ScriptedModel(ANSWER[:2], error=ZeroDivisionError()))
    assert (answer.status, answer.error_code) == ("interrupted", "internal")
    assert answer.text.startswith("The company pays")


def test_stop_keeps_what_is_there_and_closes_the_engine(world: World) -> None:
    answer = world.ask()
    never_reached = ["more "] * 10_000

    def stop_soon(piece: int) -> None:
        if piece == 3:
            services.stop(by=world.anna, answer=answer.pk)
        if piece > 3:
            threading.Event().wait(0.05)

    model = ScriptedModel(["The company pays 140 euros. ", *never_reached], before=stop_soon)
    answer = written(world, answer, model)
    assert answer.status == "stopped"
    assert answer.text.startswith("The company pays 140 euros.")
    assert len(answer.text) < 1000
    assert answer.error_code == ""
    assert model.closed


def test_a_stop_that_redis_missed_is_seen_in_the_database(world: World) -> None:
    answer = world.ask()

    def stop_in_database(piece: int) -> None:
        if piece == 1:
            Answer.objects.filter(pk=answer.pk).update(stop_requested=True)
        if piece > 1:
            threading.Event().wait(0.1)

    model = ScriptedModel(["word "] * 10_000, before=stop_in_database)
    assert written(world, answer, model).status == "stopped"


def test_a_disabled_account_stops_what_is_written_for_it(world: World) -> None:
    answer = world.ask()

    def disable(piece: int) -> None:
        if piece == 1:
            disable_account(by=None, user=world.anna)
        if piece > 1:
            threading.Event().wait(0.1)

    model = ScriptedModel(["word "] * 10_000, before=disable)
    assert answering.write(answer.pk, worker(), search=world.search, models=[model])
    assert Answer.objects.get(pk=answer.pk).status == "stopped"


def test_a_conversation_deleted_meanwhile_stays_deleted(world: World) -> None:
    answer = world.ask()

    def delete(piece: int) -> None:
        if piece == 1:
            services.delete_conversation(by=world.anna, conversation=answer.conversation_id)

    model = ScriptedModel(ANSWER, before=delete)
    assert answering.write(answer.pk, worker(), search=world.search, models=[model])
    assert not Answer.objects.exists()
    assert not Usage.objects.exists()


def test_the_thread_is_told_to_the_engine(world: World) -> None:
    first = written(world, world.ask(), ScriptedModel(ANSWER))
    follow_up = world.ask("And within how many days are they handed in?", conversation=first.conversation_id)
    model = ScriptedModel(["Within thirty days [1]."])
    second = written(world, follow_up, model)
    told = "\n".join(message.content for message in model.prompts[0])
    assert QUESTION in told
    assert second.standalone_question.startswith("And within how many days")
    assert "hotel" in second.standalone_question
    said = [entry.data["detail"] for entry in eventlog.read_all(second.pk) if entry.event == "status"]
    assert said[0].startswith("Searching with: days handed ")


def test_an_answer_asked_again_does_not_know_its_first_try(world: World) -> None:
    first = written(world, world.ask(), ScriptedModel(["Nobody pays anything for a hotel [1]."]))
    again = services.ask_again(by=world.anna, answer=first)
    model = ScriptedModel(ANSWER)
    second = written(world, again, model)
    assert second.again_of_id == first.pk
    assert "Nobody pays" not in "\n".join(message.content for message in model.prompts[0])


def test_characters_that_no_database_takes_are_replaced(world: World) -> None:
    answer = written(world, world.ask(), ScriptedModel(["The company\0 pays ", "140 \ud800euros [1]."]))
    assert answer.status == "done"
    assert answer.text.startswith("The company\ufffd pays 140 \ufffdeuros")
