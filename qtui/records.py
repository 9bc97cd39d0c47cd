"""The terms of qtui as types: the records that its parts exchange. Values only, with properties derived from the fields.

Every record is frozen. A field that may be unknown (an import does not know the sampling of a study) has a type that allows it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from typing import Any, Literal

FinishReason = Literal["stop", "length", "unknown"]
EngineName = Literal["transformers", "llama.cpp", "openai"]
JudgeKind = Literal["reference", "openai"]
ScorerKind = Literal[
    "exact_match",
    "choice",
    "last_number",
    "f1_characters",
    "rouge_l",
    "chrf",
    "bleu",
    "regex",
    "json_schema",
    "instructions",
    "code",
]
Thinking = bool | Literal["low", "medium", "high"]
"""Whether or how much a model is to think before it answers."""
Role = Literal["baseline", "candidate", "control arm", "noise floor"]
"""The purpose of a variant: see `experiment.roles` for the last two."""
CONTROL_ARM: Role = "control arm"
NOISE_FLOOR: Role = "noise floor"
UNKNOWN = "unknown"
"""A condition or fact that was not recorded: of an import, or of a model that is not in the catalog."""


def content_hash(*parts: Any) -> str:
    """Return the SHA-256 of the canonical JSON of the parts, as 64 hexadecimal digits."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Expected:
    """What scorers compare an answer with, besides the task's reference."""

    references: tuple[str, ...] = ()
    """Further answers that are right."""
    choices: tuple[str, ...] = ()
    right_choice: int | None = None
    """Index of the right one among `choices`."""
    checks: str = ""
    """JSON: what a scorer of instructions, code or schemas checks; its form is that of the scorer."""


NOTHING_EXPECTED = Expected()


@dataclass(frozen=True, slots=True)
class Task:
    """One instruction. `reference` is a model answer, `criteria` are for the grader; both may be empty."""

    input: str
    reference: str = ""
    criteria: str = ""
    category: str = ""
    subset: str = ""
    """Name of the task set that it comes from, if the experiment has several."""
    follows: int | None = None
    """Position, from 1, of the task that is the turn before this one in a conversation; None begins one."""
    expected: Expected = NOTHING_EXPECTED

    @property
    def hash(self) -> str:
        return content_hash("task", *self.content)

    @property
    def content(self) -> list[Any]:
        """What decides answers and grades, for hashing. A task with only the first three fields has the hash of older qtui."""
        added: dict[str, Any] = {"follows": self.follows} if self.follows is not None else {}
        if self.expected != NOTHING_EXPECTED:
            added |= {"expected": asdict(self.expected)}
        return [self.input, self.reference, self.criteria, *([added] if added else [])]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a conversation that is over: what was asked, and the answer without its thoughts."""

    input: str
    answer: str


@dataclass(frozen=True, slots=True)
class TaskSetFacts:
    """What is known of a task set that was loaded by name, besides its tasks. The store keeps it with the run, as JSON."""

    name: str
    title: str = ""
    source: str = ""
    """Where it was loaded from, with the commit of the hub: `hf:openai/gsm8k@0123… main test`, or a path."""
    licence: str = ""
    metric: str = ""
    scorer: dict[str, Any] = field(default_factory=dict, hash=False)
    """`kind` and the settings of that kind; empty if judges or people grade the set."""
    max_tokens: int | None = None
    """Tokens that its answers need; None if its definition does not say."""
    stop: tuple[str, ...] = ()
    examples: int = 0
    """Few-shot examples before each question."""
    rows: int = 0
    """Rows of the whole split."""
    tasks: int = 0
    """Tasks of these that the experiment asks."""


@dataclass(frozen=True, slots=True)
class TaskSet:
    """An ordered list of tasks. The hash is over their content and order, not over the name or the source."""

    name: str
    tasks: tuple[Task, ...]
    source: str = ""
    notes: tuple[str, ...] = ()
    """Sentences on how its files were read, where that is not plain: encoding, columns, references that are missing."""
    facts: tuple[TaskSetFacts, ...] = ()
    """Of each set that was loaded by name; empty for a file."""

    @property
    def hash(self) -> str:
        groups = [[task.category, task.subset] for task in self.tasks]
        return content_hash(
            "task set", [task.content for task in self.tasks], *([groups] if any(map(any, groups)) else [])
        )


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling settings. The defaults are greedy, with every filter of an engine off."""

    max_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps all tokens."""
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 42
    samples: int = 1
    """Answers per task; more than one needs a temperature above 0."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer, in addition to the model's end token."""

    def conditions(self) -> str:
        """Return canonical JSON of the settings that decide an answer's content: all but the number of samples."""
        values = asdict(self)
        del values["samples"]
        return json.dumps(values, ensure_ascii=False, sort_keys=True)

    def for_sample(self, sample: int) -> "Sampling":
        """Return the sampling of one answer: its seed depends on the sample number only, so order and batch do not matter."""
        return replace(self, seed=self.seed + sample, samples=1)


