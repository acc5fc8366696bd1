"""How fast other libraries embed and index the same passages, each beside bare sentence-transformers.

They are no part of Footnote and live in an environment of their own:

    python3 -m venv /tmp/peers
    /tmp/peers/bin/pip install torch langchain-huggingface langchain-community faiss-cpu llama-index-core \\
        llama-index-embeddings-huggingface haystack-ai sentence-transformers-haystack txtai
    /tmp/peers/bin/python -m benchmarks.peers \\
        --model "$(.venv/bin/python -c 'from engines.embedding import bundled; print(bundled.source())')"

All run in one process with one set of weights at fp32, each as its own documentation has it, in turn; the bare encoder
goes first in each round. What is printed are medians of each one's passages per second, and of its ratio to the bare
encoder of the same round. Compare with "ratio to batch 64" of benchmarks.ingest.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from haystack import Document
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import ComponentDevice
from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersDocumentEmbedder
from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from sentence_transformers import SentenceTransformer
from txtai import Embeddings

from benchmarks.client import DATA, median, read_jsonl, report

Index = Callable[[list[str]], object]


def bare(model: str) -> Index:
    encoder = SentenceTransformer(model, device="cpu")
    return lambda texts: encoder.encode(texts, batch_size=64, show_progress_bar=False)


def langchain(model: str) -> Index:
    embeddings = HuggingFaceEmbeddings(model_name=model, model_kwargs={"device": "cpu"})
    return lambda texts: FAISS.from_texts(texts, embeddings)


def llama_index(model: str) -> Index:
    embedding = HuggingFaceEmbedding(model_name=model, device="cpu")
    return lambda texts: VectorStoreIndex([TextNode(text=text) for text in texts], embed_model=embedding)


def haystack(model: str) -> Index:
    embedder = SentenceTransformersDocumentEmbedder(
        model=model, device=ComponentDevice.from_str("cpu"), progress_bar=False
    )
    embedder.warm_up()

    def index(texts: list[str]) -> object:
        documents = [Document(content=text) for text in texts]
        return InMemoryDocumentStore().write_documents(embedder.run(documents)["documents"])

    return index


def txtai(model: str) -> Index:
    return lambda texts: Embeddings(path=model, gpu=False, content=True).index(texts)


PEERS: dict[str, Callable[[str], Index]] = {
    "bare": bare,
    "LangChain + FAISS": langchain,
    "LlamaIndex": llama_index,
    "Haystack": haystack,
    "txtai": txtai,
}


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", required=True, help="the folder of the encoder's weights")
    parser.add_argument("--passages", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    texts = [row["text"] for row in read_jsonl(DATA / "squad" / "passages.jsonl")][: asked.passages]
    indexers = {name: build(asked.model) for name, build in PEERS.items()}
    rates: dict[str, list[float]] = {name: [] for name in indexers}
    for index in indexers.values():
        index(texts[:32])
    for _ in range(asked.rounds):
        for name, index in indexers.items():
            started = time.perf_counter()
            index(texts)
            rates[name].append(len(texts) / (time.perf_counter() - started))
    rows: dict[str, Any] = {f"passages/s {name}": median(seen) for name, seen in rates.items()}
    for name, seen in rates.items():
        rows[f"ratio {name}"] = median(rate / of for rate, of in zip(seen, rates["bare"], strict=True))
    report(rows, asked.out)


if __name__ == "__main__":
    main()
