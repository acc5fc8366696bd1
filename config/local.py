"""What the embedded default keeps on this machine: a private folder, a secret, a socket."""

import hashlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

# A unix socket's path ends at 107 bytes on Linux (man 7 unix), at 103 on macOS.
LONGEST_SOCKET_PATH = 100


def private_directory(path: str) -> Path:
    """The absolute path of a folder that only its owner can read, made if it is not there."""
    directory = Path(path).expanduser().resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{directory} cannot be made ({error.strerror}); set DATA_DIR to a folder that can be written."
        ) from None
    if not os.access(directory, os.W_OK):
        raise ImproperlyConfigured(f"{directory} cannot be written; set DATA_DIR to a folder that can be.")
    return directory


def kept_secret_key(data_dir: Path) -> str:
    """The installation's secret, made at first need and kept in DATA_DIR, readable by its owner only."""
    path = data_dir / "secret_key"
    try:
        # O_EXCL: of several processes that start at once, one writes and the others read.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    key = secrets.token_urlsafe(50)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
    return key


def private_socket(data_dir: Path, name: str) -> Path:
    """Where a process of this Footnote listens: in DATA_DIR, or in the temporary folder if that path is too long."""
    socket = data_dir / name
    if len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH:
        return socket
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"footnote-{os.getuid()}-{digest}"
    folder.mkdir(exist_ok=True, mode=0o700)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise ImproperlyConfigured(f"{folder} is somebody else's; set DATA_DIR to a shorter path.")
    return folder / socket.name
