"""The encoder's precision and batches are what was measured on this processor, and nothing else."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
import pytest
from django.conf import settings

from engines.embedding import bundled, openvino_cpu, preparing, quantization, tuning
from engines.embedding.openvino_cpu import OpenVinoEmbedder
from engines.embedding.tuning import Way
from rag.ports import Vectors

THINGS = ("pump", "lift", "boiler", "gate", "crane", "alarm")
SLOW, FAST = Way("f32", "THROUGHPUT", 4), Way("bf16", "THROUGHPUT", 4)


@pytest.fixture(scope="session")
def converted() -> Path:
    """The converted encoder, made at first need and kept between runs."""
    return preparing.prepare(settings.CACHE_DIR)


class TimedStreams:
    """Streams that take the given seconds for a passage, on a clock that only they move."""

    count = 2

    def __init__(self, clock: list[float], seconds: float) -> None:
        self._clock, self._seconds = clock, seconds

    def encode(self, texts: Sequence[str], batch: int) -> Vectors:
        self._clock[0] += len(texts) * self._seconds
        return np.zeros((len(texts), 1), np.float32)


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ({"f32": 0.02, "bf16": 0.01}, Way("bf16", "THROUGHPUT", 4)),
        ({"f32": 0.01, "bf16": 0.014}, Way("f32", "THROUGHPUT", 4)),
        ({"f32": 0.01, "bf16": 0.01, "LATENCY": 0.5}, Way("f32", "LATENCY", 16)),
        ({"f32": 0.01, "bf16": 0.01, "LATENCY": 0.98}, Way("f32", "THROUGHPUT", 4)),
        ({"f32": 0.02, "bf16": 0.01, "int8": 0.7}, Way("bf16", "THROUGHPUT", 4, quantized=True)),
        ({"f32": 0.02, "bf16": 0.01, "int8": 1.3}, Way("bf16", "THROUGHPUT", 4)),
    ],
)
def test_the_fastest_way_is_taken(seconds: dict[str, float], best: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: clock[0])

    def streams(way: Way) -> TimedStreams:
        assert not way.quantized or "int8" in seconds
        factor = seconds.get(way.hint, 1) * (seconds["int8"] if way.quantized else 1)
        return TimedStreams(clock, seconds[way.precision] * factor)

    found, speeds = tuning.fastest(["f32", "bf16"], streams, quantized="int8" in seconds)
    assert found == best
    assert speeds[SLOW] == pytest.approx(1 / seconds["f32"])


def test_a_measurement_holds_for_its_processor_alone(tmp_path: Path) -> None:
    tuning.write(tmp_path, "one, 2 cores", FAST, {SLOW: 47.0, FAST: 86.04})
    assert tuning.read(tmp_path, "one, 2 cores") == FAST
    assert tuning.read(tmp_path, "one, 4 cores") is None
    assert [path.name for path in tmp_path.iterdir()] == [tuning.FILE]
    assert json.loads((tmp_path / tuning.FILE).read_text())["measured"][1]["passages_per_second"] == 86.0


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"processor": "one", "way": {"hint": 1}}'])
def test_a_damaged_measurement_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / tuning.FILE).write_text(text)
    assert tuning.read(tmp_path, "one") is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    tuning.write(tmp_path / "nowhere", "one", FAST, {})
    assert not (tmp_path / "nowhere").exists()


def test_processors_are_told_apart(tmp_path: Path) -> None:
    core, cpuinfo = openvino.Core(), tmp_path / "cpuinfo"
    told = []
    for flags in ("avx2", "avx2 avx512_bf16", "avx2 avx512_bf16"):
        frequency = f"cpu MHz : {len(told)}"
        cpuinfo.write_text(f"processor : 0\nmodel name : One\n{frequency}\nflags : {flags}\n\nprocessor : 1\n")
        told.append(tuning.processor(core, cpuinfo))
    assert told[0] != told[1] == told[2]
    assert "cores" in tuning.processor(core, tmp_path / "missing")


def test_the_encoder_measures_once_and_then_does_as_measured(
    converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "converted"
    shutil.copytree(converted, folder)
    measured = []

    def fastest(precisions: Sequence[str], streams: object, *, quantized: bool) -> tuple[Way, dict[Way, float]]:
        measured.append((precisions[0], quantized))
        return Way("f32", "LATENCY", 3, quantized), {}

    monkeypatch.setattr(tuning, "fastest", fastest)
    (folder / tuning.FILE).unlink()
    texts = ["a pump", "a valve " * 50, "rent", "a key"]
    first = OpenVinoEmbedder(folder).embed_passages(texts)
    again = OpenVinoEmbedder(folder)
    assert again.tune() == Way("f32", "LATENCY", 3, quantized=True)
    assert measured == [("f32", True)]
    assert (first * again.embed_passages(texts)).sum(axis=1) == pytest.approx(1, abs=1e-5)
    exact = OpenVinoEmbedder(folder, quantized=False)
    cosines = (first * exact.embed_passages(texts)).sum(axis=1)
    assert measured == [("f32", True), ("f32", False)]
    assert 0.99 < cosines.min() <= cosines.max() < 0.99999


def test_int8_keeps_the_meaning(converted: Path) -> None:
    embedder = OpenVinoEmbedder(converted)
    texts = [f"The {thing} in hall {n} is checked every {n + 2} weeks by the crew." for n, thing in enumerate(THINGS)]
    ways = (Way("f32", "LATENCY", 4), Way("f32", "LATENCY", 4, quantized=True))
    exact, quantized = (embedder._streams(way).encode(texts, way.batch) for way in ways)
    assert (exact * quantized).sum(axis=1).min() >= 0.99
    nearest = (quantized @ exact.T).argmax(axis=1)
    assert nearest.tolist() == list(range(len(texts)))


def test_a_precision_that_was_not_verified_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_cpu, "has_bf16", lambda core: True)
    core = openvino.Core()
    assert openvino_cpu.verified_precisions(core, {"bf16": 0.9999, "f32": 1.0}) == ["f32", "bf16"]
    assert openvino_cpu.verified_precisions(core, {"bf16": 0.9, "f32": 1.0}) == ["f32"]
    monkeypatch.setattr(openvino_cpu, "has_bf16", lambda core: False)
    assert openvino_cpu.verified_precisions(core, {"bf16": 0.9999, "f32": 1.0}) == ["f32"]
    with pytest.raises(bundled.UnusableModel, match="not verified"):
        openvino_cpu.verified_precisions(core, {"bf16": 0.9999})


def test_every_weight_is_within_half_a_step() -> None:
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(6, 64)).astype(np.float32)
    weights[1] += 9  # all of one sign
    weights[2] = 0
    weights[3, 5] = 40  # an outlier, in a row of its own scale
    node = quantization.as_uint8(weights)
    model = openvino.Model([node.output(0)], [], "weights")
    found = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([])[0]
    span = np.maximum(weights.max(axis=1), 0) - np.minimum(weights.min(axis=1), 0)
    assert (np.abs(found - weights).max(axis=1) <= span / 255 + 1e-6).all()
    assert (found[2] == 0).all()
