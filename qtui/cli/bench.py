"""`qtui bench`: size, memory and speed of a model's types on this machine, as a table and bars."""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qtui.charts.lines import plain
from qtui.charts.type_bars import TypeBar, speed, type_bar_lines
from qtui.cli.options import confirm_cpu, cpu_option, json_option, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.cli.quantization_job import conversion_options, recorded, shown_progress
from qtui.format import count, size
from qtui.text import safe

COLUMNS = (
    Column("Type"),
    Column("Size", "right"),
    Column("Bits/weight", "right"),
    Column("Memory", "right"),
    Column("GPU", "right"),
    Column("Prompt tok/s", "right"),
    Column("slowest–fastest", "right", spare=True),
    Column("Decode tok/s", "right"),
    Column("slowest–fastest", "right", spare=True),
    Column("Load s", "right", spare=True),
)
WIDEST = 100
WHOLE = ("F32", "F16", "BF16")


@click.command()
@click.argument("source", metavar="MODEL")
@click.option(
    "--types", metavar="TYPE,…", help="Types to measure (default: the unquantized model and six types down to Q2_K)."
)
@click.option(
    "--prompt",
    "prompt_tokens",
    default=512,
    show_default=True,
    type=click.IntRange(1, 32768),
    help="Tokens in the prompt.",
)
@click.option(
    "--tokens",
    "new_tokens",
    default=64,
    show_default=True,
    type=click.IntRange(1, 32768),
    help="Tokens to generate after the prompt.",
)
@click.option(
    "--repeats",
    default=5,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Measurements per type.",
)
@cpu_option
@conversion_options
@json_option
@store_option
def bench(
    *,
    source: str,
    types: str | None,
    prompt_tokens: int,
    new_tokens: int,
    repeats: int,
    allows_cpu: bool,
    as_json: bool,
    store: Path,
    model: str | None,
    **options: Any,
) -> int:
    """Measure MODEL (a GGUF file, a model's folder, a hub id, a name from the catalog, or `demo`) in several types.

    Missing files are quantized first and kept. Each type is measured in a process of its own; its memory is what loading the model
    and reading the prompt added to that process. Speeds are medians of the repeats.

    If llama.cpp cannot use a GPU of this machine, the command asks before it measures on the CPU, or needs --cpu.
    """
    from qtui.runner import benchmark as runner
    from qtui.runner.quantization import QuantizationJob, QuantizedType, Step

    names = tuple(dict.fromkeys(name.strip().upper() for name in (types or "").split(",") if name.strip()))
    job = QuantizationJob(source=source, types=names, **options)
    allows_cpu = _may_use_cpu(allows_cpu)
    settings = runner.BenchSettings(prompt_tokens, new_tokens, repeats, job.threads, allows_cpu)
    with recorded(store, "bench", source, model, names) as record, shown_progress(_in_words) as show:

        def report(event: Step | QuantizedType | runner.Outcome) -> None:
            if isinstance(event, Step):
                record.step(event)
            elif isinstance(event, QuantizedType):
                if event.path is not None:
                    record.add_quantized(event)
                return
            elif isinstance(event, runner.Figures):
                record.file(event.type, event.path, facts_of(event))
            else:
                record.reasons.append(f"{event.type}: {event.reason}")
            show(event)

        benchmark = asyncio.run(runner.measure_types(job, settings, report))
    if as_json:
        print_json(_json(benchmark))
    else:
        _print(benchmark)
    return 1 if any(isinstance(outcome, runner.NotMeasured) for outcome in benchmark.outcomes) else 0


def _may_use_cpu(is_allowed: bool) -> bool:
    """Whether the CPU may be used although this machine has a GPU. If a GPU would be idle, says so, and asks unless `is_allowed`.

    Raises CpuNotAllowedError if nobody can be asked, click.Abort if the user declines.
    """
    from qtui.engines import available
    from qtui.runner.start import CpuNotAllowedError

    reason = available.idle_gpu("llama.cpp")
    if not reason:
        return is_allowed
    if is_allowed:
        click.echo(safe(f"note: measuring on the CPU: {reason}"), err=True)
    elif sys.stdin.isatty() and sys.stderr.isatty():
        confirm_cpu([reason], "Measure on the CPU anyway?")
    else:
        raise CpuNotAllowedError([reason])
    return True


def facts_of(figures: Any) -> dict[str, Any]:
    """The measurements of a type in the form in which the store keeps them."""
    return {name: value for name, value in asdict(figures).items() if name not in ("type", "path")}


def _in_words(outcome: Any) -> str:
    if hasattr(outcome, "reason"):
        return f"{outcome.type}: not measured: {outcome.reason}"
    speeds = f"prompt {speed(outcome.prompt_speed)} tok/s, decode {speed(outcome.speed)} tok/s"
    return f"{outcome.type}: {size(outcome.file_bytes)}, {speeds}"


def _print(benchmark: Any) -> None:
    measured = [outcome for outcome in benchmark.outcomes if not hasattr(outcome, "reason")]
    if not measured:
        return
    page = Page()
    page.line(f"{safe(benchmark.name)}: {_conditions(measured[0])}", style="bold")
    page.line()
    has_gpu = any(figures.gpu_bytes for figures in measured)
    shown = [i for i, column in enumerate(COLUMNS) if column.label != "GPU" or has_gpu]
    rows = [[_row(figures)[i] for i in shown] for figures in measured]
    page.table([COLUMNS[i] for i in shown], rows)
    page.line()
    bars = [TypeBar(f.type, f.file_bytes, f.speed, f.speed_range[1], f.type in WHOLE) for f in measured]
    for line in type_bar_lines(bars, min(WIDEST, page.columns or WIDEST)):
        page.line(plain(line))


def _conditions(figures: Any) -> str:
    tokens = f"{figures.prompt_tokens} prompt tokens, {figures.new_tokens} generated, median of {figures.repeats}"
    return f"{tokens}; {figures.device}, {count(figures.threads, 'thread')}, {figures.engine_version}"


def _row(figures: Any) -> list[str]:
    return [
        figures.type,
        size(figures.file_bytes),
        f"{figures.bits:.2f}",
        size(figures.memory_bytes or None),
        size(figures.gpu_bytes or None),
        speed(figures.prompt_speed),
        "–".join(speed(value) for value in figures.prompt_range),
        speed(figures.speed),
        "–".join(speed(value) for value in figures.speed_range),
        f"{figures.load_seconds:.2f}",
    ]


def _json(benchmark: Any) -> dict[str, Any]:
    types = [
        asdict(outcome) | ({"path": str(outcome.path)} if hasattr(outcome, "path") else {})
        for outcome in benchmark.outcomes
    ]
    return {"model": benchmark.name, "types": types}
