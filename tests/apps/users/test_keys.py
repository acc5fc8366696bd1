"""Which keys are let in, and that they stop being so at once."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from apps.users import selectors, services
from apps.users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann@example.org", "correct horse battery")


def test_a_key_is_good(ann: User) -> None:
    row, key = services.create_api_key(by=ann, owner=ann, name="one")
    assert selectors.usable_key(key) == row
    assert selectors.key_still_usable(row.pk)


def test_a_revoked_key_is_not(ann: User) -> None:
    row, key = services.create_api_key(by=ann, owner=ann, name="one")
    services.revoke_api_key(by=ann, key=row)
    assert selectors.usable_key(key) is None
    assert not selectors.key_still_usable(row.pk)


def test_an_expired_key_is_not(ann: User) -> None:
    past = timezone.now() - timedelta(seconds=1)
    row, key = services.create_api_key(by=ann, owner=ann, name="one", expiry_date=past)
    assert selectors.usable_key(key) is None
    assert not selectors.key_still_usable(row.pk)


def test_a_key_of_a_disabled_account_is_not(ann: User) -> None:
    row, key = services.create_api_key(by=ann, owner=ann, name="one")
    services.disable_account(by=None, user=ann)
    assert selectors.usable_key(key) is None
    assert not selectors.key_still_usable(row.pk)
    assert not selectors.account_still_active(ann.pk)


@pytest.mark.parametrize("change", ["wrong secret", "no secret", "nul", "empty", "very long", "other prefix"])
def test_nothing_but_the_key_opens(ann: User, change: str) -> None:
    _, key = services.create_api_key(by=ann, owner=ann, name="one")
    prefix, _, secret = key.partition(".")
    wrong = {
        "wrong secret": f"{prefix}.{secret[::-1]}",
        "no secret": prefix,
        "nul": f"\0{key[1:]}",
        "empty": "",
        "very long": key * 10_000,
        "other prefix": f"{prefix[::-1]}.{secret}",
    }[change]
    assert selectors.usable_key(wrong) is None


def test_disabling_ends_sessions_also_after_enabling_again(ann: User) -> None:
    bob = User.objects.create_user("bob@example.org", "correct horse battery")
    hers, his = Client(), Client()
    hers.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    his.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    services.disable_account(by=bob, user=ann)
    assert "_auth_user_id" not in hers.session
    User.objects.filter(pk=ann.pk).update(is_active=True)
    assert "_auth_user_id" not in hers.session
    assert his.session["_auth_user_id"] == str(bob.pk)


def test_a_member_is_named_by_id_address_or_group(ann: User) -> None:
    staff = Group.objects.create(name="staff")
    assert selectors.user_or_group(str(ann.pk)) == ann
    assert selectors.user_or_group("Ann@Example.org") == ann
    assert selectors.user_or_group(str(staff.pk)) == staff
    assert selectors.user_or_group("staff") == staff
    for nobody in ("nobody", "no@example.org", "9" * 40, "\0", "00000000-0000-0000-0000-000000000000"):
        assert selectors.user_or_group(nobody) is None
