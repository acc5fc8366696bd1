"""One worker at a time works on a version, and one that lost it cannot write any more.

The lease is a column of the version: the id of the process that holds it (apps.inference.heartbeat). It is
taken by a conditional update, and every later write is conditional on it (a fence), so a worker that was
thought dead, was cancelled, or whose document was deleted does no harm: its next write finds no row.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.documents.models import UNFINISHED, Document, State, Version
from apps.inference import heartbeat

ASK_EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 90.0
"""Longer than a database may be locked or restarting (docs/operating.md) before a try is given up."""

CANDIDATES = 8
"""How many waiting versions are looked at in one query; other workers may take the first of them meanwhile."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


class LostLease(Exception):
    """Somebody else has the version now, or nobody should: cancelled, replaced, deleted. Stop quietly."""


def patiently(write: Callable[[], T]) -> T:
    """The result of a database write, tried again while the database is locked, restarting or in a deadlock."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() > give_up:
                raise
            logger.warning("the database does not take a write, trying again: %s", error)
            connection.close()
            time.sleep(1)


def give_connection_back() -> None:
    """Nothing is held while a child parses or an encoder computes. SQLite has no pool that runs dry: there an idle
    connection costs nothing, and opening one again takes longer than most of what is asked."""
    if not connection.in_atomic_block and connection.vendor != "sqlite":
        connection.close()


class Lease:
    """A version held by a worker."""

    def __init__(self, version: UUID, worker: UUID) -> None:
        self.version = version
        self.worker = worker
        self._asked_at = time.monotonic()

    @classmethod
    def take(cls, version: UUID, worker: UUID) -> "Lease | None":
        """The lease, or None where the version is finished, gone, in living hands, or tried often enough.

        A lease in the worker's own name is left over from a task that broke: a worker holds one at a time.
        """
        free = Q(lease__isnull=True) | Q(lease=worker) | ~Q(lease__in=heartbeat.living())
        # No join: Django would look for the row in a subquery, and PostgreSQL does not ask that again when the
        # row it waited for has been taken by another worker meanwhile (READ COMMITTED).
        present = Document.objects.filter(deleted_at__isnull=True)
        waiting = Version.objects.filter(free, pk=version, state__in=UNFINISHED, document__in=present)
        taken = waiting.filter(attempts__lt=settings.INGEST_ATTEMPTS).update(
            lease=worker,
            attempts=F("attempts") + 1,
            state=State.EXTRACTING,
            started_at=timezone.now(),
            finished_at=None,
            progress_done=0,
            progress_total=0,
            warnings=[],
        )
        return cls(version, worker) if taken else None

    @classmethod
    def take_next(cls, worker: UUID) -> "Lease | None":
        """The lease on the version whose turn it is, or None where none is due."""
        due = Version.objects.due(timezone.now()).filter(attempts__lt=settings.INGEST_ATTEMPTS)
        leases = (cls.take(version, worker) for version in list(due.values_list("pk", flat=True)[:CANDIDATES]))
        return next((lease for lease in leases if lease is not None), None)

    def write(self, **values: Any) -> None:
        """Updates the version; at least one value. Raises LostLease where it is no longer held."""
        if not Version.objects.filter(pk=self.version, lease=self.worker).update(**values):
            raise LostLease

    def confirm(self) -> None:
        """Raises LostLease where it is no longer held; within a transaction nobody takes it until the end."""
        self.write(lease=self.worker)

    @contextmanager
    def fenced(self, **values: Any) -> Iterator[None]:
        """A transaction that begins with a write to the held version; its row lock keeps cancel and delete
        waiting until the rest is written, so nothing can be added to what they took away."""
        with transaction.atomic():
            self.write(**values)
            yield

    def is_lost(self) -> bool:
        """Asked as often as one likes; looks at most every half second. A database that does not answer
        proves nothing."""
        if time.monotonic() - self._asked_at < ASK_EVERY_SECONDS:
            return False
        self._asked_at = time.monotonic()
        try:
            return not Version.objects.filter(pk=self.version, lease=self.worker).exists()
        except (OperationalError, InterfaceError):
            return False
        finally:
            give_connection_back()
