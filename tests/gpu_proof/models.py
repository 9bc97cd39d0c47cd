"""The models of the proof: the demo's, and one of 7 billion random weights whose text is noise and whose time is
real."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui import paths
from qtui.engines.weights.weights import open_weights
from qtui.tasks import load_task_set

PROMPT_TOKENS = 100
VOCABULARY = 4096


@dataclass(frozen=True)
class Size:
    hidden: int
    feed_forward: int
    layers: int
    heads: int
    kv_heads: int


BILLIONS_7 = Size(4096, 14336, 32, 32, 8)
REHEARSAL = Size(256, 512, 2, 4, 2)


def make(folder: Path, size: Size, device: str) -> dict[str, Any]:
    """A Llama in half precision with a byte-level tokenizer. Returns facts."""
    import torch
    from transformers import AutoConfig, LlamaForCausalLM

    from tests.engines.tiny_llama import byte_level_llama

    texts = "\n".join(task.input for task in load_task_set("demo", base=None).tasks)
    byte_level_llama(folder, corpus=texts, vocabulary=VOCABULARY)
    config: Any = AutoConfig.from_pretrained(folder)
    config.update(
        {
            "hidden_size": size.hidden,
            "intermediate_size": size.feed_forward,
            "num_hidden_layers": size.layers,
            "num_attention_heads": size.heads,
            "num_key_value_heads": size.kv_heads,
            "head_dim": size.hidden // size.heads,
            "max_position_embeddings": 8192,
        }
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float16)
    with torch.device(device):
        model: Any = LlamaForCausalLM(config)
    # Logit 0 is never the largest of so many: an answer ends at its limit, on every side of a comparison.
    model.lm_head.weight.data[config.eos_token_id] = 0
    (folder / "model.safetensors").unlink()  # of the tokenizer's small model; it would be taken for the weights
    model.save_pretrained(folder, max_shard_size="4GB")
    return {"parameters": sum(tensor.numel() for tensor in model.parameters())}


def demo_requests(count: int | None = None, max_tokens: int = 48) -> list[Any]:
    """The demo's tasks as its chat template asks them."""
    from qtui.engines.prompts import rendering
    from qtui.engines.protocol.answering import Request
    from qtui.records import Sampling

    tasks = load_task_set("demo", base=None).tasks[:count]
    rendered = rendering.render((task.input for task in tasks), open_weights(paths.demo_model()).prompt_format)
    return [Request(i, asked, Sampling(max_tokens=max_tokens)) for i, asked in enumerate(rendered)]


def noise_requests(count: int, limits: list[int]) -> list[Any]:
    """Prompts of about 100 tokens; answers as long as `limits`, in turns."""
    from qtui.engines.protocol.answering import Prompt, Request
    from qtui.records import Sampling

    text = "".join(task.input for task in load_task_set("demo", base=None).tasks) * 4
    return [
        Request(i, Prompt(text[i * 37 : i * 37 + 150], False), Sampling(max_tokens=limits[i % len(limits)]))
        for i in range(count)
    ]
