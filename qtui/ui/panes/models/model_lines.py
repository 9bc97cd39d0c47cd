"""A model as lines of text: its variants as they ran here, its files, and its background from the catalog."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from rich.style import Style
from rich.text import Text

from qtui.catalog import Entry
from qtui.charts.role_words import followed
from qtui.format import size
from qtui.records import UNKNOWN
from qtui.text import cut, safe, wrap
from qtui.ui.panes.models.file_lines import job_lines, type_lines
from qtui.ui.panes.models.known_models import KnownModel, bits_per_weight
from qtui.ui.panes.models.text_table import text_table
from qtui.ui.widgets.columns import Column

VARIANT_COLUMNS = (
    Column("variant", most=30),
    Column("engine", most=12, drop=2),
    Column("size", align="right"),
    Column("bits/weight", align="right", drop=1),
    Column("tok/s", align="right"),
    Column("memory", align="right"),
    Column("load", align="right", drop=3),
)
LABEL_CELLS = 18
WIDEST = 100
TWO_COLUMNS, GAP = 140, 3
SLIDING = (
    "attention covers the last {:,} tokens; llama.cpp attends to all tokens: keep prompt and answer within the window"
)
STUDY_PROMPTS = {"official": "as in the model card", "own": "the study's own, not the model card's; not part of qtui"}


def model_lines(model: KnownModel, cells: int, styles: Mapping[str, Style]) -> list[Text]:
    """Return lines of at most `cells` cells; `styles` as for run_lines. On a wide screen the catalog entry is beside the rest."""
    title = Text.assemble((cut(safe(model.name), cells), styles["strong"]))
    if cells < TWO_COLUMNS:
        column = min(cells, WIDEST)
        return [title, *_lines_here(model, column, styles), *_catalog_lines(model, column, styles)]
    left = min(WIDEST, (cells - GAP) // 2)
    here, background = (
        list(lines) for lines in (_lines_here(model, left, styles), _catalog_lines(model, cells - left - GAP, styles))
    )
    if not here:
        return [title, *_catalog_lines(model, WIDEST, styles)]
    return [title, *(_beside(a, left + GAP, b) for a, b in zip_longest(here, background, fillvalue=Text()))]


def _beside(left: Text, cells: int, right: Text) -> Text:
    return Text.assemble(left, " " * (cells - left.cell_len), right)


def _lines_here(model: KnownModel, cells: int, styles: Mapping[str, Style]) -> Iterator[Text]:
    """Yield the variants, jobs and files of this machine."""
    if model.variants:
        title, *rows = text_table(VARIANT_COLUMNS, _variant_rows(model), cells - 1)
        yield Text()
        yield Text.assemble((" " + title, styles["quiet"]))
        yield from (Text(" " + row) for row in rows)
    yield from job_lines(model.jobs, cells, styles)
    yield from type_lines(model.type_files, cells, styles)
    if model.files:
        heading = "Other files on this machine" if model.type_files else "Files on this machine"
        yield Text()
        yield Text.assemble((heading, styles["strong"]))
        for file in model.files:
            yield from _pair(size(file.bytes, 0), str(file.path), cells, styles)


def _catalog_lines(model: KnownModel, cells: int, styles: Mapping[str, Style]) -> Iterator[Text]:
    if model.entry is None:
        return
    yield Text()
    yield Text.assemble(("Catalog", styles["strong"]))
    for label, value in _background(model.entry):
        yield from _pair(label, value, cells, styles)


def _variant_rows(model: KnownModel) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for variant in model.variants:
        facts = variant.facts
        bits = bits_per_weight(variant, model.parameters)
        speed, load = facts.tokens_per_second, facts.load_seconds
        memory = (facts.peak_rss_bytes or facts.rss_bytes or 0, "")
        gpu = (facts.peak_gpu_bytes or facts.gpu_bytes or 0, " GPU")
        rows.append(
            (
                followed(variant.name, variant.role),
                variant.engine,
                size(facts.file_bytes, 0) if facts.file_bytes else "",
                f"{bits:.2f}" if bits else "",
                f"{speed:.1f}" if speed else "",
                " + ".join(size(number, 0) + where for number, where in (memory, gpu) if number),
                f"{load:.1f} s" if load else "",
            )
        )
    return rows


def _background(entry: Entry) -> Iterator[tuple[str, str]]:
    gguf = f"{entry.gguf_repo}: {entry.gguf_file}" if entry.gguf_repo and entry.gguf_file else ""
    if gguf and entry.gguf_bytes:
        gguf += f" ({size(entry.gguf_bytes, 0)})"
    pairs = (
        ("Family", entry.family),
        ("Parameters", entry.parameters),
        ("Base model", entry.base_model),
        ("Tokenizer", entry.tokenizer),
        ("Pretraining data", entry.pretraining_data),
        ("Pretraining tokens", entry.pretraining_tokens),
        ("Fine-tuning data", entry.finetuning_data),
        ("Training method", entry.training_method),
        ("Context", f"{entry.context_length:,} tokens" if entry.context_length else ""),
        ("Sliding window", SLIDING.format(entry.sliding_window) if entry.sliding_window else ""),
        ("Vocabulary", f"{entry.vocab_size:,}" if entry.vocab_size else ""),
        ("Architecture", entry.architecture + (", with custom code" if entry.trust_remote_code else "")),
        ("Weights dtype", entry.dtype),
        ("License", entry.license),
        ("Checkpoint", entry.hf_repo),
        ("GGUF", gguf),
        ("Study's prompt", STUDY_PROMPTS.get(entry.study_prompt, "")),
        ("Study's sampling", entry.study_sampling),
        ("Prompt", entry.prompt or "the tokenizer's chat template"),
        ("System", entry.system or ""),
        ("Stop strings", ", ".join(repr(text) for text in entry.stop)),
    )
    return ((label, value) for label, value in pairs if value and value != UNKNOWN)


def _pair(label: str, value: str, cells: int, styles: Mapping[str, Style]) -> Iterator[Text]:
    for number, part in enumerate(wrap(safe(value), max(10, cells - LABEL_CELLS - 3))):
        head = label if number == 0 else ""
        yield Text.assemble((f" {head:<{LABEL_CELLS}}  ", styles["quiet"]), part)
