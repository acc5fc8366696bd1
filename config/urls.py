"""Which room answers which address."""

from allauth.account.views import logout
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from apps.users.views import admin_login
from config.admin_menu import APPS, landing

urlpatterns = [
    # The admin's own forms for these would be second ones beside the site's.
    path("admin/login/", admin_login),
    path("admin/logout/", logout),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    re_path(rf"^admin/(?:(?:{'|'.join(APPS)})/)?$", admin.site.admin_view(landing)),
    path("admin/", admin.site.urls),
    path("account/", include("apps.users.urls")),
    path("", include("apps.api.urls")),
    path("", include("apps.documents.urls")),
    path("", include("apps.chat.urls")),
]
