"""What requests to endpoints will cost and what they cost, as lines of commands."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from qtui import config
from qtui.charts import cost_words
from qtui.cli.page import Page
from qtui.figures.costs import PlannedCost, SpentCost
from qtui.figures.json_form import to_json
from qtui.records import JudgeSpec
from qtui.store import Store, open_store
from qtui.text import safe


def planned_lines(costs: Sequence[PlannedCost]) -> list[str]:
    """Return a sentence for each cost, and their sum. The caller makes them safe."""
    return [*map(cost_words.planned_line, costs), *cost_words.planned_total(costs)]


def planned_json(costs: Sequence[PlannedCost]) -> list[dict[str, Any]]:
    """Return the costs for programs, each with its sentence."""
    return [{**to_json(cost), "sentence": cost_words.planned_line(cost)} for cost in costs]


def say_planned(costs: Sequence[PlannedCost]) -> None:
    """Print on stderr what is about to be asked; nothing if everything is in the store."""
    if any(cost.requests[1] for cost in costs):
        _say(planned_lines(costs))


def spent_costs(store: Store, run_id: int) -> tuple[SpentCost, ...]:
    """Return what a run cost, at the prices that are set now."""
    from qtui.results.spent_costs import spent

    return spent(store, run_id, config.load().prices)


def spent_json(costs: Iterable[SpentCost]) -> list[dict[str, Any]]:
    """Return the costs for programs, each with its sentence."""
    return [{**to_json(cost), "sentence": cost_words.spent_line(cost)} for cost in costs]


def spent_lines(costs: Sequence[SpentCost]) -> list[str]:
    """Return a sentence for each cost, and their sum. The caller makes them safe."""
    return [*map(cost_words.spent_line, costs), *cost_words.spent_total(costs)]


def say_spent(store: Store, run_id: int) -> None:
    """Print on stderr what a run's answers and grades used."""
    _say(spent_lines(spent_costs(store, run_id)))


def print_planned_judge(store_path: Path, run_ids: Sequence[int], spec: JudgeSpec, *, as_json: bool) -> None:
    """Print what a judge of these runs will ask and cost, without asking."""
    from qtui.cli.page import print_json
    from qtui.runner import planned_costs

    prices = config.load().prices
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        costs = [cost for run_id in run_ids for cost in planned_costs.of_judge(store, run_id, spec, prices)]
    if as_json:
        print_json({"costs": planned_json(costs)})
        return
    page = Page()
    for cost in costs:
        page.line(safe(f"run {cost.run_id}: {cost_words.planned_line(cost)}"))
    for line in cost_words.planned_total(costs):
        page.line(safe(line))
    if not costs:
        page.line(f"judge {safe(spec.label)}: asks no endpoint, and costs nothing")


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(safe(f"cost: {line}").replace("\n", " "), err=True)
