"""The scope: which runs, model, baseline, candidate, task and judge the panes show.

One value on the main screen, so that a model chosen in Scores is the model that Compare shows. The screen matches it with the
store: a choice stays as long as it exists, everything else is filled in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qtui.run_progress import JudgeProgress, RunSummary, VariantProgress

Pair = tuple[int, str]
"""Run id and model."""
NOTHING_KNOWN: Mapping[Pair, str] = {}


@dataclass(frozen=True, slots=True)
class Among:
    """Tasks of a pair that a pane has chosen, to be listed alone: those behind a bar or a point of a plot."""

    pair: tuple[int, str, str, str]
    """Run id, model, baseline, candidate."""
    tasks: tuple[int, ...]
    words: str
    """What they have in common, safe: `Q4_K_M, 30–58 characters`."""
    pane: str
    """The pane that chose them, to which Esc leads back."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Fields are None if the store has nothing to choose from (yet)."""

    run_ids: tuple[int, ...] = ()
    """The runs shown: the latest of each experiment, or the one that the user chose."""
    narrowed: bool = False
    """Whether the user chose `run_ids`; otherwise a new run is included automatically."""
    run_id: int | None = None
    """The run of the selected model."""
    model: str | None = None
    baseline: str | None = None
    candidate: str | None = None
    """Variants of the selected model: the one compared with, and the one under test."""
    candidate_chosen: bool = False
    """Whether the user chose the candidate; otherwise it is the one whose answers differ most, once that is determined."""
    task: int = 1
    """1-based position in the task set."""
    judge: str | None = None
    """Label of the judge whose grades are shown, or of the scorer whose scores are."""
    order: str = "task"
    """The order of tasks, also for next and previous: one of `task_list.ORDERS`."""
    text: str = ""
    """List only tasks that contain this text, or whose answers do; empty lists all."""
    flagged: bool = False
    """List only tasks with a flag or a star."""
    among: Among | None = None
    """List only these tasks, as long as their pair is looked at."""


def resolve(scope: Scope, runs: Sequence[RunSummary], most_changed: Mapping[Pair, str] = NOTHING_KNOWN) -> Scope:
    """Return the scope without choices that no longer exist, and with empty fields filled in. `runs`: newest first.

    `most_changed` names, per model, the candidate whose answers differ most from the baseline's, where determined.
    """
    by_id = {run.id: run for run in runs}
    run_ids = tuple(run_id for run_id in scope.run_ids if run_id in by_id) if scope.narrowed else ()
    narrowed = bool(run_ids)
    run_ids = run_ids or latest_of_each_experiment(runs)
    scope = replace(scope, run_ids=run_ids, narrowed=narrowed)
    pairs = models(scope, runs)
    if (scope.run_id, scope.model) not in pairs:
        # The same model in another run (a new one of the same experiment) is closer to the choice than the first model.
        same = [pair for pair in pairs if pair[1] == scope.model]
        chosen = next(iter(same or _newest_first(pairs, runs)), None)
        scope = replace(scope, run_id=chosen and chosen[0], model=chosen and chosen[1])
    if scope.run_id is None:
        return replace(scope, baseline=None, candidate=None, candidate_chosen=False, judge=None, task=1, among=None)
    run = by_id[scope.run_id]
    scope = _with_variants(
        scope, [v for v in run.variants if v.model == scope.model], most_changed.get((run.id, scope.model or ""))
    )
    return replace(
        scope,
        judge=_judge(scope, runs),
        task=min(max(1, scope.task), max(1, run.tasks)),
        among=scope.among if scope.among is not None and scope.among.pair == pair_of(scope) else None,
    )


def pair_of(scope: Scope) -> tuple[int, str, str, str] | None:
    """Return run id, model, baseline and candidate of the pair that is looked at; None without a candidate."""
    if scope.run_id is None or scope.model is None or scope.baseline is None or scope.candidate is None:
        return None
    return scope.run_id, scope.model, scope.baseline, scope.candidate


def latest_of_each_experiment(runs: Sequence[RunSummary]) -> tuple[int, ...]:
    """Return ids in ascending order; `runs` is newest first."""
    newest: dict[str, int] = {}
    for run in runs:
        newest.setdefault(run.experiment, run.id)
    return tuple(sorted(newest.values()))


