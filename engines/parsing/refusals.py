"""Every way a document is refused, each in one sentence and a hint that says what to do."""

from engines.parsing.formats import Format, has_ocr, taken
from engines.parsing.limits import Limits
from rag.errors import ParsingError


class Cancelled(ParsingError):
    """Whoever asked for the pages no longer wants them; the child process is gone."""

    def __init__(self) -> None:
        super().__init__("cancelled", "Reading the document was cancelled.")


def unsupported(what: str = "This file's format", hint: str = "Convert the file to one of these.") -> ParsingError:
    return ParsingError("unsupported", f"{what} is not taken; {taken()} are.", hint)


OCR_ADVICE = 'Pictures and scans are read once an administrator has run make setup EXTRAS="ocr" on the server.'


def needs_extra(form: Format) -> ParsingError:
    advice = f'Ask an administrator to run make setup EXTRAS="{form.extra}" on the server.'
    return ParsingError(
        "unsupported",
        f"{form.name[0].upper()}{form.name[1:]} files cannot be read here yet.",
        OCR_ADVICE if form.extra == "ocr" else advice,
    )


def empty() -> ParsingError:
    return ParsingError("empty", "The file is empty.", "Check the original and upload it again.")


def encrypted() -> ParsingError:
    return ParsingError(
        "encrypted",
        "The document is protected by a password, so it cannot be read.",
        "Save a copy without the password and upload that.",
    )


def broken(name: str) -> ParsingError:
    return ParsingError(
        "broken",
        f"The file is damaged or is not a real {name}, so it cannot be read.",
        "Open it in the program it came from, save it anew and upload that.",
    )


def no_text(media_type: str) -> ParsingError:
    is_picture = media_type.startswith("image")
    if is_picture or (media_type == "application/pdf" and has_ocr()):
        return ParsingError(
            "no_text",
            f"The {'picture' if is_picture else 'PDF'} has no text, and OCR found none.",
            "If there is text on it, scan it anew, upright and with 200 to 300 dots per inch.",
        )
    if media_type == "application/pdf":
        return ParsingError(
            "no_text",
            "The PDF has no text; it is probably a scan.",
            f"{OCR_ADVICE} A version with a text layer can be uploaded now.",
        )
    return ParsingError("no_text", "The document has no text.", "Check the original and upload it again.")


def too_many_pages(count: int, limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"The document has {count:,} pages; at most {limits.pages:,} are taken.",
        "Split it, or ask an administrator to raise MAX_PAGES.",
    )


def too_many_scans(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"More than {limits.ocr_pages:,} pages of the document have no text, and OCR reads no more of one document.",
        "Split it, or ask an administrator to raise MAX_OCR_PAGES.",
    )


def picture_too_large(megapixels: float, limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"The picture has {megapixels:,.0f} million pixels; at most {limits.image_megapixels:,g} million are taken.",
        "Make it smaller, or ask an administrator to raise MAX_IMAGE_MEGAPIXELS.",
    )


def too_much_text(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"The document has more than {limits.characters:,} characters of text.",
        "Split it, or ask an administrator to raise MAX_CHARACTERS.",
    )


def too_many_blocks(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"The document has more than {limits.blocks:,} paragraphs and table rows.",
        "Split it, or ask an administrator to raise MAX_BLOCKS.",
    )


def unpacks_too_large(megabytes: float, limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"The file unpacks to {megabytes:,.0f} MB, more than can be read within {limits.memory_mb:,.0f} MB of memory.",
        "Split it, or ask an administrator to raise PARSE_MEMORY_MB.",
    )


def too_many_members(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"The archive holds more than {limits.archive_members:,} files.",
        "Split it, or ask an administrator to raise MAX_ARCHIVE_MEMBERS.",
    )


def archive_too_large(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"The archive unpacks to more than {limits.archive_mb:,.0f} MB.",
        "Split it, or ask an administrator to raise MAX_ARCHIVE_MB.",
    )


def archive_too_dense(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_large",
        f"The archive unpacks to more than {limits.archive_ratio:g} times its size, as a decompression bomb does.",
        "Pack it anew, or ask an administrator to raise MAX_ARCHIVE_RATIO.",
    )


def too_slow(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_slow",
        f"Reading the document took longer than {limits.cpu_seconds:g} s of computing or {limits.wall_seconds:g} s.",
        "Split it, or ask an administrator to raise PARSE_CPU_SECONDS and PARSE_WALL_SECONDS.",
    )


def ocr_too_slow(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_slow",
        f"Reading a page of the document by OCR took longer than {limits.ocr_page_seconds:g} s.",
        "Scan it with fewer dots per inch, or ask an administrator to raise OCR_PAGE_SECONDS.",
    )


def too_much_memory(limits: Limits) -> ParsingError:
    return ParsingError(
        "too_much_memory",
        f"Reading the document needs more than {limits.memory_mb:,.0f} MB of memory.",
        "Split it, or ask an administrator to raise PARSE_MEMORY_MB.",
    )


def crashed(how: str, *, permanent: bool = True) -> ParsingError:
    return ParsingError(
        "crashed",
        f"The reader crashed on this document ({how}).",
        "Save the document anew in the program it came from, or upload it as PDF.",
        permanent=permanent,
    )
