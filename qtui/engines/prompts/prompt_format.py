"""How a model wants to be asked, read from its own files: chat template, special tokens, whether a BOS goes first.

Read without an engine and without the tokenizer itself, for a folder of the hub's form and for a GGUF file alike, so that
one decision holds for every engine that runs the model.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qtui.engines.weights import gguf_file
from qtui.errors import UserError

# Tokenizer classes that put a BOS first unless told otherwise.
_ADD_BOS_BY_DEFAULT = ("LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "MistralCommonTokenizer")
_LLAMA = ("LlamaTokenizer", "CodeLlamaTokenizer")
NormalForm = Literal["", "NFC", "NFD", "NFKC", "NFKD"]
_NORMAL_FORMS: tuple[NormalForm, ...] = ("NFC", "NFD", "NFKC", "NFKD")
_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")


@dataclass(frozen=True, slots=True)
class PromptFormat:
    source: str
    """What it was read from, for messages."""
    template: str | None = None
    bos_token: str = ""
    eos_token: str = ""
    unk_token: str = ""
    pad_token: str = ""
    adds_bos: bool = False
    """The tokenizer puts a BOS before a text by itself."""
    space_after_special: bool = True
    """See `Prompt.space_after_special`."""
    normal_form: NormalForm = ""
    """The Unicode form, such as NFC, that the tokenizer brings a text into first; llama.cpp does not, so prompts come in it."""


def read(weights: Path) -> PromptFormat:
    """Raises UserError where files are damaged. A folder without tokenizer files gives a format with nothing in it."""
    return _of_folder(weights) if weights.is_dir() else _of_gguf(weights)


def is_sentencepiece_llama(folder: Path) -> bool:
    """Whether its tokenizer says that it is the Llama family's, and is no byte-level one under that name."""
    before = json.dumps(read_json(folder / "tokenizer.json").get("pre_tokenizer"))
    return _is_family(read_json(folder / "tokenizer_config.json"), _LLAMA) and '"ByteLevel"' not in before


def _of_gguf(path: Path) -> PromptFormat:
    header = gguf_file.read_header(path)
    ids = {name: header.values.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "unknown", "padding")}
    return PromptFormat(
        source=path.name,
        template=header.chat_template,
        bos_token=header.token_text(header.bos_id),
        eos_token=header.token_text(ids["eos"]),
        unk_token=header.token_text(ids["unknown"]),
        pad_token=header.token_text(ids["padding"]),
        adds_bos=header.adds_bos,
    )


def _of_folder(folder: Path) -> PromptFormat:
    settings = read_json(folder / "tokenizer_config.json")
    special = _special_tokens(folder, settings)
    return PromptFormat(
        source=folder.name,
        template=_template(folder, settings),
        adds_bos=bool(special["bos_token"]) and _adds_bos(folder, settings, special["bos_token"]),
        space_after_special=_space_after_special(folder, settings),
        normal_form=_normal_form(folder),
        **special,
    )


def _special_tokens(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    named = read_json(folder / "special_tokens_map.json")
    found = {name: _token_text(settings.get(name)) or _token_text(named.get(name)) for name in _SPECIAL}
    if _is_family(settings, _LLAMA):
        for name, default in (("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")):
            found[name] = found[name] or default
    return found


def _token_text(value: Any) -> str:
    """A special token is written as its text or, in older files, as an object with `content`."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _template(folder: Path, settings: dict[str, Any]) -> str | None:
    """In the order in which transformers looks: a file of its own, then the tokenizer's settings."""
    alone = folder / "chat_template.jinja"
    if alone.is_file():
        return alone.read_text(encoding="utf-8")
    found = read_json(folder / "chat_template.json").get("chat_template") or settings.get("chat_template")
    if isinstance(found, list):
        named = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
        found = named.get("default") or next(iter(named.values()), None)
    return found if isinstance(found, str) and found.strip() else None


def _adds_bos(folder: Path, settings: dict[str, Any], bos: str) -> bool:
    said = settings.get("add_bos_token")
    if isinstance(said, bool):
        return said
    after = read_json(folder / "tokenizer.json").get("post_processor")
    if after is not None:
        return f'"{bos}"' in json.dumps(_single(after), ensure_ascii=False)
    return _is_family(settings, _ADD_BOS_BY_DEFAULT)


def _single(processor: dict[str, Any]) -> Any:
    """What a post-processor of tokenizer.json does to a text that stands alone."""
    if processor.get("type") == "Sequence":
        return [_single(step) for step in processor.get("processors", [])]
    return processor.get("single", "")


def _space_after_special(folder: Path, settings: dict[str, Any]) -> bool:
    if _is_family(settings, _LLAMA):
        return bool(settings.get("legacy", False))
    before = json.dumps(read_json(folder / "tokenizer.json").get("pre_tokenizer"))
    return '"prepend_scheme": "first"' not in before


def _normal_form(folder: Path) -> NormalForm:
    step = json.dumps(read_json(folder / "tokenizer.json").get("normalizer"))
    return next((form for form in _NORMAL_FORMS if f'"type": "{form}"' in step), "")


def _is_family(settings: dict[str, Any], names: tuple[str, ...]) -> bool:
    return str(settings.get("tokenizer_class", "")).removesuffix("Fast") in names


def read_json(file: Path) -> dict[str, Any]:
    """The object in one of a model's files, empty where there is no such file. Raises UserError where it is damaged."""
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({error}); fetch the model again") from None
    return found if isinstance(found, dict) else {}
