"""`qtui runs` and `qtui models`: the runs in the store, and the models of the catalog."""

import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qtui.charts.batch_words import batch_lines
from qtui.cli import costs
from qtui.cli.options import json_option, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.errors import UserError
from qtui.run_progress import DAMAGED, RunSummary
from qtui.store import open_store
from qtui.store import runs as stored
from qtui.text import safe

RUN_COLUMNS = (
    Column("Run", "right"),
    Column("Experiment", flex=True),
    Column("State"),
    Column("Answers", "right"),
    Column("Grades", "right"),
    Column("Models", "right", spare=True),
    Column("Tasks", "right", spare=True),
    Column("Started"),
)
MODEL_COLUMNS = (
    Column("Model"),
    Column("Size", "right"),
    Column("Checkpoint", flex=True),
    Column("GGUF", spare=True),
    Column("License", spare=True),
)
STYLES = {
    "running": "green",
    "paused": "yellow",
    "failed": "red",
    "interrupted": "red",
    "damaged": "red",
    "cancelled": "yellow",
    "stopped": "yellow",
}


@click.command()
@click.argument("run_id", metavar="[RUN]", type=int, required=False)
@json_option
@store_option
def runs(*, run_id: int | None, as_json: bool, store: Path) -> None:
    """List the runs in the store, the newest first, with their states; or one run, with what its requests used and cost."""
    with closing(open_store(store, create=False, must_write=False)) as opened:
        summaries = stored.listed(opened, None if run_id is None else [run_id])
        if run_id is not None and not summaries:
            raise UserError(f"{store}: has no run {run_id}. `qtui runs` lists the runs.")
        whole = [run.id for run in summaries if run.state != DAMAGED and (as_json or run_id is not None)]
        spent = {each: costs.spent_costs(opened, each) for each in whole}
    if as_json:
        listed = [
            _as_json(run) | {"costs": costs.spent_json(spent[run.id]) if run.id in spent else None} for run in summaries
        ]
        print_json({"runs": listed})
        return
    page = Page()
    if not summaries:
        page.line("No runs yet. Start with `qtui demo`, `qtui run FILE` or `qtui import`.")
        return
    page.table(RUN_COLUMNS, [_cells(run) for run in summaries], [STYLES.get(run.state, "") for run in summaries])
    for run in summaries:
        reasons = [run.reason, *(f"{v.model} {v.name}: {v.reason}" for v in run.variants if v.reason)]
        # An added judge that gave no grade fails without making its run fail.
        reasons += [f"judge {j.label}: {j.reason}" for j in run.judges if j.reason not in run.reason]
        reasons += [f"judge {j.label}: {line}" for j in run.judges for line in batch_lines(j, time.time())]
        reasons += [f"cost: {line}" for line in costs.spent_lines(spent.get(run.id, ()))]
        for reason in filter(None, reasons):
            page.line(f"run {run.id}: {safe(reason)}")


@click.command()
@json_option
def models(*, as_json: bool) -> None:
    """List the models that qtui knows by name, with their checkpoints and GGUF files on the hub."""
    from qtui import catalog

    entries = catalog.entries()
    if as_json:
        print_json({"models": [asdict(entry) for entry in entries]})
        return
    page = Page()
    page.table(
        MODEL_COLUMNS,
        [
            [safe(e.name), safe(e.parameters), safe(e.hf_repo), safe(e.gguf_repo or "–"), safe(e.license)]
            for e in entries
        ],
    )


def _cells(run: RunSummary) -> list[str]:
    graded = sum(judge.graded for judge in run.judges)
    return [
        str(run.id),
        safe(run.experiment),
        run.state,
        f"{run.answered}/{run.expected}",
        str(graded) if run.judges else "–",
        str(len(run.models)),
        str(run.tasks),
        time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started or run.created)),
    ]


def _as_json(run: RunSummary) -> dict[str, Any]:
    facts_by_variant = [variant.facts.values() for variant in run.variants]
    variants = [
        variant | {"facts": facts} for variant, facts in zip(asdict(run)["variants"], facts_by_variant, strict=True)
    ]
    return asdict(run) | {
        "variants": variants,
        "answered": run.answered,
        "expected": run.expected,
        "active": run.active,
        "active_seconds": run.active_seconds(time.time()),
    }
