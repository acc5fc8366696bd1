"""Short looks into the database from async code that streams for hours."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

T = TypeVar("T")


class ShortReads:
    """Few threads for all readers' looks, not one for each idle reader; none is started before the first look.

    Called with a function, it gives what that returns. The thread's database connection is given back before.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def __call__(self, function: Callable[[], T]) -> T:
        def look() -> T:
            try:
                return function()
            finally:
                close_old_connections()

        return await sync_to_async(look, thread_sensitive=False, executor=self._pool)()
