"""`create_api_key` and `create_admin` as a newcomer runs them."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.users import selectors
from apps.users.models import ApiKey, User

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_prints_the_key_alone_and_makes_the_account() -> None:
    out, err = run("create_api_key", "new@example.org", "--name", "scripts")
    found = selectors.usable_key(out.removesuffix("\n"))
    assert found is not None
    assert found.owner.email == "new@example.org"
    assert not found.owner.has_usable_password()
    assert "new@example.org" in err
    assert out.strip() not in err


def test_takes_the_account_that_is_there_in_any_case() -> None:
    user = User.objects.create_user("ann@example.org", "correct horse battery")
    out, _ = run("create_api_key", "ANN@example.org", "--name", "one")
    assert selectors.usable_key(out.strip()).owner == user
    assert User.objects.count() == 1
    user.refresh_from_db()
    assert user.check_password("correct horse battery")


def test_stores_only_a_hash() -> None:
    out, _ = run("create_api_key", "ann@example.org", "--name", "one")
    secret = out.strip().partition(".")[2]
    row = ApiKey.objects.values().get()
    assert secret not in str(row)
    assert row["hashed_key"].startswith("sha512$$")


@pytest.mark.parametrize(
    ("email", "name", "says"),
    [
        ("not an address", "one", "is not an e-mail address"),
        ("", "one", "is not an e-mail address"),
        ("ann@example.org", "", "needs a name"),
        ("ann@example.org", "x" * 51, "1 to 50 characters"),
    ],
)
def test_refuses_with_one_sentence(email: str, name: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("create_api_key", email, "--name", name)
    assert not ApiKey.objects.exists()


def test_refuses_a_disabled_account() -> None:
    User.objects.create_user("ann@example.org", is_active=False)
    with pytest.raises(CommandError, match="enable it first"):
        run("create_api_key", "ann@example.org", "--name", "one")


def test_create_admin_prints_what_signs_in() -> None:
    out, _ = run("create_admin")
    words = out.split()
    user = User.objects.get(is_superuser=True)
    assert user.email in words
    assert user.is_staff
    assert any(user.check_password(word) for word in words)


def test_create_admin_does_nothing_the_second_time() -> None:
    run("create_admin")
    before = User.objects.values().get()
    assert run("create_admin") == ("", "")
    assert User.objects.values().get() == before


def test_create_admin_raises_up_an_account_that_has_its_address() -> None:
    run("create_api_key", "admin@footnote.local", "--name", "early")
    out, _ = run("create_admin")
    user = User.objects.get()
    assert user.is_superuser
    assert any(user.check_password(word) for word in out.split())
