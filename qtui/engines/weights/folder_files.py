"""The files of a Hugging Face folder that decide what the model answers."""

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
"""Files beside the weights that decide what a model answers. READMEs and training scripts do not."""


def model_files(folder: Path, *, has_remote_code: bool) -> list[Path]:
    """Return the files that decide what a model answers, sorted by name. Raises UserError if there is no model.

    `has_remote_code`: the config names Python code in the folder, so the code is included.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json, so this is not a model folder")
    weights = tensor_files(folder)
    named = [folder / name for name in _SETTINGS if (folder / name).is_file()]
    index = sorted(folder.glob("*.index.json"))
    code = sorted(folder.glob("*.py")) if has_remote_code else []
    return sorted({*named, *index, *weights, *code}, key=lambda file: file.name)


def tensor_files(folder: Path) -> list[Path]:
    """Return the files with the tensors. Raises UserError if there are none."""
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    if not files:
        raise UserError(f"{folder}: no *.safetensors file; the download may be incomplete")
    return files
