"""Documents to pages: text, blocks and boxes. One module a format, each run in a limited child process."""

from engines.parsing.extracting import extract, render_page, sandbox
from engines.parsing.formats import FORMATS, Format, by_media_type
from engines.parsing.limits import Limits
from engines.parsing.refusals import Cancelled
from engines.parsing.reporting import Report
from engines.parsing.sniffing import sniff
from engines.parsing.spooling import Within

__all__ = [
    "FORMATS",
    "Cancelled",
    "Format",
    "Limits",
    "Report",
    "Within",
    "by_media_type",
    "extract",
    "render_page",
    "sandbox",
    "sniff",
]
