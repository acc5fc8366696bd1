"""Reads of accounts and keys."""

import re
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import QuerySet

from apps.users.models import ApiKey, User

# The form that rest_framework_api_key gives out; anything else is refused without a look at the database.
KEY_FORM = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")


def usable_key(key: str) -> ApiKey | None:
    """The row of a key that is right, not revoked, not expired, and whose account is active.

    The key is found by its public prefix; its sha512 is compared in constant time.
    """
    if not KEY_FORM.fullmatch(key):
        return None
    row = ApiKey.objects.usable().filter(prefix=key.partition(".")[0]).select_related("owner").first()
    return row if row is not None and row.is_valid(key) else None


def key_still_usable(key_id: str) -> bool:
    """Whether a key found before may still be used; one cheap read, for streams that outlive a request."""
    return ApiKey.objects.usable().filter(pk=key_id).exists()


def session_lives(session_key: str) -> bool:
    """Whether a browser's session goes on: not signed out, not expired."""
    return bool(import_module(settings.SESSION_ENGINE).SessionStore().exists(session_key))


def account_still_active(user_id: UUID) -> bool:
    """Whether an account may still be used; one cheap read, for streams that outlive a request."""
    return User.objects.filter(pk=user_id, is_active=True).exists()


def keys_of(user: User) -> QuerySet[ApiKey]:
    """A person's keys, newest first, revoked ones too."""
    return ApiKey.objects.filter(owner=user)


def user_by_email(email: str) -> User | None:
    """The account with this address, in whatever case it is written."""
    return User.objects.filter(email__iexact=email.strip()).first()


def user_or_group(id_or_name: str) -> User | Group | None:
    """Whom a path names: an account by id or e-mail address, a group by number or name."""
    if "@" in id_or_name:
        return user_by_email(id_or_name)
    try:
        return User.objects.filter(pk=UUID(id_or_name)).first()
    except ValueError:
        pass
    # 18 digits fit every database's bigint.
    if id_or_name.isascii() and id_or_name.isdigit() and len(id_or_name) <= 18:
        return Group.objects.filter(pk=int(id_or_name)).first()
    return Group.objects.filter(name=id_or_name).first() if "\0" not in id_or_name else None