@dataclass(frozen=True, slots=True)
class PromptSource:
    """The source of a model's prompts, the same for all its variants.

    `template` is the text of a Jinja chat template. If it is None, the template is read from `weights` (the baseline's); if those
    have none, the prompt is the task's input unchanged.
    """

    template: str | None = None
    weights: str | None = None
    system: str | None = None
    bos: bool | None = None
    """Whether prompts begin with one BOS token; None means as the tokenizer of `weights` says, for all variants."""
    thinking_tags: tuple[str, str] | None = None
    """Opening and closing tag of this model's thoughts, besides those that are known."""


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One way to run a model: engine + weights + precision."""

    model: str
    name: str
    engine: EngineName
    weights: str
    """A folder or .gguf file, a hub id, `hub-repo:file.gguf`, a catalog name; for `openai` the endpoint's name of the model."""
    precision: str
    """`float32`, `Q4_K_M`, …; by default the variant's name if the engine knows such a type."""
    role: Role = "candidate"
    seed_offset: int = 0
    """Added to the seed of the experiment's sampling."""
    slots: int | None = None
    """Number of answers decoded at once (requests in flight for `openai`); None depends on the device. Part of the key."""
    context: int | None = None
    """Tokens per answer, prompt included; None means what prompts and max_tokens need."""
    threads: int | None = None
    base_url: str | None = None
    """Address of an endpoint, possibly with `${NAME}` for the value of an environment variable; see `qtui.endpoints`."""
    api_key_env: str | None = None
    api: Literal["chat", "completions"] = "chat"
    """API of an endpoint: with `chat` it applies the model's template, with `completions` it gets the prompt rendered by qtui."""
    trust_remote_code: bool = False
    thinking: Thinking | None = None
    """None leaves it to the template or endpoint."""
    template_args: dict[str, Any] | None = field(default=None, hash=False)
    """Further variables of the chat template, by name."""
    thinking_budget: int | None = None
    """Tokens after which a thought is closed; None is no limit but that of the answer."""

    @property
    def thinking_conditions(self) -> str:
        """Canonical JSON of the settings that say how to think; empty if none is set."""
        values = {"thinking": self.thinking, "template_args": self.template_args, "budget": self.thinking_budget}
        set_values = {name: value for name, value in values.items() if value is not None}
        return json.dumps(set_values, ensure_ascii=False, sort_keys=True) if set_values else ""

    imatrix: str | None = None
    """A file that llama.cpp quantizes a folder with: an importance matrix, or a text to make one of; None quantizes without."""
    pickled_weights: bool = False
    """Whether weights may be read that are stored as Python's pickles (`.bin`), a format that can hold programs."""

    @property
    def is_baseline(self) -> bool:
        return self.role == "baseline"


