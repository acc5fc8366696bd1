"""/api/v1/collections: collections and who is in them."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.schema import page_of
from apps.api.serializers import collections as shapes
from apps.api.serializers.common import ListQuery
from apps.documents import selectors, services
from apps.users import selectors as users

if TYPE_CHECKING:
    from apps.users.models import User


class CollectionsView(ApiView):
    @extend_schema(parameters=[ListQuery], responses=page_of(shapes.CollectionShape))
    def get(self, request: Request) -> Response:
        """The collections you are a member of, newest first."""
        self.query(ListQuery)
        rows = selectors.collections_of(self.person)
        return self.page(rows, lambda found: [selectors.collection_json(row) for row in found])

    @extend_schema(request=shapes.NewCollection, responses={201: shapes.CollectionShape})
    def post(self, request: Request) -> Response:
        """Makes a collection; you are its owner."""
        made = services.create_collection(by=self.person, **self.form(shapes.NewCollection))
        return Response(
            _fresh(self.person, made.pk), status=201, headers={"Location": f"/api/v1/collections/{made.pk}"}
        )


class CollectionView(ApiView):
    @extend_schema(responses=shapes.CollectionShape)
    def get(self, request: Request, id: str) -> Response:
        """One collection."""
        return Response(_fresh(self.person, id))

    @extend_schema(request=shapes.ChangedCollection, responses=shapes.CollectionShape)
    def patch(self, request: Request, id: str) -> Response:
        """Changes name, description or starter questions. For owners."""
        collection = selectors.collection_of(self.person, id)
        services.rename_collection(by=self.person, collection=collection, **self.form(shapes.ChangedCollection))
        return Response(_fresh(self.person, id))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, id: str) -> Response:
        """Deletes it with all its documents, for good. For owners."""
        services.delete_collection(by=self.person, collection=selectors.collection_of(self.person, id))
        return Response(status=204)


class MemberView(ApiView):
    @extend_schema(request=shapes.MemberRole, responses=shapes.MemberShape)
    def put(self, request: Request, id: str, who: str) -> Response:
        """Lets an account or a group in, or changes their role. For owners."""
        collection = selectors.collection_of(self.person, id)
        role = self.form(shapes.MemberRole)["role"]
        services.set_member(by=self.person, collection=collection, role=role, **_named(self._member(who)))
        return Response(_member_json(str(collection.pk), self._member(who), role))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, id: str, who: str) -> Response:
        """Takes an account or a group out. For owners; anyone may take themselves out."""
        collection = selectors.collection_of(self.person, id)
        services.remove_member(by=self.person, collection=collection, **_named(self._member(who)))
        return Response(status=204)

    def _member(self, who: str) -> "User | Group":
        found = users.user_or_group(who)
        if found is None:
            raise exceptions.NotFound("There is no account or group of this name; write an e-mail address, or its id.")
        return found


def _fresh(person: "User", id: Any) -> dict[str, Any]:
    return selectors.collection_json(selectors.counted_collection_of(person, id))


def _named(member: "User | Group") -> dict[str, Any]:
    return {"group": member} if isinstance(member, Group) else {"user": member}


def _member_json(collection: str, member: "User | Group", role: str) -> dict[str, str]:
    kind = "group" if isinstance(member, Group) else "user"
    return {"collection": collection, "member": str(member), "kind": kind, "role": role}
