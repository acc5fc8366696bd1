"""Documents read in the tests' own process, by the module of their format."""

from collections.abc import Callable, Iterator
from pathlib import Path

from engines.parsing import Limits, Report, docx, odp, odt, pptx, rtf
from rag.types import Page
from tests.files import office

Reading = Callable[..., list[Page]]
"""`read_office` with its folder given."""

OFFICE: dict[str, tuple[Callable[[Path, Limits, Report], Iterator[Page]], bytes]] = {
    "DOCX": (docx.pages, office.word(office.words("The company grew in every region."))),
    "PPTX": (pptx.pages, office.sample_pptx()),
    "ODT": (odt.pages, office.sample_odt()),
    "ODP": (odp.pages, office.sample_odp()),
    "RTF": (rtf.pages, office.sample_rtf()),
}
"""The readers of the office formats, each with a small document."""


def read_office(folder: Path, name: str, data: bytes, warnings: list[str] | None = None, **limits: float) -> list[Page]:
    """The pages of these bytes, read as the format `name`; `warnings` gathers what the reader warned of."""
    path = folder / "document"
    path.write_bytes(data)
    report = Report(warning=(warnings if warnings is not None else []).append)
    return list(OFFICE[name][0](path, Limits(**limits), report))  # type: ignore[arg-type]


def blocks(page: Page) -> list[tuple[str, str]]:
    """The kind and text of each block."""
    return [(block.kind.value, page.text[block.start : block.end]) for block in page.blocks]
