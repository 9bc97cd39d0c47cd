"""What the panes look at: which runs, which model of which run, what it is compared with, which task, which judge.

One value on the main screen, so that a model chosen in Scores is the model that Compare shows. The screen keeps it true to the
store: what was chosen stays as long as it exists, what was not chosen is filled in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qtui.records import RunSummary, VariantProgress

Pair = tuple[int, str]
"""Run id and model."""
NOTHING_KNOWN: Mapping[Pair, str] = {}


@dataclass(frozen=True, slots=True)
class Scope:
    """Empty fields mean that the store has nothing to choose from (yet). Panes get it filled in."""

    run_ids: tuple[int, ...] = ()
    """The runs in view: the latest of each experiment, or the one that was narrowed to."""
    narrowed: bool = False
    """Whether `run_ids` was chosen by the user; otherwise a new run comes into view by itself."""
    run_id: int | None = None
    """The run of the selected model."""
    model: str | None = None
    baseline: str | None = None
    candidate: str | None = None
    """Variants of the selected model: what is compared against, and what is being judged."""
    candidate_chosen: bool = False
    """Whether the user chose the candidate; otherwise it is the one whose answers differ most, as far as that is known."""
    task: int = 1
    """1-based position in the task set."""
    judge: str | None = None
    """Label of the judge whose grades are shown."""
    order: str = "task"
    """What the tasks are sorted by, and next and previous follow: a name of `task_list.ORDERS`."""
    text: str = ""
    """Only tasks that contain this (or an answer to which does) are listed; empty lists all."""
    flagged: bool = False
    """Only tasks with something to look at are listed: a flag or a star."""


def resolve(scope: Scope, runs: Sequence[RunSummary], most_changed: Mapping[Pair, str] = NOTHING_KNOWN) -> Scope:
    """The scope with everything that the store lacks dropped and everything not chosen filled in. `runs`: newest first.

    `most_changed` names candidates whose answers differ most from their baseline's, for the models that one is known of.
    """
    by_id = {run.id: run for run in runs}
    run_ids = tuple(run_id for run_id in scope.run_ids if run_id in by_id) if scope.narrowed else ()
    narrowed = bool(run_ids)
    run_ids = run_ids or latest_of_each_experiment(runs)
    scope = replace(scope, run_ids=run_ids, narrowed=narrowed)
    pairs = models(scope, runs)
    if (scope.run_id, scope.model) not in pairs:
        # The same model in another run (a new one of the same experiment) is nearer to what was chosen than the first of all.
        same = [pair for pair in pairs if pair[1] == scope.model]
        chosen = next(iter(same or _newest_first(pairs, runs)), None)
        scope = replace(scope, run_id=chosen and chosen[0], model=chosen and chosen[1])
    if scope.run_id is None:
        return replace(scope, baseline=None, candidate=None, candidate_chosen=False, judge=None, task=1)
    run = by_id[scope.run_id]
    return replace(
        _with_variants(
            scope, [v for v in run.variants if v.model == scope.model], most_changed.get((run.id, scope.model or ""))
        ),
        judge=_judge(scope, runs),
        task=min(max(1, scope.task), max(1, run.tasks)),
    )


def latest_of_each_experiment(runs: Sequence[RunSummary]) -> tuple[int, ...]:
    """Ids in rising order; `runs` is newest first."""
    newest: dict[str, int] = {}
    for run in runs:
        newest.setdefault(run.experiment, run.id)
    return tuple(sorted(newest.values()))


def models(scope: Scope, runs: Sequence[RunSummary]) -> list[Pair]:
    """(run id, model) of everything in view, in the order that the panes list it."""
    by_id = {run.id: run for run in runs}
    return [(run_id, model) for run_id in scope.run_ids if run_id in by_id for model in by_id[run_id].models]


def repeated_models(scope: Scope, runs: Sequence[RunSummary]) -> frozenset[str]:
    """Models that more than one run in view has: naming one takes its experiment."""
    found = [model for _, model in models(scope, runs)]
    return frozenset(model for model in found if found.count(model) > 1)


def judges(scope: Scope, runs: Sequence[RunSummary]) -> list[str]:
    """Labels of the judges of the runs in view, each once."""
    return list(dict.fromkeys(j.label for run in runs if run.id in scope.run_ids for j in run.judges))


def _newest_first(pairs: Sequence[Pair], runs: Sequence[RunSummary]) -> list[Pair]:
    """A run that has answers before one that has none yet, then the newest."""
    order = {run.id: (not run.answered, position) for position, run in enumerate(runs)}
    return sorted(pairs, key=lambda pair: order[pair[0]])


def _with_variants(scope: Scope, variants: Sequence[VariantProgress], most_changed: str | None) -> Scope:
    names = [v.name for v in variants]
    # Never carried over from another model: where that has one variant alone, it may be this one's candidate.
    baseline = _default_baseline(variants)
    others = [name for name in names if name != baseline]
    chosen = scope.candidate_chosen and scope.candidate in others
    # A control arm or a noise floor is looked at when asked for: what quantization did comes first.
    candidates = candidates_of(variants, baseline)
    wanted = (scope.candidate, most_changed) if chosen else (most_changed, scope.candidate)
    candidate = next((name for name in wanted if name in others), next(iter(candidates or others), None))
    return replace(scope, baseline=baseline, candidate=candidate, candidate_chosen=chosen)


def candidates_of(variants: Sequence[VariantProgress], baseline: str | None) -> list[str]:
    """Names of what is judged: neither the baseline nor a yardstick beside it."""
    return [v.name for v in variants if v.name != baseline and v.role == "candidate"]


def _default_baseline(variants: Sequence[VariantProgress]) -> str | None:
    marked = [v.name for v in variants if v.is_baseline]
    return marked[0] if marked else (variants[0].name if variants else None)


def _judge(scope: Scope, runs: Sequence[RunSummary]) -> str | None:
    """What was chosen, else the judge that graded most of the selected run (both sides, and not one alone), of equals the first."""
    known = judges(scope, runs)
    if scope.judge in known:
        return scope.judge
    own = [j for run in runs if run.id == scope.run_id for j in run.judges]
    return max(own, key=lambda j: j.graded / max(1, j.takes)).label if own else next(iter(known), None)
