"""An answer is read: live, resumed, without Redis, by nobody else."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from pytest_django import Settings
from uuid_utils.compat import uuid7

from apps.chat import answering, eventlog, selectors, services, streams
from apps.chat.models import Answer
from apps.users.models import User
from apps.users.services import create_api_key, disable_account, revoke_api_key
from engines.wiring import quick_redis_client
from tests.apps.chat.world import ScriptedModel, World, events, lose_stream, parse, read, text_of, worker

pytestmark = pytest.mark.services

WORDS = (
    "The company pays ",
    "140 euros ",
    "a night [1]. ",
    "Größe 日本語 😀 ",
    "\n\n- a list\r\n",
    "\u2028 odd ",
    "[2] ",
    "x",
)


def pieces(seed: int, count: int = 30) -> list[str]:
    """Something an engine might write, cut anywhere."""
    chance = random.Random(seed)
    text = "The company pays 140 euros a night [1]. " + "".join(chance.choices(WORDS, k=count))
    cuts = sorted({0, len(text), *(chance.randrange(len(text)) for _ in range(count))})
    return [text[a:b] for a, b in pairwise(cuts)]


def slowly(_piece: int) -> None:
    """Longer than tokens are joined, so that each is an event."""
    time.sleep(0.03)


@contextmanager
def writing(world: World, answer: Answer, model: ScriptedModel) -> Iterator[None]:
    """A worker's thread writes the answer meanwhile."""
    holder = worker()

    def write() -> None:
        try:
            answering.write(answer.pk, holder, search=world.search, models=[model])
        finally:
            connections.close_all()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=30)
        assert not thread.is_alive()


def written(world: World, model: ScriptedModel) -> Answer:
    answer = world.ask()
    with writing(world, answer, model):
        pass
    return Answer.objects.get(pk=answer.pk)


def read_now(answer: Answer, user: User, after: int = 0) -> list:
    return asyncio.run(read(answer, user, after))


# ------------------------------------------------------------------------------------------ reading


def test_a_reader_gets_every_event_in_order_as_it_is_written(world: World) -> None:
    answer = world.ask()
    with writing(world, answer, ScriptedModel(pieces(1), before=slowly)):
        sent = read_now(answer, world.anna)
    assert [event.id for event in sent] == list(range(1, len(sent) + 1))
    assert [event.event for event in sent if event.event != "token"] == [
        "status",
        "sources",
        "status",
        "status",
        "done",
    ]
    assert sum(event.event == "token" for event in sent) > 3
    saved = selectors.answer_of(world.anna, answer.pk)
    assert text_of(sent) == saved.text
    assert sent[-1].data == selectors.answer_json(saved, world.anna)
    passages = next(event for event in sent if event.event == "sources").data["passages"]
    assert passages[0]["document"]["title"] == "Travel policy"
    assert passages[0]["text"] == world.chunks[0].text


def test_the_first_bytes_come_at_once(world: World) -> None:
    answer = world.ask()

    async def first() -> tuple[bytes, float]:
        began = time.monotonic()
        stream = events(answer, world.anna)
        piece = await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return piece, time.monotonic() - began

    piece, seconds = asyncio.run(first())
    assert piece.startswith(b":")
    assert seconds < 0.5


def test_silence_is_broken_by_pings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PING_SECONDS", 1.0)
    answer = world.ask()

    async def second() -> bytes:
        stream = events(answer, world.anna)
        await anext(stream)
        piece = await asyncio.wait_for(anext(stream), 5)
        await stream.aclose()  # type: ignore[attr-defined]
        return piece

    assert asyncio.run(second()) == b": ping\n\n"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_resuming_anywhere_gives_identical_text(world: World, seed: int) -> None:
    """With all events in Redis, then with a part of them lost, then with none left."""
    answer = written(world, ScriptedModel(pieces(seed, count=12), before=slowly))
    sent = read_now(answer, world.anna)
    assert text_of(sent) == answer.text

    async def all_resumed() -> list[list]:
        return [await read(answer, world.anna, after) for after in range(len(sent) + 2)]

    key = eventlog.stream_key(answer.pk)
    for lose in (
        lambda: None,
        lambda: quick_redis_client().xtrim(key, minid=f"{len(sent) // 2}-0", approximate=False),
        lambda: lose_stream(answer),
    ):
        lose()
        for after, rest in enumerate(asyncio.run(all_resumed())):
            had = [event for event in sent if event.id <= after]
            assert text_of(had) + text_of(rest) == answer.text
            assert [event.event for event in rest if event.event in ("done", "error")] == ["done"]
            assert all(event.id > after for event in rest[:-1])


def test_resuming_in_the_middle_of_a_live_answer(world: World) -> None:
    answer = world.ask()

    async def in_two_parts() -> tuple[list, list]:
        raw = b""
        stream = events(answer, world.anna)
        async for piece in stream:
            raw += piece
            if raw.count(b"event: token") >= 3:
                break
        await stream.aclose()  # type: ignore[attr-defined]
        had = parse(raw)
        return had, await read(answer, world.anna, had[-1].id)

    with writing(world, answer, ScriptedModel(pieces(4), before=slowly)):
        had, rest = asyncio.run(in_two_parts())
    assert text_of(had) + text_of(rest) == Answer.objects.get(pk=answer.pk).text
    assert rest[0].id == had[-1].id + 1


# -------------------------------------------------------------------------------- when Redis is lost


def test_redis_emptied_in_the_middle_loses_no_letter(world: World) -> None:
    answer = world.ask()

    def empty_it(piece: int) -> None:
        if piece in (5, 9):
            lose_stream(answer)
        slowly(piece)

    with writing(world, answer, ScriptedModel(pieces(5), before=empty_it)):
        live = read_now(answer, world.anna)
    saved = Answer.objects.get(pk=answer.pk)
    assert text_of(live) == saved.text
    assert text_of(read_now(answer, world.anna)) == saved.text
    lose_stream(answer)
    assert text_of(read_now(answer, world.anna)) == saved.text


