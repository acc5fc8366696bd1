"""The processes Footnote is made of: one table for `manage.py up`, docker-compose.yml and the tests.

Numbers in a command stand as `{SETTING}`; `Role.argv` fills them in.
"""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

WORKER = "celery -q -A config worker --without-gossip --without-mingle --without-heartbeat"


@dataclass(frozen=True, slots=True)
class Role:
    """One process: how it is started, and when and how patiently it is stopped."""

    name: str
    command: str
    stop_order: int
    """Lower is stopped first: who asks goes before who answers."""
    stop_seconds: float
    """How long it may take to end by itself; then it is killed, and leases put its work back."""
    colour: int
    """ANSI colour of its prefix in the log."""
    after_ready: bool = False
    """Whether it can wait until questions are answered: two cores start three processes sooner than five."""

    def words(self, numbers: Mapping[str, object]) -> list[str]:
        """The command as words, numbers filled in."""
        return [word.format_map(dict(numbers)) for word in shlex.split(self.command)]

    def argv(self, numbers: Mapping[str, object]) -> list[str]:
        """The same, with its program taken from the environment this Python belongs to."""
        program, *rest = self.words(numbers)
        beside = Path(sys.executable).parent / program
        # `python -m` instead of the script: scripts break when an environment is moved.
        return [sys.executable, "-m", program, *rest] if beside.exists() else [program, *rest]


ROLES = (
    Role(
        "web",
        # One process serves every reader: it only relays, and what blocks runs in asgiref's threads; uploads it hands
        # on. Nobody's
        # X-Forwarded-For is believed: with it, whoever guesses passwords would seem to be somebody new each time.
        "uvicorn config.asgi:application --host {HOST} --port {PORT} --timeout-graceful-shutdown 5"
        " --no-access-log --no-proxy-headers --log-level warning",
        stop_order=0,
        stop_seconds=8,
        colour=36,
    ),
    Role(
        "uploads",
        # Of web's own code, at a lower priority: whoever asks finds an interpreter of their own (docs/adr/0010).
        "uvicorn --factory config.asgi:uploads --uds {UPLOADS_SOCKET} --timeout-graceful-shutdown 5"
        " --no-access-log --no-proxy-headers --log-level warning",
        stop_order=1,
        stop_seconds=8,
        colour=94,
        after_ready=True,
    ),
    Role(
        "search",
        f"{WORKER} -Q search -n search@%h -P threads -c {{SEARCH_THREADS}}",
        stop_order=2,
        stop_seconds=8,
        colour=35,
    ),
    Role(
        "answers",
        f"{WORKER} -Q answers,sources -n answers@%h -P threads -c {{ANSWER_THREADS}}",
        stop_order=1,
        stop_seconds=10,
        colour=32,
    ),
    Role(
        "ingest",
        # Threads share one encoder. What reads a document is a limited process of its own, so nothing here needs
        # to be killed; while one thread waits for a reader, another one's passages are embedded (docs/adr/0008).
        f"{WORKER} -Q ingest -n ingest@%h -P threads -c {{INGEST_THREADS}}",
        stop_order=1,
        stop_seconds=10,
        colour=33,
        after_ready=True,
    ),
    Role("beat", "celery -q -A config beat", stop_order=0, stop_seconds=5, colour=34, after_ready=True),
)
SETTINGS_USED = ("HOST", "PORT", "UPLOADS_SOCKET", "SEARCH_THREADS", "ANSWER_THREADS", "INGEST_THREADS")
