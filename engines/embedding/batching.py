"""Joins the queries of many threads into batches, without making one that comes alone wait."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue

from rag.ports import Vectors


class MicroBatcher:
    """Gives each caller its row of `run([...])`, called in one thread with whatever has gathered.

    A query that comes alone is run at once; those that come while the encoder is busy are run together,
    at most `limit` at a time. An error that `run` raises reaches every caller of that batch.
    """

    def __init__(self, run: Callable[[Sequence[str]], Vectors], *, limit: int = 16) -> None:
        self._run = run
        self._limit = limit
        self._starting = threading.Lock()
        self._begin()

    def __call__(self, text: str) -> Vectors:
        """float32, shape (dimension,). Waits for the batch that the text goes with."""
        if self._process != os.getpid():  # a forked child inherits the object but not the thread
            with self._starting:
                if self._process != os.getpid():
                    self._begin()
        future: Future[Vectors] = Future()
        self._waiting.put((text, future))
        self._worker.submit(self._run_gathered)
        return future.result()

    def waiting(self) -> int:
        """How many queries wait for the batch that is running."""
        return self._waiting.qsize()

    def _begin(self) -> None:
        self._waiting: SimpleQueue[tuple[str, Future[Vectors]]] = SimpleQueue()
        # An executor rather than a daemon thread: it is joined before the interpreter ends. A daemon
        # that is inside the encoder's C++ at that moment aborts the process.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="query-encoder")
        self._process = os.getpid()

    def _run_gathered(self) -> None:
        """One call is submitted per query, so those whose query went with an earlier batch find nothing."""
        batch = self._gather()
        if not batch:
            return
        try:
            rows = self._run([text for text, _ in batch])
        except Exception as error:
            for _, future in batch:
                future.set_exception(error)
        else:
            for (_, future), row in zip(batch, rows, strict=True):
                future.set_result(row)

    def _gather(self) -> list[tuple[str, Future[Vectors]]]:
        batch: list[tuple[str, Future[Vectors]]] = []
        while len(batch) < self._limit:
            try:
                batch.append(self._waiting.get_nowait())
            except Empty:
                break
        return batch
