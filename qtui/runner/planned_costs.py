"""What the judges and the variants behind endpoints of a run will ask, and what that costs: before anything is sent.

Questions about answers that the store has are exact, as the runner will ask them: equal answers once, empty ones and those with a
grade never. Of answers to come, the number is a bound: equal or empty ones among them are not asked. No tokenizer of an endpoint is
known here, so tokens are estimated (`cost_estimate`). Requests that are repeated, because they are lost or their replies cannot be
read, are left out.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from qtui.endpoints import endpoint, token_estimate
from qtui.endpoints.token_estimate import Range
from qtui.errors import UserError
from qtui.experiment import choice_scoring
from qtui.experiment.experiment import Experiment
from qtui.figures.costs import PlannedCost
from qtui.figures.rounding import rounded
from qtui.judges import Question, fingerprint, openai
from qtui.judges.prompt import messages
from qtui.judges.protocol import SecondAnswer, unasked_reply
from qtui.prices import Price, Prices
from qtui.records import JudgeSpec, Task, VariantSpec
from qtui.results.cost_reasons import no_batch_price, no_price
from qtui.runner import added_judges, cost_estimate, turns
from qtui.runner.cost_estimate import Earlier, Sizes
from qtui.runner.questions import place_of, question_of
from qtui.runner.queues import queue_of
from qtui.store import Store, answers, judges, open_store, runs, spending
from qtui.store.grades import Place
from qtui.store.judges import StoredJudge

MOST_EARLIER = 200
"""Earlier grades of a judge that are looked at."""
Texts = dict[tuple[int, int], str]
"""A variant's answers by position of the task, from 1, and sample."""


def of_experiment(
    experiment: Experiment, store_path: Path, prices: Prices, on_note: Callable[[str], None]
) -> tuple[PlannedCost, ...]:
    """Return what an experiment will cost. If the store has its run, what that has is left out. The store may be missing.

    Of a store that cannot be read nothing is left out; `on_note` is told so.
    """
    if store_path.is_file():
        try:
            with closing(open_store(store_path, create=False, must_write=False)) as store:
                run_id = runs.id_of(store, experiment.name, experiment.plan)
                if run_id is not None:
                    return of_run(store, run_id, experiment, prices)
                return _planned(_Scope(store, None, experiment), experiment.judges, prices)
        except UserError as error:
            on_note(f"costs are counted as if nothing was stored, because the store cannot be read: {error}")
    return _planned(_Scope(None, None, experiment), experiment.judges, prices)


def of_run(
    store: Store, run_id: int, experiment: Experiment | None, prices: Prices, *, again: bool = False
) -> tuple[PlannedCost, ...]:
    """Return what is left to ask for a run, its added judges included; `experiment` is None if its answers were imported.

    With `again`, what is *ungraded* is asked again.
    """
    named = experiment.judges if experiment else ()
    specs = _distinct([*named, *added_judges.judges_of(store, run_id)])
    return _planned(_Scope(store, run_id, experiment, again), specs, prices)


def of_judge(
    store: Store, run_id: int, spec: JudgeSpec, prices: Prices, *, again: bool = False
) -> tuple[PlannedCost, ...]:
    """Return what one judge of a run's answers will cost; `again` as in `of_run`."""
    return _planned(_Scope(store, run_id, None, again), [spec], prices)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is asked about."""

    store: Store | None
    run_id: int | None
    experiment: Experiment | None
    """None if there are no answers to come."""
    again: bool = False


def _distinct(specs: Sequence[JudgeSpec]) -> list[JudgeSpec]:
    return list({(spec.label, fingerprint(spec)): spec for spec in reversed(specs)}.values())[::-1]


def _planned(scope: _Scope, specs: Sequence[JudgeSpec], prices: Prices) -> tuple[PlannedCost, ...]:
    variants = list(_variants(scope.store, scope.run_id, scope.experiment, prices)) if scope.experiment else []
    graders = [_judge(scope, spec, prices) for spec in specs if spec.kind == "openai"]
    return tuple(rounded(cost) for cost in (*variants, *graders))


def _judge(scope: _Scope, spec: JudgeSpec, prices: Prices) -> PlannedCost:
    store, run_id = scope.store, scope.run_id
    sizes = Sizes()
    takes = spec.takes
    if store is not None and run_id is not None:
        takes = max([takes, *(each.takes for each in judges.of_run(store, run_id) if _is(each, spec))])
        for size in _known_questions(store, run_id, spec, takes, again=scope.again):
            sizes.add(size, is_certain=True)
    if scope.experiment is not None:
        for size in _questions_to_come(store, run_id, scope.experiment, spec):
            for _ in range(takes):
                sizes.add(size, is_certain=False)
    earlier = _earlier(store, spec) if store is not None else Earlier()
    prompt = cost_estimate.prompt_tokens(sizes, earlier)
    completion = cost_estimate.completion_tokens(sizes, earlier, spec.max_tokens)
    price = prices.of(spec.model, spec.base_url)
    factor = price.batch_factor(spec.base_url) if price and spec.batch else 1.0
    unknown = "" if price else no_price(spec.model)
    if price and factor is None:
        unknown = no_batch_price(spec.model, endpoint.shown(spec.base_url))
    basis = (
        f"as {len(earlier.completions)} earlier grades of this judge"
        if earlier.is_enough
        else f"{token_estimate.RULE}; at most max_tokens out per reply"
    )
    return PlannedCost(
        asker="judge",
        name=spec.label,
        run_id=run_id,
        requests=sizes.requests,
        prompt_tokens=(prompt.low, prompt.high),
        completion_tokens=(completion.low, completion.high),
        basis=basis,
        is_batch=spec.batch,
        price=None if price is None or factor is None else _judge_price(price, prompt, completion, factor, sizes),
        currency=price.currency if price else "",
        price_unknown=unknown,
    )


def _judge_price(price: Price, prompt: Range, completion: Range, factor: float, sizes: Sizes) -> tuple[float, float]:
    """The price, at a factor for batches. One question may be asked directly, to learn the endpoint's settings."""
    low, high = _price(price, prompt, completion, factor)
    questions = len(sizes.high)
    of_one = _price(price, prompt.times(1 / questions), completion.times(1 / questions))[1] if questions else 0.0
    return low, high + (1.0 - factor) * of_one


