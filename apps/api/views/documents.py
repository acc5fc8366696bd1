"""/api/v1/documents: uploads and what becomes of them."""

from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import QueryDict
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import exceptions
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.idempotency import Outcome, once
from apps.api.pagination import NewestNumberFirst
from apps.api.parsers import BoundedJSONParser
from apps.api.schema import IDEMPOTENCY_KEY, page_of
from apps.api.serializers import documents as shapes
from apps.api.serializers.common import ListQuery
from apps.documents import selectors, services
from apps.documents.models import Collection, Document

UPLOADED = PolymorphicProxySerializer(
    component_name="Uploaded",
    serializers=[shapes.UploadedShape, shapes.UploadedFilesShape],
    resource_type_field_name=None,
)


class CollectionDocumentsView(ApiView):
    parser_classes = (BoundedJSONParser, MultiPartParser)

    @extend_schema(parameters=[shapes.DocumentsQuery], responses=page_of(shapes.DocumentShape))
    def get(self, request: Request, id: str) -> Response:
        """The documents of a collection, newest first."""
        asked = self.query(shapes.DocumentsQuery)
        rows = selectors.documents_of(
            self.person,
            collection=selectors.collection_of(self.person, id),
            status=asked.get("status", ""),
            q=asked.get("q", ""),
            tag=asked.get("tag", ""),
        )
        return self.page(rows, selectors.documents_json)

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": shapes.NewFiles, "application/json": shapes.NewText},
        responses={200: UPLOADED, 202: UPLOADED},
    )
    def post(self, request: Request, id: str) -> Response:
        """Takes one `file`, several `files`, or JSON with `url`, or with `text` and `title`. 202: it is queued;
        200: the same bytes, or the same address, are there already. Several files answer a list: each a document,
        or why it was refused."""
        collection = selectors.collection_of(self.person, id)
        form = self.form(shapes.NewFiles if isinstance(request.data, QueryDict) else shapes.NewText)
        refused: list[dict[str, Any]] = []
        known: dict[str, Document] = {}
        outcome = once(request, self.person, lambda: self._upload(collection, form, refused, known))
        documents = [known.get(pk) or selectors.document_of(self.person, pk) for pk in outcome.ids]
        told = form["duplicates"] == "skip"
        notices = [selectors.namesake_notice(each) if told else "" for each in documents]
        made = [{**selectors.document_json(d), "notice": notice} for d, notice in zip(documents, notices, strict=True)]
        body: Any = {"results": made, "refused": refused} if "files" in form else made[0]
        return Response(body, status=outcome.status, headers=outcome.headers)

    def _upload(
        self, collection: Collection, form: dict[str, Any], refused: list[dict[str, Any]], known: dict[str, Document]
    ) -> Outcome:
        """Each file by itself, so that one bad file does not cost the others; if all are bad, or there is
        only one, the first refusal is the answer. `known` takes the documents by their ids."""
        if "url" in form:
            return self._page(collection, form)
        done: list[services.Uploaded] = []
        problems: list[services.DocumentsError] = []
        for file in _files(form):
            try:
                options = {name: form[name] for name in ("title", "path", "duplicates") if name in form}
                done.append(services.upload(by=self.person, collection=collection, file=file, **options))
            except services.DocumentsError as problem:
                problems.append(problem)
                refused.append({"file": file.name, **_why(problem)})
        if not done:
            raise problems[0]
        known.update((str(each.document.pk), each.document) for each in done)
        status = 202 if any(_queued(each) for each in done) else 200
        return Outcome(status, [str(each.document.pk) for each in done])

    def _page(self, collection: Collection, form: dict[str, Any]) -> Outcome:
        document = services.add_page(by=self.person, collection=collection, url=form["url"], title=form["title"])
        queued = document.latest is not None and document.latest.state == "queued"
        return Outcome(202 if queued else 200, [str(document.pk)])


