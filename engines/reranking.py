"""A cross-encoder reads question and passage together: slower than any index, and better at the last order."""

import time
from collections.abc import Sequence
from typing import Any

PAIRS_AT_ONCE = 4
"""The clock is looked at between so many: on one core they take tens of milliseconds."""


class UnusableReranker(RuntimeError):
    """The model cannot be loaded, or is no cross-encoder of one score; the message says what to do."""


class CrossEncoderReranker:
    """Any CrossEncoder of sentence-transformers with one output. Thread-safe; runs on a GPU where torch has one."""

    def __init__(self, model: str) -> None:
        # Only a process that reranks holds torch.
        import torch  # noqa: PLC0415
        from sentence_transformers import CrossEncoder  # noqa: PLC0415

        self._sigmoid = torch.nn.Sigmoid()  # whatever the model's own last step is, scores are 0..1

        try:
            self._encoder: Any = CrossEncoder(model, local_files_only=True)
        except Exception as error:
            raise UnusableReranker(
                f"RERANK_MODEL={model} cannot be loaded ({error}); give a cross-encoder's folder, or leave it empty."
            ) from error
        if self._encoder.num_labels != 1:
            raise UnusableReranker(
                f"RERANK_MODEL={model} gives {self._encoder.num_labels} scores a pair; a reranker gives one."
            )

    def scores(self, query: str, texts: Sequence[str], *, seconds: float) -> list[float]:
        """See `rag.ports.Reranker`."""
        deadline = time.monotonic() + seconds
        found: list[float] = []
        for begin in range(0, len(texts), PAIRS_AT_ONCE):
            if time.monotonic() >= deadline:
                break
            pairs = [(query, text) for text in texts[begin : begin + PAIRS_AT_ONCE]]
            found += self._encoder.predict(pairs, show_progress_bar=False, activation_fn=self._sigmoid).tolist()
        return found
