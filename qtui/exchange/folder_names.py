"""Parsing of the study's folder names: `calm2-7b-chat-gguf-q4km-hf-elyza_cmdr+` has model, quantization, prompt and judge.

The names were written by hand: the quantization is abbreviated (`q4km`), joined by `-` or `_`, with or without `-hf` after it. What
follows is a note on the prompt (`-elyza`: asked in ELYZA's format). The part after the last underscore, or `-gpt3.5` after a
hyphen, may be a judge or belong to the model's name, which depends on the neighbouring folders.
"""

import re
from dataclasses import dataclass

FULL_PRECISION = "FP16"
_QUANTIZED = re.compile(r"^(?P<model>.+?)[-_.]gguf(?:[-_.](?P<rest>.+))?$", re.IGNORECASE)
_TYPE = re.compile(
    r"^(?:(?P<dynamic>ud)[-_]?)?(?:"
    r"q(?P<k>\d)[-_]?k(?:[-_]?(?P<k_size>xxs|xs|s|m|l|xxl|xl))?"
    r"|(?P<i>iq|tq)(?P<i_bits>\d)[-_]?(?P<i_size>xxs|xs|s|m|nl|0)"
    r"|q(?P<legacy>\d)[-_]?(?P<legacy_kind>[01])(?P<repacked>(?:[-_]\d){2})?"
    r"|(?P<brain>b)?fp?(?P<float>16|32)"
    r"|mxfp4(?P<moe>[-_]?moe)?"
    r")(?:[-_.](?P<note>.+))?$",
    re.IGNORECASE,
)
_JUDGE = re.compile(r"^(cmdr\+?|command-r.*|gpt-?[345].*|claude.*|gemini.*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VariantName:
    model: str
    precision: str
    quantized: bool
    note: str = ""
    """What follows the quantization in the folder's name: the prompt that the answers were asked with."""

    @property
    def variant(self) -> str:
        """`Q4_K_M`, `Q4_K_M (elyza)`: two folders with other prompts are two variants."""
        return f"{self.precision} ({self.note})" if self.note else self.precision


def variant_name(folder: str) -> VariantName:
    """`X-gguf-q4km-hf-elyza` → X, Q4_K_M with the note elyza; anything else is the model itself in FP16."""
    match = _QUANTIZED.match(folder)
    if not match:
        return VariantName(folder, FULL_PRECISION, quantized=False)
    rest = match["rest"] or ""
    found = _TYPE.match(rest)
    if found:
        return VariantName(match["model"], _spelled(found), quantized=True, note=_without_hf(found["note"] or ""))
    rest = _without_hf(rest)
    return VariantName(match["model"], quantization(rest) if rest else "GGUF", quantized=True)


def quantization(written: str) -> str:
    """The type as llama.cpp spells it: q4km → Q4_K_M, iq3xxs → IQ3_XXS, q80 → Q8_0. Unknown spellings in upper case."""
    found = _TYPE.match(written)
    return _spelled(found) if found and not found["note"] else written.upper()


def _spelled(found: "re.Match[str]") -> str:
    name = "MXFP4"
    if found["k"]:
        name = f"Q{found['k']}_K" + (f"_{found['k_size']}" if found["k_size"] else "")
    elif found["i"]:
        name = f"{found['i']}{found['i_bits']}_{found['i_size']}"
    elif found["legacy"]:
        name = f"Q{found['legacy']}_{found['legacy_kind']}" + (found["repacked"] or "").replace("-", "_")
    elif found["float"]:
        name = f"{found['brain'] or ''}F{found['float']}"
    elif found["moe"]:
        name = "MXFP4_MOE"
    return (f"UD-{name}" if found["dynamic"] else name).upper()


def _without_hf(text: str) -> str:
    """The rest of a name without `hf` (made from the hub's weights) at its beginning and end."""
    return re.sub(r"^hf(?:[-_.]|$)|[-_.]hf$", "", text, flags=re.IGNORECASE)


def judge_splits(folder: str) -> list[tuple[str, str]]:
    """(folder without the judge at its end, that judge) for every reading of `pet_cmdr+`, `pet_anna`, `pet-gpt-4`.

    After an underscore anything may be a judge, after a hyphen only what looks like one. What is left must be quantized alike: in
    `pet_gguf_q8_0` the end is the type.
    """
    ends = [match.start() for match in re.finditer(r"[-_]", folder)]
    parts = [(folder[:end], folder[end], folder[end + 1 :]) for end in ends]
    possible = [
        (base, judge)
        for base, mark, judge in parts
        if base and judge and (is_judge_name(judge) or (mark == "_" and "_" not in judge))
    ]
    precision = variant_name(folder).precision
    return [(base, judge) for base, judge in possible if variant_name(base).precision == precision]


def is_judge_name(part: str) -> bool:
    """Whether this looks like the name of a judge; for folders whose neighbours do not decide it."""
    return bool(_JUDGE.match(part))
