"""/api/v1 and what stands beside it. Every route answers with and without a trailing slash."""

import re

from django.urls import URLPattern, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from apps.api.base import ApiView
from apps.api.views import answers, collections, conversations, documents, reading, search, service, sources

PARAMETER = re.compile(r"<(\w+)>")


def route(address: str, view: type[ApiView], name: str) -> URLPattern:
    """`address` below /api/v1; `<name>` takes anything up to a slash, so that an id that is none is told so
    by the view, in the one shape."""
    pattern = PARAMETER.sub(r"(?P<\1>[^/]+)", re.escape(address))
    return re_path(rf"^api/v1/{pattern}/?$", view.as_view(), name=f"api-{name}")


urlpatterns = [
    route("collections", collections.CollectionsView, "collections"),
    route("collections/<id>", collections.CollectionView, "collection"),
    route("collections/<id>/members/<who>", collections.MemberView, "member"),
    route("collections/<id>/documents", documents.CollectionDocumentsView, "collection-documents"),
    route("documents/<id>", documents.DocumentView, "document"),
    route("documents/<id>/retry", documents.RetryView, "document-retry"),
    route("documents/<id>/cancel", documents.CancelView, "document-cancel"),
    route("documents/<id>/file", documents.FileView, "document-file"),
    route("documents/<id>/versions", documents.VersionsView, "document-versions"),
    route("documents/<id>/versions/<n>/activate", documents.ActivateView, "document-activate"),
    route("documents/<id>/history", documents.HistoryView, "document-history"),
    route("documents/<id>/chunks", reading.ChunksView, "document-chunks"),
    route("documents/<id>/original", reading.OriginalView, "document-original"),
    route("documents/<id>/pages/<n>.png", reading.PageImageView, "document-page"),
    route("collections/<id>/sources", sources.CollectionSourcesView, "collection-sources"),
    route("sources/<id>", sources.SourceView, "source"),
    route("sources/<id>/sync", sources.SyncView, "source-sync"),
    route("search", search.SearchView, "search"),
    route("answers", answers.AnswersView, "answers"),
    route("answers/<id>", answers.AnswerView, "answer"),
    route("answers/<id>/events", answers.EventsView, "answer-events"),
    route("answers/<id>/stop", answers.StopView, "answer-stop"),
    route("answers/<id>/feedback", answers.FeedbackView, "answer-feedback"),
    route("conversations", conversations.ConversationsView, "conversations"),
    route("conversations/<id>", conversations.ConversationView, "conversation"),
    path("healthz", service.healthz, name="healthz"),
    path("readyz", service.readyz, name="readyz"),
    path("metrics", service.metrics, name="metrics"),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="api-schema"),
    re_path(r"^api/docs/?$", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"^api(/|$)", service.NoSuchAddress.as_view(), name="api-nothing"),
]
