"""The workers: `celery -A config worker -Q search|answers|ingest` (config/roles.py has the commands), and beat."""

import logging
import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import (
    beat_init,
    celeryd_after_setup,
    setup_logging,
    worker_shutdown,
)

from config.priority import give_way

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Running as root is dangerous where tasks may be pickles; CELERY_ACCEPT_CONTENT takes JSON alone.
warnings.filterwarnings("ignore", category=SecurityWarning)
logger = logging.getLogger(__name__)
app = Celery("footnote")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**_: object) -> None:
    """Celery would put its own handlers over those of settings.LOGGING; Django has set those up."""


@celeryd_after_setup.connect
def begin_in_worker(sender: str, **_: object) -> None:
    """Every worker is one process with threads: once it is warm, it shows that it lives."""
    from django.conf import settings

    from apps.inference import heartbeat

    role = sender.partition("@")[0]
    if role == "ingest":
        give_way(settings.INGEST_NICENESS)
    warm_up(role)
    heartbeat.start(role=role)


@beat_init.connect
def begin_in_beat(**_: object) -> None:
    """So that health checks see it."""
    from apps.inference import heartbeat

    heartbeat.start(role="beat")


@worker_shutdown.connect
def end(**_: object) -> None:
    """What ends in order is not waited for: its heartbeat goes with it."""
    from apps.inference import heartbeat

    heartbeat.stop()


def warm_up(role: str) -> None:
    """Loads what the role's first task would wait for. A worker that cannot do that ends, and says why:
    Celery would only log what a signal handler raises, and serve on without a heartbeat."""
    from apps.documents import retrieval
    from engines import wiring

    try:
        if role == "search":
            retrieval.warm_up()
        elif role == "ingest":
            wiring.embedder().embed_passages(["warm up"])
    except Exception:
        logger.exception("%s cannot get ready", role)
        raise SystemExit(1) from None
