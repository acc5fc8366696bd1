"""The web process: `uvicorn config.asgi:application`."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from config.room import with_room

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_django = get_asgi_application()  # it reads the settings' environment first
application = with_room(_django, [settings.DATA_DIR])
