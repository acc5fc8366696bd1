"""Which encodings a document, a mail or a server may name."""

import codecs
import re
from email.message import Message
from email.utils import collapse_rfc2231_value

_OF_TEXT = re.compile(
    r"ascii|utf-8(-sig)?|utf-(16|32)(-[bl]e)?|cp\d+|iso8859-\d+|koi8-[rtu]|mac-\w+|big5(hkscs)?|gb2312|gbk|gb18030|hz"
    r"|euc_\w+|euc-\w+|iso2022_\w+|shift_jis\w*|johab|kz1048|ptcp154|tis-620|hp-roman8"
)
"""By Python's own names. Not all of its codecs: some are no encodings of text (zlib, rot13), some take time by the
square of the length (punycode), some make lone surrogates of plain letters (unicode_escape), one only raises."""


_LONGEST_NAME = 40
"""Characters. Python remembers each name that it was asked for in vain."""


def known(name: str) -> str:
    """The codec by a name that comes from outside, "" where it names none that may be used."""
    if len(name) > _LONGEST_NAME:
        return ""
    try:
        codec = codecs.lookup(name.strip()).name
    except (LookupError, ValueError, UnicodeError):
        return ""
    return codec if _OF_TEXT.fullmatch(codec) else ""


def parameter(message: "Message[str, str]", name: str, header: str) -> str:
    """A parameter of a header as text, "" if it is not there. One may state its own encoding (RFC 2231), and
    Python's own readers take any codec for it. Never raises."""
    try:
        value = message.get_param(name, "", header)
        if isinstance(value, tuple) and not known(value[0] or "ascii"):
            value = value[2]
        return collapse_rfc2231_value(value)
    except (LookupError, ValueError, TypeError):
        return ""
