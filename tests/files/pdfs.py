"""PDFs with more than words on pages: forms, outlines, attachments, turned text, fonts of other scripts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.files.making import Words, pdf_bytes


@dataclass
class PdfMaker:
    """Objects of a PDF, added one after the other; `add` returns the number by which others refer to one."""

    catalog: str = ""
    fonts: dict[str, str] = field(default_factory=dict)
    """By the name that drawing operators use, besides R (Helvetica) and B (bold)."""
    _objects: list[str] = field(default_factory=lambda: ["", ""])
    _pages: list[int] = field(default_factory=list)

    def add(self, body: str) -> int:
        self._objects.append(body)
        return len(self._objects)

    def stream(self, data: str, keys: str = "") -> int:
        return self.add(f"<< /Length {len(data)} {keys} >>\nstream\n{data}\nendstream")

    def page(self, content: Sequence[Words | str], keys: str = "/MediaBox [0 0 600 800]") -> int:
        """Its number, to which `keys` (annotations) and the outline may refer."""
        drawn = self.stream("\n".join(each if isinstance(each, str) else each.drawn() for each in content))
        number = self.add(f"<< /Type /Page /Parent 2 0 R {keys} /Contents {drawn} 0 R /Resources << /Font @FONTS >> >>")
        self._pages.append(number)
        return number

    def outline(self, *entries: tuple[str, int, float | None]) -> None:
        """Bookmarks (title, page's number, height on it or None), each within the one before if it starts with a
        space.
        """
        root = len(self._objects) + 1
        self.catalog += f" /Outlines {root} 0 R"
        first = root + 1
        depths = [len(title) - len(title.lstrip()) for title, _, _ in entries]
        self.add(f"<< /Type /Outlines /First {first} 0 R /Last {first + len(entries) - 1} 0 R /Count {len(entries)} >>")
        for place, (title, page, height) in enumerate(entries):
            later = [at for at in range(place + 1, len(entries)) if depths[at] <= depths[place]]
            links = f"/Next {first + later[0]} 0 R" if later and depths[later[0]] == depths[place] else ""
            if place + 1 < len(entries) and depths[place + 1] > depths[place]:
                links += f" /First {first + place + 1} 0 R /Last {first + place + 1} 0 R /Count 1"
            target = "/Fit" if height is None else f"/XYZ 50 {height} 0"
            self.add(f"<< /Title ({title.strip()}) /Parent {root} 0 R {links} /Dest [{page} 0 R {target}] >>")

    def font(self, name: str, base: str, letters: dict[str, str]) -> None:
        """A font that stands for other letters than it draws, as its table of Unicodes says."""
        pairs = "\n".join(f"<{ord(code):02X}> <{text.encode('utf-16-be').hex()}>" for code, text in letters.items())
        table = self.stream(
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def "
            "1 begincodespacerange <00> <FF> endcodespacerange "
            f"{len(letters)} beginbfchar {pairs} endbfchar endcmap end end"
        )
        self.fonts[name] = f"<< /Type /Font /Subtype /Type1 /BaseFont /{base} /ToUnicode {table} 0 R >>"

    def made(self) -> bytes:
        fonts = {
            "R": "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            "B": "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
            **self.fonts,
        }
        named = " ".join(f"/{name} {font}" for name, font in fonts.items())
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        self._objects[0] = f"<< /Type /Catalog /Pages 2 0 R {self.catalog} >>"
        self._objects[1] = f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>"
        return pdf_bytes([body.replace("@FONTS", f"<< {named} >>") for body in self._objects])


def turned(x: float, y: float, text: str, degrees: float, font: str = "R") -> str:
    """Words from x, y on, turned to the left by so many degrees."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return f"BT /{font} 10 Tf {cosine:.5f} {sine:.5f} {-sine:.5f} {cosine:.5f} {x} {y} Tm ({text}) Tj ET"


def field_keys(kind: str, name: str, box: tuple[float, float, float, float], more: str = "") -> str:
    """A form field and its widget in one."""
    x0, y0, x1, y1 = box
    return f"<< /Type /Annot /Subtype /Widget /FT /{kind} /T ({name}) /Rect [{x0} {y0} {x1} {y1}] /F 4 {more} >>"