@dataclass(frozen=True, slots=True)
class Scale:
    """The whole numbers that a judge gives, from the worst to the best, with what they mean where an experiment says so."""

    lowest: int = 1
    highest: int = 5
    labels: tuple[str, ...] = ()
    """A label per number from `lowest` on; empty if the numbers have none."""

    @property
    def numbers(self) -> range:
        return range(self.lowest, self.highest + 1)

    @property
    def name(self) -> str:
        """The scale in a few characters: `1–10`."""
        return f"{self.lowest}–{self.highest}"

    @property
    def description(self) -> str:
        """What a judge is told: `1–10`, or a line per number with its label, the lowest first."""
        if not self.labels:
            return self.name
        return "\n".join(f"{number} = {label}" for number, label in zip(self.numbers, self.labels, strict=True))


FIVE_POINTS = Scale()
WIN_RATE_MARGIN = 0.05
"""The default margin of a judge that compares two answers: the part of a win rate below one half that is accepted."""


class Choice(IntEnum):
    """Which of two answers a judge prefers, by the place at which it was shown. Stands where other judges give a grade."""

    TIE = 0
    FIRST = 1
    SECOND = 2


PAIRWISE = " pairwise"
"""Ends the label of a judge that compares two answers: another judge than one of the same model that grades."""


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """A grader. `label` is its name on screens and in exports."""

    kind: JudgeKind
    model: str = ""
    base_url: str | None = None
    """As in `VariantSpec`."""
    api_key_env: str = "OPENAI_API_KEY"
    takes: int = 1
    prompt: str | None = None
    """Text of the prompt template with the slots of `qtui.judge_prompts`; None is qtui's own template for the scale."""
    concurrency: int = 8
    temperature: float | None = 0.0
    """None sends no temperature: the endpoint's own is in force."""
    max_tokens: int = 1024
    scale: Scale = FIVE_POINTS
    system: str | None = None
    """Text of a system message before the prompt; may have slots too. None sends none."""
    reasoning_effort: str | None = None
    batch: bool = False
    """Whether its questions are sent as batches, which are replied to within a day. Decides no grade: no part of a fingerprint."""
    pairwise: bool = False
    """Whether it compares the baseline's answer with another variant's, in both orders, instead of grading each."""
    margin: float = WIN_RATE_MARGIN
    """Of a pairwise judge: how far below one half a win rate may be. Decides no preference: no part of a fingerprint."""

    @property
    def label(self) -> str:
        if self.kind == "reference":
            return "reference"
        return f"openai:{self.model}{PAIRWISE}" if self.pairwise else f"openai:{self.model}"


SCORE_MARGIN = 0.02
"""The default margin of a scorer: two points of a hundred, fixed before scoring."""


@dataclass(frozen=True, slots=True)
class ScorerSpec:
    """A way to score answers from 0 to 1 without a judge. See `qtui.scorers` for what each setting decides."""

    kind: ScorerKind
    name: str = ""
    """Its name on screens and in exports; empty is that of its kind."""
    margin: float = SCORE_MARGIN
    """The largest loss of the mean score that is accepted."""
    subsets: tuple[str, ...] = ()
    """Task sets of the experiment that it scores; empty is all."""
    on: Literal["answer"] = "answer"
    settings: dict[str, Any] = field(default_factory=dict, hash=False)
    """The settings of its kind that an experiment sets, by name."""

    @property
    def label(self) -> str:
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class ChoiceScore:
    """How likely a model finds one choice as the continuation of the prompt. `answer.choice_scores` is a JSON list of these."""

    log_likelihood: float
    """Natural logarithm, summed over the tokens of the choice."""
    tokens: int
    characters: int
    text: str = ""
    """The choice or label whose likelihood it is, without what stands before it; empty if it was not recorded."""


@dataclass(frozen=True, slots=True)
class Thoughts:
    """What a model wrote before or between the parts of its answer, or what an endpoint says of it."""

    text: str
    """Without tags; empty if the model thought nothing, or if an endpoint hides it."""
    whole: str | None = None
    """Thoughts and answer with all tags, as the model wrote them; None if an endpoint returned them apart."""
    tokens: int | None = None
    """Tokens spent on thinking; None if unknown."""
    is_unfinished: bool = False
    """Whether the text ended inside a thought, so that an answer is missing or in part."""


