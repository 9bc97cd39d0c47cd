"""A tiny Llama that really thinks: after each token it writes a given next one, so its text is known on every engine.

Its layers add nothing, and a row of its last matrix is the embedding of the token before: a chain of tokens. Its template is that
of Qwen3 in small: it opens no thought by default, and an empty one where it is told not to think.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.engines.tiny_llama import CORPUS

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|eot|>"
OPENING, CLOSING = "<think>", "</think>"
THOUGHT = "朝の市場では"
ANSWER = "富士山です。"
TEMPLATE = (
    "{%- for message in messages %}" + USER + "{{ message['content'] }}{% endfor %}"
    "{%- if date is defined %}{{ date }}{% endif %}"
    + ASSISTANT
    + "{%- if enable_thinking is defined and not enable_thinking %}"
    f"{OPENING}{CLOSING}" + "{%- endif %}"
)
"""After the assistant's token comes a thought; after the closing tag comes the answer."""


def thinking_llama(folder: Path, *, are_tags_special: bool = False, template: str = TEMPLATE) -> Path:
    """A folder whose model writes `<think>THOUGHT</think>ANSWER`. In many models the tags are special tokens, in others not."""
    tags = dict.fromkeys((OPENING, CLOSING), are_tags_special)
    words = {THOUGHT: False, ANSWER: False, **tags}
    tokenizer = save_tokenizer(folder, template, ("<s>", "</s>", USER, ASSISTANT, END), words, end=END)
    chain = [ASSISTANT, OPENING, THOUGHT, CLOSING, ANSWER, END]
    _write_model(folder, len(tokenizer), _next_tokens(tokenizer, chain), tokenizer.convert_tokens_to_ids(END))
    return folder


def save_tokenizer(folder: Path, template: str, specials: Sequence[str], words: Mapping[str, bool], *, end: str) -> Any:
    """Write a byte-level tokenizer in which each of these texts is one token, and return it. `words`: text → is it special."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS.splitlines(), trainer)
    for text, is_special in words.items():
        token = AddedToken(text, special=is_special, normalized=False)
        (bpe.add_special_tokens if is_special else bpe.add_tokens)([token])
    made: Any = PreTrainedTokenizerFast
    tokenizer = made(tokenizer_object=bpe, eos_token=end, chat_template=template)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _next_tokens(tokenizer: Any, chain: Sequence[str]) -> dict[int, int]:
    ids = [tokenizer.convert_tokens_to_ids(text) for text in chain]
    return dict(pairwise(ids))


def _write_model(folder: Path, vocab: int, following: dict[int, int], end: int) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=256,
        intermediate_size=256,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        eos_token_id=end,
        bos_token_id=0,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model: Any = LlamaForCausalLM(config)
    with torch.no_grad():
        embeddings = torch.randn(vocab, 256)
        model.model.embed_tokens.weight.copy_(embeddings)
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        rows = torch.zeros(vocab, 256)
        for token in range(vocab):
            rows[following.get(token, end)] += embeddings[token]
        model.lm_head.weight.copy_(rows)
    model.to(torch.float16).save_pretrained(folder)
    settings = folder / "generation_config.json"
    settings.write_text(json.dumps({"eos_token_id": end}), encoding="utf-8")
