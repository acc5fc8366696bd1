"""A version's way from a file to passages that can be found, and what puts it back on that way."""

from apps.documents.ingestion.reconciling import reconcile
from apps.documents.ingestion.syncing import sync
from apps.documents.ingestion.work import ingest, ingest_next

__all__ = ["ingest", "ingest_next", "reconcile", "sync"]
