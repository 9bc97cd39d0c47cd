"""A Llama with random weights at a size of one's choice, and the work to time it on. The text is noise, the time is real."""

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui.tasks import load_task_set
from tests.engines.tiny_llama import byte_level_llama

LAYERS = int(os.environ.get("QTUI_BENCH_LAYERS", "12"))
"""Of 12.2 million parameters each: 12 make 146 million."""
SHARE = float(os.environ.get("QTUI_BENCH_SHARE", "0.25"))
"""Of the study's answer lengths: whole ones take an hour on two cores."""
STUDY = Path(__file__).parents[3] / "shared" / "data" / "gpt4-autoeval" / "assets"
CONTEXT = 2048


@dataclass(frozen=True)
class Made:
    folder: Path
    f16: Path
    q4_k_m: Path


def make(folder: Path) -> Made:
    import torch
    from transformers import AutoConfig, LlamaForCausalLM

    from qtui.engines import llama_folder, quantize

    byte_level_llama(folder / "model")
    config: Any = AutoConfig.from_pretrained(folder / "model")
    config.update(
        {
            "hidden_size": 1024,
            "intermediate_size": 2816,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 64,
            "max_position_embeddings": CONTEXT,
        }
    )
    torch.manual_seed(0)
    model: Any = LlamaForCausalLM(config)
    # Logit 0 is never the largest of so many: an answer ends at its limit, on every side of a comparison.
    model.lm_head.weight.data[config.eos_token_id] = 0
    model.half().save_pretrained(folder / "model")
    made = Made(folder / "model", folder / "F16.gguf", folder / "Q4_K_M.gguf")
    llama_folder.convert(made.folder, made.f16)
    quantize.quantize(made.f16, made.q4_k_m, "Q4_K_M")
    return made


def work() -> list[tuple[str, int]]:
    """Pairs of prompt and answer length in tokens: the study's tasks and lengths where they are at hand, else some like them."""
    tasks, answers = STUDY / "elyza_tasks_100" / "dataset.jsonl", STUDY / "elyza" / "ELYZA-japanese-Llama-2-7b-instruct"
    if tasks.is_file():
        prompts = [row["input_text"] for row in _rows(tasks)]
        lengths = [len(row["pred"]) for row in _rows(answers / "preds.jsonl")]
    else:
        prompts = [task.input for task in load_task_set("demo", base=None).tasks] * 2
        draw = random.Random(0)
        lengths = [min(1500, int(draw.lognormvariate(5.2, 0.9))) for _ in prompts]
    return [(text[:400], max(1, int(length * SHARE))) for text, length in zip(prompts, lengths, strict=True)]


def _rows(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
