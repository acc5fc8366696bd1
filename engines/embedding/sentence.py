"""Any sentence-transformers model, on a GPU where there is one: it defines pooling, prompts and normalisation."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from sentence_transformers import SentenceTransformer

from engines.embedding import bundled
from engines.embedding.batching import MicroBatcher
from engines.files import sha256
from rag.ports import Vectors

BATCH = {"cpu": 8, "cuda": 128, "mps": 64}
"""Passages at a time; on a CPU small batches of similar length waste least on padding."""
PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""The names under which models keep the prompt of a passage, as encode_document tries them."""


class SentenceTransformersEmbedder:
    """A model by folder or by Hugging Face name, from the local cache only. Thread-safe.

    Queries and passages get the model's own prompts. Raises UnusableModel when the model is not there.
    """

    def __init__(self, model: str, *, device: str | None = None) -> None:
        folder = local_folder(model)
        self._model = SentenceTransformer(str(folder), device=device, local_files_only=True).eval()
        self._identity = identity(model, folder, self._model.prompts)
        self._batch = BATCH.get(self._model.device.type, 8)
        self._batcher = MicroBatcher(self._embed_queries)

    @property
    def model(self) -> str:
        return self._identity

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        specials = len(self._model.tokenizer("")["input_ids"])
        return int(self._model.max_seq_length or 512) - specials

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        vectors = self._model.encode_document(
            list(texts), batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, np.float32)

    def embed_query(self, text: str) -> Vectors:
        return self._batcher(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        rows = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(row) for row in rows["input_ids"]]

    def _embed_queries(self, texts: Sequence[str]) -> Vectors:
        vectors = self._model.encode_query(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)


def local_folder(model: str, *, fetch: bool = False) -> Path:
    """Where the model's files lie. `fetch` lets Hugging Face be asked, which only set-up does.

    Raises UnusableModel when they are not on this machine.
    """
    if model in bundled.NAMES:
        return bundled.source()
    if Path(model).is_dir():
        return Path(model)
    try:
        return Path(snapshot_download(model, local_files_only=not fetch))
    except (LocalEntryNotFoundError, OSError, ValueError) as error:
        raise bundled.UnusableModel(
            f"The model {model} is not on this machine ({type(error).__name__}); set EMBEDDING_MODEL to a folder "
            "that holds it, or run `make setup` while the internet can be reached."
        ) from None


def identity(model: str, folder: Path, prompts: Mapping[str, str | None]) -> str:
    """Name, sha256 prefix of the weights and, if passages get a prompt, a mark of it: all that changes vectors."""
    weights = sorted([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")])
    digests = [sha256(path) for path in weights]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    name = bundled.NAME if model in bundled.NAMES else model.rstrip("/").split("/")[-1]
    prompt = next((text for key in PASSAGE_PROMPTS if (text := prompts.get(key))), "")
    mark = f"+{hashlib.sha256(prompt.encode()).hexdigest()[:6]}" if prompt else ""
    return f"{name}@{digest[:12]}{mark}"
