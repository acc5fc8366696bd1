"""Any server with OpenAI's /v1/embeddings: vLLM, text-embeddings-inference, llama.cpp, Ollama."""

import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from engines.embedding import bundled
from engines.embedding.batching import MicroBatcher
from engines.embedding.tokens import TokenBatches
from rag.errors import EngineGarbage, EngineTimeout, EngineUnavailable
from rag.ports import Vectors

BATCH = 32
TRIES = 3
DEFAULT_MAX_TOKENS = 512
SPECIALS = 2
TIMEOUT = httpx.Timeout(60, connect=3)


class HttpEmbedder:
    """Vectors from a server. `url` is its address with or without /v1 or /v1/embeddings. Thread-safe.

    Raises EngineUnavailable, EngineTimeout or EngineGarbage, at construction too, where it asks for one
    vector to learn the dimension. Tokens are counted with the bundled encoder's tokenizer, an estimate for
    other models; the server is told to cut what is too long where it can.
    """

    def __init__(self, url: str, model: str, *, api_key: str = "", client: httpx.Client | None = None) -> None:
        self._base = base_url(url)
        self._name = model
        self._client = client or httpx.Client(timeout=TIMEOUT)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._tokens = TokenBatches(bundled.source() / "tokenizer.json", longest=DEFAULT_MAX_TOKENS)
        self._dimension = int(self._request(["dimension"]).shape[1])
        self._max_tokens = self._ask_max_tokens()
        self._batcher = MicroBatcher(self._embed)

    @property
    def model(self) -> str:
        return f"{self._name}@server"

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts)

    def embed_query(self, text: str) -> Vectors:
        return self._batcher(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._tokens.count(texts)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        order = sorted(range(len(texts)), key=lambda position: -len(texts[position]))
        vectors = np.empty((len(texts), self._dimension), np.float32)
        for start in range(0, len(order), BATCH):
            positions = order[start : start + BATCH]
            rows = self._request([texts[position] for position in positions])
            if rows.shape[1] != self._dimension:
                raise EngineGarbage(f"{self._base} changed its vectors from {self._dimension} to {rows.shape[1]}.")
            vectors[positions] = rows
        return vectors

    def _request(self, texts: Sequence[str]) -> Vectors:
        """One batch. An empty text is sent as a space, because servers refuse it."""
        body = {"model": self._name, "input": [text or " " for text in texts], "encoding_format": "float"}
        answer = self._post(body)
        try:
            rows = sorted(answer.json()["data"], key=lambda row: row["index"])
            vectors = np.array([row["embedding"] for row in rows], np.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise EngineGarbage(f"{self._base} answers, but not as /v1/embeddings does ({error}).") from None
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise EngineGarbage(f"{self._base} gave {len(vectors)} vectors for {len(texts)} texts, or broken ones.")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(lengths, 1e-12)

    def _post(self, body: dict[str, Any]) -> httpx.Response:
        """Tries again, briefly, what a moment may mend: 429, 5xx, a connection that broke."""
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(0.2 * 2**attempt)
            try:
                answer = self._client.post(f"{self._base}/embeddings", json=body, headers=self._headers)
            except httpx.TimeoutException:
                raise EngineTimeout(f"{self._base} did not answer in time.") from None
            except httpx.HTTPError as error:
                problem = type(error).__name__
                continue
            if answer.is_success:
                return answer
            problem = f"HTTP {answer.status_code}"
            if answer.status_code != 429 and answer.status_code < 500:
                break
        raise EngineUnavailable(f"The embedding server {self._base} fails ({problem}); check EMBEDDING_URL.")

    def _ask_max_tokens(self) -> int:
        """What vLLM tells in /v1/models, less special tokens; other servers do not tell."""
        try:
            models = self._client.get(f"{self._base}/models", headers=self._headers).json()["data"]
            longest = next(int(row["max_model_len"]) for row in models if row["id"] == self._name)
        except (httpx.HTTPError, ValueError, KeyError, TypeError, StopIteration):
            longest = DEFAULT_MAX_TOKENS
        return longest - SPECIALS


def base_url(url: str) -> str:
    """The address that /embeddings is added to, from what people write."""
    base = url.rstrip("/").removesuffix("/embeddings")
    return base if base.endswith("/v1") else f"{base}/v1"
