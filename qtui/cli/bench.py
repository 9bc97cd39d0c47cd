"""`qtui bench`: size, memory and speed of a model's types on this machine, as table and drawing."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qtui.charts.figures import size
from qtui.charts.lines import plain
from qtui.charts.type_bars import TypeBar, speed, type_bar_lines
from qtui.cli.options import json_option, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.cli.quantization_job import conversion_options, recorded, shown_progress
from qtui.text import safe

COLUMNS = (
    Column("Type"),
    Column("Size", "right"),
    Column("Bits/weight", "right"),
    Column("Memory", "right"),
    Column("GPU", "right"),
    Column("Prompt tok/s", "right"),
    Column("slowest–fastest", "right", spare=True),
    Column("New tok/s", "right"),
    Column("slowest–fastest", "right", spare=True),
    Column("Load s", "right", spare=True),
)
WIDEST = 100
WHOLE = ("F32", "F16", "BF16")


@click.command()
@click.argument("source", metavar="MODEL")
@click.option(
    "--types", metavar="TYPE,…", help="Types to measure (default: the model whole and six steps down to Q2_K)."
)
@click.option(
    "--prompt",
    "prompt_tokens",
    default=512,
    show_default=True,
    type=click.IntRange(1, 32768),
    help="Tokens of the prompt.",
)
@click.option(
    "--tokens", "new_tokens", default=64, show_default=True, type=click.IntRange(1, 32768), help="Tokens after it."
)
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(1, 1000), help="How often each is measured."
)
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
    as_json: bool,
    store: Path,
    model: str | None,
    **options: Any,
) -> int:
    """Measure MODEL (a GGUF file, a model's folder, a hub id, a name of the catalog, or `demo`) in several types.

    Files that are missing are made first and kept. Each type is measured in a process of its own, so that memory is that type's
    alone: what loading it and reading a prompt added to the process. Speeds are medians of the repeats.
    """
    from qtui.runner import benchmark as runner
    from qtui.runner.quantization import QuantizationJob, QuantizedType, Step

    wanted = tuple(dict.fromkeys(name.strip().upper() for name in (types or "").split(",") if name.strip()))
    wish = QuantizationJob(source=source, types=wanted, **options)
    amount = runner.Amount(prompt_tokens, new_tokens, repeats, wish.threads)
    with recorded(store, "bench", source, model, wanted) as record, shown_progress(_said) as talk:

        def tell(news: Step | QuantizedType | runner.Outcome) -> None:
            if isinstance(news, Step):
                record.step(news)
            elif isinstance(news, QuantizedType):
                if news.path is not None:
                    record.made(news)
                return
            elif isinstance(news, runner.Figures):
                record.file(news.type, news.path, facts_of(news))
            else:
                record.reasons.append(f"{news.type}: {news.reason}")
            talk(news)

        found = asyncio.run(runner.measure_types(wish, amount, tell))
    if as_json:
        print_json(_json(found))
    else:
        _print(found)
    return 1 if any(isinstance(outcome, runner.NotMeasured) for outcome in found.outcomes) else 0


def facts_of(figures: Any) -> dict[str, Any]:
    """As the store keeps them."""
    return {name: value for name, value in asdict(figures).items() if name not in ("type", "path")}


def _said(news: Any) -> str:
    if hasattr(news, "reason"):
        return f"{news.type}: not measured: {news.reason}"
    return f"{news.type}: {size(news.file_bytes)}, {speed(news.prompt_speed)} and {speed(news.speed)} tok/s"


def _print(found: Any) -> None:
    measured = [outcome for outcome in found.outcomes if not hasattr(outcome, "reason")]
    if not measured:
        return
    page = Page()
    first = measured[0]
    page.line(f"{safe(found.name)}: {_conditions(first)}", style="bold")
    page.line()
    has_gpu = any(figures.gpu_bytes for figures in measured)
    kept = [i for i, column in enumerate(COLUMNS) if column.label != "GPU" or has_gpu]
    rows = [[_row(figures)[i] for i in kept] for figures in measured]
    page.table([COLUMNS[i] for i in kept], rows)
    page.line()
    bars = [TypeBar(f.type, f.file_bytes, f.speed, f.speed_range[1], f.type in WHOLE) for f in measured]
    for line in type_bar_lines(bars, min(WIDEST, page.columns or WIDEST)):
        page.line(plain(line))


def _conditions(figures: Any) -> str:
    many = f"{figures.prompt_tokens} tokens of prompt, {figures.new_tokens} after it, median of {figures.repeats}"
    threads = f"{figures.threads} thread{'s' if figures.threads > 1 else ''}"
    return f"{many}; {figures.device}, {threads}, {figures.engine_version}"


def _row(figures: Any) -> list[str]:
    return [
        figures.type,
        size(figures.file_bytes),
        f"{figures.bits:.2f}",
        size(figures.memory_bytes),
        size(figures.gpu_bytes),
        speed(figures.prompt_speed),
        "–".join(speed(value) for value in figures.prompt_range),
        speed(figures.speed),
        "–".join(speed(value) for value in figures.speed_range),
        f"{figures.load_seconds:.2f}",
    ]


def _json(found: Any) -> dict[str, Any]:
    types = [
        asdict(outcome) | ({"path": str(outcome.path)} if hasattr(outcome, "path") else {})
        for outcome in found.outcomes
    ]
    return {"model": found.name, "types": types}
