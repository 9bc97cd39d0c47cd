"""Steps that need no llama.cpp: they run while it compiles."""

import shutil
import sys
import time
from typing import Any

from tests.gpu_proof import models
from tests.gpu_proof.stage import (
    UNEVEN,
    Facts,
    Place,
    empty_gpu,
    noted,
    run,
    step,
    texts,
    tokens_per_second,
    transformers_engine,
)


@step("machine", 30)
def machine(place: Place) -> Facts:
    """What this is: processor, memory, GPU, versions."""
    import torch
    import transformers

    from qtui.device import gpus, memory, processor

    here = processor.processor()
    return {
        "processor": here.model,
        "flags": [flag for flag in here.flags if flag.startswith(("amx", "avx512_fp16", "avx512_bf16", "avx512f"))],
        "cores": here.usable,
        "memory_gib": round(memory.memory().total / 2**30, 1),
        "gpus": [[gpu.name, gpu.driver, gpu.compute_capability] for gpu in gpus.gpus()],
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "transformers": transformers.__version__,
        "python": sys.version.split()[0],
    }


@step("big model", 120)
def big_model(place: Place) -> Facts:
    """7 billion random weights, made on the GPU and written as a checkpoint."""
    began = time.perf_counter()
    facts = models.make(place.big, models.REHEARSAL if place.is_rehearsal else models.BILLIONS_7, place.device)
    size = sum(file.stat().st_size for file in place.big.iterdir())
    return facts | {"seconds": round(time.perf_counter() - began, 1), "bytes": size}


@step("transformers, 7 B", 170)
def transformers_big(place: Place) -> Facts:
    """Tokens per second in half precision: qtui's engine against the study's loop, static batches and continuous
    batching."""
    from transformers import AutoTokenizer

    slots = place.scaled(64, 8)
    requests = models.noise_requests(place.scaled(128, 16), UNEVEN)
    wanted = sum(request.sampling.max_tokens for request in requests)
    found: Facts = {"slots": slots, "requests": len(requests), "tokens": wanted}
    engine = transformers_engine(place.big, requests, "FP16", slots)
    found["load_seconds"] = round(engine.loaded_facts.load_seconds, 1)
    # All of it once untimed: a GPU's kernels are loaded when a shape is first computed.
    run(engine, requests)
    found["qtui"] = tokens_per_second(engine, requests)
    found["qtui_gpu_gib"] = round((engine.facts().peak_gpu_bytes or 0) / 2**30, 1)
    del engine
    empty_gpu()
    tokenizer: Any = AutoTokenizer.from_pretrained(place.big, padding_side="left")
    bare = _bare(place)

    def generate(part: list[Any], limit: int) -> int:
        ids = tokenizer(
            [asked.prompt.text for asked in part], add_special_tokens=False, padding=True, return_tensors="pt"
        )
        ids = {name: ids[name].to(place.device) for name in ("input_ids", "attention_mask")}
        bare.generate(**ids, max_new_tokens=limit, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        return sum(min(limit, asked.sampling.max_tokens) for asked in part)

    generate(requests[:1], 8)
    generate(requests[:slots], 8)
    began = time.perf_counter()
    count = sum(generate([asked], asked.sampling.max_tokens) for asked in requests[: place.scaled(3, 2)])
    found["loop of the study, one by one"] = round(count / (time.perf_counter() - began), 1)
    began = time.perf_counter()
    for start in range(0, len(requests), slots):
        part = requests[start : start + slots]
        generate(part, max(asked.sampling.max_tokens for asked in part))
    found["generate, static batches"] = round(wanted / (time.perf_counter() - began), 1)
    with noted(found, "generate_batch"):
        found["generate_batch"] = _continuous(bare, tokenizer, requests, wanted)
    return found


def _bare(place: Place) -> Any:
    """The library's own model, in half precision but on a CPU, where that crawls."""
    import torch
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if place.is_rehearsal else torch.float16
    model: Any = AutoModelForCausalLM.from_pretrained(place.big, dtype=dtype)
    return model.to(place.device)


def _continuous(bare: Any, tokenizer: Any, requests: list[Any], wanted: int) -> float:
    from transformers import GenerationConfig

    settings_of: Any = GenerationConfig
    settings = settings_of(max_new_tokens=max(UNEVEN), do_sample=False, eos_token_id=-1)
    ids = {asked.index: tokenizer.encode(asked.prompt.text, add_special_tokens=False) for asked in requests}
    began = time.perf_counter()
    with bare.continuous_batching_context_manager(generation_config=settings) as library:
        for asked in requests:
            library.add_request(ids[asked.index], max_new_tokens=asked.sampling.max_tokens)
        ended = 0
        while ended < len(requests):
            result = library.get_result(timeout=1)
            ended += bool(result and result.is_finished())
            if not result and not library.is_running():
                raise RuntimeError("generate_batch ended before its requests")
    return round(wanted / (time.perf_counter() - began), 1)


@step("bitsandbytes", 60)
def bitsandbytes(place: Place) -> Facts:
    """nf4 and int8 of the demo model, made by transformers and answered by qtui."""

    import transformers

    from qtui import paths

    found: Facts = {}
    for bits in (4, 8):
        with noted(found, f"{bits} bits"):
            folder = place.work / f"demo-{bits}bit"
            config: Any = transformers.BitsAndBytesConfig
            how = config(load_in_4bit=bits == 4, load_in_8bit=bits == 8, bnb_4bit_quant_type="nf4")
            loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(paths.demo_model(), quantization_config=how)
            loaded.save_pretrained(folder)
            for name in ("tokenizer.model", "tokenizer_config.json"):
                if (paths.demo_model() / name).exists():
                    shutil.copy(paths.demo_model() / name, folder)
            requests = models.demo_requests(place.scaled(16, 2))
            engine = transformers_engine(folder, requests, f"{bits} bits", 8)
            facts = engine.loaded_facts
            kind = type(engine.model.model.layers[0].self_attn.q_proj).__name__
            answers = texts(engine, requests)
            found[f"{bits} bits"] = {
                "layer": kind,
                "device": facts.device,
                "answers": len(answers),
                "first": answers[0][:40],
            }
    return found


@step("transformers, out of memory", 60)
def transformers_out_of_memory(place: Place) -> Facts:
    """With little room left on the card the engine takes fewer rows, answers all the same and says how many."""
    import torch

    if place.is_rehearsal:
        return {"skipped": "needs a GPU"}
    requests = models.noise_requests(64, [64])
    free, _ = torch.cuda.mem_get_info()
    weights = sum(file.stat().st_size for file in place.big.glob("*.safetensors"))
    hog = torch.empty(max(0, free - weights - int(1.6 * 2**30)), dtype=torch.uint8, device="cuda")
    engine = transformers_engine(place.big, requests, "FP16", 64)
    facts = engine.loaded_facts
    answers = texts(engine, requests)
    return {
        "hog_gib": round(hog.numel() / 2**30, 1),
        "slots_asked": 64,
        "slots_at_load": facts.slots,
        "slots_at_end": engine.slots,
        "answers": len(answers),
    }
