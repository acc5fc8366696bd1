"""The account pages: what is there works without a mail server, what needs one is not there."""

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from apps.users.models import User
from tests.factories import PASSWORD, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_mail_server(settings: Settings) -> None:
    """Whoever tries to send a mail fails, as on a machine without a mail server."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("page", ["login/", "signup/", "inactive/"])
def test_pages_open_to_everyone(client: Client, page: str) -> None:
    response = client.get(f"/account/{page}")
    assert response.status_code == 200
    assert "password/reset" not in response.content.decode()


@pytest.mark.parametrize("page", ["logout/", "password/change/"])
def test_pages_open_to_who_is_signed_in(page: str) -> None:
    response = signed_in(a_user()).get(f"/account/{page}")
    assert response.status_code == 200
    assert "Forgot" not in response.content.decode()


@pytest.mark.parametrize(
    "page",
    ["password/reset/", "password/reset/done/", "email/", "confirm-email/", "password/set/", "login/code/confirm/", ""],
)
def test_what_would_send_mail_is_not_there(client: Client, page: str) -> None:
    for somebody in (client, signed_in(a_user())):
        assert somebody.get(f"/account/{page}").status_code == 404
        assert somebody.post(f"/account/{page}", {"email": "a@example.org"}).status_code == 404


def test_signs_in_and_changes_the_password(client: Client) -> None:
    user = a_user()
    entered = client.post("/account/login/", {"login": user.email, "password": PASSWORD})
    assert (entered.status_code, entered.headers["Location"]) == (302, "/")
    new = "another good long password"
    changed = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/account/password/change/", changed).status_code == 302
    user.refresh_from_db()
    assert user.check_password(new)


def test_a_wrong_password_and_a_disabled_account_are_told(client: Client) -> None:
    user = a_user()
    wrong = client.post("/account/login/", {"login": user.email, "password": "wrong"})
    assert wrong.status_code == 200
    assert "password/reset" not in wrong.content.decode()
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.post("/account/login/", {"login": user.email, "password": PASSWORD}, follow=True).status_code == 200


def test_an_account_without_a_password_has_none_to_change() -> None:
    user = a_user()
    user.set_unusable_password()
    user.save()
    assert signed_in(user).get("/account/password/change/").status_code == 403


def test_sign_up_is_closed_unless_a_setting_opens_it(client: Client, settings: Settings) -> None:
    form = {"email": "new@example.org", "password1": PASSWORD, "password2": PASSWORD}
    assert "Sign-up is closed" in client.post("/account/signup/", form).content.decode()
    assert not User.objects.exists()
    settings.SIGNUP_OPEN = True
    made = client.post("/account/signup/", form)
    assert (made.status_code, made.headers["Location"]) == (302, "/")
    assert "_auth_user_id" in client.session
    again = Client().post("/account/signup/", form)
    assert again.status_code == 200
    assert User.objects.count() == 1


def test_the_admin_has_no_sign_in_form_of_its_own(client: Client) -> None:
    asked = client.get("/admin/users/user/?q=a", follow=True)
    assert asked.redirect_chain[-1][0] == "/account/login/?next=/admin/users/user/%3Fq%3Da"
    assert asked.status_code == 200
    assert client.post("/admin/login/", {"username": "a", "password": "b"}).status_code == 302
    entered = client.post("/account/login/?next=/admin/", {"login": a_user(is_staff=True).email, "password": PASSWORD})
    assert entered.headers["Location"] == "/admin/"


def test_who_is_not_staff_is_told_that_the_admin_is_not_theirs() -> None:
    response = signed_in(a_user()).get("/admin/", follow=True)
    assert response.status_code == 403
    assert "That is not yours to open" in response.content.decode()


def test_the_admin_signs_out_and_changes_passwords_by_the_sites_pages() -> None:
    client = signed_in(a_user(is_staff=True))
    assert client.get("/admin/login/").headers["Location"] == "/admin/"
    assert client.get("/admin/password_change/").headers["Location"] == "/account/password/change/"
    assert client.post("/admin/logout/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_a_lone_administrator_gets_back_in_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    boss = User.objects.create_superuser("boss@example.org", "forgotten")
    monkeypatch.setattr("getpass.getpass", lambda **_: PASSWORD)
    call_command("changepassword", "boss@example.org")
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)
