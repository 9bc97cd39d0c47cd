"""`qtui quantize`: GGUF files of several types from one model."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qtui.charts.figures import size
from qtui.cli.options import json_option, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.cli.quantization_job import conversion_options, recorded, shown_progress
from qtui.text import safe

LIST_COLUMNS = (
    Column("Type"),
    Column("Family"),
    Column("Bits/weight", "right"),
    Column("Size", "right"),
    Column("Needs", flex=True),
)
MADE_COLUMNS = (Column("Type"), Column("Bits/weight", "right"), Column("Size", "right"), Column("File"))


@click.command()
@click.argument("source", required=False)
@click.option("--type", "types", metavar="TYPE", multiple=True, help="A type to make; may be given several times.")
@click.option("--force", is_flag=True, help="Make files anew that are there already.")
@click.option("--list", "as_list", is_flag=True, help="Show the types; with a SOURCE, how large each would be of it.")
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
    """Make GGUF files of other types from SOURCE: a GGUF file in F16, BF16 or F32, a model's folder, a hub id, a name of the
    catalog, or `demo`.

    Each type is made in a process of its own and appears under its name when it is whole; one that fails does not stop the others
    (exit code 1). What is there is kept. Types below 3 bits mostly need an importance matrix.
    """
    from qtui.runner import quantization
    from qtui.runner.quantization import QuantizationJob

    if as_list:
        return _list(source, as_json, options)
    if source is None or not types:
        raise click.UsageError("name a SOURCE and a --type (`qtui quantize --list` shows the types)")
    wish = QuantizationJob(source=source, types=tuple(_unlike(types)), **options)
    with recorded(store, "quantize", source, model, wish.types) as record, shown_progress(_said) as talk:

        def tell(news: quantization.Step | quantization.QuantizedType) -> None:
            talk(news)
            record.step(news) if isinstance(news, quantization.Step) else record.made(news)

        async def work() -> tuple[Any, list[quantization.QuantizedType]]:
            found = await quantization.prepare_source(wish, tell)
            return found, await quantization.quantize(wish, found, tell)

        found, outcomes = asyncio.run(work())
    if as_json:
        print_json({"source": _source_json(found), "types": [_json(made) for made in outcomes]})
    else:
        _print(outcomes)
    return 1 if any(made.reason for made in outcomes) else 0


def _print(outcomes: list[Any]) -> None:
    made = [outcome for outcome in outcomes if outcome.path is not None]
    rows = [[m.type, _bits(m.bits), size(m.file_bytes), safe(str(m.path))] for m in made]
    if rows:
        Page().table(MADE_COLUMNS, rows)


def _said(news: Any) -> str | None:
    if news.path is None:
        return f"{news.type}: not made: {news.reason}"
    if news.kept:
        return f"{news.type}: there already, {size(news.file_bytes)} (--force makes it anew)"
    other = f"; {news.fallback} tensors in another type, for their rows are no multiple of 256" if news.fallback else ""
    return f"{news.type}: {size(news.file_bytes)}, {_bits(news.bits)} bits per weight, {news.seconds:.1f} s{other}"


def _list(source: str | None, as_json: bool, options: dict[str, Any]) -> int:
    """The types; with a source their sizes of it, by the library's own reckoning."""
    from qtui.engines import available
    from qtui.engines.quantizing import quantize as quantizer
    from qtui.engines.quantizing.quantization_types import facts

    available.version_of("llama.cpp")  # raises where it is not installed
    known = [facts(name) for name in quantizer.types()]
    forecasts = {}
    if source is not None:
        forecasts = _forecasts(source, [each.name for each in known], options)
    rows = sorted(known, key=lambda each: -(forecasts[each.name].bits if forecasts else each.bits or 0))
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
    whose = safe(str(source)) if forecasts else "a Llama of 7 B"
    page.line()
    page.line(f"Bits per weight of {whose}, embeddings and output included", style="dim")
    return 0


def _forecasts(source: str, names: list[str], options: dict[str, Any]) -> dict[str, Any]:
    from qtui.runner import quantization
    from qtui.runner.quantization import QuantizationJob

    with shown_progress(lambda _: None) as talk:
        found = asyncio.run(
            quantization.prepare_source(QuantizationJob(source=source, types=tuple(names), **options), talk)
        )
    return {each.type: each for each in found.types}


def _sized(forecast: Any) -> dict[str, Any]:
    return {"file_bytes": forecast.file_bytes or None, "bits_here": forecast.bits or None} if forecast else {}


def _source_json(found: Any) -> dict[str, Any]:
    return {
        "path": found.path,
        "precision": found.precision,
        "parameters": found.parameters,
        "file_bytes": found.file_bytes,
    }


def _json(made: Any) -> dict[str, Any]:
    return asdict(made) | {"path": str(made.path) if made.path else None}


def _unlike(types: tuple[str, ...]) -> list[str]:
    """`--type Q4_K_M,Q8_0` is two types, and naming one twice is naming it once."""
    return list(dict.fromkeys(name.strip().upper() for each in types for name in each.split(",") if name.strip()))


def _bits(bits: float | None) -> str:
    return "–" if bits is None else f"{bits:.2f}"