@dataclass(frozen=True, slots=True)
class JudgeFacts:
    """How a judge's endpoint is asked, as found out while grading. The store has it as JSON."""

    reply_form: Literal["json_schema", "json_object_schema", "json_object", "text"] | None = None
    """What binds its replies to their form; None before the first grade."""
    left_out: tuple[str, ...] = ()
    """Settings that the endpoint refused, so that its own were in force."""
    refused: tuple[str, ...] = ()
    """Names of settings that it refused, those included that it takes under another name."""
    limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Under which name it takes the limit of a reply's tokens."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One variant's text for one task and sample, without its thoughts. `key` is the hash of everything that decides it."""

    key: str
    text: str
    finish_reason: FinishReason
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    """Seconds from the start in a slot to the last token."""
    prompt_ids_hash: str = ""
    """Hash of the prompt's token ids; empty if they are unknown (an endpoint, an import)."""
    thoughts: Thoughts | None = None
    """None if the text is all that the model wrote."""
    left_out: tuple[str, ...] = ()
    """Settings of the sampling that an endpoint refused, so that its own were in force."""
    choice_scores: tuple[ChoiceScore, ...] | None = None
    """Of a task whose choices were scored: one per choice, in their order. `text` is then the likeliest choice."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was sent to an endpoint and counted by it; None is unknown."""

    requests: int | None = None
    """Requests that were sent, also those in vain."""
    prompt_tokens: int | None = None
    """Tokens of all these requests."""
    cached_tokens: int | None = None
    """Those of `prompt_tokens` that the endpoint had in its cache."""
    completion_tokens: int | None = None
    """Tokens of all replies, thoughts included."""

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum; a count that one side does not know is unknown."""
        return Usage(
            _sum(self.requests, other.requests),
            _sum(self.prompt_tokens, other.prompt_tokens),
            _sum(self.cached_tokens, other.cached_tokens),
            _sum(self.completion_tokens, other.completion_tokens),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


UNKNOWN_USAGE = Usage()
NOTHING_USED = Usage(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Grade:
    """One judge's grade for one answer and one take, a number of its scale; or its `Choice` between two answers.

    `grade` None is *ungraded* (of a choice *unjudged*): the judge's reply could not be read.
    """

    key: str
    judge: str
    take: int
    grade: int | None
    reason: str = ""
    fingerprint: str = ""
    """Hash of the judge's settings (model, prompt template, sampling); grades of different fingerprints are on different scales."""
    seconds: float | None = None
    usage: Usage = UNKNOWN_USAGE
    left_out: tuple[str, ...] | None = None
    """Settings that the judge's endpoint refused for this grade; None if no endpoint was asked, or if that is unknown."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer found in one answer, from 0 to 1. None is *unscored*.

    `reason` is what was taken from the answer, or why there is no score.
    """

    score: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A token with its probabilities under both variants. `text` is empty for a token that ends an answer."""

    text: str
    baseline_p: float
    candidate_p: float


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """Where the likeliest tokens of the two sides first differ: `baseline` and `candidate` are these tokens.

    `token` and `character` are positions in the baseline's answer, from 0.
    """

    token: int
    character: int
    baseline: TokenChoice
    candidate: TokenChoice


@dataclass(frozen=True, slots=True)
class AnswerDivergence:
    """Divergence of a candidate on one answer of the baseline, token by token. `key` is the hash of everything that decides it.

    `kl`, `baseline_logp` and `candidate_logp` are little-endian float32, one per token: the divergence of the distributions at
    that token and the log-probabilities of the answer's token, in nats. `flags` is a byte per token: 1 both sides have the same
    likeliest token, 2 the answer's token is the baseline's likeliest.
    """

    key: str
    kl: bytes
    baseline_logp: bytes
    candidate_logp: bytes
    flags: bytes
    first_difference: FirstDifference | None
    """None if both sides have the same likeliest token everywhere."""

    @property
    def tokens(self) -> int:
        return len(self.flags)
