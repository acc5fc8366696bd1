"""`manage.py setup_models`: makes the embedding model ready for this machine; `make setup` runs it."""

from typing import Any

from django.core.management.base import BaseCommand

from engines import wiring


class Command(BaseCommand):
    """Does nothing where everything is ready already."""

    help = "Converts the embedding model for this machine's processor into CACHE_DIR and checks its vectors."

    def handle(self, *args: Any, **options: Any) -> None:
        wiring.prepare_models()
