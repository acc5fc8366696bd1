"""Whether an answer's writer should stop, cheap enough to be asked after every token."""

import time
from collections.abc import Callable
from uuid import UUID

import redis
from django.db import DatabaseError, InterfaceError, close_old_connections

from apps.chat.eventlog import stop_key
from apps.chat.models import Answer
from engines.wiring import quick_redis_client

REDIS_SECONDS = 0.2
DATABASE_SECONDS = 3.0
DATABASE_SECONDS_WITHOUT_REDIS = 0.5


class StopFlag:
    """True once the reader stopped it, deleted it, or lost the account. Looks into Redis five times a
    second at most, and now and then into the database, which knows what a Redis that was away does not."""

    def __init__(self, answer_id: UUID, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._answer_id = answer_id
        self._clock = clock
        self._stopped = False
        self._redis_due = 0.0
        self._database_due = clock() + DATABASE_SECONDS

    def __call__(self) -> bool:
        now = self._clock()
        if not self._stopped and now >= self._redis_due:
            self._redis_due = now + REDIS_SECONDS
            self._stopped = self._in_redis(now)
        if not self._stopped and now >= self._database_due:
            self._database_due = now + DATABASE_SECONDS
            self._stopped = self._in_database()
        return self._stopped

    def _in_redis(self, now: float) -> bool:
        try:
            return bool(quick_redis_client().exists(stop_key(self._answer_id)))
        except redis.RedisError:
            # A Redis that hangs costs a second each time it is asked.
            self._redis_due = now + DATABASE_SECONDS
            self._database_due = min(self._database_due, now + DATABASE_SECONDS_WITHOUT_REDIS)
            return False

    def _in_database(self) -> bool:
        row = Answer.objects.filter(pk=self._answer_id)
        try:
            found = row.values_list("stop_requested", "conversation__owner__is_active").first()
        except (DatabaseError, InterfaceError):
            return False
        finally:
            close_old_connections()
        if found is None:
            return True
        stop_requested, owner_is_active = found
        return stop_requested or not owner_is_active
