"""The encoder on a CPU: converted once (engines.embedding.conversion), run by OpenVINO without torch."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino

from engines.embedding import bundled, tuning
from engines.embedding.batching import MicroBatcher
from engines.embedding.quantization import quantize
from engines.embedding.streams import Streams, compile_model, has_bf16, unit
from engines.embedding.tokens import TokenBatches
from rag.ports import Vectors

QUERY_BATCH = 4
QUERY_STEP = 8
LEAST_COSINE = 0.999
"""What a precision must reach against the fp32 vectors of sentence-transformers to be used."""
LEAST_COSINE_OF_INT8 = 0.995
"""The same for int8, on texts as short as one word; what that does to the ranking is in ADR 9."""

FIRST_USE = threading.Lock()
"""OpenVINO's binding fills a C++ static at the first look into a tensor and lets the interpreter go
meanwhile. A second thread that looks then waits for it with the interpreter in hand, and neither goes on
(2026.4, seen in one of 75 starts). So the first inference of a process is made by one thread alone."""


class OpenVinoEmbedder:
    """The bundled encoder, in the precision and batches that are fastest here. Thread-safe.

    Raises UnusableModel when the folder is missing, damaged or was not verified.
    """

    def __init__(self, folder: Path, *, quantized: bool = True) -> None:
        """`quantized` allows int8 for passages, where that is faster and was verified."""
        manifest = bundled.read_manifest(folder)
        self._folder = folder
        self._dimension = int(manifest["dimension"])
        self._tokens = TokenBatches(folder / "tokenizer.json", longest=int(manifest["max_sequence"]))
        self._core = openvino.Core()
        self._precisions = verified_precisions(self._core, manifest["cosines"])
        self._may_quantize = quantized and manifest["cosines"].get("int8", 0.0) >= LEAST_COSINE_OF_INT8
        self._ir = self._core.read_model(folder / "model.xml")
        self._processor = tuning.processor(self._core)
        self._way = self._known_way()
        # A question is short and comes alone: in f32 it costs a millisecond more than in bf16 and loses nothing.
        compiled = compile_model(self._core, self._ir, "LATENCY", "f32")
        self._query_request = compiled.create_infer_request()
        self._passages: Streams | None = None
        self._compiling = threading.Lock()
        self._batcher = MicroBatcher(self._embed_queries)
        with FIRST_USE:
            self._embed_queries(["first"])

    @property
    def model(self) -> str:
        return bundled.IDENTITY

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int:
        return self._tokens.longest - self._tokens.specials

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimension), rows of length 1."""
        streams, batch = self._passage_streams()
        return streams.encode(texts, batch)

    def embed_query(self, text: str) -> Vectors:
        return self._batcher(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._tokens.count(texts)

    def tune(self) -> tuning.Way:
        """Measures which way is fastest on this processor, unless that is known; keeps it for later processes."""
        if self._way is None:
            self._way, speeds = tuning.fastest(self._precisions, self._streams, quantized=self._may_quantize)
            tuning.write(self._folder, self._processor, self._way, speeds)
        return self._way

    def _embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Called by the batcher's one thread only, so one request serves it."""
        vectors = np.empty((len(texts), self._dimension), np.float32)
        for positions, ids, mask in self._tokens.batches(texts, size=QUERY_BATCH, step=QUERY_STEP):
            vectors[positions] = self._query_request.infer((ids, mask))[0]
        return unit(vectors)

    def _passage_streams(self) -> tuple[Streams, int]:
        """With the size of a batch. Compiled at first need (.2 s), so that a process that only searches never pays
        for it.
        """
        with self._compiling:
            way = self.tune()
            if self._passages is None:
                self._passages = self._streams(way)
        return self._passages, way.batch

    def _known_way(self) -> tuning.Way | None:
        """What was measured here before, if it is still allowed."""
        way = tuning.read(self._folder, self._processor)
        if way is None or way.precision not in self._precisions or way.quantized > self._may_quantize:
            return None
        return way

    def _streams(self, way: tuning.Way) -> Streams:
        ir = quantize(self._ir) if way.quantized else self._ir
        return Streams(compile_model(self._core, ir, way.hint, way.precision), self._tokens)


def verified_precisions(core: openvino.Core, cosines: dict[str, float]) -> list[str]:
    """Those of this processor whose vectors were held to fp32's. Raises UnusableModel when there is none."""
    known = [name for name in ("f32", "bf16") if cosines.get(name, 0.0) >= LEAST_COSINE]
    if usable := [name for name in known if name != "bf16" or has_bf16(core)]:
        return usable
    raise bundled.UnusableModel("The converted encoder was not verified for this processor; run `make setup` again.")
