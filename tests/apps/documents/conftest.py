"""What the tests of documents share."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import redis
from celery.contrib.testing.worker import start_worker
from django.conf import settings as django_settings
from django.db import connections
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.documents import retrieval
from apps.documents.changelog import DatabaseChangeLog
from apps.documents.ingestion import reconciling
from apps.documents.selectors import finding, reading
from apps.users.models import User
from config.celery import app
from engines import queues, wiring
from tests.apps.documents.sites import Site, a_site
from tests.factories import a_user
from tests.fakes_search import FakeEmbedder


@pytest.fixture
def owner(db: None) -> User:
    return a_user("owner")


@pytest.fixture
def stranger(db: None) -> User:
    return a_user("stranger")


@pytest.fixture
def files_on_disk() -> Callable[[], set[Path]]:
    """Every file in the store, the page images and the folder for incoming uploads."""

    def look() -> set[Path]:
        folders = (django_settings.MEDIA_ROOT, django_settings.DATA_DIR / "pages", django_settings.FILE_UPLOAD_TEMP_DIR)
        return {file for folder in folders for file in Path(folder).rglob("*") if file.is_file()}

    return look


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Redis is down: its socket is not there."""
    client = redis.Redis(unix_socket_path=str(tmp_path / "gone.sock"), retry=Retry(NoBackoff(), 0))
    for module in (queues, finding, reading, reconciling):
        monkeypatch.setattr(module, "quick_redis_client", lambda: client)


@pytest.fixture
def search_process(redis_server: str, settings, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a search process holds, with a small encoder and indexes of its own."""
    embedder = FakeEmbedder()
    settings.INDEX_DIR = tmp_path / "index"
    monkeypatch.setattr(wiring, "embedder", lambda: embedder)
    monkeypatch.setattr(retrieval, "log", cache(DatabaseChangeLog))


@pytest.fixture
def worker(search_process: None) -> Iterator[None]:
    """A Celery worker on the queue `search`, in threads of this process."""
    wiring.quick_redis_client().delete("search")
    retrieval.warm_up()
    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, queues=["search"]):
        yield
    connections.close_all()


@pytest.fixture
def site(settings) -> Iterator[Site]:
    """A website that sources may read."""
    with a_site() as server:
        settings.SOURCE_ALLOW = [f"127.0.0.1:{server.server_port}"]
        yield server


@pytest.fixture
def folder(tmp_path: Path, settings) -> Path:
    """A folder that sources may read: two documents and what is none."""
    settings.SOURCE_FOLDERS = [str(tmp_path)]
    (tmp_path / "deep").mkdir()
    (tmp_path / "bees.txt").write_text("Bees dance.")
    (tmp_path / "deep" / "wasps.md").write_text("# Wasps\n\nWasps build.")
    (tmp_path / "setup.exe").write_bytes(b"MZ\x90\0\x03")
    return tmp_path