def _price(price: Price, prompt: Range, completion: Range, factor: float = 1.0) -> tuple[float, float]:
    """From the least, if all of the prompts is cached, to the most, if nothing is."""
    return (
        factor * price.of_tokens(prompt.low, prompt.low, completion.low),
        factor * price.of_tokens(prompt.high, 0.0, completion.high),
    )


def _is(stored: StoredJudge, spec: JudgeSpec) -> bool:
    return (stored.label, stored.fingerprint) == (spec.label, fingerprint(spec))


def _known_questions(store: Store, run_id: int, spec: JudgeSpec, takes: int, *, again: bool) -> Iterator[Range]:
    """Yield the size of what the judge will be asked about the answers that are there, from the queue that the runner asks from."""
    judge = StoredJudge(0, run_id, spec.label, takes, fingerprint(spec), {"pairwise": spec.pairwise}, "waiting", "")
    queue = queue_of(store, judge, takes, again=again)
    queue.refill(whole=True)
    sizes: dict[Place, Range] = {}
    while asked := queue.pop():
        question = question_of(asked.answers[0])
        place = place_of(asked.answers[0])
        if unasked_reply(spec, question) is None:
            size = sizes[place] = sizes.get(place) or _size(spec, question)
            yield size


def _size(spec: JudgeSpec, question: Question) -> Range:
    return token_estimate.estimated_messages(messages(spec, question)) + _reply_form(spec)


@cache
def _reply_form(spec: JudgeSpec) -> Range:
    """Some endpoints count the JSON schema of the reply as input, others do not."""
    return Range(0.0, token_estimate.estimated(json.dumps(openai.schema(spec))).high)


def _questions_to_come(
    store: Store | None, run_id: int | None, experiment: Experiment, spec: JudgeSpec
) -> Iterator[Range]:
    """Yield the size of a judge's prompt for each question about an answer that the run does not have yet."""
    tasks = experiment.task_set.tasks
    known = {(variant.model, variant.name): texts for variant, texts in _answered(store, run_id, experiment)}
    bare = [_bare_size(spec, tasks, task) for task in tasks]
    turns_of = [1 + _depth(tasks, position) for position in range(1, len(tasks) + 1)]
    for sides in _sides(experiment, spec):
        most = sum(experiment.sampling_for(variant).max_tokens for variant in sides)
        missing = {place for side in sides for place in _missing(experiment, known[side.model, side.name])}
        for position, _ in sorted(missing):
            size = bare[position - 1] + Range(0.0, float(most * turns_of[position - 1]))
            # A pair is asked about in both orders.
            yield from [size] * len(sides)


def _bare_size(spec: JudgeSpec, tasks: Sequence[Task], task: Task) -> Range:
    """The size of a question without the answers. Of two answers that are compared, each stands in its whole conversation."""
    conversation = _conversation(tasks, task)
    second = SecondAnswer("") if spec.pairwise else None
    size = _size(spec, Question(conversation, task.reference, task.criteria, "", second=second))
    return size + token_estimate.estimated(conversation).times(2) if second and task.follows is not None else size


