"""What is looked at before anything is started, so that a refusal is one sentence and not a traceback."""

import errno
import fcntl
import os
import shutil
import socket
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from engines.wiring import redis_client

LEAST_FREE_MB = 200


class CannotStart(Exception):
    """One sentence that says what stands in the way and what to do."""


def only_one(data_dir: Path) -> IO[str]:
    """Holds DATA_DIR for this process until the file returned is closed; refuses a second one."""
    path = data_dir / "up.lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise CannotStart(f"{path} cannot be written ({error.strerror}); set DATA_DIR to a folder that can.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise CannotStart(
            f"another Footnote (process {holder}) already runs on {data_dir}; stop it, or set DATA_DIR to another one."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def port_is_free(host: str, port: int) -> None:
    """Refuses a port that is taken or not ours to take."""
    if not 1 <= port <= 65535:  # getaddrinfo would silently take the remainder
        raise CannotStart(f"PORT is {port}; give a port between 1 and 65535, such as PORT=8000.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            # As uvicorn does: connections of an earlier run that still linger do not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except socket.gaierror:
        raise CannotStart(f"HOST is {host!r}, which is no address of this machine; try HOST=127.0.0.1.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = "is already taken by another program"
        elif error.errno == errno.EACCES:
            why = "needs more rights than this account has"
        else:
            why = f"cannot be used on {host} ({error.strerror})"
        raise CannotStart(f"port {port} {why}; choose another one, such as PORT={next_port(port)}.") from None


def next_port(port: int) -> int:
    """A port to propose instead."""
    return port + 1 if 1024 <= port < 65535 else 8000


def disk_has_room(data_dir: Path) -> None:
    """Refuses a nearly full disk: SQLite and valkey fail in worse ways later."""
    free = shutil.disk_usage(data_dir).free // 2**20
    if free < LEAST_FREE_MB:
        raise CannotStart(
            f"the disk of {data_dir} has {free} MB left and Footnote needs {LEAST_FREE_MB}; "
            "free some space, or set DATA_DIR to a folder on another disk."
        )


def database_answers() -> None:
    """Refuses a database that cannot be reached, without showing its password."""
    probe = connection.copy()
    # The pool would try for ten seconds and then not say why.
    if probe.settings_dict["OPTIONS"].pop("pool", None):
        probe.settings_dict["OPTIONS"]["connect_timeout"] = 3
    try:
        probe.ensure_connection()
        probe.close()
    except (DatabaseError, ImproperlyConfigured) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise CannotStart(f"the database does not answer ({told}); check DATABASE_URL.") from None


def redis_answers(url: str) -> None:
    """Refuses a Redis that cannot be reached."""
    try:
        redis_client().ping()
    except (redis.RedisError, OSError) as error:
        parts = urlsplit(url)
        where = f"{parts.hostname or parts.path}:{parts.port or 6379}"
        raise CannotStart(f"the Redis at {where} does not answer ({error}); check REDIS_URL.") from None
