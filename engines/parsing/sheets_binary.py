"""The sheets of the binary workbooks XLS and XLSB, by calamine.

It gives values, not formats: a percentage is its fraction. It holds a sheet from its first cell to its last.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from engines.parsing import refusals
from engines.parsing.sheets_layout import Sheet
from engines.parsing.sheets_values import Cell, NumberFormat, Row, moment_text, number_text, plain_number

_ELAPSED = NumberFormat(is_elapsed=True)
_DAY = 24 * 60 * 60
_BEGIN = b"\x09\x08\x10\x00\x00\x06\x05\x00"  # BOF of a BIFF8 workbook
_FILEPASS = 0x002F
_RECORDS = 5


@contextmanager
def readable(name: str) -> Iterator[None]:
    """What calamine says of a file it cannot read, as a ParsingError: `encrypted`, or `broken` as the format `name`."""
    try:
        yield
    except PasswordError:
        raise refusals.encrypted() from None
    except (CalamineError, ValueError, OSError, OverflowError):
        raise refusals.broken(name) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # how a failed assertion in Rust comes to Python
            raise refusals.broken(name) from None
        raise


def is_encrypted(head: bytes) -> bool:
    """Whether the workbook that these first bytes of an OLE file begin has a FILEPASS record ([MS-XLS] 2.4.117).

    calamine says so only of a file that is called *.xls.
    """
    at = head.find(_BEGIN)
    for _ in range(_RECORDS):
        if at < 0 or at + 4 > len(head):
            return False
        kind, size = struct.unpack_from("<HH", head, at)
        if kind == _FILEPASS:
            return True
        at += 4 + size
    return False


def sheets(path: Path) -> Iterator[Sheet]:
    """The worksheets in the order of their tabs. Raises what `readable` translates."""
    workbook = CalamineWorkbook.from_path(path)
    for about in workbook.sheets_metadata:
        if about.typ == SheetTypeEnum.WorkSheet:
            hidden = about.visible != SheetVisibleEnum.Visible
            yield Sheet(about.name, hidden, _rows(workbook.get_sheet_by_name(about.name)))


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, Row]]:
    for number, values in enumerate(sheet.iter_rows()):
        row: Row = {}
        for column, value in enumerate(values):
            if value != "":
                text, is_amount = _cell(value)
                if text.strip():
                    row[column] = (text, is_amount)
        if row:
            yield number, row


def _cell(value: str | float | bool | time | date | datetime | timedelta) -> Cell:
    match value:
        case bool():
            return "TRUE" if value else "FALSE", False
        case str():
            return value, False
        case int() | float():
            return plain_number(value), True
        case timedelta():
            return number_text(value.total_seconds() / _DAY, _ELAPSED), True
        case datetime():
            return moment_text(value), True
        case time():
            return value.isoformat("seconds" if value.second else "minutes"), True
        case _:
            return value.isoformat(), True
