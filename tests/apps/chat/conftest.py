"""What the chat's tests share: a world, a Redis, and how to take the Redis away."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from pytest_django import Settings

from engines import wiring
from tests.apps.chat.world import World, make_world


@pytest.fixture
def world(transactional_db: None, redis_server: str) -> World:
    """People, a collection and a document; threads see the same database."""
    wiring.quick_redis_client().delete("answers")
    return make_world()


@pytest.fixture
def without_redis(settings: Settings) -> Callable[[], AbstractContextManager[None]]:
    """A context in which nobody answers where Redis should be."""

    @contextmanager
    def away() -> Iterator[None]:
        there = settings.REDIS_URL
        settings.REDIS_URL = "unix:///nowhere/valkey.sock"
        wiring.quick_redis_client.cache_clear()
        try:
            yield
        finally:
            settings.REDIS_URL = there
            wiring.quick_redis_client.cache_clear()

    return away
