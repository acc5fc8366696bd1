"""How far a version is, told to the database often enough to be watched and seldom enough to cost nothing."""

import time

from apps.documents.ingestion.lease import Lease, patiently
from apps.documents.models import State

EVERY_SECONDS = 0.3


class Progress:
    """Writes stage, done and total through the lease, at most every EVERY_SECONDS: what takes no longer, as with
    most small documents, is told with the next write that is made anyway. A lease was taken for EXTRACTING."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._state = State.EXTRACTING
        self._told_at = time.monotonic()
        self.total = 0

    def enter(self, state: State, total: int = 0, *, is_long: bool = False) -> None:
        """A new stage; `is_long` says that nothing will be written for a while. Raises LostLease."""
        self._state, self.total = state, total
        if is_long or self.due:
            patiently(lambda: self._lease.write(**self.values(0)))

    @property
    def due(self) -> bool:
        """Whether it is time to tell again."""
        return time.monotonic() - self._told_at >= EVERY_SECONDS

    def values(self, done: int) -> dict[str, object]:
        """The columns, for a write that is made anyway; counts as told."""
        self._told_at = time.monotonic()
        return {"state": self._state, "progress_done": done, "progress_total": max(done, self.total)}
