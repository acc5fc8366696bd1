"""A real cross-encoder, tiny and with random weights, made here."""

from pathlib import Path

import pytest

from engines.embedding import bundled
from engines.reranking import PAIRS_AT_ONCE, CrossEncoderReranker, UnusableReranker

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("torch")]
TEXTS = [f"The pump number {n} is serviced in March." for n in range(10)]


def made(folder: Path, outputs: int) -> str:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(bundled.source(), local_files_only=True)
    transformers.set_seed(1)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.BertConfig(vocab_size=len(tokenizer), num_labels=outputs, **shape)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_every_text_has_a_score_in_its_place(tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(made(tmp_path, outputs=1))
    scores = reranker.scores("when is the pump serviced?", TEXTS, seconds=60)
    assert len(scores) == len(TEXTS)
    assert all(0 < score < 1 for score in scores)
    assert len(set(scores)) > 1
    backwards = reranker.scores("when is the pump serviced?", TEXTS[::-1], seconds=60)
    assert backwards[::-1] == pytest.approx(scores, abs=1e-5)
    assert reranker.scores("when?", [], seconds=60) == []


def test_no_time_no_score(tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(made(tmp_path, outputs=1))
    assert reranker.scores("when?", TEXTS, seconds=0) == []
    assert len(reranker.scores("when?", TEXTS, seconds=1e-6)) in (0, PAIRS_AT_ONCE)


def test_what_is_no_reranker_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnusableReranker, match="a reranker gives one"):
        CrossEncoderReranker(made(tmp_path / "two", outputs=2))
    with pytest.raises(UnusableReranker, match="give a cross-encoder's folder"):
        CrossEncoderReranker(str(tmp_path / "nothing"))
