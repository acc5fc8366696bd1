"""MSG: a mail as Outlook keeps it (MS-OXMSG); its attachments are documents of their own."""

import struct
from collections.abc import Iterator
from email.header import Header
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from olefile.olefile import DEFECT_INCORRECT, OleFileError, OleFileIO
from oxmsg import Message
from oxmsg.domain import constants as c
from oxmsg.domain.model import UnrecognizedCodePageError, UnsupportedEncodingError
from oxmsg.properties import Properties
from oxmsg.storage import Storage

from engines.parsing import encodings, refusals
from engines.parsing.building import one_line
from engines.parsing.decoding import decode
from engines.parsing.limits import Limits
from engines.parsing.mail import Attachments, Body, Mail, best, page_of
from engines.parsing.reporting import Report
from rag.types import Page

_UNKNOWN = UnrecognizedCodePageError, UnsupportedEncodingError
_UNREADABLE = (
    OleFileError, OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError, struct.error, EOFError,
    OverflowError, RecursionError, *_UNKNOWN,
)  # fmt: skip
_EMBEDDED = 5
"""PidTagAttachMethod of a mail within a mail."""
_EMBEDDED_STORAGE = "__substg1.0_3701000D"
_TO, _CC = 1, 2


class _Listed(Properties):
    """The properties of a mail whose texts may be in a code page that Python does not know."""

    @property
    def body_encoding(self) -> str:
        """The encoding of its body; ASCII where it is unknown, so that it is told by its bytes (`_html`, `_string`)."""
        try:
            return encodings.known(str(super().body_encoding)) or "ascii"
        except _UNKNOWN:
            return "ascii"


class _Message(Message):
    """A mail, or with `head=24` one within a mail: its list of properties has a shorter head (MS-OXMSG 2.4.1.2)."""

    def __init__(self, storage: Any, head: int = 32) -> None:
        super().__init__(storage)
        self._listed = _Listed(storage, properties_header_offset=head)

    @property
    def properties(self) -> Properties:
        """Its properties."""
        return self._listed


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page. The plain text where there is some, else the HTML."""
    report.total(1)
    size = path.stat().st_size
    try:
        # By default, streams that are cut off or lead in a circle are read as far as they go, without a word.
        with OleFileIO(str(path), raise_defects=DEFECT_INCORRECT) as file:
            message = _Message(Storage.from_ole(file))
        attachments = Attachments(size, limits, report)
        mail = _mail(message)
        for name, data, media_type in _files(message, report):
            attachments.add(name, data, media_type)
    except _UNREADABLE:
        raise refusals.broken("MSG") from None
    mail.attachments = attachments.names
    yield page_of(mail, limits)


def _mail(message: Message) -> Mail:
    body = best([Body(_plain(message)), Body(_html(message), is_html=True)])
    return Mail(_string(message, c.PID_SUBJECT), _lines(message), [body] if body is not None else [])


def _lines(message: Message) -> list[tuple[str, str]]:
    sent = message.sent_date
    return [
        ("From", _person(message.sender or "")),
        ("To", _recipients(message, _TO) or _string(message, c.PID_DISPLAY_TO)),
        ("Cc", _recipients(message, _CC) or _string(message, c.PID_DISPLAY_CC)),
        ("Date", format_datetime(sent) if sent is not None else ""),
    ]


def _recipients(message: Message, kind: int) -> str:
    people = [each for each in message.recipients if each.properties.int_prop_value(c.PID_RECIPIENT_TYPE) == kind]
    return ", ".join(_person(f"{each.name} <{each.email_address}>") for each in people)


def _person(text: str) -> str:
    """A name and address; the address an Exchange server uses within itself is for no reader."""
    name, _, address = text.partition("<")
    address = address.rstrip("> ")
    name = name.strip()
    if not address or address.lower().startswith("/o="):
        return name
    return f"{name} <{address}>" if name and name != address else address


def _plain(message: Message) -> str:
    return _string(message, c.PID_BODY)


def _html(message: Message) -> str:
    try:
        return message.html_body or ""
    except UnicodeDecodeError as error:
        return decode(bytes(error.object), html=True)
    except KeyError:
        return ""


def _string(holder: Any, pid: int) -> str:
    """A text property; "" where it is not there. One in another encoding than it says is read nevertheless."""
    try:
        return holder.properties.str_prop_value(pid) or ""
    except UnicodeDecodeError as error:
        return decode(bytes(error.object))
    except KeyError:  # listed, but not there
        return ""


def _files(message: Message, report: Report) -> Iterator[tuple[str, bytes, str]]:
    """Name, bytes and media type of each attachment that stands by itself."""
    for attachment in message.attachments:
        name = _string(attachment, c.PID_ATTACH_LONG_FILENAME) or _string(attachment, c.PID_ATTACH_FILENAME)
        media_type = _string(attachment, c.PID_ATTACH_MIME_TAG)
        if attachment.properties.int_prop_value(c.PID_ATTACH_METHOD) == _EMBEDDED:
            storage: Any = attachment._storage
            inner = next((each for each in storage.storages if each.name == _EMBEDDED_STORAGE), None)
            if inner is not None:
                subject, data = _as_eml(_Message(inner, head=24), report)
                yield f"{subject or name or 'message'}.eml", data, "message/rfc822"
            continue
        data = _bytes(attachment)
        if data and not _is_inline(attachment, media_type or name):
            yield name, data, media_type


def _bytes(attachment: Any) -> bytes:
    try:
        return attachment.file_bytes or b""
    except KeyError:
        return b""


def _is_inline(attachment: Any, kind: str) -> bool:
    """Whether it is a picture that stands in the text."""
    is_picture = kind.lower().startswith("image/") or kind.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".bmp"))
    return is_picture and bool(_string(attachment, c.PID_ATTACH_CONTENT_ID))


def _as_eml(message: Message, report: Report) -> tuple[str, bytes]:
    """A mail within, as the mail format that is text: its subject and its bytes."""
    mail = _mail(message)
    made: Any = MIMEMultipart()
    for name, value in (("Subject", mail.subject), *mail.lines):
        if value:
            made[name] = Header(one_line(value), "utf-8", maxlinelen=10_000)
    for body in mail.bodies:
        made.attach(
            MIMEText(body.text.encode("utf-8", "replace").decode(), "html" if body.is_html else "plain", "utf-8")
        )
    for name, data, _ in _files(message, report):
        part = MIMEApplication(data)
        part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", one_line(name)))
        made.attach(part)
    return one_line(mail.subject)[:200], made.as_bytes()
