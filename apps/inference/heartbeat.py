"""One heartbeat per process, so that what a dead worker held is seen as lost within seconds.

It beats in two places, the database and Redis, and a process is living while either has heard from it: a
database locked for half a minute, or a Redis that is away, makes nobody look dead. A process that ended
on this very machine is seen at once, by its number.
"""

import logging
import os
import socket
import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import redis
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone
from uuid_utils.compat import uuid7

from apps.inference.models import Worker
from engines.wiring import quick_redis_client

EVERY_SECONDS = 1.0
DEAD_AFTER = timedelta(seconds=4)
HUNG_AFTER = timedelta(seconds=60)
"""A process of this machine that is still there may be too busy to beat for so long."""
FORGET_AFTER = timedelta(minutes=10)
FIRST_BEAT_SECONDS = 5.0
REDIS_KEY = "worker:{}"

logger = logging.getLogger(__name__)


def this_host() -> str:
    """The machine and its space of process numbers: containers may share the one without the other."""
    try:
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:  # no /proc: macOS
        return socket.gethostname()
    return f"{socket.gethostname()} {space}"


class Heart:
    """Shows that this process lives until it stops; the id is what leases name."""

    def __init__(self, role: str) -> None:
        self.id: UUID = uuid7()
        self.role = role
        self.pid = os.getpid()
        self._first_beat = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Returns when the first beat is written, or after some seconds without (it goes on trying)."""
        self._thread.start()
        if not self._first_beat.wait(FIRST_BEAT_SECONDS):
            logger.warning("the first heartbeat is still waiting for the database")

    def stop(self) -> None:
        """Ends it and takes its row away, so that what it held is seen as lost at once."""
        self._stopping.set()
        self._thread.join(timeout=FIRST_BEAT_SECONDS)

    def _beat_on(self) -> None:
        while not self._stopping.is_set():
            self._beat()
            self._stopping.wait(EVERY_SECONDS)
        self._forget()

    def _beat(self) -> None:
        # Redis first: it answers or refuses within a second, the database may be locked for many.
        try:
            quick_redis_client().set(REDIS_KEY.format(self.id), self.role, px=DEAD_AFTER)
        except redis.RedisError as error:
            logger.debug("no heartbeat in Redis: %s", error)
        try:
            self.beat()
            self._first_beat.set()
        except Exception as error:
            # Whatever it is: a heart that stops beating makes a living process look dead.
            logger.warning("no heartbeat in the database: %s", error)
        finally:
            # Between two beats no connection is held: the pool is for those who work.
            connections.close_all()

    def beat(self) -> None:
        """One row, written again."""
        now = timezone.now()
        if not Worker.objects.filter(id=self.id).update(beat_at=now):
            Worker.objects.create(id=self.id, role=self.role[:100], host=this_host()[:255], pid=self.pid, beat_at=now)

    def _forget(self) -> None:
        try:
            quick_redis_client().delete(REDIS_KEY.format(self.id))
            Worker.objects.filter(id=self.id).delete()
        except (DatabaseError, InterfaceError, redis.RedisError) as error:
            logger.debug("the last heartbeat stays until it is old: %s", error)
        finally:
            connections.close_all()


_heart: Heart | None = None
_one_at_a_time = threading.Lock()


def start(role: str) -> UUID:
    """The id of this process, beating from the first call on. In a forked child, where the parent's heart
    does not beat, it is a new one."""
    global _heart
    with _one_at_a_time:
        if _heart is None or _heart.pid != os.getpid():
            _heart = Heart(role)
            _heart.start()
        return _heart.id


_of_thread = threading.local()


def of_this_thread(role: str) -> UUID:
    """The same for a thread that holds a lease of its own: its heart is stopped by the thread or by the end of
    the process."""
    heart: Heart | None = getattr(_of_thread, "heart", None)
    if heart is None or heart.pid != os.getpid():
        heart = _of_thread.heart = Heart(role)
        heart.start()
    return heart.id


def stop_of_this_thread() -> None:
    """Ends this thread's heartbeat, if it has one, so that what it held is seen as lost."""
    heart: Heart | None = getattr(_of_thread, "heart", None)
    if heart is not None:
        _of_thread.heart = None
        heart.stop()


def stop() -> None:
    """Ends this process's heartbeat, if it has one."""
    global _heart
    with _one_at_a_time:
        if _heart is not None and _heart.pid == os.getpid():
            _heart.stop()
        _heart = None


def living() -> set[UUID]:
    """The ids of the processes that beat of late and were not seen to end."""
    now = timezone.now()
    workers = Worker.objects.filter(beat_at__gte=now - FORGET_AFTER).values_list("id", "host", "pid", "beat_at")
    here = this_host()
    there = [
        (id_, beat_at, HUNG_AFTER if host == here else DEAD_AFTER)
        for id_, host, pid, beat_at in workers
        if host != here or not _ended(pid)
    ]
    late = [id_ for id_, beat_at, patience in there if beat_at < now - patience]
    return ({id_ for id_, *_ in there} - set(late)) | _beating_in_redis(late)


def _beating_in_redis(ids: list[UUID]) -> set[UUID]:
    if not ids:
        return set()
    try:
        values = quick_redis_client().mget([REDIS_KEY.format(id_) for id_ in ids])
    except redis.RedisError:
        return set()
    return {id_ for id_, value in zip(ids, values, strict=True) if value is not None}


def _ended(pid: int) -> bool:
    """Whether a process of this machine is gone, or is a zombie that nobody has waited for yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    try:
        # "pid (name) state ..."; the name may hold spaces and brackets (man 5 proc).
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def forget_dead() -> None:
    """Rows of processes long gone."""
    Worker.objects.filter(beat_at__lt=timezone.now() - FORGET_AFTER).delete()
