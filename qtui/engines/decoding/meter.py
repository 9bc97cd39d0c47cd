"""A worker's measurements since loading: tokens, seconds, memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from qtui.engines.protocol.answering import Progress
from qtui.variant_facts import VariantFacts

INTERVAL = 0.3
"""Seconds between two Progress messages."""


@dataclass(slots=True)
class _Speed:
    tokens: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Meter:
    """Counts tokens, seconds and memory of one job. `seconds` are since the meter was created; memory is in bytes."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    started: float = field(default_factory=time.perf_counter)
    steps: int = 0
    slot_steps: int = 0
    """Sum of slots over all steps: the capacity."""
    idle_slot_steps: int = 0
    _reported: float = 0.0
    _pure: _Speed = field(default_factory=_Speed)
    _mixed: _Speed = field(default_factory=_Speed)
    tokens_read: int = 0
    """Prompt tokens that the model read: fewer than `prompt_tokens` if prompts share their beginning."""
    gpu_bytes: Callable[[], int | None] | None = None
    """Returns the engine's current GPU memory in bytes. If None, torch is asked, if it is loaded."""
    peak_gpu_bytes: int = 0
    _process: psutil.Process = field(default_factory=psutil.Process)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def step(self, seconds: float, *, read: int, drawn: int, slots: int, active: int) -> None:
        """Count one forward pass: `read` prompt tokens, `drawn` answer tokens, `active` of `slots` slots in use."""
        self.steps += 1
        self.slot_steps += slots
        self.idle_slot_steps += slots - active
        self.tokens_read += read
        speed = self._mixed if read else self._pure
        speed.tokens += drawn
        speed.seconds += seconds

    def due(self, active: int) -> Progress | None:
        """Return a Progress message, or None if the last one is less than `INTERVAL` ago."""
        now = time.perf_counter()
        if now - self._reported < INTERVAL:
            return None
        self._reported = now
        return Progress(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            seconds=self.seconds,
            active=active,
            rss_bytes=self._process.memory_info().rss,
            gpu_bytes=self._gpu_bytes_now(),
        )

    def facts(self) -> VariantFacts:
        """Return the measurements for `Finished`."""
        seconds = self.seconds
        generation_speed, prompt_speed = self._speeds()
        return VariantFacts(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            seconds=seconds,
            tokens_per_second=self.completion_tokens / seconds if seconds > 0 else 0.0,
            peak_rss_bytes=peak_rss(),
            peak_gpu_bytes=self.peak_gpu_bytes if self._gpu_bytes_now() else None,
            idle_slot_share=self.idle_slot_steps / self.slot_steps if self.slot_steps else None,
            generation_speed=generation_speed,
            prompt_speed=prompt_speed,
        )

    def _gpu_bytes_now(self) -> int | None:
        now = self.gpu_bytes() if self.gpu_bytes else _torch_gpu_bytes()
        self.peak_gpu_bytes = max(self.peak_gpu_bytes, now or 0)
        return now

    def _speeds(self) -> tuple[float | None, float | None]:
        """Speeds of generation and of prompt reading, in tokens per second; None without passes to estimate them from.

        A pass that reads prompts may also generate tokens; their time is estimated from the passes that only generate.
        """
        if not self.slot_steps or not self._pure.tokens:
            return None, None
        generation_speed = self._pure.tokens / self._pure.seconds
        reading = self._mixed.seconds - self._mixed.tokens / generation_speed
        return generation_speed, self.tokens_read / reading if reading > 0 else None


def peak_rss() -> int:
    """Return the peak memory of this process in bytes. Linux reports KiB, macOS bytes."""
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _torch_gpu_bytes() -> int | None:
    """torch's GPU memory in bytes; None if torch is not loaded (asking would load it) or uses no GPU."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return int(sum(torch.cuda.memory_reserved(device) for device in range(torch.cuda.device_count())))
