"""Plans a job before anything is loaded: renders its prompts and computes its answers' content keys.

A key is the hash of everything that decides an answer's content: same key, same answer. If a key lacked a value that matters, a
wrong answer would be reused; if it had a value that does not matter, an answer would be computed again. No engine is imported.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from qtui.engines import architectures, available, compute
from qtui.engines.conversion import conversion_notes, llama_settings, original_settings
from qtui.engines.decoding import slot_count
from qtui.engines.device_choice import Compute
from qtui.engines.prompts import chat_signs, choice_prompts, rendering, thinking_settings
from qtui.engines.protocol.answering import Job, Loading, Planned, Prompt
from qtui.engines.quantizing import imatrix_source, quantization_types
from qtui.engines.weights import precision, quantized_checkpoint
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError
from qtui.records import PromptSource, Sampling, VariantSpec, content_hash
from qtui.variant_facts import VariantFacts

KEY_VERSION = 1
"""Increased when a new version of qtui would give another answer under the same conditions."""


_STATE_WAS_LOST = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "xlstm")
"""Models, as config.json names them, whose recurrent state was not kept from token to token or not with its row."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a job, before its model is loaded."""

    prompts: list[Prompt]
    planned: Planned
    weights: Weights | None
    """None for an endpoint."""
    fingerprint: str
    """The hash of the weights, or of the endpoint's address and model."""
    engine_version: str
    compute: Compute

    @property
    def path(self) -> Path | None:
        """The path of the weights; None for an endpoint."""
        return self.weights.path if self.weights else None


def plan(job: Job, finder: WeightsFinder) -> Plan:
    """Return the plan of a job. Raises UserError if weights, template or packages are missing or damaged."""
    variant = job.variant
    version = available.version_of(variant.engine)
    _check_sampling(job.sampling)
    weights = _find_weights(variant, finder)
    if weights is None:
        fingerprint = content_hash("endpoint", variant.base_url, variant.weights, variant.api)
        prompts, facts = _render_endpoint_prompts(job, finder)
    else:
        fingerprint = weights.fingerprint
        prompts, facts = _render_prompts(job, finder)
        facts = replace(facts, file_bytes=weights.file_bytes, weights_path=str(weights.path))
    device_choice = compute.for_variant(
        variant, weights, allows_cpu=job.allows_cpu, report=lambda phase: finder.report(Loading(phase))
    )
    job_values = _shared_key_values(variant, weights, fingerprint, version, device_choice.accelerator)
    thinking_values = _thinking_key_values(variant, job.prompt)
    keys = [
        content_hash(*job_values, prompt_values(prompt))
        if prompt.choices
        else content_hash(
            *job_values, *thinking_values, prompt_values(prompt), job.sampling.for_sample(item.sample).conditions()
        )
        for item, prompt in zip(job.items, prompts, strict=True)
    ]
    planned = Planned(
        keys=keys,
        prompt_hash=content_hash(
            "prompts",
            [prompt_values(prompt) for item, prompt in zip(job.items, prompts, strict=True) if not item.earlier],
        ),
        facts=replace(
            facts,
            compute_notes=(*device_choice.notes, *_conversion_notes(job, weights, finder)),
            weight_notes=_weight_notes(variant, weights, device_choice.accelerator) or None,
            computed_as=_computed_as(variant, weights, device_choice.accelerator) or None,
            library=device_choice.report,
            weights_fingerprint=fingerprint,
            engine_version=version,
            slots_asked=slot_count.slots_for(variant, device_choice.accelerator),
        ),
    )
    return Plan(prompts, planned, weights, fingerprint, version, device_choice)


def how_computed(variant: VariantSpec, weights: Weights, version: str, device: str) -> list[Any]:
    """Return what decides a model's results apart from its weights, as values of a key. `device` as in `available.accelerator`."""
    if variant.engine == "transformers":
        dtype = precision.torch_dtype(variant.precision, weights, device)
        packages = quantized_checkpoint.versions(weights.quantization, str(weights.path))
        computed_as = quantized_checkpoint.computed_as(weights.quantization, device)
        form = [version, device, dtype, variant.trust_remote_code, *packages, *_corrected(weights)]
        return [*form, *filter(None, [computed_as])]
    assert variant.engine == "llama.cpp", variant.engine
    matrix = [imatrix_source.key_of(Path(variant.imatrix), device)] if variant.imatrix else []
    # The precision decides the types only of a folder, which is converted first. A GGUF file has its types already.
    if not weights.is_folder:
        return [version, device, *matrix]
    changes = original_settings.corrections(weights.config)
    conversion = [precision.gguf_type(variant.precision), *llama_settings.conversion_values(weights)]
    return [version, device, *conversion, *([changes] if changes else []), *matrix]


def _conversion_notes(job: Job, weights: Weights | None, finder: WeightsFinder) -> tuple[str, ...]:
    """What is known of a GGUF file beside the original whose prompt format it uses."""
    if job.variant.engine != "llama.cpp" or weights is None:
        return ()
    original = finder.find_prompt_files(job.prompt.weights) if job.prompt.weights else None
    return conversion_notes.tokenizer_notes(weights) + conversion_notes.settings_notes(weights, original)


