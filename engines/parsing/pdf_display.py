"""Where things stand on a PDF page as it is displayed: rotated, cropped, origin top left, in points."""

import ctypes
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import pypdfium2
from pypdfium2 import raw

Bounds = tuple[float, float, float, float]
"""Left, upper, right and lower edge."""
_DEVICE = 1_000_000
_ASKEW = 0.2
_RECT = struct.Struct("4f").unpack_from


class Turn(IntEnum):
    """By how many quarters, clockwise, writing is turned on display."""

    UPRIGHT = 0
    DOWNWARDS = 1
    UPSIDE_DOWN = 2
    UPWARDS = 3

    def into(self, box: Bounds, width: float, height: float) -> Bounds:
        """A box on display, in the frame in which the writing is upright. Width and height are the display's."""
        if self is Turn.UPRIGHT:
            return box
        x0, y0, x1, y1 = box
        if self is Turn.DOWNWARDS:
            return y0, width - x1, y1, width - x0
        if self is Turn.UPWARDS:
            return height - y1, x0, height - y0, x1
        return width - x1, height - y1, width - x0, height - y0

    def back(self, box: Bounds, width: float, height: float) -> Bounds:
        """A box of the writing's frame, on display."""
        x0, y0, x1, y1 = box
        if self is Turn.DOWNWARDS:
            return width - y1, x0, width - y0, x1
        if self is Turn.UPWARDS:
            return y0, height - x1, y1, height - x0
        return self.into(box, width, height)

    def frame(self, width: float, height: float) -> tuple[float, float]:
        """Width and height of the display in the writing's frame."""
        return (height, width) if self in (Turn.DOWNWARDS, Turn.UPWARDS) else (width, height)


@dataclass(frozen=True, slots=True)
class Display:
    """From a page's own coordinates to display coordinates, an affine map."""

    width: float
    height: float
    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    @classmethod
    def of(cls, page: pypdfium2.PdfPage) -> "Display":
        """As the page's rotation and crop box say."""
        width, height = page.get_size()

        def device(x: float, y: float) -> tuple[float, float]:
            across, down = ctypes.c_int(), ctypes.c_int()
            raw.FPDF_PageToDevice(page.raw, 0, 0, _DEVICE, _DEVICE, 0, x, y, ctypes.byref(across), ctypes.byref(down))
            return across.value * width / _DEVICE, down.value * height / _DEVICE

        c, f = device(0, 0)
        xx, xy = device(1000, 0)
        yx, yy = device(0, 1000)
        return cls(width, height, (xx - c) / 1000, (yx - c) / 1000, c, (xy - f) / 1000, (yy - f) / 1000, f)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A point of the page on display."""
        return self.a * x + self.b * y + self.c, self.d * x + self.e * y + self.f

    def box(self, rect: raw.FS_RECTF) -> Bounds:
        """A rectangle of the page on display."""
        left, right, top, bottom = rect.left, rect.right, rect.top, rect.bottom
        xa, xb = self.a * left + self.b * top + self.c, self.a * right + self.b * bottom + self.c
        ya, yb = self.d * left + self.e * top + self.f, self.d * right + self.e * bottom + self.f
        return (xa, ya, xb, yb) if xa <= xb and ya <= yb else (min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb))

    def box_of(self, rect: raw.FS_RECTF) -> Callable[[], Bounds]:
        """A function that gives what the rectangle holds at the time, on display; quick where nothing is turned."""
        a, c, e, f = self.a, self.c, self.e, self.f
        if self.b or self.d or a <= 0 or e >= 0:
            return lambda: self.box(rect)

        def upright() -> Bounds:
            left, top, right, bottom = _RECT(rect)
            return a * left + c, e * top + f, a * right + c, e * bottom + f

        return upright

    def turn(self, angle: float) -> tuple[Turn, bool]:
        """How writing at pdfium's angle (radians, clockwise on the page) stands on display, and whether askew."""
        x, y = math.cos(angle), -math.sin(angle)
        across, down = self.a * x + self.b * y, self.d * x + self.e * y
        if min(abs(across), abs(down)) > _ASKEW * max(abs(across), abs(down)):
            return Turn.UPRIGHT, True
        if abs(across) >= abs(down):
            return (Turn.UPRIGHT if across > 0 else Turn.UPSIDE_DOWN), False
        return (Turn.DOWNWARDS if down > 0 else Turn.UPWARDS), False
