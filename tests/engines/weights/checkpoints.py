"""Checkpoints as headers alone: config.json and safetensors files whose tensors are zeros, made in milliseconds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E8M0": 1, "U8": 1, "I8": 1, "I32": 4, "I64": 8}
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 8,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}
Tensors = Mapping[str, str]
"""Types by name; every shape is (4, 4)."""


def safetensors(file: Path, tensors: Tensors) -> Path:
    header, place = {}, 0
    for name, dtype in tensors.items():
        end = place + 16 * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": [4, 4], "data_offsets": [place, end]}
        place = end
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(place))
    return file


def checkpoint(folder: Path, files: Mapping[str, Tensors], *, index: str = "", **config: Any) -> Path:
    """A folder with these safetensors files; `index` is the name of an index that names all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | config))
    for name, tensors in files.items():
        safetensors(folder / name, tensors)
    if index:
        weight_map = {tensor: name for name, tensors in files.items() for tensor in tensors}
        (folder / index).write_text(json.dumps({"weight_map": weight_map}))
    return folder
