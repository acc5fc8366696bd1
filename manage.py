#!/usr/bin/env python
"""Footnote's command line: `python manage.py up` starts it, `python manage.py help` lists the rest."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the one file that an older Python still reads
    sys.exit(f"Footnote needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Footnote cannot start: {error}")
    except DatabaseError as error:
        if not any(words in str(error) for words in ("no such table", "does not exist")):
            raise
        from django.conf import settings

        where = settings.DATABASES["default"]["NAME"]
        sys.exit(
            f"There is no Footnote in {where} yet. Name the folder or database that it runs on (DATA_DIR, "
            "DATABASE_URL, in the environment or .env), or start it there once with `make run`."
        )
