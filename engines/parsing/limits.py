"""What one document may take before it is refused."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one extraction; each is named after the setting that moves it."""

    pages: int = 5000
    """MAX_PAGES"""
    characters: int = 20_000_000
    """MAX_CHARACTERS, over all pages together."""
    blocks: int = 500_000
    """MAX_BLOCKS: paragraphs and table rows, over all pages together."""
    archive_members: int = 5000
    """MAX_ARCHIVE_MEMBERS: files in one archive, or attachments of one mail."""
    archive_mb: float = 2000
    """MAX_ARCHIVE_MB: what they unpack to, together."""
    archive_ratio: float = 200
    """MAX_ARCHIVE_RATIO: unpacked to packed size, once more than 10 MB were unpacked."""
    ocr_pages: int = 500
    """MAX_OCR_PAGES: pages of a document that are read by OCR."""
    ocr_page_seconds: float = 60
    """OCR_PAGE_SECONDS, for each of these pages, on top of the times below."""
    image_megapixels: float = 100
    """MAX_IMAGE_MEGAPIXELS"""
    memory_mb: float = 1500
    """PARSE_MEMORY_MB: address space of the child process, beyond what it has before it reads."""
    cpu_seconds: float = 300
    """PARSE_CPU_SECONDS"""
    wall_seconds: float = 600
    """PARSE_WALL_SECONDS; time that the reader of the pages takes does not count."""
