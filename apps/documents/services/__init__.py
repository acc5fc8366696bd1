"""Everything that changes collections and documents: keyword-only, `by=` first, permission checked first.

Errors are of one small tree (`apps.documents.errors`), given out here for the rooms above. Staff: see
`apps.documents.access` for the one rule by which a manager may write where they are no member.
"""

from apps.documents.errors import Conflict, DocumentsError, NotAllowed, NotFound, Refused, ServiceUnavailable
from apps.documents.models import Role
from apps.documents.services.collections import (
    create_collection,
    delete_collection,
    remove_member,
    rename_collection,
    set_member,
)
from apps.documents.services.documents import activate, cancel, change_tags, delete, move, rename, retry, tag
from apps.documents.services.sources import (
    add_page,
    add_server_folder,
    add_source,
    change_source,
    remove_source,
    sync_source,
)
from apps.documents.services.uploads import Uploaded, replace, upload

__all__ = [
    "Conflict",
    "DocumentsError",
    "NotAllowed",
    "NotFound",
    "Refused",
    "Role",
    "ServiceUnavailable",
    "Uploaded",
    "activate",
    "add_page",
    "add_server_folder",
    "add_source",
    "cancel",
    "change_source",
    "change_tags",
    "create_collection",
    "delete",
    "delete_collection",
    "move",
    "remove_member",
    "remove_source",
    "rename",
    "rename_collection",
    "replace",
    "retry",
    "set_member",
    "sync_source",
    "tag",
    "upload",
]
