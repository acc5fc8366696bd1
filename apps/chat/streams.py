"""An answer's events for one reader, as server-sent events (WHATWG HTML, section 9.2).

They come from Redis while it has them without a gap, else from the database once the answer is whole. A
reader holds one Redis connection, at most a handful of entries, and no database connection while it waits.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from django.db import DatabaseError, InterfaceError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from apps.chat.eventlog import FINAL, Entry, stream_key
from apps.chat.models import UNFINISHED, Answer
from apps.chat.shapes import answer_json, sources_json
from apps.short_reads import ShortReads
from apps.users import selectors as users
from engines.wiring import async_redis_client

PING_SECONDS = 10.0
BLOCK_SECONDS = 1.0
CHECK_SECONDS = 3.0
"""How often a reader's right to read is looked at; disabling an account ends its streams within 5 s."""
CHECK_SECONDS_WITHOUT_REDIS = 1.0
AT_ONCE = 50
READING_THREADS = 8
_read = ShortReads(READING_THREADS, "stream-reads")


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand between a reader and an answer."""

    allowed: bool
    final: bool


def sse(*, seq: int, event: str, data: dict[str, Any]) -> bytes:
    """One server-sent event; JSON has no line breaks, so the data is one line."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {seq}\nevent: {event}\ndata: {text}\n\n".encode()


async def stream(
    *, answer_id: UUID, after: int = 0, user_id: UUID, key_id: str = "", session: str = ""
) -> AsyncIterator[bytes]:
    """The events after number `after` as server-sent events, until the final one.

    A comment comes at once and after every 10 s of silence. Resuming after any number gives the same text.
    It just ends where the answer is not (or no longer) this person's, the account or key is disabled, or
    the session (its key, for a browser) has ended.
    """
    reader = Reader(answer_id=answer_id, after=max(after, 0), user_id=user_id, key_id=key_id, session=session)
    spoke = time.monotonic()
    yield b": footnote\n\n"
    try:
        async with aclosing(reader.entries()) as entries:
            async for entry in entries:
                if entry is not None:
                    yield await _told(entry, answer_id, user_id)
                    spoke = time.monotonic()
                elif time.monotonic() - spoke >= PING_SECONDS:
                    spoke = time.monotonic()
                    yield b": ping\n\n"
    except _Gone:
        return
    finally:
        await reader.close()


async def wait_until_done(*, answer_id: UUID, timeout: float, user_id: UUID, key_id: str = "") -> bool:
    """Waits for the end of an answer, at most `timeout` seconds; whether it came. Returns early, with
    False, when the reader may no longer read."""
    reader = Reader(answer_id=answer_id, after=0, user_id=user_id, key_id=key_id)
    with suppress(TimeoutError, _Gone):
        async with asyncio.timeout(timeout), aclosing(reader.entries()) as entries:
            async for _ in entries:
                pass
    await reader.close()
    return (await _read(lambda: _standing(answer_id, user_id, key_id))).final


class _Gone(Exception):
    """The answer was deleted while it was read."""


