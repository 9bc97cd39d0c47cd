"""Writing an experiment's TOML from a few fields: the dialog of a new run writes it, and the user may edit it."""

import json
from dataclasses import dataclass
from pathlib import Path

from qtui.files import named_path
from qtui.records import CONTROL_ARM, NOISE_FLOOR, PAIRWISE

TRANSFORMERS_PRECISIONS = ("fp16", "fp32", "bf16", "float16", "float32", "bfloat16")

YARDSTICKS = {CONTROL_ARM: "control", "control": "control", NOISE_FLOOR: "noise_floor"}
"""Text typed as a variant → key of the model's table."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields as typed. Empty ones get the defaults of the experiment's form."""

    name: str = ""
    tasks: str = "demo"
    model: str = ""
    weights: str = ""
    variants: str = "FP16, Q4_K_M"
    """Names separated by commas, the baseline first; `NAME=WEIGHTS` for one with other weights. `control arm` and
    `noise floor` among them set these keys of the model."""
    judge: str = "reference"
    """`reference`, `none`, or `MODEL` or `MODEL@BASE_URL` of an OpenAI-compatible endpoint; ` pairwise` after it compares."""
    max_tokens: str = "1024"


def to_toml(draft: Draft, folder: Path) -> str:
    """The experiment as TOML. Paths relative to `folder` are written as absolute ones."""
    model = draft.model or draft.weights or "model"
    parts = [part.strip() for part in draft.variants.split(",") if part.strip()]
    variants = [_variant(part, draft.weights or model, folder) for part in parts if part.casefold() not in YARDSTICKS]
    lines = [
        f"name = {_text(draft.name or Path(model).name)}",
        f"tasks = {_text(_absolute(draft.tasks, folder))}",
        "",
        "[sampling]",
        f"max_tokens = {draft.max_tokens.strip() or 1024}",
        "temperature = 0.0",
        "seed = 42",
        "",
        "[[models]]",
        f"name = {_text(Path(model).name)}",
    ]
    if variants:
        lines.append(f"baseline = {_text(variants[0][0])}")
    keys = (YARDSTICKS[part.casefold()] for part in parts if part.casefold() in YARDSTICKS)
    lines += [f"{key} = true" for key in dict.fromkeys(keys)]
    for name, engine, weights in variants:
        lines += [
            "",
            "  [[models.variants]]",
            f"  name = {_text(name)}",
            f'  engine = "{engine}"',
            f"  weights = {_text(weights)}",
        ]
    return "\n".join([*lines, *_judge(draft.judge.strip())]) + "\n"


def _variant(part: str, weights: str, folder: Path) -> tuple[str, str, str]:
    """(name, engine, weights) of `Q4_K_M` or `Q4_K_M=file.gguf`."""
    name, _, other_weights = (piece.strip() for piece in part.partition("="))
    weights = other_weights or weights
    is_checkpoint = name.casefold() in TRANSFORMERS_PRECISIONS and not weights.endswith(".gguf")
    return name, "transformers" if is_checkpoint else "llama.cpp", _absolute(weights, folder)


def _judge(judge: str) -> list[str]:
    if judge in ("", "none"):
        return []
    if judge == "reference":
        return ["", "[[judges]]", 'kind = "reference"']
    model, _, url = judge.removeprefix("openai:").removesuffix(PAIRWISE).partition("@")
    lines = ["", "[[judges]]", 'kind = "openai"', f"model = {_text(model.strip())}"]
    lines += [f"base_url = {_text(url.strip())}"] if url else []
    return [*lines, "pairwise = true"] if judge.endswith(PAIRWISE) else lines


def _absolute(name: str, folder: Path) -> str:
    """An absolute path if there is a file or folder of that name, else the name unchanged (a catalog name, a hub id)."""
    path = folder / named_path.expanded(name)
    return str(path) if name and name != "demo" and path.exists() else name


def _text(value: str) -> str:
    # JSON's strings are TOML's basic strings, except for DEL, which must be escaped in TOML.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
