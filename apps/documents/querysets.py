"""Reads with names. Permission is an argument: `visible_to(user)`, `editable_by(user)`."""

from datetime import datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from apps.users.models import User

READERS = ("viewer", "editor", "owner")
EDITORS = ("editor", "owner")
OWNERS = ("owner",)


def member(user: "User", roles: tuple[str, ...], memberships: str) -> Q:
    """True where a membership, in person or through a group, has one of the roles; `memberships` is the
    path to the membership rows. The two joins can repeat a row, so use it inside a subquery."""
    in_person = Q(**{f"{memberships}__user": user, f"{memberships}__role__in": roles})
    by_group = Q(**{f"{memberships}__group__in": user.groups.all(), f"{memberships}__role__in": roles})
    return in_person | by_group


class CollectionQuerySet(models.QuerySet):
    """Collections by what a person may do with them. Staff manage all of them in the admin, but in chat,
    search and API they see only those they are members of."""

    def visible_to(self, user: "User") -> Self:
        """Those the person is a member of."""
        return self._with_role(user, READERS)

    def editable_by(self, user: "User") -> Self:
        """Those the person may upload to and delete from."""
        return self._with_role(user, EDITORS)

    def owned_by(self, user: "User") -> Self:
        """Those whose name and members the person may change."""
        return self._with_role(user, OWNERS)

    def _with_role(self, user: "User", roles: tuple[str, ...]) -> Self:
        if not user.is_active:
            return self.none()
        return self.filter(pk__in=self.model._default_manager.filter(member(user, roles, "memberships")).values("pk"))


class DocumentQuerySet(models.QuerySet):
    """Documents that are there, and those a person may read or change."""

    def present(self) -> Self:
        """Not deleted."""
        return self.filter(deleted_at__isnull=True)

    def uploaded_as(self, collection: UUID, *, key: str, file_name: str) -> Self:
        """Present documents of the collection that people uploaded under this folder path and file name: no
        members of archives, nothing that a source keeps in step."""
        # Two queries: asked in one, SQLite reads every document of the collection to find the few of this name.
        versions = apps.get_model("documents", "Version").objects
        named = set(versions.filter(file_name=file_name).values_list("document", flat=True))
        uploaded = self.present().filter(pk__in=named, collection=collection, parent=None, source=None)
        return uploaded.filter(key=key, latest__file_name=file_name)

    def visible_to(self, user: "User") -> Self:
        """Present documents of collections the person is a member of."""
        return self._with_role(user, READERS)

    def editable_by(self, user: "User") -> Self:
        """Present documents of collections the person may change."""
        return self._with_role(user, EDITORS)

    def _with_role(self, user: "User", roles: tuple[str, ...]) -> Self:
        if not user.is_active:
            return self.none()
        # By way of the collections, which are few: one document is then found without a look at all the others.
        collections = apps.get_model("documents", "Collection").objects.filter(member(user, roles, "memberships"))
        return self.present().filter(collection__in=collections.values("pk"))


class VersionQuerySet(models.QuerySet):
    """Versions by where they stand."""

    def waiting(self) -> Self:
        """Queued, in the order they are taken in."""
        return self.filter(state="queued").order_by("turn", "id")

    def due(self, now: datetime) -> Self:
        """Those of the waiting that may be taken now."""
        return self.waiting().filter(lease__isnull=True, not_before__lte=now, document__deleted_at__isnull=True)