class Reader:
    """One reader of one answer."""

    def __init__(self, *, answer_id: UUID, after: int, user_id: UUID, key_id: str, session: str = "") -> None:
        self.answer_id = answer_id
        self.user_id = user_id
        self.key_id = key_id
        self.session = session
        self.last = after
        self._redis = async_redis_client()
        self._redis.set_retry(Retry(NoBackoff(), 0))
        self._gap = False  # Redis lacks an event that this reader has not had
        self._checked = float("-inf")
        self._check_every = CHECK_SECONDS

    async def close(self) -> None:
        """Gives the Redis connection back."""
        with suppress(redis.RedisError, OSError):
            await self._redis.aclose()

    async def entries(self) -> AsyncGenerator[Entry | None, None]:
        """Events until the final one, or until reading is no longer allowed; None after each second of
        silence."""
        while True:
            final = False
            if time.monotonic() - self._checked >= self._check_every:
                standing = await self._check()
                if not standing.allowed:
                    return
                final = standing.final
                self._checked = time.monotonic()
            entries = await self._next(wait=not final)
            if final and not entries:
                entries = await _read(lambda: _rest(self.answer_id, self.last))
            for entry in entries:
                self.last = entry.seq
                yield entry
                if entry.event in FINAL:
                    return
            if not entries:
                yield None

    async def _check(self) -> Standing:
        try:
            return await _read(lambda: _standing(self.answer_id, self.user_id, self.key_id, self.session))
        except (DatabaseError, InterfaceError):
            # Nobody can say that this reader may read on. A browser comes back by itself.
            return Standing(allowed=False, final=False)

    async def _next(self, *, wait: bool) -> list[Entry]:
        """What follows without a gap, within a second; empty when nothing came or Redis cannot tell."""
        if not self._gap:
            block = int(BLOCK_SECONDS * 1000) if wait else None
            try:
                async with asyncio.timeout(2 * BLOCK_SECONDS):
                    return self._without_gap(await self._read_redis(block))
            except (redis.RedisError, OSError):  # a TimeoutError is an OSError
                pass
        self._check_every = CHECK_SECONDS_WITHOUT_REDIS
        await asyncio.sleep(BLOCK_SECONDS / 2 if wait else 0)
        return []

    async def _read_redis(self, block: int | None) -> list[Entry]:
        found: Any = await self._redis.xread({stream_key(self.answer_id): f"{self.last}-0"}, count=AT_ONCE, block=block)
        return [Entry.from_redis(row) for _, rows in found or [] for row in rows]

    def _without_gap(self, entries: list[Entry]) -> list[Entry]:
        following = [entry for seq, entry in enumerate(entries, start=self.last + 1) if entry.seq == seq]
        self._gap = len(following) < len(entries)
        self._check_every = CHECK_SECONDS_WITHOUT_REDIS if self._gap else CHECK_SECONDS
        return following


async def _told(entry: Entry, answer_id: UUID, user_id: UUID) -> bytes:
    """The event as readers get it: passages and the whole answer are read now, under the reader's rights."""
    event, data = entry.event, entry.data
    if event == "sources":
        data = await _read(lambda: _sources(answer_id, entry.data["passages"]))
    elif event in FINAL:
        event, data = await _read(lambda: _ending(answer_id, user_id))
    return sse(seq=entry.seq, event=event, data=data)


def rest_of_text(answer: Answer, after: int) -> tuple[str, int]:
    """What a reader of the events up to `after` lacks, and the number of the event that ended it."""
    end = max((end for seq, end in answer.marks if seq <= after), default=0)
    return answer.text[end:], max((seq for seq, _ in answer.marks), default=after)


def _rest(answer_id: UUID, after: int) -> list[Entry]:
    """The last events of an ended answer, from the database: the text that is lacking, and the end."""
    answer = Answer.objects.filter(pk=answer_id).first()
    if answer is None:
        raise _Gone
    rest, seq = rest_of_text(answer, after)
    told = [Entry(seq, "token", {"text": rest})] if rest else []
    return [*told, Entry(max(answer.final_seq, after), FINAL[0], {})]


def _standing(answer_id: UUID, user_id: UUID, key_id: str, session: str = "") -> Standing:
    own = Answer.objects.filter(pk=answer_id, conversation__owner=user_id, conversation__owner__is_active=True)
    status = own.values_list("status", flat=True).first()
    allowed = status is not None and (not key_id or users.key_still_usable(key_id))
    allowed = allowed and (not session or users.session_lives(session))
    return Standing(allowed=allowed, final=allowed and status not in UNFINISHED)


def _ending(answer_id: UUID, user_id: UUID) -> tuple[str, dict[str, Any]]:
    """The final event of an answer that is whole or ended early."""
    own = Answer.objects.filter(pk=answer_id, conversation__owner=user_id)
    answer = own.select_related("conversation__owner").first()
    if answer is None:
        raise _Gone
    whole = answer_json(answer, answer.conversation.owner)
    if not answer.error_code:
        return "done", whole
    return "error", {"code": answer.error_code, "message": answer.error_message, "answer": whole}


def _sources(answer_id: UUID, found: list[dict[str, Any]]) -> dict[str, Any]:
    answer = Answer.objects.select_related("conversation__owner").filter(pk=answer_id).first()
    if answer is None:
        raise _Gone
    return {"passages": sources_json(answer.conversation.owner, found)}
