"""Each parser, for a while, with documents damaged at random: every one ends in pages or in a refusal that has words.

`FUZZ_SECONDS=300 make test-slow` gives five minutes to each format; it has two seconds where nothing is said. What is
tried is the same on every machine, and more of it in more time; FUZZ_SEED (0) tries something else. A document that a
parser breaks on is kept, and the message says where. The quick tests of hypothesis are beside each format's others.
"""

import os
import random
import time
from pathlib import Path

import pytest

from engines.parsing import FORMATS, Format, Limits, Report, extract
from rag.errors import ParsingError
from tests.files import office
from tests.files.samples import SAMPLES

SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
SEED = os.environ.get("FUZZ_SEED", "0")
LIMITS = Limits(memory_mb=300, cpu_seconds=10, wall_seconds=20, archive_mb=20, ocr_pages=2)
NATIVE = {"PDF", "XLS", "XLSX", "ODS", "image"}
"""Read by compiled libraries, which may fall over: that is what the child process is there for."""


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Some of its bytes overwritten, cut out, doubled or swapped for others of its own, its end at times cut off."""
    hurt = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at, other, length = chance.randrange(len(hurt)), chance.randrange(len(hurt)), chance.randint(1, 24)
        match chance.randrange(5):
            case 0:
                hurt[at] = chance.randrange(256)
            case 1:
                hurt[at : at + length] = b""
            case 2:
                hurt[at:at] = hurt[other : other + length]
            case 3:
                hurt[at : at + length] = hurt[other : other + length]
            case _:
                hurt[at : at + length] = chance.choice(
                    (b"\xff" * length, b"0" * length, b"9" * length, b"-1", b"\0" * 8)
                )
        hurt = hurt or bytearray(b" ")
    return bytes(hurt[: chance.randrange(len(hurt))] if chance.random() < 0.1 else hurt)


def document(sample: bytes, chance: random.Random) -> bytes:
    """A damaged copy; of an archive as often one whose parts are damaged, which its checksums would hide."""
    if sample.startswith(b"PK\x03\x04") and chance.random() < 0.5:
        return office.repacked(damaged(office.unpacked(sample), chance))
    return damaged(sample, chance)


def fault(path: Path, form: Format) -> str:
    """What the parser did that it must not, "" where it behaved."""
    try:
        for page in extract(path, form.media_type, limits=LIMITS, report=Report(name=SAMPLES[form.name].name)):
            if any(not page.text[block.start : block.end].strip() for block in page.blocks):
                return "a block of nothing"
    except ParsingError as error:
        contained = form.name in NATIVE and "signal" in error.message
        if error.code in ("crashed", "too_slow") and not contained:
            return f"{error.code}: {error.message}"
        return "" if error.message.endswith(".") and error.hint.endswith(".") else f"no sentence: {error.message}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_damaged_documents_end_in_pages_or_a_refusal(form: Format, tmp_path: Path) -> None:
    if not form.is_taken:
        pytest.skip(f"reading {form.name} files needs the extra {form.extra}, which is not installed")
    path, until, number = tmp_path / "document", time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        number += 1
        path.write_bytes(document(SAMPLES[form.name].data, random.Random(f"{SEED}-{form.name}-{number}")))
        found = fault(path, form)
        assert found == "", f"{found} (document {number}, kept as {path})"
    assert number > 0
