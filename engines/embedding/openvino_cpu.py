"""The encoder on a CPU: converted once (engines.embedding.conversion), run by OpenVINO without torch."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino

from engines.embedding import bundled
from engines.embedding.batching import MicroBatcher
from engines.embedding.tokens import TokenBatches
from rag.ports import Vectors

# Measured with 732 SQuAD passages on two cores with bf16: 4 x multiples of 16 gives 157 passages/s in 300 MB,
# 8 x multiples of 8 the same in 413 MB, 16 x multiples of 8 in 533 MB.
BATCH = 4
STEP = 16
QUERY_STEP = 8
SHAPES_KEPT = 64
"""How many input shapes the engine keeps compiled kernels for; unbounded, memory grows with each new one."""
LEAST_COSINE = 0.999
"""What a precision must reach against the fp32 vectors of sentence-transformers to be used."""

FIRST_USE = threading.Lock()
"""OpenVINO's binding fills a C++ static at the first look into a tensor and lets the interpreter go
meanwhile. A second thread that looks then waits for it with the interpreter in hand, and neither goes on
(2026.4, seen in one of 75 starts). So the first inference of a process is made by one thread alone."""


class OpenVinoEmbedder:
    """The bundled encoder, in bf16 where that is faster (AMX), else in f32. Thread-safe.

    Raises UnusableModel when the folder is missing, damaged or was not verified.
    """

    def __init__(self, folder: Path) -> None:
        manifest = bundled.read_manifest(folder)
        self._dimension = int(manifest["dimension"])
        self._tokens = TokenBatches(folder / "tokenizer.json", longest=int(manifest["max_sequence"]))
        self._core = openvino.Core()
        self.precision = native_precision(self._core, manifest["cosines"])
        self._ir = self._core.read_model(folder / "model.xml")
        self._query_request = self._compile("LATENCY").create_infer_request()
        self._passages: openvino.CompiledModel | None = None
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
        """float32, shape (len(texts), dimension), rows of length 1; one thread for each of the engine's streams."""
        vectors = np.empty((len(texts), self._dimension), np.float32)
        batches = self._tokens.batches(texts, size=BATCH, step=STEP)
        taking = threading.Lock()

        def work(request: openvino.InferRequest) -> None:
            while True:
                with taking:
                    batch = next(batches, None)
                if batch is None:
                    return
                positions, ids, mask = batch
                vectors[positions] = request.infer((ids, mask))[0]

        # Threads of our own, not AsyncInferQueue: its callbacks may still want the interpreter when it ends,
        # which aborts the process.
        requests = self._passage_requests()
        with ThreadPoolExecutor(len(requests), thread_name_prefix="passage-encoder") as pool:
            list(pool.map(work, requests))
        return unit(vectors)

    def embed_query(self, text: str) -> Vectors:
        return self._batcher(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._tokens.count(texts)

    def _embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Called by the batcher's one thread only, so one request serves it."""
        vectors = np.empty((len(texts), self._dimension), np.float32)
        for positions, ids, mask in self._tokens.batches(texts, size=BATCH, step=QUERY_STEP):
            vectors[positions] = self._query_request.infer((ids, mask))[0]
        return unit(vectors)

    def _passage_requests(self) -> list[openvino.InferRequest]:
        """One for each stream. Compiled at first need (.2 s), with one stream a core, so that a process that
        only searches never pays for it.
        """
        with self._compiling:
            if self._passages is None:
                self._passages = self._compile("THROUGHPUT")
        streams = int(self._passages.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        return [self._passages.create_infer_request() for _ in range(streams)]

    def _compile(self, hint: str) -> openvino.CompiledModel:
        return compile_model(self._core, self._ir, hint, self.precision)


def compile_model(core: openvino.Core, ir: openvino.Model, hint: str, precision: str) -> openvino.CompiledModel:
    """`hint`: LATENCY gives one query all cores, THROUGHPUT one stream a core. `precision`: bf16 or f32."""
    return core.compile_model(
        ir,
        "CPU",
        {
            "PERFORMANCE_HINT": hint,
            "INFERENCE_PRECISION_HINT": precision,
            "CPU_RUNTIME_CACHE_CAPACITY": str(SHAPES_KEPT),
        },
    )


def has_bf16(core: openvino.Core) -> bool:
    """Whether the processor multiplies bf16 natively (avx512_bf16 or amx)."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def is_bf16_fast(core: openvino.Core, cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether bf16 is taken to be faster than f32. It was, by far, where it was chosen (ADR 5), and slower on a
    processor with avx512_bf16 and no AMX (35 against 47 passages/s); AMX is taken for the difference."""
    return has_bf16(core) and cpuinfo.is_file() and "amx_bf16" in cpuinfo.read_text()


def native_precision(core: openvino.Core, cosines: dict[str, float]) -> str:
    """The fastest precision of this processor that was verified. Raises UnusableModel."""
    for precision in ("bf16", "f32") if is_bf16_fast(core) else ("f32",):
        if cosines.get(precision, 0.0) >= LEAST_COSINE:
            return precision
    raise bundled.UnusableModel("The converted encoder was not verified for this processor; run `make setup` again.")


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1 in f32: bf16 arithmetic leaves them up to .4 % off."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=vectors, where=lengths > 0)
