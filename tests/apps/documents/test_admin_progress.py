"""What a manager's upload page hears of a collection: the looks behind it, and the stream."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from django.test import AsyncClient

from apps.documents import selectors, services
from apps.documents.admin import streams
from apps.documents.models import Collection, Document, State, Version
from apps.documents.selectors import progress
from apps.users.models import User
from apps.users.services import disable_account
from tests.apps.documents.journeys import ingested
from tests.factories import a_collection, a_document, a_manager, a_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def manager(redis_server: str) -> User:
    return a_manager()


@pytest.fixture
def session() -> str:
    store = SessionStore()
    store.create()
    return store.session_key or ""


# ------------------------------------------------------------------------------------------------ looks


def test_a_look_tells_what_is_worked_on_and_what_just_ended(manager: User, collection: Collection) -> None:
    waiting, other = (a_document(manager, collection, text, f"{text}.txt") for text in ("waiting", "other"))
    changes = selectors.Changes(collection.pk)
    assert changes.look() == {}
    Version.objects.filter(pk=waiting.latest_id).update(state=State.EMBEDDING, progress_done=3, progress_total=9)
    (row,) = changes.look().values()
    assert row is not None
    assert (row["id"], row["status"], row["progress"]) == (str(waiting.pk), "embedding", {"done": 3, "total": 9})
    Version.objects.filter(pk=waiting.latest_id).update(state=State.QUEUED)
    assert [row and row["status"] for row in changes.look().values()] == ["queued"]  # a try put back, without an event
    assert changes.look() == {}
    ingested(other)
    assert [row and row["status"] for row in changes.look().values()] == ["ready"]


def test_a_row_says_what_it_lies_within(manager: User, collection: Collection) -> None:
    mail, attached = (a_document(manager, collection, text, f"{text}.txt") for text in ("mail", "attached"))
    Document.objects.filter(pk=attached.pk).update(parent=mail, key="attached.txt")
    found = {row["title"]: row.get("within") for row in selectors.progress_rows(Document.objects.all())}
    assert found == {"mail": None, "attached": "mail"}


def test_what_goes_amid_the_work_is_told_as_gone(manager: User, collection: Collection) -> None:
    document = a_document(manager, collection)
    changes = selectors.Changes(collection.pk)
    Version.objects.filter(pk=document.latest_id).update(state=State.EXTRACTING)
    assert changes.look()[str(document.pk)]
    services.delete(by=manager, document=document)
    assert changes.look() == {str(document.pk): None}


@pytest.mark.parametrize("leaving", ["deleted", "moved", "its archive deleted"])
def test_what_waits_and_goes_is_told_as_gone(manager: User, collection: Collection, leaving: str) -> None:
    waiting, archive = (a_document(manager, collection, text) for text in ("waiting", "archive"))
    elsewhere = a_collection(manager, "Elsewhere")
    if leaving == "its archive deleted":
        Document.objects.filter(pk=waiting.pk).update(parent=archive, key="waiting.txt")
    changes = selectors.Changes(collection.pk)
    changes.look()
    if leaving == "moved":
        services.move(by=manager, document=waiting, to=elsewhere)
    else:
        services.delete(by=manager, document=waiting if leaving == "deleted" else archive)
    assert changes.look()[str(waiting.pk)] is None
    assert streams._difference({}, {"a": None}) == [streams.sse("gone", ["a"])]
    assert streams._difference({"a": None}, {"a": None}) == []  # a look may find it several times


def test_other_collections_are_not_told_of(manager: User, collection: Collection) -> None:
    foreign = a_document(manager, a_collection(manager, "Elsewhere"))
    mine = a_document(manager, collection)
    changes = selectors.Changes(collection.pk)
    changes.look()
    Version.objects.filter(pk=foreign.latest_id).update(state=State.EXTRACTING)
    services.rename(by=manager, document=foreign, title="Secret")
    assert changes.look() == {}
    assert list(changes.places()) == [str(mine.pk)]


def test_a_look_costs_the_same_however_many_wait(
    manager: User, collection: Collection, django_assert_num_queries
) -> None:
    documents = [a_document(manager, collection, f"text {n}", f"{n}.txt") for n in range(30)]
    changes = selectors.Changes(collection.pk)
    with django_assert_num_queries(3):
        changes.look()
    Version.objects.filter(pk__in=[each.latest_id for each in documents[:5]]).update(state=State.EXTRACTING)
    with django_assert_num_queries(4):
        assert len(changes.look()) == 5


def test_an_event_that_commits_late_is_not_missed(
    manager: User, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LATELY_SECONDS", 0.2)
    document = a_document(manager, collection)
    changes = selectors.Changes(collection.pk)
    changes.look()
    services.cancel(by=manager, document=document)
    assert str(document.pk) in changes.look()
    assert str(document.pk) in changes.look()
    time.sleep(0.25)
    changes.look()
    assert changes.look() == {}


# --------------------------------------------------------------------------------------------- the stream


def parse(pieces: bytes) -> list[tuple[str, Any]]:
    """The events, without comments."""
    blocks = [block for block in pieces.decode().split("\n\n") if block.startswith("event: ")]
    lines = [block.split("\n") for block in blocks]
    return [(event.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for event, data in lines]


def watching(manager: User, session: str, collection: Collection) -> AsyncIterator[bytes]:
    return streams.progress_stream(user_id=manager.pk, session=session, collection=collection.pk)


async def watch_until(stream: AsyncIterator[bytes], met: Callable[[list[tuple[str, Any]]], bool]) -> list:
    """The events until `met` says so of them."""
    had = b""
    async with asyncio.timeout(15):
        async for piece in stream:
            had += piece
            if met(parse(had)):
                break
    return parse(had)


def test_a_watcher_is_told_of_places_and_of_each_change_once(
    manager: User, collection: Collection, session: str
) -> None:
    one, two = (a_document(manager, collection, text, f"{text}.txt") for text in ("one", "two"))

    def work() -> None:
        try:
            time.sleep(1)
            ingested(Document.objects.get(pk=one.pk))
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()

    def ended(events: list[tuple[str, Any]]) -> bool:
        return any(event == "rows" and data[0]["status"] == "ready" for event, data in events)

    events = asyncio.run(watch_until(watching(manager, session, collection), ended))
    thread.join()
    assert events[0] == ("again", {})
    places = [data for event, data in events if event == "places"]
    assert places[0] == {str(one.pk): 1, str(two.pk): 2}
    told = [row for event, data in events if event == "rows" for row in data]
    assert {row["id"] for row in told} == {str(one.pk)}
    assert len(told) == len({json.dumps(row, sort_keys=True) for row in told})


def ends_within(stream: AsyncIterator[bytes], seconds: float) -> float:
    """Reads a stream to its end; gives the seconds that it took."""

    async def read() -> None:
        async with asyncio.timeout(seconds):
            async for _ in stream:
                pass

    began = time.monotonic()
    asyncio.run(read())
    return time.monotonic() - began


@pytest.mark.parametrize("ending", ["disabled", "signed out", "collection deleted", "no longer a manager"])
def test_the_stream_ends_when_the_right_to_it_does(
    manager: User, collection: Collection, session: str, ending: str
) -> None:
    def end() -> None:
        try:
            if ending == "disabled":
                disable_account(by=manager, user=manager)
            elif ending == "signed out":
                SessionStore(session).delete()
            elif ending == "collection deleted":
                services.delete_collection(by=manager, collection=collection)
            else:
                User.objects.filter(pk=manager.pk).update(is_superuser=False)
        finally:
            connections.close_all()

    timer = threading.Timer(0.5, end)
    timer.start()
    took = ends_within(watching(manager, session, collection), 10)
    timer.join()
    assert 0.5 <= took < 5.5
    assert streams._watched == {}


def test_watchers_of_one_collection_share_their_looks(
    manager: User, collection: Collection, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    real = selectors.Changes.look

    def counted(changes: selectors.Changes) -> Any:
        looks.append(time.monotonic())
        return real(changes)

    monkeypatch.setattr(selectors.Changes, "look", counted)

    async def twenty() -> None:
        async def one() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(watch_until(watching(manager, session, collection), lambda _: False), 3)

        await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(twenty())
    assert 1 < len(looks) <= 7


async def get_events(user: User | None, collection: Collection) -> Any:
    client = AsyncClient()
    if user is not None:
        await client.aforce_login(user)
    return await client.get(f"/admin/documents/collection/{collection.pk}/upload/events")


def test_only_managers_watch(manager: User, collection: Collection) -> None:
    for user in (None, a_user(), a_user("staff", is_staff=True)):
        assert asyncio.run(get_events(user, collection)).status_code == 403
    response = asyncio.run(get_events(manager, collection))
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"


def test_too_many_are_turned_away(manager: User, collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_WATCHERS", 0)
    assert asyncio.run(get_events(manager, collection)).status_code == 503
