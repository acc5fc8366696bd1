"""A source and its documents are brought in step: what is new, changed or vanished is told apart and applied.

Safe to repeat and to break off anywhere: each entry is filed by itself, under the source and its key.
"""

import logging
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.utils import timezone

from apps.documents.errors import DocumentsError, NotFound
from apps.documents.ingestion.lease import give_connection_back, patiently
from apps.documents.models import Source
from apps.documents.services import placing
from apps.documents.services.sources import send_sync
from apps.inference import heartbeat
from engines import wiring
from engines.origins import OriginError, OriginRefused, OriginUnavailable

if TYPE_CHECKING:
    from engines.origins import Entry, Origin

REFUSALS_KEPT = 20
TELL_EVERY_SECONDS = 0.5
RETRY_AFTER = timedelta(minutes=15)
"""When a source that could not be reached is tried again, if it is synced by itself at all."""

logger = logging.getLogger(__name__)


class _Gone(Exception):
    """The source was removed, or another worker has it."""


def sync(source_id: UUID, worker_id: UUID) -> None:
    """Takes the source's lease and works through its entries; ends at once where another worker has it."""
    free = Q(lease__isnull=True) | Q(lease=worker_id) | ~Q(lease__in=heartbeat.living())
    mine = Source.objects.filter(free, pk=source_id)
    if not mine.update(lease=worker_id, seen=0, error="", outcome={}):
        return
    run = _Run(Source.objects.select_related("collection", "added_by").get(pk=source_id), worker_id)
    try:
        run.work()
    except _Gone:
        logger.info("source %s was taken away; this sync ends", source_id)
    except OriginError as error:
        hint = getattr(error, "hint", "")
        run.end(error=f"{error.message} {hint}".strip(), passing=isinstance(error, OriginUnavailable))
    except Exception:
        logger.exception("source %s: the sync broke", source_id)
        run.end(error="The sync broke inside Footnote; it was written to the log.", passing=True)


class _Run:
    """One sync of one source."""

    def __init__(self, source: Source, worker: UUID) -> None:
        self._source, self._worker = source, worker
        self._counts: Counter[str] = Counter()
        self._refusals: list[str] = []
        self._seen: set[str] = set()
        self._told_at = 0.0

    def work(self) -> None:
        """Every entry, then what is no longer among them."""
        source = self._source
        with wiring.origin(source.kind, source.address, source.options) as origin:
            give_connection_back()
            for entry in origin.entries():
                outcome = self._file(origin, entry)
                self._counts[outcome] += 1
                if outcome != "vanished":
                    self._seen.add(entry.key)
                self._tell()
            if origin.complete:
                self._counts["vanished"] = placing.remove_missing(source, self._seen)
        self.end()

    def end(self, *, error: str = "", passing: bool = False) -> None:
        """Lets go of the source and says how it went and when it is due again."""
        now = timezone.now()
        values = {"lease": None, "synced_at": now, "error": error, "outcome": self._outcome()}
        seen = sum(self._counts.values())
        patiently(lambda: self._update(seen=seen, due_at=self._next_due(now, passing=passing), **values))

    def _next_due(self, now: datetime, *, passing: bool) -> datetime | None:
        """By the schedule as it is now: somebody may have changed or paused it meanwhile."""
        fresh = Source.objects.filter(pk=self._source.pk).first()
        due = fresh.next_due(now) if fresh else None
        return min(due, now + RETRY_AFTER) if due and passing else due

    def _file(self, origin: "Origin", entry: "Entry") -> str:
        """What became of an entry: new, changed, unchanged, vanished, left_out, refused, unavailable."""
        place = placing.Place(source=self._source, key=entry.key, mark=entry.mark, title=entry.title)
        try:
            if placing.was_deleted(place):
                return "left_out"
            give_connection_back()
            with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR, suffix=".incoming") as folder:
                path = Path(folder) / "fetched"
                fetched = origin.fetch(entry, path, known_mark(place))
                if fetched is None:
                    return "unchanged"
                known = placing.Place(
                    source=self._source, key=entry.key, mark=fetched.mark, title=fetched.title or entry.title
                )
                return placing.place(known, path=path, name=fetched.name)
        except OriginUnavailable:
            return "unavailable"
        except OriginRefused as error:
            if error.code == "gone":
                return "vanished"
            return self._refused(entry, error.message)
        except NotFound:
            raise _Gone from None
        except DocumentsError as error:
            return self._refused(entry, error.message)
        except (OriginError, DatabaseError, InterfaceError):
            raise
        except Exception:  # one entry that breaks does not keep the others out
            logger.exception("source %s: %s broke", self._source.pk, entry.key)
            return self._refused(entry, "It broke inside Footnote; it was written to the log.")

    def _refused(self, entry: "Entry", why: str) -> str:
        if len(self._refusals) < REFUSALS_KEPT:
            self._refusals.append(f"{entry.key}: {why}")
        return "refused"

    def _outcome(self) -> dict[str, object]:
        return {**self._counts, **({"refusals": self._refusals} if self._refusals else {})}

    def _tell(self) -> None:
        """Shows how far it is; finds out whether it is still wanted."""
        if time.monotonic() - self._told_at >= TELL_EVERY_SECONDS:
            self._told_at = time.monotonic()
            patiently(lambda: self._update(seen=sum(self._counts.values()), outcome=self._outcome()))
            give_connection_back()

    def _update(self, **values: object) -> None:
        if not Source.objects.filter(pk=self._source.pk, lease=self._worker).update(**values):
            raise _Gone


def known_mark(place: placing.Place) -> str:
    """The mark that the place's document was fetched with; "" where it must be fetched again in any case."""
    document = placing.there(place)
    if document is None or document.latest is None or placing.may_pass(document.latest):
        return ""
    return document.mark


def send_due() -> int:
    """Sends the syncs that are due; those that a dead worker held are due again."""
    living = heartbeat.living()
    Source.objects.filter(lease__isnull=False).exclude(lease__in=living).update(lease=None, due_at=timezone.now())
    from_now = timezone.now() + timedelta(minutes=1)
    sent = 0
    for pk in list(Source.objects.filter(lease__isnull=True, due_at__lte=timezone.now()).values_list("pk", flat=True)):
        # Due again in a minute, should the broker forget it; the sync itself says when it is due next.
        if Source.objects.filter(pk=pk, lease__isnull=True, due_at__lte=timezone.now()).update(due_at=from_now):
            sent += send_sync(pk)
    return sent
