"""The web process, `uvicorn config.asgi:application`, and that for uploads, `uvicorn --factory config.asgi:uploads`."""

import os

import django
from django.conf import settings

from config.forwarding import Forwarding
from config.priority import give_way
from config.room import App, Scope, with_room
from config.uploads import InTurn, is_upload

FILES_OF_FULL_SIZE = 20
"""As many files of MAX_UPLOAD_MB may come in one request."""
LARGEST_FORM_BYTES = 16 * 2**20
"""Of a request that sends no files; Django and the API take less, each with a sentence of its own."""

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)


def largest_body(scope: Scope) -> int:
    """Bytes."""
    files = FILES_OF_FULL_SIZE if is_upload(scope["method"], scope["path"]) else 0
    return LARGEST_FORM_BYTES + int(files * settings.MAX_UPLOAD_MB * 1_000_000)


def uploads() -> App:
    """For a server that only the web process speaks to: what is too large has been refused there."""
    give_way(settings.UPLOADS_NICENESS)
    handler: App = InTurn()
    return handler


application = with_room(Forwarding(InTurn(), settings.UPLOADS_SOCKET, is_upload), [settings.DATA_DIR], largest_body)
