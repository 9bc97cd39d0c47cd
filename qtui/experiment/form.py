"""The structure of an experiment's TOML file as pydantic models. A module of its own, because importing pydantic is slow."""

import datetime
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from qtui.records import EngineName, JudgeKind


def _not_a_number(value: Any) -> Any:
    """A number as text, because 1 equals True."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


ThinkingForm = Annotated[Literal[True, False, "low", "medium", "high"], BeforeValidator(_not_a_number)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SamplingForm(_Form):
    max_tokens: int = Field(1024, ge=1)
    temperature: float = Field(0.0, ge=0, le=5)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    min_p: float = Field(0.0, ge=0, le=1)
    repetition_penalty: float = Field(1.0, gt=0)
    seed: int = Field(42, ge=0, lt=2**31)
    samples: int = Field(1, ge=1)
    stop: tuple[str, ...] = ()


class VariantForm(_Form):
    name: str = Field(min_length=1)
    engine: EngineName
    weights: str = Field(min_length=1)
    precision: str | None = None
    slots: int | None = Field(None, ge=1, le=256)
    context: int | None = Field(None, ge=64)
    threads: int | None = Field(None, ge=1)
    base_url: str | None = None
    api_key_env: str | None = None
    api: Literal["chat", "completions"] = "chat"
    trust_remote_code: bool = False
    thinking: ThinkingForm | None = None
    template_args: dict[str, Any] | None = None
    thinking_budget: int | None = Field(None, ge=1)


class ModelForm(_Form):
    name: str = Field(min_length=1)
    baseline: str | None = None
    prompt: str | None = Field(None, min_length=1)
    system: str | None = None
    bos: bool | None = None
    stop: tuple[str, ...] | None = None
    control: bool = False
    noise_floor: bool = False
    thinking: ThinkingForm | None = None
    template_args: dict[str, Any] | None = None
    thinking_budget: int | None = Field(None, ge=1)
    thinking_tags: tuple[str, str] | None = None
    variants: tuple[VariantForm, ...] = Field(min_length=1)


class JudgeForm(_Form):
    kind: JudgeKind
    model: str = ""
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    takes: int = Field(1, ge=1, le=20)
    prompt: str | None = None
    concurrency: int = Field(8, ge=1, le=512)
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(1024, ge=16)


class ExperimentForm(_Form):
    name: str = Field(min_length=1)
    tasks: str = Field(min_length=1)
    date: datetime.date | None = None
    sampling: SamplingForm = Field(default_factory=SamplingForm)
    models: tuple[ModelForm, ...] = Field(min_length=1)
    judges: tuple[JudgeForm, ...] = ()


MAY_BE_SECRET = ("base_url", "api_key_env")
"""Keys whose values are not quoted in messages, because they may be a password or a key."""

_FORM_OF_TABLE: dict[str, type[_Form]] = {
    "sampling": SamplingForm,
    "models": ModelForm,
    "variants": VariantForm,
    "judges": JudgeForm,
}


def explain(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each problem as (location, message with what is wrong and what is valid)."""
    problems = error.errors(include_url=False)
    for problem in problems:
        location = problem["loc"]
        if any(other["loc"][: len(location)] == location and other is not problem for other in problems):
            # A list with invalid items is also reported as too short: only the items' problems are shown.
            continue
        if problem["type"] == "extra_forbidden":
            yield location, f"no such key{_nearest(location)}."
        elif problem["type"] == "missing":
            yield location, "is missing."
        else:
            message = problem["msg"].removeprefix("Input should be ").replace("True, False", "true, false")
            value = "its value" if location[-1] in MAY_BE_SECRET else repr(problem["input"])
            yield location, f"{value} is not valid: should be {message}."


def _nearest(location: tuple[str | int, ...]) -> str:
    tables = [part for part in location[:-1] if isinstance(part, str)]
    form = _FORM_OF_TABLE[tables[-1]] if tables else ExperimentForm
    keys = list(form.model_fields)
    close = get_close_matches(str(location[-1]), keys, n=1)
    return f"; did you mean {close[0]}?" if close else f" (keys: {', '.join(keys)})"
