"""Pictures to lines of text by rapidocr: find the lines, set the page upright, read line after line.

Imported only where the `ocr` extra is installed. The models lie in the package, so nothing is fetched. Everything
runs on one thread, since the child process may start none, and in pieces small enough for its memory: a page is
searched for lines in bands, and lines are read one by one.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rapidocr import EngineType, RapidOCR
from rapidocr.main import RapidOCRError

from engines.parsing.ocr_layout import Seen, SeenLine
from engines.parsing.pdf_display import Turn

Pixels = NDArray[np.uint8]
Corners = NDArray[np.float32]
"""Four points from the upper left corner clockwise, as the text runs."""

_BAND_PIXELS = 1_500_000
_OVERLAP = 120
_SURE = 0.6
"""Lines that the reader is less sure of are left out."""
_SPARSE = 0.5
"""Letters, at least, for each time that a line is as long as high; Chinese has one, Latin letters have two."""
_MOST = 0.5
_SURE_OF_TURN = 0.9
_TALL = 1.5
_LEVEL = 0.005
"""Radians; a page less askew is left as it is."""
_ASKEW = 0.2


@dataclass(slots=True, eq=False)
class _Found:
    """A line before it is read: where it is, and its picture, lying down."""

    corners: Corners
    picture: Pixels
    turn: Turn = Turn.UPRIGHT

    @property
    def across(self) -> float:
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    @property
    def down(self) -> float:
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))

    @property
    def is_tall(self) -> bool:
        return self.down >= _TALL * self.across


def read(image: Image.Image) -> Seen:
    """What a picture (mode RGB) says, with boxes on it as it stands upright."""
    pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])  # blue, green, red: the order of cv2
    quarters = 0
    found = _find(pixels)
    if sum(each.down for each in found if each.is_tall) > sum(each.across for each in found if not each.is_tall):
        quarters, pixels = 1, np.ascontiguousarray(np.rot90(pixels))
        found = _find(pixels)
    height, width = pixels.shape[:2]
    if _is_upside_down(found):
        quarters += 2
        for each in found:
            each.corners = np.roll(_pair(width, height) - each.corners, 2, axis=0)
            each.picture = np.ascontiguousarray(np.rot90(each.picture, 2))
    skew = _skew(found)
    lines = list(_lines(found, width, height, skew))
    return Seen(_readable(lines), width, height, quarters, skew)


@cache
def _engine() -> RapidOCR:
    cv2.setNumThreads(1)
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    parameters = {f"{step}.engine_type": EngineType.ONNXRUNTIME for step in ("Det", "Cls", "Rec")}
    return RapidOCR(
        params={
            **parameters,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.log_level": "error",
            "Global.use_vertical_padding": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": 4000,
            "Rec.rec_batch_num": 1,
        }
    )


def _find(pixels: Pixels) -> list[_Found]:
    """The lines of a page. It is searched in bands that overlap; a line in two of them is taken once."""
    height, width = pixels.shape[:2]
    step = max(2 * _OVERLAP, _BAND_PIXELS // max(width, 1)) - _OVERLAP
    tops = range(0, max(height - _OVERLAP, 1), step)
    found: list[_Found] = []
    for top in tops:
        band = pixels[top : top + step + _OVERLAP]
        try:
            pictures, result = _engine().detect_and_crop(np.ascontiguousarray(band), {})
        except RapidOCRError:  # no line in this band
            continue
        shift = _pair(0, top)
        fresh = [
            _Found(np.asarray(box, np.float32) + shift, picture)
            for box, picture in zip(result.boxes, pictures, strict=True)
        ]
        found = [*_without_doubles(found, fresh, top), *fresh] if found else fresh
    return found


def _without_doubles(before: list[_Found], fresh: list[_Found], top: int) -> Iterator[_Found]:
    """The lines of the bands before, less those that are in the band from `top` on too; the longer one stays."""
    for each in before:
        if each.corners[:, 1].max() <= top:
            yield each
            continue
        rivals = [rival for rival in fresh if _covers(rival, each) or _covers(each, rival)]
        if not rivals:
            yield each
        elif max(_area(rival) for rival in rivals) < _area(each):
            yield each
            for rival in rivals:
                fresh.remove(rival)


def _pair(x: float, y: float) -> Corners:
    return np.array([x, y], np.float32)


def _area(found: _Found) -> float:
    (x0, y0), (x1, y1) = found.corners.min(axis=0), found.corners.max(axis=0)
    return float((x1 - x0) * (y1 - y0))


def _covers(one: _Found, other: _Found) -> bool:
    """Whether most of the other lies in this one."""
    low = np.maximum(one.corners.min(axis=0), other.corners.min(axis=0))
    high = np.minimum(one.corners.max(axis=0), other.corners.max(axis=0))
    shared = np.prod(np.maximum(high - low, 0))
    return bool(shared > 0.5 * _area(other))


def _is_upside_down(found: list[_Found]) -> bool:
    """Whether most of the longest lines, as far as they can be told, stand on their heads."""
    lying = sorted((each for each in found if not each.is_tall), key=lambda each: -each.across)[:12]
    if not lying:
        return False
    _, result = _engine().cls_and_rotate([each.picture for each in lying])
    labels = [label for label, sure in result.cls_res if sure > _SURE_OF_TURN]
    return labels.count("180") > labels.count("0")


def _skew(found: list[_Found]) -> float:
    """The slope of the page's lines in radians; 0.0 where they are level, or too few are long enough to tell."""
    long = [each.corners[1] - each.corners[0] for each in found if each.across > 6 * each.down]
    if len(long) < 2:
        return 0.0
    slope = float(np.median([np.arctan2(y, x) for x, y in long]))
    return slope if _LEVEL < abs(slope) < _ASKEW else 0.0


def _lines(found: list[_Found], width: float, height: float, skew: float) -> Iterator[SeenLine]:
    """The lines, level; those that could not be read without text."""
    turned = [each for each in found if each.is_tall]
    if turned:
        pictures, result = _engine().cls_and_rotate([each.picture for each in turned])
        for each, picture, (label, sure) in zip(turned, pictures, result.cls_res, strict=True):
            each.picture = picture
            each.turn = Turn.UPWARDS if label == "180" and sure > _SURE_OF_TURN else Turn.DOWNWARDS
    middle = _pair(width, height) / 2
    sine, cosine = np.sin(skew), np.cos(skew)
    level = np.array([[cosine, -sine], [sine, cosine]], np.float32)
    for each in found:
        text = _text(each)
        corners = (each.corners - middle) @ level + middle
        (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
        yield SeenLine(text, float(x0), float(y0), float(x1), float(y1), each.turn)


def _text(found: _Found) -> str:
    """What a line says; "" where the reader is not sure, or saw far fewer letters than the line has room for, as it
    does of a script that it does not know.
    """
    result = _engine().recognize_txt([found.picture])
    text, sure = result.txts[0].strip(), result.scores[0]
    high, wide = found.picture.shape[:2]
    letters = len(text) - text.count(" ")
    return text if sure >= _SURE and letters * high >= _SPARSE * wide else ""


def _readable(lines: list[SeenLine]) -> tuple[SeenLine, ...]:
    """The lines that were read; none where they are the smaller part of the page, as in a script it does not know."""
    length = sum(_length(line) for line in lines)
    read = tuple(line for line in lines if line.text)
    return read if sum(_length(line) for line in read) >= _MOST * length else ()


def _length(line: SeenLine) -> float:
    return max(line.x1 - line.x0, line.y1 - line.y0)
