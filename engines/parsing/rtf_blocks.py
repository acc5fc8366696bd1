"""The paragraphs, list items and table rows of an RTF document."""

from dataclasses import dataclass

from engines.parsing.building import HeadingPath, one_line, row_text, tidy
from engines.parsing.flow import Flow
from engines.parsing.numbering import bullet
from engines.parsing.rtf_bytes import joined
from rag.types import Kind

_LAYOUT_CHARACTERS = 200
_MOST_CELLS = 1000


@dataclass(slots=True)
class Look:
    """What control words say of the paragraph they stand in."""

    style: int = 0
    outline: int | None = None
    in_table: bool = False
    in_list: bool = False
    depth: int = 0

    def take(self, word: str, number: int | None) -> None:
        """A word that is none of a paragraph's is passed over."""
        match word:
            case "pard":
                self.style, self.outline, self.in_table, self.in_list, self.depth = 0, None, False, False, 0
            case "s":
                self.style = number or 0
            case "outlinelevel":
                self.outline = number or 0
            case "intbl":
                self.in_table = number != 0
            case "ls":
                self.in_list = bool(number)
            case "ilvl":
                self.depth = min(max(number or 0, 0), 8)


class Blocks:
    """Turns text and marks into blocks of the flow."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.text: list[str] = []
        """The text of the paragraph, or of the table's cell, that is being read."""
        self.levels: dict[int, int] = {}
        """How deep headings of a style are, by the style's number; 0 is the title, 10 none at all."""
        self._cell_at = 0
        """Where the paragraph of a cell begins in `text`."""
        self._headings = HeadingPath()
        self._label: str | None = None
        self._asides: list[str] = []
        self._cells: list[str] = []
        self._inner_cells: list[str] = []
        self._inner_rows: list[str] = []
        self._covered: list[bool] = []
        self._is_covered = False
        self._header: str | None = None

    def define(self, word: str, _: int | None) -> None:
        """Takes what is said of a row's cells before it."""
        if word == "trowd":
            self._covered, self._is_covered = [], False
        elif word in ("clvmrg", "clmrg"):
            self._is_covered = True
        elif word == "cellx" and len(self._covered) < _MOST_CELLS:
            self._covered.append(self._is_covered)
            self._is_covered = False

    def aside(self, place: str, text: str) -> None:
        """What a group beside the text held: the mark of the paragraph, a note or a text box."""
        if place == "label":
            self._label = one_line(text)
        elif place in ("note", "box"):
            self._asides.append(text)

    def paragraph(self, look: Look) -> None:
        """The paragraph ends; within a table its cell goes on."""
        if look.in_table:
            self.text[self._cell_at :] = [self._marked(look, joined(self.text[self._cell_at :])), "\n"]
            self._cell_at = len(self.text)
            return
        self._end_table()
        text = tidy(joined(self.text))
        self.text.clear()
        self._cell_at = 0
        level = self.levels.get(look.style) if look.outline is None else min(max(look.outline, 0), 9) + 1
        if text and level is not None and level < 10:
            title = one_line(self._marked(look, text) if self._label and any(map(str.isalnum, self._label)) else text)
            self.flow.add(title, Kind.HEADING, heading=self._headings.push(level, title))
        elif text:
            is_item = self._label is not None or look.in_list
            self.flow.add(
                self._marked(look, text), Kind.LIST_ITEM if is_item else Kind.TEXT, heading=self._headings.path
            )
        self._label = None
        self._add_asides()

    def table(self, word: str) -> None:
        """A cell or a row ends: `cell`, `row`, or `nestcell` and `nestrow` for a table within a cell."""
        if word in ("cell", "nestcell"):
            cells = self._cells if word == "cell" else self._inner_cells
            if len(cells) < _MOST_CELLS:
                last = self._marked(Look(), joined(self.text[self._cell_at :]))
                cells.append(joined([*self.text[: self._cell_at], last]))
            self.text.clear()
            self._cell_at = 0
        elif word == "row":
            self._row()
        else:
            self._inner_rows.append(row_text(self._inner_cells))
            self._inner_cells = []

    def end(self, look: Look) -> None:
        """The document ends, maybe in the middle of a paragraph or a row."""
        if self._cells:
            self.table("cell")
        look.in_table = False
        self.paragraph(look)

    def _marked(self, look: Look, text: str) -> str:
        """The text with the mark of its list in front, if it has one."""
        label, self._label = self._label, None
        if not text.strip() or (label is None and not look.in_list):
            return text
        has_sign = label and any(map(str.isalnum, label)) and label != "o"
        return f"{label if has_sign else bullet(look.depth)} {text.strip()}"

    def _row(self) -> None:
        if self._inner_cells:
            self.table("nestrow")
        covered = self._covered if len(self._covered) == len(self._cells) else [False] * len(self._cells)
        cells = ["" if hidden else cell for cell, hidden in zip(self._cells, covered, strict=True)]
        self._cells = []
        if len(cells) == 1 and len(cells[0]) > _LAYOUT_CHARACTERS:
            self.flow.add(tidy(cells[0]), heading=self._headings.path)
        else:
            text = row_text(cells)
            self.flow.add(text, Kind.TABLE_ROW, heading=self._headings.path, header=self._header or "")
            # A title across the whole table says nothing of its columns
            if self._header is None and (sum(bool(cell.strip()) for cell in cells) > 1 or len(cells) == 1):
                self._header = text
        inner, self._inner_rows = self._inner_rows, []
        for at, row in enumerate(inner):
            self.flow.add(row, Kind.TABLE_ROW, heading=self._headings.path, header=inner[0] if at else "")

    def _end_table(self) -> None:
        if self._cells:
            self._row()
        self._header = None

    def _add_asides(self) -> None:
        asides, self._asides = self._asides, []
        for text in asides:
            self.flow.add(tidy(text), heading=self._headings.path)
