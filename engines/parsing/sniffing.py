"""What a file is: by its content; its name only tells one kind of text from another.

Runs where files are received, so it reads no more than a few hundred kilobytes and unpacks nothing.
"""

import re
from pathlib import Path, PurePath

from engines.parsing import containers, refusals
from engines.parsing.formats import by_extension, by_name

_HEAD = 64 * 1024
_TAIL = 256 * 1024
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HTML = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.{0,2000}?-->\s*)*<(!doctype\s+html|html[\s>])", re.I | re.S)
_MAIL = re.compile(rb"(?:(?:from|to|date|subject|received|message-id|mime-version|return-path|delivered-to):\s)", re.I)
_CONTROLS = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.01
"""The share of control characters that a text may have: old ones hold a stray one, other files eleven in a hundred."""
_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"{\\rtf", "RTF"),
    (b"\x1f\x8b", "TAR"),
    (b"BZh", "TAR"),
    (b"\xfd7zXZ\x00", "TAR"),
)
_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
)
"""How files begin. BMP's two letters also begin words, so the rest of its header is looked at too."""


def sniff(path: Path, file_name: str) -> str:
    """The media type of the file at `path`, which a person calls `file_name`.

    Raises ParsingError: `unsupported` (the sentence lists what is taken), `empty`, `encrypted` (an
    Office file in its password container) or `broken` (named for a format whose mark it lacks).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    if not head:
        raise refusals.empty()
    suffix = PurePath(file_name).suffix.lower()
    name = _binary(path, head, tail, suffix) or _text(head, suffix)
    form = by_name(name)
    if form is None:
        raise refusals.unsupported(f"{name} files" if name != "image" else "A picture")
    if not form.is_taken:
        raise refusals.needs_extra(form)
    return _picture(head) if form.name == "image" else form.media_type


def _binary(path: Path, head: bytes, tail: bytes, suffix: str) -> str | None:
    named = by_extension(suffix)
    if b"%PDF-" in head[:1024]:
        return "PDF"
    if head.startswith(b"PK"):
        return containers.zipped(head, tail, named)
    if head.startswith(containers.OLE):
        return containers.compound(path, head)
    if (marked := _marked(head)) is not None:
        return marked
    if named is not None and not named.is_text:
        raise refusals.broken(named.name)
    return None


def _marked(head: bytes) -> str | None:
    if head[257:262] == b"ustar" or _has_tar_checksum(head):
        return "TAR"
    if _picture(head):
        return "image"
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def _picture(head: bytes) -> str:
    """The media type of a picture, "" for what is none."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    is_word = head.startswith(b"BM") and head[6:10] != b"\0\0\0\0"
    return "" if is_word else next((kind for mark, kind in _PICTURES if head.startswith(mark)), "")


def _has_tar_checksum(head: bytes) -> bool:
    """Whether it begins as tar wrote before it had a mark: with a header that states the sum of its own bytes,
    counted with spaces where the sum stands."""
    stated = head[148:156].strip(b" \0")
    if len(head) < 512 or not re.fullmatch(rb"[0-7]{1,7}", stated):
        return False
    return int(stated, 8) == sum(head[:148]) + 8 * ord(" ") + sum(head[156:512])


def _text(head: bytes, suffix: str) -> str:
    wide = head.startswith(_BOMS) or _looks_utf16(head)
    if not wide and (b"\0" in head or len(_CONTROLS.findall(head)) > _MOST_CONTROLS * len(head)):
        raise refusals.unsupported()
    if _HTML.match(head.lstrip(b"\xef\xbb\xbf")):
        return "HTML"
    named = by_extension(suffix)
    if (named is None or named.name == "TXT") and _is_mail(head):
        return "EML"
    if named is None or not named.is_text:
        raise refusals.unsupported(f"A file named *{suffix[:20]}")
    return named.name


def _is_mail(head: bytes) -> bool:
    """Whether its first lines are a mail's, at least three of them of the kind every mail has."""
    begin = head.split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0][:8192]
    lines = begin.splitlines()
    known = sum(1 for line in lines if _MAIL.match(line))
    shaped = all(re.match(rb"[\x21-\x39\x3b-\x7e]+:|[ \t]", line) for line in lines)
    return known >= 3 and shaped


def _looks_utf16(head: bytes) -> bool:
    """Whether nearly every second byte is NUL, as in UTF-16 text of Latin script without its mark."""
    sample = head[:2000]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    return len(sample) >= 4 and max(even, odd) > 0.6 * half and min(even, odd) < 0.05 * half
