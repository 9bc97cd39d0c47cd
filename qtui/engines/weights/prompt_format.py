"""The prompt format of a model, read from its files: chat template, special tokens, end tokens, BOS.

It is read without an engine and without the tokenizer, from Hugging Face folders and GGUF files alike, so that every engine that
runs the model uses the same format.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qtui.engines.weights import end_token_texts, file_faults, special_tokens
from qtui.engines.weights.gguf_file import GgufHeader
from qtui.engines.weights.json_file import read_json
from qtui.engines.weights.sentencepiece_file import SentencepieceFile, read_sentencepiece_file
from qtui.errors import UserError

# Tokenizer classes that add a BOS by default.
_ADD_BOS_BY_DEFAULT = ("LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "MistralCommonTokenizer")
_LLAMA = ("LlamaTokenizer", "CodeLlamaTokenizer")
NormalForm = Literal["", "NFC", "NFD", "NFKC", "NFKD"]
_NORMAL_FORMS: tuple[NormalForm, ...] = ("NFC", "NFD", "NFKC", "NFKD")
_FIRST_ONLY = '"prepend_scheme": "first"'
"""In tokenizer.json: the tokenizer adds a space only at the beginning of a text."""

_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How prompts for a model are written, and which tokens end its answers."""

    source: str
    """The name of the file or folder, for messages."""
    template: str | None = None
    bos_token: str = ""
    eos_token: str = ""
    unk_token: str = ""
    pad_token: str = ""
    adds_bos: bool = False
    """Whether the tokenizer adds a BOS."""
    space_after_special: bool = True
    """See `Prompt.space_after_special`."""
    normal_form: NormalForm = ""
    """The tokenizer's Unicode normal form, such as NFC. llama.cpp does not normalize, so prompts are normalized when rendered."""
    end_token_texts: tuple[str, ...] = ()
    """Texts of the tokens that end an answer, sorted; empty if the files name none."""
    marker_texts: tuple[str, ...] = ()
    """Special tokens of a folder's tokenizer that are text in an answer; see `special_tokens`."""
    is_unigram: bool = False
    """Whether a folder's tokenizer splits a text into its likeliest pieces (SentencePiece's unigram model), and not by merges."""
    has_tokenizer_json: bool = False
    """Whether a folder has tokenizer.json, which then is its tokenizer."""
    named_end_tokens: tuple[str, ...] = ()
    """Texts of the end tokens that the files name themselves, without those that are only in the vocabulary."""
    model_name: str = ""
    """The model's name in a GGUF file's metadata, with the kind of its training; empty for a folder."""
    is_sentencepiece_llama: bool = False
    """Whether a folder's tokenizer is of the Llama family and not a byte-level one under that name."""


def read_gguf(header: GgufHeader) -> PromptFormat:
    """Return the prompt format of a GGUF file."""
    ids = {name: header.whole_number(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "unknown", "padding")}
    named = (header.values.get(f"general.{name}") for name in ("name", "finetune"))
    return PromptFormat(
        source=header.path.name,
        template=header.chat_template,
        bos_token=header.token_text(header.bos_id),
        eos_token=header.token_text(ids["eos"]),
        unk_token=header.token_text(ids["unknown"]),
        pad_token=header.token_text(ids["padding"]),
        adds_bos=header.adds_bos,
        end_token_texts=end_token_texts.end_texts_of_gguf(header),
        named_end_tokens=(header.token_text(ids["eos"]),),
        model_name=" ".join(name for name in named if isinstance(name, str)),
    )


def read_folder(folder: Path, config: dict[str, Any]) -> PromptFormat:
    """Return the prompt format of a Hugging Face folder; `config` is its config.json.

    Raises UserError if files are damaged. Without tokenizer files the format is empty.
    """
    settings, tokenizer = read_json(folder / "tokenizer_config.json"), read_json(folder / "tokenizer.json")
    special = _special_tokens(folder, settings)
    before = json.dumps(tokenizer.get("pre_tokenizer"))
    is_llama = _is_family(settings, _LLAMA)
    pieces = read_sentencepiece_file(folder)
    if pieces and not tokenizer:
        pieces.check()
    ends = end_token_texts.end_texts_of_folder(
        folder, config, settings, tokenizer, pieces, eos_token=special["eos_token"]
    )
    return PromptFormat(
        source=folder.name,
        template=_template(folder, settings),
        adds_bos=bool(special["bos_token"]) and _adds_bos(settings, tokenizer, special["bos_token"]),
        space_after_special=bool(settings.get("legacy", False)) if is_llama else _FIRST_ONLY not in before,
        normal_form=_normal_form(tokenizer),
        marker_texts=special_tokens.markers_among(_added_tokens(settings, tokenizer)),
        is_unigram=_is_unigram(pieces, tokenizer),
        has_tokenizer_json=bool(tokenizer),
        end_token_texts=ends,
        named_end_tokens=ends,
        is_sentencepiece_llama=is_llama and '"ByteLevel"' not in before,
        **special,
    )


def _is_unigram(pieces: SentencepieceFile | None, tokenizer: dict[str, Any]) -> bool:
    if tokenizer:
        return bool((tokenizer.get("model") or {}).get("type") == "Unigram")
    return pieces is not None and pieces.is_unigram()


def _added_tokens(settings: dict[str, Any], tokenizer: dict[str, Any]) -> set[str]:
    entries = [*(tokenizer.get("added_tokens") or ()), *(settings.get("added_tokens_decoder") or {}).values()]
    return {_token_text(entry) for entry in entries}


def _special_tokens(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    named = read_json(folder / "special_tokens_map.json")
    tokens = {name: _token_text(settings.get(name)) or _token_text(named.get(name)) for name in _SPECIAL}
    if _is_family(settings, _LLAMA):
        for name, default in (("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")):
            tokens[name] = tokens[name] or default
    return tokens


def _token_text(value: Any) -> str:
    """A special token is written as its text or, in older files, as an object with `content`."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _template(folder: Path, settings: dict[str, Any]) -> str | None:
    """The chat template, from the files in the order of transformers: template files, then the tokenizer's settings."""
    alone = folder / "chat_template.jinja"
    file_faults.check_link(alone)
    if alone.is_file():
        try:
            return alone.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{alone}: cannot be read ({error}); download the model again") from None
    template = read_json(folder / "chat_template.json").get("chat_template") or settings.get("chat_template")
    if isinstance(template, list):
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default") or next(iter(named.values()), None)
    return template if isinstance(template, str) and template.strip() else None


def _adds_bos(settings: dict[str, Any], tokenizer: dict[str, Any], bos: str) -> bool:
    setting = settings.get("add_bos_token")
    if isinstance(setting, bool):
        return setting
    after = tokenizer.get("post_processor")
    if after is not None:
        return f'"{bos}"' in json.dumps(_single(after), ensure_ascii=False)
    return _is_family(settings, _ADD_BOS_BY_DEFAULT)


def _single(processor: dict[str, Any]) -> Any:
    """What a post-processor of tokenizer.json does to a single text (not a pair)."""
    if processor.get("type") == "Sequence":
        return [_single(step) for step in processor.get("processors", [])]
    return processor.get("single", "")


def _normal_form(tokenizer: dict[str, Any]) -> NormalForm:
    step = json.dumps(tokenizer.get("normalizer"))
    return next((form for form in _NORMAL_FORMS if f'"type": "{form}"' in step), "")


def _is_family(settings: dict[str, Any], names: tuple[str, ...]) -> bool:
    return str(settings.get("tokenizer_class", "")).removesuffix("Fast") in names
