"""Collections, documents and sources in the admin panel. Every write goes through the services."""

from apps.documents.admin.collections import CollectionAdmin
from apps.documents.admin.documents import DocumentAdmin
from apps.documents.admin.sources import SourceAdmin

__all__ = ["CollectionAdmin", "DocumentAdmin", "SourceAdmin"]
