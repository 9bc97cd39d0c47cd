"""Which files of a folder of the hub's form make the model: those that decide what it answers."""

from pathlib import Path

from qtui.errors import UserError

_SETTINGS = (
    "config.json",
    "generation_config.json",
    "quantize_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
"""Files that decide what a folder answers, beside the weights. A README or a training script does not."""


def model_files(folder: Path, *, has_own_code: bool) -> list[Path]:
    """All that decides what a folder answers, sorted by name. Raises UserError where there is nothing to run.

    `has_own_code`: the config names Python code of the model's own, so the code beside the weights counts.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json, so this is not a model folder")
    weights = tensor_files(folder)
    named = [folder / name for name in _SETTINGS if (folder / name).is_file()]
    index = sorted(folder.glob("*.index.json"))
    code = sorted(folder.glob("*.py")) if has_own_code else []
    return sorted({*named, *index, *weights, *code}, key=lambda file: file.name)


def tensor_files(folder: Path) -> list[Path]:
    """The tensors' files. Raises UserError where there are none."""
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    if not files:
        raise UserError(f"{folder}: no *.safetensors file; the download may be incomplete")
    return files
