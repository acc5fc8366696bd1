"""The package of an OpenDocument file: its XML parts, once it is sure that they can be read."""

from pathlib import Path
from typing import Any

from engines.parsing import refusals
from engines.parsing.limits import Limits
from engines.parsing.packages import opened

_MANIFEST = "META-INF/manifest.xml"
_ENCRYPTION = "{*}encryption-data"


def open_package(path: Path, limits: Limits, name: str) -> dict[str, Any]:
    """The root elements of `content.xml` and, where they are there, `styles.xml` and `meta.xml`, by these names.

    `name` is the format ("ODT"). Raises ParsingError: `broken`, `encrypted`, or `too_large` where a part would not
    fit into memory.
    """
    with opened(path, limits, name) as package:
        if _MANIFEST in package and next(package.xml(_MANIFEST).iter(_ENCRYPTION), None) is not None:
            raise refusals.encrypted()
        others = [part for part in ("styles.xml", "meta.xml") if part in package]
        return {part: package.xml(part) for part in ("content.xml", *others)}
