"""`qtui lengths`: lengths of the answers of baseline and candidate, and what else can be counted without a judge."""

from collections.abc import Mapping
from pathlib import Path

import click
from rich.text import Text

from qtui.charts.length_violins import page as violin_page
from qtui.charts.lines import Role
from qtui.charts.role_words import is_yardstick, titled
from qtui.cli.options import chosen_runs, json_option, runs_options, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.figures.json_form import to_json
from qtui.figures.length_densities import Distributions
from qtui.figures.lengths import LengthTable, PairLengths, Part, VariantLengths
from qtui.format import NONE, change, number, signed, span
from qtui.results.length_densities import distributions
from qtui.results.length_figures import length_rows
from qtui.text import safe

VARIANT_COLUMNS = (
    Column("Model", flex=True),
    Column("Variant"),
    *(Column(label, "right") for label in ("n", "Median", "Mean")),
    Column("SD", "right", spare=True),
    Column("Max", "right", spare=True),
    *(Column(label, "right") for label in ("Empty", "<20", "Loop", "Cut")),
    Column("Shape"),
)
PAIR_COLUMNS = (
    Column("Model", flex=True),
    Column("Variants"),
    *(Column(label, "right") for label in ("Mean Δ", "Change", "95 % interval", "p", "δ", "Same")),
)
ROLES: dict[Role, str] = {
    "strong": "bold", "faint": "dim", "warning": "yellow", "candidate": "cyan", "candidate-reversed": "cyan reverse",
    "baseline-mark": "bold", "candidate-mark": "bold",
}  # fmt: skip
SHAPES = {"no-clear-peak": "no peak", "unclassified": "–", None: "–"}


@click.command()
@runs_options
@click.option("--thinking", is_flag=True, help="Show the lengths of thoughts instead of those of answers.")
@json_option
@store_option
def lengths(*, experiment: str | None, run_id: int | None, thinking: bool, as_json: bool, store: Path) -> None:
    """Show the lengths of the answers in characters, the shapes of their distributions, and candidate against baseline."""
    run_ids = chosen_runs(store, experiment, run_id)
    part: Part = "thinking" if thinking else "answer"
    rows = length_rows(store, run_ids, part)
    if as_json:
        print_json(to_json(rows))
    else:
        print_lengths(rows, part)
        print_violins(rows, distributions(store, run_ids, "linear", part))


def print_lengths(table: LengthTable, part: Part = "answer") -> None:
    """Print a table of variants and one of pairs per run, then the legend."""
    page = Page()
    of_thoughts = " of thoughts" if part == "thinking" else ""
    runs = dict.fromkeys((row.run_id, row.experiment) for row in table.variants)
    if not runs:
        page.line("No answers yet." if part == "answer" else "No answer has thoughts.")
    for run_id, experiment in runs:
        page.line(
            f"{safe(experiment)} (run {run_id}): characters{of_thoughts}, without surrounding whitespace", style="bold"
        )
        page.line()
        page.table(VARIANT_COLUMNS, [_variant(row) for row in table.variants if row.run_id == run_id])
        page.line()
        pairs = [row for row in table.pairs if row.run_id == run_id]
        if pairs:
            page.table(PAIR_COLUMNS, [_pair(row) for row in pairs])
            page.line()
        _print_behaviour(page, pairs)
        _print_thinking(page, [row for row in table.variants if row.run_id == run_id])
    page.line("<20: shorter than 20 characters; Loop: repeats itself; Cut: cut off at the token limit", style="dim")
    if table.pairs:
        legend = "Δ: candidate − baseline; 95 % interval: bootstrap over tasks; p: Wilcoxon; δ: Cliff's delta"
        page.line(f"{legend}; Same: equal answers", style="dim")
    for note in table.notes:
        page.line(safe(note), style="dim")


def print_violins(rows: LengthTable, densities: Distributions) -> None:
    """Print the violins of the Lengths pane. Nothing in a pipe."""
    page = Page()
    if page.columns is None or not rows.variants:
        return
    page.line()
    for line in violin_page(rows, densities, cells=page.columns):
        page.text(Text.assemble(*((piece, ROLES.get(role, "")) for piece, role in line)))


def _variant(row: VariantLengths) -> list[str]:
    lengths_of, flags = row.stripped, row.flags
    return [
        safe(row.model),
        titled(safe(row.variant), row.role),
        str(lengths_of.n),
        number(lengths_of.median, 0),
        number(lengths_of.mean, 0),
        number(lengths_of.sd, 0),
        NONE if lengths_of.max is None else str(lengths_of.max),
        *(_count(flags, name) for name in ("empty_strip", "lt20_strip", "loop", "truncated")),
        SHAPES.get(row.shape, row.shape or "–"),
    ]


def _count(flags: Mapping[str, int | None], name: str) -> str:
    value = flags.get(name)
    return "?" if value is None else str(value)


def _pair(row: PairLengths) -> list[str]:
    lengths_of, p = row.stripped, row.stripped.wilcoxon_p
    return [
        safe(row.model),
        # A control arm or noise floor is shown without the baseline's name: both do not fit a narrow terminal.
        titled(safe(row.candidate), row.role)
        if is_yardstick(row.role)
        else f"{safe(row.baseline)} → {safe(row.candidate)}",
        signed(lengths_of.mean_diff, 0),
        change(lengths_of.rel_change_mean),
        span(lengths_of.boot95, 0),
        NONE if p is None else "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0"),
        signed(lengths_of.cliffs_delta, 2),
        str(row.identical),
    ]


def _print_thinking(page: Page, variants: list[VariantLengths]) -> None:
    thinking = [row for row in variants if row.thoughts]
    for row in thinking:
        tokens = "an unknown number of" if row.thinking_tokens is None else number(row.thinking_tokens)
        unfinished = row.flags.get("unfinished_thought") or 0
        page.line(
            f"{safe(row.model)}: {safe(row.variant)} thought in {row.thoughts} of {row.stripped.n} answers, on average for "
            f"{tokens} tokens; {unfinished} thoughts are unfinished"
        )
    if thinking:
        page.line()


def _print_behaviour(page: Page, pairs: list[PairLengths]) -> None:
    found = [row for row in pairs if row.behaviour_reasons]
    for row in found:
        reasons = "; ".join(map(safe, row.behaviour_reasons))
        verb = "behaves differently" if row.behaviour == "changed" else "has other flags"
        page.line(f"{safe(row.model)}: {safe(row.candidate)} {verb}: {reasons}")
    if found:
        page.line()
