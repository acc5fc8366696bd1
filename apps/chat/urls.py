"""The chat's pages and what their scripts call. Programs use /api/v1 instead."""

from django.urls import path

from apps.chat import views

app_name = "chat"
urlpatterns = [
    path("", views.home, name="home"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("c/<uuid:conversation_id>", views.conversation, name="conversation"),
    path("conversations", views.conversations, name="conversations"),
    path("conversations/<uuid:conversation_id>/rename", views.rename, name="rename"),
    path("conversations/<uuid:conversation_id>/pin", views.pin, name="pin"),
    path("conversations/<uuid:conversation_id>/delete", views.delete, name="delete"),
    path("ask", views.ask, name="ask"),
    path("answers/<uuid:answer_id>", views.answer, name="answer"),
    path("answers/<uuid:answer_id>/events", views.events, name="events"),
    path("answers/<uuid:answer_id>/stop", views.stop, name="stop"),
    path("answers/<uuid:answer_id>/feedback", views.feedback, name="feedback"),
]
