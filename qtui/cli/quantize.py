"""`qtui quantize`: GGUF files of several types from one model."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qtui.cli.options import json_option, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.cli.quantization_job import conversion_options, recorded, shown_progress
from qtui.format import size
from qtui.text import safe

LIST_COLUMNS = (
    Column("Type"),
    Column("Family"),
    Column("Bits/weight", "right"),
    Column("Size", "right"),
    Column("Needs", flex=True),
)
FILE_COLUMNS = (Column("Type"), Column("Bits/weight", "right"), Column("Size", "right"), Column("File"))


@click.command()
@click.argument("source", required=False)
@click.option("--type", "types", metavar="TYPE", multiple=True, help="A type to make; may be given several times.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option("--list", "as_list", is_flag=True, help="List the types; with a SOURCE, also the size of each file.")
@conversion_options
@json_option
@store_option
def quantize(
    *,
    source: str | None,
    types: tuple[str, ...],
    as_list: bool,
    as_json: bool,
    store: Path,
    model: str | None,
    **options: Any,
) -> int:
    """Quantize SOURCE into GGUF files of other types. SOURCE is a GGUF file in F16, BF16 or F32, a model's folder, a hub id, a name
    from the catalog, or `demo`.

    Each type is made in a process of its own, and its file gets its name only when it is complete. A type that fails does not stop
    the others (exit code 1). Existing files are kept. Most types below 3 bits need an importance matrix.
    """
    from qtui.runner import quantization
    from qtui.runner.quantization import QuantizationJob

    if as_list:
        return _list(source, as_json, options)
    if source is None or not types:
        raise click.UsageError("name a SOURCE and a --type (`qtui quantize --list` lists the types)")
    job = QuantizationJob(source=source, types=tuple(_unique(types)), **options)
    with recorded(store, "quantize", source, model, job.types) as record, shown_progress(_in_words) as show:

        def report(event: quantization.Step | quantization.QuantizedType) -> None:
            show(event)
            record.step(event) if isinstance(event, quantization.Step) else record.add_quantized(event)

        async def work() -> tuple[Any, list[quantization.QuantizedType]]:
            prepared = await quantization.prepare_source(job, report)
            for note in prepared.notes:
                click.echo(safe(f"note: {note}"), err=True)
            return prepared, await quantization.quantize(job, prepared, report)

        prepared, outcomes = asyncio.run(work())
    if as_json:
        print_json({"source": _source_json(prepared), "types": [_json(outcome) for outcome in outcomes]})
    else:
        _print(outcomes)
    return 1 if any(outcome.reason for outcome in outcomes) else 0


def _print(outcomes: list[Any]) -> None:
    rows = [
        [outcome.type, _bits(outcome.bits), size(outcome.file_bytes), safe(str(outcome.path))]
        for outcome in outcomes
        if outcome.path is not None
    ]
    if rows:
        Page().table(FILE_COLUMNS, rows)


def _in_words(outcome: Any) -> str | None:
    if outcome.path is None:
        return f"{outcome.type}: failed: {outcome.reason}"
    if outcome.existed:
        return f"{outcome.type}: exists, {size(outcome.file_bytes)} (overwrite it with --force)"
    fallback = (
        f"; {outcome.fallback} tensors in another type: their rows are not a multiple of 256"
        if outcome.fallback
        else ""
    )
    bits = f"{_bits(outcome.bits)} bits per weight"
    return f"{outcome.type}: {size(outcome.file_bytes)}, {bits}, {outcome.seconds:.1f} s{fallback}"


def _list(source: str | None, as_json: bool, options: dict[str, Any]) -> int:
    """Print the types; with a source, also the size that the library computes for a file of each type."""
    from qtui.engines import available
    from qtui.engines.quantizing import quantize as quantizer
    from qtui.engines.quantizing.quantization_types import facts

    available.version_of("llama.cpp")  # raises where it is not installed
    types = [facts(name) for name in quantizer.types()]
    forecasts = {}
    if source is not None:
        forecasts = _forecasts(source, [each.name for each in types], options)
    rows = sorted(types, key=lambda each: -(forecasts[each.name].bits if forecasts else each.bits or 0))
    if as_json:
        print_json({"types": [asdict(each) | _sized(forecasts.get(each.name)) for each in rows]})
        return 0
    table = []
    for each in rows:
        forecast = forecasts.get(each.name)
        bits = (forecast.bits or None) if forecast else each.bits
        table.append([each.name, each.family, _bits(bits), size(forecast.file_bytes) if forecast else "", each.needs])
    page = Page()
    columns = LIST_COLUMNS if forecasts else tuple(c for c in LIST_COLUMNS if c.label != "Size")
    page.table(columns, table if forecasts else [[*row[:3], row[4]] for row in table])
    model = safe(str(source)) if forecasts else "a 7 B Llama model"
    page.line()
    page.line(f"Bits per weight of {model}, including embeddings and output", style="dim")
    return 0


def _forecasts(source: str, names: list[str], options: dict[str, Any]) -> dict[str, Any]:
    from qtui.runner import quantization
    from qtui.runner.quantization import QuantizationJob

    with shown_progress(lambda _: None) as show:
        job = QuantizationJob(source=source, types=tuple(names), **options)
        prepared = asyncio.run(quantization.prepare_source(job, show))
    return {each.type: each for each in prepared.types}


def _sized(forecast: Any) -> dict[str, Any]:
    return {"file_bytes": forecast.file_bytes or None, "bits_here": forecast.bits or None} if forecast else {}


def _source_json(source: Any) -> dict[str, Any]:
    return {
        "path": source.path,
        "precision": source.precision,
        "parameters": source.parameters,
        "file_bytes": source.file_bytes,
    }


def _json(outcome: Any) -> dict[str, Any]:
    return asdict(outcome) | {"path": str(outcome.path) if outcome.path else None}


def _unique(types: tuple[str, ...]) -> list[str]:
    """The names in upper case, each once; `--type Q4_K_M,Q8_0` gives two."""
    return list(dict.fromkeys(name.strip().upper() for each in types for name in each.split(",") if name.strip()))


def _bits(bits: float | None) -> str:
    return "–" if bits is None else f"{bits:.2f}"
