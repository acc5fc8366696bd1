"""Files: taken in, kept under a UUID, lent to a parser, removed. The name a person gave never becomes a path."""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from apps.documents.errors import Refused, ServiceUnavailable
from engines import parsing
from rag.errors import ParsingError

LONGEST_NAME = 255
LONGEST_PATH = 600
BLOCK = 1 << 20


class Upload(Protocol):
    """What Django's UploadedFile and File have in common: a name a person gave, and bytes in pieces."""

    name: str | None

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Received:
    """A file that was taken in: on disk at `path`, fsync'ed, of a type that can be read."""

    path: Path
    file_name: str
    sha256: str
    size: int
    media_type: str


class LocalFile(File):
    """A file that lies on this machine's disk already; kept by a rename where that is the store's disk."""

    def __init__(self, path: Path, name: str = "") -> None:
        super().__init__(None, name=name or path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while block := file.read(chunk_size or BLOCK):
                yield block


@contextlib.contextmanager
def received(file: Upload) -> Iterator[Received]:
    """Copies an upload to disk and hashes it on the way; whatever was not kept is gone after the block.

    Raises Refused (`too_large`, `empty`, or what the type's check says) and ServiceUnavailable (disk full).
    """
    name = display_name(file.name)
    try:
        descriptor, path = tempfile.mkstemp(dir=settings.FILE_UPLOAD_TEMP_DIR, suffix=".incoming")
    except OSError as error:
        raise _unwritable(error) from error
    try:
        with os.fdopen(descriptor, "wb") as copy:
            sha256, size = _copy(file, copy, name)
        yield Received(Path(path), name, sha256, size, _media_type(Path(path), name))
    finally:
        Path(path).unlink(missing_ok=True)


def _copy(file: Upload, copy: IO[bytes], name: str) -> tuple[str, int]:
    limit = int(settings.MAX_UPLOAD_MB * 1_000_000)
    digest, size = hashlib.sha256(), 0
    for block in file.chunks():
        size += len(block)
        if size > limit:
            raise Refused(
                "too_large",
                f"“{name}” is larger than {settings.MAX_UPLOAD_MB:g} MB.",
                "Split the document, or ask the administrator to raise MAX_UPLOAD_MB.",
            )
        digest.update(block)
        try:
            copy.write(block)
        except OSError as error:
            raise _unwritable(error) from error
    if size == 0:
        raise Refused("empty", f"“{name}” is empty.", "Check the file and upload it again.")
    try:
        copy.flush()
        os.fsync(copy.fileno())
    except OSError as error:
        raise _unwritable(error) from error
    return digest.hexdigest(), size


def _media_type(path: Path, name: str) -> str:
    try:
        return parsing.sniff(path, name)
    except ParsingError as error:
        raise Refused(error.code, error.message, error.hint) from error


def _unwritable(error: OSError) -> ServiceUnavailable:
    return ServiceUnavailable(
        "storage", f"The file cannot be stored now ({error.strerror}).", "Try again later; the disk may be full."
    )


def display_name(name: str | None) -> str:
    """The last part of whatever a client called its file, fit to be shown: no folders, no control or
    direction-changing characters, at most 255 characters with its ending kept."""
    shown = _shown((name or "").replace("\\", "/").rstrip("/").rpartition("/")[2])
    if shown.strip(". ") == "":
        return "document"
    if len(shown) > LONGEST_NAME:
        stem, dot, ending = shown.rpartition(".")
        tail = dot + ending if 0 < len(ending) <= 10 and stem else ""
        shown = shown[: LONGEST_NAME - len(tail)] + tail
    return shown


def display_path(path: str) -> str:
    """Where a file lay in the folder that was uploaded, fit to be shown, with `/` between its parts; never a path
    to open. Of a longer one than LONGEST_PATH its end is kept, which tells more."""
    parts = [_shown(part) for part in path.replace("\\", "/").split("/")]
    shown = "/".join(part for part in parts if part not in ("", ".", ".."))
    return shown if len(shown) <= LONGEST_PATH else f"…{shown[1 - LONGEST_PATH :]}"


def display_title(title: str) -> str:
    """A title fit to be stored and shown, from wherever it comes: no controls, no lone surrogates (no database takes
    them), nothing that turns the text around it; "" where nothing is left."""
    kept = "".join(c for c in title if c.isspace() or not _UNFIT.fullmatch(c))
    return " ".join(kept.split())


_UNFIT = re.compile(r"[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _shown(text: str) -> str:
    # Category C: control, format (which turns text around), surrogates, unassigned.
    kept = "".join(c for c in unicodedata.normalize("NFC", text) if not unicodedata.category(c).startswith("C"))
    return " ".join(kept.split())


def keep(file: Received) -> str:
    """Moves a received file into the store; gives its path there. On disk for good when this returns."""
    identity = uuid4().hex
    try:
        stored_as = default_storage.save(f"{identity[:2]}/{identity}", LocalFile(file.path))
        _sync_folder(stored_as)
    except OSError as error:
        raise _unwritable(error) from error
    return stored_as


def _sync_folder(stored_as: str) -> None:
    """A rename is on disk only when its folder is (man 2 fsync); stores without paths look after themselves."""
    with contextlib.suppress(NotImplementedError):
        folder = os.open(Path(default_storage.path(stored_as)).parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def local_copy(stored_as: str) -> Iterator[Path]:
    """A path to read a stored file at; copied for the time of the block where the store has no paths."""
    try:
        path = Path(default_storage.path(stored_as))
    except NotImplementedError:
        with tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
            with default_storage.open(stored_as) as file:
                shutil.copyfileobj(file, copy)
            copy.flush()
            yield Path(copy.name)
        return
    yield path


def remove(files: Iterable[str], versions: Iterable[UUID]) -> None:
    """Takes stored files and the page images of versions away; what cannot be removed now, the sweep will."""
    for stored_as in files:
        with contextlib.suppress(OSError):
            default_storage.delete(stored_as)
    for version in versions:
        shutil.rmtree(pages_folder(version), ignore_errors=True)


def pages_folder(version: UUID) -> Path:
    """Where the rendered pages of a version are kept."""
    return Path(settings.DATA_DIR) / "pages" / str(version)


def keep_page_image(place: Path, png: bytes) -> None:
    """Written beside its place and renamed, so that a reader sees a whole image or none."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
        file.write(png)
    Path(file.name).replace(place)
