"""A living process is seen as living, a dead one as dead, whichever store is away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings
from uuid_utils.compat import uuid7

from apps.inference import heartbeat, selectors, services
from apps.inference.models import Worker
from engines import wiring

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


@pytest.fixture(autouse=True)
def heart_stops(redis_server: str) -> Iterator[None]:
    yield
    heartbeat.stop()


def a_worker(*, host: str = "elsewhere", pid: int = 1, seconds_ago: float = 0.0) -> UUID:
    beat_at = timezone.now() - timedelta(seconds=seconds_ago)
    return Worker.objects.create(id=uuid7(), role="answers", host=host, pid=pid, beat_at=beat_at).id


def test_a_process_lives_from_its_first_call_on_and_keeps_its_id() -> None:
    me = services.this_worker(role="tests")
    assert me in selectors.living_workers()
    assert services.this_worker() == me
    row = Worker.objects.get(pk=me)
    assert (row.role, row.pid) == ("tests", os.getpid())


def test_it_beats_every_second() -> None:
    me = services.this_worker()
    first = Worker.objects.get(pk=me).beat_at
    time.sleep(1.5)
    assert Worker.objects.get(pk=me).beat_at > first


def test_a_process_that_ends_well_is_gone_at_once() -> None:
    me = services.this_worker()
    heartbeat.stop()
    assert me not in selectors.living_workers()
    assert not Worker.objects.filter(pk=me).exists()
    assert services.this_worker() != me


def test_who_has_not_beaten_for_seconds_is_dead_and_later_forgotten() -> None:
    late = a_worker(seconds_ago=5)
    old = a_worker(seconds_ago=700)
    assert selectors.living_workers().isdisjoint({late, old})
    services.forget_dead_workers()
    assert Worker.objects.filter(pk=late).exists()
    assert not Worker.objects.filter(pk=old).exists()


def test_a_busy_process_of_this_machine_is_given_a_minute() -> None:
    busy = a_worker(host=heartbeat.this_host(), pid=os.getpid(), seconds_ago=30)
    hung = a_worker(host=heartbeat.this_host(), pid=os.getpid(), seconds_ago=90)
    assert selectors.living_workers() >= {busy}
    assert hung not in selectors.living_workers()


def test_a_beat_in_redis_is_enough_while_the_database_is_locked() -> None:
    late = a_worker(seconds_ago=20)
    wiring.quick_redis_client().set(heartbeat.REDIS_KEY.format(late), "answers", ex=4)
    assert late in selectors.living_workers()


def test_a_beat_in_the_database_is_enough_while_redis_is_away(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    wiring.quick_redis_client.cache_clear()
    try:
        late = a_worker(seconds_ago=5)
        me = services.this_worker()
        assert me in selectors.living_workers()
        assert late not in selectors.living_workers()
    finally:
        wiring.quick_redis_client.cache_clear()


def test_a_process_killed_on_this_machine_is_seen_at_once() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    theirs = a_worker(host=heartbeat.this_host(), pid=child.pid)
    assert theirs in selectors.living_workers()
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert theirs not in selectors.living_workers(), "a zombie is dead too"
    child.wait()
    assert theirs not in selectors.living_workers()


def test_a_process_number_on_another_machine_says_nothing_here() -> None:
    assert a_worker(host="another machine", pid=2**22 + 1) in selectors.living_workers()


def test_a_thread_that_holds_leases_has_a_heart_of_its_own() -> None:
    process = services.this_worker()
    try:
        mine = heartbeat.of_this_thread("ingest")
        with ThreadPoolExecutor(1) as pool:
            theirs = pool.submit(heartbeat.of_this_thread, "ingest").result()
            assert len({process, mine, theirs}) == 3
            assert {process, mine, theirs} <= selectors.living_workers()
            assert pool.submit(heartbeat.of_this_thread, "ingest").result() == theirs
            pool.submit(heartbeat.stop_of_this_thread).result()
        assert theirs not in selectors.living_workers()
        assert heartbeat.of_this_thread("ingest") == mine
    finally:
        heartbeat.stop_of_this_thread()
    assert mine not in selectors.living_workers()


def test_no_connection_is_held_between_two_beats() -> None:
    heart = heartbeat.Heart("test")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(heart._beat).result()
        assert heart.id in selectors.living_workers()
        assert pool.submit(lambda: connections["default"].connection).result() is None
        pool.submit(heart._forget).result()