def models(scope: Scope, runs: Sequence[RunSummary]) -> list[Pair]:
    """Return (run id, model) of everything shown, in the order of the panes."""
    by_id = {run.id: run for run in runs}
    return [(run_id, model) for run_id in scope.run_ids if run_id in by_id for model in by_id[run_id].models]


def repeated_models(scope: Scope, runs: Sequence[RunSummary]) -> frozenset[str]:
    """Return models that more than one shown run has: their names need the experiment."""
    names = [model for _, model in models(scope, runs)]
    return frozenset(model for model in names if names.count(model) > 1)


def judges(scope: Scope, runs: Sequence[RunSummary]) -> list[str]:
    """Return the labels of the shown runs' judges, each once, then those of their scorers, which are chosen in the same way."""
    shown = [run for run in runs if run.id in scope.run_ids]
    labels = [judge.label for run in shown for judge in run.judges]
    return list(dict.fromkeys([*labels, *(scorer.label for run in shown for scorer in run.scorers)]))


def _newest_first(pairs: Sequence[Pair], runs: Sequence[RunSummary]) -> list[Pair]:
    """Sort runs with answers before runs without, then the newest first."""
    order = {run.id: (not run.answered, position) for position, run in enumerate(runs)}
    return sorted(pairs, key=lambda pair: order[pair[0]])


def _with_variants(scope: Scope, variants: Sequence[VariantProgress], most_changed: str | None) -> Scope:
    names = [v.name for v in variants]
    # Never carried over from another model: its only variant may be the candidate here.
    baseline = _default_baseline(variants)
    others = [name for name in names if name != baseline]
    chosen = scope.candidate_chosen and scope.candidate in others
    # A control arm or noise floor is shown only on request: the effect of quantization comes first.
    candidates = candidates_of(variants, baseline)
    preferred = (scope.candidate, most_changed) if chosen else (most_changed, scope.candidate)
    candidate = next((name for name in preferred if name in others), next(iter(candidates or others), None))
    return replace(scope, baseline=baseline, candidate=candidate, candidate_chosen=chosen)


def candidates_of(variants: Sequence[VariantProgress], baseline: str | None) -> list[str]:
    """Return the names of the candidates: neither the baseline, a control arm nor a noise floor."""
    return [v.name for v in variants if v.name != baseline and v.role == "candidate"]


def _default_baseline(variants: Sequence[VariantProgress]) -> str | None:
    marked = [v.name for v in variants if v.is_baseline]
    return marked[0] if marked else (variants[0].name if variants else None)


def _judge(scope: Scope, runs: Sequence[RunSummary]) -> str | None:
    """Return the chosen judge, else the one with the most grades in the selected run, the first of equals.

    A judge with grades on one side only compares nothing: it is shown on request, but never chosen here. One that graded both
    sides of the selected pair comes first, and of these one that grades.
    """
    if scope.judge in judges(scope, runs):
        return scope.judge
    shown = sorted((run for run in runs if run.id in scope.run_ids), key=lambda run: run.id != scope.run_id)
    for run in shown:
        pair = {v.id for v in run.variants if v.model == scope.model and v.name in (scope.baseline, scope.candidate)}
        newest = {j.label: j for j in run.judges}.values()  # only the newest settings of a judge count
        able = [j for j in newest if not j.graded_variants or _compares(j, run.variants)]
        if able:
            best = max(
                able, key=lambda j: (pair.issubset(j.graded_variants), not j.is_pairwise, j.graded / max(1, j.takes))
            )
            return best.label
        if not run.judges and run.scorers:
            return run.scorers[0].label
    return None


def _compares(judge: JudgeProgress, variants: Sequence[VariantProgress]) -> bool:
    """Return whether the judge has grades of a baseline and of another variant of the same model."""
    for model in {v.model for v in variants}:
        of_model = [v for v in variants if v.model == model]
        graded = {v.name for v in of_model if v.id in judge.graded_variants}
        if len(graded) > 1 and _default_baseline(of_model) in graded:
            return True
    return False
