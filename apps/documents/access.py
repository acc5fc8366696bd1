"""Who may write. Reads are QuerySet methods (`visible_to`); writes ask here, once, before anything else.

The rule for staff: **a manager, that is an active staff account with the permission
`documents.change_collection`, may write in every collection**, because the admin panel shows managers all of
them. It holds for writes, and for `selectors.search_in`, by which a manager tries in the admin panel what a collection
finds. Chat, search and the API resolve ids by `visible_to` first, so there a manager who is not a member finds
nothing to write to.
"""

from typing import TYPE_CHECKING

from apps.documents.errors import NotAllowed, NotFound
from apps.documents.models import Collection, Document

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apps.users.models import User


def is_manager(user: "User") -> bool:
    """Whether the admin panel lets this account manage every collection."""
    return user.is_active and user.is_staff and user.has_perm("documents.change_collection")


def editable(user: "User") -> "QuerySet[Collection]":
    """The collections that a person may upload to: a manager's are all, another's those they are an editor of."""
    return Collection.objects.all() if is_manager(user) else Collection.objects.editable_by(user)


def require_editor(user: "User", collection: Collection) -> None:
    """Raises NotFound to strangers and NotAllowed to those who may only read."""
    if not editable(user).filter(pk=collection.pk).exists():
        _refuse(user, collection, "editor")


def require_owner(user: "User", collection: Collection) -> None:
    """Raises NotFound to strangers and NotAllowed to members who are not owners."""
    if not (Collection.objects.owned_by(user).filter(pk=collection.pk).exists() or is_manager(user)):
        _refuse(user, collection, "owner")


def require_document_editor(user: "User", document: Document) -> None:
    """As `require_editor`, for the collection the document lies in."""
    require_editor(user, document.collection)


def _refuse(user: "User", collection: Collection, role: str) -> None:
    if Collection.objects.visible_to(user).filter(pk=collection.pk).exists():
        raise NotAllowed(role)
    raise NotFound("collection")
