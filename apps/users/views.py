"""The admin's doors and the password page: one way to sign in and out, the site's own."""

from allauth.account import views as account
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse


def admin_login(request: HttpRequest) -> HttpResponseBase:
    """Where the admin sends whoever it does not let in: to sign in, or to be told that it is not theirs.

    Django's own form here would be a second one that looks foreign, and no other account would help most people.
    """
    next_page = request.GET.get("next") or reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(next_page, reverse("account_login"))
    if not request.user.is_staff:
        raise PermissionDenied
    return redirect("admin:index")


def change_password(request: HttpRequest) -> HttpResponseBase:
    """Allauth's page, for those who have a password; the others it would send to a page that is not there."""
    if request.user.is_authenticated and not request.user.has_usable_password():
        raise PermissionDenied
    return account.password_change(request)
