"""Converts the bundled encoder for OpenVINO and verifies it; run as a program of its own by `prepare`.

It imports torch and sentence-transformers (some 15 s cold, 600 MB), which is why it is a process apart.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import openvino
import torch
from sentence_transformers import SentenceTransformer

from engines.embedding import bundled
from engines.embedding.openvino_cpu import LEAST_COSINE
from engines.embedding.quantization import quantize
from engines.embedding.streams import compile_model, has_bf16, unit
from engines.embedding.tokens import TokenBatches
from engines.files import sha256, whole_folder
from rag.ports import Vectors

SAMPLES = (
    "refund",
    "How many days do I have to return a product?",
    "Revenue for fiscal 2019 was $6,489 million, down 13% from $7,500 million in 2018.",
    "Die Kündigungsfrist beträgt drei Monate zum Ende des Quartals.",
    "L'élève a été déçu par le résultat; 東京は日本の首都です。",
    "WARNING: ERR_4012 (0x7f) at /var/log/app.log:218 - `timeout=30s` exceeded!!",
    "A table row | 12.5 | 13.0 | n/a | total 25.5",
    "😀 ??? ...",
    " ".join(f"Clause {n}: the tenant pays {n * 17} euros by day {n % 28 + 1}." for n in range(8)),
    " ".join(f"Section {n} describes how the pump at station {n} is serviced." for n in range(60)),
)
"""Texts of 1 to more than 256 tokens, in several scripts."""


class Encoder(torch.nn.Module):
    """sentence-transformers' own modules (transformer, mean pooling, normalisation) behind plain tensors."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """int64 (n, width) twice -> float32 (n, dimension), rows of length 1."""
        features = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": torch.zeros_like(input_ids),
        }
        return self.model(features)["sentence_embedding"]


def convert(source: Path, target: Path) -> dict[str, float]:
    """Writes `target` whole or not at all; gives the worst cosine per precision. Raises UnusableModel."""
    bundled.check_weights(source)
    model = SentenceTransformer(str(source), device="cpu", local_files_only=True).eval()
    longest = int(model.max_seq_length or 256)
    ids = torch.full((2, 12), 1000)
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer's notes on constants; the cosines below are the proof
        ir = openvino.convert_model(Encoder(model), example_input=(ids, mask))
    with whole_folder(target) as folder:
        openvino.save_model(ir, folder / "model.xml")  # weights as fp16: half the size, cosines unchanged
        shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
        expected = model.encode(list(SAMPLES), normalize_embeddings=True, show_progress_bar=False)
        cosines = verify(folder, expected, longest)
        manifest = {
            "model": bundled.IDENTITY,
            "dimension": int(expected.shape[1]),
            "max_sequence": longest,
            "cosines": cosines,
            "files": {path.name: sha256(path) for path in sorted(folder.iterdir())},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return cosines


def verify(folder: Path, expected: Vectors, longest: int) -> dict[str, float]:
    """The worst cosine between converted and fp32 vectors of SAMPLES, for each precision of this processor.

    Raises UnusableModel when f32 is off: then the conversion itself is wrong. Another that is off is only left unused.
    """
    core = openvino.Core()
    exact = core.read_model(folder / "model.xml")
    tokens = TokenBatches(folder / "tokenizer.json", longest=longest)
    bf16 = ["bf16"] if has_bf16(core) else []
    tried = [(name, exact, name) for name in ("f32", *bf16)] + [("int8", quantize(exact), (*bf16, "f32")[0])]
    cosines = {}
    for name, ir, precision in tried:
        compiled = compile_model(core, ir, "LATENCY", precision)
        found = np.empty_like(expected)
        for positions, ids, mask in tokens.batches(SAMPLES, size=4, step=16):
            found[positions] = compiled((ids, mask))[0]
        cosines[name] = round(float((unit(found) * expected).sum(axis=1).min()), 6)
    if cosines["f32"] < LEAST_COSINE:
        raise bundled.UnusableModel(f"The converted encoder differs from the original (cosine {cosines['f32']}).")
    return cosines


if __name__ == "__main__":
    try:
        print(json.dumps(convert(Path(sys.argv[1]), Path(sys.argv[2]))))
    except bundled.UnusableModel as error:
        sys.exit(str(error))
