"""Text to token ids by the `tokenizers` library alone: importing transformers would cost seconds and 300 MB."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Ids = NDArray[np.int64]


class TokenBatches:
    """The tokenizer of a BERT-like encoder. Thread-safe.

    `longest` counts the special tokens that frame a text, [CLS] and [SEP].
    """

    def __init__(self, path: Path, *, longest: int) -> None:
        self._cutting = Tokenizer.from_file(str(path))
        self._cutting.no_padding()
        self._cutting.enable_truncation(longest)
        # A second object, because switching truncation off for a count would race with other threads.
        self._counting = Tokenizer.from_file(str(path))
        self._counting.no_padding()
        self._counting.no_truncation()
        self.longest = longest
        self.specials = self._cutting.num_special_tokens_to_add(is_pair=False)

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, special tokens left out, nothing cut."""
        return [len(row.ids) for row in self._counting.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with special tokens, each row cut at `longest`."""
        return [row.ids for row in self._cutting.encode_batch_fast(list(texts))]

    def batches(self, texts: Sequence[str], *, size: int, step: int) -> Iterator[tuple[list[int], Ids, Ids]]:
        """Batches of similar length, longest first: positions in `texts`, ids and mask, shape (n, width).

        The width is a multiple of `step`, so that an encoder that prepares itself per shape meets few of them.
        """
        rows = self.encode(texts)
        order = sorted(range(len(rows)), key=lambda position: -len(rows[position]))
        for start in range(0, len(order), size):
            positions = order[start : start + size]
            ids, mask = self._padded([rows[position] for position in positions], step)
            yield positions, ids, mask

    def _padded(self, rows: Sequence[list[int]], step: int) -> tuple[Ids, Ids]:
        width = min(self.longest, -(-max(len(row) for row in rows) // step) * step)
        ids = np.zeros((len(rows), width), np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        return ids, mask
