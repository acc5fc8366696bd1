"""Work put on a Celery queue by its name, with an answer within two seconds whether it lies there."""

from typing import Any

import redis
from celery import current_app
from kombu.exceptions import OperationalError

from engines.wiring import quick_redis_client
from rag.errors import RagError


class QueueUnavailable(RagError):
    """The broker does not answer; nothing was queued."""


def send(task: str, *args: Any, expires: float | None = None) -> None:
    """Puts `task(*args)` on the queue its route names; `args` are plain JSON, `expires` is seconds.

    Raises QueueUnavailable within about 2 s. The broker is asked for a sign of life first: kombu alone tries
    for 7 s to reach a Redis that is down (measured, 5.7.0), and for `socket_timeout` to reach one that hangs.
    """
    try:
        quick_redis_client().ping()
        current_app.send_task(task, args, expires=expires, retry=False)
    except (redis.RedisError, OperationalError, OSError) as error:
        raise QueueUnavailable("The queue does not answer; try again in a few seconds.") from error


def depth(queue: str) -> int:
    """How many messages wait in a queue that no worker has taken. Raises QueueUnavailable."""
    try:
        return int(quick_redis_client().llen(queue))
    except (redis.RedisError, OSError) as error:
        raise QueueUnavailable("The queue does not answer; try again in a few seconds.") from error
