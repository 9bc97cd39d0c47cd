"""The quantized and measured files of a model as lines: a table, a bar per type, and the job in progress."""

from collections.abc import Iterator, Mapping, Sequence

from rich.style import Style
from rich.text import Text

from qtui.charts.type_bars import TypeBar, speed, type_bar_lines
from qtui.format import size
from qtui.store.quantization_jobs import GgufFile, QuantizationJob
from qtui.text import safe, wrap
from qtui.ui.panes.models.text_table import text_table
from qtui.ui.panes.runs.run_lines import role, state_text
from qtui.ui.widgets.columns import Column

COLUMNS = (
    Column("type", most=12),
    Column("size", align="right"),
    Column("bits/weight", align="right", drop=1),
    Column("memory", align="right", drop=2),
    Column("prompt tok/s", align="right", drop=3),
    Column("tok/s", align="right"),
    Column("± %", align="right", drop=4),
)
WHOLE = ("F32", "F16", "BF16")
_VERB = {"quantize": "Quantizing", "bench": "Measuring"}
_ROLES = {"baseline": "active", "candidate": "bar", "faint": "quiet"}


def type_lines(files: Sequence[GgufFile], cells: int, styles: Mapping[str, Style]) -> Iterator[Text]:
    """Return the table of types, empty without files; with bars if at least two types were measured."""
    if not files:
        return
    yield Text()
    yield Text.assemble(("Types on this machine", styles["strong"]))
    title, *rows = text_table(COLUMNS, [_row(file) for file in files], cells - 1)
    yield Text.assemble((" " + title, styles["quiet"]))
    yield from (Text(" " + row) for row in rows)
    measured = [file for file in files if file.facts.get("speed")]
    if len(measured) > 1:
        yield Text()
        for line in type_bar_lines([_bar(file) for file in measured], cells - 1):
            parts = ((text, styles.get(_ROLES.get(kind, ""), Style())) for text, kind in line)
            yield Text.assemble(" ", *parts)
        yield from _conditions(measured[0], cells, styles)
    yield from _folders(files, cells, styles)


def job_lines(jobs: Sequence[QuantizationJob], cells: int, styles: Mapping[str, Style]) -> Iterator[Text]:
    """Return the jobs in progress, and the latest job if it did not succeed."""
    shown = [each for i, each in enumerate(jobs) if each.state == "running" or (i == 0 and each.state != "done")]
    for each in shown:
        fraction = f" {each.fraction:.0%}" if each.fraction else ""
        types = ", ".join(each.types)
        text = f"{_VERB[each.kind]}{' ' + types if types else ''}: {each.phase or each.state}{fraction}"
        if each.reason:
            text = f"{_VERB[each.kind]}: {each.reason}"
        yield Text()
        for i, part in enumerate(wrap(safe(text), max(10, cells - 16))):
            head = state_text(each.state) if i == 0 else ""
            yield Text.assemble((f"{head:<14} ", styles[role(each.state)]), part)


def _row(file: GgufFile) -> tuple[str, ...]:
    facts = file.facts
    memory = facts.get("gpu_bytes") or facts.get("memory_bytes")
    bits = facts.get("bits")
    return (
        file.type,
        size(facts.get("file_bytes")),
        f"{bits:.2f}" if bits else "",
        size(memory) + (" GPU" if facts.get("gpu_bytes") else "") if memory else "",
        speed(facts["prompt_speed"]) if facts.get("prompt_speed") else "",
        speed(facts["speed"]) if facts.get("speed") else "",
        _spread(facts.get("speed"), facts.get("speed_range")),
    )


def _spread(median: float | None, reach: list[float] | None) -> str:
    """Return half the range from the slowest to the fastest repeat, in percent of the median."""
    return f"{(reach[1] - reach[0]) / 2 / median * 100:.0f}" if median and reach else ""


def _bar(file: GgufFile) -> TypeBar:
    facts = file.facts
    fastest = (facts.get("speed_range") or (None, None))[1]
    return TypeBar(safe(file.type), facts.get("file_bytes") or 0, facts["speed"], fastest, file.type in WHOLE)


def _conditions(file: GgufFile, cells: int, styles: Mapping[str, Style]) -> Iterator[Text]:
    facts = file.facts
    text = (
        f"{facts.get('prompt_tokens')} prompt tokens, {facts.get('new_tokens')} new tokens, "
        f"median of {facts.get('repeats')} repeats; "
        f"{facts.get('device')}, {facts.get('threads')} threads, {facts.get('engine_version')}"
    )
    for part in wrap(safe(text), max(10, cells - 2)):
        yield Text.assemble((" " + part, styles["quiet"]))


def _folders(files: Sequence[GgufFile], cells: int, styles: Mapping[str, Style]) -> Iterator[Text]:
    for folder in dict.fromkeys(file.path.parent for file in files):
        for part in wrap(safe(f"in {folder}"), max(10, cells - 2)):
            yield Text.assemble((" " + part, styles["quiet"]))
