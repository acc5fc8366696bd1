"""A failed endpoint is passed over for a few seconds, by all processes, so that not every question waits
for it. What is known lies in Redis and expires by itself; without Redis nothing is passed over."""

import logging
from collections.abc import Iterable

import redis

from engines.wiring import quick_redis_client

PASSED_OVER_SECONDS = 5
"""Short enough that an endpoint is used again within 10 s of its return."""

logger = logging.getLogger(__name__)


def _key(name: str) -> str:
    return f"endpoint:{name}:failed"


def trip(name: str, reason: str) -> None:
    """Passes the endpoint over for a while."""
    try:
        quick_redis_client().set(_key(name), reason[:500], ex=PASSED_OVER_SECONDS)
    except redis.RedisError as error:
        logger.debug("the failure of %s is not remembered: %s", name, error)


def mend(name: str) -> None:
    """The endpoint answers: it is used again at once."""
    try:
        quick_redis_client().delete(_key(name))
    except redis.RedisError as error:
        logger.debug("the return of %s is seen when its failure expires: %s", name, error)


def tripped(names: Iterable[str]) -> set[str]:
    """Which of these failed in the last seconds."""
    asked = list(names)
    if not asked:
        return set()
    try:
        reasons = quick_redis_client().mget([_key(name) for name in asked])
    except redis.RedisError:
        return set()
    return {name for name, reason in zip(asked, reasons, strict=True) if reason is not None}
