"""The structure of an experiment's TOML file as pydantic models. A module of its own, because importing pydantic is slow."""

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from qtui.records import SCORE_MARGIN, EngineName, JudgeKind, ScorerKind

MOST = 2**31 - 1
"""Larger numbers do not fit the engines' own."""


def _not_a_number(value: Any) -> Any:
    """A number as text, because 1 equals True."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


ThinkingForm = Annotated[Literal[True, False, "low", "medium", "high"], BeforeValidator(_not_a_number)]


class _Form(BaseModel):
    """Check a table from a file with `strict=True`: else true is a number and "64" is, too."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


class TasksForm(_Form):
    source: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    limit: int | None = Field(None, ge=1, le=MOST)
    seed: int | None = Field(None, ge=0, lt=2**31)
    path: str | None = Field(None, min_length=1)
    examples: int | None = Field(None, ge=0, le=1000)
    input: tuple[str, ...] = ()
    reference: str | None = None
    criteria: str | None = None
    encoding: str | None = Field(None, min_length=1)

    @field_validator("source", "input", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class SamplingForm(_Form):
    max_tokens: int = Field(1024, ge=1, le=MOST)
    temperature: float = Field(0.0, ge=0, le=5)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0, le=MOST)
    min_p: float = Field(0.0, ge=0, le=1)
    repetition_penalty: float = Field(1.0, gt=0, le=100)
    seed: int = Field(42, ge=0, lt=2**31)
    samples: int = Field(1, ge=1, le=MOST)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class VariantForm(_Form):
    name: str = Field(min_length=1)
    engine: EngineName
    weights: str = Field(min_length=1)
    precision: str | None = None
    slots: int | None = Field(None, ge=1, le=256)
    context: int | None = Field(None, ge=64, le=MOST)
    threads: int | None = Field(None, ge=1, le=MOST)
    base_url: str | None = None
    api_key_env: str | None = None
    api: Literal["chat", "completions"] = "chat"
    trust_remote_code: bool = False
    pickled_weights: bool = False
    thinking: ThinkingForm | None = None
    template_args: dict[str, Any] | None = None
    thinking_budget: int | None = Field(None, ge=1, le=MOST)
    imatrix: str | None = Field(None, min_length=1)


class ModelForm(_Form):
    name: str = Field(min_length=1)
    baseline: str | None = None
    prompt: str | None = Field(None, min_length=1)
    system: str | None = None
    bos: bool | None = None
    stop: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    control: bool = False
    noise_floor: bool = False
    thinking: ThinkingForm | None = None
    template_args: dict[str, Any] | None = None
    thinking_budget: int | None = Field(None, ge=1, le=MOST)
    thinking_tags: tuple[str, str] | None = None
    variants: tuple[VariantForm, ...] = Field(min_length=1)


class SlotsForm(_Form):
    """Which placeholders of a judge's prompt template stand for what."""

    question: str | None = Field(None, min_length=1)
    reference: str | None = Field(None, min_length=1)
    criteria: str | None = Field(None, min_length=1)
    answer: str | None = Field(None, min_length=1)
    answer_a: str | None = Field(None, min_length=1)
    answer_b: str | None = Field(None, min_length=1)
    scale: str | None = Field(None, min_length=1)
    text: tuple[str, ...] = ()


class JudgeForm(_Form):
    kind: JudgeKind
    model: str = ""
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    takes: int = Field(1, ge=1, le=20)
    prompt: str | None = None
    slots: SlotsForm | None = None
    system: str | None = Field(None, min_length=1)
    scale: tuple[int, int] | dict[str, str] | None = None
    concurrency: int = Field(8, ge=1, le=512)
    temperature: float | Literal[False] = 0.0
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    max_tokens: int = Field(1024, ge=16, le=MOST)
    batch: bool = False
    pairwise: bool = False
    margin: float | None = Field(None, gt=0, lt=0.5)

    @field_validator("scale", mode="before")
    @classmethod
    def _numbers_or_labels(cls, value: Any) -> Any:
        if isinstance(value, dict):
            fits = all(isinstance(label, str) for label in value.values())
        else:
            fits = isinstance(value, tuple | list) and len(value) == 2 and all(type(each) is int for each in value)
        if not fits:
            raise ValueError(
                'two whole numbers, such as [1, 10], or a table of labels, such as { 1 = "wrong", 2 = "right" }'
            )
        return value

    @field_validator("temperature", mode="before")
    @classmethod
    def _number_or_false(cls, value: Any) -> Any:
        if value is False or isinstance(value, str):
            return value
        if not isinstance(value, int | float) or value is True or not 0 <= value <= 2:
            raise ValueError("a number from 0 to 2, or false to send none")
        return float(value)  # 0 equals false


class ScorerForm(_Form):
    kind: ScorerKind
    name: str = ""
    margin: float = Field(SCORE_MARGIN, gt=0, le=1)
    subsets: tuple[str, ...] = ()
    on: Literal["answer"] = "answer"
    normalize: str | None = None
    by: str | None = None
    length: str | None = None
    labels: tuple[str, ...] | None = None
    continuation: str | None = None
    before: str | None = None
    style: str | None = None
    tolerance: float | None = Field(None, ge=0)
    tokenizer: str | None = None
    words: int | None = None
    pattern: str | None = Field(None, min_length=1)
    take: str | None = None
    multiline: bool | None = None
    ignore_case: bool | None = None
    schema_file: str | None = Field(None, min_length=1)
    level: str | None = None
    strictness: str | None = None
    command: tuple[str, ...] | None = None
    timeout: float | None = Field(None, gt=0, le=3600)

    @field_validator("labels", mode="before")
    @classmethod
    def _name_or_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class ExperimentForm(_Form):
    name: str = Field(min_length=1)
    tasks: TasksForm | None = None
    task_sets: tuple[TasksForm, ...] = ()
    date: datetime.date | None = None
    sampling: SamplingForm = Field(default_factory=SamplingForm)
    models: tuple[ModelForm, ...] = Field(min_length=1)
    judges: tuple[JudgeForm, ...] = ()
    scorers: tuple[ScorerForm, ...] = ()

    @field_validator("tasks", mode="before")
    @classmethod
    def _source_alone(cls, value: Any) -> Any:
        return {"source": value} if isinstance(value, str | tuple) and value else value

    @model_validator(mode="before")
    @classmethod
    def _tasks_are_named(cls, table: Any) -> Any:
        """Without tasks a file is told of the usual key."""
        if isinstance(table, dict) and not table.get("task_sets") and "tasks" not in table:
            table = {**table, "tasks": {}}
        return table


_FORM_OF_TABLE: dict[str, type[_Form]] = {
    "": ExperimentForm,
    "tasks": TasksForm,
    "task_sets": TasksForm,
    "sampling": SamplingForm,
    "models": ModelForm,
    "variants": VariantForm,
    "judges": JudgeForm,
    "scorers": ScorerForm,
    "slots": SlotsForm,
}
KEYS = {name: tuple(form.model_fields) for name, form in _FORM_OF_TABLE.items()}
"""The keys of every table, by the table's name; those of the whole file by ""."""
