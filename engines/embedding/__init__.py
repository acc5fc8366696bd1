"""Encoders behind the Embedder port: OpenVINO on a CPU, sentence-transformers, any /v1/embeddings server.

`load` imports only the backend it builds: openvino costs .4 s, torch with sentence-transformers many seconds.
"""

from importlib import import_module, metadata
from pathlib import Path

from engines.embedding import bundled
from engines.embedding.preparing import is_usable, prepare
from rag.ports import Embedder

__all__ = ["UnusableModel", "choose_backend", "load", "prepare", "prepare_for"]

UnusableModel = bundled.UnusableModel


def load(
    backend: str, *, model: str, cache_dir: Path, url: str = "", api_key: str = "", quantized: bool = True
) -> Embedder:
    """The encoder that the settings ask for; `quantized` concerns the bundled one on a CPU alone.

    Raises UnusableModel or, for a server, an EngineError.
    """
    chosen = choose_backend(backend, model=model, cache_dir=cache_dir, url=url)
    embedder: Embedder
    if chosen == "http":
        embedder = import_module("engines.embedding.http").HttpEmbedder(url, model, api_key=api_key)
    elif chosen == "openvino":
        folder = bundled.converted_folder(cache_dir)
        embedder = import_module("engines.embedding.openvino_cpu").OpenVinoEmbedder(folder, quantized=quantized)
    else:
        embedder = import_module("engines.embedding.sentence").SentenceTransformersEmbedder(model)
    return embedder


def choose_backend(backend: str, *, model: str, cache_dir: Path, url: str = "") -> str:
    """`auto` resolved: a server if there is a url; OpenVINO for the bundled model once it is converted and
    where no GPU would be faster; else sentence-transformers. Raises UnusableModel for what cannot be.
    """
    if backend == "http" and not url:
        raise UnusableModel("EMBEDDING_BACKEND is http but EMBEDDING_URL is not set; give the server's address.")
    if backend == "openvino" and model not in bundled.NAMES:
        raise UnusableModel(
            f"EMBEDDING_BACKEND openvino runs the bundled {bundled.NAME} alone; for {model} choose "
            "sentence-transformers or auto."
        )
    if backend != "auto":
        return backend
    if url:
        return "http"
    if model in bundled.NAMES and not has_gpu() and is_usable(bundled.converted_folder(cache_dir)):
        return "openvino"
    return "sentence-transformers"


def prepare_for(backend: str, *, model: str, cache_dir: Path, url: str = "") -> None:
    """Everything that set-up does for the encoder the settings ask for; prints one line, safe to repeat.

    Raises UnusableModel.
    """
    if backend == "http" or (backend == "auto" and url):
        print(f"Encoder: {model} on {url}, nothing to prepare.", flush=True)
    elif model in bundled.NAMES and backend in ("auto", "openvino"):
        prepare(cache_dir)
    else:
        folder = import_module("engines.embedding.sentence").local_folder(model, fetch=True)
        print(f"Encoder: {model} lies in {folder}.", flush=True)


def has_gpu() -> bool:
    """Whether an NVIDIA GPU and a torch built for it are here, told without importing torch."""
    return Path("/dev/nvidia0").exists() and not metadata.version("torch").endswith("+cpu")
