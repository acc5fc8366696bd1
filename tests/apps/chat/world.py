"""A small world for the chat's tests: people, a collection with a document, a search that finds it."""

import json
import os
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from uuid_utils.compat import uuid7

from apps.chat import eventlog, selectors, services
from apps.chat.models import Answer
from apps.documents.models import Chunk, Collection, Document, Membership, Page, State, Version
from apps.documents.selectors import passages_of
from apps.inference.heartbeat import this_host
from apps.inference.models import Worker
from apps.users.models import User
from engines.wiring import quick_redis_client
from rag.ports import ChatModel, Delta, Message, Usage, never
from rag.types import Found

FACTS = (
    "A traveller books the hotel through the travel desk, and the company pays up to 140 euros a night.",
    "Receipts of a journey are handed in within thirty days, else the costs are not paid back.",
    "Trains are booked in second class; first class needs the consent of the head of department.",
)
QUESTION = "How much does the company pay for a hotel night of a traveller?"


@dataclass
class World:
    """Anna is a member of the collection, Ben is not."""

    anna: User
    ben: User
    handbook: Collection
    policy: Document
    chunks: list[Chunk]

    def ask(self, question: str = QUESTION, **more: Any) -> Answer:
        """Anna asks the handbook."""
        return services.ask(by=self.anna, question=question, collections=[self.handbook.pk], **more)

    def search(self, _query: str) -> Found:
        """Finds everything, the hotel first. As in production, no connection is left in use."""
        found = passages_of(self.anna, [chunk.pk for chunk in self.chunks])
        connection.close()
        return Found(tuple(found[chunk.pk] for chunk in self.chunks), {"embed": 1.5, "search": 2.5})


def make_world() -> World:
    """Rows as ingestion leaves them."""
    anna = User.objects.create_user("anna@example.org")
    ben = User.objects.create_user("ben@example.org")
    handbook = Collection.objects.create(name="Handbook", slug="handbook")
    Membership.objects.create(collection=handbook, user=anna, role="viewer")
    policy = Document.objects.create(collection=handbook, title="Travel policy")
    version = Version.objects.create(
        document=policy,
        file_name="travel.txt",
        stored_as="x",
        sha256="0" * 64,
        size=1,
        media_type="text/plain",
        state=State.READY,
        queued_at=timezone.now(),
        not_before=timezone.now(),
        chunk_count=len(FACTS),
    )
    text = "\n".join(FACTS)
    Page.objects.create(version=version, number=1, text=text)
    chunks = []
    for ordinal, fact in enumerate(FACTS):
        start = text.index(fact)
        chunks.append(
            Chunk.objects.create(
                version=version,
                ordinal=ordinal,
                page=1,
                start=start,
                end=start + len(fact),
                text=fact,
                kind="text",
                text_hash=str(ordinal) * 64,
            )
        )
    policy.current = policy.latest = version
    policy.save()
    return World(anna, ben, handbook, policy, chunks)


@dataclass
class ScriptedModel(ChatModel):
    """Writes the pieces it was given. `before` is called with the number of each piece before it comes."""

    pieces: Sequence[str]
    before: Callable[[int], None] = lambda _n: None
    error: Exception | None = None
    name: str = "scripted"
    model: str = "tiny"
    context_window: int = 8192
    prompts: list[Sequence[Message]] = field(default_factory=list)
    closed: bool = False

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> Generator[Delta, None, None]:
        self.prompts.append(messages)
        try:
            for n, piece in enumerate(self.pieces):
                self.before(n)
                yield Delta(piece)
            if self.error:
                raise self.error
            yield Delta(usage=Usage(120, len(self.pieces), 20), finish="stop")
        finally:
            self.closed = True

    def cost(self, usage: Usage) -> float:
        return usage.completion_tokens * 0.5


def worker(*, alive: bool = True) -> UUID:
    """The id of a worker process that lives (this one), or of one that was killed half a minute ago."""
    now = timezone.now()
    row = Worker(id=uuid7(), role="answers", host=this_host(), pid=os.getpid(), beat_at=now)
    if not alive:
        row.host, row.beat_at = "elsewhere", now - timedelta(seconds=30)
    row.save()
    return row.id


def lose_stream(answer: Answer) -> None:
    """What an emptied Redis does to an answer's events."""
    quick_redis_client().delete(eventlog.stream_key(answer.pk))


@dataclass(frozen=True)
class Sent:
    """A server-sent event as a browser reads it."""

    id: int
    event: str
    data: dict[str, Any]


def parse(raw: bytes) -> list[Sent]:
    """Events of a text/event-stream; comments are left out."""
    events = []
    for block in raw.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if fields:
            events.append(Sent(int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return events


def events(answer: Answer, user: User, after: int = 0) -> AsyncIterator[bytes]:
    """The stream a view would send."""
    return selectors.stream(answer_id=answer.pk, after=after, user_id=user.pk)


async def read(answer: Answer, user: User, after: int = 0) -> list[Sent]:
    """Reads to the end."""
    return parse(b"".join([piece async for piece in events(answer, user, after)]))


def text_of(sent: Sequence[Sent]) -> str:
    """The answer's text as a reader puts it together."""
    return "".join(event.data["text"] for event in sent if event.event == "token")
