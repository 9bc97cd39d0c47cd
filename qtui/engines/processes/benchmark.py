"""The process that measures the speed and memory of one GGUF file: it reads a prompt, then generates tokens one by one.

`python -m qtui.engines.processes.benchmark`, with the messages of `protocol.benchmark`.
Each file has its own process, so that the measured memory is only this file's. The tokens are arbitrary, because the amount of work
does not depend on them. One sequence is measured, as for one user; `qtui run` shows the speed of many at once.
"""

import os
import random
import subprocess
import time
from typing import Any, BinaryIO

import psutil

from qtui.engines import available, compute
from qtui.engines.decoding import meter
from qtui.engines.device_choice import Compute
from qtui.engines.llama_cpp import native_log
from qtui.engines.processes import child
from qtui.engines.protocol.answering import Finished, Loading
from qtui.engines.protocol.benchmark import BenchmarkJob, BenchmarkResult
from qtui.engines.protocol.loading_progress import whole_percents
from qtui.engines.quantizing import quantize
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError
from qtui.processes import header, log

ENOUGH_REPEATS, ENOUGH_SECONDS = 3, 60.0
"""The first repeats always run; after the seconds are over, no further repeat starts."""

SEED = 1


def work(incoming: BinaryIO, send: child.Send) -> None:
    """Measure one file. Raises UserError if it cannot be loaded."""
    job = child.read_message(incoming, BenchmarkJob)
    log.note(f"benchmark: {job}")
    child.die_with_pipe(incoming)
    # Imported before memory is measured: the libraries' memory is not the model's.
    from qtui.engines.llama_cpp.context import physical_cores
    from qtui.engines.llama_cpp.model import LlamaModel

    weights = WeightsFinder(send).find_weights(job.path)
    log.note(header.weights(weights.path, weights.file_bytes))
    chosen = compute.for_file(weights, allows_cpu=job.allows_cpu, report=lambda phase: send(Loading(phase)))
    compute.hide_unused_gpus(chosen)
    before, gpu_before = psutil.Process().memory_info().rss, _gpu_bytes(chosen)
    started = time.perf_counter()
    model = LlamaModel(weights, compute=chosen, progress=whole_percents(send, "loading weights"))
    loaded = time.perf_counter() - started
    threads = job.threads or physical_cores()
    bench = _Bench(model, job, threads)
    prompt_speeds, speeds = [], []
    began = time.perf_counter()
    bench.once()  # the first pass reads the weights from disk and is not counted
    for number in range(job.repeats):
        send(Loading("measuring", number / job.repeats))
        prompt_speed, speed = bench.once()
        prompt_speeds.append(prompt_speed)
        speeds.append(speed)
        if number + 1 >= ENOUGH_REPEATS and time.perf_counter() - began > ENOUGH_SECONDS:
            break
    peak, gpu = meter.peak_rss(), _gpu_bytes(chosen)
    send(
        BenchmarkResult(
            path=str(weights.path),
            precision=_type_name(weights),
            file_bytes=weights.file_bytes,
            parameters=model.parameters,
            bits=model.tensor_bytes * 8 / model.parameters,
            load_seconds=loaded,
            prompt_speeds=prompt_speeds,
            speeds=speeds,
            memory_bytes=max(0, peak - before),
            peak_rss_bytes=peak,
            gpu_bytes=None if gpu is None or gpu_before is None else max(0, gpu - gpu_before),
            device=chosen.accelerator,
            threads=threads,
            engine_version=available.version_of("llama.cpp"),
        )
    )
    send(Finished())


def _type_name(weights: Weights) -> str:
    number = weights.header.values.get("general.file_type")
    return next((name for name, type_number in quantize.types().items() if type_number == number), weights.path.stem)


class _Bench:
    """One context, used for all repeats."""

    def __init__(self, model: Any, job: BenchmarkJob, threads: int) -> None:
        import llama_cpp

        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = -(-(job.prompt_tokens + job.new_tokens) // 256) * 256
        settings.n_batch = settings.n_ubatch = min(512, max(32, job.prompt_tokens))
        settings.n_threads = settings.n_threads_batch = threads
        settings.no_perf = True
        settings.offload_kqv = settings.op_offload = model.is_on_gpu
        self.path = model.path
        self.native: Any = llama_cpp.llama_init_from_model(model.pointer, settings)
        if not self.native:
            raise UserError(
                f"{self.path}: no memory for a context of {settings.n_ctx} tokens: {native_log.last_error()}"
            )
        self.chunk = int(settings.n_batch)
        self.batch = llama_cpp.llama_batch_init(self.chunk, 0, 1)
        draw = random.Random(SEED)
        self.prompt = [draw.randrange(model.size) for _ in range(job.prompt_tokens)]
        self.new = [draw.randrange(model.size) for _ in range(job.new_tokens)]

    def once(self) -> tuple[float, float]:
        """Run one repeat. Returns the speeds of prompt reading and of generation, in tokens per second."""
        import llama_cpp

        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.native), True)
        llama_cpp.llama_synchronize(self.native)
        started = time.perf_counter()
        for start in range(0, len(self.prompt), self.chunk):
            self._decode(self.prompt[start : start + self.chunk], start)
        llama_cpp.llama_synchronize(self.native)
        read = time.perf_counter()
        for place, token in enumerate(self.new, start=len(self.prompt)):
            self._decode([token], place)
            # Generation needs the logits before the next token.
            llama_cpp.llama_synchronize(self.native)
        drawn = time.perf_counter()
        return len(self.prompt) / (read - started), len(self.new) / (drawn - read)

    def _decode(self, tokens: list[int], start: int) -> None:
        import llama_cpp

        batch = self.batch
        for row, token in enumerate(tokens):
            batch.token[row], batch.pos[row], batch.n_seq_id[row], batch.logits[row] = token, start + row, 1, False
            batch.seq_id[row][0] = 0
        batch.n_tokens = len(tokens)
        batch.logits[len(tokens) - 1] = True
        code = llama_cpp.llama_decode(self.native, batch)
        if code:
            raise UserError(f"{self.path}: llama.cpp stopped computing (code {code}): {native_log.last_error()}")


def _gpu_bytes(chosen: Compute) -> int | None:
    """Bytes in use on all GPUs by all processes: llama.cpp does not report its share. None if the model is not on a CUDA GPU."""
    if chosen.accelerator != "cuda":
        return None
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
            capture_output=True, timeout=20, check=True, stdin=subprocess.DEVNULL, text=True, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        return sum(int(line) for line in done.stdout.split()) << 20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


if __name__ == "__main__":
    child.run(work)
