"""Parsing of the study's folder names: `calm2-7b-chat-gguf-q4km-hf_cmdr+` contains model, quantization and judge.

The names were written by hand: the quantization is abbreviated (`q4km`), joined by `-` or `_`, with or without `-hf` after it. The
part after the last underscore may be a judge or belong to the model's name, which depends on the neighbouring folders.
"""

import re
from dataclasses import dataclass

FULL_PRECISION = "FP16"
_QUANTIZED = re.compile(r"^(?P<model>.+?)[-_]gguf(?:[-_](?P<rest>.+))?$", re.IGNORECASE)
_K_QUANT = re.compile(r"^q(\d)_?k(?:_?([sml]|xl))?$")
_I_QUANT = re.compile(r"^(iq|tq)(\d)_?(xxs|xs|s|m|nl|0)$")
_LEGACY = re.compile(r"^q(\d)_?([01])$")
_FLOAT = re.compile(r"^(?:fp|f)(16|32)$")
_JUDGE = re.compile(r"^(cmdr\+?|command-r.*|gpt-?[345].*|claude.*|gemini.*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VariantName:
    model: str
    variant: str
    quantized: bool


def variant_name(folder: str) -> VariantName:
    """`X-gguf-q4km-hf` → X, Q4_K_M; anything else is the model itself in FP16."""
    match = _QUANTIZED.match(folder)
    if not match:
        return VariantName(folder, FULL_PRECISION, quantized=False)
    rest = re.sub(r"[-_]hf$", "", match["rest"] or "", flags=re.IGNORECASE)
    return VariantName(match["model"], quantization(rest) if rest else "GGUF", quantized=True)


def quantization(written: str) -> str:
    """The type as llama.cpp spells it: q4km → Q4_K_M, iq3xxs → IQ3_XXS, q80 → Q8_0. Unknown spellings in upper case."""
    text = written.lower().replace("-", "_")
    if match := _K_QUANT.match(text):
        return f"Q{match[1]}_K" + (f"_{match[2].upper()}" if match[2] else "")
    if match := _I_QUANT.match(text):
        return f"{match[1].upper()}{match[2]}_{match[3].upper()}"
    if match := _LEGACY.match(text):
        return f"Q{match[1]}_{match[2]}"
    if match := _FLOAT.match(text):
        return f"F{match[1]}"
    return written.upper()


def split_judge(folder: str) -> tuple[str, str] | None:
    """(folder without its last `_part`, that part), or None if there is no such part."""
    base, mark, part = folder.rpartition("_")
    return (base, part) if mark and base and part else None


def is_judge_name(part: str) -> bool:
    """Whether this looks like the name of a judge; for folders whose neighbours do not decide it."""
    return bool(_JUDGE.match(part))
