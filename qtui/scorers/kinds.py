"""The kinds of scorers: the module of each, its settings with their defaults, and the libraries that decide its scores.

Modules are imported when they score, so that reading an experiment loads none of their libraries.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from qtui.records import Score, ScorerKind, ScorerSpec, content_hash
from qtui.scorers import bleu, choice, last_number, normalization, regex, rouge_l
from qtui.scorers.instructions import scoring
from qtui.scorers.json_schema import read_schema
from qtui.scorers.protocol import Question, Scorer, quoted


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of scorer. `settings` are its settings with their defaults; None is a setting that has to be set."""

    module: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """The values that a setting may have, if they are few."""
    packages: tuple[str, ...] = ()
    """Packages whose version decides scores."""
    libraries: tuple[str, ...] = ()
    """Modules that it imports: they are loaded before its time is taken."""
    revision: int = 1
    """Raised when this code scores otherwise than before: scores of other revisions are computed anew."""


_NORMALIZE = {"normalize": normalization.NAMES}
KINDS: dict[ScorerKind, Kind] = {
    "exact_match": Kind("exact_match", {"normalize": "whitespace"}, _NORMALIZE),
    "choice": Kind(
        "choice",
        {"by": "generation", "length": "none", "labels": "letters", "continuation": "text", "before": "auto"},
        {"by": choice.WAYS, "length": choice.LENGTHS, "continuation": choice.CONTINUATIONS},
    ),
    "last_number": Kind(
        "last_number", {"style": "flexible", "tolerance": 0.0}, {"style": last_number.STYLES}, revision=2
    ),
    "f1_characters": Kind("f1_characters", {"normalize": "nfkc"}, _NORMALIZE),
    "rouge_l": Kind(
        "rouge_l",
        {"tokenizer": "mixed"},
        {"tokenizer": rouge_l.TOKENIZERS},
        packages=("rouge-score",),
        libraries=("rouge_score.rouge_scorer",),
    ),
    "chrf": Kind("chrf", {"words": 0}, {"words": (0, 1, 2)}, packages=("sacrebleu",), libraries=("sacrebleu",)),
    "bleu": Kind(
        "bleu",
        {"tokenizer": "char"},
        {"tokenizer": bleu.TOKENIZERS},
        packages=("sacrebleu",),
        libraries=("sacrebleu",),
    ),
    "regex": Kind(
        "regex",
        {"pattern": None, "take": "last", "normalize": "whitespace", "multiline": False, "ignore_case": False},
        {"take": ("first", "last"), **_NORMALIZE},
    ),
    "json_schema": Kind(
        "json_schema", {"schema": ""}, packages=("jsonschema",), libraries=("jsonschema", "referencing")
    ),
    "instructions": Kind(
        "instructions",
        {"level": "prompt", "strictness": "strict"},
        {"level": scoring.LEVELS, "strictness": scoring.STRICTNESS},
        packages=("langdetect", "nltk"),
        libraries=("langdetect", "nltk.tokenize"),
        revision=2,
    ),
    "code": Kind("code", {"command": None, "timeout": 10.0}),
}


def score(spec: ScorerSpec, question: Question) -> Score:
    """Return the score of an answer. Raises ScorerError if the scorer can score no answer at all."""
    scorer: Scorer = importlib.import_module(f"qtui.scorers.{KINDS[spec.kind].module}").score
    if not question.answer.strip() and spec.settings.get("by") != "log_likelihood":
        return _empty(spec, question, scorer)
    return scorer(question, complete_settings(spec))


def complete_settings(spec: ScorerSpec) -> dict[str, Any]:
    """Return all settings of the scorer's kind, those that are not set at their default."""
    return {**KINDS[spec.kind].settings, **spec.settings}


def setting_problems(spec: ScorerSpec) -> list[tuple[str, str]]:
    """Return (setting, problem) of everything that is wrong with a scorer's settings; empty if it can work."""
    kind, problems = KINDS[spec.kind], []
    for name, value in spec.settings.items():
        if name not in kind.settings:
            known = ", ".join(kind.settings) or "none"
            problems.append((name, f"the scorer {spec.kind} has no such setting (its settings: {known})."))
        elif name in kind.values and value not in kind.values[name]:
            problems.append(
                (name, f"{_shown(value)} is not valid for {spec.kind}: should be {_one_of(kind.values[name])}.")
            )
    problems += [(name, f"the scorer {spec.kind} needs it{_WHY.get(name, '')}.") for name in _missing(spec)]
    return problems or _wrong_texts(spec)


_WHY = {
    "command": ": qtui runs no model's code by itself. Name the command of a sandbox, which gets the program on its standard input",
    "pattern": ": a regular expression of Python",
}


def _missing(spec: ScorerSpec) -> list[str]:
    return [name for name, value in complete_settings(spec).items() if value in (None, (), [])]


def _one_of(values: tuple[Any, ...]) -> str:
    return " or ".join(map(_shown, values))


def _shown(value: Any) -> str:
    return f'"{quoted(value)}"' if isinstance(value, str) else str(value)


def _wrong_texts(spec: ScorerSpec) -> list[tuple[str, str]]:
    """Return the problems of texts that are programs themselves: patterns, schemas, labels."""
    settings = complete_settings(spec)
    if spec.kind == "regex":
        try:
            regex.compiled(settings)
        except (re.error, OverflowError, RecursionError) as error:
            return [("pattern", f"is no valid regular expression: {error}.")]
    if spec.kind == "json_schema" and settings["schema"]:
        try:
            read_schema(settings["schema"])
        except ValueError as error:
            return [("schema", f"{error}.")]
    labels = settings.get("labels")
    if isinstance(labels, str) and labels not in choice.LABELS:
        return [("labels", f"{_shown(labels)} is not valid: should be {_one_of(choice.LABELS)}, or a list of texts.")]
    return []


def load_libraries(kind: ScorerKind) -> None:
    """Import what the kind needs."""
    for name in (f"qtui.scorers.{KINDS[kind].module}", *KINDS[kind].libraries):
        importlib.import_module(name)


def fingerprint(spec: ScorerSpec) -> str:
    """Return the hash of everything that decides a scorer's scores; scores of other fingerprints are computed anew."""
    kind = KINDS[spec.kind]
    changed = {name: value for name, value in spec.settings.items() if value != kind.settings.get(name)}
    versions = [f"{package} {version(package)}" for package in kind.packages]
    return content_hash(
        "scorer", spec.kind, kind.revision, changed, versions, *([sorted(spec.subsets)] if spec.subsets else [])
    )


def _empty(spec: ScorerSpec, question: Question, scorer: Scorer) -> Score:
    """Score an empty answer: 0, unless the task cannot be scored whatever the answer, or emptiness is what a reference asks for."""
    if spec.kind == "code":
        return Score(0.0, "empty answer")
    result = scorer(question, complete_settings(spec))
    return result if result.score is None else Score(0.0, "empty answer")
