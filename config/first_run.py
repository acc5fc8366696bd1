"""What a database needs before the processes start: its tables, and on a new one an account and the sample."""

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.users.models import User


def prepare() -> None:
    """Migrates; where no account exists yet, makes the administrator and, unless SAMPLE=0, the sample."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)
    if not User.objects.exists():
        call_command("create_admin")
        if settings.SAMPLE:
            call_command("load_sample")
    # Nothing of this connection may be shared with the processes started next.
    connection.close()
