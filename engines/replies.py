"""One answer to one request over Redis: the asker waits on a list of its own, the worker pushes to it once.

Lighter than a Celery result backend (no polling, no subscription shared by threads): 2 round trips, and
any number of threads may wait at once, each on a connection of the client's pool.
"""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import redis as redis_py

from engines.queues import QueueUnavailable
from rag.errors import RagError, SearchUnavailable

KEEP_SECONDS = 60
"""How long an answer that nobody waits for any more stays in Redis."""
SLICE_SECONDS = 0.5
"""One wait at a time, shorter than the client's own time-out, so that a Redis that hangs is seen within it."""


class ReplyError(RagError):
    """The worker answered with an error: `code` is stable, `message` one sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def ask(redis: redis_py.Redis, send: Callable[[str], None], *, timeout: float) -> Any:
    """Calls `send(key)`, which must lead a worker to `reply` to that key, and waits for it up to `timeout` s.

    Returns what the worker gave (plain JSON). Raises SearchUnavailable when nothing answers in time or Redis
    is down or hangs, ReplyError when the worker answered with an error. `redis` decodes responses and has a
    `socket_timeout` above SLICE_SECONDS (`engines.wiring.quick_redis_client`).
    """
    key = f"reply:{uuid4()}"
    until = time.monotonic() + timeout
    item = None
    try:
        send(key)
        while item is None and (left := until - time.monotonic()) > 0:
            item = redis.blpop([key], timeout=min(SLICE_SECONDS, left))
    except (redis_py.RedisError, QueueUnavailable, OSError) as error:
        raise SearchUnavailable("Search cannot be reached; try again in a few seconds.") from error
    if item is None:
        raise SearchUnavailable("Search did not answer in time; try again in a few seconds.")
    envelope = json.loads(item[1])
    if "error" in envelope:
        raise ReplyError(envelope["error"]["code"], envelope["error"]["message"])
    return envelope["payload"]


def reply(redis: redis_py.Redis, key: str, payload: Any) -> None:
    """Answers the request that waits on `key`; `payload` is plain JSON."""
    _push(redis, key, {"payload": payload})


def reply_error(redis: redis_py.Redis, key: str, code: str, message: str) -> None:
    """Answers with an error; the asker raises ReplyError."""
    _push(redis, key, {"error": {"code": code, "message": message}})


def _push(redis: redis_py.Redis, key: str, envelope: dict[str, Any]) -> None:
    with redis.pipeline() as pipe:
        pipe.rpush(key, json.dumps(envelope))
        pipe.expire(key, KEEP_SECONDS)
        pipe.execute()
