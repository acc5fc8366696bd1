"""`manage.py prepare`: what `up` does to a database before it starts anything; for deployments."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from config import first_run, preflight


class Command(BaseCommand):
    """Safe to run at every deployment, before the new processes start."""

    help = "Migrates the database; on an empty one makes an administrator (printed once) and the sample collection."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            preflight.database_answers()
        except preflight.CannotStart as refusal:
            sys.exit(f"Footnote cannot be prepared: {refusal}")
        first_run.prepare()
