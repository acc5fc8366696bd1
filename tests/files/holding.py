"""A format whose documents hold files, whole and torn: what a format module may do with `Report.file`."""

from collections.abc import Iterator
from pathlib import Path

from engines.parsing import refusals
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Page


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """The document names the function below that says what it holds."""
    globals()[path.read_text()](report)
    yield Page(1, "read")


def several(report: Report) -> None:
    report.file("one.txt", [b"first"])
    report.file("folder/two.bin", (bytes([n]) * 100_000 for n in range(5)))
    report.file("empty", [])


def torn(report: Report) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise ValueError

    report.file("whole", [b"yes"])
    try:
        report.file("torn", pieces())
    except ValueError:
        report.warning("torn was left out.")
    report.file("after", [b"also"])
    try:
        report.file("torn last", pieces())
    except ValueError:
        report.warning("torn last was left out.")


def refuse(report: Report) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise refusals.broken("Holder")

    report.file("whole", [b"yes"])
    report.file("torn", pieces())


def names(report: Report) -> None:
    for name in ("../../etc/passwd", "a\0b\x07", "\udcff.txt", "", "x" * 5000):
        report.file(name, [b"x"])


def many(report: Report) -> None:
    for number in range(30):
        report.file(str(number), [b"x"])


def large(report: Report) -> None:
    report.file("large", (b"x" * 100_000 for _ in range(30)))
