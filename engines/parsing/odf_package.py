"""The package of an OpenDocument file: its XML parts, once it is sure that they can be read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.parsing import refusals
from engines.parsing.limits import Limits
from engines.parsing.odf_math import formula
from engines.parsing.packages import opened

_MANIFEST = "META-INF/manifest.xml"
_ENCRYPTION = "{*}encryption-data"
_MOST_OBJECTS = 5000


@dataclass(frozen=True, slots=True)
class Parts:
    """What is read of an OpenDocument file: root elements, None for a part that is not there."""

    content: Any
    styles: Any
    meta: Any
    formulas: dict[str, str]
    """The equations within, by the path that the content refers to them with."""


def open_package(path: Path, limits: Limits, name: str) -> Parts:
    """The parts of the OpenDocument file at `path`; `name` is its format ("ODT").

    Raises ParsingError: `broken`, `encrypted`, or `too_large` where a part would not fit into memory.
    """
    with opened(path, limits, name) as package:
        if _MANIFEST in package and next(package.xml(_MANIFEST).iter(_ENCRYPTION), None) is not None:
            raise refusals.encrypted()
        styles, meta = (package.xml(part) if part in package else None for part in ("styles.xml", "meta.xml"))
        objects = [part for part in package.names() if part.count("/") == 1 and part.endswith("/content.xml")]
        formulas = {f"./{part.partition('/')[0]}": formula(package.xml(part)) for part in objects[:_MOST_OBJECTS]}
        return Parts(package.xml("content.xml"), styles, meta, formulas)
