"""Writes a tiny chat model with random weights, for tests of the protocol: what it says is noise.

    .venv-engine/bin/python scripts/make_test_model.py OUT

Qwen2 with 4 layers of 256 (5 M parameters, 11 MB), a byte-level BPE tokenizer trained on Python's own standard
library, and a chat template. Nothing is downloaded; the same seed gives the same weights. The context is 2,048.
"""

import sys
import sysconfig
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

VOCABULARY = 8192
CONTEXT = 2048
TRAINING_FILES = 150
START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    f"{START}{{{{ message['role'] }}}}\n{{{{ message['content'] }}}}{END}\n"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{START}assistant\n{{% endif %}}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level, so that any text has tokens and every token has bytes."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:TRAINING_FILES]
    bpe.train([str(path) for path in library], trainer)
    whole = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    whole.chat_template = CHAT_TEMPLATE
    return whole


def model(vocabulary: int, *, end: int, pad: int) -> Qwen2ForCausalLM:
    """Random weights in bfloat16; small enough to start in seconds on a CPU."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )
    network = Qwen2ForCausalLM(config).to(torch.bfloat16).eval()
    network.generation_config.eos_token_id = end
    network.generation_config.pad_token_id = pad
    return network


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    words = tokenizer()
    words.save_pretrained(out)
    model(len(words), end=words.eos_token_id, pad=words.pad_token_id).save_pretrained(out)
    print(out)


if __name__ == "__main__":
    main()
