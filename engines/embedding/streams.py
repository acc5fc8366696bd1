"""The converted encoder compiled for this processor, and many passages run through it."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openvino

from engines.embedding.quantization import GROUP
from engines.embedding.tokens import TokenBatches
from rag.ports import Vectors

STEP = 16
"""Widths of passages are multiples of it, so that the engine meets few shapes."""
SHAPES_KEPT = 64
"""How many input shapes the engine keeps compiled kernels for; unbounded, memory grows with each new one."""


class Streams:
    """One inference request for each of the engine's streams, and as many threads while passages are encoded."""

    def __init__(self, compiled: openvino.CompiledModel, tokens: TokenBatches) -> None:
        self._compiled = compiled
        self._tokens = tokens
        self.count = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def encode(self, texts: Sequence[str], batch: int) -> Vectors:
        """float32, shape (len(texts), dimension), rows of length 1. May be called by several threads."""
        dimension = self._compiled.output(0).get_partial_shape()[1].get_length()
        vectors = np.empty((len(texts), dimension), np.float32)
        batches = self._tokens.batches(texts, size=batch, step=STEP)
        taking = threading.Lock()

        def work(request: openvino.InferRequest) -> None:
            while True:
                with taking:
                    found = next(batches, None)
                if found is None:
                    return
                positions, ids, mask = found
                vectors[positions] = request.infer((ids, mask))[0]

        # Threads of our own, not AsyncInferQueue: its callbacks may still want the interpreter when it ends,
        # which aborts the process.
        requests = [self._compiled.create_infer_request() for _ in range(self.count)]
        with ThreadPoolExecutor(self.count, thread_name_prefix="passage-encoder") as pool:
            list(pool.map(work, requests))
        return unit(vectors)


def compile_model(core: openvino.Core, ir: openvino.Model, hint: str, precision: str) -> openvino.CompiledModel:
    """`hint`: LATENCY gives one batch all cores, THROUGHPUT one stream a core. `precision`: bf16 or f32."""
    return core.compile_model(
        ir,
        "CPU",
        {
            "PERFORMANCE_HINT": hint,
            "INFERENCE_PRECISION_HINT": precision,
            "CPU_RUNTIME_CACHE_CAPACITY": str(SHAPES_KEPT),
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(GROUP),  # concerns a quantized model alone
        },
    )


def has_bf16(core: openvino.Core) -> bool:
    """Whether the processor multiplies bf16 natively (avx512_bf16 or amx)."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1 in f32: bf16 arithmetic leaves them up to .4 % off."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=vectors, where=lengths > 0)
