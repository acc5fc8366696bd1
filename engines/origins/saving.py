"""Bytes on their way into a file: counted, hashed, and gone again when something fails."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from engines.origins import refusals


def save(pieces: Iterable[bytes], into: Path, name: str, max_bytes: int) -> tuple[int, str]:
    """Writes them and returns size and SHA-256 (64 hexadecimal digits).

    Whatever `pieces` raises is passed on, and OriginRefused("too_large") beyond `max_bytes`; no file stays then.
    """
    size, digest = 0, hashlib.sha256()
    try:
        with into.open("wb") as file:
            for piece in pieces:
                size += len(piece)
                if size > max_bytes:
                    raise refusals.too_large(name, max_bytes)
                digest.update(piece)
                file.write(piece)
    except BaseException:
        into.unlink(missing_ok=True)
        raise
    return size, digest.hexdigest()
