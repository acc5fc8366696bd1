"""What a sample document is, and which of the questions put to every format it can answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """A document that says: heading "Annual report", "The company grew in every region.", list item "costs fell",
    and a table of Year, Sales, Costs with First 1,200 900 and Second 1,320 850; on its first page, in this order.
    """

    name: str
    data: bytes
    blank: bytes = b" \n\n "
    """A document of this format without a word."""
    has_text: bool = True
    """Whether the sentence and the list item stand on its first page."""
    has_table: bool = True
    has_headings: bool = True
    torn_may_be_read: bool = False
    """Whether a document cut off in the middle may still be read in part."""
    keeps_noise: bool = False
    """Whether a damaged copy may still be read, as text always can."""