def _corrected(weights: Weights) -> list[Any]:
    """Values for answers of a folder that an earlier version gave otherwise, and wrongly: they are computed again."""
    form = weights.prompt_format
    markers = ["markers are text"] if form.marker_texts else []
    pieces = ["likeliest pieces"] if form.is_unigram and form.is_sentencepiece_llama else []
    return [*markers, *pieces, *(["state is kept"] if weights.config.get("model_type") in _STATE_WAS_LOST else [])]


def _computed_as(variant: VariantSpec, weights: Weights | None, device: str) -> str:
    """Return in what form quantized weights of a checkpoint are computed, if not as they are stored; else empty."""
    if weights is None or variant.engine != "transformers" or not weights.quantization:
        return ""
    computed_as = quantized_checkpoint.computed_as(weights.quantization, device)
    return f"{weights.quantization}, {computed_as}" if computed_as else ""


def _weight_notes(variant: VariantSpec, weights: Weights | None, device: str) -> tuple[str, ...]:
    if weights is None:
        return ()
    computed_as = _computed_as(variant, weights, device)
    if not computed_as:
        return weights.notes
    why = quantized_checkpoint.why_dequantized(weights.quantization, device)
    return (*weights.notes, f"its weights are computed as {computed_as}: {why}")


def prompt_values(prompt: Prompt) -> list[Any]:
    """Return the parts of a prompt that decide an answer, as values of a key."""
    values = [prompt.text, prompt.bos, prompt.space_after_special, prompt.end_token_texts, prompt.system]
    if prompt.earlier:
        values.append([[turn.input, turn.answer] for turn in prompt.earlier])
    # Nothing is drawn where choices are scored, so a key has no sampling then.
    return [*values, ["choice", prompt.choices, prompt.continuations]] if prompt.choices else values


def _find_weights(variant: VariantSpec, finder: WeightsFinder) -> Weights | None:
    """Return the variant's weights; None for an endpoint."""
    if variant.engine == "openai":
        return None
    weights = finder.find_weights(
        variant.weights,
        lambda settings: check_settings(variant, settings),
        lambda architecture: architectures.check_llama_cpp(architecture, variant.weights),
    )
    check_settings(variant, weights)
    check_pickled(variant, weights)
    return weights


def _render_endpoint_prompts(job: Job, finder: WeightsFinder) -> tuple[list[Prompt], VariantFacts]:
    """Return the prompts for an endpoint: chat endpoints apply their own template, completion endpoints get rendered prompts.

    The text of a rendered prompt contains no BOS, because servers add it.
    """
    if job.variant.api == "chat":
        prompts = rendering.for_chat_endpoint(
            (item.input for item in job.items), job.prompt.system, [item.earlier for item in job.items]
        )
        tags = job.prompt.thinking_tags
        notes = thinking_settings.unknown_at_endpoint(job.variant) or None
        prompts = choice_prompts.with_choices(prompts, job.items, PromptFormat(source=""), is_chat=True)
        return [msgspec.structs.replace(prompt, thinking_tags=tags) for prompt in prompts], VariantFacts(
            prompt_notes=notes
        )
    if job.prompt.weights in (None, job.variant.weights):
        # No file on this disk defines the prompt format; only the experiment can.
        prompt_format = PromptFormat(source=job.variant.weights)
        prompts, facts = _render_with(job, prompt_format)
        return prompts, replace(
            facts, asked_bare=chat_signs.why_asked_bare(job.variant, job.prompt, prompt_format) or None
        )
    return _render_prompts(job, finder)


def _render_prompts(job: Job, finder: WeightsFinder) -> tuple[list[Prompt], VariantFacts]:
    """Render the prompts of a job with the format that the prompt's weights define. Returns the facts of this format too."""
    prompt_format = finder.find_prompt_files(job.prompt.weights or job.variant.weights).prompt_format
    prompts, facts = _render_with(job, prompt_format)
    end_tokens = prompt_format.end_token_texts or None
    prompts = [msgspec.structs.replace(prompt, end_token_texts=end_tokens) for prompt in prompts]
    template = prompt_format.template if job.prompt.template is None else job.prompt.template
    format_name = "the task's text as it is"
    if template:
        format_name = (
            f"chat template of {prompt_format.source}"
            if job.prompt.template is None
            else "chat template of the experiment"
        )
    begins_with_bos = bool(prompts and prompts[0].bos)
    return prompts, replace(
        facts,
        prompt_format=format_name,
        asked_bare=chat_signs.why_asked_bare(job.variant, job.prompt, prompt_format) or None,
        bos=begins_with_bos,
        stop_tokens=end_tokens or (),
    )


