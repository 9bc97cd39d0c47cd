"""The control arm and the noise floor of a model, from one line each: `control = true`, `noise_floor = true`.

Both say how a candidate's difference is to be read. The control arm is the baseline's own weights, not quantized, on the engine of
the candidates: what it differs by, the engine does. The noise floor is the baseline once more under conditions that should not
matter: what it differs by, chance does. They run last, because the candidates are what is waited for.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qtui import catalog
from qtui.records import CONTROL_ARM, NOISE_FLOOR, Sampling, VariantSpec

if TYPE_CHECKING:
    from qtui.experiment.form import ModelForm

CONTROL_TYPE = "F16"
UNQUANTIZED = (CONTROL_TYPE, "BF16", "F32")
"""Types of a listed variant that can be the control arm, the first one there is."""
SEED_OFFSET = 1_000_000
"""Beyond the seeds of the baseline's own samples, which are the numbers after its seed."""

Problem = Callable[[str, str], None]
"""Called with the key and what is wrong with it."""


def complete(
    form: "ModelForm", variants: Sequence[VariantSpec], sampling: Sampling, problem: Problem
) -> list[VariantSpec]:
    """The variants of a model with those that `form` asks for in one line marked or added."""
    found = list(variants)
    baseline = next((each for each in found if each.is_baseline), None)
    if baseline is not None and form.control:
        found = _with_control(form, found, baseline, problem)
    if baseline is not None and form.noise_floor:
        found = _with_noise_floor(found, baseline, sampling, problem)
    return found


def in_words(variant: VariantSpec, sampling: Sampling) -> str:
    """What a variant is here, e.g. `the control arm`, `the baseline again with 1 slot`; empty for a candidate.

    `sampling` is the variant's own.
    """
    if variant.role == NOISE_FLOOR:
        return f"the baseline again with {f'seed {sampling.seed}' if variant.seed_offset else _slots(variant)}"
    return "" if variant.role == "candidate" else f"the {variant.role}"


def _with_control(
    form: "ModelForm", variants: list[VariantSpec], baseline: VariantSpec, problem: Problem
) -> list[VariantSpec]:
    if baseline.engine == "llama.cpp":
        problem(
            "control",
            f'the baseline "{baseline.name}" runs on llama.cpp itself, so there is no other engine to control for: remove this '
            "line, or take a transformers variant as the baseline.",
        )
        return variants
    listed = _listed_control(variants)
    if listed is not None:
        return [replace(each, role=CONTROL_ARM) if each is listed else each for each in variants]
    why_not = _cannot_be_made(form, baseline)
    if why_not:
        problem("control", why_not)
        return variants
    if any(each.name == CONTROL_TYPE for each in variants):
        problem(
            "control",
            f'a variant is called "{CONTROL_TYPE}" already and is no {CONTROL_TYPE} on llama.cpp: give it another name.',
        )
    made = replace(baseline, name=CONTROL_TYPE, engine="llama.cpp", precision=CONTROL_TYPE, role=CONTROL_ARM)
    return [*variants, made]


def _listed_control(variants: Sequence[VariantSpec]) -> VariantSpec | None:
    on_engine = [each for each in variants if each.engine == "llama.cpp" and each.precision.upper() in UNQUANTIZED]
    return min(on_engine, key=lambda each: UNQUANTIZED.index(each.precision.upper()), default=None)


def _cannot_be_made(form: "ModelForm", baseline: VariantSpec) -> str:
    advice = f'list a llama.cpp variant with precision = "{CONTROL_TYPE}" of the same model, or remove this line.'
    if baseline.engine == "openai":
        return f'the baseline "{baseline.name}" lies with an endpoint, which has no weights to make {CONTROL_TYPE} of: {advice}'
    if baseline.weights.endswith(".gguf"):
        return (
            f'the baseline "{baseline.name}" is a GGUF file and no checkpoint, to make an {CONTROL_TYPE} of: {advice}'
        )
    entry = catalog.find(form.name) or catalog.find(baseline.weights)
    if entry is not None and entry.trust_remote_code:
        return f"{entry.name} is computed by code of its own, which llama.cpp does not have: remove this line."
    return ""


def _with_noise_floor(
    variants: list[VariantSpec], baseline: VariantSpec, sampling: Sampling, problem: Problem
) -> list[VariantSpec]:
    if any(each.name == NOISE_FLOOR for each in variants):
        problem("noise_floor", f'a variant is called "{NOISE_FLOOR}" already: give it another name.')
    again = replace(baseline, name=NOISE_FLOOR, role=NOISE_FLOOR)
    if sampling.temperature > 0:
        return [*variants, replace(again, seed_offset=SEED_OFFSET)]
    # One at a time is computed by other routines than a batch; where the baseline has one slot, two are the next best.
    return [*variants, replace(again, slots=2 if baseline.slots == 1 else 1)]


def _slots(variant: VariantSpec) -> str:
    what = "request" if variant.engine == "openai" else "slot"
    at_once = " at a time" if variant.engine == "openai" else ""
    return f"{variant.slots} {what}{'' if variant.slots == 1 else 's'}{at_once}"
