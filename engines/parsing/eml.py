"""EML: a mail as it travels (RFC 5322, MIME); its attachments are documents of their own.

The compat32 policy leaves headers as they are: the other one reads each with a recursive parser, which damaged and
hostile ones make fail.
"""

import binascii
import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from pathlib import Path
from typing import TypeAlias

from engines.parsing import encodings, refusals
from engines.parsing.building import clean
from engines.parsing.decoding import decode
from engines.parsing.limits import Limits
from engines.parsing.mail import Attachments, Body, Mail, best, page_of
from engines.parsing.reporting import Report
from rag.types import Page

# The parser holds a mail as text, as lines and as parts at once.
_MEMORY_FACTOR = 6
_LONGEST_HEADER = 50_000
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_STATEFUL = re.compile(r"iso-?2022|utf-?7|hz|utf-?16", re.I)
_SIGNATURES = frozenset(
    {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
        "application/pgp-keys",
    }
)
_SEALED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_UNREADABLE = (
    MessageError, binascii.Error, LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError,
)  # fmt: skip
_SOFT_BREAK = re.compile(r"(?<!^--) \n(?!>)", re.M)

_Message: TypeAlias = "Message[str, str]"  # typeshed's; at run time it takes no parameters


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page. Pictures that stand in the text, and signatures, are left out."""
    report.total(1)
    size = path.stat().st_size
    if size * _MEMORY_FACTOR > limits.memory_mb * 1024 * 1024:
        raise refusals.too_much_memory(limits)
    try:
        message = message_from_bytes(_bytes(path), policy=policy.compat32)
        reader = _Reader(Attachments(size, limits, report), report)
        reader.read(message)
    except _UNREADABLE:
        raise refusals.broken("EML") from None
    if reader.is_sealed and not any(not body.is_empty for body in reader.bodies):
        raise refusals.encrypted()
    lines = [(name, header(message, name)) for name in ("From", "To", "Cc", "Date")]
    yield page_of(Mail(header(message, "Subject"), lines, reader.bodies, reader.attachments.names), limits)


def header(message: _Message, name: str) -> str:
    """The first header of this name as a person reads it; "" where there is none."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    return _readable(raw[:_LONGEST_HEADER])


class _Reader:
    """Takes the parts of a mail in order."""

    def __init__(self, attachments: Attachments, report: Report) -> None:
        self.bodies: list[Body] = []
        self.attachments = attachments
        self.is_sealed = False
        self._report = report

    def read(self, part: _Message) -> None:
        self.bodies += self._texts(part)

    def _texts(self, part: _Message) -> list[Body]:
        """The text of a part and what is in it; what is no text goes out as an attachment."""
        kind = part.get_content_type()
        if part.get_content_maintype() == "multipart":
            return self._of_many(part, kind)
        if kind in _SEALED or kind == "application/pgp-encrypted":
            self.is_sealed = True
            return []
        name = _file_name(part)
        if kind in ("text/plain", "text/html") and not name and part.get_content_disposition() != "attachment":
            return [Body(_text(part), is_html=kind == "text/html")]
        self._attach(part, kind, name)
        return []

    def _of_many(self, part: _Message, kind: str) -> list[Body]:
        inner = part.get_payload()
        if not isinstance(inner, list):  # it has no boundary, so it is one text
            return [Body(_text(part))]
        self.is_sealed = self.is_sealed or kind == "multipart/encrypted"
        found = [self._texts(each) for each in inner if isinstance(each, Message)]
        if kind != "multipart/alternative":
            return [body for bodies in found for body in bodies]
        plain = next(
            (bodies for bodies in found if any(not each.is_html and not each.is_empty for each in bodies)), None
        )
        if plain is not None:
            return plain
        chosen = best(body for bodies in found for body in bodies)
        return [chosen] if chosen is not None else []

    def _attach(self, part: _Message, kind: str, name: str) -> None:
        disposition = part.get_content_disposition()
        if kind in _SIGNATURES or (part.get_content_maintype() == "image" and disposition != "attachment"):
            return
        if kind == "text/calendar" and not name:
            return  # says again what the text says
        try:
            if part.get_content_maintype() == "message":
                name, data = _inner_mail(part, name)
            else:
                data = _payload(part)
        except _UNREADABLE:
            self._report.warning(f"An attachment is damaged and was left out: {name or kind}.")
            return
        if data:
            self.attachments.add(name, data, kind)


def _bytes(path: Path) -> bytes:
    """The mail's bytes; one that was saved as UTF-16 becomes UTF-8."""
    data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    head = data[:2000]
    if data.startswith(_WIDE) or max(head[::2].count(0), head[1::2].count(0)) > len(head) // 4:
        return decode(data).removeprefix("\ufeff").encode("utf-8", "replace")
    return data


def _inner_mail(part: _Message, name: str) -> tuple[str, bytes]:
    """A mail within: as its sender's program wrote it, called after its subject."""
    inner = part.get_payload() if part.is_multipart() else None  # else it is decoded, by whatever codec it names
    if isinstance(inner, list) and inner and isinstance(inner[0], Message):
        subject = header(inner[0], "Subject")
        if part.get_content_type() != "message/rfc822":  # a delivery's status is a list of header blocks
            blocks = [each.as_bytes() for each in inner if isinstance(each, Message)]
            return name or f"{part.get_content_subtype()}.txt", b"\n".join(blocks)
        name = name or (subject or "message")[:200]
        return name if name.lower().endswith(".eml") else f"{name}.eml", inner[0].as_bytes()
    return name, _payload(part)


def _file_name(part: _Message) -> str:
    try:
        name = encodings.parameter(part, "filename", "Content-Disposition")
        return _readable((name or encodings.parameter(part, "name", "Content-Type"))[:_LONGEST_HEADER])
    except _UNREADABLE:
        return ""


def _payload(part: _Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _text(part: _Message) -> str:
    """The part's text. Lines that were only folded on the way (RFC 3676) are whole again."""
    charset = encodings.parameter(part, "charset", "Content-Type")
    text = _decoded(_payload(part), charset, html="html" in part.get_content_type())
    text = text.replace("\r\n", "\n")
    if str(part.get_param("format", "")).lower() == "flowed":
        text = _SOFT_BREAK.sub(" ", text)
    return text


def _decoded(data: bytes, charset: str, *, html: bool = False) -> str:
    """Bytes to text: UTF-8 proves itself, a declaration only counts where the bytes agree with it."""
    charset = encodings.known(charset) or "utf-8"
    first = [charset, "utf-8"] if data.isascii() or _STATEFUL.search(charset) else ["utf-8", charset]
    for encoding in first:
        with suppress(UnicodeError):
            return data.decode(encoding)
    return decode(data, html=html)


def _readable(raw: str) -> str:
    """A header's value with its encoded words (RFC 2047) as text; bytes beyond ASCII that just stand there too."""
    if not raw.isascii():
        raw = _decoded(raw.encode("utf-8", "surrogateescape"), "")
    raw = " ".join(raw.split())
    try:
        words = decode_header(raw)
    except _UNREADABLE:
        return clean(raw)
    parts = []
    for word, charset in words:
        if isinstance(word, str):
            parts.append(word)
        elif charset is None:
            parts.append(word.decode("raw-unicode-escape", "replace"))
        else:
            parts.append(_decoded(word, charset))
    return clean("".join(parts))
