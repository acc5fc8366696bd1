"""Which precision, hint and batch embed most passages a second on this processor: measured, not guessed.

Flags do not tell. With avx512_bf16, bf16 was half as slow again as f32 on an Intel Xeon without AMX, and
twice as fast on an AMD EPYC; with AMX it was faster by far (ADR 5).
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import openvino

from engines.embedding.streams import Streams

log = logging.getLogger(__name__)

FILE = "tuned.json"
ROUNDS = 2
LEAST_GAIN = 1.03
"""A way further down the list, which takes more memory or waits longer for a batch, must be this much faster."""
TELLING = ("model name", "vendor_id", "cpu family", "model", "stepping", "flags", "features", "cpu part")
"""The lines of /proc/cpuinfo that tell one kind of processor from another."""


@dataclass(frozen=True)
class Way:
    """How passages are encoded. `batch` counts passages in one inference; 16 of 256 tokens take some 530 MB."""

    precision: str
    hint: str
    batch: int
    quantized: bool = False

    def __str__(self) -> str:
        numbers = f"int8 and {self.precision}" if self.quantized else self.precision
        streams = "one stream" if self.hint == "LATENCY" else "a stream for each core"
        return f"{numbers}, {self.batch} passages at a time on {streams}"


SHAPES = (("THROUGHPUT", 4), ("THROUGHPUT", 8), ("LATENCY", 16))
"""Hints and batches that won on one of the processors measured; the first takes the least memory."""


def fastest(
    precisions: Sequence[str], streams: Callable[[Way], Streams], *, quantized: bool
) -> tuple[Way, dict[Way, float]]:
    """The best way, and passages a second of all that were tried; some 10 s on two cores.

    The precisions compete first, then int8 against the one that won, then the hints and batches: few ways at a
    time, for each is kept compiled. `quantized` says whether int8 may be tried.
    """
    rounds: list[Callable[[Way], list[Way]]] = [
        lambda _: [Way(precision, *SHAPES[0]) for precision in precisions],
        lambda best: [best, *([replace(best, quantized=True)] if quantized else [])],
        lambda best: [best, *(replace(best, hint=hint, batch=batch) for hint, batch in SHAPES[1:])],
    ]
    best = Way(precisions[0], *SHAPES[0])
    speeds: dict[Way, float] = {}
    for contestants in rounds:
        ways = contestants(best)
        if len(ways) > 1:
            found = timed(ways, streams)
            best, speeds = choice(found), speeds | found
    return best, speeds


def timed(ways: Sequence[Way], streams: Callable[[Way], Streams]) -> dict[Way, float]:
    """Passages a second. Each is warmed up, then all are timed in turn, so that what else the machine does
    falls on all alike.
    """
    ready = {way: streams(way) for way in ways}
    count = max(32, 2 * max(way.batch * each.count for way, each in ready.items()))
    texts = sample(count)
    for way, each in ready.items():
        each.encode(texts, way.batch)
    best = dict.fromkeys(ways, 0.0)
    for _ in range(ROUNDS):
        for way, each in ready.items():
            started = time.perf_counter()
            each.encode(texts, way.batch)
            best[way] = max(best[way], count / (time.perf_counter() - started))
    return best


def choice(speeds: dict[Way, float]) -> Way:
    """The fastest, but an earlier one if the gain is too small to tell."""
    chosen, *others = speeds
    for way in others:
        if speeds[way] > speeds[chosen] * LEAST_GAIN:
            chosen = way
    return chosen


def sample(count: int) -> list[str]:
    """Texts of 40 to 240 tokens, as passages have."""
    words = ["the", "tenant", "pays", "rent", "on", "day", "of", "month", "and", "keeps", "pump", "in", "room"]
    return [" ".join(words[(at + n) % len(words)] for n in range(40 + at * 200 // count)) for at in range(count)]


def read(folder: Path, processor: str) -> Way | None:
    """What was measured on this processor before, or None."""
    try:
        kept = json.loads((folder / FILE).read_text())
        return Way(**kept["way"]) if kept["processor"] == processor else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: Path, processor: str, way: Way, speeds: dict[Way, float]) -> None:
    """Keeps it for the next process. Where the cache cannot be written, each process measures for itself."""
    measured = [{**asdict(each), "passages_per_second": round(speed, 1)} for each, speed in speeds.items()]
    kept: dict[str, Any] = {"processor": processor, "way": asdict(way), "measured": measured}
    unfinished = folder / f"{FILE}.{os.getpid()}"
    try:
        unfinished.write_text(json.dumps(kept, indent=1))
        unfinished.replace(folder / FILE)
    except OSError as error:
        log.info("What was measured of the encoder cannot be kept (%s).", error)


def processor(core: openvino.Core, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What a measurement holds for: the kind of processor, what OpenVINO does on it, and how many cores there are."""
    lines = cpuinfo.read_text(errors="replace").split("\n\n", 1)[0].splitlines() if cpuinfo.is_file() else []
    told = [line for line in lines if line.split(":")[0].strip().lower() in TELLING]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name, can = (core.get_property("CPU", key) for key in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES"))
    digest = hashlib.sha256("\n".join([*sorted(can), *told]).encode()).hexdigest()
    return f"{name}, {cores} cores, {digest[:12]}"
