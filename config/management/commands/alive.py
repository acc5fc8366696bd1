"""`manage.py alive`: whether a worker of this container (or machine) beats; for health checks."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.inference.heartbeat import DEAD_AFTER, this_host
from apps.inference.models import Worker


class Command(BaseCommand):
    """Ends with status 0 when one does, else with 1 and a sentence."""

    help = "Says whether a worker on this host has shown that it lives within the last seconds."

    def handle(self, *args: Any, **options: Any) -> None:
        host = this_host()
        fresh = Worker.objects.filter(host=host, beat_at__gte=timezone.now() - DEAD_AFTER)
        roles = sorted(set(fresh.values_list("role", flat=True)))
        if not roles:
            sys.exit(f"no worker on {host} has shown that it lives within {DEAD_AFTER.total_seconds():g} s")
        self.stdout.write(f"alive on {host}: {', '.join(roles)}")
