"""What mails of every format share: their page, and their attachments on the way out."""

import mimetypes
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engines.parsing.archives import Names, Unpacking
from engines.parsing.building import HeadingPath, PageBuilder, clean, one_line
from engines.parsing.html import add_html
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
_LINE_ENDS = re.compile(r"[^\S\n]+$", re.M)
_TYPES = mimetypes.MimeTypes(filenames=())


@dataclass(slots=True)
class Mail:
    """What a person sees who opens a mail."""

    subject: str = ""
    lines: Sequence[tuple[str, str]] = ()
    """Names and values of the lines above the text: From, To, Cc, Date. Empty values are left out."""
    bodies: list["Body"] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Body:
    """A piece of a mail's text, plain or HTML."""

    text: str
    is_html: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not self.text.strip()


class Attachments:
    """Hands attachments on and remembers what they are called."""

    def __init__(self, packed: int, limits: Limits, report: Report) -> None:
        self.names: list[str] = []
        self._report, self._unpacking, self._distinct = report, Unpacking(packed, limits), Names()

    def add(self, name: str, data: bytes, media_type: str = "") -> None:
        """An attachment; one without a name is called after its type. Raises ParsingError past a limit."""
        name = one_line(name) or f"attachment{_TYPES.guess_extension(media_type) or ''}"
        name = self._distinct.distinct(name)
        self._unpacking.file()
        self._unpacking.came(len(data))
        self._report.file(name, [data])
        self.names.append(name)


def page_of(mail: Mail, limits: Limits) -> Page:
    """One page: the subject as its heading, who wrote to whom and when, the text, the attachments' names.

    A mail without subject, text and attachments says nothing.
    """
    builder, headings = PageBuilder(), HeadingPath()
    bodies = [body for body in mail.bodies if not body.is_empty]
    subject = one_line(mail.subject)
    if not (subject or bodies or mail.attachments):
        return builder.page()
    if subject:
        builder.add(subject, Kind.HEADING, heading=headings.push(0, subject))
    lines = [(name, one_line(value)) for name, value in mail.lines]
    builder.add("\n".join(f"{name}: {value}" for name, value in lines if value), heading=headings.path)
    for body in bodies:
        if body.is_html:
            add_html(body.text, limits, builder, headings)
        else:
            _add_plain(body.text, builder, headings.path)
    for name in mail.attachments:
        builder.add(f"- {name}", Kind.LIST_ITEM, heading=headings.path)
    return builder.page()


def best(bodies: Iterable[Body]) -> Body | None:
    """Of alternatives that say the same, the plain one if it says anything."""
    saying = [body for body in bodies if not body.is_empty]
    return next((body for body in saying if not body.is_html), saying[0] if saying else None)


def _add_plain(text: str, builder: PageBuilder, heading: tuple[str, ...]) -> None:
    for paragraph in _PARAGRAPHS.split(_LINE_ENDS.sub("", clean(text))):
        builder.add(paragraph, heading=heading)
