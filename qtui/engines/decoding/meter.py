"""What a worker has done since it loaded: tokens, seconds, memory."""

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
    prompt_tokens: int = 0
    completion_tokens: int = 0
    started: float = field(default_factory=time.perf_counter)
    steps: int = 0
    slot_steps: int = 0
    """Slots times steps: what could have been used."""
    idle_slot_steps: int = 0
    _reported: float = 0.0
    _pure: _Speed = field(default_factory=_Speed)
    _mixed: _Speed = field(default_factory=_Speed)
    tokens_read: int = 0
    """Tokens of prompts that the model read: fewer than `prompt_tokens` where prompts begin alike."""
    gpu_bytes: Callable[[], int | None] | None = None
    """What the engine has on GPUs now; None asks torch, where it is in use."""
    peak_gpu_bytes: int = 0
    _process: psutil.Process = field(default_factory=psutil.Process)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def step(self, seconds: float, *, read: int, drawn: int, slots: int, active: int) -> None:
        """One pass of the model over all slots: `read` tokens of prompts in it, `drawn` tokens of answers."""
        self.steps += 1
        self.slot_steps += slots
        self.idle_slot_steps += slots - active
        self.tokens_read += read
        speed = self._mixed if read else self._pure
        speed.tokens += drawn
        speed.seconds += seconds

    def due(self, active: int) -> Progress | None:
        """A message, if the last one is long enough ago."""
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
        """Of `Finished`."""
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
        """Of writing answers and of reading prompts, in tokens per second; None where there is nothing to tell it by.

        A pass that reads prompts writes answers too; what that takes is known from the passes that only write.
        """
        if not self.slot_steps or not self._pure.tokens:
            return None, None
        generation_speed = self._pure.tokens / self._pure.seconds
        reading = self._mixed.seconds - self._mixed.tokens / generation_speed
        return generation_speed, self.tokens_read / reading if reading > 0 else None


def peak_rss() -> int:
    """Bytes; the most that this process has had in memory (Linux counts in KiB, macOS in bytes)."""
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _torch_gpu_bytes() -> int | None:
    """Only where torch is in use already: asking would load it."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return int(sum(torch.cuda.memory_reserved(device) for device in range(torch.cuda.device_count())))
