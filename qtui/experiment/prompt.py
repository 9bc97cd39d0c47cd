"""Choosing the prompt of a model: its format, system prompt, BOS and stop texts.

All variants of a model get the same prompt, because a comparison is only about quantization if both sides see the same prompts.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtui import prompt_slots
from qtui.catalog import Entry
from qtui.errors import UserError
from qtui.files import input_file, named_path
from qtui.records import PromptSource

if TYPE_CHECKING:
    from qtui.experiment.form import ModelForm

OFFICIAL, TOKENIZER, PLAIN, STUDY = "official", "tokenizer", "plain", "study"

Problem = Callable[[str, str], None]
"""Called with a key and what is wrong with its value."""
Note = Callable[[str], None]
"""Called with a sentence on what is no problem, but must be said."""


def choose(
    form: "ModelForm", entry: Entry | None, weights: str, base: Path, problem: Problem, *, note: Note
) -> PromptSource:
    """The prompt that `form.prompt` names; by default the catalog's, else the tokenizer's.

    `weights` are the baseline's: a prompt that a tokenizer decides comes from their tokenizer.
    """
    if form.prompt == STUDY:
        _check_study(form.name, entry, problem)
    if form.prompt in (None, OFFICIAL, STUDY):
        return _official(form, entry, weights, problem)
    if form.prompt == TOKENIZER:
        return PromptSource(None, weights, form.system or None, form.bos)
    if form.prompt == PLAIN:
        if form.system:
            problem("system", "a plain prompt is only the task's text, without a place for a system prompt.")
        return PromptSource("", weights, None, form.bos)
    return _from_file(form, entry, weights, base / named_path.expanded(form.prompt or ""), problem, note=note)


def stops(form: "ModelForm", entry: Entry | None) -> tuple[str, ...]:
    """Texts that end this model's answers, besides those of the sampling: from the experiment, else from the catalog."""
    if form.stop is not None:
        return form.stop
    return entry.stop if entry else ()


def _official(form: "ModelForm", entry: Entry | None, weights: str, problem: Problem) -> PromptSource:
    if entry is None or entry.prompt is None:
        if form.prompt == OFFICIAL:
            problem("prompt", f'"{OFFICIAL}" is the prompt of the catalog, which has none for {form.name}.')
        bos = entry.bos if entry and form.bos is None else form.bos
        return PromptSource(None, weights, form.system or None, bos)
    system = entry.system if form.system is None else form.system
    _check_system(f"the catalog's prompt of {entry.name}", entry.prompt, entry.prompt_without_system, system, problem)
    return PromptSource(entry.template, weights, system or None, entry.bos if form.bos is None else form.bos)


def _from_file(
    form: "ModelForm", entry: Entry | None, weights: str, path: Path, problem: Problem, *, note: Note
) -> PromptSource:
    """A `.txt` file is a format with slots; other files are Jinja chat templates, which write their BOS themselves."""
    try:
        decoded = input_file.read_any_text(path)
    except UserError as error:
        problem("prompt", str(error))
        return PromptSource()
    except OSError:
        words = ", ".join((OFFICIAL, TOKENIZER, PLAIN, STUDY))
        problem(
            "prompt", f"{path}: no such file (a .txt with {{input}}, or a Jinja chat template), and not one of {words}."
        )
        return PromptSource()
    text = decoded.text
    for sentence in decoded.note(path):
        note(sentence)
    if path.suffix != ".txt":
        if "messages" not in text:
            problem(
                "prompt",
                f"{path}: never reads the task: a Jinja chat template loops over messages. A format with {{input}} is a file"
                " whose name ends in .txt.",
            )
        return PromptSource(text, weights, form.system or None, form.bos)
    # An editor ends a file with a newline, which no format ends with.
    text = text.removesuffix("\n")
    if "{input}" not in text:
        problem("prompt", f"{path}: has no {{input}}, the slot for the task's text.")
    system = entry.system if entry and form.system is None and "{system}" in text else form.system
    _check_system(str(path), text, None, system, problem)
    bos = entry.bos if entry and form.bos is None else form.bos
    return PromptSource(prompt_slots.template(text), weights, system or None, bos)


def _check_system(name: str, form: str, without_system: str | None, system: str | None, problem: Problem) -> None:
    if system and "{system}" not in form:
        problem("system", f"{name} has no place for a system prompt.")
    if not system and "{system}" in form and without_system is None:
        problem("system", f"{name} has a place for a system prompt, and there is no system prompt.")


def _check_study(name: str, entry: Entry | None, problem: Problem) -> None:
    study_prompt = entry.study_prompt if entry else "unknown"
    if study_prompt == "unknown":
        problem("prompt", f"the study's prompt for {name} is not known.")
    elif study_prompt == "own":
        problem(
            "prompt",
            f"the study's prompt for {name} is its own and not part of qtui: write the prompt, from its notebook, into a "
            ".txt file with {input} for the task and name that file here.",
        )