def test_a_redis_that_comes_back_older_shows_a_gap_and_the_database_fills_it(world: World) -> None:
    answer = world.ask()

    def cut_one_out(piece: int) -> None:
        if piece == 8:
            quick_redis_client().xdel(eventlog.stream_key(answer.pk), "6-0")
        slowly(piece)

    with writing(world, answer, ScriptedModel(pieces(6), before=cut_one_out)):
        time.sleep(0.6)
        late = read_now(answer, world.anna)
    assert text_of(late) == Answer.objects.get(pk=answer.pk).text


def test_without_redis_the_answer_is_written_and_read_all_the_same(
    world: World, without_redis: Callable[[], AbstractContextManager[None]]
) -> None:
    answer = world.ask()
    with without_redis():
        with writing(world, answer, ScriptedModel(pieces(7))):
            sent = read_now(answer, world.anna)
        saved = Answer.objects.get(pk=answer.pk)
        assert saved.status == "done"
        assert text_of(sent) == saved.text
    assert text_of(read_now(answer, world.anna)) == saved.text


def test_a_redis_that_returns_gets_everything_it_missed(world: World) -> None:
    answer = world.ask()
    log = eventlog.EventLog(answer.pk)
    log.append("status", {"stage": "searching"})
    quick_redis_client().rename(eventlog.stream_key(answer.pk), "elsewhere")
    quick_redis_client().set(eventlog.stream_key(answer.pk), "no stream")  # every write is refused now
    log.append("token", {"text": "a"})
    log.append("token", {"text": "b"})
    quick_redis_client().delete(eventlog.stream_key(answer.pk), "elsewhere")
    log.close()
    assert [entry.seq for entry in eventlog.read_all(answer.pk)] == [1, 2, 3]


def test_events_expire(world: World, settings: Settings) -> None:
    answer = written(world, ScriptedModel(pieces(1)))
    left = quick_redis_client().ttl(eventlog.stream_key(answer.pk))
    assert 0 < left <= settings.STREAM_KEEP_SECONDS


def test_redis_keeps_no_text_of_documents(world: World) -> None:
    answer = written(world, ScriptedModel(["It pays 140 euros a night [1]."]))
    kept = str(quick_redis_client().xrange(eventlog.stream_key(answer.pk)))
    assert str(world.chunks[0].pk) in kept
    assert "travel desk" not in kept


# ------------------------------------------------------------------------------------------- rights


def test_nobody_else_reads_it(world: World) -> None:
    answer = written(world, ScriptedModel(pieces(1)))
    assert read_now(answer, world.ben) == []
    assert asyncio.run(read(Answer(pk=uuid7()), world.anna)) == []
    with pytest.raises(selectors.NotFound):
        selectors.answer_of(world.ben, answer.pk)


def test_a_disabled_account_stops_reading_within_five_seconds(world: World) -> None:
    answer = world.ask()
    timer = threading.Timer(0.5, lambda: (disable_account(by=None, user=world.anna), connections.close_all()))
    timer.start()
    began = time.monotonic()
    assert read_now(answer, world.anna) == []
    timer.join()
    assert 0.5 <= time.monotonic() - began < 5.5


def test_a_revoked_key_stops_reading_within_five_seconds(world: World) -> None:
    answer = world.ask()
    key, _ = create_api_key(by=world.anna, owner=world.anna, name="robot")
    timer = threading.Timer(0.5, lambda: (revoke_api_key(by=world.anna, key=key), connections.close_all()))
    timer.start()

    async def read_with_key() -> bytes:
        stream = selectors.stream(answer_id=answer.pk, user_id=world.anna.pk, key_id=key.pk)
        return b"".join([piece async for piece in stream])

    began = time.monotonic()
    assert parse(asyncio.run(read_with_key())) == []
    timer.join()
    assert time.monotonic() - began < 5.5


def test_signing_out_ends_the_streams_of_that_session(world: World) -> None:
    answer = world.ask()
    session = SessionStore()
    session.create()

    def sign_out() -> None:
        session.delete()
        connections.close_all()

    timer = threading.Timer(0.5, sign_out)
    timer.start()

    async def read_in_session() -> bytes:
        stream = selectors.stream(
            answer_id=answer.pk, user_id=world.anna.pk, session=session.session_key or "no session"
        )
        return b"".join([piece async for piece in stream])

    began = time.monotonic()
    assert parse(asyncio.run(read_in_session())) == []
    timer.join()
    assert 0.5 <= time.monotonic() - began < 5.5


def test_a_deleted_answer_ends_its_stream(world: World) -> None:
    answer = written(world, ScriptedModel(pieces(1)))
    services.delete_conversation(by=world.anna, conversation=answer.conversation_id)
    assert read_now(answer, world.anna) == []
    assert not quick_redis_client().exists(eventlog.stream_key(answer.pk))


# ------------------------------------------------------------------------------------------ waiting


def test_waiting_ends_with_the_answer(world: World) -> None:
    answer = world.ask()
    with writing(world, answer, ScriptedModel(pieces(1), before=slowly)):
        waiting = selectors.wait_until_done(answer_id=answer.pk, timeout=20, user_id=world.anna.pk)
        assert asyncio.run(waiting)


def test_waiting_gives_up_in_time(world: World) -> None:
    answer = world.ask()
    began = time.monotonic()
    assert not asyncio.run(selectors.wait_until_done(answer_id=answer.pk, timeout=0.5, user_id=world.anna.pk))
    assert time.monotonic() - began < 2