def _render_with(job: Job, prompt_format: PromptFormat) -> tuple[list[Prompt], VariantFacts]:
    """Render the prompts with this format. The facts are notes on settings that the template ignores."""
    arguments = thinking_settings.template_arguments(job.variant, job.prompt, prompt_format)
    if job.has_conversations:
        rendering.check_several_turns(
            prompt_format,
            template=job.prompt.template,
            system=job.prompt.system,
            variables=arguments.values,
            date=job.date,
        )
    prompts = rendering.render(
        (item.input for item in job.items),
        prompt_format,
        earlier=[item.earlier for item in job.items],
        template=job.prompt.template,
        system=job.prompt.system,
        bos=job.prompt.bos,
        variables=arguments.values,
        date=job.date,
    )
    prompts = [msgspec.structs.replace(prompt, thinking_tags=job.prompt.thinking_tags) for prompt in prompts]
    is_chat = bool(prompt_format.template if job.prompt.template is None else job.prompt.template)
    prompts = choice_prompts.with_choices(prompts, job.items, prompt_format, is_chat=is_chat)
    ignored = arguments.ignored if thinking_settings.asked_in_words(job.variant) else ()
    notes = (*ignored, *choice_prompts.notes(prompts))
    return prompts, VariantFacts(prompt_notes=notes if thinking_settings.asked_in_words(job.variant) else notes or None)


def _thinking_key_values(variant: VariantSpec, prompt: PromptSource) -> list[Any]:
    """Return the settings of thinking that decide an answer and that no prompt has; empty if none is set.

    What a template makes of the settings is in the prompts. An endpoint's template is its own.
    """
    values: list[Any] = []
    if variant.engine == "openai" and variant.api == "chat" and variant.thinking_conditions:
        values.append(["thinking", variant.thinking_conditions])
    elif variant.thinking_budget is not None:
        values.append(["thinking budget", variant.thinking_budget])
    if prompt.thinking_tags:
        values.append(["thinking tags", *prompt.thinking_tags])
    return values


def _shared_key_values(
    variant: VariantSpec, weights: Weights | None, fingerprint: str, version: str, device: str
) -> list[Any]:
    """Return the values of a key that all answers of a job share: all but prompt and sampling."""
    shared = [
        "answer",
        KEY_VERSION,
        variant.engine,
        fingerprint,
        slot_count.slots_for(variant, device),
        variant.context,
    ]
    if weights is None:
        return shared  # the endpoint's software is not known; the client's version does not matter
    return [*shared, *how_computed(variant, weights, version, device)]


def check_pickled(variant: VariantSpec, weights: Weights) -> None:
    """Raise UserError if the weights are pickles and the variant does not allow them."""
    if weights.is_folder and not variant.pickled_weights:
        weights.refuse_pickled("set pickled_weights = true for this variant")


def check_settings(variant: VariantSpec, weights: Weights) -> None:
    """Raise UserError if the weights cannot run as this variant here, by their config and their tensors' names and types.

    Of a hub model this is known before its weights are downloaded: `weights` then has only its settings.
    """
    if not weights.is_folder:
        if variant.engine == "transformers":
            raise UserError(
                f"{weights.path}: a GGUF file runs on llama.cpp; for transformers name a folder or a hub id"
            )
        if variant.imatrix:
            raise UserError(f"{weights.path}: is quantized already, so imatrix has no effect; name the model's folder")
        architectures.check_llama_cpp(weights.header.architecture, variant.weights)
        return
    if variant.engine == "transformers":
        architectures.check_transformers(weights, variant.weights, trusts_code=variant.trust_remote_code)
        accelerator = available.accelerator("transformers")
        quantized_checkpoint.check_method(weights.quantization, variant.weights, accelerator)
        weights.check_for_transformers()
    elif variant.engine == "llama.cpp":
        _check_imatrix(variant)
        llama_settings.check_settings(weights, variant.weights)
    else:
        raise AssertionError(f"{variant.engine} has no weights")
    weights.check_quantization(variant.weights)
    weights.check_config()


def _check_imatrix(variant: VariantSpec) -> None:
    """Raise UserError if the type needs an importance matrix and there is none, or if it has no use for one."""
    name = precision.gguf_type(variant.precision)
    if not variant.imatrix:
        if name in quantization_types.NEEDS_IMATRIX:
            raise UserError(
                f'{variant.weights}: {name} needs an importance matrix: set imatrix = "FILE" for this variant (a matrix of '
                "llama.cpp's llama-imatrix, or a text of which qtui makes one)"
            )
        return
    if quantization_types.family_of(name) == "whole":
        raise UserError(
            f"{variant.imatrix}: has no effect on {name}, which is not quantized; remove imatrix from this variant"
        )
    matrix = Path(variant.imatrix)
    if imatrix_source.is_text(matrix):
        imatrix_source.text_of(matrix)


def _check_sampling(sampling: Sampling) -> None:
    """Raise UserError for sampling that no engine supports."""
    if sampling.max_tokens < 1:
        raise UserError(f"max_tokens is {sampling.max_tokens}: an answer needs at least 1")
    if sampling.repetition_penalty <= 0:
        raise UserError(f"repetition_penalty is {sampling.repetition_penalty}: it must be above 0 (1.0 is off)")
    if not 0 < sampling.top_p <= 1:
        raise UserError(f"top_p is {sampling.top_p}: it must be above 0 and at most 1 (1.0 is off)")
