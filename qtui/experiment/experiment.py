"""Reading an experiment's TOML file: it is checked completely, and all problems are reported at once.

Paths in the result are absolute (relative ones start at the file's folder), the task set is loaded, defaults are filled in. The
hash `plan` identifies the run of an experiment.
"""

import os
import re
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui import catalog
from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.experiment import choice_scoring, imatrix, weights_name
from qtui.experiment import (
    judges as experiment_judges,
)
from qtui.experiment import (
    names as experiment_names,
)
from qtui.experiment import (
    prompt as experiment_prompt,
)
from qtui.experiment import (
    roles as experiment_roles,
)
from qtui.experiment import (
    scorers as experiment_scorers,
)
from qtui.experiment import (
    secrets as experiment_secrets,
)
from qtui.experiment import (
    task_set as experiment_tasks,
)
from qtui.experiment import (
    thinking as experiment_thinking,
)
from qtui.experiment.problems import Problems
from qtui.experiment.wrong_values import explain
from qtui.files import input_file, named_path, toml_text
from qtui.records import JudgeSpec, PromptSource, Role, Sampling, ScorerSpec, TaskSet, VariantSpec, content_hash

if TYPE_CHECKING:
    from qtui.experiment.form import ExperimentForm, ModelForm, VariantForm


VARIANT_DEFAULTS = {"seed_offset": 0, "thinking": None, "template_args": None, "thinking_budget": None, "imatrix": None,
                    "pickled_weights": False}  # fmt: skip
PROMPT_DEFAULTS = {"thinking_tags": None}
"""Fields that are newer than plans which stores have: at their default they are no part of a plan."""


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One model of an experiment: its prompt (the same for all variants) and its variants, the baseline first."""

    name: str
    prompt: PromptSource
    variants: tuple[VariantSpec, ...]
    stop: tuple[str, ...] = ()
    """Texts that end this model's answers, besides those of the experiment's sampling."""


@dataclass(frozen=True, slots=True)
class Experiment:
    name: str
    origin: Path
    """The file; for a text from the store, the file at which its relative paths start."""
    text: str
    task_set: TaskSet
    sampling: Sampling
    models: tuple[ModelPlan, ...]
    judges: tuple[JudgeSpec, ...]
    scorers: tuple[ScorerSpec, ...] = ()
    scored_choices: tuple[choice_scoring.ScoredChoices, ...] = ()
    """What engines score for scorers by log-likelihood, instead of generating an answer."""
    date: str = ""
    """The date that templates are told, as 2026-01-31; empty if the file names none."""
    notes: tuple[str, ...] = ()
    """Sentences on what was read where that is not plain: encodings, columns of tasks, references that are missing."""
    unset_keys: str = ""
    """Problems of judges whose key is not set, one per line; see `load`."""

    @property
    def plan(self) -> str:
        """Hash of everything that decides the answers, without judges and scorers: others grade and score the same run.

        Only which choices the engines score is part of it.
        """
        models = [
            [m.name, _without_defaults(asdict(m.prompt), PROMPT_DEFAULTS), [_decisive(v) for v in m.variants], m.stop]
            for m in self.models
        ]
        date = [self.date] if self.date else []
        choices = [["choices", *(asdict(each) for each in self.scored_choices)]] if self.scored_choices else []
        return content_hash("plan", self.task_set.hash, asdict(self.sampling), models, *date, *choices)

    @property
    def variants(self) -> tuple[VariantSpec, ...]:
        return tuple(variant for model in self.models for variant in model.variants)

    def sampling_of(self, model: str) -> Sampling:
        """The sampling of one model's answers: the experiment's, with the stop texts of the model."""
        model_stops = next(each.stop for each in self.models if each.name == model)
        return replace(self.sampling, stop=tuple(dict.fromkeys((*self.sampling.stop, *model_stops))))

    def sampling_for(self, variant: VariantSpec) -> Sampling:
        """The sampling of one variant's answers: that of its model, with the variant's seed offset."""
        sampling = self.sampling_of(variant.model)
        return replace(sampling, seed=sampling.seed + variant.seed_offset)


def load(path: Path, *, needs_judge_keys: bool = True) -> Experiment:
    """Read and check an experiment's file. Raises UserError with all problems, one per line: `file:line: key: problem`.

    Without `needs_judge_keys`, variables of judges that are not set are no problem but in `unset_keys`: a judge that has graded
    everything is not asked again.
    """
    try:
        decoded = input_file.read_any_text(path)
    except FileNotFoundError:
        near = get_close_matches(path.name, [p.name for p in path.parent.glob("*.toml")], n=1)
        hint = f" Did you mean {path.parent / near[0]}?" if near else ""
        raise UserError(f"{path}: no such file.{hint}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    if not named_path.is_utf8(path.absolute()):
        raise UserError(f"{path}: its path is not UTF-8, and a run keeps the path: rename the file or its folder.")
    if decoded.encoding:
        raise UserError(f"{path}: is {decoded.encoding}, and TOML is UTF-8. Save the file as UTF-8.")
    return parse(decoded.text, path, needs_judge_keys=needs_judge_keys)


def parse(text: str, origin: Path, *, stored_tasks: TaskSet | None = None, needs_judge_keys: bool = True) -> Experiment:
    """Check the text of an experiment. `origin` is named in errors, and relative paths start at its folder.

    `stored_tasks` are the tasks of the run that the text was stored with: answers belong to these, whatever has become of the file.
    Such a text is not refused for what an older qtui accepted: a secret, a number in quotes.
    """
    try:
        table = toml_text.parse(text, origin)
    except UserError as error:
        raise UserError(f"{error}{_hint(text)}") from None
    problems = Problems(text, origin)
    form = _validate(table, problems, is_strict=stored_tasks is None)
    problems.raise_any()
    assert form is not None
    unset_keys = Problems(text, origin)
    if stored_tasks is None:
        experiment_secrets.check(form, text, table, problems.add)
        experiment_names.check(form, problems.add)
        problems.raise_any()
        experiment_judges.check_keys(form, problems if needs_judge_keys else unset_keys)
        text = experiment_secrets.without_secrets_in_comments(text, table)
    experiment = _resolve(form, text, origin.absolute(), problems, stored_tasks)
    problems.raise_any()
    return replace(experiment, unset_keys=str(unset_keys))


def _decisive(variant: VariantSpec) -> dict[str, Any]:
    """The fields that decide a variant's answers. Newer fields are left out at their default: hashes of older runs stay."""
    values = asdict(variant) | {"is_baseline": variant.is_baseline}
    del values["role"]
    return _without_defaults(values, VARIANT_DEFAULTS)


