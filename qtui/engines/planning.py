"""Before anything is loaded: which prompts a job comes to, and under which keys its answers are known.

A key is the hash of everything that decides an answer's content. Same key, same answer: so nothing may be forgotten here, and
nothing added that does not matter, or work would be done twice. No engine is imported.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from qtui.engines import available, compute
from qtui.engines.conversion import kept_gguf
from qtui.engines.decoding import slot_count
from qtui.engines.device.compute import Compute
from qtui.engines.prompts import end_tokens, prompt_format, rendering
from qtui.engines.protocol.answering import Job, Loading, Planned, Prompt
from qtui.engines.weights import fingerprint, gguf_file, locate, precision, quantized_checkpoint
from qtui.errors import UserError
from qtui.records import Sampling, VariantSpec, content_hash

KEY_VERSION = 1
"""Goes up when qtui itself would give another answer under the same conditions."""


@dataclass(frozen=True, slots=True)
class Plan:
    prompts: list[Prompt]
    planned: Planned
    path: Path | None
    """Where the weights lie; None where they lie with an endpoint."""
    fingerprint: str
    engine_version: str
    compute: Compute


def plan(job: Job, report: locate.Report) -> Plan:
    """Raises UserError where weights, template or packages are missing or damaged."""
    variant = job.variant
    version = available.version_of(variant.engine)
    _check(job.sampling)
    if variant.engine == "openai":
        prompts, facts = _for_endpoint(job, report)
        path, print_ = None, content_hash("endpoint", variant.base_url, variant.weights, variant.api)
    else:
        path = locate.locate(variant.weights, report, lambda settings: _check_settings(variant, settings))
        print_ = locate.fingerprint_of(path, report)
        prompts, facts = _prompts(job, report)
        facts |= {"file_bytes": _file_bytes(path), "weights_path": str(path)}
    chosen = compute.for_variant(variant, path, allows_cpu=job.allows_cpu, report=lambda phase: report(Loading(phase)))
    computed = _computed(variant, path, print_, version, chosen.accelerator)
    keys = [
        content_hash(*computed, prompt_values(asked), job.sampling.for_sample(item.sample).conditions())
        for item, asked in zip(job.items, prompts, strict=True)
    ]
    planned = Planned(
        keys=keys,
        prompt_hash=content_hash("prompts", [prompt_values(asked) for asked in prompts]),
        facts={
            **facts,
            **chosen.facts,
            "weights_fingerprint": print_,
            "engine_version": version,
            "slots_asked": slot_count.of(variant, chosen.accelerator),
        },
    )
    return Plan(prompts, planned, path, print_, version, chosen)


def how_computed(variant: VariantSpec, path: Path, version: str, device: str) -> list[Any]:
    """What decides a model's numbers beside its weights, as values of a key. `device` as in `available.accelerator`."""
    if variant.engine == "transformers":
        dtype = precision.torch_dtype(variant.precision, path, device)
        return [version, device, dtype, variant.trust_remote_code, *quantized_checkpoint.versions(path)]
    # A GGUF file is what it is, whatever its precision is called; of a folder one of the type is made first.
    made = [precision.gguf_type(variant.precision), kept_gguf.CONVERSION] if path.is_dir() else []
    return [version, device, *made]


def prompt_values(asked: Prompt) -> list[Any]:
    return [asked.text, asked.bos, asked.space_after_special, asked.ends, asked.system]


def _for_endpoint(job: Job, report: locate.Report) -> tuple[list[Prompt], dict[str, Any]]:
    """What a server gets: the task for it to put into its template, or the prompt of the other variants, without its BOS,

    which servers put before a prompt themselves.
    """
    if job.variant.api == "chat":
        return rendering.for_chat_endpoint((item.input for item in job.items), job.prompt.system), {}
    if job.prompt.weights in (None, job.variant.weights):
        # Nothing lies on this disk that could say how to ask; only the experiment can.
        form = prompt_format.PromptFormat(source=job.variant.weights)
        rendered = rendering.render(
            (item.input for item in job.items), form, template=job.prompt.template, system=job.prompt.system
        )
        return rendered, {}
    return _prompts(job, report)


def _prompts(job: Job, report: locate.Report) -> tuple[list[Prompt], dict[str, Any]]:
    source = locate.locate_prompt(job.prompt.weights or job.variant.weights, report)
    form = prompt_format.read(source)
    prompts = rendering.render(
        (item.input for item in job.items),
        form,
        template=job.prompt.template,
        system=job.prompt.system,
        bos=job.prompt.bos,
    )
    ends = end_tokens.named_by(source) or None
    prompts = [msgspec.structs.replace(asked, ends=ends) for asked in prompts]
    template = form.template if job.prompt.template is None else job.prompt.template
    said = "the task's text as it is"
    if template:
        said = f"chat template of {form.source}" if job.prompt.template is None else "chat template of the experiment"
    return prompts, {"prompt_format": said, "bos": bool(prompts and prompts[0].bos), "stop_tokens": list(ends or ())}


def _computed(variant: VariantSpec, path: Path | None, print_: str, version: str, device: str) -> list[Any]:
    """All that decides an answer beside prompt and sampling."""
    shared = ["answer", KEY_VERSION, variant.engine, print_, slot_count.of(variant, device), variant.context]
    if path is None:
        return shared  # what lies behind an endpoint is not ours to know; the client's version decides nothing
    return [*shared, *how_computed(variant, path, version, device)]


def _check_settings(variant: VariantSpec, settings: Path) -> None:
    """What a model's config says that this machine cannot do, before its weights are fetched."""
    if variant.engine == "transformers":
        quantized_checkpoint.versions(settings, variant.weights)
    else:
        from qtui.engines.conversion import llama_folder

        llama_folder.check_settings(settings)


def _check(sampling: Sampling) -> None:
    """What no engine can do, said before anything is loaded."""
    if sampling.max_tokens < 1:
        raise UserError(f"max_tokens is {sampling.max_tokens}: an answer needs at least 1")
    if sampling.repetition_penalty <= 0:
        raise UserError(f"repetition_penalty is {sampling.repetition_penalty}: it must be above 0 (1.0 is off)")
    if not 0 < sampling.top_p <= 1:
        raise UserError(f"top_p is {sampling.top_p}: it must be above 0 and at most 1 (1.0 is off)")


def _file_bytes(path: Path) -> int:
    files = fingerprint.weight_files(path) if path.is_dir() else gguf_file.parts(path)
    return sum(file.stat().st_size for file in files)
