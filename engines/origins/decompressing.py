"""Compressed bodies, unpacked in small pieces, so that whoever counts them can stop a bomb in time."""

import zlib
from collections.abc import Iterator

PIECE = 64 * 1024
GZIP_MAGIC = b"\x1f\x8b"


class Broken(Exception):
    """Not what its label says, cut off, or compressed in a way that is not read."""


class Decoder:
    """Plain bytes as they are; with `window` bits, through zlib. No piece is larger than it came or PIECE."""

    def __init__(self, window: int | None) -> None:
        self._zlib = zlib.decompressobj(window) if window is not None else None
        self._begun = False

    def __call__(self, raw: bytes) -> Iterator[bytes]:
        if self._zlib is None:
            yield raw
            return
        self._begun = self._begun or bool(raw)
        full = True
        try:
            # A full piece may leave more behind even when all that came is eaten.
            while (raw or full) and not self._zlib.eof:
                piece = self._zlib.decompress(raw, PIECE)
                raw, full = self._zlib.unconsumed_tail, len(piece) == PIECE
                if piece:
                    yield piece
        except zlib.error as error:
            raise Broken from error

    def finish(self) -> None:
        """Raises Broken when the end is missing."""
        if self._zlib is not None and self._begun and not self._zlib.eof:
            raise Broken


def decoder(encoding: str) -> Decoder:
    """For a Content-Encoding. Raises Broken for one that is not read: only identity is ever asked for."""
    windows = {"": None, "identity": None, "gzip": 31, "x-gzip": 31, "deflate": 15}
    if encoding.strip().lower() not in windows:
        raise Broken
    return Decoder(windows[encoding.strip().lower()])


def gunzipped(data: bytes, most: int) -> bytes:
    """The first member of a gzip file. Raises Broken, also beyond `most` bytes."""
    decode = Decoder(31)
    unpacked = bytearray()
    for piece in decode(data):
        unpacked += piece
        if len(unpacked) > most:
            raise Broken
    decode.finish()
    return bytes(unpacked)