def _without_defaults(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The values without those of `defaults` that are at their default."""
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _hint(text: str) -> str:
    has_both = re.search(r"(?m)^\s*tasks\s*=", text) and re.search(r"(?m)^\s*\[tasks\]", text)
    return ' "tasks" is a text and a table: write the text as source = "…" under [tasks].' if has_both else ""


def _validate(table: dict[str, Any], problems: Problems, *, is_strict: bool) -> "ExperimentForm | None":
    from pydantic import ValidationError

    from qtui.experiment.form import KEYS, ExperimentForm

    try:
        return ExperimentForm.model_validate(table, strict=is_strict)
    except ValidationError as error:
        for location, message in explain(error, table, KEYS):
            problems.add(location, message)
        return None


def _resolve(
    form: "ExperimentForm", text: str, origin: Path, problems: Problems, stored_tasks: TaskSet | None
) -> Experiment:
    base = origin.parent
    task_set = stored_tasks or experiment_tasks.load(form, base, problems.add)
    sampling, sampling_notes = experiment_tasks.sampling(form, task_set)
    if sampling.samples > 1 and sampling.temperature == 0:
        problems.add(
            ("sampling", "samples"),
            "several samples need a temperature above 0, because greedy answers are all the same.",
        )
    model_names = [model.name for model in form.models]
    for i, name in enumerate(model_names):
        if name in model_names[:i]:
            problems.add(("models", i, "name"), f'"{name}" is the name of another model.')
    judges = tuple(
        experiment_judges.spec(judge, i, base, problems, is_from_store=stored_tasks is not None)
        for i, judge in enumerate(form.judges)
    )
    labels = [judge.label for judge in judges]
    for i, label in enumerate(labels):
        if label in labels[:i]:
            problems.add(("judges", i), f"repeats the judge {label}. To grade more often, set takes.")
    models = tuple(_model(model, i, base, sampling, problems) for i, model in enumerate(form.models))
    # A stored run has its scorers in the store, whatever has become of their files; only what engines score is still read here.
    scorer_problems = Problems(text, origin) if stored_tasks else problems
    named = experiment_scorers.specs(form.scorers, base, task_set, scorer_problems)
    own, scorer_notes = experiment_scorers.of_task_sets(named, task_set)
    specs = (*named, *own)
    choice_scoring.check(named, task_set, scorer_problems)
    scorer_notes += choice_scoring.notes(specs, has_judges=bool(judges))
    return Experiment(
        name=form.name,
        origin=origin,
        text=text,
        task_set=task_set,
        notes=(*experiment_tasks.notes(task_set, judges), *sampling_notes, *scorer_notes, *problems.notes),
        scored_choices=choice_scoring.of_scorers(specs),
        sampling=sampling,
        models=models,
        judges=judges,
        scorers=() if stored_tasks else specs,
        date=form.date.isoformat() if form.date else "",
    )


def _model(form: "ModelForm", index: int, base: Path, sampling: Sampling, problems: Problems) -> ModelPlan:
    place = ("models", index)
    names = [variant.name for variant in form.variants]
    for i, name in enumerate(names):
        if name in names[:i]:
            problems.add((*place, "variants", i, "name"), f'"{name}" is the name of another variant of this model.')
    baseline = form.baseline if form.baseline is not None else names[0]
    if baseline not in names:
        problems.add((*place, "baseline"), f'no variant is named "{baseline}" (variants: {", ".join(names)}).')
    variants = [
        _variant(
            experiment_thinking.with_defaults(variant, form),
            (*place, "variants", i),
            base,
            problems,
            model=form.name,
            role="baseline" if baseline == variant.name else "candidate",
        )
        for i, variant in enumerate(form.variants)
    ]
    ordered = sorted(variants, key=lambda v: not v.is_baseline)
    entry = catalog.find(form.name)

    def problem(key: str, message: str) -> None:
        problems.add((*place, key), message)

    prompt = replace(
        experiment_prompt.choose(form, entry, ordered[0].weights, base, problem, note=problems.note),
        thinking_tags=experiment_thinking.tags(form, problem),
    )
    with_roles = experiment_roles.complete(form, ordered, sampling, problem)
    return ModelPlan(form.name, prompt, tuple(with_roles), experiment_prompt.stops(form, entry))


def _variant(
    form: "VariantForm",
    place: tuple[str | int, ...],
    base: Path,
    problems: Problems,
    *,
    model: str,
    role: Role,
) -> VariantSpec:
    weights = _weights(form, place, base, problems)
    if form.engine == "openai" and not form.base_url:
        problems.add(
            (*place, "base_url"), "the openai engine needs the endpoint's address, e.g. http://localhost:8000/v1"
        )
    if form.api_key_env:
        endpoint.announce_key(form.api_key_env)
        if not os.environ.get(form.api_key_env) and not endpoint.key_name_problem(form.api_key_env):
            problems.add((*place, "api_key_env"), f"the environment variable {form.api_key_env} is not set.")
    _check_variables(form.base_url, place, problems)
    experiment_thinking.check(form, lambda key, message: problems.add((*place, key), message))
    values = form.model_dump(exclude={"weights", "precision", "imatrix"})
    return VariantSpec(
        model=model,
        role=role,
        weights=weights,
        precision=form.precision or form.name,
        imatrix=imatrix.choose(form, weights, base, lambda text: problems.add((*place, "imatrix"), text)),
        **values,
    )


def _weights(form: "VariantForm", place: tuple[str | int, ...], base: Path, problems: Problems) -> str:
    """An absolute path if the text is a path, else the hub id or the catalog's weights."""
    text = form.weights
    if message := weights_name.address_problem(text):
        problems.add((*place, "weights"), message)
        return text
    if form.engine == "openai" or text == "demo":
        return text
    written = base / named_path.expanded(text)
    path = written.resolve()
    if path.exists():
        return str(path)
    if written.is_symlink():
        problems.add(
            (*place, "weights"), f"{written}: is a link to {path}, which does not exist; download the model again."
        )
        return text
    looks_local = text.startswith((".", "/", "~")) or (text.endswith(".gguf") and ":" not in text)
    if looks_local:
        problems.add((*place, "weights"), f"{path}: no such file or folder.")
        return text
    entry = catalog.find(text)
    if entry is None:
        if "/" not in text:
            problems.add(
                (*place, "weights"),
                f'"{text}" is not a file here, not a hub id (owner/name) and not in the catalog{_near(text, catalog.names())}.',
            )
        elif message := weights_name.hub_problem(text):
            problems.add((*place, "weights"), message)
        return text
    _check_remote_code(entry, form, place, problems)
    return text if "/" in text else entry.weights_for(form.engine)


def _check_remote_code(
    entry: catalog.Entry, form: "VariantForm", place: tuple[str | int, ...], problems: Problems
) -> None:
    if not entry.trust_remote_code:
        return
    if form.engine == "llama.cpp":
        problems.add(
            (*place, "engine"), f"{entry.name} needs the Python code in its repository, which llama.cpp cannot run."
        )
    elif not form.trust_remote_code:
        problems.add(
            (*place, "weights"),
            f"{entry.name} needs Python code from {entry.hf_repo}, which would run on this machine: read that code, "
            "and if you trust it, set trust_remote_code = true here.",
        )


def _check_variables(base_url: str | None, place: tuple[str | int, ...], problems: Problems) -> None:
    for problem in endpoint.unset_variables(base_url or ""):
        problems.add((*place, "base_url"), problem)


def _near(text: str, names: list[str]) -> str:
    close = get_close_matches(text, names, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
