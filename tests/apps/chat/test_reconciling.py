"""No answer stays unfinished: its writer died, its message was lost, or nobody came."""

import asyncio
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.chat import answering, eventlog, selectors
from apps.chat.models import Answer
from engines import queues
from engines.wiring import quick_redis_client
from tests.apps.chat.test_streams import read_now
from tests.apps.chat.world import ScriptedModel, World, lose_stream, read, text_of, worker

pytestmark = pytest.mark.services


class Killed(BaseException):
    """What kill -9 does to a writer: nothing after it is run."""


def killed_while_writing(world: World, *, alive: bool = False) -> Answer:
    """An answer whose writer ended after some words."""
    answer = world.ask()

    def kill(piece: int) -> None:
        if piece == 4:
            raise Killed
        time.sleep(0.03)

    model = ScriptedModel(["The company ", "pays 140 ", "euros a night [1]. ", "And then ", "never said"], before=kill)
    with pytest.raises(Killed):
        answering.write(answer.pk, worker(alive=alive), search=world.search, models=[model])
    return Answer.objects.get(pk=answer.pk)


def age(answer: Answer, **ago: float) -> None:
    """Lets time pass for an answer."""
    Answer.objects.filter(pk=answer.pk).update(created_at=timezone.now() - timedelta(**ago))


def test_the_part_of_a_killed_writer_is_kept_and_its_reader_told(world: World) -> None:
    answer = killed_while_writing(world)
    assert answer.status == "writing"
    answering.reconcile()
    saved = selectors.answer_of(world.anna, answer.pk)
    assert saved.status == "interrupted"
    assert saved.text.startswith("The company pays 140 euros a night")
    assert "never said" not in saved.text
    shown = selectors.answer_json(saved, world.anna)
    assert shown["error"]["code"] == "interrupted"
    assert "ask again" in shown["error"]["message"]
    assert len(shown["nearest"]) == len(world.chunks)
    sent = read_now(answer, world.anna)
    assert text_of(sent) == saved.text
    assert sent[-1].event == "error"
    assert sent[-1].data["answer"] == shown
    lose_stream(answer)
    assert text_of(read_now(answer, world.anna)) == saved.text


def test_a_reader_who_waits_hears_of_it_within_five_seconds(world: World) -> None:
    answer = killed_while_writing(world)

    async def read_while_reconciled() -> list:
        reading = asyncio.create_task(read(answer, world.anna))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(reconcile_in_thread)
        return await asyncio.wait_for(reading, 5)

    assert asyncio.run(read_while_reconciled())[-1].event == "error"


def reconcile_in_thread() -> None:
    answering.reconcile()
    connections.close_all()


def test_a_living_writer_is_left_alone(world: World) -> None:
    answer = killed_while_writing(world, alive=True)
    answering.reconcile()
    assert Answer.objects.get(pk=answer.pk).status == "writing"


def test_a_living_writer_that_never_ends_is_ended(world: World) -> None:
    answer = killed_while_writing(world, alive=True)
    Answer.objects.filter(pk=answer.pk).update(started_at=timezone.now() - timedelta(minutes=16))
    answering.reconcile()
    saved = Answer.objects.get(pk=answer.pk)
    assert (saved.status, saved.error_code) == ("interrupted", "interrupted")
    assert "15 minutes" in saved.error_message


def test_a_writer_taken_for_dead_does_not_write_over_the_end(world: World) -> None:
    answer = world.ask()

    def end_it(piece: int) -> None:
        if piece == 3:
            answering.reconcile()
        time.sleep(0.03)

    model = ScriptedModel(["The company ", "pays 140 ", "euros. ", "And ", "more ", "and more."], before=end_it)
    assert answering.write(answer.pk, worker(alive=False), search=world.search, models=[model])
    saved = Answer.objects.get(pk=answer.pk)
    assert saved.status == "interrupted"
    assert "more" not in saved.text
    sent = read_now(answer, world.anna)
    assert text_of(sent) == saved.text
    assert [event.event for event in sent].count("error") == 1


def test_a_message_the_broker_lost_is_sent_again_once(world: World) -> None:
    answer = world.ask()
    quick_redis_client().delete("answers")
    answering.reconcile()
    assert queues.depth("answers") == 0, "it may still be on its way"
    age(answer, seconds=6)
    for _ in range(3):
        answering.reconcile()
    assert queues.depth("answers") == 1
    quick_redis_client().delete("answers")
    answering.reconcile()
    assert queues.depth("answers") == 0, "it was sent a moment ago"


def test_a_message_that_waits_in_the_queue_is_not_doubled(world: World) -> None:
    answer = world.ask()
    age(answer, seconds=30)
    answering.reconcile()
    assert queues.depth("answers") == 1


def test_an_answer_nobody_takes_fails_with_a_sentence(world: World) -> None:
    answer = world.ask()
    age(answer, minutes=2.1)
    answering.reconcile()
    saved = Answer.objects.get(pk=answer.pk)
    assert (saved.status, saved.error_code) == ("failed", "not_taken")
    assert "2 minutes" in saved.error_message
    sent = read_now(answer, world.anna)
    assert [event.event for event in sent] == ["error"]
    assert not answering.write(answer.pk, worker(), search=world.search, models=[])


def test_what_is_ended_stays_as_it_is(world: World) -> None:
    answer = world.ask()
    answering.write(answer.pk, worker(alive=False), search=world.search, models=[])
    before = Answer.objects.filter(pk=answer.pk).values().get()
    answering.reconcile()
    assert Answer.objects.filter(pk=answer.pk).values().get() == before
    assert eventlog.read_all(answer.pk)[-1].event == "done"
