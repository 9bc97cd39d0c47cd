"""How a model is prompted, read from its own files: chat template, special tokens, end tokens, whether a BOS goes first.

Read without an engine and without the tokenizer itself, for a folder of the hub's form and for a GGUF file alike, so that
one decision holds for every engine that runs the model.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qtui.engines.weights import end_token_texts
from qtui.engines.weights.gguf_file import GgufHeader
from qtui.engines.weights.json_file import read_json

# Tokenizer classes that put a BOS first unless told otherwise.
_ADD_BOS_BY_DEFAULT = ("LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "MistralCommonTokenizer")
_LLAMA = ("LlamaTokenizer", "CodeLlamaTokenizer")
NormalForm = Literal["", "NFC", "NFD", "NFKC", "NFKD"]
_NORMAL_FORMS: tuple[NormalForm, ...] = ("NFC", "NFD", "NFKC", "NFKD")
_FIRST_ONLY = '"prepend_scheme": "first"'
"""In tokenizer.json, of a tokenizer that puts its space before the beginning of a text alone."""
_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How a prompt for a model is written, and which tokens end its answers."""

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
    end_token_texts: tuple[str, ...] = ()
    """Texts of the tokens that end an answer, sorted; none where the files name none."""
    is_sentencepiece_llama: bool = False
    """Whether a folder's tokenizer says that it is the Llama family's, and is no byte-level one under that name."""


def of_gguf(header: GgufHeader) -> PromptFormat:
    """What the header of a GGUF file says."""
    ids = {name: header.values.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "unknown", "padding")}
    return PromptFormat(
        source=header.path.name,
        template=header.chat_template,
        bos_token=header.token_text(header.bos_id),
        eos_token=header.token_text(ids["eos"]),
        unk_token=header.token_text(ids["unknown"]),
        pad_token=header.token_text(ids["padding"]),
        adds_bos=header.adds_bos,
        end_token_texts=end_token_texts.of_gguf(header),
    )


def of_folder(folder: Path, config: dict[str, Any]) -> PromptFormat:
    """What a folder of the hub's form says; `config` is its config.json.

    Raises UserError where files are damaged. A folder without tokenizer files gives a format with nothing in it.
    """
    settings, tokenizer = read_json(folder / "tokenizer_config.json"), read_json(folder / "tokenizer.json")
    special = _special_tokens(folder, settings)
    before = json.dumps(tokenizer.get("pre_tokenizer"))
    is_llama = _is_family(settings, _LLAMA)
    return PromptFormat(
        source=folder.name,
        template=_template(folder, settings),
        adds_bos=bool(special["bos_token"]) and _adds_bos(settings, tokenizer, special["bos_token"]),
        space_after_special=bool(settings.get("legacy", False)) if is_llama else _FIRST_ONLY not in before,
        normal_form=_normal_form(tokenizer),
        end_token_texts=end_token_texts.of_folder(folder, config, settings, tokenizer, special["eos_token"]),
        is_sentencepiece_llama=is_llama and '"ByteLevel"' not in before,
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


def _adds_bos(settings: dict[str, Any], tokenizer: dict[str, Any], bos: str) -> bool:
    setting = settings.get("add_bos_token")
    if isinstance(setting, bool):
        return setting
    after = tokenizer.get("post_processor")
    if after is not None:
        return f'"{bos}"' in json.dumps(_single(after), ensure_ascii=False)
    return _is_family(settings, _ADD_BOS_BY_DEFAULT)


def _single(processor: dict[str, Any]) -> Any:
    """What a post-processor of tokenizer.json does to a text that stands alone."""
    if processor.get("type") == "Sequence":
        return [_single(step) for step in processor.get("processors", [])]
    return processor.get("single", "")


def _normal_form(tokenizer: dict[str, Any]) -> NormalForm:
    step = json.dumps(tokenizer.get("normalizer"))
    return next((form for form in _NORMAL_FORMS if f'"type": "{form}"' in step), "")


def _is_family(settings: dict[str, Any], names: tuple[str, ...]) -> bool:
    return str(settings.get("tokenizer_class", "")).removesuffix("Fast") in names
