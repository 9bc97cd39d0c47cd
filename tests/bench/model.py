"""A Llama with random weights at a size of one's choice, and the work to time it on. The text is noise, the time is real."""

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui.engines.weights.weights import open_weights
from qtui.tasks import load_task_set
from tests.engines.tiny_llama import byte_level_llama

LAYERS = int(os.environ.get("QTUI_BENCH_LAYERS", "12"))
"""Of 11.5 million parameters each; with the vocabulary, 12 make 147 million."""
TASKS = int(os.environ.get("QTUI_BENCH_TASKS", "100"))
STUDY = Path(__file__).parents[3] / "shared" / "data" / "gpt4-autoeval" / "assets"
ANSWERS = "elyza/ELYZA-japanese-Llama-2-7b-instruct"
CONTEXT = 2048
_VOCABULARY = 4096

Work = list[tuple[str, int]]
"""Pairs of a prompt and the length of its answer in tokens."""


@dataclass(frozen=True)
class Made:
    folder: Path
    f16: Path
    q4_k_m: Path
    work: Work


def make(folder: Path) -> Made:
    import torch
    from transformers import AutoConfig, LlamaForCausalLM

    from qtui.engines.conversion import llama_folder
    from qtui.engines.quantizing import quantize

    texts = _texts()
    byte_level_llama(folder / "model", corpus="\n".join(map("\n".join, texts)), vocabulary=_VOCABULARY)
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
    made = Made(folder / "model", folder / "F16.gguf", folder / "Q4_K_M.gguf", _work(folder / "model", texts))
    llama_folder.convert(open_weights(made.folder), made.f16)
    quantize.quantize(made.f16, made.q4_k_m, "Q4_K_M")
    return made


def _work(folder: Path, texts: list[tuple[str, str]]) -> Work:
    """Every answer as long as the one that a real model gave, counted in tokens of this model."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    return [(asked, max(1, len(tokenizer.encode(answer, add_special_tokens=False)))) for asked, answer in texts[:TASKS]]


def _texts() -> list[tuple[str, str]]:
    """Prompts and answers: the study's where they are at hand, else the demo's tasks with answers of some such lengths."""
    tasks, answers = STUDY / "elyza_tasks_100" / "dataset.jsonl", STUDY / ANSWERS / "preds.jsonl"
    if tasks.is_file():
        return [(task["input_text"], row["pred"]) for task, row in zip(_rows(tasks), _rows(answers), strict=True)]
    prompts = [task.input for task in load_task_set("demo", base=None).tasks] * 2
    draw, said = random.Random(0), "".join(prompts)
    return [(asked, said[: min(1500, int(draw.lognormvariate(5.0, 0.9)))]) for asked in prompts]


def _rows(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
