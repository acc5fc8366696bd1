"""How far a version is, told to the database often enough to be watched and seldom enough to cost nothing."""

import time

from apps.documents.ingestion.lease import Lease, patiently
from apps.documents.models import State

EVERY_SECONDS = 0.3


class Progress:
    """Writes stage, done and total through the lease, at most every EVERY_SECONDS except for a new stage."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._state = State.QUEUED
        self._told_at = 0.0
        self.total = 0

    def enter(self, state: State, total: int = 0) -> None:
        """A new stage. Raises LostLease."""
        self._state, self.total = state, total
        self._told_at = time.monotonic()
        patiently(lambda: self._lease.write(state=state, progress_done=0, progress_total=total))

    @property
    def due(self) -> bool:
        """Whether it is time to tell again."""
        return time.monotonic() - self._told_at >= EVERY_SECONDS

    def values(self, done: int) -> dict[str, int]:
        """The columns, for a write that is made anyway; counts as told."""
        self._told_at = time.monotonic()
        return {"progress_done": done, "progress_total": max(done, self.total)}
