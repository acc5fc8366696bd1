"""The package of an OpenDocument file: its XML parts, once it is sure that they can be read."""

from pathlib import Path
from typing import Any

from engines.parsing import refusals
from engines.parsing.limits import Limits
from engines.parsing.packages import opened

_MANIFEST = "META-INF/manifest.xml"
_ENCRYPTION = "{*}encryption-data"


def open_package(path: Path, limits: Limits, name: str) -> Any:
    """The root element of `content.xml` in the OpenDocument file at `path`; `name` is its format ("ODT").

    Raises ParsingError: `broken`, `encrypted`, or `too_large` where the part would not fit into memory.
    """
    return open_parts(path, limits, name)[0]


def open_parts(path: Path, limits: Limits, name: str) -> tuple[Any, Any]:
    """The root elements of `content.xml` and of `styles.xml` (None where there is none). Raises as open_package."""
    with opened(path, limits, name) as package:
        if _MANIFEST in package and next(package.xml(_MANIFEST).iter(_ENCRYPTION), None) is not None:
            raise refusals.encrypted()
        return package.xml("content.xml"), package.xml("styles.xml") if "styles.xml" in package else None
