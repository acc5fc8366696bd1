"""Opening a document: its pages, its passage in the source panel, its file."""

from django.urls import path

from apps.documents import views

app_name = "documents"
urlpatterns = [
    path("documents/<uuid:document_id>/source", views.source, name="source"),
    path("documents/<uuid:document_id>/pages/<int:number>.png", views.page_image, name="page_image"),
    path("documents/<uuid:document_id>/pages/<int:number>", views.page_text, name="page_text"),
    path("documents/<uuid:document_id>/original", views.original, name="original"),
]
