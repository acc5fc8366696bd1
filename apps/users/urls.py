"""Accounts: the pages of allauth that have a template here.

The others (password reset, e-mail addresses, verification) send mail, which Footnote does not: whoever looks
after it gives out new passwords. Allauth leaves out links to pages that have no address.
"""

from allauth.account import views as account
from django.urls import path

from apps.users import views

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("signup/", account.signup, name="account_signup"),
    path("password/change/", views.change_password, name="account_change_password"),
]
