"""Which room answers which address."""

from allauth.account.views import logout
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from apps.users.views import admin_login

urlpatterns = [
    # The admin's own forms for these would be second ones beside the site's.
    path("admin/login/", admin_login),
    path("admin/logout/", logout),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    path("account/", include("apps.users.urls")),
    path("", include("apps.api.urls")),
    path("", include("apps.documents.urls")),
    path("", include("apps.chat.urls")),
]
