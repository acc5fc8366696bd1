"""Collections and documents in the admin panel. Every write goes through the services."""

from apps.documents.admin.collections import CollectionAdmin
from apps.documents.admin.documents import DocumentAdmin

__all__ = ["CollectionAdmin", "DocumentAdmin"]
