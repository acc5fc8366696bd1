"""The events of one answer in a Redis stream: the entry id is the event's number, `<seq>-0`, from 1.

Redis holds them only for those who read along. The writer remembers what it has said, so a Redis that was
away or lost everything gets it all again; and an event names passages by id, never by their text, so
nothing of a deleted document stays here.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from django.conf import settings

from engines.wiring import quick_redis_client

AT_ONCE = 500
LONGEST_PAUSE_SECONDS = 5.0
FINAL = ("done", "error")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """Event number `seq` of an answer, as it is stored: `data` is plain JSON."""

    seq: int
    event: str
    data: dict[str, Any]

    @classmethod
    def from_redis(cls, row: Any) -> "Entry":
        """An entry as XRANGE and XREAD give it: its id and its fields."""
        entry_id, fields = row
        return cls(int(entry_id.partition("-")[0]), fields["event"], json.loads(fields["data"]))


def stream_key(answer_id: UUID) -> str:
    """Where the events of an answer lie in Redis."""
    return f"answer:{answer_id}"


def stop_key(answer_id: UUID) -> str:
    """Set once somebody asked to stop; gone with the stream."""
    return f"answer:{answer_id}:stop"


class EventLog:
    """The writer's end. One thread uses it; it never raises because of Redis and never waits for it long."""

    def __init__(self, answer_id: UUID, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = stream_key(answer_id)
        self._said: list[tuple[str, str]] = []
        self._kept = 0  # how many of those Redis has
        self._clock = clock
        self._not_before = 0.0
        self._pause = 0.0
        self._expiry_due = 0.0
        self.overtaken = False
        """Somebody else ended this answer: the reconciler took this process for dead."""

    @property
    def last(self) -> int:
        """The number of the newest event, 0 before the first."""
        return len(self._said)

    def append(self, event: str, data: dict[str, Any]) -> int:
        """The new event's number."""
        self._said.append((event, json.dumps(data, ensure_ascii=False, separators=(",", ":"))))
        self.push()
        return self.last

    def push(self) -> None:
        """Gives Redis what it has not got yet; after a failure it is left alone for a while."""
        if self.overtaken or self._clock() < self._not_before:
            return
        try:
            if self._pause:
                # Redis was away: a restart may have cost it the newest events.
                self._recount()
            while self._kept < self.last and not self.overtaken:
                self._push_some()
            self._pause = 0.0
        except redis.RedisError as error:
            self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2 or 1.0)
            self._not_before = self._clock() + self._pause
            logger.warning("%s goes on without Redis: %s", self._key, error)

    def _push_some(self) -> None:
        batch = self._said[self._kept : self._kept + AT_ONCE]
        pipeline = quick_redis_client().pipeline(transaction=False)
        for seq, (event, data) in enumerate(batch, start=self._kept + 1):
            # From the second event on, a stream that is not there was lost and must not begin in its middle.
            pipeline.xadd(self._key, {"event": event, "data": data}, id=f"{seq}-0", nomkstream=seq > 1)
        if renew := self._clock() >= self._expiry_due:
            pipeline.expire(self._key, settings.STREAM_KEEP_SECONDS)
        results = pipeline.execute(raise_on_error=False)
        if refused := [result for result in results if isinstance(result, Exception)]:
            self._after_refusal(refused[0])
        elif results[0] is None:
            self._kept, self._expiry_due = 0, 0.0
        else:
            self._kept += len(batch)
            if renew:
                self._expiry_due = self._clock() + settings.STREAM_KEEP_SECONDS / 4

    def _after_refusal(self, refusal: Exception) -> None:
        """A number was refused: an earlier try got through unnoticed, or somebody else wrote."""
        before = self._kept
        self._recount()
        if self._kept == before:
            raise redis.RedisError(f"Redis refuses the next event: {refusal}")

    def _recount(self) -> None:
        newest = quick_redis_client().xrevrange(self._key, count=1)
        self._kept = Entry.from_redis(newest[0]).seq if newest else 0
        self.overtaken = self._kept > self.last

    def close(self) -> None:
        """After the final event: one more try to give Redis what it lacks, however it did before."""
        self._not_before = 0.0
        self.push()


def read_all(answer_id: UUID) -> list[Entry]:
    """The events from the first one on, as far as none is missing. Raises redis.RedisError."""
    entries = [Entry.from_redis(row) for row in quick_redis_client().xrange(stream_key(answer_id)) or []]
    return [entry for n, entry in enumerate(entries, start=1) if entry.seq == n]


def append_final(answer_id: UUID, seq: int, event: str, data: dict[str, Any]) -> None:
    """Ends a stream whose writer is gone. Without Redis nothing is lost: readers turn to the database."""
    try:
        client = quick_redis_client()
        client.xadd(stream_key(answer_id), {"event": event, "data": json.dumps(data)}, id=f"{seq}-0")
        client.expire(stream_key(answer_id), settings.STREAM_KEEP_SECONDS)
    except redis.RedisError as error:
        logger.warning("the end of answer %s is only in the database: %s", answer_id, error)


def ask_to_stop(answer_id: UUID) -> None:
    """Lets the writer see it within a fifth of a second; without Redis it looks into the database."""
    try:
        quick_redis_client().set(stop_key(answer_id), "1", ex=settings.STREAM_KEEP_SECONDS)
    except redis.RedisError as error:
        logger.warning("the stop of answer %s goes by the database: %s", answer_id, error)


def forget(answer_id: UUID) -> None:
    """Takes the events of a deleted answer out of Redis; what cannot be reached expires by itself."""
    try:
        quick_redis_client().delete(stream_key(answer_id))
    except redis.RedisError as error:
        logger.warning("the events of answer %s expire by themselves: %s", answer_id, error)
