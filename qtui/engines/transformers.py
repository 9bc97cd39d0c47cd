"""Checkpoints of the hub's form on transformers: batches sorted by prompt length, finished rows dropped as they end.

The loop is our own, over the model's forward pass and the library's cache: `generate` would bring in what the checkpoint's
generation_config says, and report a batch only when its longest answer is done.
"""

import inspect
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

from qtui.engines import answer_text, available, own_code, precision
from qtui.engines.answer_text import AnswerText
from qtui.engines.hub_tokenizer import HubTokenizer
from qtui.engines.meter import Meter
from qtui.engines.protocol import Answered, Loading, Progress, Report, Request, Unanswered
from qtui.engines.torch_sampling import Sampler
from qtui.errors import UserError
from qtui.records import VariantSpec


@dataclass(slots=True)
class _Row:
    """One answer under way in one row of the batch."""

    request: Request
    prompt: list[int]
    room: int
    sampler: Sampler
    text: AnswerText
    started: float = field(default_factory=time.perf_counter)
    generated: int = 0
    """Tokens drawn, the end token included."""


class TransformersEngine:
    def __init__(self, variant: VariantSpec, path: Path) -> None:
        if path.is_file():
            raise UserError(f"{path}: a GGUF file runs on llama.cpp; for transformers name a folder or a hub id")
        self.variant = variant
        self.path = path
        self.meter = Meter()

    def load(self, requests: Sequence[Request], report: Report) -> dict[str, Any]:
        started = time.perf_counter()
        library: Any = transformers.logging
        library.set_verbosity_error()
        if self.variant.threads:
            torch.set_num_threads(self.variant.threads)
        own_code.check(self.path, allowed=self.variant.trust_remote_code)
        self.tokenizer = HubTokenizer(
            self.path,
            trust_remote_code=self.variant.trust_remote_code,
            space_after_special=answer_text.starts_spaced([request.prompt for request in requests]),
        )
        self.model = self._load_model(report)
        self.device = self.model.device
        self.can_cache = not own_code.refuses_cache(self.model)
        self.ends = _end_tokens(self.model, self.tokenizer)
        self.prompts = {request.index: self.tokenizer.tokens(request.prompt) for request in requests}
        self.context = answer_text.context_needed(
            [len(self.prompts[request.index]) for request in requests],
            [request.sampling for request in requests],
            self.variant.context,
            getattr(self.model.config.get_text_config(), "max_position_embeddings", None),
        )
        self.slots = max(1, min(self.variant.slots, len(requests)))
        return {
            "parameters": sum(tensor.numel() for tensor in self.model.parameters()),
            "load_seconds": time.perf_counter() - started,
            "device": str(self.device),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "slots": self.slots,
            "context": self.context,
            "threads": torch.get_num_threads(),
            "stop_tokens": [self.tokenizer.own.convert_ids_to_tokens(token) for token in sorted(self.ends)],
        }

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        self.meter = Meter()
        possible = []
        for request in requests:
            reason = self._impossible(request)
            if reason:
                yield Unanswered(request.index, reason)
            else:
                possible.append(request)
        possible.sort(key=lambda request: len(self.prompts[request.index]))
        for start in range(0, len(possible), self.slots):
            yield from self._answer_batch(possible[start : start + self.slots])

    def facts(self) -> dict[str, Any]:
        found = self.meter.facts()
        if torch.cuda.is_available():
            devices = range(torch.cuda.device_count())
            found["peak_gpu_bytes"] = sum(torch.cuda.max_memory_reserved(device) for device in devices)
        return found

    def _impossible(self, request: Request) -> str:
        length = len(self.prompts[request.index])
        if answer_text.room(length, request.sampling, self.context) <= 0:
            return answer_text.too_long(length, self.context)
        return "" if length else answer_text.EMPTY

    @torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore]
    def _answer_batch(self, requests: list[Request]) -> Iterator[Answered | Progress]:
        rows = [self._row(request) for request in requests]
        ids, mask = self._padded([row.prompt for row in rows])
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = transformers.DynamicCache(config=self.model.config) if self.can_cache else None
        logits = self._forward(ids, mask, positions, cache)
        self.meter.prompt_tokens += sum(len(row.prompt) for row in rows)
        if not torch.isfinite(logits).all():
            raise UserError(
                f"{self.path}: the model computes values that are no numbers (NaN); its weights are damaged"
            )
        while True:
            drawn = _draw(rows, logits)
            going = []
            for place, (row, token) in enumerate(zip(rows, drawn, strict=True)):
                answered = self._take(row, token)
                if answered:
                    yield answered
                else:
                    going.append(place)
            if not going:
                return
            progress = self.meter.due(len(going))
            if progress:
                yield progress
            if len(going) < len(rows):
                kept = torch.tensor(going, device=self.device)
                if cache is not None:
                    cache.batch_select_indices(kept)
                ids, mask, positions = ids[kept], mask[kept], positions[kept]
                rows = [rows[place] for place in going]
            new = torch.tensor([[drawn[place]] for place in going], device=self.device)
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            following = positions[:, -1:] + 1
            ids = torch.cat([ids, new], dim=1) if cache is None else new
            positions = torch.cat([positions, following], dim=1) if cache is None else following
            logits = self._forward(ids, mask, positions, cache)

    def _row(self, request: Request) -> _Row:
        prompt = self.prompts[request.index]
        return _Row(
            request=request,
            prompt=prompt,
            room=answer_text.room(len(prompt), request.sampling, self.context),
            sampler=Sampler(request.sampling, prompt, self.device),
            text=AnswerText(request.sampling.stop),
        )

    def _padded(self, prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and mask, both (rows, longest), padded on the left so that every answer begins at the same place."""
        longest = max(map(len, prompts))
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for place, prompt in enumerate(prompts):
            ids[place, longest - len(prompt) :] = torch.tensor(prompt)
            mask[place, longest - len(prompt) :] = 1
        return ids.to(self.device), mask.to(self.device)

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits after the last token of each row, (rows, vocabulary), float32."""
        out = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            **self._last_logits_only,
        )
        logits: torch.Tensor = out.logits[:, -1].float()
        return logits

    def _take(self, row: _Row, token: int) -> Answered | None:
        """Add a token to its answer; the answer, if that was its last."""
        row.generated += 1
        if token in self.ends:
            return _ended(row, "stop", row.generated - 1)
        self.meter.completion_tokens += 1
        if row.text.add(self.tokenizer.piece(token)):
            return _ended(row, "stop", row.generated)
        return _ended(row, "length", row.generated) if row.generated >= row.room else None

    def _load_model(self, report: Report) -> Any:
        accelerator = available.accelerator("transformers")
        if accelerator == "cuda" and not torch.cuda.is_available():
            raise UserError(
                "there is an NVIDIA GPU, but torch cannot use it (driver?); to run on the CPU set CUDA_VISIBLE_DEVICES="
            )
        dtype = precision.torch_dtype(self.variant.precision, self.path, accelerator)
        transformers.logging.set_tqdm_hook(_quiet_bar(report))
        try:
            kind, config = self._classes()
            loaded: Any = kind.from_pretrained(
                self.path,
                config=config,
                dtype=dtype if dtype == "auto" else getattr(torch, dtype),
                device_map="auto" if accelerator == "cuda" else None,
                trust_remote_code=self.variant.trust_remote_code,
                local_files_only=True,
                output_loading_info=True,
            )
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            # Loaders of quantized checkpoints and damaged files raise nearly anything; the reason is in the text.
            raise UserError(f"{self.path}: transformers cannot load it: {_first_line(error)}") from error
        model, found = loaded
        missing = sorted(found["missing_keys"])
        if missing:
            # The library would fill them with random numbers and go on.
            raise UserError(
                f"{self.path}: {len(missing)} tensors are missing, {missing[0]} first; fetch the model again"
            )
        takes = inspect.signature(model.forward).parameters
        self._last_logits_only = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        return model.eval()

    def _classes(self) -> tuple[Any, Any]:
        """What to load the model with: the library's own finder of classes, or those that lie beside the weights."""
        own = own_code.classes(self.path) if self.variant.trust_remote_code else None
        if own is None:
            return transformers.AutoModelForCausalLM, None
        model, config = own
        return model, config.from_pretrained(self.path)


