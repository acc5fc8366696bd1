"""/api/v1/sources: places that documents come from and are kept in step with."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.schema import page_of
from apps.api.serializers import sources as shapes
from apps.api.serializers.common import ListQuery, Nothing
from apps.documents import selectors, services


class CollectionSourcesView(ApiView):
    @extend_schema(parameters=[ListQuery], responses=page_of(shapes.SourceShape))
    def get(self, request: Request, id: str) -> Response:
        """The sources of a collection, newest first."""
        self.query(ListQuery)
        rows = selectors.sources_of(self.person, selectors.collection_of(self.person, id))
        return self.page(rows, lambda found: [selectors.source_json(row) for row in found])

    @extend_schema(request=shapes.NewSource, responses={202: shapes.SourceShape})
    def post(self, request: Request, id: str) -> Response:
        """Adds a source and syncs it. For editors; folders and buckets for managers."""
        collection = selectors.collection_of(self.person, id)
        source = services.add_source(by=self.person, collection=collection, **self.form(shapes.NewSource))
        return Response(selectors.source_json(selectors.source_of(self.person, source.pk)), status=202)


class SourceView(ApiView):
    @extend_schema(responses=shapes.SourceShape)
    def get(self, request: Request, id: str) -> Response:
        """A source and how its newest sync went, or goes."""
        return Response(selectors.source_json(selectors.source_of(self.person, id)))

    @extend_schema(request=shapes.SourceChanges, responses=shapes.SourceShape)
    def patch(self, request: Request, id: str) -> Response:
        """How often it is synced by itself, and whether that is paused. For editors."""
        source = selectors.source_of(self.person, id)
        services.change_source(by=self.person, source=source, **self.form(shapes.SourceChanges))
        return Response(selectors.source_json(selectors.source_of(self.person, id)))

    @extend_schema(parameters=[shapes.RemoveQuery], request=None, responses={204: None})
    def delete(self, request: Request, id: str) -> Response:
        """Removes it; its documents stay, or go with `?documents=delete`. For editors."""
        source = selectors.source_of(self.person, id)
        services.remove_source(by=self.person, source=source, **self.query(shapes.RemoveQuery))
        return Response(status=204)


class SyncView(ApiView):
    @extend_schema(request=None, responses={202: shapes.SourceShape})
    def post(self, request: Request, id: str) -> Response:
        """Syncs it as soon as a worker is free. For editors."""
        source = selectors.source_of(self.person, id)
        self.form(Nothing)
        services.sync_source(by=self.person, source=source)
        return Response(selectors.source_json(selectors.source_of(self.person, id)), status=202)
