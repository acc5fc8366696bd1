"""The formats that are taken. To add one: copy the module nearest to it and add a row here."""

from dataclasses import dataclass
from importlib.util import find_spec

_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_SOURCE = (
    ".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".java", ".kt", ".kts", ".scala",
    ".groovy", ".gradle", ".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".cs", ".fs", ".vb", ".go", ".rs", ".zig",
    ".swift", ".m", ".mm", ".dart", ".rb", ".php", ".pl", ".pm", ".lua", ".tcl", ".r", ".jl", ".ex", ".exs", ".erl",
    ".hs", ".ml", ".clj", ".lisp", ".el", ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat", ".cmd", ".sql", ".graphql",
    ".proto", ".thrift", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".properties", ".env", ".xml", ".xsd",
    ".xsl", ".css", ".scss", ".less", ".tex", ".bib", ".cmake", ".mk", ".tf", ".hcl", ".diff", ".patch", ".asm", ".pas",
    ".f90", ".v", ".vhd",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """A format and the module that reads it: `pages(path, limits, report) -> Iterator[Page]`."""

    name: str
    extensions: tuple[str, ...]
    media_type: str
    """What its documents are called; `other_media_types` are those of the kinds that its module reads too."""
    module: str
    page_images: bool = False
    """Whether the module also has `render(path, number, width) -> PNG bytes`."""
    is_text: bool = False
    """Whether only its name tells it from other text."""
    other_media_types: tuple[str, ...] = ()
    needs: str = ""
    """A package without which it is not taken."""
    extra: str = ""
    """The extra of Footnote that installs that package."""

    @property
    def is_taken(self) -> bool:
        """Whether what it needs is installed."""
        return not self.needs or find_spec(self.needs) is not None


FORMATS: tuple[Format, ...] = (
    Format("PDF", (".pdf",), "application/pdf", "engines.parsing.pdf", page_images=True),
    Format(
        "DOCX",
        (".docx", ".docm", ".dotx", ".dotm"),
        f"{_OPEN_XML}wordprocessingml.document",
        "engines.parsing.docx",
    ),
    Format(
        "PPTX",
        (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"),
        f"{_OPEN_XML}presentationml.presentation",
        "engines.parsing.pptx",
    ),
    Format(
        "XLSX",
        (".xlsx", ".xlsm", ".xltx", ".xltm", ".xlsb"),
        f"{_OPEN_XML}spreadsheetml.sheet",
        "engines.parsing.sheets",
    ),
    Format("XLS", (".xls", ".xlt"), "application/vnd.ms-excel", "engines.parsing.sheets"),
    Format("ODT", (".odt", ".ott"), "application/vnd.oasis.opendocument.text", "engines.parsing.odt"),
    Format("ODP", (".odp", ".otp"), "application/vnd.oasis.opendocument.presentation", "engines.parsing.odp"),
    Format("ODS", (".ods", ".ots"), "application/vnd.oasis.opendocument.spreadsheet", "engines.parsing.sheets"),
    Format("RTF", (".rtf",), "application/rtf", "engines.parsing.rtf"),
    Format("HTML", (".html", ".htm", ".xhtml"), "text/html", "engines.parsing.html", is_text=True),
    Format("EPUB", (".epub",), "application/epub+zip", "engines.parsing.epub"),
    Format("EML", (".eml",), "message/rfc822", "engines.parsing.eml", is_text=True),
    Format("MSG", (".msg",), "application/vnd.ms-outlook", "engines.parsing.msg"),
    Format("Markdown", (".md", ".markdown"), "text/markdown", "engines.parsing.markdown", is_text=True),
    Format("reStructuredText", (".rst", ".rest"), "text/x-rst", "engines.parsing.rst", is_text=True),
    Format("TXT", (".txt", ".text", ".log", ""), "text/plain", "engines.parsing.text", is_text=True),
    Format("CSV", (".csv", ".tsv"), "text/csv", "engines.parsing.csv", is_text=True),
    Format(
        "JSON",
        (".json", ".jsonl", ".ndjson", ".geojson", ".ipynb"),
        "application/json",
        "engines.parsing.json_text",
        is_text=True,
    ),
    Format("source code", _SOURCE, "text/x-source", "engines.parsing.source", is_text=True),
    Format(
        "image",
        (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".webp"),
        "image/png",
        "engines.parsing.image",
        page_images=True,
        other_media_types=("image/jpeg", "image/tiff", "image/gif", "image/bmp", "image/webp"),
        needs="rapidocr",
        extra="ocr",
    ),
    Format("ZIP", (".zip",), "application/zip", "engines.parsing.zip_archive"),
    Format(
        "TAR",
        (".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz"),
        "application/x-tar",
        "engines.parsing.tar_archive",
    ),
)


def has_ocr() -> bool:
    """Whether pages without text can be read by OCR."""
    return find_spec("rapidocr") is not None


def taken() -> str:
    """The formats in words, for a refusal: "PDF, DOCX, HTML, Markdown, TXT and CSV"."""
    names = [each.name for each in FORMATS if each.is_taken]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def by_name(name: str) -> Format | None:
    """The format that is called so, or None."""
    return next((each for each in FORMATS if each.name == name), None)


def by_media_type(media_type: str) -> Format | None:
    """The format of a media type, or None."""
    return next((each for each in FORMATS if media_type in (each.media_type, *each.other_media_types)), None)


def by_extension(suffix: str) -> Format | None:
    """The format of a file name's ending (with its dot, any case), or None."""
    return next((each for each in FORMATS if suffix.lower() in each.extensions), None)
