"""Pictures: each is a page, each frame of a TIFF is one, and OCR reads what stands on it.

A picture is opened upright (as its camera says), without transparency, in eight bits a colour.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

from engines.parsing import refusals
from engines.parsing.limits import Limits
from engines.parsing.ocr import Scans
from engines.parsing.pdf_blocks import Layout
from engines.parsing.reporting import Report
from rag.errors import ParsingError
from rag.types import Page

_KINDS = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")
_DOTS_PER_INCH = 200
"""Taken for every picture: what a picture says of itself is wrong more often than not, and only its shape matters."""
_PIXELS = 12_000_000
_SMALL = 1000
_WIDEST = 4000
_UNEVEN = (1.2, 4.0)
_DAMAGED = (OSError, SyntaxError, ValueError, KeyError, IndexError, OverflowError, EOFError, TypeError)
"""What Pillow raises for a damaged file."""


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """A page for each picture. A damaged frame comes empty, with a warning, where others can be read."""
    with _open(path, limits) as image:
        count = _frames(image)
        if count > limits.pages:
            raise refusals.too_many_pages(count, limits)
        report.total(count)
        scans, layout = Scans(limits, report), Layout()
        damaged = 0
        for index in range(count):
            try:
                picture = _frame(image, index, limits)
            except _DAMAGED:
                damaged += 1
                if damaged == count:
                    raise refusals.broken("image") from None
                report.warning(f"Page {index + 1} is damaged and could not be read.")
                yield Page(index + 1, "")
                continue
            width, height = (side * 72 / _DOTS_PER_INCH for side in picture.size)
            yield scans.read(_readable(picture), index + 1, width, height, layout)
        scans.tell()


def render(path: Path, number: int, width: int) -> bytes:
    """Picture `number` (from 1) as a PNG, `width` pixels wide."""
    with _open(path, None) as image:
        count = _frames(image)
        if not 1 <= number <= count:
            raise ParsingError("broken", f"The document has no page {number}.", f"It has {count} pages.")
        try:
            picture = _frame(image, number - 1, None)
        except _DAMAGED:
            raise refusals.broken("image") from None
    across = max(16, min(width, _WIDEST))
    down = max(1, min(round(picture.height * across / picture.width), _WIDEST * 4))
    out = io.BytesIO()
    picture.resize((across, down), Image.Resampling.LANCZOS).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _open(path: Path, limits: Limits | None) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = None  # each frame is measured below, before it is unpacked
    try:
        image = Image.open(path, formats=_KINDS)
    except _DAMAGED:
        raise refusals.broken("image") from None
    _measure(image, limits)
    return image


def _measure(image: Image.Image, limits: Limits | None) -> None:
    """Without limits (the picture was taken once) only the memory of the process bounds it."""
    megapixels = image.width * image.height / 1e6
    if limits is not None and megapixels > limits.image_megapixels:
        raise refusals.picture_too_large(megapixels, limits)


def _frames(image: Image.Image) -> int:
    """The frames of a TIFF are pages; those of other kinds are one picture that moves."""
    try:
        return int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
    except _DAMAGED:
        raise refusals.broken("image") from None


def _frame(image: Image.Image, index: int, limits: Limits | None) -> Image.Image:
    """A frame as a person sees it, mode RGB, at most some 12 million pixels. Raises one of _DAMAGED."""
    image.seek(index)
    _measure(image, limits)
    if image.format in ("JPEG", "MPO"):
        image.draft("RGB", _fitting(image.size, 2.0))
    uneven = _uneven(image)
    image.load()
    frame = _eight_bits(image)
    if frame.width * frame.height > _PIXELS:
        frame = frame.resize(_fitting(frame.size), Image.Resampling.BOX)
    frame = ImageOps.exif_transpose(frame) if index == 0 else frame
    if uneven != 1.0:
        frame = frame.resize((frame.width, max(1, round(frame.height * uneven))), Image.Resampling.BILINEAR)
    if frame.mode in ("RGBA", "LA"):
        paper = Image.new("RGBA", frame.size, "white")
        paper.alpha_composite(frame.convert("RGBA"))
        frame = paper
    return frame.convert("RGB")


def _fitting(size: tuple[int, int], spare: float = 1.0) -> tuple[int, int]:
    """The largest size of the same shape within the bound on pixels."""
    scale = min(1.0, (spare * _PIXELS / (size[0] * size[1])) ** 0.5)
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _uneven(image: Image.Image) -> float:
    """How much taller a pixel is than wide, as in a fax; 1.0 where it does not say so."""
    said = image.info.get("dpi")
    if not isinstance(said, tuple) or len(said) != 2 or not all(said):
        return 1.0
    ratio = float(said[0]) / float(said[1])
    least, most = _UNEVEN
    return ratio if least <= max(ratio, 1 / max(ratio, 0.01)) <= most else 1.0


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of more than eight bits brought down to them; palettes and single bits to what can be resized."""
    if image.mode.startswith("I;16"):
        return image.convert("F").point(lambda value: value * (1 / 257) + 0).convert("L")
    if image.mode in ("I", "F"):
        highest = max(float(str(image.getextrema()[1])), 1.0)
        return image.convert("F").point(lambda value: value * (255 / highest) + 0).convert("L")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    return image


def _readable(picture: Image.Image) -> Image.Image:
    """A small picture, such as of a screen, twice as large: OCR misses letters of a few pixels."""
    if max(picture.size) > _SMALL:
        return picture
    return picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.BICUBIC)
