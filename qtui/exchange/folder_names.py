"""What the study's folder names say: `calm2-7b-chat-gguf-q4km-hf_cmdr+` is model, quantization and judge in one.

The names were given by hand: the quantization is run together (`q4km`), joined by `-` or `_`, followed by `-hf` or not. A part
after the last underscore may be a judge or a part of the model's name; which one, only the neighbouring folders can tell.
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
    found = _QUANTIZED.match(folder)
    if not found:
        return VariantName(folder, FULL_PRECISION, quantized=False)
    rest = re.sub(r"[-_]hf$", "", found["rest"] or "", flags=re.IGNORECASE)
    return VariantName(found["model"], quantization(rest) if rest else "GGUF", quantized=True)


def quantization(written: str) -> str:
    """The type as llama.cpp names it: q4km → Q4_K_M, iq3xxs → IQ3_XXS, q80 → Q8_0. Unknown spellings in upper case."""
    text = written.lower().replace("-", "_")
    if found := _K_QUANT.match(text):
        return f"Q{found[1]}_K" + (f"_{found[2].upper()}" if found[2] else "")
    if found := _I_QUANT.match(text):
        return f"{found[1].upper()}{found[2]}_{found[3].upper()}"
    if found := _LEGACY.match(text):
        return f"Q{found[1]}_{found[2]}"
    if found := _FLOAT.match(text):
        return f"F{found[1]}"
    return written.upper()


def split_judge(folder: str) -> tuple[str, str] | None:
    """(folder without its last `_part`, that part), or None where there is no such part."""
    base, mark, part = folder.rpartition("_")
    return (base, part) if mark and base and part else None


def sounds_like_a_judge(part: str) -> bool:
    """Is this the name of a grader? Asked only where no neighbouring folder can tell."""
    return bool(_JUDGE.match(part))
