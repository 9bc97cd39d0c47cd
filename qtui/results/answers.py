"""One task with the answers of a pair of variants and their grades, read from the store without pandas."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from qtui.errors import UserError
from qtui.records import Task, Thoughts, Turn
from qtui.run_progress import VariantProgress
from qtui.store import open_store, runs, task_answers
from qtui.store.preferences import PreferenceLine
from qtui.store.task_answers import GradeLine, ScoreLine, Side


@dataclass(frozen=True, slots=True)
class VariantAnswer:
    variant: str
    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float | None
    grades: tuple[GradeLine, ...]
    """The current ones, by judge and take."""
    thinking: str = ""
    thinking_tokens: int | None = None
    thought_unfinished: bool = False
    scores: tuple[ScoreLine, ...] = ()
    """The current ones, by scorer."""
    earlier: tuple[Turn, ...] = ()
    """The turns before it in its conversation, with this variant's answers."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answers of a pair to one task (1-based). `baseline` or `candidate` is None if that variant has no answer yet."""

    run_id: int
    experiment: str
    model: str
    task: int
    tasks: int
    sample: int
    content: Task
    baseline: VariantAnswer | None
    candidate: VariantAnswer | None
    baseline_name: str
    candidate_name: str
    preferences: tuple[PreferenceLine, ...] = ()
    """Those of the judges that compare these two, by judge, take and order."""


@dataclass(frozen=True, slots=True)
class PairName:
    run_id: int
    model: str
    baseline: str
    candidate: str


def pairs(store_path: Path, run_ids: tuple[int, ...]) -> tuple[PairName, ...]:
    """Every candidate of every model that has a baseline, in the order of runs and variants."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        by_id = {run.id: run for run in runs.summaries(store, run_ids)}
    names: list[PairName] = []
    for run_id in run_ids:
        for model in by_id[run_id].models:
            variants = [variant for variant in by_id[run_id].variants if variant.model == model]
            baseline = next((variant.name for variant in variants if variant.is_baseline), None)
            if baseline is not None:
                names += [
                    PairName(run_id, model, baseline, v.name) for v in _candidates_first(variants) if not v.is_baseline
                ]
    return tuple(names)


def _candidates_first(variants: list[VariantProgress]) -> list[VariantProgress]:
    """The variants with candidates before control arms and noise floors: the effect of quantization is shown first."""
    return sorted(variants, key=lambda variant: variant.role != "candidate")


def comparison(store_path: Path, pair: PairName, task: int, sample: int = 0) -> Comparison:
    """Both answers to one task. Raises UserError if the run has no such task."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        run = runs.summaries(store, [pair.run_id])[0]
        sides = task_answers.sides(store, pair.run_id, pair.model, task)
    if sides is None:
        raise UserError(f"there is no task {task}: run {pair.run_id} has the tasks 1 to {run.tasks}")
    return Comparison(
        run_id=pair.run_id,
        experiment=run.experiment,
        model=pair.model,
        task=task,
        tasks=run.tasks,
        sample=sample,
        content=sides.task,
        baseline=_answer(sides.side(pair.baseline), sample),
        candidate=_answer(sides.side(pair.candidate), sample),
        baseline_name=pair.baseline,
        candidate_name=pair.candidate,
        preferences=tuple(
            line
            for line in sides.preferences
            if {line.baseline, line.candidate} == {pair.baseline, pair.candidate} and line.sample == sample
        ),
    )


def _answer(side: Side | None, sample: int) -> VariantAnswer | None:
    answer = next((answer for answer in side.answers if answer.sample == sample), None) if side else None
    if side is None or answer is None:
        return None
    thoughts = answer.thoughts or Thoughts("")
    return VariantAnswer(
        variant=side.variant,
        text=answer.text,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        seconds=answer.seconds,
        grades=answer.grades,
        thinking=thoughts.text,
        thinking_tokens=thoughts.tokens,
        thought_unfinished=thoughts.is_unfinished,
        scores=answer.scores,
        earlier=answer.earlier,
    )
