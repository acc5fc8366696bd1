"""What the tests of documents share."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.documents.ingestion import reconciling
from apps.documents.selectors import finding, reading
from apps.users.models import User
from engines import queues
from tests.factories import a_user


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
        folders = (settings.MEDIA_ROOT, settings.DATA_DIR / "pages", settings.FILE_UPLOAD_TEMP_DIR)
        return {file for folder in folders for file in Path(folder).rglob("*") if file.is_file()}

    return look


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Redis is down: its socket is not there."""
    client = redis.Redis(unix_socket_path=str(tmp_path / "gone.sock"), retry=Retry(NoBackoff(), 0))
    for module in (queues, finding, reading, reconciling):
        monkeypatch.setattr(module, "quick_redis_client", lambda: client)
