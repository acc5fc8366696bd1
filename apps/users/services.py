"""Writes of accounts and keys. Every write names its actor; `by=None` is the command line."""

import secrets
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.users.errors import AccountError
from apps.users.models import ApiKey, IdempotencyKey, User
from apps.users.selectors import user_by_email

FIRST_ADMIN = "admin@footnote.local"
LONGEST_KEY_NAME = 50


def get_or_create_account(*, by: User | None, email: str) -> tuple[User, bool]:
    """The account with this address, and whether it was made now (then without a usable password).

    Raises AccountError for something that is not an e-mail address.
    """
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise AccountError(f"“{email}” is not an e-mail address; write it like name@example.org.") from None
    if user := user_by_email(email):
        return user, False
    try:
        with transaction.atomic():
            return User.objects.create_user(email), True
    except IntegrityError:  # made by somebody else between the two lines
        return User.objects.get(email__iexact=email), False


def create_api_key(
    *, by: User | None, owner: User, name: str, expiry_date: datetime | None = None
) -> tuple[ApiKey, str]:
    """A key with all rights of its account. The second value is the key itself, which is kept nowhere:
    only its sha512 is stored. Raises AccountError.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_KEY_NAME:
        raise AccountError(f"A key needs a name of 1 to {LONGEST_KEY_NAME} characters that says what it is for.")
    if not owner.is_active:
        raise AccountError(f"The account {owner.email} is disabled; enable it first.")
    row = ApiKey(owner=owner, name=name, expiry_date=expiry_date)
    key: str = ApiKey.objects.assign_key(row)
    row.save(force_insert=True)
    return row, key


def revoke_api_key(*, by: User | None, key: ApiKey) -> None:
    """Makes a key useless for good, from the next request on; its open streams end within seconds."""
    key.revoked = True
    key.save(update_fields=["revoked"])


def disable_account(*, by: User | None, user: User) -> None:
    """Nobody acts through this account any more: keys are refused at once, sessions end for good (also if
    the account is enabled again), and open streams end within seconds."""
    user.is_active = False
    user.save(update_fields=["is_active"])
    end_sessions(by=by, user=user)


def end_sessions(*, by: User | None, user: User) -> None:
    """Signs a person out everywhere. Sessions do not name their person, so each one is looked into."""
    living = Session.objects.filter(expire_date__gte=timezone.now())
    theirs = [s.pk for s in living.iterator() if s.get_decoded().get("_auth_user_id") == str(user.pk)]
    Session.objects.filter(pk__in=theirs).delete()


def create_first_admin() -> tuple[User, str] | None:
    """The administrator of a new installation and a random password; None where there is one already."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    user = user_by_email(FIRST_ADMIN)
    if user is None:
        return User.objects.create_superuser(FIRST_ADMIN, password), password
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_password(password)
    user.save()
    return user, password


# ------------------------------------------------------------------ writes that are sent twice and done once
REMEMBERED = timedelta(hours=24)
LONGEST_REQUEST = timedelta(minutes=10)
"""A first request that has not ended by then died with its process; the next one takes its place."""


def claim_idempotency_key(*, by: User, key: str, fingerprint: str) -> tuple[IdempotencyKey, bool]:
    """The row of this key of this account, and whether the caller is the first and is to do the work.

    Otherwise the row says what the first request did (`status` 0: it is still at it).
    """
    now = timezone.now()
    IdempotencyKey.objects.filter(created_at__lt=now - REMEMBERED).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(owner=by, key=key, fingerprint=fingerprint), True
    except IntegrityError:
        row = IdempotencyKey.objects.get(owner=by, key=key)
    dead = IdempotencyKey.objects.filter(pk=row.pk, status=0, created_at__lt=now - LONGEST_REQUEST)
    taken_over = bool(dead.update(created_at=now, fingerprint=fingerprint))
    if taken_over:
        row.refresh_from_db()
    return row, taken_over


def remember_outcome(*, by: User, claim: IdempotencyKey, status: int, objects_made: list[str]) -> None:
    """What the first request did, for those that repeat it."""
    IdempotencyKey.objects.filter(pk=claim.pk, owner=by).update(status=status, objects_made=objects_made)


def forget_claim(*, by: User, claim: IdempotencyKey) -> None:
    """The first request failed, so it may be sent again under the same key."""
    IdempotencyKey.objects.filter(pk=claim.pk, owner=by, status=0).delete()
