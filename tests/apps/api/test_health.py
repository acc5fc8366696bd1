"""/healthz, /readyz, /metrics."""

import time
from pathlib import Path

import pytest
import redis
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.api import health
from apps.inference.models import Worker
from engines import queues

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


def a_worker(role: str) -> None:
    Worker.objects.create(role=role, host="elsewhere", pid=1, beat_at=timezone.now())


def test_ready_with_database_redis_and_workers(redis_server: str) -> None:
    for role in ("search@host", "answers@host"):
        a_worker(role)
    response = Client().get("/readyz")
    assert response.json() == {
        "status": "ok",
        "checks": {"database": "ok", "redis": "ok", "search": "ok", "answers": "ok"},
    }
    assert response.status_code == 200


def test_not_ready_without_workers(redis_server: str) -> None:
    a_worker("search@host")
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert response.json()["checks"]["answers"] == "no answers process is running"
    assert response.json()["checks"]["search"] == "ok"


def test_not_ready_and_quick_without_redis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = redis.Redis(unix_socket_path=str(tmp_path / "gone.sock"), retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(health, "quick_redis_client", lambda: gone)
    begun = time.monotonic()
    response = Client().get("/readyz")
    assert time.monotonic() - begun < 2
    assert response.status_code == 503
    assert response.json()["checks"]["redis"] == "away"
    assert response.json()["checks"]["database"] == "ok"


def test_not_ready_and_quick_when_the_database_hangs(monkeypatch: pytest.MonkeyPatch, redis_server: str) -> None:
    monkeypatch.setattr(health.inference, "living_roles", lambda: time.sleep(3))
    begun = time.monotonic()
    response = Client().get("/readyz")
    assert time.monotonic() - begun < 2
    assert response.status_code == 503
    assert "no answer" in response.json()["checks"]["database"]


def test_metrics_for_this_machine(redis_server: str) -> None:
    a_worker("search@host")
    queues.quick_redis_client().delete("ingest")
    text = Client().get("/metrics").content.decode()
    assert 'footnote_workers{role="search"} 1.0' in text
    assert 'footnote_queue_length{queue="ingest"} 0.0' in text
    assert "process_resident_memory_bytes" in text


def test_metrics_not_for_others(settings: Settings) -> None:
    assert Client(REMOTE_ADDR="10.0.0.7").get("/metrics").status_code == 403
    assert Client().get("/metrics", headers={"X-Forwarded-For": "10.0.0.7"}).status_code == 403
    settings.METRICS_TOKEN = "scrape-me"
    assert Client().get("/metrics").status_code == 403
    far = Client(REMOTE_ADDR="10.0.0.7")
    assert far.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert far.get("/metrics", headers={"Authorization": "Bearer é"}).status_code == 403
    assert far.get("/metrics", headers={"Authorization": "Bearer scrape-me"}).status_code == 200
