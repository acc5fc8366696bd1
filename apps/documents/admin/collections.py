"""Collections in the admin: what they are called, who is in them, and the way to upload and to try retrieval."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.documents import services
from apps.documents.admin.common import DeletesAreShort, actor, moment_words, told
from apps.documents.admin.retrieval_page import RetrievalPage
from apps.documents.admin.uploading import UploadPages
from apps.documents.models import SERVING, UNFINISHED, Collection, Membership, State
from apps.users.admin_base import Admin


class CollectionForm(forms.ModelForm):
    """Starter questions are typed one to a line."""

    questions = forms.CharField(
        label="Starter questions",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="One to a line; the chat offers them on its empty page.",
    )

    class Meta:
        model = Collection
        fields = ("name", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["questions"].initial = "\n".join(self.instance.starter_questions or [])

    def clean_questions(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["questions"].splitlines() if line.strip()]


class MembershipForm(forms.ModelForm):
    """A member is a user or a group."""

    class Meta:
        model = Membership
        fields = ("user", "group", "role")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (cleaned.get("user") is None) == (cleaned.get("group") is None):
            raise forms.ValidationError("Choose a user or a group, one of the two.")
        return cleaned


class MembershipInline(TabularInline):
    """Who is in the collection, as what."""

    model = Membership
    form = MembershipForm
    extra = 0
    verbose_name_plural = "members"


@admin.register(Collection)
class CollectionAdmin(DeletesAreShort, UploadPages, RetrievalPage, Admin):
    """Collections. Staff manage all of them here; in the chat they see those they are members of."""

    form = CollectionForm
    inlines = (MembershipInline,)
    list_display = ("name", "document_counts", "member_count", "made", "links")
    search_fields = ("name", "description")
    list_fullwidth = True
    actions_detail = ("go_to_upload", "go_to_retrieval")
    fieldsets = ((None, {"fields": ("name", "description", "questions")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        present = Q(documents__deleted_at__isnull=True)

        def count(states: tuple[str, ...]) -> Count:
            return Count("documents", filter=present & Q(documents__latest__state__in=states), distinct=True)

        return (
            super()
            .get_queryset(request)
            .annotate(
                in_all=Count("documents", filter=present, distinct=True),
                ready=count(SERVING),
                working=count(UNFINISHED),
                failed=count((State.FAILED,)),
                members=Count("memberships", distinct=True),
            )
        )

    @admin.display(description="documents", ordering="in_all")
    def document_counts(self, collection: Any) -> SafeString:
        """ "12 · 2 working · 1 failed", a link to the list."""
        parts = [f"{collection.in_all}"]
        parts += [f"{collection.working} working"] if collection.working else []
        parts += [f"{collection.failed} failed"] if collection.failed else []
        url = f"{reverse('admin:documents_document_changelist')}?collection__id__exact={collection.pk}"
        return format_html('<a href="{}">{}</a>', url, " · ".join(parts))

    @admin.display(description="members", ordering="members")
    def member_count(self, collection: Any) -> int:
        return int(collection.members)

    @admin.display(description="made", ordering="created_at")
    def made(self, collection: Collection) -> str:
        return moment_words(collection.created_at)

    @admin.display(description="")
    def links(self, collection: Collection) -> SafeString:
        """To the two pages where something is done with it."""
        upload, retrieval = (
            reverse(f"admin:documents_collection_{name}", args=[collection.pk]) for name in ("upload", "retrieval")
        )
        return format_html(
            '<span class="collection-links"><a class="upload-button" href="{}">Upload</a>'
            '<a class="upload-button" href="{}">Try retrieval</a></span>',
            upload,
            retrieval,
        )

    @action(description="Upload documents", url_path="to-upload", permissions=["change"], icon="upload")
    def go_to_upload(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """From the page of a collection to its upload page."""
        return redirect("admin:documents_collection_upload", object_id)

    def response_add(self, request: HttpRequest, obj: Collection, post_url_continue: str | None = None) -> HttpResponse:
        """A new collection is empty; the next thing is to fill it."""
        answer = super().response_add(request, obj, post_url_continue)
        if {"_continue", "_addanother", "_popup"}.isdisjoint(request.POST):
            return redirect("admin:documents_collection_upload", obj.pk)
        return answer

    # ---------------------------------------------------------------------------------------- writes

    def save_model(self, request: HttpRequest, obj: Collection, form: ModelForm, change: bool) -> None:
        told_fields = {
            "name": form.cleaned_data["name"],
            "description": form.cleaned_data["description"],
            "starter_questions": form.cleaned_data["questions"],
        }
        if change:
            services.rename_collection(by=actor(request), collection=obj, **told_fields)
            return
        made = services.create_collection(by=actor(request), **told_fields)
        obj.pk, obj.slug, obj.created_at = made.pk, made.slug, made.created_at
        obj.starter_questions = made.starter_questions
        obj._state.adding = False

    def save_formset(self, request: HttpRequest, form: ModelForm, formset: BaseInlineFormSet, change: bool) -> None:
        """Members go through the services, which keep at least one owner."""
        formset.save(commit=False)
        by, collection = actor(request), form.instance
        for membership, fields in [*[(new, []) for new in formset.new_objects], *formset.changed_objects]:
            before = Membership.objects.filter(pk=membership.pk).first() if fields else None
            with told(request):
                services.set_member(
                    by=by, collection=collection, user=membership.user, group=membership.group, role=membership.role
                )
                if before is not None and (before.user, before.group) != (membership.user, membership.group):
                    services.remove_member(by=by, collection=collection, user=before.user, group=before.group)
        for gone in formset.deleted_objects:
            with told(request):
                services.remove_member(by=by, collection=collection, user=gone.user, group=gone.group)

    def delete_model(self, request: HttpRequest, obj: Collection) -> None:
        services.delete_collection(by=actor(request), collection=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        for collection in queryset:
            with told(request):
                services.delete_collection(by=actor(request), collection=collection)
