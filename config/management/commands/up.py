"""`manage.py up`: all of Footnote on this machine, in one terminal."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config import preflight
from config.children import Child
from config.first_run import prepare
from config.roles import ROLES, SETTINGS_USED, Role
from config.supervisor import Post, Supervisor
from engines import valkey

VALKEY_SECONDS = 30.0


class Command(BaseCommand):
    """Starts every process and keeps it running until Ctrl-C."""

    help = (
        "Starts all of Footnote on this machine and keeps it running: web, uploads, search, answers, ingest, beat "
        "and, unless REDIS_URL is set, a valkey of its own. On an empty DATA_DIR it first makes the database, "
        "an administrator (printed once) and, unless SAMPLE=0, a sample collection. Ctrl-C stops everything in order, "
        "a second one at once. Settings come from the environment or .env: PORT, HOST, DATA_DIR, DATABASE_URL, "
        "REDIS_URL, LLM_BASE_URL and LLM_MODEL, and those in docs/operating.md."
    )
    requires_system_checks: list[str] = []  # the processes started check themselves

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            lock = preflight.only_one(settings.DATA_DIR)
            preflight.disk_has_room(settings.DATA_DIR)
            preflight.port_is_free(settings.HOST, settings.PORT)
            preflight.database_answers()
            if not settings.REDIS_EMBEDDED:
                preflight.redis_answers(settings.REDIS_URL)
            first = None if not settings.REDIS_EMBEDDED else embedded_valkey(settings.REDIS_SOCKET)
        except preflight.CannotStart as refusal:
            sys.exit(f"Footnote cannot start: {refusal}")
        with lock:
            sys.exit(supervise(first, started))


def supervise(first: Post | None, started: float) -> int:
    """Runs the supervisor to its end."""
    posts = [*([first] if first else []), *(post(role) for role in ROLES)]
    where = address(settings.HOST, settings.PORT)
    supervisor = Supervisor(
        posts,
        probe=(where, settings.PORT),
        ready=lambda: f"Footnote is ready at http://{where}:{settings.PORT} ({time.monotonic() - started:.1f} s)",
    )

    def before_the_rest() -> None:
        if first is not None:
            wait_for_valkey(settings.REDIS_SOCKET)
        prepare()

    return supervisor.run(first=first, prepare=before_the_rest)


def address(host: str, port: int) -> str:
    """Where this machine itself reaches a server that listens on `host`."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104


def environment() -> dict[str, str]:
    """What the processes see: this one's environment, and output that is not held back."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}


def post(role: Role) -> Post:
    """A role's process on this machine."""
    numbers = {name: getattr(settings, name) for name in SETTINGS_USED}
    child = Child(role.name, role.argv(numbers), environment(), str(settings.BASE_DIR))
    return Post(child, role.stop_order, role.stop_seconds, role.colour, after_ready=role.after_ready)


def embedded_valkey(socket: Path) -> Post:
    """The valkey that everything else speaks to; it is stopped last."""
    try:
        command = valkey.command(socket)
    except OSError as error:
        raise preflight.CannotStart(f"the embedded valkey cannot be set up: {error}.") from None
    child = Child("valkey", command, environment(), str(socket.parent))
    return Post(child, stop_order=9, stop_seconds=10, colour=31, last_words=f"{socket.parent / 'valkey.log'} says why")


def wait_for_valkey(socket: Path) -> None:
    """Returns when it answers. One that has much to read back takes its time; after 30 s others may begin."""
    until = time.monotonic() + VALKEY_SECONDS
    while not valkey.answers(socket) and time.monotonic() < until:
        time.sleep(0.02)
