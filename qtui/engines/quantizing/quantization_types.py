"""Properties of the quantization types: their sizes and what they need.

The installed library decides which types exist (`quantize.types`). One that is missing here is shown without these figures.
"""

from dataclasses import dataclass

NOMINAL_BITS = {
    "F32": 32.0, "F16": 16.0, "BF16": 16.0,
    "Q8_0": 8.50, "Q5_1": 6.01, "Q5_0": 5.52, "Q4_1": 5.03, "Q4_0": 4.54, "Q2_0": 2.38, "Q1_0": 1.23,
    "Q6_K": 6.56, "Q5_K_M": 5.68, "Q5_K_S": 5.52, "Q4_K_M": 4.84, "Q4_K_S": 4.58,
    "Q3_K_L": 4.27, "Q3_K_M": 3.91, "Q3_K_S": 3.50, "Q2_K": 3.01, "Q2_K_S": 2.75,
    "IQ4_NL": 4.57, "IQ4_XS": 4.33, "IQ3_M": 3.70, "IQ3_S": 3.50, "IQ3_XS": 3.32, "IQ3_XXS": 3.21,
    "IQ2_M": 2.80, "IQ2_S": 2.61, "IQ2_XS": 2.42, "IQ2_XXS": 2.20, "IQ1_M": 1.96, "IQ1_S": 1.81,
    "TQ2_0": 2.20, "TQ1_0": 1.84, "MXFP4_MOE": 8.50,
}  # fmt: skip
"""Bits per weight of Llama 2 7B, output and embeddings included, as computed by llama-cpp-python 0.3.36."""

NEEDS_IMATRIX = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "Q2_K_S"})
"""Types that llama.cpp refuses to quantize to without an importance matrix (tried with every type of 0.3.36)."""

NOT_MADE = {"NVFP4": "the installed llama.cpp can read this type but not quantize to it"}
"""Types that llama.cpp cannot quantize to, and why."""

LADDER = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
"""The default types of a comparison: about one bit apart, none needs an importance matrix."""


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """Properties of one quantization type."""

    name: str
    family: str
    """whole, legacy, K, I, ternary or other."""
    bits: float | None
    """Per weight, for a 7B model; None if not known."""
    needs_imatrix: bool
    needs: str
    """For the user: what the type needs; empty if nothing."""


def facts(name: str) -> TypeFacts:
    """Return the properties of a type, by the library's name."""
    family = family_of(name)
    needs_imatrix = name in NEEDS_IMATRIX
    return TypeFacts(name, family, NOMINAL_BITS.get(name), needs_imatrix, _needs(name, family, needs_imatrix))


def family_of(name: str) -> str:
    """Return a type's family: whole, legacy, K, I, ternary or other."""
    if name in ("F32", "F16", "BF16"):
        return "whole"
    if name.startswith("IQ"):
        return "I"
    if name.startswith("TQ"):
        return "ternary"
    if "_K" in name:
        return "K"
    return "legacy" if name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0") else "other"


def _needs(name: str, family: str, needs_imatrix: bool) -> str:
    if name in NOT_MADE:
        return NOT_MADE[name]
    if needs_imatrix:
        return "an importance matrix (--imatrix)"
    if name == "MXFP4_MOE":
        return "a mixture-of-experts model (others become Q8_0)"
    return "a model trained for this type" if family == "ternary" or name in ("Q1_0", "Q2_0") else ""