def _draw(rows: list[_Row], logits: torch.Tensor) -> list[int]:
    if all(row.sampler.greedy for row in rows):
        return [int(token) for token in logits.argmax(-1).tolist()]
    return [row.sampler.draw(logits[place]) for place, row in enumerate(rows)]


def _ended(row: _Row, reason: Any, tokens: int) -> Answered:
    return Answered(
        index=row.request.index,
        text=row.text.text,
        finish_reason=reason,
        prompt_tokens=len(row.prompt),
        completion_tokens=tokens,
        seconds=time.perf_counter() - row.started,
    )


def _end_tokens(model: Any, tokenizer: HubTokenizer) -> set[int]:
    """Every end token that the checkpoint names, wherever it does."""
    named = [
        getattr(model.generation_config, "eos_token_id", None),
        model.config.eos_token_id,
        tokenizer.own.eos_token_id,
    ]
    ends: set[int] = set()
    for value in named:
        ends.update(value if isinstance(value, (list, tuple)) else [] if value is None else [value])
    return ends


def _quiet_bar(report: Report) -> Any:
    """In place of the progress bar that the library would draw while it loads."""

    def hook(_: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        from huggingface_hub import utils

        bar: Any = utils

        class Bar(bar.tqdm):  # type: ignore[misc]
            def update(self, n: float | None = 1) -> bool | None:
                self.n += n or 0
                if self.total:
                    report(Loading("loading weights", min(1.0, self.n / self.total)))
                return None

        return Bar(*args, **{**settings, "disable": True})

    return hook


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