class DocumentView(ApiView):
    @extend_schema(responses=shapes.DocumentShape)
    def get(self, request: Request, id: str) -> Response:
        """A document and how far it is."""
        return Response(selectors.document_json(selectors.document_of(self.person, id)))

    @extend_schema(request=shapes.DocumentChanges, responses=shapes.DocumentShape)
    def patch(self, request: Request, id: str) -> Response:
        """Another title, other tags, another collection. For editors, of both collections where it moves."""
        document = selectors.document_of(self.person, id)
        changes = self.form(shapes.DocumentChanges)
        with transaction.atomic():  # all of it, or nothing
            if "collection" in changes:
                there = selectors.collection_of(self.person, changes["collection"])
                document = services.move(by=self.person, document=document, to=there)
            if "title" in changes:
                document = services.rename(by=self.person, document=document, title=changes["title"])
            if "tags" in changes:
                services.tag(by=self.person, document=document, names=changes["tags"])
        return Response(selectors.document_json(selectors.document_of(self.person, id)))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, id: str) -> Response:
        """Deletes it: from the moment this returns nothing of it is found. For editors."""
        services.delete(by=self.person, document=selectors.document_of(self.person, id))
        return Response(status=204)


class RetryView(ApiView):
    @extend_schema(request=None, responses={202: shapes.DocumentShape})
    def post(self, request: Request, id: str) -> Response:
        """Queues a document again that failed or was cancelled. For editors."""
        document = services.retry(by=self.person, document=selectors.document_of(self.person, id))
        return Response(selectors.document_json(document), status=202)


class CancelView(ApiView):
    @extend_schema(request=None, responses=shapes.DocumentShape)
    def post(self, request: Request, id: str) -> Response:
        """Stops work on it, for good. For editors."""
        document = services.cancel(by=self.person, document=selectors.document_of(self.person, id))
        return Response(selectors.document_json(document))


class FileView(ApiView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        request={"multipart/form-data": shapes.NewVersion},
        responses={200: shapes.DocumentShape, 202: shapes.DocumentShape},
    )
    def put(self, request: Request, id: str) -> Response:
        """The file becomes the document's next version, under the same id. 200: it has these bytes already. For
        editors."""
        document = selectors.document_of(self.person, id)
        file = self.form(shapes.NewVersion)["file"]
        replaced = services.replace(by=self.person, document=document, file=file)
        told = selectors.document_json(replaced)
        return Response(told, status=200 if told["finished"] else 202)


class VersionsView(ApiView):
    @extend_schema(parameters=[ListQuery], responses=page_of(shapes.VersionShape))
    def get(self, request: Request, id: str) -> Response:
        """The versions of a document, newest first."""
        self.query(ListQuery)
        rows = selectors.versions_of(self.person, selectors.document_of(self.person, id))
        return self.page(rows, lambda found: [selectors.version_json(row) for row in found])


class ActivateView(ApiView):
    @extend_schema(request=None, responses=shapes.DocumentShape)
    def post(self, request: Request, id: str, n: str) -> Response:
        """Makes version number `n`, which was read before, serve again at once. For editors."""
        document = selectors.document_of(self.person, id)
        if not (n.isascii() and n.isdigit() and len(n) < 8):
            raise exceptions.NotFound("Versions are counted from 1.")
        chosen = selectors.versions_of(self.person, document).filter(number=int(n)).first()
        if chosen is None:
            raise exceptions.NotFound(f"The document has no version {n}.")
        services.activate(by=self.person, document=document, version=chosen)
        return Response(selectors.document_json(selectors.document_of(self.person, id)))


class HistoryView(ApiView):
    @extend_schema(parameters=[ListQuery], responses=page_of(shapes.EventShape))
    def get(self, request: Request, id: str) -> Response:
        """What happened to a document, newest first."""
        self.query(ListQuery)
        rows = selectors.events_of(self.person, selectors.document_of(self.person, id))
        return self.page(rows, lambda found: [selectors.event_json(row) for row in found], NewestNumberFirst)


def _files(form: dict[str, Any]) -> Iterator[UploadedFile | ContentFile]:
    if "text" in form:
        # The name decides nothing but the type; the title is what people see.
        yield ContentFile(form["text"].encode("utf-8", "replace"), name=f"{form['title'][:100]}.txt")
    elif "file" in form:
        yield form["file"]
    else:
        yield from form["files"]


def _why(problem: services.DocumentsError) -> dict[str, Any]:
    return {"error": {"code": problem.code, "message": problem.message, "hint": problem.hint}}


def _queued(uploaded: services.Uploaded) -> bool:
    latest = uploaded.document.latest
    return uploaded.created or (latest is not None and latest.state == "queued")
