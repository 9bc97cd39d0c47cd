"""Writes a Llama folder's tokenizer to a GGUF file: SentencePiece pieces with scores, or byte-level BPE with merges."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from qtui.engines.conversion.converter import NeedsConverterError
from qtui.engines.weights.json_file import read_json
from qtui.errors import UserError

# Token types of SentencePiece and of GGUF: the same numbers.
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = range(1, 7)

# Byte-level BPE first splits text by a pattern, and GGUF names patterns. Maps a part that occurs in only one pattern to its name.
_PATTERNS = {r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}": "llama-bpe"}


class _Token(NamedTuple):
    text: str
    score: float
    kind: int


def add_vocabulary(writer: Any, folder: Path, config: dict[str, Any]) -> None:
    """Add the tokenizer to a GGUF writer.

    Raises NeedsConverterError for kinds that qtui cannot write, UserError for damaged files.
    """
    settings = read_json(folder / "tokenizer.json")
    model = settings.get("model", {})
    if (folder / "tokenizer.model").is_file():
        tokens = _sentencepiece_tokens(folder / "tokenizer.model")
        _add_sentencepiece(writer, folder, tokens, config)
    elif model.get("type") == "BPE" and model.get("byte_fallback"):
        _add_sentencepiece(writer, folder, _merge_tokens(model), config)
    elif model.get("type") == "BPE" and "ByteLevel" in json.dumps(settings.get("pre_tokenizer")):
        _add_byte_level(writer, folder, settings, config)
    else:
        raise NeedsConverterError(
            f"{folder}: no SentencePiece (tokenizer.model) or byte-level BPE tokenizer; convert the model with llama.cpp's "
            "convert_hf_to_gguf.py and name the .gguf file as weights"
        )
    _add_special_ids(writer, folder, config)


def _sentencepiece_tokens(file: Path) -> list[_Token]:
    import sentencepiece

    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(file))
    except (RuntimeError, OSError) as error:
        raise UserError(f"{file}: not a SentencePiece model ({str(error).strip()}); download it again") from None
    return [
        _Token(model.id_to_piece(i), model.get_score(i), _sentencepiece_kind(model, i))
        for i in range(model.vocab_size())
    ]


def _sentencepiece_kind(model: Any, token: int) -> int:
    if model.is_unknown(token):
        return _UNKNOWN
    if model.is_control(token):
        return _CONTROL
    if model.is_unused(token):
        return _UNUSED
    return _BYTE if model.is_byte(token) else _NORMAL


def _merge_tokens(model: dict[str, Any]) -> list[_Token]:
    """Tokens with scores that are higher the earlier a merge is in the list: llama.cpp merges by score."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(model["merges"]):
        ranks.setdefault("".join(merge if isinstance(merge, list) else merge.split(" ", 1)), rank)
    by_id = sorted(model["vocab"].items(), key=lambda pair: pair[1])
    unknown = model.get("unk_token")
    return [
        _Token(text, -float(ranks.get(text, len(ranks))), _UNKNOWN if text == unknown else _kind_by_text(text))
        for text, _ in by_id
    ]


def _kind_by_text(text: str) -> int:
    return _BYTE if len(text) == 6 and text.startswith("<0x") and text.endswith(">") else _NORMAL


def _add_sentencepiece(writer: Any, folder: Path, tokens: list[_Token], config: dict[str, Any]) -> None:
    tokens = _with_added(tokens, folder, config)
    settings = read_json(folder / "tokenizer_config.json")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token.text for token in tokens])
    writer.add_token_scores([token.score for token in tokens])
    writer.add_token_types([token.kind for token in tokens])
    # transformers adds the space unless the settings forbid it; it ignores the SentencePiece model's setting.
    writer.add_add_space_prefix(settings.get("add_prefix_space") is not False)


def _add_byte_level(writer: Any, folder: Path, settings: dict[str, Any], config: dict[str, Any]) -> None:
    by_id = sorted(settings["model"]["vocab"].items(), key=lambda pair: pair[1])
    tokens = _with_added([_Token(text, 0.0, _NORMAL) for text, _ in by_id], folder, config)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_pattern_name(folder, settings))
    writer.add_token_list([token.text for token in tokens])
    writer.add_token_types([token.kind for token in tokens])
    merges = settings["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])


def _pattern_name(folder: Path, settings: dict[str, Any]) -> str:
    before = settings["pre_tokenizer"]
    if before == {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": before.get("trim_offsets"),
        "use_regex": True,
    }:
        return "gpt-2"
    patterns = [step.get("pattern", {}).get("Regex", "") for step in before.get("pretokenizers", [])]
    for part, name in _PATTERNS.items():
        if any(part in pattern for pattern in patterns):
            return name
    raise NeedsConverterError(
        f"{folder}: its byte-level BPE splits text by an unknown rule; convert the model with llama.cpp's "
        "convert_hf_to_gguf.py and name the .gguf file as weights"
    )


def _with_added(tokens: list[_Token], folder: Path, config: dict[str, Any]) -> list[_Token]:
    """The tokens with added tokens, and with unused ones up to the size of the embedding."""
    size = max(int(config["vocab_size"]), len(tokens))
    whole = tokens + [_Token(f"[PAD{i}]", -1000.0, _UNUSED) for i in range(len(tokens), size)]
    for number, text, special in _added(folder):
        if number >= size:
            raise UserError(f"{folder}: token {text!r} has number {number}, but the embedding has {size} rows")
        if whole[number].kind not in (_UNKNOWN, _CONTROL):
            whole[number] = _Token(text, -1000.0, _CONTROL if special else _USER_DEFINED)
    return whole


def _added(folder: Path) -> list[tuple[int, str, bool]]:
    """(id, text, is special) of added tokens, from all files that list them; later entries override earlier ones."""
    added = [(number, text, False) for text, number in read_json(folder / "added_tokens.json").items()]
    entries = read_json(folder / "tokenizer.json").get("added_tokens", [])
    added += [(entry["id"], entry["content"], bool(entry["special"])) for entry in entries]
    decoder = read_json(folder / "tokenizer_config.json").get("added_tokens_decoder", {})
    added += [(int(number), entry["content"], bool(entry.get("special"))) for number, entry in decoder.items()]
    return added


def _add_special_ids(writer: Any, folder: Path, config: dict[str, Any]) -> None:
    """Write the ids of config.json. GGUF has one end token, the first of several; llama.cpp recognizes others by their text."""
    generation = read_json(folder / "generation_config.json")
    for name, add in (
        ("bos_token_id", writer.add_bos_token_id),
        ("eos_token_id", writer.add_eos_token_id),
        ("pad_token_id", writer.add_pad_token_id),
    ):
        value = config.get(name, generation.get(name))
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, int) and value >= 0:
            add(value)
