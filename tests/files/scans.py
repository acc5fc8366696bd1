"""Pictures of documents, drawn while the tests run: what a scanner, a camera or a fax would give."""

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

REPORT = (
    (60, 40, "Annual report", 48),
    (60, 130, "The company grew in every region. Sales rose by a", 28),
    (60, 168, "tenth in the year, and costs fell in all of them.", 28),
    (60, 260, "Year", 28), (400, 260, "Sales", 28), (700, 260, "Costs", 28),
    (60, 304, "First", 28), (400, 304, "1,200", 28), (700, 304, "900", 28),
    (60, 348, "Second", 28), (400, 348, "1,320", 28), (700, 348, "850", 28),
)  # fmt: skip
"""x, y, text and size in pixels."""


def drawn(
    words: Sequence[tuple[int, int, str, int]] = REPORT, size: tuple[int, int] = (1000, 480), mode: str = "RGB"
) -> Image.Image:
    """Black words on a white picture."""
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    for x, y, text, height in words:
        pen.text((x, y), text, font=ImageFont.load_default(height), fill="black")
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture's bytes as a file of this kind."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def scanned(*pictures: Image.Image) -> bytes:
    """A PDF with a page for each picture and no text, as a scanner makes it."""
    return saved(pictures[0], "PDF", save_all=True, append_images=pictures[1:], resolution=200)


SAMPLE_PICTURE = saved(drawn())
BLANK_PICTURE = saved(Image.new("RGB", (600, 400), "white"))
