"""The control arm and the noise floor of a model, from one line each: `control = true`, `noise_floor = true`.

Both help to interpret a candidate's difference. The control arm is the baseline's weights, not quantized, on the candidates'
engine: its difference comes from the engine. The noise floor is the baseline again under conditions that should not matter: its
difference is chance. They run last, because users wait for the candidates first.
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
"""Types of a listed variant that can be the control arm, in order of preference."""
SEED_OFFSET = 1_000_000
"""Larger than any number of samples: the baseline's samples use the seeds that follow its seed."""

Problem = Callable[[str, str], None]
"""Called with a key and what is wrong with its value."""


def complete(
    form: "ModelForm", variants: Sequence[VariantSpec], sampling: Sampling, problem: Problem
) -> list[VariantSpec]:
    """The variants of a model, with the control arm and the noise floor that `form` sets marked or added."""
    all_variants = list(variants)
    baseline = next((each for each in all_variants if each.is_baseline), None)
    if baseline is not None and form.control:
        all_variants = _with_control(form, all_variants, baseline, problem)
    if baseline is not None and form.noise_floor:
        all_variants = _with_noise_floor(all_variants, baseline, sampling, problem)
    return all_variants


def in_words(variant: VariantSpec, sampling: Sampling) -> str:
    """The role of a variant, e.g. `the control arm`, `the baseline again with 1 slot`; empty for a candidate.

    `sampling` is that of the variant.
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
            f'the baseline "{baseline.name}" also runs on llama.cpp, so there is no other engine to control for: remove this '
            "line, or choose a transformers variant as the baseline.",
        )
        return variants
    listed = _listed_control(variants)
    if listed is not None:
        return [replace(each, role=CONTROL_ARM) if each is listed else each for each in variants]
    obstacle = _control_obstacle(form, baseline)
    if obstacle:
        problem("control", obstacle)
        return variants
    if any(each.name == CONTROL_TYPE for each in variants):
        problem(
            "control",
            f'a variant named "{CONTROL_TYPE}" exists and is not {CONTROL_TYPE} on llama.cpp: rename it.',
        )
    control = replace(baseline, name=CONTROL_TYPE, engine="llama.cpp", precision=CONTROL_TYPE, role=CONTROL_ARM)
    return [*variants, control]


def _listed_control(variants: Sequence[VariantSpec]) -> VariantSpec | None:
    on_engine = [each for each in variants if each.engine == "llama.cpp" and each.precision.upper() in UNQUANTIZED]
    return min(on_engine, key=lambda each: UNQUANTIZED.index(each.precision.upper()), default=None)


def _control_obstacle(form: "ModelForm", baseline: VariantSpec) -> str:
    advice = f'list a llama.cpp variant with precision = "{CONTROL_TYPE}" of the same model, or remove this line.'
    if baseline.engine == "openai":
        return f'the baseline "{baseline.name}" runs on an endpoint, which has no weights to convert to {CONTROL_TYPE}: {advice}'
    if baseline.weights.endswith(".gguf"):
        return (
            f'the baseline "{baseline.name}" is a GGUF file and not a checkpoint to convert to {CONTROL_TYPE}: {advice}'
        )
    entry = catalog.find(form.name) or catalog.find(baseline.weights)
    if entry is not None and entry.trust_remote_code:
        return f"{entry.name} needs the Python code in its repository, which llama.cpp cannot run: remove this line."
    return ""


def _with_noise_floor(
    variants: list[VariantSpec], baseline: VariantSpec, sampling: Sampling, problem: Problem
) -> list[VariantSpec]:
    if any(each.name == NOISE_FLOOR for each in variants):
        problem("noise_floor", f'a variant named "{NOISE_FLOOR}" exists: rename it.')
    again = replace(baseline, name=NOISE_FLOOR, role=NOISE_FLOOR)
    if sampling.temperature > 0:
        return [*variants, replace(again, seed_offset=SEED_OFFSET)]
    # A single request uses other routines than a batch. If the baseline has one slot, two slots are the alternative.
    return [*variants, replace(again, slots=2 if baseline.slots == 1 else 1)]


def _slots(variant: VariantSpec) -> str:
    unit = "request" if variant.engine == "openai" else "slot"
    at_once = " at a time" if variant.engine == "openai" else ""
    return f"{variant.slots} {unit}{'' if variant.slots == 1 else 's'}{at_once}"
