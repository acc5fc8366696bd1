"""People, groups and keys in the admin. Accounts are named by e-mail address; there is no username."""

from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from axes.models import AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from rest_framework_api_key.models import APIKey as LibraryKey
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from apps.users import services
from apps.users.admin_base import Admin
from apps.users.models import ApiKey, User

# The library's own keys belong to nobody; ours have an account (ApiKey).
admin.site.unregister(LibraryKey)
admin.site.unregister(Group)
# Rows of libraries that nobody here works with.
admin.site.unregister((EmailAddress, AccessLog, AccessFailureLog))

ONLY_SUPERUSERS_CHANGE = ("is_superuser", "is_staff", "groups")
MOMENT = "%Y-%m-%d %H:%M"
"""As moments are written all over the admin."""


class NewUserForm(UserCreationForm):
    """An address and a password, or no password for an account that only programs use."""

    usable_password = None  # Django's question about single sign-on and LDAP; an empty password says the same

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")
        field_classes: dict[str, Any] = {}
        help_texts: ClassVar = {"email": "They sign in with it."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first, second = self.fields["password1"], self.fields["password2"]
        first.help_text = (
            f"{first.help_text}<p>Leave it empty for an account that only programs use, with API keys.</p>"
        )
        second.label, second.help_text = "The same password again", ""

    def clean(self) -> dict[str, Any] | None:
        if not self.cleaned_data.get("password1") and not self.cleaned_data.get("password2"):
            self.cleaned_data |= {"usable_password": "false"}
        return super().clean()


class ChangedUserForm(ModelForm):
    """Who it is and what they may do. The password has a page of its own."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "groups")
        labels: ClassVar = {"is_superuser": "Superuser", "is_staff": "Staff"}
        help_texts: ClassVar = {
            "is_active": "Without it nobody gets in; sign-ins and keys end at once. Better than deleting the account.",
            "is_staff": "May open this administration; what they may do in it comes from their groups.",
            "is_superuser": "May do everything here.",
            "groups": "Groups are members of collections, and give staff their permissions.",
        }


@admin.register(User)
class PersonAdmin(UserAdmin, Admin):
    """Accounts. Disabling one ends its sessions, keys and streams. Permissions are given to groups, not one by one."""

    form = ChangedUserForm
    add_form = NewUserForm
    add_form_template = None  # the stock text speaks of a username
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "full_name", "active", "role", "signed_in")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    list_fullwidth = True
    filter_horizontal = ()  # two boxes side by side run out of the page
    autocomplete_fields = ("groups",)
    fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "sign_in")}),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("signed_in", "joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "first_name", "last_name", "password1", "password2")}),)
    readonly_fields = ("sign_in", "signed_in", "joined")

    @admin.display(description="name", ordering="first_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="active", ordering="is_active")
    def active(self, user: User) -> str:
        return "yes" if user.is_active else "switched off"

    @admin.display(description="role", ordering="is_staff")
    def role(self, user: User) -> str:
        return "superuser" if user.is_superuser else "staff" if user.is_staff else "reader"

    @admin.display(description="last signed in", ordering="last_login", empty_value="never")
    def signed_in(self, user: User) -> str | None:
        return f"{localtime(user.last_login):{MOMENT}}" if user.last_login else None

    @admin.display(description="made")
    def joined(self, user: User) -> str:
        return f"{localtime(user.date_joined):{MOMENT}}"

    @admin.display(description="password")
    def sign_in(self, user: User) -> SafeString:
        """Whether there is one, and the way to the page that sets it; never how it is kept."""
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        if user.has_usable_password():
            return format_html('<a class="upload-button" href="{}">Set a new password</a>', url)
        none = "None: this account can only use API keys."
        return format_html('<p>{}</p><a class="upload-button" href="{}">Set a password</a>', none, url)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Staff who are not superusers cannot make themselves or others more than they are."""
        own = tuple(super().get_readonly_fields(request, obj))
        return own if request.user.is_superuser else (*own, *ONLY_SUPERUSERS_CHANGE)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A superuser's account, and with it the password, is changed by superusers only."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Deleting takes a person's conversations along, so it is for superusers; others disable."""
        return bool(request.user.is_superuser) and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data and not obj.is_active:
            services.disable_account(by=actor(request), user=obj)


@admin.register(Group)
class PeopleGroupAdmin(GroupAdmin, Admin):
    """Groups: members of collections, and holders of admin permissions."""


@admin.register(ApiKey)
class ApiKeyAdmin(Admin):
    """Keys: made here or by `manage.py create_api_key`, shown once, revoked for good."""

    list_display = ("name", "owner", "prefix", "created", "expiry_date", "state")
    list_filter = ("revoked",)
    search_fields = ("name", "prefix", "owner__email")
    actions = ("revoke_selected",)
    list_fullwidth = True

    @admin.display(description="state", ordering="revoked")
    def state(self, key: ApiKey) -> str:
        """In a word: a mark for "not revoked" reads as if something were wrong."""
        if key.revoked:
            return "revoked"
        return "expired" if key.has_expired else "works"

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("owner", "name", "expiry_date")
        return ("name", "owner", "prefix", "created", "expiry_date", "state")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """What a key is does not change after it is made, except that it can be revoked."""
        return () if obj is None else self.get_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        keys: QuerySet[ApiKey] = super().get_queryset(request).select_related("owner")
        return keys if request.user.is_superuser else keys.filter(owner=actor(request))

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        """A key is all of its account, so only superusers make one for somebody else."""
        people = User.objects.filter(is_active=True)
        kwargs["queryset"] = people if request.user.is_superuser else people.filter(pk=actor(request).pk)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ModelForm, change: bool) -> None:
        if change:
            return
        row, key = services.create_api_key(
            by=actor(request), owner=obj.owner, name=obj.name, expiry_date=obj.expiry_date
        )
        obj.pk = row.pk
        obj.refresh_from_db()
        messages.warning(request, f"The key “{obj.name}” is {key} - it is shown only now; copy it to a safe place.")

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Programs that use them are refused from their next request on."""
        count = 0
        for key in queryset.filter(revoked=False):
            services.revoke_api_key(by=actor(request), key=key)
            count += 1
        self.message_user(request, f"Revoked {count} key(s). This cannot be undone; make a new one where needed.")


def actor(request: HttpRequest) -> User:
    """Who is signed in; the admin lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user
