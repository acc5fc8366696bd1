"""The admin's menu: what an administrator looks for, in the order of how often; each only to whom may see it."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy

# Title, icon (Material Symbols, which django-unfold ships), model.
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Documents": (
        ("Collections", "folder", "documents.collection"),
        ("Documents", "description", "documents.document"),
        ("Sources", "sync", "documents.source"),
    ),
    "People": (
        ("People", "person", "users.user"),
        ("Groups", "group", "auth.group"),
        ("API keys", "key", "users.apikey"),
    ),
    "Answers": (
        ("Answers", "chat", "chat.answer"),
        ("Feedback", "thumbs_up_down", "chat.feedback"),
        ("Usage", "receipt_long", "inference.usage"),
    ),
    "Running": (
        ("Endpoints", "neurology", "inference.endpoint"),
        ("Workers", "memory", "inference.worker"),
        ("Locked sign-ins", "lock", "axes.accessattempt"),
    ),
}

APPS = sorted({label.partition(".")[0] for entries in GROUPS.values() for _, _, label in entries})
"""Django has an index of each, which says no more than the menu."""


def landing(request: HttpRequest) -> HttpResponse:
    """Where the admin begins, and what the indexes of apps lead to: the menu's first list this person may see.

    Raises PermissionDenied for staff who may see none.
    """
    for entries in GROUPS.values():
        for item in _items(request, entries):
            return redirect(item["link"])
    raise PermissionDenied


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """django-unfold's navigation for this person."""
    groups = [{"title": title, "items": list(_items(request, entries))} for title, entries in GROUPS.items()]
    back = {"items": [{"title": "Back to the chat", "icon": "arrow_back", "link": "/", "active": False}]}
    return [back, *(group for group in groups if group["items"])]


def _items(request: HttpRequest, entries: tuple[tuple[str, str, str], ...]) -> Iterator[dict[str, Any]]:
    for title, icon, label in entries:
        model = apps.get_model(label)
        if admin.site.get_model_admin(model).has_view_permission(request):
            link = reverse_lazy(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            yield {"title": title, "icon": icon, "link": link}
