"""Values of spreadsheet cells as a reader sees them: numbers, dates, times and percentages."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

Cell = tuple[str, bool]
"""A cell's text, and whether it is an amount: a number, date or time. An empty cell is not kept."""
Row = dict[int, Cell]
"""The cells of a row that hold something, by their column from 0, in ascending order."""

_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.I)
_DECIMALS = re.compile(r"\.([0#?]+)")
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.I)
_DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """What matters of a number format: whether a number is shown as a date, time, duration or percentage."""

    has_date: bool = False
    has_time: bool = False
    is_elapsed: bool = False
    percent_decimals: int | None = None


PLAIN = NumberFormat()
# ECMA-376 part 1, 18.8.30: the formats that a workbook uses without writing them down.
BUILT_IN = {
    **{number: NumberFormat(has_date=True) for number in (14, 15, 16, 17, *range(27, 32), 36, *range(50, 59))},
    **{number: NumberFormat(has_time=True) for number in (18, 19, 20, 21, 32, 33, 34, 35, 45, 47)},
    22: NumberFormat(has_date=True, has_time=True),
    46: NumberFormat(is_elapsed=True),
    9: NumberFormat(percent_decimals=0),
    10: NumberFormat(percent_decimals=2),
}


def number_format(code: str) -> NumberFormat:
    """The meaning of a format code such as `dd.mm.yyyy hh:mm` or `0.0%`."""
    bare = _QUOTED.sub("", code.split(";")[0][:255])
    if _ELAPSED.search(bare):
        return NumberFormat(is_elapsed=True)
    letters = bare.lower().replace("general", "")
    if "%" in letters:
        decimals = _DECIMALS.search(letters)
        return NumberFormat(percent_decimals=len(decimals.group(1)) if decimals else 0)
    has_time = any(letter in letters for letter in "hs")
    has_date = any(letter in letters for letter in "yd") or ("m" in letters and not has_time)
    return NumberFormat(has_date=has_date, has_time=has_time)


def number_text(value: float, shown: NumberFormat = PLAIN, *, from_1904: bool = False) -> str:
    """A number as its format shows it: dates as ISO 8601, other numbers in full, to the 15 digits a sheet keeps."""
    if shown.percent_decimals is not None:
        return f"{value * 100:.{shown.percent_decimals}f}%"
    if shown.is_elapsed:
        minutes, seconds = divmod(round(value * _DAY), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    if shown.has_date or shown.has_time:
        return _moment(value, shown, from_1904) or plain_number(value)
    return plain_number(value)


def plain_number(value: float) -> str:
    """A whole number without a point, any other to 15 digits."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e16 else f"{value:.15g}"


def moment_text(moment: datetime) -> str:
    """`2024-01-31`, or `2024-01-31 14:05` where it has a time of day."""
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return moment.date().isoformat()
    return moment.isoformat(sep=" ", timespec="seconds" if moment.second else "minutes")


def _moment(serial: float, shown: NumberFormat, from_1904: bool) -> str:
    """The date or time of a serial number; "" where there is none."""
    if not 0 <= serial < 2_958_466:
        return ""
    # Excel's 1900 has a 29 February, so its days before March count from one day later.
    start = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 31 if serial < 60 else 30)
    try:
        moment = start + timedelta(days=int(serial), seconds=round((serial - int(serial)) * _DAY))
    except OverflowError:
        return ""
    if shown.has_date and not shown.has_time:
        return moment.date().isoformat()
    if shown.has_time and not shown.has_date:
        return moment.time().isoformat("seconds" if moment.second else "minutes")
    return moment_text(moment)
