"""A tiny Llama that writes in OpenAI's harmony format, as gpt-oss does: its thoughts on one channel, its answer on another.

It is taught to write one text after any of a few prompts. The same special token is followed by different words there, so that a
chain of tokens, as in `thinking_llama`, would not do.
"""

import json
from pathlib import Path
from typing import Any

from tests.engines.thinking_llama import save_tokenizer

START, CHANNEL, MESSAGE, END, RETURN, CALL = (
    "<|start|>",
    "<|channel|>",
    "<|message|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
)
THOUGHT = "朝の市場では"
ANSWER = "富士山です。"
TEMPLATE = (
    f"{START}system{MESSAGE}Reasoning: " + "{{ reasoning_effort|default('medium') }}" + END
    + "{%- for message in messages %}" + START + "{{ message['role'] }}" + MESSAGE + "{{ message['content'] }}" + END
    + "{%- endfor %}" + f"{START}assistant"
)  # fmt: skip
WHOLE = f"{CHANNEL}analysis{MESSAGE}{THOUGHT}{END}{START}assistant{CHANNEL}final{MESSAGE}{ANSWER}"
TASKS = ("山は？", "一番高い山は？")
STEPS = 60
NO_LABEL = -100


def harmony_llama(folder: Path) -> Path:
    """A folder whose model writes `WHOLE` and `<|return|>` for `TASKS`, whatever the effort."""
    specials = [START, CHANNEL, MESSAGE, END, RETURN, CALL]
    words = dict.fromkeys(("system", "user", "assistant", "analysis", "final", THOUGHT, ANSWER), False)
    tokenizer = save_tokenizer(folder, TEMPLATE, specials, words, end=RETURN)
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": task}], tokenize=False, reasoning_effort=effort, add_generation_prompt=True
        )
        for task in TASKS
        for effort in ("low", "medium", "high")
    ]
    whole = tokenizer(WHOLE + RETURN, add_special_tokens=False)["input_ids"]
    prompts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    _write_model(
        folder, len(tokenizer), [(prompt, whole) for prompt in prompts], tokenizer.convert_tokens_to_ids(RETURN)
    )
    return folder


def _write_model(folder: Path, vocab: int, examples: list[tuple[list[int], list[int]]], end: int) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        eos_token_id=end,
        bos_token_id=None,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model: Any = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    longest = max(len(prompt) + len(whole) for prompt, whole in examples)
    rows = [(prompt + whole, [NO_LABEL] * len(prompt) + whole) for prompt, whole in examples]
    ids = torch.tensor([ids + [end] * (longest - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [NO_LABEL] * (longest - len(labels)) for _, labels in rows])
    for _ in range(STEPS):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05, "the model has not learned its text"
    model.to(torch.float16).save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": end}), encoding="utf-8")
