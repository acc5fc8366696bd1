"""The admin's pages for people and keys, as staff use them."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.users import selectors, services
from apps.users.models import ApiKey, User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def boss() -> Client:
    return signed_in(User.objects.create_superuser("boss@example.org", PASSWORD))


@pytest.fixture
def helper() -> User:
    """Staff with every permission there is, but no superuser."""
    user = User.objects.create_user("helper@example.org", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    return user


@pytest.mark.parametrize(
    "page", ["users/user/", "users/user/add/", "users/apikey/", "users/apikey/add/", "auth/group/", "auth/group/add/"]
)
def test_pages_open(boss: Client, page: str) -> None:
    response = boss.get(f"/admin/{page}")
    assert response.status_code == 200
    assert "username" not in response.content.decode().lower().replace("header_user", "")


def test_the_librarys_own_keys_are_not_offered(boss: Client) -> None:
    assert boss.get("/admin/rest_framework_api_key/apikey/").status_code == 404


def test_adds_an_account_with_a_password(boss: Client) -> None:
    form = {"email": "ann@example.org", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    response = boss.post("/admin/users/user/add/", form)
    assert response.status_code == 302
    assert User.objects.get(email="ann@example.org").check_password(PASSWORD)


def test_an_empty_password_makes_an_account_for_programs(boss: Client) -> None:
    page = boss.get("/admin/users/user/add/").content.decode()
    assert "LDAP" not in page
    made = boss.post("/admin/users/user/add/", {"email": "robot@example.org", "password1": "", "password2": ""})
    assert made.status_code == 302
    assert not User.objects.get(email="robot@example.org").has_usable_password()
    one_only = boss.post("/admin/users/user/add/", {"email": "a@example.org", "password1": PASSWORD, "password2": ""})
    assert one_only.status_code == 200


def test_an_account_shows_who_it_is_and_not_how_its_password_is_kept(boss: Client) -> None:
    ann = User.objects.create_user("ann@example.org", PASSWORD)
    page = boss.get(f"/admin/users/user/{ann.pk}/change/").content.decode()
    assert "pbkdf2" not in page
    assert "user_permissions" not in page
    assert f'href="/admin/users/user/{ann.pk}/password/"' in page
    assert boss.get(f"/admin/users/user/{ann.pk}/password/").status_code == 200
    assert '<span class="admin-trail-name">ann@example.org</span>' in page
    assert ">reader<" in boss.get("/admin/users/user/").content.decode()


def test_the_plus_is_not_on_the_page_that_adds(boss: Client) -> None:
    for model in ("users/user", "auth/group", "documents/collection", "inference/endpoint"):
        assert "addlink" in boss.get(f"/admin/{model}/").content.decode()
        assert "addlink" not in boss.get(f"/admin/{model}/add/").content.decode().partition('id="content-main"')[0]


def test_refuses_an_address_that_is_taken_in_another_case(boss: Client) -> None:
    User.objects.create_user("ann@example.org")
    form = {"email": "ANN@example.org", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    response = boss.post("/admin/users/user/add/", form)
    assert response.status_code == 200
    assert User.objects.filter(email__iexact="ann@example.org").count() == 1


def test_disabling_in_the_form_ends_sessions(boss: Client) -> None:
    ann = User.objects.create_user("ann@example.org", PASSWORD)
    hers = signed_in(ann)
    response = boss.post(f"/admin/users/user/{ann.pk}/change/", {"email": ann.email})
    assert response.status_code == 302, response.context["adminform"].errors
    ann.refresh_from_db()
    assert not ann.is_active
    assert "_auth_user_id" not in hers.session


def test_a_key_is_shown_once(boss: Client) -> None:
    ann = User.objects.create_user("ann@example.org")
    response = boss.post("/admin/users/apikey/add/", {"owner": str(ann.pk), "name": "one"}, follow=True)
    row = ApiKey.objects.get()
    shown = next(str(m) for m in response.context["messages"] if row.prefix in str(m))
    key = next(word for word in shown.split() if word.startswith(row.prefix))
    assert selectors.usable_key(key) == row
    assert key.partition(".")[2] not in boss.get("/admin/users/apikey/").content.decode()


def test_a_key_is_revoked(boss: Client) -> None:
    ann = User.objects.create_user("ann@example.org")
    row, key = services.create_api_key(by=None, owner=ann, name="one")
    boss.post("/admin/users/apikey/", {"action": "revoke_selected", "_selected_action": [row.pk]})
    assert selectors.usable_key(key) is None


def test_staff_cannot_make_a_key_for_a_superuser(boss: Client, helper: User) -> None:
    master = User.objects.get(email="boss@example.org")
    response = signed_in(helper).post("/admin/users/apikey/add/", {"owner": str(master.pk), "name": "one"})
    assert response.status_code == 200
    assert not ApiKey.objects.exists()


def test_staff_cannot_raise_themselves_or_touch_a_superuser(boss: Client, helper: User) -> None:
    master = User.objects.get(email="boss@example.org")
    client = signed_in(helper)
    raised = {"email": helper.email, "is_active": "on", "is_superuser": "on"}
    client.post(f"/admin/users/user/{helper.pk}/change/", raised)
    helper.refresh_from_db()
    assert not helper.is_superuser
    account = f"/admin/users/user/{master.pk}"
    assert client.post(f"{account}/password/", {"password1": "x", "password2": "x"}).status_code == 403
    assert client.post(f"{account}/delete/", {"post": "yes"}).status_code == 403
