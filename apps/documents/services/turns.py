"""Whose turn it is: waiting versions are taken lowest turn first (docs/adr/0008).

Start-time fair queueing over uploaders: a person's next version starts where their last one ends, but never
before what is being taken now. So five thousand files of one person and one of another share the workers, and
the one file does not wait for the five thousand.
"""

from uuid import UUID

from django.db.models import Max, Min

from apps.documents.models import UNFINISHED, State, Version

SMALLEST_COST = 1.0
MEGABYTE = 1_000_000


def cost(size: int) -> float:
    """What a file of this many bytes counts: one, and one more for each megabyte."""
    return SMALLEST_COST + size / MEGABYTE


def next_turn(uploader_id: UUID | None, size: int) -> float:
    """The turn of a version that begins to wait now; `size` is its file's, in bytes."""
    now = Version.objects.filter(state__in=UNFINISHED).aggregate(least=Min("turn"))["least"] or 0.0
    waiting = Version.objects.filter(state=State.QUEUED, uploaded_by=uploader_id)
    mine = waiting.aggregate(most=Max("turn"))["most"]
    return now if mine is None else max(now, mine) + cost(size)
