"""Whether this installation can serve, found out in under two seconds whatever hangs."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from functools import cache
from typing import TypeVar

import redis
from django.db import DatabaseError, InterfaceError, connection

from apps.inference import selectors as inference
from engines import queues
from engines.wiring import quick_redis_client

NEEDED_WORKERS = ("search", "answers")
SECONDS = 1.5
OK = "ok"

T = TypeVar("T")

logger = logging.getLogger(__name__)


def checks() -> dict[str, str]:
    """`ok`, or what is wrong, for: database, redis, search, answers (a live worker of each)."""
    asking_redis, asking_database = _threads().submit(_redis), _threads().submit(_workers)
    workers = _result(asking_database)
    return {
        "database": workers if isinstance(workers, str) else OK,
        "redis": _result(asking_redis),
        **{role: _has(role, workers) for role in NEEDED_WORKERS},
    }


@cache
def _threads() -> ThreadPoolExecutor:
    """A few, so that a database that hangs holds a few threads and not one for each probe."""
    return ThreadPoolExecutor(4, thread_name_prefix="readyz")


def _result(check: "Future[T]") -> T | str:
    try:
        return check.result(timeout=SECONDS)
    except TookTooLong:
        check.cancel()
        return f"no answer within {SECONDS:g} s"


def _has(role: str, workers: list[str] | str) -> str:
    if isinstance(workers, str):
        return "unknown while the database is away"
    found = any(worker.partition("@")[0] == role for worker in workers)
    return OK if found else f"no {role} process is running"


def _redis() -> str:
    try:
        quick_redis_client().ping()
    except redis.RedisError as error:
        logger.warning("redis: %s", error)
        return "away"
    return OK


def _workers() -> list[str] | str:
    try:
        return inference.living_roles()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("database: %s", error)
        return "away"
    finally:
        connection.close()


# ------------------------------------------------------------------------------------------- metrics
QUEUES = ("search", "answers", "ingest")


def queue_lengths() -> dict[str, int]:
    """How many tasks wait in each queue; empty while Redis is away."""
    try:
        return {queue: queues.depth(queue) for queue in QUEUES}
    except queues.QueueUnavailable:
        return {}


def worker_counts() -> dict[str, int]:
    """How many processes of each role live; empty while the database is away."""
    found = _result(_threads().submit(_workers))
    if isinstance(found, str):
        return {}
    roles = [role.partition("@")[0] for role in found]
    return {role: roles.count(role) for role in sorted(set(roles))}
