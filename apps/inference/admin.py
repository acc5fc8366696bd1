"""Endpoints in the admin, and what was used by whom and which processes live (to be read only)."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanWidget

from apps.inference import heartbeat, services
from apps.inference.models import Endpoint, Usage, Worker
from apps.users.admin_base import Admin, ReadOnlyAdmin

if TYPE_CHECKING:
    from apps.users.models import User

PRICES = {
    "prompt_price": "prompt tokens",
    "cached_price": "cached prompt tokens",
    "completion_price": "completion tokens",
}
KEY_KEPT = "A key is kept. Leave this empty to keep it, or write another one."


class EndpointForm(forms.ModelForm):
    """The key goes in and never comes out again."""

    api_key = forms.CharField(
        label="API key",
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    forget_key = forms.BooleanField(label="Forget the key", required=False, widget=UnfoldBooleanWidget)

    class Meta:
        model = Endpoint
        fields = (
            "name",
            "base_url",
            "model",
            "api_key",
            "context_window",
            "rank",
            "enabled",
            "prompt_price",
            "cached_price",
            "completion_price",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept_key = self.instance.api_key
        self._kept_url = self.instance.base_url
        if self._kept_key:
            self.fields["api_key"].help_text = KEY_KEPT
        for name, tokens in PRICES.items():
            if name in self.fields:  # none for whoever may only look
                self.fields[name].help_text = f"US$ per million {tokens}."

    def clean(self) -> dict[str, Any]:
        """A key that nobody typed again never goes to another server than the one it was given for."""
        data = super().clean() or self.cleaned_data
        if data.get("api_key") or not self._kept_key:
            return data
        data["api_key"] = "" if data.get("forget_key") else self._kept_key
        if data["api_key"] and _server(data.get("base_url", "")) != _server(self._kept_url):
            self.add_error("api_key", "The server is another one now: write its key, or tick “Forget the key”.")
        return data


def _server(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


@admin.register(Endpoint)
class EndpointAdmin(Admin):
    """Where answers are written. Lower ranks are tried first."""

    form = EndpointForm
    list_display = ("name", "model", "base_url", "rank", "enabled", "has_key")
    list_filter = ("enabled",)
    search_fields = ("name", "model", "base_url")
    actions = ("test_selected",)
    actions_submit_line = ("save_and_test",)
    fieldsets = (
        (None, {"fields": ("name", "base_url", "model", "api_key", "forget_key", "context_window")}),
        ("When it is used", {"fields": ("rank", "enabled")}),
        (
            "What it costs",
            {
                "fields": ("prompt_price", "cached_price", "completion_price"),
                "description": "In US dollars, for the receipt of each answer.",
            },
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Endpoint | None = None) -> Any:
        """Only a key that is kept can be forgotten."""
        about, *rest = super().get_fieldsets(request, obj)
        if obj is None or not obj.api_key:
            title, options = about
            fields = tuple(name for name in options["fields"] if name != "forget_key")
            about = (title, {**options, "fields": fields})
        return [about, *rest]

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        """What was changed is tried at once, whatever it failed with before."""
        super().save_model(request, obj, form, change)
        transaction.on_commit(partial(services.report_success, endpoint=obj.name))

    @display(description="Key")
    def has_key(self, endpoint: Endpoint) -> str:
        return "kept" if endpoint.api_key else ""

    @admin.action(description="Test: ask for one token", permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """Asks each for one token and shows what came."""
        for endpoint in queryset:
            self._test(request, endpoint)

    @action(description="Save and test", permissions=["change"])
    def save_and_test(self, request: HttpRequest, obj: Endpoint) -> None:
        """Asks for one token once it is saved: no transaction stays open while a server thinks."""
        transaction.on_commit(partial(self._test, request, obj))

    def _test(self, request: HttpRequest, endpoint: Endpoint) -> None:
        outcome = services.try_endpoint(by=cast("User", request.user), endpoint=endpoint)
        messages.add_message(request, messages.SUCCESS if outcome.ok else messages.ERROR, outcome.message)


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    """What each answer took."""

    list_display = (
        "when",
        "engine",
        "model",
        "prompt_tokens",
        "cached_tokens",
        "completion_tokens",
        "cost",
        "first_token_ms",
        "total_ms",
    )
    list_filter = ("engine", "model")
    list_fullwidth = True
    date_hierarchy = "created_at"
    show_full_result_count = False

    @display(description="When", ordering="created_at")
    def when(self, usage: Usage) -> str:
        return _moment(usage.created_at)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Worker processes and when they were last heard of."""

    list_display = ("role", "host", "pid", "started", "heard_of", "lives")

    @display(description="Started", ordering="started_at")
    def started(self, worker: Worker) -> str:
        return _moment(worker.started_at)

    @display(description="Last heard of", ordering="beat_at")
    def heard_of(self, worker: Worker) -> str:
        return _moment(worker.beat_at)

    @display(description="Lives", boolean=True)
    def lives(self, worker: Worker) -> bool:
        return worker.beat_at >= timezone.now() - heartbeat.DEAD_AFTER


def _moment(moment: datetime) -> str:
    """As moments are written all over the admin."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"
