"""The values of a PDF page's form fields, which are no part of its text."""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import pypdfium2
from pypdfium2 import raw

from engines.parsing.building import one_line
from engines.parsing.pdf_display import Bounds, Display
from engines.parsing.pdf_glyphs import Run
from engines.parsing.pdf_lines import VisualLine

_TICKED = {raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON}
_WRITTEN = {raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX}
_TICK = "☑"
_FIELDS = 5000
_NEAR = 8.0
"""A label stands at most this many line heights beside its field,"""
_ABOVE = 2.5
"""or this many above it."""


def with_fields(page: pypdfium2.PdfPage, display: Display, lines: list[VisualLine]) -> list[VisualLine]:
    """The lines, and a line `label: value` for every field that is filled in, right after its label's line."""
    if page.formenv is None:
        return lines
    after: dict[int, list[VisualLine]] = {}
    for box, name, value, is_ticked in _fields(page, display):
        place, label = _label(box, lines, is_ticked)
        run = Run(f"{(label or name).rstrip(' :')}: {value}", *box, size=box[3] - box[1], base=box[3])
        line = VisualLine([run], stands_alone=True)
        after.setdefault(place, []).append(line.finish())
    found = after.get(-1, [])
    for place, line in enumerate(lines):
        found += [line, *after.get(place, [])]
    return found


def _fields(page: pypdfium2.PdfPage, display: Display) -> Iterator[tuple[Bounds, str, str, bool]]:
    """Box, name, value of each field that is filled in, and whether it is a box that is ticked."""
    form = page.formenv.raw
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _FIELDS)):
        handle = raw.FPDFPage_GetAnnot(page.raw, index)
        if not handle:
            continue
        with closing(_Annotation(handle)):
            kind = raw.FPDFAnnot_GetFormFieldType(form, handle)
            is_ticked = kind in _TICKED and bool(raw.FPDFAnnot_IsChecked(form, handle))
            if not is_ticked and kind not in _WRITTEN:
                continue
            hidden = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
            value = _TICK if is_ticked else _string(raw.FPDFAnnot_GetFormFieldValue, form, handle)
            rect = raw.FS_RECTF()
            is_placed = raw.FPDFAnnot_GetRect(handle, ctypes.byref(rect))
            if not value or not is_placed or raw.FPDFAnnot_GetFlags(handle) & hidden:
                continue
            name = _string(raw.FPDFAnnot_GetFormFieldAlternateName, form, handle)
            yield display.box(rect), name or _string(raw.FPDFAnnot_GetFormFieldName, form, handle), value, is_ticked


class _Annotation:
    """Closes pdfium's handle."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def close(self) -> None:
        raw.FPDFPage_CloseAnnot(self._handle)


def _string(read: Callable[..., int], form: Any, handle: Any) -> str:
    """A string that pdfium copies into a buffer as UTF-16, in one line."""
    length = read(form, handle, None, 0)
    buffer = (ctypes.c_ushort * (length // 2 + 1))()
    read(form, handle, buffer, length)
    return one_line(bytes(buffer)[: max(length - 2, 0)].decode("utf-16-le", "replace"))


def _label(box: Bounds, lines: Sequence[VisualLine], is_ticked: bool) -> tuple[int, str]:
    """Which line a field comes after, and its label: what stands beside it (left of a field to write in, right of
    one to tick), or else right above; "" where nothing does.
    """
    x0, y0, x1, y1 = box
    best, place, label = _NEAR, -1, ""
    for index, line in enumerate(lines):
        if line.y0 < y1:
            place = max(place, index)
        for run in line.runs:
            beside = min(run.y1, y1) - max(run.y0, y0) > 0.4 * min(run.height, y1 - y0)
            apart = (run.x0 - x1 if is_ticked else x0 - run.x1) / run.height
            if not beside:
                over = not is_ticked and min(run.x1, x1) > max(run.x0, x0)
                up = (y0 - run.y1) / run.height
                apart = _NEAR - _ABOVE + up if over and -0.5 < up < _ABOVE else _NEAR
            if -0.5 < apart < best:
                best, label = apart, run.text
                found = index
    return (found, label) if label else (place, "")
