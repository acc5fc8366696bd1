"""Files that lie within a document, on their way from the child process to whoever keeps them."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from engines.parsing import refusals, wire
from engines.parsing.building import one_line
from engines.parsing.limits import Limits

LONGEST_NAME = 1000


@dataclass(frozen=True, slots=True)
class Within:
    """A file that a document holds: `name` is its path there, only ever text; `path` where its bytes lie now."""

    name: str
    path: Path
    size: int


class Spool:
    """Writes each file to a temporary one and hands it on when it is whole; nothing stays after the context.

    The child keeps the archive's limits; they are kept here again, because the child is not trusted.
    """

    def __init__(self, folder: Path | None, hand_on: Callable[[Within], None], limits: Limits) -> None:
        self._folder, self._hand_on, self._limits = folder, hand_on, limits
        self._name = ""
        self._file: IO[bytes] | None = None
        self._size = self._total = self._count = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()

    def takes(self, message: dict[str, Any]) -> bool:
        """Whether the message was about a file. Raises ParsingError past a limit, OSError for a full disk."""
        if "file" in message:
            self._begin(str(message["file"]))
        elif "bytes" in message:
            self._write(str(message["bytes"]))
        elif "file_ends" in message:
            self._end()
        else:
            return False
        return True

    def _begin(self, name: str) -> None:
        self._drop()  # the one before never ended
        self._count += 1
        if self._count > self._limits.archive_members:
            raise refusals.too_many_members(self._limits)
        self._name, self._size = one_line(name)[:LONGEST_NAME] or "document", 0
        if self._folder is not None:
            self._file = tempfile.NamedTemporaryFile(dir=self._folder, suffix=".incoming", delete=False)  # noqa: SIM115

    def _write(self, packed: str) -> None:
        try:
            data = wire.unpack(packed)
        except ValueError:
            raise refusals.crashed("it wrote a file that is none") from None
        self._size += len(data)
        self._total += len(data)
        if self._total > self._limits.archive_mb * 1_000_000:
            raise refusals.archive_too_large(self._limits)
        if self._file is not None:
            self._file.write(data)

    def _end(self) -> None:
        if self._file is None:
            return
        self._file.close()
        try:
            self._hand_on(Within(self._name, Path(self._file.name), self._size))
        finally:
            self._drop()

    def _drop(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):  # a full disk is told by what wrote to it
                file.close()
            with suppress(FileNotFoundError):
                Path(file.name).unlink()