def _sides(experiment: Experiment, spec: JudgeSpec) -> list[tuple[VariantSpec, ...]]:
    """Whose answers are in one question: one variant's, or those of a baseline and another variant of its model."""
    if not spec.pairwise:
        return [(variant,) for variant in experiment.variants]
    baselines = {variant.model: variant for variant in experiment.variants if variant.is_baseline}
    return [(baselines[each.model], each) for each in experiment.variants if not each.is_baseline]


def _answered(
    store: Store | None, run_id: int | None, experiment: Experiment
) -> Iterator[tuple[VariantSpec, dict[tuple[int, int], str]]]:
    """Yield each variant with the answers that the run has."""
    ids = {}
    if store is not None and run_id is not None:
        ids = {(each.model, each.name): each.id for each in runs.summaries(store, [run_id])[0].variants}
    for variant in experiment.variants:
        variant_id = ids.get((variant.model, variant.name))
        yield variant, answers.texts(store, variant_id) if store is not None and variant_id is not None else {}


def _missing(experiment: Experiment, texts: Texts) -> Iterator[tuple[int, int]]:
    for position in range(1, len(experiment.task_set.tasks) + 1):
        for sample in range(experiment.sampling.samples):
            if (position, sample) not in texts:
                yield position, sample


def _variants(store: Store | None, run_id: int | None, experiment: Experiment, prices: Prices) -> Iterator[PlannedCost]:
    for variant, texts in _answered(store, run_id, experiment):
        if variant.engine == "openai":
            requests, prompt, completion = _requests(variant, texts, experiment)
            price = prices.of(variant.weights, variant.base_url)
            yield PlannedCost(
                asker="variant",
                name=f"{variant.model} {variant.name}",
                run_id=run_id,
                # An answer that the store has from another run is not asked for again, which only the worker finds out.
                requests=(0, requests),
                prompt_tokens=(0.0, prompt.high),
                completion_tokens=(0.0, completion.high),
                basis=f"{token_estimate.RULE}; at most max_tokens out per answer",
                is_batch=False,
                price=_price(price, Range(0.0, prompt.high), Range(0.0, completion.high)) if price else None,
                currency=price.currency if price else "",
                price_unknown="" if price else no_price(variant.weights),
            )


def _requests(variant: VariantSpec, texts: Texts, experiment: Experiment) -> tuple[int, Range, Range]:
    """The number of requests for a variant's missing answers, their tokens, and those of the replies."""
    requests, prompt, completion = 0, Range(), Range()
    most = experiment.sampling_for(variant).max_tokens
    for position, sample in _missing(experiment, texts):
        choices, _ = choice_scoring.of_task(experiment.task_set.tasks[position - 1], experiment.scored_choices)
        size = _prompt_size(variant, (position, sample), texts, experiment)
        # The likelihood of a choice is asked with one request each, and one for the prompt alone.
        asked = 1 + len(choices)
        requests += asked
        prompt += size.times(asked) + token_estimate.estimated("".join(choices))
        completion += Range(0.0, float(asked if choices else most))
    return requests, prompt, completion


def _prompt_size(variant: VariantSpec, place: tuple[int, int], texts: Texts, experiment: Experiment) -> Range:
    """The tokens of a variant's prompt; answers that are still to come and part of it have up to max_tokens."""
    tasks, (position, sample) = experiment.task_set.tasks, place
    system = next(model.prompt.system for model in experiment.models if model.name == variant.model)
    earlier = turns.earlier(tasks, position, sample, texts)
    parts = [system or "", _conversation(tasks, tasks[position - 1]), *(turn.answer for turn in earlier or ())]
    size = token_estimate.estimated_messages([{"content": part} for part in parts if part])
    if earlier is None:
        size += Range(0.0, float(experiment.sampling_for(variant).max_tokens * _depth(tasks, position)))
    return size


def _conversation(tasks: Sequence[Task], task: Task) -> str:
    """The questions up to this one, without answers."""
    inputs = [task.input]
    while task.follows is not None:
        task = tasks[task.follows - 1]
        inputs.append(task.input)
    return "\n\n".join(reversed(inputs))


def _depth(tasks: Sequence[Task], position: int) -> int:
    """How many turns come before the task at this position."""
    depth = 0
    while (follows := tasks[position - 1].follows) is not None:
        depth, position = depth + 1, follows
    return depth


def _earlier(store: Store, spec: JudgeSpec) -> Earlier:
    rates, completions = [], []
    for seen in spending.earlier_questions(store, spec.label, fingerprint(spec), MOST_EARLIER):
        second = None if seen.second is None else SecondAnswer(seen.second)
        size = _size(spec, Question(seen.task.input, seen.task.reference, seen.task.criteria, seen.text, second=second))
        rates.append((seen.usage.prompt_tokens or 0) / size.middle)
        completions.append(float(seen.usage.completion_tokens or 0))
    return Earlier(tuple(rates), tuple(completions))
