"""Which secrets of the environment a runner and its workers get: those for the endpoints and the hub that they ask."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from qtui.endpoints import endpoint
from qtui.engines.weights.finding import DEMO
from qtui.experiment.experiment import parse
from qtui.files import named_path
from qtui.processes import child_process
from qtui.records import JudgeSpec, VariantSpec
from qtui.runner import added_judges
from qtui.store import Store, runs

KEY, HEADERS = "OPENAI_API_KEY", "OPENAI_CUSTOM_HEADERS"
"""What the openai library reads where no other key is named, and with every request."""


def keys_of_run(store: Store, run_id: int) -> child_process.Keys:
    """Return which secrets the runner of a run gets. Raises UserError if its experiment cannot be read any more."""
    [run] = runs.summaries(store, [run_id])
    specs: list[VariantSpec | JudgeSpec] = [*added_judges.judges_of(store, run_id)]
    if run.source == "run":
        stored = runs.task_set(store, run_id)
        experiment = parse(runs.definition(store, run_id), Path(run.origin), stored_tasks=stored)
        specs += [*experiment.variants, *experiment.judges]
    names = frozenset(_names(specs))
    asks_hub = any(isinstance(spec, VariantSpec) and _may_ask_hub(spec) for spec in specs)
    asks_endpoint = any(_asks_endpoint(spec) for spec in specs)
    return lambda name: (
        name in names
        or (asks_hub and child_process.keys_of_hub(name))
        or (asks_endpoint and child_process.is_proxy(name))
    )


def keys_of_worker(spec: VariantSpec) -> child_process.Keys:
    """Return which of the runner's secrets a worker gets.

    One that asks an endpoint gets all: endpoints of a run may share a server, which may repeat the key of another request, and who
    does not know a secret cannot remove it from a text.
    """
    if spec.engine == "openai":
        return child_process.every_key
    return child_process.keys_of_hub if _may_ask_hub(spec) else child_process.no_keys


def _names(specs: Iterable[VariantSpec | JudgeSpec]) -> Iterator[str]:
    for spec in specs:
        yield from endpoint.secret_variables(spec.base_url)
        if _asks_endpoint(spec):
            yield from (spec.api_key_env or KEY, HEADERS)


def _asks_endpoint(spec: VariantSpec | JudgeSpec) -> bool:
    return (spec.engine if isinstance(spec, VariantSpec) else spec.kind) == "openai"


def _may_ask_hub(spec: VariantSpec) -> bool:
    """Whether weights, or the tokenizer of an endpoint's model, may have to be downloaded."""
    return spec.weights != DEMO and not named_path.expanded(spec.weights).exists()
